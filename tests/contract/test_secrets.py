"""Secrets are found by name or refused in Kestra's words; what was learned is hidden; what was sealed stays closed."""

from __future__ import annotations

import base64
import itertools
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.adapters.secrets import ChainedSecrets, EnvSecrets, FileSecrets, KeySeal, Masker
from penstock.errors import NotFound, Stalled, UserError
from penstock.ports.secrets import Secrets

VALUES = {"TOKEN": "s3cr3t-token", "MULTI": "line one\nline two", "ÜMLAUT": "grüezi #1", "EMPTY": ""}
NAMES = {name: name for name in VALUES} | {"ÜMLAUT": "UMLAUT"}


def _write(path: Path, text: str) -> FileSecrets:
    path.write_text(text)
    path.chmod(0o600)
    return FileSecrets(path)


@pytest.fixture(params=["env", "lines", "yaml", "json", "chain"])
def secrets(request: pytest.FixtureRequest, tmp_path: Path) -> Secrets:
    plain = {NAMES[name]: value for name, value in VALUES.items()}
    environ = {f"SECRET_{name}": base64.b64encode(value.encode()).decode() for name, value in plain.items()}
    match request.param:
        case "env":
            return EnvSecrets(environ)
        case "lines":
            text = "".join(f"export {name}={json.dumps(value, ensure_ascii=False)}\n" for name, value in plain.items())
            return _write(tmp_path / "secrets.env", f"# kept by hand\n\n{text}")
        case "yaml":
            text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in plain.items())
            return _write(tmp_path / "secrets.yaml", text)
        case "json":
            return _write(tmp_path / "secrets.json", json.dumps(plain))
        case _:
            return ChainedSecrets([EnvSecrets({}), EnvSecrets(environ)])


def test_values_are_found_whatever_the_case_of_the_name(secrets: Secrets) -> None:
    assert secrets.get("TOKEN", namespace="a") == "s3cr3t-token"
    assert secrets.get("token", namespace="b") == "s3cr3t-token"
    assert secrets.get("multi", namespace="a") == "line one\nline two"
    assert secrets.get("UMLAUT", namespace="a") == "grüezi #1"
    assert secrets.get("EMPTY", namespace="a") == ""
    assert list(secrets.names()) == ["EMPTY", "MULTI", "TOKEN", "UMLAUT"]


def test_a_secret_that_is_nowhere_is_refused_in_kestras_words(secrets: Secrets) -> None:
    with pytest.raises(NotFound) as refusal:
        secrets.get("NOPE", namespace="a")
    assert refusal.value.message == "Cannot find secret for key 'NOPE'."
    assert (refusal.value.help or "").startswith("looked in ")


def test_a_chain_tells_all_the_places_and_takes_the_first(tmp_path: Path) -> None:
    file = _write(tmp_path / "s.env", "A=file\n")
    chain = ChainedSecrets([file, EnvSecrets({"SECRET_A": "eA==", "SECRET_B": "eQ=="})])
    assert (chain.get("a", namespace=""), chain.get("b", namespace="")) == ("file", "y")
    with pytest.raises(NotFound) as refusal:
        chain.get("C", namespace="")
    assert refusal.value.help == (
        f"looked in the file {tmp_path / 's.env'}, then the environment variable SECRET_C (Base64)"
    )


