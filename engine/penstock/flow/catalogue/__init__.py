"""Every type that is known, with its schema: our own, and those of other plugins."""
