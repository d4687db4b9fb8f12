"""One module a command; each exposes one click command named `command`, and imports what it needs when it is called."""