def test_an_environment_variable_that_is_not_base64_says_so_and_not_what_it_holds() -> None:
    with pytest.raises(UserError, match="SECRET_A does not hold Base64") as refusal:
        EnvSecrets({"SECRET_A": "plain text!"}).get("A", namespace="")
    assert "plain text" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("s.env", "A=1\nnonsense hunter2\n", r"s\.env:2: not a line"),
        ("s.env", "A='hunter2\n", r"s\.env:1: the quote of A is not closed"),
        ("s.yaml", "A: {b: hunter2}\n", r"s\.yaml:1: secrets are one flat map"),
        ("s.yaml", "A: &x hunter2\nB: *x\n", r"s\.yaml:2: secrets are one flat map"),
        ("s.yaml", "A: hunter2\nA: two\n", r"s\.yaml:2: `A` stands there twice"),
        ("s.yaml", "A: 'hunter2\n", r"s\.yaml:2 is not YAML"),
        ("s.yaml", "[" * 30_000, r"s\.yaml:1: secrets are one flat map"),
        ("s.json", '{"A": "hunter2"', r"not JSON: .* at 1:16"),
        ("s.json", '{"A": ["hunter2"]}', "neither text nor a number"),
        ("s.json", "[" * 100_000, "not JSON"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place_and_without_its_values(
    tmp_path: Path, name: str, text: str, where: str
) -> None:
    with pytest.raises(UserError, match=where) as refusal:
        _write(tmp_path / name, text).get("A", namespace="")
    assert "hunter2" not in str(refusal.value)


def test_yaml_scalars_are_what_stands_there(tmp_path: Path) -> None:
    file = _write(tmp_path / "s.yml", "A: yes\nB: 0123\nC: 12:30:45\nD: 1.10\nE: ~\n")
    assert [file.get(name, namespace="") for name in "ABCDE"] == ["yes", "0123", "12:30:45", "1.10", "~"]


def test_a_file_is_read_again_when_it_has_changed_and_warns_when_others_can_read_it(tmp_path: Path) -> None:
    file = _write(tmp_path / "s.env", "A=one # comment\n")
    assert (file.get("A", namespace=""), file.warnings()) == ("one", [])
    (tmp_path / "s.env").write_text("A=another\n")
    (tmp_path / "s.env").chmod(0o644)
    assert file.get("A", namespace="") == "another"
    assert file.warnings() == [f"{tmp_path / 's.env'} can be read by others (mode 0644): chmod 600 {tmp_path}/s.env"]
    with pytest.raises(UserError, match="does not exist"):
        FileSecrets(tmp_path / "none").get("A", namespace="")


# ── the mask ──


@pytest.fixture
def masker() -> Masker:
    made = Masker()
    for value in (
        "hunter2",
        "hunter2-longer",
        "no",
        'pa"ss\\wörd',
        "-----BEGIN KEY-----\nabcdefgh\n}\n-----END KEY-----",
    ):
        made.learn(value)
    return made


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("nothing here", "nothing here"),
        ("xhunter2x", "x******x"),
        ("hunter2-longer, hunter2-long", "******, ******-long"),
        ("no notes, no: know no", "****** notes, ******: know ******"),
        ("line abcdefgh line } stays", "line ****** line } stays"),
        ("-----BEGIN KEY-----\nabcdefgh\n}\n-----END KEY-----", "******"),
        (json.dumps('a pa"ss\\wörd b'), '"a ****** b"'),
        ("https://u:pa%22ss%5Cw%C3%B6rd@host", "https://u:******@host"),
    ],
)
def test_values_are_hidden_wherever_they_turn_up(masker: Masker, text: str, hidden: str) -> None:
    assert masker.text(text) == hidden
    assert masker.data(text.encode()) == hidden.encode()
    assert masker.hides(text) is (text != hidden)


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
def test_base64_gives_nothing_away_at_any_alignment(before: str) -> None:
    masker = Masker()
    masker.learn("correct horse battery")
    encoded = base64.b64encode(f"{before}correct horse battery:suffix".encode()).decode()
    hidden = masker.text(encoded)
    assert "******" in hidden
    assert len(hidden) < len(encoded) - 20


def test_every_text_within_a_value_is_hidden_and_the_rest_untouched(masker: Masker) -> None:
    value = {"hunter2": ["hunter2", 1, None, True, {"a": ("x hunter2",)}], "b": 2.5}
    assert masker.value(value) == {"******": ["******", 1, None, True, {"a": ("x ******",)}], "b": 2.5}
    assert masker.hides(value)
    assert not masker.hides({"a": [1, "x"]})


