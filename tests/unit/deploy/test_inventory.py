"""The list of the namespace files that are ours: it never claims what was not put there by us."""

from __future__ import annotations

import pytest

from penstock.deploy.inventory import Inventory, inventory_path, read_inventory


def test_what_is_meant_is_known_beside_what_was() -> None:
    before = Inventory().settled({"a": b"1"}, ())

    meant = before.meaning({"a": b"2", "b": b"3"})

    assert meant.knows("a", b"1")
    assert meant.knows("a", b"2")
    assert meant.owns("b")
    assert not meant.settled({"a": b"2"}, ["b"]).knows("a", b"1")


def test_it_comes_back_as_it_was_written() -> None:
    inventory = Inventory().meaning({"sql/ä.sql": b"1", "b": b""})

    assert read_inventory(inventory.written()) == inventory


@pytest.mark.parametrize(
    "content", [None, b"", b"nonsense", b"[]", b'{"files": []}', b'{"files": {"a": 1}}', b"\xff\xfe"]
)
def test_what_is_no_inventory_claims_nothing(content: bytes | None) -> None:
    assert read_inventory(content).files == {}


def test_owners_do_not_share_one() -> None:
    assert len({inventory_path(owner) for owner in ("a/b", "a-b", "a b", "ab")}) == 4
