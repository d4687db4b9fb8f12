"""The line that says who has deployed a flow: it is found again, and takes nothing away from the text."""

from __future__ import annotations

import pytest

from penstock.deploy.stamp import Stamp, digest, stamped, unstamped
from penstock.flow.reading.document import read_document

FLOW = "id: a\nnamespace: b\ntasks: []\n"


@pytest.mark.parametrize("text", [FLOW, FLOW.rstrip(), FLOW + "\n\n", FLOW + "x: |\n  text\n", FLOW + "x: |+\n  t\n\n"])
def test_the_stamp_is_found_and_the_flow_means_what_it_meant(text: str) -> None:
    whole = stamped(text, "team/flows")

    body, stamp = unstamped(whole)

    assert stamp == Stamp("team/flows", digest(text))
    assert digest(body) == stamp.digest
    assert read_document(whole.encode(), "").value == read_document(text.encode(), "").value


def test_stamping_twice_is_stamping_once() -> None:
    assert stamped(stamped(FLOW, "team/flows"), "team/flows") == stamped(FLOW, "team/flows")


def test_servers_that_trim_texts_or_change_their_line_ends_change_no_digest() -> None:
    kept = stamped(FLOW, "o").strip().replace("\n", "\r\n")

    body, stamp = unstamped(kept)

    assert stamp is not None
    assert digest(body) == stamp.digest


def test_a_text_that_only_talks_of_it_has_no_stamp() -> None:
    assert unstamped(f"# penstock.deployed by=x sha256=12\n{FLOW}") == (
        f"# penstock.deployed by=x sha256=12\n{FLOW}",
        None,
    )
