"""Writes docs/rules from the codes and their guides: `python -m penstock.validation.guide.publish [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from penstock.flow.codes import ASKED, CODES, FIXED, Code, is_unalterable
from penstock.validation.guide import GUIDES
from penstock.validation.guide.entry import Example, Guide, Made

FAMILIES = {
    "PEN1": ("yaml", "YAML and encoding"),
    "PEN2": ("structure", "Structure and references"),
    "PEN3": ("expressions", "Expressions"),
    "PEN4": ("triggers", "Triggers and schedules"),
    "PEN5": ("between-flows", "Between flows"),
    "PEN6": ("security", "Security"),
    "PEN7": ("portability", "Deprecated and portability"),
    "PEN8": ("style", "Style"),
}
"""The beginning of codes, the name of their page, and its title."""

_INDEX = "README.md"


def pages() -> dict[str, str]:
    """Every page by its name."""
    found = {f"{name}.md": _page(prefix, title) for prefix, (name, title) in FAMILIES.items()}
    return {_INDEX: _index(), **found}


def page_of(code: str) -> str:
    """Where a code is explained, from docs/rules on."""
    return f"{FAMILIES[code[:4]][0]}.md#{code.lower()}"


def _index() -> str:
    lines = [
        "# Rules",
        "",
        "What `penstock validate` can find. A code keeps its meaning for good. `penstock explain PEN204` tells the",
        "same in the terminal; [validation.md](../validation.md) says how a repository decides about findings.",
    ]
    for prefix, (name, title) in FAMILIES.items():
        lines += [
            "",
            f"## [{title}]({name}.md)",
            "",
            "| code | what it finds | is | fixed |",
            "| --- | --- | --- | --- |",
        ]
        lines += [_row(one) for one in _family(prefix)]
    return "\n".join(lines) + "\n"


def _row(code: Code) -> str:
    fixed = {True: "yes", False: "if asked", None: ""}[FIXED.get(code.code)]
    kind = "off" if code.code in ASKED else str(code.severity)
    return f"| [{code.code}]({page_of(code.code)}) | {_cell(code.title)} | {kind} | {fixed} |"


def _page(prefix: str, title: str) -> str:
    lines = [f"# {title} ({prefix}xx)"]
    for code in _family(prefix):
        lines += ["", *_entry(code, GUIDES.get(code.code))]
    return "\n".join(lines) + "\n"


def _family(prefix: str) -> list[Code]:
    return [code for code in CODES.values() if code.code.startswith(prefix)]


def _entry(code: Code, guide: Guide | None) -> Iterator[str]:
    yield f"## {code.code}"
    yield ""
    yield f"**{code.title}.**"
    if guide is not None:
        yield ""
        yield guide.why
        for word, example in (("Wrong", guide.wrong), ("Right", guide.right)):
            yield ""
            yield f"{word}:"
            yield from _example(example)
    yield ""
    mend = [f"Mend: {code.help}.", _FIXED[FIXED.get(code.code)], ""]
    if code.code in ASKED:
        mend[2] = "It is off until `rules:` in `penstock.yaml` names it."
    elif is_unalterable(code.code):
        mend[2] = "As an error it cannot be softened or ignored: such a flow could not be read."
    yield " ".join(part for part in mend if part)


_FIXED = {
    True: "`penstock validate --fix` does it where there is one answer.",
    False: "`penstock validate --fix --unsafe-fixes` does it where there is one likely answer.",
    None: "",
}


def _example(example: Example) -> Iterator[str]:
    match example:
        case str():
            yield from _block("", example)
        case Made():
            yield ""
            yield example.told
        case _:
            for path, text in example.items():
                yield from _block(path, text)


def _block(path: str, text: str) -> Iterator[str]:
    """One file, as a block of Markdown; its name stands above where there is one."""
    yield ""
    if path:
        yield f"`{path}`"
        yield ""
    yield "```yaml" if path.endswith((".yaml", ".yml")) or not path else "```text"
    yield text.rstrip("\n")
    yield "```"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# ── on disk ──


def folder() -> Path:
    """docs/rules of the source tree that this package is run from."""
    return Path(__file__).resolve().parents[4] / "docs" / "rules"


def differences(where: Path) -> list[str]:
    """The names of pages that are not as the guides say: changed, missing, or too many."""
    wanted = pages()
    found = {path.name: path.read_text(encoding="utf-8") for path in where.glob("*.md")}
    return sorted({name for name in wanted | found if wanted.get(name) != found.get(name)})


def write(where: Path) -> list[str]:
    """Make the pages as the guides say; which were changed."""
    wanted, changed = pages(), differences(where)
    where.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in wanted:
            (where / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        else:
            (where / name).unlink()
    return changed


def main(arguments: list[str]) -> int:
    where = folder()
    if arguments == ["--check"]:
        stale = differences(where)
        for name in stale:
            sys.stderr.write(f"docs/rules/{name} is not what the guides say\n")
        return 1 if stale else 0
    if arguments:
        sys.stderr.write("usage: python -m penstock.validation.guide.publish [--check]\n")
        return 2
    for name in write(where):
        sys.stdout.write(f"docs/rules/{name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
