"""Breaks flows as people do: by a slip of the hand in the text.

All it knows is YAML text: lines, columns, `key: value`, and a few names of the language. It imports nothing of
Penstock, so what it holds for a fault does not come from what judges it. Where each fault lies is recorded beside it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Spot = tuple[int, int, int]
"""A line, its first column and the column behind the last, all from 1."""

KINDS = {
    "key": 90,
    "type": 50,
    "id": 40,
    "reference": 65,
    "indentation": 70,
    "value": 70,
    "required": 35,
    "duplicate key": 25,
    "duplicate id": 20,
    "time": 20,
    "expression": 15,
}
"""How many mutants of each kind the corpus has."""

# Mappings whose keys are the author's own: any name is right there.
_FREE = {"variables", "env", "inputFiles", "cases", "headers", "labels", "accounts", "limits"}
_FREE_IN = {("OutputValues", "values"), ("Subflow", "inputs"), ("Schedule", "inputs"), ("Flow", "inputs")}
# Properties that must be there, by the last word of the type.
_REQUIRED = {
    "Log": ("message",),
    "OutputValues": ("values",),
    "If": ("condition", "then"),
    "Switch": ("value",),
    "ForEach": ("values", "tasks"),
    "Sequential": ("tasks",),
    "Parallel": ("tasks",),
    "Request": ("uri",),
    "Download": ("uri",),
    "Script": ("script",),
    "Commands": ("commands",),
    "Schedule": ("cron",),
    "Subflow": ("namespace", "flowId"),
    "constant": ("interval",),
    "exponential": ("interval", "maxInterval"),
    "SELECT": ("values",),
    "MULTISELECT": ("values",),
    "ARRAY": ("itemType",),
}
# Properties that may be text as well as a mapping or a list; so may be the default of a JSON or YAML input.
_EITHER = {"values", "inputFiles", "message"}
_TASKS = {"tasks", "errors", "finally", "then", "else", "defaults", "task"}
_LISTS = _TASKS | {"inputs", "outputs", "triggers", "onResume"}
_ROOTS = {"inputs", "outputs", "vars", "tasks", "trigger", "taskrun", "execution", "flow"}
_DURATIONS = ("5 minutes", "PT", "10s", "PT5X", "P1DT", "1H", "soon")
_CRONS = ("61 * * * *", "* * * *", "0 25 * * *", "0 0 * * FUN", "0 0 32 * *", "every day", "@dayly", "0 0 * 13 *")

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ENTRY = re.compile(r"(?P<indent> *)(?P<dashes>(?:- +)*)(?P<key>[A-Za-z][\w.-]*|<<):(?:\s+(?P<value>.*?))?\s*$")
_ITEM = re.compile(r"(?P<indent> *)(?P<dashes>(?:- +)+)(?P<value>.*?)\s*$")
_BLOCK = re.compile(r"[|>][-+0-9]*\s*$")
_COMMENT = re.compile(r"\s+#.*$")
_REFERENCE = re.compile(r"(?<![.\w])(inputs|vars|outputs)(?:\.(\w+)|\['([\w-]+)'\])")
_DEEP = re.compile(r"(?<![.\w])vars\.\w+\.(\w+)")


@dataclass(frozen=True)
class Mutant:
    """A broken flow: what was done to which file, and the places of which one at least holds the fault."""

    kind: str
    file: str
    what: str
    text: str
    spots: tuple[Spot, ...]
    types: tuple[str, ...]
    """The `type` of every mapping around the fault, the innermost first."""


@dataclass(frozen=True)
class _Line:
    """A line `key: value`, or an item `- value`, that is no part of a block scalar. `column` is that of the key."""

    at: int
    indent: int
    column: int
    key: str
    value: str
    starts_item: bool

    @property
    def spot(self) -> Spot:
        return (self.at + 1, self.column + 1, self.column + 1 + len(self.key))


class Text:
    """A flow as lines, with what stands around each."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.lines = text.split("\n")
        self.entries: dict[int, _Line] = {}
        self.scalars: dict[int, int] = {}
        """The lines of block scalars, with the line of the key that they are the value of."""
        self._read()

    def _read(self) -> None:
        block: tuple[int, int] | None = None
        for at, line in enumerate(self.lines):
            if block is not None:
                if not line.strip() or len(line) - len(line.lstrip()) > block[1]:
                    self.scalars[at] = block[0]
                    continue
                block = None
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            match = _ENTRY.match(line)
            if match is not None:
                indent, dashes = len(match["indent"]), match["dashes"]
                value = _COMMENT.sub("", match["value"] or "")
                self.entries[at] = _Line(at, indent, indent + len(dashes), match["key"], value, bool(dashes))
                if _BLOCK.match(value):
                    block = (at, indent + len(dashes))
            elif (item := _ITEM.match(line)) is not None:
                indent = len(item["indent"])
                self.entries[at] = _Line(at, indent, indent + len(item["dashes"]), "", item["value"], True)
                if _BLOCK.match(item["value"]):
                    block = (at, indent)

    @property
    def keys(self) -> list[_Line]:
        return [line for line in self.entries.values() if line.key]

    def mapping(self, line: _Line) -> list[_Line]:
        """The keys of the mapping that a key belongs to, in order."""
        first, last = line.at, line.at
        while not self.entries[first].starts_item or self.entries[first].column != line.column:
            above = max((at for at in self.entries if at < first), default=None)
            if above is None or self.entries[above].column < line.column:
                break
            first = above
        while (below := min((at for at in self.entries if at > last), default=None)) is not None:
            other = self.entries[below]
            if other.column < line.column or (other.starts_item and other.column <= line.column):
                break
            last = below
        return [
            one for at, one in self.entries.items() if first <= at <= last and one.column == line.column and one.key
        ]

    def parents(self, line: _Line) -> Iterator[_Line]:
        """The keys within whose values a line stands, the innermost first."""
        column = line.indent if line.starts_item else line.column
        started = line.starts_item
        for at in range(line.at - 1, -1, -1):
            other = self.entries.get(at)
            if other is None:
                continue
            if other.column < column or (started and other.column == column and other.key and not other.starts_item):
                if other.key and not (other.starts_item and other.column >= column):
                    yield other
                    column, started = (other.indent, True) if other.starts_item else (other.column, False)
            elif other.column == column and other.starts_item:
                column, started = other.indent, True

    def types(self, line: _Line) -> tuple[str, ...]:
        found = []
        for one in (line, *self.parents(line)):
            if one.key:
                kinds = [other.value.strip("'\"") for other in self.mapping(one) if other.key == "type"]
                found += [kind for kind in kinds if kind not in found]
        return tuple(found)

    def is_free(self, line: _Line) -> bool:
        """Whether the key is a name that the author chose."""
        parents = list(self.parents(line))
        if not parents:
            return False
        if any(parent.key in _FREE and parent.value == "" for parent in parents[:1]):
            return True
        for parent in parents:
            if parent.key in ("variables", "labels") and parent.column == 0:
                return line.key not in ("key", "value")
            kinds = [one.value.rsplit(".", 1)[-1] for one in self.mapping(parent) if one.key == "type"]
            if any((kind, parent.key) in _FREE_IN for kind in kinds):
                return True
        return False

    def list_of(self, line: _Line) -> str:
        """The name of the list of tasks, inputs, … that an `id` belongs to."""
        parent = next(self.parents(line), None)
        if parent is None:
            return ""
        if parent.key in _LISTS:
            above = next(self.parents(parent), None)
            return "tasks" if parent.key in _TASKS else parent.key if above is None else f"{parent.key}@{parent.at}"
        above = next(self.parents(parent), None)
        return "tasks" if above is not None and above.key == "cases" else ""