def test_a_mask_that_knows_nothing_changes_nothing() -> None:
    masker = Masker()
    for empty in ("", "  ", "\n"):
        masker.learn(empty)
    assert (masker.text("a  b\n"), masker.data(b"x"), masker.hides("a")) == ("a  b\n", b"x", False)


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    yield from (data[start:end] for start, end in itertools.pairwise(places))


@given(
    st.lists(
        st.sampled_from([b"hunter2", b"hunter2-longer", b"no", b"hunter", b" ", b"x", b"\n", b"-longe"]), max_size=30
    ),
    st.lists(st.integers(0, 500), max_size=12),
)
def test_a_stream_cut_anywhere_is_masked_as_the_whole(parts: list[bytes], cuts: list[int]) -> None:
    masker = Masker()
    for value in ("hunter2", "hunter2-longer", "no"):
        masker.learn(value)
    data = b"".join(parts)
    stream = masker.stream()
    out = b""
    fed = 0
    for piece in pieces(data, cuts):
        out += stream.feed(piece)
        fed += len(piece)
        assert stream.held <= 60
    assert out + stream.finish() == masker.data(data)
    assert fed == len(data)


def test_learning_while_others_mask_is_safe() -> None:
    masker = Masker()
    masker.learn("first-secret")
    wrong: list[str] = []

    def mask() -> None:
        said = (masker.text("say first-secret") for _ in range(300))
        wrong.extend(each for each in said if "first-secret" in each)

    threads = [threading.Thread(target=mask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(100):
        masker.learn(f"secret-{number:04}")
    for thread in threads:
        thread.join()
    assert wrong == []


# ── the seal ──


def test_what_was_sealed_is_opened_with_the_same_key_only(tmp_path: Path) -> None:
    seal = KeySeal(tmp_path / "data" / "seal.key")
    sealed = seal.seal(b"clear")
    assert b"clear" not in sealed.encode()
    assert sealed != seal.seal(b"clear")
    assert KeySeal(tmp_path / "data" / "seal.key").open(sealed) == b"clear"
    assert (tmp_path / "data" / "seal.key").stat().st_mode & 0o777 == 0o600
    other = KeySeal(tmp_path / "other.key")
    other.seal(b"")
    with pytest.raises(Stalled, match="was sealed with the key"):
        other.open(sealed)
    with pytest.raises(Stalled, match="damaged"):
        seal.open(sealed[:-6] + ("AAAA==" if not sealed.endswith("AAAA==") else "BBBB=="))
    with pytest.raises(Stalled, match="does not know"):
        seal.open("nonsense")


def test_without_its_key_nothing_is_opened_and_none_is_made(tmp_path: Path) -> None:
    sealed = KeySeal(tmp_path / "a.key").seal(b"clear")
    with pytest.raises(Stalled, match="there is no key"):
        KeySeal(tmp_path / "b.key").open(sealed)
    assert not (tmp_path / "b.key").exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
@pytest.mark.parametrize(
    ("mode", "text", "message"),
    [
        (0o644, None, "can be read by others"),
        (0o600, "nonsense", "no key of this program"),
        (0o600, "", "no key of this program"),
    ],
)
def test_a_key_file_that_is_not_as_it_must_be_is_refused(
    tmp_path: Path, mode: int, text: str | None, message: str
) -> None:
    path = tmp_path / "seal.key"
    sealed = KeySeal(path).seal(b"clear")
    if text is not None:
        path.write_text(text)
    path.chmod(mode)
    for attempt in (lambda: KeySeal(path).open(sealed), lambda: KeySeal(path).seal(b"x")):
        with pytest.raises(Stalled, match=message):
            attempt()


def test_all_who_start_at_once_get_one_key(tmp_path: Path) -> None:
    seals = [KeySeal(tmp_path / "seal.key") for _ in range(8)]
    sealed: list[str] = []
    threads = [threading.Thread(target=lambda each=each: sealed.append(each.seal(b"x"))) for each in seals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {KeySeal(tmp_path / "seal.key").open(each) for each in sealed} == {b"x"}
    assert len(sealed) == 8
    assert [path.name for path in tmp_path.iterdir()] == ["seal.key"]
