"""What a flow declares: its inputs, those that a Pause asks for, and its outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from penstock.diagnostic import Severity, did_you_mean
from penstock.flow.leaves import Leaf, leaves, name_of
from penstock.flow.survey import Path, Survey, report_missing_type
from penstock.flow.words import Dialect, InputType

_TYPES = tuple(str(kind) for kind in InputType)  # no set: what is asked for may be any value of YAML
_OF_MANY = frozenset({"ARRAY", "MULTISELECT", "JSON", "YAML", "FORM", "REUSABLE_INPUTS"})
"""Types whose values may be lists or mappings."""
_APPROVAL = "io.kestra.plugin.core.flow.Approval"
_NO_OUTPUTS = ("FORM", "REUSABLE_INPUTS")
_OLD_ITEMS = ("SELECT", "MULTISELECT")


def input_lists(survey: Survey) -> tuple[tuple[Path, list[Any]], ...]:
    """The flow's inputs, and what each Pause or Approval asks for."""
    return survey.once(_input_lists)


def _input_lists(survey: Survey) -> tuple[tuple[Path, list[Any]], ...]:
    asks = {_APPROVAL: "inputs"}
    asked = [
        ((*site.path, name), site.raw.get(name)) for site in survey.tasks for name in [asks.get(site.type, "onResume")]
    ]
    found = [(("inputs",), survey.flow.get("inputs")), *asked]
    return tuple((path, entries) for path, entries in found if isinstance(entries, list))


def inputs(survey: Survey) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every declared input that is a mapping, forms and those within them."""
    for path, entries in input_lists(survey):
        for at, raw in enumerate(entries):
            if isinstance(raw, dict):
                yield (*path, at), raw
                within = raw.get("inputs") if raw.get("type") == "FORM" else None
                for index, child in enumerate(within if isinstance(within, list) else []):
                    if isinstance(child, dict):
                        yield (*path, at, "inputs", index), child


def declared_leaves(survey: Survey) -> Iterator[Leaf]:
    """Every input that has a value: those of forms by their full ids."""
    for _, entries in input_lists(survey):
        yield from leaves(entries)


def _outputs(survey: Survey) -> Iterator[tuple[Path, dict[str, Any]]]:
    entries = survey.flow.get("outputs")
    for at, raw in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(raw, dict):
            yield ("outputs", at), raw


def known_input_types(survey: Survey) -> None:
    """PEN201, PEN205: the type of an input or output is one of Kestra's."""
    for path, raw in inputs(survey):
        if raw.get("type") is None:
            report_missing_type(survey, raw, path, "write `type: STRING`, or another type of input")
    for path, raw in (*inputs(survey), *_outputs(survey)):
        kind = raw.get("type")
        if kind is None or kind in _TYPES or survey.is_faulty((*path, "type")):
            continue
        near = did_you_mean(str(kind), _TYPES) or "one of " + ", ".join(sorted(set(_TYPES) - {"REUSABLE_INPUTS"}))
        survey.report("PEN205", f"Invalid type: {kind}", (*path, "type"), hint=near)
    for path, raw in _outputs(survey):
        if raw.get("type") in _NO_OUTPUTS:
            survey.report(
                "PEN205", f"an output cannot be of type `{raw['type']}`", (*path, "type"), hint="use JSON for a mapping"
            )


def unique_inputs_and_outputs(survey: Survey) -> None:
    """PEN213: an input has an id of its own in its list, and so has an output."""
    lists = [(path, entries, "input") for path, entries in input_lists(survey)]
    if isinstance(survey.flow.get("outputs"), list):
        lists.append((("outputs",), survey.flow["outputs"], "output"))
    for path, entries, noun in lists:
        seen: dict[str, Path] = {}
        for name, here in _named(entries, path):
            if seen.setdefault(name, here) is not here:
                line = survey.document.range_of(seen[name]).start.line
                survey.report(
                    "PEN213", f"Duplicate {noun} with name [{name}]", here,
                    hint="rename one of them", label=f"the first stands in line {line}",
                )  # fmt: skip