def _slip(dice: random.Random, word: str, known: Sequence[str] = ()) -> str:
    """A word with one slip of the hand in it: none that is known, and none that differs in case alone."""
    while True:
        at = dice.randrange(max(len(word) - 1, 1))
        letter = dice.choice("etaoinsrhldc")
        slipped = dice.choice(
            [
                word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :],
                word[:at] + word[at] * 2 + word[at + 1 :],
                word[: at + 1] + letter + word[at + 2 :],
                word[:at] + word[at + 1 :] if len(word) > 2 else word + letter,
            ]
        )
        if slipped.casefold() not in {word.casefold(), *(one.casefold() for one in known)} and slipped[:1].isalpha():
            return slipped


def _put(text: Text, at: int, *lines: str) -> str:
    return "\n".join([*text.lines[:at], *lines, *text.lines[at + 1 :]])


def _replaced(line: str, start: int, end: int, new: str) -> str:
    return line[:start] + new + line[end:]


Found = tuple[str, str, tuple[Spot, ...], int]
"""What was done, the text, where the fault lies, and the line that was touched."""


def _key(text: Text, dice: random.Random) -> Iterator[Found]:
    """A slip in a key."""
    names = [line.key for line in text.keys]
    for line in text.keys:
        if not text.is_free(line):
            new = _slip(
                dice, line.key, [*names, "task", "value", "name", "header", "command", "label", "input", "test"]
            )
            changed = _replaced(text.lines[line.at], line.column, line.column + len(line.key), new)
            spot = (line.at + 1, line.column + 1, line.column + 1 + len(new))
            yield f"{line.key} → {new}", _put(text, line.at, changed), (spot,), line.at


