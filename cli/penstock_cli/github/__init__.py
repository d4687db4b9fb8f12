"""What the GitHub Action does once it is installed: everything comes in through the environment, as in workflows."""
