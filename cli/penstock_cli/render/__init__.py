"""Renderers: they read data and decide nothing."""