def _type(text: Text, dice: random.Random) -> Iterator[Found]:
    """A slip in the name of a type."""
    for line in text.keys:
        if line.key in ("type", "itemType") and line.value and not text.is_free(line):
            name = line.value.strip("'\"")
            head, dot, tail = name.rpartition(".")
            new = head + dot + _slip(dice, tail, ["Bool"]) if dice.random() < 0.7 else _slip(dice, name, ["Bool"])
            start = text.lines[line.at].index(name, line.column + len(line.key))
            spot = (line.at + 1, start + 1, start + 1 + len(new))
            changed = _replaced(text.lines[line.at], start, start + len(name), new)
            yield f"{name} → {new}", _put(text, line.at, changed), (spot,), line.at


def _references(text: Text) -> Iterator[tuple[int, re.Match[str]]]:
    """Every `inputs.x`, `vars.x` and `outputs.x` within an expression that is not guarded against its absence."""
    for at, line in enumerate(text.lines):
        for tag in re.finditer(r"\{\{.*?\}\}|\{%.*?%\}", line):
            if "??" not in tag[0] and "default" not in tag[0]:
                for match in _REFERENCE.finditer(line, tag.start(), tag.end()):
                    yield at, match


def _names(text: Text) -> list[str]:
    return [line.value.strip("'\"") for line in text.keys if line.key == "id"] + [line.key for line in text.keys]


def _id(text: Text, dice: random.Random) -> Iterator[Found]:
    """A slip in an id that expressions refer to: they lead nowhere then."""
    lists = {"inputs": ("inputs",), "outputs": ("tasks",)}
    for line in text.keys:
        name = line.value.strip("'\"")
        if line.key != "id" or not name:
            continue
        spots = tuple(
            (at + 1, match.start() + 1, match.end() + 1)
            for at, match in _references(text)
            if name in (match[2], match[3]) and text.list_of(line) in lists.get(match[1], ())
        )
        depends = tuple(
            (other.at + 1, other.column + 1, other.column + 1 + len(other.value))
            for other in text.entries.values()
            if not other.key and other.value == name and next(text.parents(other)).key == "dependsOn"
        )
        if spots or depends:
            new = _slip(dice, name, _names(text))
            start = text.lines[line.at].index(name, line.column + 2)
            changed = _replaced(text.lines[line.at], start, start + len(name), new)
            yield f"{name} → {new}", _put(text, line.at, changed), spots + depends, line.at


def _reference(text: Text, dice: random.Random) -> Iterator[Found]:
    """A slip in what an expression refers to, or in the name of a filter or variable."""
    for at, match in _references(text):
        group = 2 if match[2] is not None else 3
        part = dice.choice([1, group, group])
        new = _slip(dice, match[part], [*_names(text), *_ROOTS])
        start, end = match.span(part)
        changed = _replaced(text.lines[at], start, end, new)
        spot = (at + 1, match.start() + 1, match.end() + 1 + len(new) - (end - start))
        yield f"{match[part]} → {new}", _put(text, at, changed), (spot,), at
    for at, line in enumerate(text.lines):
        for match in _DEEP.finditer(line):
            new = _slip(dice, match[1], _names(text))
            changed = _replaced(line, match.start(1), match.end(1), new)
            spot = (at + 1, match.start() + 1, match.start(1) + 1 + len(new))
            yield f"{match[1]} → {new}", _put(text, at, changed), (spot,), at
        for match in re.finditer(r"\{\{[^}]*\| (\w+)", line):
            new = _slip(dice, match[1], ["default", "first", "last", "date"])
            changed = _replaced(line, match.start(1), match.end(1), new)
            spot = (at + 1, match.start(1) + 1, match.start(1) + 1 + len(new))
            yield f"filter {match[1]} → {new}", _put(text, at, changed), (spot,), at


def _indentation(text: Text, dice: random.Random) -> Iterator[Found]:
    """One line that stands too far to the left or to the right."""
    for line in text.entries.values():
        for by in dice.sample([-2, -1, 1, 2], 2):
            raw = text.lines[line.at]
            if by > 0 or raw.startswith(" " * -by):
                changed = " " * by + raw if by > 0 else raw[-by:]
                spot = (line.at + 1, 1, len(changed) + 1)
                below = min((at for at in text.entries if at > line.at), default=line.at)
                spots = (spot, (below + 1, 1, len(text.lines[below]) + 1))
                yield f"{raw.strip()[:30]} by {by:+}", _put(text, line.at, changed), spots, line.at


