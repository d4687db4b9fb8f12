"""The administrator's policy file: what it says, what is wrong with it and where, and its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import penstock_schemas
from penstock.adapters.docker.policy import Grants, Policy
from penstock.adapters.docker.policy_file import FILE, GRANTS, policy_schema, read_policy, refuse_within, schema_text
from penstock.adapters.docker.spec import Profile
from penstock.errors import UserError

WHOLE = """\
profile: strict
images: [ubuntu, "ghcr.io/acme/*"]
registries: docker.io
digests: true
networks: [bridge, none]
network: none
ports: true
volumes: ["/srv/rates:ro", cache]
devices: true
privileged: true
oomKillDisable: true
extraHosts: false
capabilities: [NET_RAW]
users: ["1000:1000"]
memory: 2GiB
mostMemory: 4096m
cpus: 0.5
mostCpus: 2
processes: 100
openFiles: 1024
metadata: never
namespaces:
  company.team:
    profile: compatible
    memory:
"""


def read(tmp_path: Path, text: str) -> Policy:
    file = tmp_path / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o644)
    return read_policy(file)


def told(tmp_path: Path, text: str) -> str:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert caught.value.code == "PEN053"
    return caught.value.message


def test_every_key(tmp_path: Path) -> None:
    policy = read(tmp_path, WHOLE)
    assert policy.everywhere == Grants(
        profile=Profile.STRICT,
        images=("ubuntu", "ghcr.io/acme/*"),
        registries=("docker.io",),
        digests=True,
        networks=("bridge", "none"),
        network="none",
        ports=True,
        volumes=("/srv/rates:ro", "cache"),
        devices=True,
        privileged=True,
        oom_kill_disable=True,
        extra_hosts=False,
        capabilities=("NET_RAW",),
        users=("1000:1000",),
        memory=2 << 30,
        most_memory=4 << 30,
        cpus=0.5,
        most_cpus=2.0,
        processes=100,
        open_files=1024,
    )
    assert (policy.metadata, policy.namespaces) == ("never", {"company.team": {"profile": Profile.COMPATIBLE}})
    assert set(GRANTS) == set(yaml.safe_load(WHOLE)) - {"metadata", "namespaces"}, "a key is not tried here"
    assert {name for name, _, _ in GRANTS.values()} == set(Grants.__dataclass_fields__)


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing\n").everywhere == Grants()


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("profil: strict\n", "1:1", "`profil` is no key of a policy (did you mean `profile`?)"),
        ("a: [\n", "2:1", "is not YAML"),
        ("digests: perhaps\n", "1:10", "`perhaps` is neither true nor false"),
        ("memory: 2 apples\n", "1:9", "`2 apples` is no amount of bytes"),
        ("memory: 0\n", "1:9", "`0` is no amount of bytes"),
        ("cpus: -1\n", "1:7", "`-1` is no number of processors"),
        ("capabilities: [ALL]\n", "1:16", "`ALL` is none of"),
        ("volumes:\n  - /srv/../etc\n", "2:5", "says `..`"),
        ("volumes: [/srv/a:rw]\n", "1:11", "is nothing that can be bound"),
        ("volumes: [./a]\n", "1:11", "is nothing that can be bound"),
        ("processes: 0\n", "1:12", "`0` is not a whole number from 1 to"),
        ("metadata: sometimes\n", "1:11", "`sometimes` is none of auto, always, never"),
        ("namespaces: [a]\n", "1:13", "`namespaces` is a map"),
        ("namespaces:\n  a.*: {}\n", "2:3", "`a.*` is no namespace (name it without `*`"),
        ("namespaces:\n  a: strict\n", "2:6", "`a` is a map of what the namespace may"),
        ("namespaces:\n  a:\n    metadata: never\n", "3:5", "`metadata` is no key of a policy"),
        ("profile: strict\nprofile: compatible\n", "2:1", "`profile` is there twice"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_line(tmp_path: Path, text: str, place: str, why: str) -> None:
    message = told(tmp_path, text)
    assert f"{tmp_path}/policy.yaml:{place}: " in message
    assert why in message
    line = text.splitlines()[int(place.partition(":")[0]) - 1 :][:1]
    assert not line or f"    {line[0]}" in message


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    assert told(tmp_path, "cpus: 0\nnamespaces:\n  a: {memory: x, port: true}\n").count("policy.yaml:") == 3


def test_a_file_that_is_not_there_or_that_anybody_may_write_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_policy(tmp_path / "none.yaml")
    file = tmp_path / "open.yaml"
    file.write_text("profile: strict\n")
    file.chmod(0o666)
    with pytest.raises(UserError, match="anybody may write to"):
        read_policy(file)


def test_a_file_among_the_flows_is_not_used(tmp_path: Path) -> None:
    flows, other = tmp_path / "flows", tmp_path / "other"
    flows.mkdir()
    other.mkdir()
    inside, outside = flows / "policy.yaml", other / "policy.yaml"
    inside.touch()
    outside.touch()
    refuse_within(outside, flows)
    (other / "link.yaml").symlink_to(inside)
    for file in (inside, other / ".." / "flows" / "policy.yaml", other / "link.yaml"):
        with pytest.raises(UserError, match="where flows are"):
            refuse_within(file, flows)


# ── its schema ──


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = Path(penstock_schemas.__file__).parent / FILE
    assert committed.read_text(encoding="utf-8") == schema_text(), "policy_file.publish writes it anew"


@pytest.mark.parametrize("data", [yaml.safe_load(WHOLE), {}, None, {"namespaces": {"a.b": {"images": "ubuntu"}}}])
def test_what_is_read_is_valid(data: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(policy_schema())
    jsonschema.validate(data, policy_schema())


@pytest.mark.parametrize(
    "data",
    [{"profil": "strict"}, {"profile": "lax"}, {"cpus": 0}, {"capabilities": ["ALL"]}, {"namespaces": {"a.*": {}}},
     {"namespaces": {"a": {"metadata": "never"}}}],
)  # fmt: skip
def test_what_is_not_read_is_not_valid(data: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, policy_schema())
