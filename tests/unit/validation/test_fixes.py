"""What `--fix` makes of a text: the one right answer, every other byte kept, and nothing at the second time."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.diagnostic import Edit, Position, Range
from penstock.errors import UserError
from penstock.flow.canonical import canonical_text
from penstock.flow.catalogue.catalog import load_catalog
from penstock.flow.layout.tree import FlowFile
from penstock.flow.mends import iso_length, meant
from penstock.flow.model import Dialect
from penstock.flow.parse import parse_flow
from penstock.validation.check import check_files
from penstock.validation.fixes import Mended, applied_to, mend, mended_bytes, write
from penstock.validation.options import Options

CATALOG = load_catalog()
LOG = "io.kestra.plugin.core.log.Log"
HEAD = "id: f\nnamespace: n\n"
TASK = f"tasks:\n  - id: t\n    type: {LOG}\n    message: x\n"
SCHEDULE = "triggers:\n  - id: s\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: '0 9 * * *'\n"


def mended(source: str | bytes, *, unsafe: bool = False, dialect: Dialect = Dialect.AUTO) -> Mended:
    data = source.encode() if isinstance(source, str) else source
    judge = partial(check_files, catalog=CATALOG, options=Options(dialect), is_whole=True)
    return mend([FlowFile("f.yaml", Path("f.yaml"), data)], judge, unsafe=unsafe)


def text_of(source: str, done: Mended) -> str:
    return done.files[0][2].decode() if done.files else source


DASHED = HEAD + "inputs:\n  - {id: a-b, type: STRING, defaults: x}\n"
USER = HEAD + "inputs:\n  - {id: user, type: STRING, defaults: x}\n"
RETRY = HEAD + TASK + "    retry: {type: constant, interval: PT1S, maxAttempt: 2}\n"

SAFE = [
    ("tabs", f"{HEAD}tasks:\n  - id: t\n\ttype: {LOG}\n\tmessage: x\n",
     f"{HEAD}tasks:\n  - id: t\n    type: {LOG}\n    message: x\n"),
    ("an entry that stands twice", HEAD + "labels:\n  a: b\n  c: d\n" + TASK + "labels:\n  a: b\n  c: d\n",
     HEAD + "labels:\n  a: b\n  c: d\n" + TASK),
    ("a duration", HEAD + TASK + "    timeout: '1h 30 min' # long\n", HEAD + TASK + "    timeout: 'PT1H30M' # long\n"),
    ("an older type", HEAD + TASK.replace("plugin.core.log", "core.tasks.log"), HEAD + TASK),
    ("older properties", HEAD + "inputs:\n  - {name: a, type: STRING, defaults: x}\n" + TASK + "taskDefaults: []\n",
     HEAD + "inputs:\n  - {id: a, type: STRING, defaults: x}\n" + TASK + "pluginDefaults: []\n"),
    ("dashes", DASHED + TASK.replace("x\n", "\"{{ inputs.a-b }}\"\n"),
     DASHED + TASK.replace("x\n", "\"{{ inputs['a-b'] }}\"\n")),
    ("dashes in single quotes",
     DASHED + TASK.replace("x\n", "'{{ inputs.a-b }}'\n"),
     DASHED + TASK.replace("x\n", "'{{ inputs[\"a-b\"] }}'\n")),
    ("older names in expressions", HEAD + TASK.replace("x\n", "|\n      {{ json('[1]') | json }}\n"),
     HEAD + TASK.replace("x\n", "|\n      {{ fromJson('[1]') | toJson }}\n")),
    ("a comment that nothing needs", HEAD + TASK + "    # penstock: ignore[PEN602]\n    level: INFO\n",
     HEAD + TASK + "    level: INFO\n"),
]  # fmt: skip

LEFT = [
    ("tabs that may be of any width", HEAD + "variables:\n\ta:\n    b: 1\n" + TASK),
    ("two entries that differ", HEAD + "labels: {a: b}\n" + TASK + "labels: {a: c}\n"),
    ("two entries of one line", HEAD + "labels: {a: b, a: b}\n" + TASK),
    ("an entry with an anchor", HEAD + "variables: {a: &x 1}\n" + TASK + "variables: {a: &x 1}\n"),
    ("a slip", HEAD + TASK + "    levle: INFO\n"),
    ("a comment within a script", HEAD + TASK.replace("x\n", "|\n      x # penstock: ignore[PEN602]\n")),
    ("a comment that says more", HEAD + TASK + "# see penstock: ignore[PEN602] or not\n"),
    ("what a waiver lets be", HEAD + TASK.replace("plugin.core.log", "core.tasks.log").replace(
        "Log\n", "Log # penstock: ignore[PEN701]\n")),
]  # fmt: skip

UNSAFE = [
    ("a property", HEAD + TASK + "    levle: INFO\n", HEAD + TASK + "    level: INFO\n"),
    ("a word", HEAD + TASK + "    level: \"Info\"\n", HEAD + TASK + "    level: \"INFO\"\n"),
    ("a type", HEAD + TASK.replace("log.Log", "log.Lgo"), HEAD + TASK),
    ("a zone", HEAD + TASK + SCHEDULE + "    timezone: Europe/Pariss\n",
     HEAD + TASK + SCHEDULE + "    timezone: Europe/Paris\n"),
    ("a variable", HEAD + TASK.replace("x\n", "\"{{ flw.id }}\"\n"), HEAD + TASK.replace("x\n", "\"{{ flow.id }}\"\n")),
    ("an input", USER + TASK.replace("x\n", "\"{{ inputs.usr }}\"\n"),
     USER + TASK.replace("x\n", "\"{{ inputs.user }}\"\n")),
    ("what may be meant for an older server", RETRY, RETRY.replace("maxAttempt", "maxAttempts")),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), [case[1:] for case in SAFE], ids=[case[0] for case in SAFE])
def test_what_has_one_right_answer_is_mended(before: str, after: str) -> None:
    done = mended(before)
    assert text_of(before, done) == after
    assert not any(found.is_error for found in done.report.diagnostics)
    windows = mended(before.replace("\n", "\r\n"))
    assert windows.files[0][2].decode() == after.replace("\n", "\r\n")


@pytest.mark.parametrize("source", [case[1] for case in LEFT], ids=[case[0] for case in LEFT])
def test_what_may_have_been_meant_otherwise_is_left(source: str) -> None:
    assert mended(source).files == ()


@pytest.mark.parametrize(("before", "after"), [case[1:] for case in UNSAFE], ids=[case[0] for case in UNSAFE])
def test_slips_are_mended_where_that_is_asked_for(before: str, after: str) -> None:
    assert mended(before).files == ()
    assert text_of(before, mended(before, unsafe=True)) == after


def test_what_stands_in_a_default_is_not_mended_where_it_was_merged_into() -> None:
    defaults = f"pluginDefaults:\n  - type: {LOG}\n    values:\n      levle: INFO\n"
    done = mended(HEAD + defaults + TASK, unsafe=True)
    assert text_of("", done) == HEAD + defaults.replace("levle", "level") + TASK


def test_a_mark_of_order_is_kept_and_other_encodings_are_left_alone() -> None:
    older = (HEAD + TASK).replace("plugin.core.log", "core.tasks.log")
    assert mended(b"\xef\xbb\xbf" + older.encode()).files[0][2] == b"\xef\xbb\xbf" + (HEAD + TASK).encode()
    assert mended(older.encode("utf-16")).files == ()


def test_of_edits_that_overlap_the_first_counts_and_equal_ones_are_one() -> None:
    first, inner, behind = Edit(Range.at(1, 1, 3), "x"), Edit(Range.at(1, 2, 1), "y"), Edit(Range.at(1, 4, 1), "z")
    assert applied_to("abcd\n", [behind, first, inner, first]) == ("xz\n", 3)
    assert applied_to("a\r\n", [Edit(Range(Position(1, 2), Position(1, 2)), "\nb")]) == ("a\r\nb\r\n", 1)
    assert applied_to("a", [Edit(Range(Position(9, 9), Position(9, 10)), "b")]) == ("ab", 1)
    assert mended_bytes(b"\xff", [first]) == (b"\xff", 0)


def test_a_file_that_an_edit_would_spoil_is_left_as_it_was() -> None:
    def judge(files: Any) -> Any:
        report = check_files(files, CATALOG)
        spoiling = Edit(Range.at(1, 1, 2), "\t[")
        report.diagnostics = [found.__class__(found.code, found.severity, found.message, found.file, found.range,
                                              fix=spoiling) for found in report.diagnostics]  # fmt: skip
        return report

    source = (HEAD + TASK).replace("plugin.core.log", "core.tasks.log").encode()
    assert mend([FlowFile("f.yaml", Path("f.yaml"), source)], judge).files == ()


@pytest.mark.parametrize(
    ("text", "length"),
    [("30s", "PT30S"), ("5m", "PT5M"), ("1 hour", "PT1H"), ("2d", "P2D"), ("1d12h", "P1DT12H"), ("90 sec", "PT90S"),
     ("5", None), ("", None), ("s", None), ("5mo", None), ("-5s", None), ("5s5m", None)],
)  # fmt: skip
def test_lengths_that_people_write(text: str, length: str | None) -> None:
    assert iso_length(text) == length


@pytest.mark.parametrize(
    ("word", "known", "one"),
    [("levle", ["level", "lever"], "level"), ("leve", ["level", "lever"], None), ("loglevel", ["logLevel"], "logLevel"),
     ("log_level", ["logLevel", "level"], "logLevel"), ("ab", ["ac"], None), ("level", ["level"], None),
     ("message", ["messages"], "messages"), ("xmessage", ["message"], "message"), ("abcd", ["dcba"], None)],
)  # fmt: skip
def test_a_slip_has_one_candidate_or_none(word: str, known: list[str], one: str | None) -> None:
    assert meant(word, known) == one


# ── on disk ──


def on_disk(folder: Path, source: bytes, name: str = "f.yaml") -> tuple[Path, Mended]:
    path = folder / name
    path.write_bytes(source)
    judge = partial(check_files, catalog=CATALOG)
    return path, mend([FlowFile(name, path)], judge)


OLDER = (HEAD + TASK).replace("plugin.core.log", "core.tasks.log").encode()


def test_a_file_keeps_its_mode_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path, done = on_disk(tmp_path, OLDER)
    path.chmod(0o640)
    write(done)
    assert path.read_bytes() == (HEAD + TASK).encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["f.yaml"]


def test_a_file_that_has_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    path, done = on_disk(tmp_path, OLDER)
    path.write_bytes(b"id: other\n")
    with pytest.raises(UserError, match="has changed meanwhile"):
        write(done)
    assert path.read_bytes() == b"id: other\n"


def test_a_link_is_followed_within_its_tree_and_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside.yaml"
    (tree / ".git").mkdir(parents=True)
    monkeypatch.chdir(tree)
    (tree / "real.yaml").write_bytes(OLDER)
    (tree / "in.yaml").symlink_to("real.yaml")
    outside.write_bytes(OLDER)
    (tree / "out.yaml").symlink_to(outside)
    judge = partial(check_files, catalog=CATALOG)
    write(mend([FlowFile("in.yaml", tree / "in.yaml")], judge))
    assert (tree / "in.yaml").is_symlink()
    assert (tree / "real.yaml").read_bytes() == (HEAD + TASK).encode()
    with pytest.raises(UserError, match="is a link that leads out of"):
        write(mend([FlowFile("out.yaml", tree / "out.yaml")], judge))
    assert outside.read_bytes() == OLDER


# ── laws ──

RETURN = "io.kestra.plugin.core.debug.Return"
OLDER_TYPES = {LOG: "io.kestra.core.tasks.log.Log", RETURN: "io.kestra.core.tasks.debugs.Return"}
EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "flows"


@st.composite
def older_flows(draw: st.DrawFn) -> str:
    """A valid flow that is here and there spelled as long ago, in one style of YAML or another."""

    def spelled(new: str, old: str) -> str:
        return draw(st.sampled_from([new, old]))

    kinds = draw(st.lists(st.sampled_from(sorted(OLDER_TYPES)), min_size=1, max_size=3))
    flow: dict[str, Any] = {"id": "f", "namespace": "n", "tasks": []}
    for at, kind in enumerate(kinds):
        said = draw(st.text("ab:# '\"-\n", min_size=1, max_size=6))
        name = "message" if kind == LOG else "format"
        flow["tasks"].append({"id": f"t{at}", "type": spelled(kind, OLDER_TYPES[kind]), name: said})
    if draw(st.booleans()):
        flow["inputs"] = [{spelled("id", "name"): "a", "type": "STRING", "defaults": "x"}]
    if draw(st.booleans()):
        values = [{"type": spelled(LOG, OLDER_TYPES[LOG]), "values": {"level": "WARN"}}]
        flow[spelled("pluginDefaults", "taskDefaults")] = values
    return yaml.safe_dump(flow, sort_keys=False, default_flow_style=draw(st.sampled_from([None, True, False])))


@given(older_flows())
@settings(max_examples=60)
def test_a_mended_flow_is_the_same_flow_and_needs_no_second_mend(source: str) -> None:
    done = mended(source)
    after = text_of(source, done)
    was, now = (parse_flow(text, "f.yaml", catalog=CATALOG).flow for text in (source, after))
    assert was is not None
    assert now is not None
    assert canonical_text(now) == canonical_text(was)
    assert {found.code for found in done.report.diagnostics} <= {"PEN702", "PEN701"} - (
        {"PEN701"} if done.files else set()
    )
    assert mended(after).files == ()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_wrong_mending_ends_and_a_second_time_changes_nothing(seed: int) -> None:
    dice = random.Random(seed)
    texts = [path.read_text("utf-8") for path in sorted(EXAMPLES.glob("*.yaml"))]
    for _ in range(12):
        text = dice.choice(texts)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(text))
            text = dice.choice([text[:at] + text[at + 1 :], text[:at] + dice.choice("\t-'#:x\n") + text[at:],
                                text.replace("    ", "\t", 1), text.replace("plugin.core", "core.tasks", 1),
                                text[:at] + text[at:].replace("\n", "\r\n", 1)])  # fmt: skip
        once = text_of(text, mended(text, unsafe=True))
        assert mended(once, unsafe=True).files == ()
