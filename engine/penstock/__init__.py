"""Penstock: everything that is true of flows, executions and their agent without a terminal."""

__version__ = "0.1.0"
