"""YAML and Ion: texts into values, and values into texts."""
