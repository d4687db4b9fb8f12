"""The world of an expression that belongs to no execution: a clock and chance, and no other door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from penstock.expression.errors import ExpressionError
from penstock.expression.world import WebAnswer, WebCall, World

if TYPE_CHECKING:
    from random import Random

_ID_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 22


class Solitary(World):
    """The machine's clock and its own chance. Whatever needs an execution is refused by name. Thread-safe."""

    @property
    def dialect(self) -> str:
        return "auto"

    def secret(self, name: str, namespace: str | None, subkey: str | None) -> str:
        raise _refusal("secret")

    def kv(self, key: str, namespace: str | None, error_on_missing: bool | None) -> object:
        raise _refusal("kv")

    def read(self, uri_or_path: str, namespace: str | None) -> str:
        raise _refusal("read")

    def file_size(self, uri_or_path: str, namespace: str | None) -> int:
        raise _refusal("fileSize")

    def file_exists(self, uri_or_path: str, namespace: str | None) -> bool:
        raise _refusal("fileExists")

    def file_is_empty(self, uri_or_path: str, namespace: str | None) -> bool:
        raise _refusal("isFileEmpty")

    def call(self, request: WebCall) -> WebAnswer:
        raise _refusal("http")

    def learn(self, value: str) -> None:
        """Nothing is hidden here: whoever renders has all that is rendered in hand."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def random(self) -> Random:
        from random import SystemRandom

        return SystemRandom()

    def new_id(self) -> str:
        random = self.random()
        return "".join(random.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))

    def error_logs(self) -> Sequence[Mapping[str, object]]:
        raise _refusal("errorLogs")


def _refusal(function: str) -> ExpressionError:
    return ExpressionError(
        f"the function `{function}` is not available here",
        help="it needs an execution: a flow that runs has one, an expression by itself has none",
    )


SOLITARY = Solitary()
