"""Where results go, a module each, and how often: a branch of a Git repository, a URL that takes them by POST."""
