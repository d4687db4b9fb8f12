"""Which files may hold flows, by their path alone: one rule for a folder on the disk and for a tree in Git."""

from __future__ import annotations

from penstock.settings.folder import PROJECT_FILE

EXTENSIONS = (".yaml", ".yml")
LAYOUTS = ("flows/**", "_flows/**", "*/flows/*")
"""Kestra's own (its git plugin, 2026): where flows lie when `penstock.yaml` names no globs."""

OWN_FILES, COMMON_FILES = "files", "_files"
"""The folders of namespace files: one beneath each namespace's, one for all."""

IGNORE_FILES = (".penstockignore", ".kestraignore")
_NOT_FLOWS = (".test.yaml", ".test.yml")


def may_hold_a_flow(name: str) -> bool:
    """By the name of the file: YAML, not hidden, no test, and not penstock.yaml."""
    return name.endswith(EXTENSIONS) and not name.endswith(_NOT_FLOWS) and name[0] != "." and name != PROJECT_FILE
