"""The function `http`."""
