"""JSON, YAML and Ion as text: read into plain values, and written from them."""
