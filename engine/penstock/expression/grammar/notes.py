"""What a parser notes on its way: quick to write down, and made into `Reads` when somebody asks."""

from __future__ import annotations

from penstock.expression.nodes import Literal, Node
from penstock.expression.reads import COMPUTED, Call, Path, Reads
from penstock.expression.registry import Spec

Parts = tuple[str | int | None, ...]
_Path = tuple[Parts, int, int, bool, bool]
_Call = tuple[str, str, int, Spec | None, list[Node], dict[str, Node], bool]


class Notes:
    """The paths and calls of one template, in the order in which they were parsed."""

    __slots__ = ("calls", "filters", "functions", "paths")

    def __init__(self) -> None:
        self.paths: list[_Path] = []
        self.calls: list[_Call] = []
        self.functions: set[str] = set()
        self.filters: set[str] = set()

    def make_optional(self, since: int) -> None:
        """The paths from the index `since` on may be missing."""
        for index in range(since, len(self.paths)):
            parts, offset, width, _, conditional = self.paths[index]
            self.paths[index] = (parts, offset, width, True, conditional)

    def reads(self) -> Reads:
        return Reads(
            tuple(sorted((Path(*path) for path in self.paths), key=lambda path: path.offset)),
            tuple(sorted((_call(*call) for call in self.calls), key=lambda call: call.offset)),
        )


def _call(
    kind: str,
    name: str,
    offset: int,
    spec: Spec | None,
    arguments: list[Node],
    named: dict[str, Node],
    conditional: bool,
) -> Call:
    names = [parameter.name for parameter in spec.parameters] if spec is not None else []
    given = [(names[at] if at < len(names) else str(at), _constant(node)) for at, node in enumerate(arguments)]
    given += [(word, _constant(node)) for word, node in named.items()]
    return Call(kind, name, offset, len(name), tuple(given), conditional)


def _constant(node: Node) -> object:
    return node.value if isinstance(node, Literal) else COMPUTED
