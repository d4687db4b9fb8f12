"""Flows as data: from YAML that knows its places, to values that know theirs."""
