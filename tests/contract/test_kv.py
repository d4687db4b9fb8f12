"""Keys of namespaces keep what they were given, for as long as they were told, on every adapter of Kv."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fakes.kv import MemoryKv
from penstock.adapters.sqlite import SqliteStore
from penstock.errors import Refused, UserError
from penstock.ports.clock import HeldClock
from penstock.ports.kv import Kv, KvEntry, KvType

NOW = HeldClock().now()
LATER = NOW + timedelta(hours=1)


@pytest.fixture(params=["sqlite", "memory"])
def kv(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kv]:
    if request.param == "memory":
        yield MemoryKv()
        return
    store = SqliteStore(tmp_path / "store.db")
    yield store.kv
    store.close()


def put(kv: Kv, key: str, value: object = 1, namespace: str = "team", at: datetime = NOW) -> KvEntry:
    return kv.put(namespace, key, value, type=KvType.JSON, now=at)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (KvType.STRING, "größer\nthan \u2028 'this'"),
        (KvType.STRING, ""),
        (KvType.NUMBER, 12345678901234567890),
        (KvType.NUMBER, 0.1),
        (KvType.BOOLEAN, False),
        (KvType.DATETIME, "2026-01-01T00:00:00Z"),
        (KvType.DATE, "2026-01-01"),
        (KvType.DURATION, "PT1H"),
        (KvType.JSON, {"a": [1, None, {"b": True}], "": {}}),
        (KvType.JSON, None),
    ],
)
def test_a_value_comes_back_as_it_was_given(kv: Kv, type_: KvType, value: object) -> None:
    given = kv.put("team", "key", value, type=type_, now=NOW, expires=LATER, description="why")
    assert given == KvEntry("team", "key", type_, value, NOW, NOW, LATER, "why")
    found = kv.get("team", "key", now=NOW)
    assert found == given
    assert found is not None
    assert type(found.value) is type(value)


def test_a_key_that_nobody_has_set_is_not_there(kv: Kv) -> None:
    put(kv, "key", namespace="team.sub")
    assert kv.get("team", "key", now=NOW) is None
    assert kv.get("team.sub", "KEY", now=NOW) is None
    assert not kv.delete("team", "key", now=NOW)


def test_a_key_keeps_its_beginning_and_its_description_while_it_is_there(kv: Kv) -> None:
    kv.put("team", "key", 1, type=KvType.NUMBER, now=NOW, description="first")
    again = kv.put("team", "key", "2", type=KvType.STRING, now=LATER)
    assert again == KvEntry("team", "key", KvType.STRING, "2", NOW, LATER, None, "first")
    assert kv.delete("team", "key", now=LATER)
    assert put(kv, "key", at=LATER) == KvEntry("team", "key", KvType.JSON, 1, LATER, LATER)


def test_a_key_is_gone_from_the_moment_that_it_expires(kv: Kv) -> None:
    kv.put("team", "brief", 1, type=KvType.NUMBER, now=NOW, expires=LATER, description="first")
    put(kv, "long")
    assert kv.get("team", "brief", now=LATER - timedelta(microseconds=1)) is not None
    assert kv.get("team", "brief", now=LATER) is None
    assert [entry.key for entry in kv.entries("team", now=LATER)] == ["long"]
    assert not kv.delete("team", "brief", now=LATER)

    kv.put("team", "brief", 1, type=KvType.NUMBER, now=NOW, expires=LATER, description="first")
    fresh = kv.put("team", "brief", 2, type=KvType.NUMBER, now=LATER, overwrite=False)
    assert fresh == KvEntry("team", "brief", KvType.NUMBER, 2, LATER, LATER)


def test_a_purge_takes_away_only_what_nobody_sees(kv: Kv) -> None:
    kv.put("team", "brief", 1, type=KvType.NUMBER, now=NOW, expires=LATER)
    kv.put("other", "brief", 1, type=KvType.NUMBER, now=NOW, expires=LATER)
    put(kv, "long")
    assert kv.purge(now=NOW) == 0
    assert kv.namespaces(now=NOW) == ["other", "team"]
    assert kv.namespaces(now=LATER) == ["team"]
    assert kv.purge(now=LATER) == 2
    assert kv.purge(now=LATER) == 0
    assert kv.get("team", "long", now=LATER) is not None


def test_keys_are_listed_by_name_and_by_how_they_begin(kv: Kv) -> None:
    for key in ("b", "a.2", "a_1", "A", "a%"[:1]):
        put(kv, key)
    put(kv, "a.3", namespace="team.sub")
    assert [entry.key for entry in kv.entries("team", now=NOW)] == ["A", "a", "a.2", "a_1", "b"]
    assert [entry.key for entry in kv.entries("team", prefix="a.", now=NOW)] == ["a.2"]
    assert [entry.key for entry in kv.entries("team", prefix="%", now=NOW)] == []


def test_what_is_there_is_kept_where_it_must_not_be_overwritten(kv: Kv) -> None:
    put(kv, "key", "first")
    with pytest.raises(Refused, match="the key 'key' exists already in the namespace 'team'"):
        kv.put("team", "key", "second", type=KvType.STRING, now=NOW, overwrite=False)
    found = kv.get("team", "key", now=NOW)
    assert found is not None
    assert found.value == "first"


@pytest.mark.parametrize("key", ["", "-a", ".a", "_a", "a b", "a/b", "ä", "a\n"])
def test_a_key_follows_the_rule_of_kestra(kv: Kv, key: str) -> None:
    with pytest.raises(UserError, match="cannot be a key"):
        put(kv, key)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, b"bytes", NOW, {"a": {"b": object()}}])
def test_what_json_cannot_hold_is_refused(kv: Kv, value: object) -> None:
    with pytest.raises(UserError, match="must be plain data"):
        put(kv, "key", value)


def test_nobody_shares_what_is_kept(kv: Kv) -> None:
    given: dict[str, object] = {"a": [1]}
    put(kv, "key", given)
    given["a"] = 2
    found = kv.get("team", "key", now=NOW)
    assert found is not None
    assert found.value == {"a": [1]}


def test_of_many_threads_that_must_not_overwrite_one_succeeds(kv: Kv) -> None:
    def claim(number: int) -> bool:
        try:
            kv.put("team", "key", number, type=KvType.NUMBER, now=NOW, overwrite=False)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(40))) == 1


_CLAIMER = """
import sys
from datetime import datetime
from pathlib import Path
from penstock.adapters.sqlite import SqliteStore
from penstock.errors import Refused
from penstock.ports.kv import KvType
store, now, won = SqliteStore(Path(sys.argv[1])), datetime.fromisoformat(sys.argv[2]), 0
for number in range(100):
    try:
        store.kv.put("team", f"k{number}", sys.argv[3], type=KvType.STRING, now=now, overwrite=False)
        won += 1
    except Refused:
        pass
    store.kv.put("team", f"of-{sys.argv[3]}-{number}", number, type=KvType.NUMBER, now=now)
print(won)
"""


def test_two_processes_lose_nothing_and_claim_each_key_once(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    argv = [sys.executable, "-c", _CLAIMER, str(tmp_path / "store.db"), NOW.isoformat()]
    running = [subprocess.Popen([*argv, name], stdout=subprocess.PIPE, text=True) for name in ("one", "two")]
    said = [process.communicate(timeout=60)[0] for process in running]

    assert [process.returncode for process in running] == [0, 0]
    assert sum(map(int, said)) == 100
    entries = store.kv.entries("team", now=NOW)
    assert len(entries) == 300
    assert sum(entry.value == "one" for entry in entries) == int(said[0])
    store.close()
