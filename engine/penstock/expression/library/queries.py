"""The filter `jq`, whose programs run in a child process."""
