"""Pebble's grammar: source text into tokens, tokens into a tree."""
