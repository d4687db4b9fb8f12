"""Functions about files that are not read: their size, and whether they are there or empty."""
