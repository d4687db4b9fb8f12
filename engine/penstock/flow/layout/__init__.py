"""Which files of a folder or a tree are flows, and which are namespace files."""
