"""Values held against JSON Schemas: a quick verdict, and what is wrong told from jsonschema."""
