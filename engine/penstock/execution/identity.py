"""Ids are derived, not drawn: deciding again gives the same ones."""

from __future__ import annotations

from hashlib import sha256

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 22
_HALF = 11
_BASE = 62**2
_MANY = 62**_LENGTH
_SOME = 62**_HALF
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_NAME_LENGTH = 63


def base62(number: int) -> str:
    """The last 22 base62 digits of `number`: as long as Kestra's ids."""
    high, low = divmod(number % _MANY, _SOME)
    return _digits(high) + _digits(low)


def _digits(number: int) -> str:
    """The 11 base62 digits of a number that fits a machine word, where a step costs little."""
    pairs = []
    while number:
        pairs.append(_PAIRS[number % _BASE])
        number //= _BASE
    pairs.reverse()
    return "".join(pairs)[-_HALF:].rjust(_HALF, "0")


def derive_id(execution: str, parent: str | None, task: str, iteration: int | None, opening: int = 0) -> str:
    """The id of a task run: of its execution, parent, task, iteration, and how often its place was re-opened."""
    key = f"{execution}\x1f{parent or ''}\x1f{task}\x1f{'' if iteration is None else iteration}\x1f{opening}"
    return base62(int.from_bytes(sha256(key.encode()).digest()[:17]))


def child_id(execution: str, run: str, index: int, attempt: int) -> str:
    """The id of the execution that an attempt of a task run calls as its `index`-th."""
    return derive_id(execution, run, "child", index, attempt)


def random_id(entropy: bytes) -> str:
    """An id of 16 random bytes drawn by whoever is allowed to draw: the shell."""
    return base62(int.from_bytes(entropy))


def attempt_name(agent: str, execution: str, run: str, attempt: int) -> str:
    """The name of an attempt on its runner; the tail is hashed when the whole is over 63 characters."""
    name = f"penstock-{agent}-{execution}-{run}-{attempt}"
    if len(name) <= _NAME_LENGTH:
        return name
    return f"penstock-{base62(int.from_bytes(sha256(name.encode()).digest()[:17]))}-{attempt}"


def workspace_name(agent: str, execution: str, run: str) -> str:
    """The name of the working directory that the children of a task run share; hashed when over 63 characters."""
    name = f"penstock-{agent}-{execution}-{run}-shared"
    if len(name) <= _NAME_LENGTH:
        return name
    return f"penstock-{base62(int.from_bytes(sha256(name.encode()).digest()[:17]))}-shared"


def idempotency_key(execution: str, run: str, iteration: int | None) -> str:
    """The same for every attempt that repeats the same work (P3)."""
    return f"{execution}/{run}/{'' if iteration is None else iteration}".rstrip("/")


def draw(key: str) -> float:
    """A number in [0, 1) that `key` decides: what a random back-off uses, so that replay gives the same delay."""
    return int.from_bytes(sha256(key.encode()).digest()[:7]) / (1 << 56)