def _value(text: Text, dice: random.Random) -> Iterator[Found]:
    """A value of another kind than the one that stands there."""
    for line in text.keys:
        kinds = {one.value for one in text.mapping(line) if one.key == "type"}
        if line.key in _EITHER or line.key == "variables" or (line.key == "defaults" and kinds & {"JSON", "YAML"}):
            continue
        if text.is_free(line) or (line.key == "value" and text.list_of(line) == "outputs"):
            continue
        raw = text.lines[line.at]
        end = line.column + len(line.key) + 1
        indent = line.column
        if not line.value:
            last = line.at
            for at in range(line.at + 1, len(text.lines)):
                other = text.lines[at]
                depth = len(other) - len(other.lstrip())
                if other.strip() and depth <= indent and not (depth == indent and other.lstrip().startswith("- ")):
                    break
                last = at if other.strip() else last
            if last == line.at:
                continue
            inner = text.lines[line.at + 1].lstrip()
            new = dice.choice([" astray", " 17"]) if inner.startswith("-") else " [astray]"
            changed = "\n".join([*text.lines[: line.at], raw[:end] + new, *text.lines[last + 1 :]])
        elif _BLOCK.match(line.value) or line.key in ("type", "id", "itemType"):
            continue
        elif line.value in ("true", "false"):
            new = dice.choice([" 17", " [true]", " maybe"] if line.key != "defaults" else [" [true]"])
            changed = _put(text, line.at, raw[:end] + new)
        elif re.fullmatch(r"[0-9.]+", line.value):
            new = dice.choice([" [5]", " many", " {a: b}"])
            changed = _put(text, line.at, raw[:end] + new)
        elif line.value.startswith("["):
            new = dice.choice([" astray", " {a: b}"])
            changed = _put(text, line.at, raw[:end] + new)
        else:
            new = " {a: b}"
            changed = _put(text, line.at, raw[:end] + new)
        spot = (line.at + 1, line.column + 1, end + len(new) + 1)
        yield f"{line.key}:{new}", changed, (spot,), line.at


def _block(text: Text, line: _Line) -> int:
    """The line behind the last one of the value of a key."""
    at = line.at + 1
    while at < len(text.lines):
        raw = text.lines[at]
        depth = len(raw) - len(raw.lstrip())
        if raw.strip() and (depth < line.column or (depth == line.column and not raw.lstrip().startswith("- "))):
            break
        at += 1
    return at


def _required(text: Text, dice: random.Random) -> Iterator[Found]:
    """A key that must be there, removed with its value."""
    for line in text.keys:
        if text.is_free(line):
            continue
        mapping = text.mapping(line)
        kinds = [one.value.strip("'\"").rsplit(".", 1)[-1] for one in mapping if one.key == "type"]
        holder = text.list_of(line) if any(one.key == "id" for one in mapping) else ""
        wanted = {name for kind in kinds for name in _REQUIRED.get(kind, ())}
        if line.column == 0:
            wanted |= {"id", "namespace", "tasks"}
        elif holder:
            wanted |= {"id", "type"} | ({"value"} if holder == "outputs" else set())
        if line.key not in wanted or len(mapping) < 2:
            continue
        first, behind = mapping[0].at, _block(text, line)
        rest = text.lines[behind:]
        if line.starts_item:
            if behind >= len(text.lines) or behind not in text.entries or text.entries[behind].column != line.column:
                continue
            head = text.lines[line.at][: line.column]
            rest = [head + rest[0].lstrip(), *rest[1:]]
        changed = "\n".join([*text.lines[: line.at], *rest])
        if not line.starts_item and line.column == 0 and first == line.at:
            first = next(at for at in sorted(text.entries) if at >= behind) - (behind - line.at)
        after = changed.split("\n")
        spots = [(first + 1, 1, len(after[first]) + 1)]
        holder = next(text.parents(line), None)
        if holder is not None and not mapping[0].starts_item:
            spots.append(holder.spot)
        yield f"without {line.key}", changed, tuple(spots), line.at


