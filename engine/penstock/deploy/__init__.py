"""Bringing flows to where they are run: what is wanted, held against what is there and what was deployed last."""
