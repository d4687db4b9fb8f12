"""Findings for the machines that read them: GitLab, SARIF, JUnit, and a GitHub workflow."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.diagnostic import Diagnostic, Edit, FlowName, Range, Severity
from penstock.flow.codes import CODES
from penstock_cli.render.annotations import as_github, as_summary
from penstock_cli.render.findings import Summary
from penstock_cli.render.fingerprint import fingerprints
from penstock_cli.render.gitlab import as_gitlab
from penstock_cli.render.junit import as_junit
from penstock_cli.render.sarif import SCHEMA, as_sarif

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
FLOW = FlowName("company.team", "etl")
TYPO = Diagnostic(
    "PEN202", ERROR, "unknown property `levle`", "flows/my etl.yaml", Range.at(7, 5, 5), "did you mean `level`?",
    flow=FLOW, fix=Edit(Range.at(7, 5, 5), "level", safe=False),
)  # fmt: skip
LATEST = Diagnostic("PEN602", WARNING, "the image is not pinned", "flows/a.yaml", Range.at(3, 9, 12), "name a tag")
NOTE = Diagnostic("PEN294", INFO, "nothing here needs it", "flows/a.yaml", Range.at(9, 1, 3))
SUMMARY = Summary(errors=1, warnings=1, notes=1, flows=2, elapsed_s=0.01, outcome="failed")

texts = st.text(st.characters(codec="utf-8"), max_size=30)
anything = st.builds(
    Diagnostic, st.sampled_from(sorted(CODES)), st.sampled_from(Severity), texts, texts,
    st.builds(Range.at, st.integers(1, 99), st.integers(1, 99), st.integers(1, 9)), st.none() | texts,
)  # fmt: skip


def fails(found: Diagnostic) -> bool:
    return found.is_error


# ── fingerprints ──


def test_a_finding_is_known_by_the_same_mark_when_its_line_moves() -> None:
    first = replace(TYPO, message="`x` is also defined in flows/b.yaml:3, see line 4")
    moved = replace(first, range=Range.at(70, 5), message="`x` is also defined in flows/b.yaml:30, see line 40")
    assert fingerprints([first]) == fingerprints([moved])
    assert fingerprints([first]) != fingerprints([replace(first, message="`x1` is also defined in flows/b.yaml:3")])


@given(st.lists(anything, max_size=8))
def test_no_two_findings_have_one_mark(found: list[Diagnostic]) -> None:
    assert len(set(fingerprints([*found, *found]))) == 2 * len(found)


# ── GitLab ──


def test_gitlab_reads_a_list_of_issues() -> None:
    error, warning, note = json.loads(as_gitlab([TYPO, LATEST, NOTE]))
    assert error == {
        "type": "issue",
        "check_name": "PEN202",
        "description": "unknown property `levle`: did you mean `level`?",
        "categories": ["Bug Risk"],
        "fingerprint": fingerprints([TYPO])[0],
        "severity": "major",
        "location": {"path": "flows/my etl.yaml", "lines": {"begin": 7, "end": 7}},
    }
    assert (warning["severity"], warning["categories"]) == ("minor", ["Security"])
    assert (note["severity"], note["description"]) == ("info", "nothing here needs it")
    assert as_gitlab([]) == "[]\n"


# ── SARIF ──


def sarif(*found: Diagnostic) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(as_sarif(found))
    return log


def judge_sarif(log: dict[str, Any]) -> None:
    """What the schema of SARIF 2.1.0 requires of the parts that we write (its chapters 3.13 to 3.58)."""
    assert (log["version"], log["$schema"]) == ("2.1.0", SCHEMA)
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"]
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    assert all(isinstance(one["executionSuccessful"], bool) for one in run["invocations"])
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    for rule in driver["rules"]:
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        assert all(rule[name]["text"] for name in ("shortDescription", "fullDescription", "help"))
    for result in run["results"]:
        assert result["message"].keys() == {"text"}
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["partialFingerprints"].keys() == {"penstock/v1"}
        for location in result["locations"]:
            judge_place(location["physicalLocation"]["artifactLocation"], run)
            judge_region(location["physicalLocation"]["region"])
        for fix in result.get("fixes", ()):
            for change in fix["artifactChanges"]:
                judge_place(change["artifactLocation"], run)
                assert change["replacements"]
                for replacement in change["replacements"]:
                    judge_region(replacement["deletedRegion"])
                    assert isinstance(replacement["insertedContent"]["text"], str)


def judge_place(place: dict[str, str], run: dict[str, Any]) -> None:
    assert place["uri"].isascii()
    assert " " not in place["uri"]
    assert place.get("uriBaseId", "%SRCROOT%") in run["originalUriBaseIds"]


def judge_region(region: dict[str, int]) -> None:
    assert region.keys() == {"startLine", "startColumn", "endLine", "endColumn"}
    assert (region["endLine"], region["endColumn"]) >= (region["startLine"], region["startColumn"]) >= (1, 1)


@given(st.lists(anything, max_size=6))
def test_a_sarif_log_has_what_its_schema_requires(found: list[Diagnostic]) -> None:
    judge_sarif(sarif(*found))


def test_sarif_tells_place_rule_and_fix() -> None:
    log = sarif(TYPO, LATEST, replace(TYPO, file="/srv/a.yaml"))
    judge_sarif(log)
    (run,) = log["runs"]
    first, second, third = run["results"]
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "flows/my%20etl.yaml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 7, "startColumn": 5, "endLine": 7, "endColumn": 10},
            },
            "logicalLocations": [{"fullyQualifiedName": "company.team/etl", "kind": "module"}],
        }
    ]
    assert first["fixes"][0]["artifactChanges"][0]["replacements"] == [
        {
            "deletedRegion": {"startLine": 7, "startColumn": 5, "endLine": 7, "endColumn": 10},
            "insertedContent": {"text": "level"},
        }
    ]
    assert "fixes" not in second
    assert third["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///srv/a.yaml"}
    typo, latest = run["tool"]["driver"]["rules"]
    assert typo["help"]["markdown"].startswith("Kestra refuses a flow with a property that its type does not have.")
    assert "Right:\n\n```yaml\nid: example" in typo["help"]["markdown"]
    assert latest["properties"] == {"tags": ["workflow", "security"], "security-severity": "5.0"}


# ── JUnit ──


def test_junit_has_one_case_a_file() -> None:
    root = ET.fromstring(as_junit([TYPO, LATEST, NOTE], ["flows/a.yaml", "flows/good.yaml", TYPO.file], fails))
    assert root.attrib == {"name": "penstock validate", "tests": "3", "failures": "1", "errors": "0", "skipped": "0"}
    warned, good, bad = root.iter("testcase")
    assert (good.get("name"), len(good)) == ("flows/good.yaml", 0)
    assert [part.tag for part in warned] == ["system-out"]
    assert bad[0].attrib == {"message": "PEN202: unknown property `levle`", "type": "PEN202"}
    assert bad[0].text == "flows/my etl.yaml:7:5: error[PEN202] unknown property `levle`; did you mean `level`?"


@given(st.lists(anything, max_size=6))
def test_junit_is_xml_whatever_a_file_holds(found: list[Diagnostic]) -> None:
    root = ET.fromstring(as_junit(found, [], fails))
    assert len(list(root.iter("testcase"))) == len({one.file for one in found})
    assert int(root.attrib["failures"]) == len({one.file for one in found if one.is_error})


# ── a GitHub workflow ──


def test_a_long_message_is_cut() -> None:
    (line,) = as_github([replace(TYPO, message="x" * 5000)], None).splitlines()
    assert line.endswith("x…")
    assert len(line) < 1_200


@given(st.lists(anything, max_size=6))
def test_an_annotation_is_one_line_and_no_command_of_its_own(found: list[Diagnostic]) -> None:
    lines = as_github(found, None).splitlines()
    assert len(lines) == sum(one.severity is not INFO for one in found)
    assert all(line.startswith(("::error file=", "::warning file=")) for line in lines)


def test_the_summary_of_a_job_lists_the_worst_first() -> None:
    text = as_summary([NOTE, LATEST, replace(TYPO, message="a|b <c> @d")], SUMMARY)
    assert text.startswith("### ❌ penstock validate\n\nFound 1 error, 1 warning and 1 note in 2 flows")
    rows = text.splitlines()[6:]
    assert [row.split(" | ")[1] for row in rows if row.startswith("| ")] == ["PEN202", "PEN602", "PEN294"]
    assert "a&#124;b &#60;c&#62; &#64;d" in rows[0]
    many = as_summary([TYPO] * 500, SUMMARY)
    assert many.count("\n| error ") == 200
    assert many.endswith("\nand 300 more\n\n")


@pytest.mark.parametrize("write", [as_gitlab, as_sarif, lambda found: as_junit(found, [], fails)])
def test_a_report_is_the_same_each_time(write: Any) -> None:
    found = [TYPO, LATEST, NOTE]
    assert write(found) == write(list(found))
