"""What a container may be: resolved under a profile, and judged by an administrator's policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.adapters.docker.policy import Grants, Policy, judge
from penstock.adapters.docker.spec import CAPABILITIES, NOBODY, Profile, Share, resolved
from penstock.errors import Refused, UserError
from penstock.ports.container import Container, DeviceRequest, Memory
from penstock.ports.runner import WORKING_DIR_MARK, Limits, Order

MIB = 1 << 20
VOLUME = {"Type": "volume", "Target": "/penstock", "VolumeOptions": {"NoCopy": True}}
SHARE = Share(memory_bytes=512 * MIB)


def body_of(
    wish: Container, *, profile: Profile = Profile.COMPATIBLE, share: Share = SHARE, order: Order | None = None
) -> dict[str, Any]:
    order = order or Order("n", ["sh", "-c", "true"], env={"A": f"{WORKING_DIR_MARK}/a"})
    return resolved(order, wish, profile, share, network="bridge", mounts=[VOLUME], labels={"l": "v"})


def judged(wish: Container, grants: Grants | None = None, **more: Any) -> None:
    """As the runner has it: the share is what the grants say."""
    grants = grants or Grants()
    share = Share(
        memory_bytes=512 * MIB,
        processes=grants.processes,
        user=grants.users[0] if grants.users else None,
        capabilities=grants.capabilities,
    )
    body = resolved(
        Order("n", ["true"]), wish, grants.profile, share, network=grants.network, mounts=[VOLUME], labels={}
    )
    judge(body, grants, more.pop("policy", Policy(grants)), "team.a", **more)


def refused(wish: Container, grants: Grants | None = None, **more: Any) -> str:
    """Why, and what would allow it."""
    with pytest.raises(Refused) as caught:
        judged(wish, grants, **more)
    assert caught.value.code == "PEN052"
    return f"{caught.value.message} / {caught.value.help}"


# ── resolved ──


def test_the_whole_body_of_the_default_profile() -> None:
    assert body_of(Container("busybox")) == {
        "Image": "busybox",
        "Entrypoint": [""],
        "Cmd": ["sh", "-c", "true"],
        "Env": ["A=/penstock/work/a"],
        "ExposedPorts": {},
        "WorkingDir": "/penstock/work",
        "User": "",
        "Labels": {"l": "v"},
        "HostConfig": {
            "AutoRemove": False,
            "Binds": [],
            "CapAdd": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"],
            "CapDrop": ["ALL"],
            "DeviceRequests": [],
            "ExtraHosts": [],
            "Init": True,
            "IpcMode": "private",
            "Memory": 512 * MIB,
            "MemorySwap": 512 * MIB,
            "Mounts": [VOLUME],
            "NetworkMode": "bridge",
            "OomKillDisable": False,
            "PidsLimit": 512,
            "PortBindings": {},
            "Privileged": False,
            "ReadonlyRootfs": False,
            "RestartPolicy": {"Name": "no"},
            "SecurityOpt": ["no-new-privileges"],
            "Tmpfs": {},
        },
    }


def test_strict_takes_the_rest() -> None:
    compatible, strict = body_of(Container("b")), body_of(Container("b"), profile=Profile.STRICT)
    changed = {key: value for key, value in strict["HostConfig"].items() if value != compatible["HostConfig"][key]}
    tmpfs = "rw,exec,nosuid,nodev,size=1073741824,mode=1777"
    assert changed == {
        "CapAdd": [],
        "ReadonlyRootfs": True,
        "Tmpfs": {"/tmp": tmpfs, "/home/penstock": tmpfs},
    }
    assert strict["User"] == NOBODY
    assert strict["Env"] == ["HOME=/home/penstock", "A=/penstock/work/a"]


def test_what_a_task_wants_of_the_machine() -> None:
    wish = Container(
        "b",
        cpus=0.5,
        memory=Memory(64 * MIB, 128 * MIB, 10, 32 * MIB, 16 * MIB, oom_kill_disable=True),
        shm_bytes=MIB,
        ports=["8080:80", "127.0.0.1:9:53/udp", "443"],
        device_requests=[
            DeviceRequest(count=1),
            DeviceRequest("nvidia", None, ["0"], [["gpu", "utility"]], {"a": "b"}),
        ],
    )
    body = body_of(wish, share=Share(memory_bytes=MIB, open_files=1024))
    host = body["HostConfig"]
    assert {key: host[key] for key in host if key not in body_of(Container("b"))["HostConfig"]} == {
        "KernelMemory": 16 * MIB,
        "MemoryReservation": 32 * MIB,
        "MemorySwappiness": 10,
        "NanoCpus": 500_000_000,
        "ShmSize": MIB,
        "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}],
    }
    assert (host["Memory"], host["MemorySwap"], host["OomKillDisable"]) == (64 * MIB, 128 * MIB, True)
    assert host["PortBindings"] == {
        "80/tcp": [{"HostIp": "", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "9"}],
        "443/tcp": [{"HostIp": "", "HostPort": ""}],
    }
    assert body["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}, "443/tcp": {}}
    assert host["DeviceRequests"] == [
        {"Driver": "", "Count": 1, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}},
        {
            "Driver": "nvidia",
            "Count": 0,
            "DeviceIDs": ["0"],
            "Capabilities": [["gpu", "utility"]],
            "Options": {"a": "b"},
        },
    ]


@pytest.mark.parametrize(
    ("memory", "limits", "bounds"),
    [
        (Memory(), Limits(), (512 * MIB, 512 * MIB)),
        (Memory(), Limits(memory_bytes=64 * MIB), (64 * MIB, 64 * MIB)),
        (Memory(limit=8 * MIB), Limits(memory_bytes=64 * MIB), (8 * MIB, 8 * MIB)),
        (Memory(limit=8 * MIB, swap=-1), Limits(), (8 * MIB, -1)),
        (Memory(swap=16 * MIB), Limits(), (16 * MIB, 16 * MIB)),
    ],
)
def test_swap_is_no_more_than_memory_unless_a_task_says_so(
    memory: Memory, limits: Limits, bounds: tuple[int, int]
) -> None:
    host = body_of(Container("b", memory=memory), order=Order("n", ["true"], limits=limits))["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == bounds


@pytest.mark.parametrize(("wanted", "given_"), [(None, 512), (10, 10), (100_000, 512)])
def test_no_task_has_more_processes_than_its_share(wanted: int | None, given_: int) -> None:
    body = body_of(Container("b"), order=Order("n", ["true"], limits=Limits(processes=wanted)))
    assert body["HostConfig"]["PidsLimit"] == given_


@pytest.mark.parametrize(
    ("wish", "entry"),
    [
        (Container("b"), [""]),
        (Container("b", entry_point=[""]), [""]),
        (Container("b", entry_point=["/e", "-x"]), ["/e", "-x"]),
        (Container("b", is_entered=True), None),
        (Container("b", is_entered=True, entry_point=["/e"]), ["/e"]),
        (Container("b", is_entered=True, entry_point=[""]), [""]),
    ],
)
def test_whose_entry_point_it_is(wish: Container, entry: list[str] | None) -> None:
    assert body_of(wish).get("Entrypoint") == entry


@pytest.mark.parametrize("port", ["x", "80:", "0", "70000", "80/icmp", "1:2:3:4", "-1:80", "9" * 5000])
def test_a_port_that_is_none(port: str) -> None:
    with pytest.raises(UserError, match="names no port"):
        body_of(Container("b", ports=[port]))


@pytest.mark.parametrize("order", [Order("n", ["a\0b"]), Order("n", [], {"A": "\0"}), Order("n", [], {"A=B": "c"})])
def test_what_no_container_can_be_told(order: Order) -> None:
    with pytest.raises(UserError):
        body_of(Container("b"), order=order)


# ── judged ──


WISHES = st.builds(
    Container,
    image=st.sampled_from(["busybox", "ghcr.io/a/b@sha256:" + "0" * 64, "cafe"]),
    user=st.sampled_from([None, "0", "root", "1000:1000", NOBODY]),
    entry_point=st.none() | st.lists(st.text(max_size=3), max_size=2),
    is_entered=st.booleans(),
    extra_hosts=st.lists(st.sampled_from(["a:1.2.3.4", "b:host-gateway"]), max_size=1),
    network=st.sampled_from(
        [
            None,
            "none",
            "bridge",
            "default",
            "host",
            "container:x",
            "ns:/proc/1/ns/net",
            "slirp4netns:a=b",
            "pasta",
            "own",
        ]
    ),
    cpus=st.none() | st.floats(0.1, 64),
    memory=st.builds(
        Memory,
        limit=st.none() | st.integers(1, 1 << 40),
        swap=st.none() | st.integers(-1, 1 << 41),
        oom_kill_disable=st.none() | st.booleans(),
    ),
    volumes=st.lists(
        st.builds(
            lambda *parts: "".join(parts),
            st.sampled_from(["/", "/etc", "//etc", "/srv/../etc", "/var/run/docker.sock", "/srv/a", "name", "", "."]),
            st.sampled_from(["", ":/x", ":/penstock", ":/x:ro", ":/x:rw,rshared", ":/x:U"]),
        ),
        max_size=2,
    ),
    ports=st.lists(st.sampled_from(["80", "80:80"]), max_size=1),
    device_requests=st.lists(st.just(DeviceRequest()), max_size=1),
    privileged=st.booleans(),
)


@given(WISHES, st.sampled_from(Profile))
def test_without_a_policy_nothing_of_the_machine_is_given(wish: Container, profile: Profile) -> None:
    grants = Grants(profile=profile)
    body = body_of(wish, profile=profile)
    try:
        judge(body, grants, Policy(grants), "team.a")
    except Refused:
        return
    host = body["HostConfig"]
    assert not host["Privileged"]
    assert (host["Binds"], host["Mounts"]) == ([], [VOLUME])
    assert (host["DeviceRequests"], host["PortBindings"], host["OomKillDisable"]) == ([], {}, False)
    assert host["NetworkMode"] in ("none", "bridge", "default", "own")
    assert host["IpcMode"] == "private"
    assert {"PidMode", "UTSMode", "UsernsMode", "CgroupnsMode", "Devices", "VolumesFrom"}.isdisjoint(host)
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert set(host["CapAdd"]) <= (set(CAPABILITIES) if profile is Profile.COMPATIBLE else set())
    assert host["PidsLimit"] <= 512
    assert not host["AutoRemove"]
    if profile is Profile.STRICT:
        assert (body["User"], host["ReadonlyRootfs"]) == (NOBODY, True)


BAD_BODIES: list[tuple[Mapping[str, Any], str]] = [
    ({"PidMode": "host"}, "PidMode `host`"),
    ({"IpcMode": "container:x"}, "IpcMode `container:x`"),
    ({"UTSMode": "host"}, "UTSMode `host`"),
    ({"UsernsMode": "host"}, "UsernsMode `host`"),
    ({"CgroupnsMode": "host"}, "CgroupnsMode `host`"),
    ({"Devices": [{"PathOnHost": "/dev/kmsg"}]}, "`Devices`"),
    ({"VolumesFrom": ["other"]}, "`VolumesFrom`"),
    ({"Runtime": "io.example"}, "`Runtime`"),
    ({"CapAdd": ["SYS_ADMIN"]}, "SYS_ADMIN"),
    ({"CapDrop": []}, "keep what containers are not given"),
    ({"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]}, "keep what containers are not given"),
    ({"SecurityOpt": []}, "keep what containers are not given"),
    ({"PublishAllPorts": True}, "ports of the machine"),
    ({"PidsLimit": 0}, "more than 512 processes"),
    ({"PidsLimit": -1}, "more than 512 processes"),
    ({"Mounts": [{"Type": "bind", "Source": "/etc", "Target": "/x"}]}, "the volume `/etc:/x`"),
    ({"Mounts": [{"Type": "volume", "Source": "other", "Target": "/x"}]}, "the volume `other:/x`"),
    ({"Mounts": [{**VOLUME, "VolumeOptions": {"DriverConfig": {"Options": {"o": "bind"}}}}]}, "the volume `None:"),
]


@pytest.mark.parametrize(("change", "why"), BAD_BODIES)
def test_the_body_is_judged_and_not_what_was_wished_for(change: Mapping[str, Any], why: str) -> None:
    """No property of a task leads there: should one ever, it is told."""
    body = body_of(Container("b"))
    judge(body, Grants(), Policy(), "n")
    body["HostConfig"] |= change
    with pytest.raises(Refused) as caught:
        judge(body, Grants(), Policy(), "n")
    assert why in caught.value.message


@pytest.mark.parametrize(
    ("wish", "line", "grants"),
    [
        (Container("b", privileged=True), "privileged: true", Grants(privileged=True)),
        (Container("b", device_requests=[DeviceRequest()]), "devices: true", Grants(devices=True)),
        (Container("b", ports=["80:80"]), "ports: true", Grants(ports=True)),
        (Container("b", network="host"), "networks: [host]", Grants(networks=("host",))),
        (Container("b", network="container:x"), "networks: [container:x]", Grants(networks=("container:x",))),
        (Container("b", memory=Memory(oom_kill_disable=True)), "oomKillDisable: true", Grants(oom_kill_disable=True)),
        (Container("b", volumes=["/srv/a:/x"]), 'volumes: ["/srv/a"]', Grants(volumes=("/srv/a",))),
        (Container("b", volumes=["/srv/a/:/x:ro"]), 'volumes: ["/srv/a:ro"]', Grants(volumes=("/srv/a:ro",))),
        (Container("b", volumes=["cache:/x"]), 'volumes: ["cache"]', Grants(volumes=("cache",))),
    ],
)
def test_the_refusal_names_the_line_that_allows_it(wish: Container, line: str, grants: Grants) -> None:
    assert f"`{line}` in the administrator's policy file" in refused(wish)
    judged(wish, grants)


def test_a_privileged_container_keeps_everything() -> None:
    host = body_of(Container("b", privileged=True))["HostConfig"]
    assert (host["Privileged"], host["CapDrop"], host["CapAdd"], host["SecurityOpt"]) == (True, [], [], [])


def test_granted_capabilities_are_given() -> None:
    grants = Grants(profile=Profile.STRICT, capabilities=("NET_RAW",))
    body = body_of(Container("b"), profile=Profile.STRICT, share=Share(capabilities=("NET_RAW",)))
    assert body["HostConfig"]["CapAdd"] == ["NET_RAW"]
    judge(body, grants, Policy(grants), "n")
    with pytest.raises(Refused, match="NET_RAW"):
        judge(body, Grants(profile=Profile.STRICT), Policy(), "n")


def test_users() -> None:
    assert "run as `root`" in refused(Container("b", user="root"), Grants(users=("1000:1000",)))
    judged(Container("b", user="1000:1000"), Grants(users=("1000:1000",)))
    judged(Container("b"), Grants(users=("1000:1000",)))  # who names nobody is that one, whoever its image has
    assert 'users: ["0"]' in refused(Container("b", user="0"), Grants(profile=Profile.STRICT))
    judged(Container("b", user="0"), Grants(profile=Profile.STRICT, users=("0",)))
    judged(Container("b"), Grants(profile=Profile.STRICT))
    judged(Container("b", user="root"))


def test_amounts() -> None:
    grants = Grants(most_memory=1 << 30, most_cpus=2, processes=100)
    judged(Container("b", cpus=2, memory=Memory(limit=1 << 30)), grants)
    assert "mostMemory: 1073741825" in refused(Container("b", cpus=1, memory=Memory(limit=(1 << 30) + 1)), grants)
    assert "mostMemory" in refused(Container("b", cpus=1, memory=Memory(limit=MIB, swap=-1)), grants)
    assert "mostMemory" in refused(Container("b", cpus=1, memory=Memory(limit=MIB, swap=1 << 31)), grants)
    assert "mostCpus: 2.5" in refused(Container("b", cpus=2.5), grants)
    assert "mostCpus" in refused(Container("b"), grants)  # nothing said is all of them


def test_networks() -> None:
    listed = Grants(networks=("warehouse",), network="none")
    judged(Container("b"), listed)
    judged(Container("b", network="warehouse"), listed)
    assert "networks: [bridge]" in refused(Container("b", network="bridge"), listed)
    judged(Container("b", network="none"), Grants(networks=("bridge",)))
    judged(Container("b", network="whatever"))
    assert "networks: [host]" in refused(Container("b"), Grants(network="host"))


@pytest.mark.parametrize(
    ("pattern", "image", "is_allowed"),
    [
        ("ubuntu", "ubuntu", True),
        ("ubuntu", "ubuntu:latest", True),
        ("ubuntu", "docker.io/library/ubuntu", True),
        ("ubuntu", "ubuntu:22.04", False),
        ("ubuntu:*", "ubuntu:22.04", True),
        ("python:*", "python:5000/evil", False),
        ("acme-*/tool", "acme-evil.example/tool", False),
        ("ghcr.io/acme/*", "ghcr.io/acme/deep/tool:1", True),
        ("ghcr.io/acme/*", "ghcr.io/acme-evil/tool", False),
        ("*", "anything.example:5000/at/all:1", True),
        ("ghcr.io/acme/tool@sha256:*", "ghcr.io/acme/tool@sha256:" + "1" * 64, True),
        ("*", "deadbeef", False),
        ("*", "sha256:" + "1" * 64, False),
    ],
)
def test_images(pattern: str, image: str, is_allowed: bool) -> None:
    grants = Grants(images=(pattern,))
    if is_allowed:
        judged(Container(image), grants)
    else:
        assert image in refused(Container(image), grants)


def test_registries_and_digests() -> None:
    judged(Container("ubuntu"), Grants(registries=("docker.io",)))
    judged(Container("index.docker.io/library/ubuntu"), Grants(registries=("docker.io",)))
    assert "registries: [ghcr.io]" in refused(Container("ghcr.io/a/b"), Grants(registries=("docker.io",)))
    assert "digests: false" in refused(Container("ubuntu:22.04"), Grants(digests=True))
    judged(Container("ubuntu@sha256:" + "a" * 64), Grants(digests=True))


# ── volumes ──


@pytest.mark.parametrize(
    ("granted", "bind", "is_allowed"),
    [
        (("/srv/a",), "/srv/a:/x", True),
        (("/srv/a",), "//srv//a/.:/x", True),
        (("/srv/a",), "/srv/a:/x:ro", True),
        (("/srv/a",), "/srv/a/b:/x", False),  # whoever writes to /srv/a may make it a link
        (("/srv/a",), "/srv/ab:/x", False),
        (("/srv/a",), "/srv:/x", False),
        (("/srv/a:ro",), "/srv/a:/x", False),
        (("/srv/a:ro",), "/srv/a:/x:ro", True),
        (("/srv/a:ro",), "/srv/a/b/c:/x:ro", True),
        (("/srv/a:ro",), "/srv/a/b:/x:rw", False),
        (("/srv/a:ro",), "/srv/ab:/x:ro", False),
        (("/srv/a:ro",), "/srv/a/../../etc:/x:ro", False),
        (("/srv/a:ro", "/srv/a/out"), "/srv/a/b:/x:ro", True),
        (("/srv/a:ro", "/srv/a/out"), "/srv/a/out/b:/x:ro", False),
        (("/srv/a", "/srv/a/b"), "/srv/a/b:/x", False),
        (("/srv/a",), "/srv/a:/x:rshared", False),
        (("/srv/a",), "/srv/a:/x:U", False),
        (("/srv/a:ro",), "/srv/a:/x:ro,Z", False),
        (("/srv/a",), "/srv/a:/x:Z", True),
        (("/:ro",), "/etc:/x:ro", True),
        (("/:ro",), "/:/x:ro", True),
        (("/:ro",), "/run:/x:ro", False),
        (("/:ro",), "/var:/x:ro", False),
        (("/:ro",), "/run/user/1000:/x:ro", False),
        (("/run/app:ro",), "/run/app:/x:ro", True),
        (("/",), "/var/run/docker.sock:/x", False),
        (("/var/run/docker.sock",), "/var/run/docker.sock:/x", False),
        (("cache",), "cache:/x", True),
        (("cache",), "cache2:/x", False),
        (("cache:ro",), "cache:/x", False),
        (("/srv/a",), "/srv/a\0:/x", False),
        ((), "/data", False),
    ],
)
def test_volumes(granted: tuple[str, ...], bind: str, is_allowed: bool) -> None:
    grants = Grants(volumes=granted)
    if is_allowed:
        judged(Container("b", volumes=[bind]), grants)
    else:
        assert bind in refused(Container("b", volumes=[bind]), grants)


def test_what_another_namespace_may_write_is_no_place_to_bind_from() -> None:
    policy = Policy(Grants(), {"team.b": {"volumes": ("/srv/shared",)}})
    wish, grants = Container("b", volumes=["/srv/shared/rates:/x:ro"]), Grants(volumes=("/srv/shared/rates:ro",))
    judged(wish, grants)
    assert "tasks may write to `/srv/shared`" in refused(wish, grants, policy=policy)


def test_a_link_that_leads_out_is_not_bound(tmp_path: Path) -> None:
    (tmp_path / "granted" / "inner").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "docker.sock").touch()
    for name, target in (("fine", "inner"), ("out", "../other"), ("socket", "../docker.sock")):
        (tmp_path / "granted" / name).symlink_to(target)
    grants = Grants(volumes=(f"{tmp_path}/granted:ro",))

    def followed(path: str) -> str:
        return str(Path(path).resolve())

    def bound(name: str) -> Container:
        return Container("b", volumes=[f"{tmp_path}/granted/{name}:/x:ro"])

    judged(bound("inner"), grants, followed=followed)
    judged(bound("fine"), grants, followed=followed)
    assert f"it leads to `{tmp_path}/other`" in refused(bound("out"), grants, followed=followed)
    assert "no engine's socket is ever bound" in refused(bound("socket"), grants, followed=followed)


@given(st.lists(st.sampled_from(["a", "b", "..", ".", "", "docker.sock", "run", "var"]), max_size=5), st.booleans())
def test_nothing_outside_of_what_is_granted_is_ever_bound(steps: list[str], is_read_only: bool) -> None:
    """Judged by the path as the kernel would take it."""
    source = "/" + "/".join(steps)
    bind = f"{source}:/x" + (":ro" if is_read_only else "")
    try:
        judged(Container("b", volumes=[bind]), Grants(volumes=("/a:ro", "/b/a")))
    except Refused:
        return
    real = Path(source).parts
    assert ".." not in real
    assert "docker.sock" not in real[-1:]
    assert (real[:2] == ("/", "a") and is_read_only) or real == ("/", "b", "a")


# ── by namespace ──


def test_the_more_exact_namespace_wins_key_by_key() -> None:
    policy = Policy(
        Grants(network="none", ports=True),
        {"company": {"network": "bridge"}, "company.team": {"ports": False, "processes": 7}},
    )
    assert policy.grants("other") == Grants(network="none", ports=True)
    assert policy.grants("company.x") == Grants(network="bridge", ports=True)
    assert policy.grants("company.team.a") == Grants(network="bridge", ports=False, processes=7)
    assert policy.grants("company.teams") == policy.grants("company")
    assert policy.grants("companyx") == policy.grants("other")
