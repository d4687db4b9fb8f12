"""A YAML file as plain values that know where they stand, and the comments in it."""
