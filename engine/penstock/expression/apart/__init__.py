"""What is done in a child process, because its cost cannot be bounded within this one."""
