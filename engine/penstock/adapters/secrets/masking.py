"""Hides secret values wherever they turn up. Imports nothing of the engine but the port it fills.

What is hidden, for each value that was learned:
- the value wherever it occurs, when it has four characters or more; a shorter one only where it stands alone
  (no letter, digit or underscore beside it): `no` must not tear holes into `notes`;
- each line of a value of several lines, under the same rule, but for lines below four characters;
- its forms in JSON strings, in URLs and (from eight bytes on) in Base64, at each of the three alignments.
Of several that begin at the same place the longest is hidden.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import defaultdict
from typing import Any
from urllib.parse import quote, quote_plus

from penstock.ports import secrets as port

HIDDEN = "******"
SHORT = 4
_HIDDEN_BYTES = HIDDEN.encode()
_LEAST_BASE64 = 8
_TRIE_DEPTH = 3


class Masker(port.Mask):
    """Thread-safe: patterns are replaced as a whole when something is learned."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._learned: set[str] = set()
        self._forms: set[str] = set()
        self._text: re.Pattern[str] | None = None
        self._data: re.Pattern[bytes] | None = None
        self._longest = 0

    def learn(self, value: str) -> None:
        if value in self._learned or not value.strip():
            return
        with self._lock:
            self._learned.add(value)
            self._forms |= forms(value)
            # Compiled when next used: a hundred values learned in a row are one pattern, not a hundred.
            self._text = None
            self._data = None

    def text(self, text: str) -> str:
        pattern = self._text or self._compile()[0]
        return pattern.sub(HIDDEN, text) if pattern is not None else text

    def data(self, data: bytes) -> bytes:
        pattern = self._data or self._compile()[1]
        return pattern.sub(_HIDDEN_BYTES, data) if pattern is not None else data

    def value(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case bytes():
                return self.data(value)
            case dict():
                return {self.value(key): self.value(each) for key, each in value.items()}
            case list():
                return [self.value(each) for each in value]
            case tuple():
                return tuple(self.value(each) for each in value)
            case _:
                return value

    def hides(self, value: Any) -> bool:
        if not self._learned:
            return False
        match value:
            case str():
                pattern = self._text or self._compile()[0]
                return pattern is not None and pattern.search(value) is not None
            case bytes():
                data_pattern = self._data or self._compile()[1]
                return data_pattern is not None and data_pattern.search(value) is not None
            case dict():
                return any(self.hides(key) or self.hides(each) for key, each in value.items())
            case list() | tuple():
                return any(self.hides(each) for each in value)
            case _:
                return False

    def stream(self) -> MaskStream:
        """For text that comes in pieces which may cut a secret in two."""
        return MaskStream(self)

    def reach(self) -> tuple[re.Pattern[bytes] | None, int]:
        """The pattern over bytes, and how many bytes its longest match may have."""
        pattern = self._data or self._compile()[1]
        return pattern, self._longest

    def _compile(self) -> tuple[re.Pattern[str] | None, re.Pattern[bytes] | None]:
        with self._lock:
            if not self._forms:
                return None, None
            if self._text is None or self._data is None:
                expression = pattern_of(self._forms)
                self._longest = max(len(form.encode("utf-8", "surrogatepass")) for form in self._forms)
                encoded = {form.encode("utf-8", "surrogatepass").decode("latin-1") for form in self._forms}
                self._data = re.compile(pattern_of(encoded).encode("latin-1"))
                self._text = re.compile(expression)
            return self._text, self._data


class MaskStream(port.MaskStream):
    """Masks a stream of bytes piece by piece: what might be the beginning of a secret waits for the next piece.

    For one thread. `held` is how many bytes that were fed have not come out yet.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._rest = b""
        self._before = b""

    @property
    def held(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> bytes:
        """What can be said for certain, masked."""
        return self._out(data, last=False)

    def finish(self) -> bytes:
        """What was held back, masked. The stream is as new then."""
        out = self._out(b"", last=True)
        self._before = b""
        return out

    def _out(self, data: bytes, *, last: bool) -> bytes:
        pattern, longest = self._masker.reach()
        text = self._before + self._rest + data
        start = len(self._before)
        if pattern is None:
            self._keep(text, len(text))
            return text[start:]
        # Up to here every match is wholly in sight, the character behind it included.
        certain = len(text) if last else max(start, len(text) - longest)
        parts: list[bytes] = []
        for match in pattern.finditer(text, start):
            if match.start() >= certain:
                break
            parts += (text[start : match.start()], _HIDDEN_BYTES)
            start = match.end()
        parts.append(text[start:certain])
        self._keep(text, max(start, certain))
        return b"".join(parts)

    def _keep(self, text: bytes, upto: int) -> None:
        """One byte that is out stays as a witness of what stands before the next."""
        self._before = text[max(0, upto - 1) : upto]
        self._rest = text[upto:]


def forms(value: str) -> set[str]:
    """All texts that give `value` away."""
    found = {value}
    stripped = value.strip()
    if len(stripped) >= SHORT:
        found.add(stripped)
    if "\n" in value or "\r" in value:
        found.update((value.replace("\r\n", "\n"), value.replace("\r\n", "\n").replace("\n", "\r\n")))
        found.update(line.strip() for line in value.splitlines() if len(line.strip()) >= SHORT)
    for each in list(found):
        if len(each) >= SHORT:
            found |= _encoded(each)
    return found


def _encoded(text: str) -> set[str]:
    found = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    raw = text.encode("utf-8", "surrogatepass")
    found.update((quote(raw, safe=""), quote(raw), quote_plus(raw)))
    if len(raw) >= _LEAST_BASE64:
        for shift in range(3):
            plain = base64.b64encode(b"\0" * shift + raw).decode()
            begin = -(-shift * 8 // 6)  # characters that hold bits of what stands before
            end = (shift + len(raw)) * 8 // 6  # and of what comes behind
            core = plain[begin:end]
            found.update((core, core.replace("+", "-").replace("/", "_")))
    return found


def pattern_of(words: set[str]) -> str:
    """One expression for all words, the longest first, branching by their first characters.

    A flat alternation tries every word at every place; three levels of branches leave a handful.
    """
    long = {word for word in words if len(word) >= SHORT}
    short = sorted((word for word in words if len(word) < SHORT), key=len, reverse=True)
    parts = [_branches(long, 0)] if long else []
    parts += [rf"(?<!\w){re.escape(word)}(?!\w)" for word in short]
    return "|".join(parts)


def _branches(words: set[str], depth: int) -> str:
    if len(words) == 1 or depth == _TRIE_DEPTH:
        return _choice([re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word))])
    by_first: defaultdict[str, set[str]] = defaultdict(set)
    for word in words:
        by_first[word[0]].add(word[1:])
    return _choice([re.escape(first) + _branches(rest, depth + 1) for first, rest in sorted(by_first.items())])


def _choice(branches: list[str]) -> str:
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
