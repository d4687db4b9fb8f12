"""The names of images: in full as engines understand them, and patterns of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.adapters.docker.reference import in_full, is_among, is_pinned, may_be_an_id, registry_of

DIGEST = "sha256:" + "5" * 64
HOSTS = st.sampled_from(["ghcr.io", "localhost", "localhost:5000", "box:5000", "[::1]:5000", "10.0.0.1", "Box"])
PARTS = st.from_regex(r"[a-z0-9]{1,3}([._-][a-z0-9]{1,3})?", fullmatch=True)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
TAGS = st.sampled_from(["latest", "22.04", "V1_rc-2"])
TAILS = st.sampled_from(["", ":1", f"@{DIGEST}", f":1@{DIGEST}"])


@given(HOSTS, PATHS, TAGS, st.booleans())
def test_a_name_in_full_stays_as_it_is(host: str, path: str, tag: str, is_by_digest: bool) -> None:
    image = f"{host}/{path}" + (f"@{DIGEST}" if is_by_digest else f":{tag}")
    assert in_full(image) == image
    assert registry_of(image) == host
    assert is_pinned(image) == is_by_digest
    assert not may_be_an_id(image)


@given(PARTS, TAILS)
def test_an_image_of_the_hub_is_the_same_by_all_its_names(name: str, tail: str) -> None:
    whole = f"docker.io/library/{name}" + (tail or ":latest")
    spellings = (name, f"library/{name}", f"docker.io/{name}", f"docker.io/library/{name}", f"index.docker.io/{name}")
    assert {in_full(each + tail) for each in spellings} == {whole}
    assert registry_of(name + tail) == "docker.io"


@given(st.one_of(PATHS, st.builds("{}/{}".format, HOSTS, PATHS)), TAILS)
def test_in_full_says_all_there_is_to_say(name: str, tail: str) -> None:
    image = name + tail
    assert in_full(in_full(image)) == in_full(image)
    assert registry_of(in_full(image)) == registry_of(image)
    assert is_pinned(in_full(image)) == is_pinned(image)


@given(st.one_of(PATHS, st.builds("{}/{}".format, HOSTS, PATHS)), TAILS, st.data())
def test_a_pattern_allows_itself_and_nothing_of_another_registry(name: str, tail: str, data: st.DataObject) -> None:
    image = name + tail
    if not image.startswith("["):  # which opens a set of characters in a pattern
        assert is_among(image, [image])
    assert is_among(image, ["*"])
    assert not is_among(image, [])
    registry = data.draw(HOSTS.filter(lambda host: not host.startswith("[")))
    assert is_among(image, [f"{registry}/*"]) == (registry_of(image) == registry)


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("ubuntu", "docker.io"),
        ("acme/tool", "docker.io"),
        ("ubuntu:5000/tool", "ubuntu:5000"),
        ("acme.example/tool", "acme.example"),
        ("localhost/tool", "localhost"),
        ("Acme/tool", "Acme"),  # to newer engines: a path has no capital, so that is a machine
        ("registry-1.docker.io/library/ubuntu", "docker.io"),
        ("docker.io.example/ubuntu", "docker.io.example"),
    ],
)
def test_the_registry_is_the_one_that_the_engine_asks(image: str, registry: str) -> None:
    assert registry_of(image) == registry


@pytest.mark.parametrize(
    ("image", "is_id"),
    [
        ("beef", True),
        ("5" * 64, True),
        (DIGEST, True),
        ("beef:1", False),
        ("a/beef", False),
        ("BEEF", False),
        ("x", False),
    ],
)
def test_what_an_engine_may_take_for_an_id(image: str, is_id: bool) -> None:
    assert may_be_an_id(image) == is_id


@pytest.mark.parametrize("tail", ["", ":1", "@sha256:" + "5" * 63, "@sha256:" + "5" * 65, "@sha512:" + "5" * 64])
def test_only_a_whole_digest_pins(tail: str) -> None:
    assert not is_pinned(f"ubuntu{tail}")
