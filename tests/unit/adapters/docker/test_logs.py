"""Frames into pieces: every byte once, in order, whole lines, whatever way the bytes come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.adapters.docker.logs import Broken, Pieces, as_kept
from penstock.ports.runner import Stream

OUT, ERR = Stream.STDOUT, Stream.STDERR
LINE = 64 * 1024


def frame(stream: Stream, text: bytes) -> bytes:
    return bytes([1 if stream is OUT else 2, 0, 0, 0]) + len(text).to_bytes(4) + text


class Heard:
    """What was handed over, each piece checked as it comes."""

    def __init__(self, offsets: dict[Stream, int] | None = None) -> None:
        self.ends = {stream: (offsets or {}).get(stream, 0) for stream in Stream}
        self.text = dict.fromkeys(Stream, b"")
        self.pieces: list[bytes] = []

    def __call__(self, stream: Stream, data: bytes, offset: int) -> None:
        assert data
        self.ends[stream] += len(data)
        assert offset == self.ends[stream]
        self.text[stream] += data
        self.pieces.append(data)


frames = st.lists(st.tuples(st.sampled_from([OUT, ERR]), st.binary(max_size=60)), max_size=30)


def text_of(given_: list[tuple[Stream, bytes]], stream: Stream) -> bytes:
    return b"".join(text for each, text in given_ if each is stream)


@given(frames, st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_every_byte_is_handed_over_once_however_they_come(given_: list[tuple[Stream, bytes]], steps: list[int]) -> None:
    data = b"".join(frame(stream, text) for stream, text in given_)
    heard = Heard()
    pieces = Pieces(heard, {})
    at = turn = 0
    while at < len(data):
        step = steps[turn % len(steps)]
        pieces.feed(data[at : at + step])
        at, turn = at + step, turn + 1
    assert all(piece.endswith(b"\n") for piece in heard.pieces)
    pieces.finish()
    assert heard.text == {stream: text_of(given_, stream) for stream in Stream}


@given(frames, st.data())
def test_a_broken_connection_loses_and_doubles_nothing(given_: list[tuple[Stream, bytes]], data: st.DataObject) -> None:
    """It is read from its beginning again; an agent that comes later begins where the last one has flushed."""
    whole = b"".join(frame(stream, text) for stream, text in given_)
    offsets = {stream: data.draw(st.integers(0, len(text_of(given_, stream)))) for stream in Stream}
    heard = Heard(offsets)
    pieces = Pieces(heard, offsets)
    for _ in range(data.draw(st.integers(0, 3))):
        pieces.begin_anew()
        pieces.feed(whole[: data.draw(st.integers(0, len(whole)))])
    pieces.begin_anew()
    pieces.feed(whole)
    assert not pieces.is_within
    pieces.finish()
    assert heard.text == {stream: text_of(given_, stream)[offsets[stream] :] for stream in Stream}


def test_a_line_of_any_length_comes_in_pieces() -> None:
    heard = Heard()
    pieces = Pieces(heard, {})
    line = b"x" * (3 * LINE) + b"\n"
    for at in range(0, len(line), 16384):  # as an engine cuts it
        pieces.feed(frame(OUT, line[at : at + 16384]))
    assert [len(piece) for piece in heard.pieces[:2]] == [LINE, LINE]
    assert heard.text[OUT] == line


# ── heard live, and kept ──


def engines_own(text: bytes) -> bytes:
    """What an engine keeps, byte by byte: entries of at most 16 KiB, and in each the longest valid characters."""
    kept, entry = b"", b""
    for at in range(len(text)):
        entry += text[at : at + 1]
        if entry.endswith(b"\n") or len(entry) == 16384 or at == len(text) - 1:
            while entry:
                size = next((n for n in range(1, 5) if _is_character(entry[:n])), 0)
                kept += entry[:size] if size else "\ufffd".encode()
                entry = entry[size or 1 :]
    return kept


def _is_character(text: bytes) -> bool:
    try:
        return len(text.decode()) == 1
    except UnicodeDecodeError:
        return False


odd = st.lists(
    st.sampled_from(
        [b"a", b"\n", b"\r\n", "é".encode(), "€".encode(), "😀".encode(), b"\xe2\x82", b"\xff", b"\xed\xa0\x80"]
    )
).map(b"".join)


@given(st.one_of(odd, st.binary(max_size=80)), st.integers(0, 40))
def test_what_is_heard_is_made_what_is_kept(text: bytes, before_the_cut: int) -> None:
    assert as_kept(text) == engines_own(text)
    long = b"x" * (16384 - before_the_cut) + text
    assert as_kept(long) == engines_own(long)


@given(odd, st.data())
def test_who_goes_on_by_what_is_kept_goes_on_where_the_live_one_stopped(text: bytes, data: st.DataObject) -> None:
    heard = Heard()
    pieces = Pieces(heard, {})
    pieces.begin_anew(is_live=True)
    pieces.feed(frame(OUT, text[: data.draw(st.integers(0, len(text)))]))
    pieces.begin_anew()
    pieces.feed(frame(OUT, engines_own(text)))
    pieces.finish()
    assert heard.text[OUT] == engines_own(text)


@given(frames, st.integers(0, 6))
def test_an_end_is_told_by_the_last_words_that_are_kept(given_: list[tuple[Stream, bytes]], count: int) -> None:
    pieces = Pieces(Heard(), {})
    pieces.begin_anew(is_live=True)
    for stream, text in given_:
        pieces.feed(frame(stream, text))
    kept = [
        frame(stream, entry)
        for stream in (OUT, ERR)
        for entry in engines_own(text_of(given_, stream)).splitlines(keepends=True)
    ]
    assert pieces.end_as(kept[-count:] if count else [])
    assert not pieces.end_as([*kept[-count:], frame(OUT, b"more\n")])


def test_what_is_no_log_is_told() -> None:
    pieces = Pieces(Heard(), {})
    with pytest.raises(Broken, match="disk"):
        pieces.feed(bytes([3, 0, 0, 0]) + (8).to_bytes(4) + b"bad disk")
    with pytest.raises(Broken, match="no log"):
        Pieces(Heard(), {}).feed(b"HTTP/1.1 404 Not Found\r\n")
