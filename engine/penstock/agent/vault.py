"""The one door through which secret values pass on their way to the store, a log or a person."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from penstock.execution.sealed import PREFIX, over_texts
from penstock.ports.secrets import Mask, Seal

MOST_KNOWN = 10_000
_TELLING = 32
"""So many characters tell one sealed text from every other: it ends with what authenticates it."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals what is to be computed with again, masks what is only to be read. Thread-safe."""

    mask: Mask
    seal: Seal
    _own: OrderedDict[str, None] = field(default_factory=OrderedDict, init=False, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def keep(self, value: Any) -> Any:
        """`value` as it may be stored: each text in it that holds a secret is sealed. The same object if none does."""
        return over_texts(value, self._keep_text)

    def secret(self, text: str) -> str:
        """A secret as it may be stored: sealed, and hidden everywhere from now on."""
        self.mask.learn(text)
        return self._sealed(text)

    def open(self, sealed: str) -> str:
        """The clear text. What another process has sealed is a secret from now on in this one too; of what was sealed
        here the secrets in it are known, and the rest is none. Raises Stalled with the wrong key."""
        clear = self.seal.open(sealed).decode()
        with self._lock:
            is_own = sealed[-_TELLING:] in self._own
        if not is_own:
            self.mask.learn(clear)
        return clear

    def _keep_text(self, text: str) -> str:
        return self._sealed(text) if self.mask.hides(text) else text

    def _sealed(self, text: str) -> str:
        sealed = self.seal.seal(text.encode())
        with self._lock:
            self._own[sealed[-_TELLING:]] = None
            while len(self._own) > MOST_KNOWN:
                self._own.popitem(last=False)
        return PREFIX + sealed
