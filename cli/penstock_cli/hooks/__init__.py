"""Git's hooks: the scripts that are written into a repository, and what they call."""
