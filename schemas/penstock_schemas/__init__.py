"""The published JSON schemas and the catalogue of types: data only, generated from the models, read everywhere."""