def _named(entries: list[Any], path: Path) -> Iterator[tuple[str, Path]]:
    """Every name of a list with what says it: of inputs, and of the forms that hold some."""
    form: Mapping[str, Any] | None = None
    for leaf in leaves(entries):
        if leaf.form is not None and leaf.form is not form:
            form = leaf.form
            name = name_of(form)
            if name is not None:
                yield name, (*path, leaf.path[0], "id" if "id" in form else "name")
        if leaf.name is not None:
            yield leaf.name, (*path, *leaf.path, "id" if "id" in leaf.raw else "name")


def inputs_do_not_nest_under_values(survey: Survey) -> None:
    """PEN226: `a` cannot be a value while `a.b` lies within it."""
    for path, entries in input_lists(survey):
        found = list(leaves(entries))
        known = {leaf.name for leaf in found}
        for leaf in found:
            outer = next((one for one in _groups_of(leaf.name or "") if one in known), None)
            if outer is not None:
                survey.report(
                    "PEN226",
                    f"Input path '{outer}' conflicts with '{leaf.name}'; one cannot be nested under the other.",
                    (*path, *leaf.path, "id" if "id" in leaf.raw else "name"), hint="rename one of them",
                )  # fmt: skip


def _groups_of(name: str) -> Iterator[str]:
    """`a` and `a.b` of `a.b.c`."""
    for match in re.finditer(r"(?<=.)\.", name):
        yield name[: match.start()]


def input_options_fit(survey: Survey) -> None:
    """PEN221: the options of an input belong together."""
    for path, raw in _outputs(survey):
        if raw.get("itemType") is not None:
            _item_type(survey, path, raw["itemType"])
    for path, raw in inputs(survey):
        kind, name = raw.get("type"), name_of(raw)
        if kind == "FILE" and raw.get("defaults") is not None:
            default = raw["defaults"]
            known = isinstance(default, str) and default.startswith(("nsfile://", "kestra://", "file://", "{{"))
            if survey.dialect is Dialect.V0_21 or not known:
                survey.report(
                    "PEN221", f"{name}: no `defaults` can be set for inputs of type 'FILE'", (*path, "defaults"),
                    hint="name a namespace file: nsfile:///path",
                )  # fmt: skip
        if kind == "ARRAY":
            _array(survey, path, raw)
        if kind == "MULTISELECT" and raw.get("values") and raw.get("options"):
            survey.report("PEN221", "you can't define both `values` and `options`", (*path, "options"), at_key=True)
        if kind == "MULTISELECT" and raw.get("itemType") in ("ARRAY", "MULTISELECT"):
            survey.report("PEN221", f"`itemType` cannot be `{raw['itemType']}`", (*path, "itemType"), hint="use STRING")
        elif kind in ("ARRAY", "MULTISELECT") and raw.get("itemType") is not None:
            _item_type(survey, path, raw["itemType"])
        if kind == "FORM":
            _form(survey, path, raw)
        elif survey.dialect is Dialect.V2:
            _default_of_2(survey, path, raw)
        is_choice = kind in ("SELECT", "ENUM", "MULTISELECT")
        if is_choice and not any(map(raw.get, ("values", "options", "expression"))) and not survey.is_faulty(path):
            survey.report(
                "PEN221",
                f"{'an' if kind == 'ENUM' else 'a'} {kind} input needs `values`",
                path,
                at_key=True,
                hint="list them under `values:`",
            )
        _bounds(survey, path, raw)


