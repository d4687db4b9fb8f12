"""Functions over iterations and what surrounds a task run, and `env`."""
