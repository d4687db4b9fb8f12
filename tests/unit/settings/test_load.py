"""Settings: the strongest who says something wins, and it is told who that was."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from penstock.errors import UserError
from penstock.settings import Origin, Settings, load_settings, refuse_other_version
from penstock.settings.load import Source
from penstock.settings.table import PROJECT, TABLE, USER, Key, nested


def settle(
    folder: Path,
    *,
    project: str | None = None,
    user: str | None = None,
    environ: dict[str, str] | None = None,
    flags: dict[str, Any] | None = None,
) -> Settings:
    """The settings of a repository made of these texts."""
    repository, home = folder / "repository", folder / "home"
    for place, file, text in (
        (repository, "penstock.yaml", project),
        (home / ".config" / "penstock", "config.yaml", user),
    ):
        place.mkdir(parents=True, exist_ok=True)
        (place / file).unlink(missing_ok=True)
        if text is not None:
            (place / file).write_text(text)
    return load_settings(flags, folder=repository, environ={"HOME": str(home), **(environ or {})})


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    found = settle(tmp_path)
    assert (found.dialect, found.color, found.agent.interval) == ("auto", "auto", timedelta(seconds=30))
    assert set(found.sources.values()) == {Source(Origin.DEFAULT)}
    assert (found.project, found.user, found.diagnostics) == (None, None, ())


LENGTHS = "write it as 30s, 5m or PT30S"
KNOWN = (
    "known here: requires, dialect, flows, files, defaults, catalogs, unknownTypes, targets, rules, variables, agent"
)

SAMPLES: dict[str, tuple[tuple[str, Any], ...]] = {
    "dialect": (("0.21", "0.21"), ("1", "1"), ("2", "2")),
    "unknownTypes": (("warning", "warning"), ("ignore", "ignore")),
    "agent.interval": (("45s", timedelta(seconds=45)), ("PT5M", timedelta(minutes=5))),
    "agent.record": (("git,api", ("git", "api")), ("none", ("none",))),
    "agent.runner": (("process", "process"), ("docker", "docker")),
    "agent.engine": (("unix:///a", "unix:///a"), ("tcp://b:1", "tcp://b:1")),
    "agent.policy": (("/a.yaml", "/a.yaml"), ("/b.yaml", "/b.yaml")),
    "agent.pools": (("big,small", ("big", "small")), ("one", ("one",))),
    "agent.http.allow": (("10.0.0.0/8,127.0.0.1", ("10.0.0.0/8", "127.0.0.1")), ("::1", ("::1",))),
    "agent.slots": (("3", 3), ("17", 17)),
    "agent.name": (("a", "a"), ("b", "b")),
    "server.url": (("http://a", "http://a"), ("http://b", "http://b"), ("http://c", "http://c")),
    "server.tenant": (("t1", "t1"), ("t2", "t2")),
    "server.user": (("u1", "u1"), ("u2", "u2")),
    "server.password": (("p1", "p1"), ("p2", "p2")),
    "server.token": (("k1", "k1"), ("k2", "k2")),
    "data": (("/a", "/a"), ("/b", "/b")),
    "color": (("always", "always"), ("never", "never")),
    "noInput": (("true", True), ("false", False)),
}


@st.composite
def layers(draw: st.DrawFn) -> tuple[Key, dict[Origin, tuple[str, Any]]]:
    """A setting, and what each of some places says of it."""
    key = draw(st.sampled_from([key for key in TABLE if key.name in SAMPLES]))
    origins = [Origin.FLAG, Origin.VARIABLE]
    origins += [origin for origin, file in ((Origin.PROJECT, PROJECT), (Origin.USER, USER)) if file in key.files]
    origins += [Origin.KESTRA] if key.fallbacks else []
    chosen = draw(st.sets(st.sampled_from(origins)))
    return key, {origin: draw(st.sampled_from(SAMPLES[key.name])) for origin in origins if origin in chosen}


@given(layers())
@profile(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_the_strongest_who_speaks_wins_and_is_named(
    tmp_path: Path, drawn: tuple[Key, dict[Origin, tuple[str, Any]]]
) -> None:
    key, said = drawn

    def file(origin: Origin) -> str | None:
        return yaml.safe_dump(nested({key.name: _in_file(key, said[origin][0])})) if origin in said else None

    environ = {key.variable or "": said[Origin.VARIABLE][0]} if Origin.VARIABLE in said else {}
    if Origin.KESTRA in said:
        environ[key.fallbacks[-1]] = said[Origin.KESTRA][0]
    flags = {key.name: said[Origin.FLAG][1]} if Origin.FLAG in said else {}

    found = settle(tmp_path, project=file(Origin.PROJECT), user=file(Origin.USER), environ=environ, flags=flags)

    strongest = next((origin for origin in Origin if origin in said), Origin.DEFAULT)
    assert found.sources[key.name].origin is strongest
    assert found.values[key.name] == (said[strongest][1] if strongest in said else key.default)
    assert found.diagnostics == ()


def _in_file(key: Key, text: str) -> Any:
    return key.kind.from_text(text)


def test_samples_cover_every_setting_that_a_variable_sets() -> None:
    assert {key.name for key in TABLE if key.variable} == set(SAMPLES)


def test_a_place_is_file_line_and_column(tmp_path: Path) -> None:
    found = settle(tmp_path, project="dialect: 0.21\nagent:\n  interval: 10s\n", user="color: never\n")
    assert found.dialect == "0.21"
    assert str(found.sources["dialect"]) == "penstock.yaml:1:1"
    assert str(found.sources["agent.interval"]) == "penstock.yaml:3:3"
    assert str(found.sources["color"]) == f"{tmp_path}/home/.config/penstock/config.yaml:1:1"


def test_maps_are_settled_entry_by_entry(tmp_path: Path) -> None:
    found = settle(
        tmp_path,
        project="targets:\n  prod: {url: 'https://p'}\n  both: {url: 'https://repository'}\n",
        user="targets:\n  mine: {url: 'http://localhost'}\n  both: {url: 'https://user'}\n",
    )
    assert {name: target["url"] for name, target in found.targets.items()} == {
        "prod": "https://p",
        "both": "https://repository",
        "mine": "http://localhost",
    }
    assert found.sources["targets.both"] == Source(Origin.PROJECT, "penstock.yaml:3:3")
    assert found.sources["targets.mine"].origin is Origin.USER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flow: [a]\n", ("PEN290", "warning", 1, 1, "there is no setting `flow`", "did you mean `flows`?")),
        (
            "agent:\n  intervall: 3s\n",
            ("PEN290", "warning", 2, 3, "there is no setting `agent.intervall`", "did you mean `interval`?"),
        ),
        ("dialect: 0.22 # x\n", ("PEN291", "error", 1, 10, "`0.22` is none of auto, 0.21, 1, 2", None)),
        (
            "targets:\n  a:\n    urll: x\n",
            ("PEN290", "warning", 3, 5, "there is no setting `targets.a.urll`", "did you mean `url`?"),
        ),
        ("agent:\n  interval: 0s\n", ("PEN291", "error", 2, 13, "`0s` is not a length of time", LENGTHS)),
        ("agent: 3\n", ("PEN291", "error", 1, 8, "`3` is not a map", None)),
        (
            "color: never\n",
            ("PEN290", "warning", 1, 1, "`color` cannot be set in this file", "it belongs into the user's file"),
        ),
        (
            "server:\n  token: x\n",
            ("PEN290", "warning", 1, 1, "there is no setting `server`", KNOWN),
        ),
        ("- a\n", ("PEN190", "error", 1, 1, "settings are a map", "write them as `key: value`")),
        ("dialect: 1\ndialect: 2\n", ("PEN190", "error", 2, 1, "`dialect` is there twice", "remove one of them")),
        ("requires: 0.1\n", ("PEN291", "error", 1, 11, "`0.1` is not a range of versions", "write it as '>=0.1,<1'")),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_found_at_its_place(tmp_path: Path, text: str, expected: tuple[Any, ...]) -> None:
    first = settle(tmp_path, project=text).diagnostics[0]
    at = first.range.start
    assert first.file == "penstock.yaml"
    assert (first.code, first.severity.value, at.line, at.column, first.message, first.help) == expected


def test_a_wrong_value_lets_the_next_place_speak(tmp_path: Path) -> None:
    found = settle(tmp_path, project="dialect: 7\n", user="dialect: 2\n", environ={"PENSTOCK_DIALECT": "nine"})
    assert (found.dialect, found.sources["dialect"].origin) == ("2", Origin.USER)
    assert [each.file for each in found.diagnostics] == ["PENSTOCK_DIALECT", "penstock.yaml"]


def test_a_secret_is_in_no_message_and_no_picture_of_the_settings(tmp_path: Path) -> None:
    found = settle(tmp_path, environ={"KESTRA_API_TOKEN": "tok-en", "KESTRA_PASSWORD": "pass-word"})
    assert (found.server.token, found.server.password) == ("tok-en", "pass-word")
    assert "tok-en" not in repr(found)
    assert "pass-word" not in repr(found)


@pytest.mark.parametrize(
    ("requires", "version", "fits"),
    [
        (">=0.1", "0.1.0", True),
        (">=0.1,<0.3", "0.3.0", False),
        (">=0.1,<0.3", "0.3.0rc1", True),
        ("~=0.1.2", "0.1.9", True),
        ("~=0.1.2", "0.2.0", False),
        ("==0.1", "0.1.0", True),
        ("!=0.1.0", "0.1", False),
        (">0.1", "0.1.1.dev3", True),
        (">=1.0", "1.0.dev1", False),
    ],
)
def test_requires_is_a_range_of_versions(tmp_path: Path, requires: str, version: str, fits: bool) -> None:
    found = settle(tmp_path, project=f"requires: '{requires}'\n")
    if fits:
        refuse_other_version(found, version)
        return
    with pytest.raises(UserError, match="this repository asks for Penstock") as refused:
        refuse_other_version(found, version)
    assert "penstock.yaml:1:1" in refused.value.message


def test_penstock_yaml_is_found_upward_to_the_git_root_and_no_further(tmp_path: Path) -> None:
    (tmp_path / "penstock.yaml").write_text("dialect: 2\n")
    repository = tmp_path / "repository"
    deep = repository / "a" / "b"
    deep.mkdir(parents=True)
    (repository / ".git").write_text("gitdir: elsewhere\n")
    assert load_settings(folder=deep, environ={"HOME": str(tmp_path)}).project is None
    (repository / "penstock.yaml").write_text("dialect: 1\n")
    assert load_settings(folder=deep, environ={"HOME": str(tmp_path)}).dialect == "1"
    assert load_settings(folder=tmp_path, environ={"HOME": str(tmp_path)}).dialect == "2"