def _form(survey: Survey, path: Path, raw: dict[str, Any]) -> None:
    """A form groups inputs, one level deep (Kestra 2.0, InputValidator)."""
    for name in ("defaults", "prefill"):
        if raw.get(name) is not None:
            survey.report(
                "PEN221", "A FORM input groups other inputs and cannot declare a default value or a prefill.",
                (*path, name), hint="give the inputs within it defaults",
            )  # fmt: skip
    within = raw.get("inputs")
    for at, child in enumerate(within if isinstance(within, list) else []):
        if isinstance(child, dict) and child.get("type") == "FORM":
            survey.report(
                "PEN221", "A FORM input cannot contain another FORM input; grouping is limited to a single level.",
                (*path, "inputs", at, "type"), hint="put it beside the form",
            )  # fmt: skip


def _default_of_2(survey: Survey, path: Path, raw: dict[str, Any]) -> None:
    """In Kestra 2 a default stands for itself: always applied, so the input is required, and nothing is suggested."""
    if raw.get("defaults") is None:
        return
    if raw.get("required") is False:
        survey.report(
            "PEN221", "Inputs with a default value must be required, since the default is always applied.",
            (*path, "required"), hint="leave `required` out, or suggest the value by `prefill`",
        )  # fmt: skip
    if raw.get("prefill") is not None:
        survey.report(
            "PEN221", "Inputs with a default value cannot also have a prefill.", (*path, "prefill"),
            hint="leave one of them out",
        )  # fmt: skip


def _array(survey: Survey, path: Path, raw: dict[str, Any]) -> None:
    item = raw.get("itemType")
    if survey.is_faulty((*path, "itemType")):
        return
    if item == "ARRAY":
        survey.report("PEN221", "`itemType` cannot be `ARRAY`", (*path, "itemType"), hint="use JSON for nested lists")
    elif item is None and not survey.is_faulty(path):
        survey.report("PEN221", "an ARRAY input needs `itemType`", path, at_key=True, hint="add `itemType: STRING`")


def _item_type(survey: Survey, path: Path, item: Any) -> None:
    """What the items of a list are read as is a type of values (kestra core, ArrayInputValidator, 2026)."""
    if survey.is_faulty((*path, "itemType")):
        return
    if item not in _TYPES or item in _NO_OUTPUTS:
        survey.report(
            "PEN221", f"`{item}` is no type of items", (*path, "itemType"), hint=did_you_mean(str(item), _TYPES)
        )
    elif item == "SECRET":  # an item of a list is not sealed
        survey.report(
            "PEN221", "`itemType` cannot be `SECRET`", (*path, "itemType"),
            hint="declare one of type SECRET for each, or take STRING where they are none",
        )  # fmt: skip
    elif item in _OLD_ITEMS:
        survey.report(
            "PEN221", f"`itemType` cannot be `{item}`: newer versions of Kestra refuse it", (*path, "itemType"),
            severity=Severity.WARNING, hint="use STRING",
        )  # fmt: skip


def _bounds(survey: Survey, path: Path, raw: dict[str, Any]) -> None:
    """Bounds are values of the input's type, and leave room between them."""
    kind = raw.get("type")
    if kind not in _TYPES or raw.keys().isdisjoint(("min", "max", "after", "before")) or survey.is_faulty(path):
        return
    from penstock.flow.judging.validators import BOUNDS

    bounds = BOUNDS.get(InputType(str(kind)))
    if bounds is None:
        return
    known: list[Any] = []
    for name in (bounds.low, bounds.high):
        try:
            known.append(bounds.bound(raw, name))
        except ValueError:
            survey.report(
                "PEN221", f"`{name}` is no value of type {kind}: `{raw[name]}`", (*path, name),
                hint=f"write it as in {bounds.example}",
            )  # fmt: skip
            return
    low, high = known
    if low is not None and high is not None and low > high:
        told = "greater" if bounds.low == "min" else "later"
        survey.report(
            "PEN221", f"`{bounds.low}` is {told} than `{bounds.high}`, so no value fits", (*path, bounds.low),
            hint="write the lesser first",
        )  # fmt: skip


