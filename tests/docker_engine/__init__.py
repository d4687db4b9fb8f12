"""A real Docker engine for the tests: Debian's, in a network namespace of its own, with images made here."""
