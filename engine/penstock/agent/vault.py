"""The one door through which secret values pass on their way to the store, a log or a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penstock.execution.sealed import PREFIX, over_texts
from penstock.ports.secrets import Mask, Seal


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals what is to be computed with again, masks what is only to be read. Thread-safe."""

    mask: Mask
    seal: Seal

    def keep(self, value: Any) -> Any:
        """`value` as it may be stored: each text in it that holds a secret is sealed. The same object if none does."""
        return over_texts(value, self._keep_text)

    def _keep_text(self, text: str) -> str:
        return PREFIX + self.seal.seal(text.encode()) if self.mask.hides(text) else text

    def open(self, sealed: str) -> str:
        """The clear text; it is a secret from now on in this process too. Raises Stalled with the wrong key."""
        clear = self.seal.open(sealed).decode()
        self.mask.learn(clear)
        return clear
