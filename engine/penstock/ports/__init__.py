"""The doors to the world: one small protocol each, with at least one real adapter and one honest fake."""
