"""What expressions can call: importing this registers every function, filter and test."""

from __future__ import annotations

from penstock.expression.library import (  # noqa: F401 - imported to register what they hold
    calendar,
    checks,
    ciphers,
    collections,
    encodings,
    executions,
    files,
    loops,
    moments,
    numerals,
    outside,
    queries,
    stores,
    structured,
    texts,
    web,
)
