"""Functions that encrypt and decrypt a text with a key."""
