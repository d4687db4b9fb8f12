"""The function `kv`: the key-value store of a namespace."""
