"""Moments, read and written by Java's patterns in the languages of CLDR."""