def _duplicate_key(text: Text, dice: random.Random) -> Iterator[Found]:
    """A key that stands in one mapping twice."""
    for line in text.keys:
        if line.value and not _BLOCK.match(line.value):
            last = _block(text, line)
            again = " " * line.column + f"{line.key}: {line.value}"
            changed = "\n".join([*text.lines[: line.at + 1], again, *text.lines[line.at + 1 :]])
            spots = ((line.at + 2, line.column + 1, line.column + 1 + len(line.key)),)
            if last == line.at + 1 or text.lines[last - 1].strip() == "":
                yield f"{line.key} twice", changed, spots, line.at


def _duplicate_id(text: Text, dice: random.Random) -> Iterator[Found]:
    """An id that another task, input, output or trigger has as well."""
    ids = [line for line in text.keys if line.key == "id" and line.value and text.list_of(line)]
    for line in ids:
        same = [other for other in ids if other.at < line.at and text.list_of(other) == text.list_of(line)]
        if same:
            other = dice.choice(same)
            start = text.lines[line.at].index(line.value, line.column + 2)
            changed = _replaced(text.lines[line.at], start, start + len(line.value), other.value)
            spots = (
                (line.at + 1, line.column + 1, start + 1 + len(other.value)),
                (other.at + 1, other.column + 1, len(text.lines[other.at]) + 1),
            )
            yield f"{line.value} → {other.value}", _put(text, line.at, changed), spots, line.at


def _time(text: Text, dice: random.Random) -> Iterator[Found]:
    """A length of time, a cron expression or a time zone that does not exist."""
    for line in text.keys:
        value = line.value.strip("'\"")
        if text.is_free(line):
            continue
        if line.key == "cron":
            new = dice.choice(_CRONS)
        elif line.key == "timezone":
            new = dice.choice([_slip(dice, value), "Mars/Olympus", "CEST"])
        elif re.fullmatch(r"P[T0-9DHMS.]+", value):
            new = dice.choice(_DURATIONS)
        else:
            continue
        start = text.lines[line.at].index(line.value, line.column + len(line.key))
        changed = _replaced(text.lines[line.at], start, start + len(line.value), f'"{new}"')
        spot = (line.at + 1, start + 1, start + 3 + len(new))
        yield f"{line.key}: {value} → {new}", _put(text, line.at, changed), (spot,), line.at


def _expression(text: Text, dice: random.Random) -> Iterator[Found]:
    """An expression that is not closed."""
    for at, line in enumerate(text.lines):
        for tag in re.finditer(r"\{\{ (?:(?!\}\}).)*? \}\}(?!\})", line):
            cut = dice.choice([2, 3])
            changed = line[: tag.end() - cut] + line[tag.end() :]
            yield (
                f"{tag[0][:30]} not closed",
                _put(text, at, changed),
                ((at + 1, tag.start() + 1, len(changed) + 1),),
                at,
            )
        for tag in re.finditer(r"\{% endif %\}|(?<=\w)\](?=[^\[]*\}\})", line):
            changed = line[: tag.start()] + line[tag.end() :]
            start = max(line.rfind("{{", 0, tag.start()), line.find("{%"), 0)
            yield (
                f"{tag[0]} left out",
                _put(text, at, changed),
                ((at + 1, min(start, len(line)) + 1, len(changed) + 1),),
                at,
            )


_MAKERS: Mapping[str, Callable[[Text, random.Random], Iterator[Found]]] = {
    "key": _key,
    "type": _type,
    "id": _id,
    "reference": _reference,
    "indentation": _indentation,
    "value": _value,
    "required": _required,
    "duplicate key": _duplicate_key,
    "duplicate id": _duplicate_id,
    "time": _time,
    "expression": _expression,
}


def mutants(files: Mapping[str, str], seed: int) -> Iterator[Mutant]:
    """The mutants of the flows, of each kind as many as are to be had, in an order that the seed decides.

    What YAML reads as the same values as before is no mutant.
    """
    texts = [Text(file, text) for file, text in sorted(files.items())]
    values: dict[str, Any] = {text.file: _read(text.text) for text in texts}
    for kind, make in _MAKERS.items():
        dice = random.Random(f"{seed} {kind}")
        made = [(text, *found) for text in texts for found in make(text, dice)]
        dice.shuffle(made)
        for text, what, changed, spots, at in made:
            if kind == "duplicate key" or _read(changed) != values[text.file]:
                yield Mutant(kind, text.file, f"line {at + 1}: {what}", changed, spots, _around(text, at))


def _around(text: Text, at: int) -> tuple[str, ...]:
    line = text.entries.get(at) or text.entries.get(text.scalars.get(at, -1))
    return text.types(line) if line is not None else ()


def _read(text: str) -> Any:
    """What YAML makes of a text; the text itself where it makes nothing of it."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        return text
