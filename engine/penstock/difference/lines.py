"""Scripts, SQL and other long texts, compared line by line."""

from __future__ import annotations

from penstock.difference.alignment import spans

AROUND = 1
"""So many lines that are the same are told before and after those that differ."""


def has_lines(text: object) -> bool:
    return isinstance(text, str) and "\n" in text.strip()


def line_differences(old: str, new: str) -> tuple[str, ...]:
    """Lines that begin with `-`, `+` or a blank, and `…` where some that are the same are left out."""
    before, after = old.splitlines(), new.splitlines()
    found: list[str] = []
    told = spans(before, after)
    for number, (tag, old_from, old_to, new_from, new_to) in enumerate(told):
        if tag == "equal":
            same = before[old_from:old_to]
            head = same[:AROUND] if number else []
            tail = same[max(len(head), len(same) - AROUND) :] if number < len(told) - 1 else []
            found += [f"  {line}" for line in head]
            found += ["…"] if len(head) + len(tail) < len(same) else []
            found += [f"  {line}" for line in tail]
        else:
            found += [f"- {line}" for line in before[old_from:old_to]]
            found += [f"+ {line}" for line in after[new_from:new_to]]
    return tuple(found)


def counted(lines: tuple[str, ...]) -> tuple[int, int]:
    """How many lines have come, and how many have gone."""
    return sum(line.startswith("+") for line in lines), sum(line.startswith("-") for line in lines)
