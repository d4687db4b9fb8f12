"""A difference as JSON data, `schemaVersion` 1: values as they may be shown, never a secret."""

from __future__ import annotations

import json
from typing import Any

from penstock.difference.blast import Touched
from penstock.difference.interface import InterfaceChange
from penstock.difference.leaf import ABSENT
from penstock.difference.report import FlowDifference, LeafDifference, PartDifference, Report, Status
from penstock.difference.schedules import ScheduleDifference, Times
from penstock.difference.sentences import headline, sentences


def as_json(report: Report) -> str:
    """Within texts `##[` is written with an escape: a log of GitHub would take it for a command."""
    return json.dumps(data_of(report), indent=2, ensure_ascii=False).replace("##[", "#\\u0023[") + "\n"


def outcome(report: Report) -> str:
    """One word for a script: it says what the exit code says, and more."""
    if report.conflicts:
        return "conflict"
    if any(found.is_error for found in report.findings):
        return "broken"
    return "unchanged" if report.is_empty else "changed"


def data_of(report: Report) -> dict[str, Any]:
    return {
        "schemaVersion": 1,
        "outcome": outcome(report),
        "base": report.base,
        "head": report.head,
        "says": headline(report),
        "classes": list(report.classes),
        "summary": {
            "changed": report.count(Status.CHANGED),
            "added": report.count(Status.ADDED),
            "removed": report.count(Status.REMOVED),
            "moved": report.count(Status.FORMATTING),
            "unreadable": report.count(Status.UNREADABLE),
            "formattingOnly": len(report.formatting),
            "touched": len(report.touched),
            "broken": len(report.broken),
        },
        "flows": [_flow(flow) for flow in report.shown],
        "formattingOnly": [flow.path for flow in report.formatting],
        "files": [
            {
                "path": file.path, "action": file.action.value, "readers": list(map(str, file.readers)),
                "touched": [_touched(one) for one in file.touched],
            }
            for file in report.files
        ],
        "defaults": None if report.defaults is None else {
            "classes": list(report.defaults.classes),
            "changes": [_leaf(leaf) for leaf in report.defaults.leaves],
            "touched": [_touched(one) for one in report.defaults.touched],
        },
        "herds": [
            {
                "at": one.at.isoformat(), "timezone": one.zone, "flows": list(map(str, one.flows)),
                "changed": list(map(str, one.changed)),
            }
            for one in report.herds
        ],
        "conflicts": list(report.conflicts),
        "findings": [
            {
                "code": one.code, "severity": str(one.severity), "message": one.message, "file": one.file,
                "line": one.range.start.line, "column": one.range.start.column,
            }
            for one in report.findings
        ],
    }  # fmt: skip


def _flow(flow: FlowDifference) -> dict[str, Any]:
    return {
        "namespace": flow.name.namespace,
        "id": flow.name.id,
        "status": flow.status.value,
        "path": flow.path,
        "oldPath": flow.old_path,
        "oldName": str(flow.old_name) if flow.old_name is not None else None,
        "classes": list(flow.classes),
        "says": sentences(flow),
        "parts": [_part(part) for part in flow.parts],
        "schedules": [_schedule(one) for one in flow.schedules],
        "interface": [_interface(change) for change in flow.interface],
        "touched": [_touched(one) for one in flow.touched],
        "defaultsFor": list(flow.defaulted),
        "problem": flow.problem,
    }


def _part(part: PartDifference) -> dict[str, Any]:
    return {
        "kind": part.kind.value,
        "id": part.id,
        "type": part.type,
        "actions": [action.value for action in part.actions],
        "classes": list(part.classes),
        "oldId": part.old_id,
        "place": part.place,
        "oldPlace": part.old_place,
        "changes": [_leaf(leaf) for leaf in part.leaves],
    }


def _leaf(leaf: LeafDifference) -> dict[str, Any]:
    """`old` is left out of what is new, `new` of what is gone: null is a value."""
    told: dict[str, Any] = {"path": leaf.path, "classes": list(leaf.classes)}
    if leaf.old is not ABSENT:
        told["old"] = leaf.old
    if leaf.new is not ABSENT:
        told["new"] = leaf.new
    if leaf.lines:
        told["lines"] = list(leaf.lines)
    return told


def _schedule(one: ScheduleDifference) -> dict[str, Any]:
    return {"trigger": one.trigger, "before": _times(one.before), "after": _times(one.after)}


def _times(times: Times | None) -> dict[str, Any] | None:
    if times is None:
        return None
    return {
        "cron": times.timer.cron or None,
        "timezone": times.zone,
        "next": [fire.at.isoformat() for fire in times.fires],
        "clocksChange": [fire.at.isoformat() for fire in times.fires if fire.clocks],
        "isConditional": times.timer.is_conditional,
        "problem": times.problem,
    }


def _interface(change: InterfaceChange) -> dict[str, Any]:
    return {
        "kind": change.kind.value,
        "id": change.id,
        "turn": change.turn.value,
        "isBreaking": change.is_breaking,
        "old": change.old,
        "new": change.new,
        "breaks": list(map(str, change.breaks)),
    }


def _touched(one: Touched) -> dict[str, Any]:
    return {
        "flow": str(one.flow),
        "isDirect": one.is_direct,
        "path": [{"flow": str(link.flow), "how": link.how} for link in one.links],
    }