def patterns_compile(survey: Survey) -> None:
    """PEN227: the pattern of an input can be read."""
    for path, raw in inputs(survey):
        pattern = raw.get("validator")
        if not isinstance(pattern, str) or raw.get("type") not in ("STRING", "SECRET"):
            continue
        from penstock.flow.judging.validators import pattern_fault

        fault = pattern_fault(pattern)
        if fault is not None:
            hint = "look-around and back references are not supported" if "(?" in pattern else None
            survey.report("PEN227", f"invalid pattern [{pattern}]: it {fault}", (*path, "validator"), hint=hint)


def defaults_fit_their_type(survey: Survey) -> None:
    """PEN222: a default is a value of its input."""
    for path, raw in inputs(survey):
        if raw.get("defaults") is None or raw.get("type") not in _TYPES or survey.is_faulty(path):
            continue
        from penstock.flow.declaration import declared_input
        from penstock.flow.inputs import check_default

        if isinstance(raw["defaults"], list | dict) and raw["type"] not in _OF_MANY:
            fault: str | None = f"{'a list' if isinstance(raw['defaults'], list) else 'a mapping'} is no single value"
        else:
            fault = check_default(declared_input(raw))
        if fault is not None:
            first = fault.splitlines()[0].removesuffix(" with errors:")
            survey.report("PEN222", f"Invalid default for input '{name_of(raw)}': {first}", (*path, "defaults"))


def dependencies_exist(survey: Survey) -> None:
    """PEN228: an input depends on inputs that exist, and not on itself by a detour. Those in forms have dotted ids."""
    for path, entries in input_lists(survey):
        holders = list(_holders(entries))
        edges: dict[str, list[str]] = {}
        for name, _, raw in holders:
            edges.setdefault(name, []).extend(one for _, one in _needs(raw))
        tangled = _in_or_behind_cycles(edges)
        for name, where, raw in holders:
            for index, needed in _needs(raw):
                at = (*path, *where, "dependsOn", "inputs", index)
                if survey.is_faulty(at):
                    continue
                if needed not in edges:
                    survey.report(
                        "PEN228", f"Input with id '{name}' depends on a non-existent input '{needed}'.", at,
                        hint=did_you_mean(needed, edges),
                    )  # fmt: skip
                elif name in tangled and _leads_to(edges, needed, name):
                    survey.report("PEN228", f"Cycle dependency detected for input with id '{name}': [{needed}]", at)


def _holders(entries: list[Any]) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
    """Each input by its full id, with what may say what it depends on: it itself, and the form around it."""
    for leaf in leaves(entries):
        if leaf.name is None:
            continue
        yield leaf.name, leaf.path, leaf.raw
        if leaf.form is not None:
            yield leaf.name, leaf.path[:1], leaf.form


def _needs(raw: Mapping[str, Any]) -> list[tuple[int, str]]:
    depends = raw.get("dependsOn")
    names = depends.get("inputs") if isinstance(depends, dict) else None
    return [(at, one) for at, one in enumerate(names if isinstance(names, list) else []) if isinstance(one, str)]


def _in_or_behind_cycles(edges: dict[str, list[str]]) -> set[str]:
    """The inputs that can never be resolved because one they need, or they themselves, need themselves."""
    waiting = {name: {one for one in needed if one in edges} for name, needed in edges.items()}
    followers: dict[str, list[str]] = {}
    for name, needed in waiting.items():
        for one in needed:
            followers.setdefault(one, []).append(name)
    ready = [name for name, needed in waiting.items() if not needed]
    while ready:
        met = ready.pop()
        del waiting[met]
        for name in followers.get(met, ()):
            waiting[name].discard(met)
            if not waiting[name]:
                ready.append(name)
    return set(waiting)


def _leads_to(edges: dict[str, list[str]], start: str, goal: str) -> bool:
    seen, ahead = set[str](), [start]
    while ahead:
        name = ahead.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            ahead += edges.get(name, [])
    return False
