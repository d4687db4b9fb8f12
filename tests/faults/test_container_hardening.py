"""What a task's container may and may not, looked at from inside of it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import docker
import pytest

from docker_engine import shared
from docker_engine.images import AS_NAME, AS_NUMBER, WITH_ENTRY
from docker_engine.shared import Engine
from fakes.halt import HandHalt
from penstock.errors import Refused
from penstock.ports.container import Container, Memory
from penstock.ports.runner import Ending, Exit, Order
from penstock.wiring.containers import ContainerSetup, docker_runner
from until import until

MEGABYTE = 1 << 20
Inside = Callable[..., tuple[Exit, str]]


@pytest.fixture
def inside(engine: Engine, tmp_path: Path) -> Iterator[Inside]:
    """Runs a shell script in a container, by default under no policy; how it ended, and what it said."""
    made = []

    def run(
        script: str, *, policy: str | None = None, image: str = "busybox", namespace: str = "team", **wish: Any
    ) -> tuple[Exit, str]:
        data = tmp_path / f"data-{len(made)}"
        data.mkdir()
        file = None
        if policy is not None:
            file = data / "policy.yaml"
            file.write_text(textwrap.dedent(policy), encoding="utf-8")
        runner = docker_runner(data, ContainerSetup(engine=engine.host, policy=file), {})
        made.append(runner)
        name = f"hard-{tmp_path.name}-{len(made)}"
        order = Order(name, ["sh", "-c", script], container=Container(image, **wish), namespace=namespace)
        try:
            runner.launch(order)
            said: list[bytes] = []
            ended = runner.follow(name, lambda _, text, __: said.append(text), HandHalt(), offsets={})
        finally:
            runner.remove(name)
        return ended, b"".join(said).decode(errors="replace")

    yield run
    for runner in made:
        runner.close()


STATUS = "cat /proc/self/status"
STRICT = "profile: strict\n"


def field(said: str, name: str) -> str:
    found = re.search(rf"^{name}:\s*(.*)$", said, re.MULTILINE)
    assert found is not None, said
    return found[1]


def test_root_keeps_seven_capabilities_and_can_gain_none(inside: Inside) -> None:
    ended, said = inside(f"{STATUS}; touch /root-layer-can-be-written && echo written")
    assert ended == Exit(Ending.EXITED, 0), said
    assert {field(said, name) for name in ("CapPrm", "CapEff", "CapBnd")} == {"00000000000000fb"}
    assert (field(said, "CapAmb"), field(said, "NoNewPrivs"), field(said, "Seccomp")) == ("0" * 16, "1", "2")
    assert "written" in said


def test_strict_leaves_nothing(inside: Inside) -> None:
    script = f"""
    {STATUS}; echo "as $(id -u):$(id -g)"
    touch /x 2>/dev/null && echo root written
    touch /tmp/x $HOME/x ./x outputs/x && echo places written
    """
    ended, said = inside(script, policy=STRICT)
    assert ended == Exit(Ending.EXITED, 0), said
    assert {field(said, name) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert field(said, "NoNewPrivs") == "1"
    assert "as 65534:65534" in said
    assert "root written" not in said
    assert "places written" in said


@pytest.mark.parametrize(("image", "who"), [(AS_NUMBER, "1234 2345"), (AS_NAME, "1234 2345"), ("busybox", "0 0")])
def test_the_working_directory_belongs_to_the_images_own_user(inside: Inside, image: str, who: str) -> None:
    ended, said = inside("echo $(id -u) $(id -g); touch here outputs/there && stat -c '%u %g' here", image=image)
    assert ended == Exit(Ending.EXITED, 0), said
    assert said.splitlines() == [who, who]


def test_the_images_entry_point_is_left_out_unless_it_is_asked_for(inside: Inside) -> None:
    assert inside("echo plain", image=WITH_ENTRY)[1] == "plain\n"
    asked = inside("echo plain", image=WITH_ENTRY, entry_point=["/bin/echo", "mine:"])
    assert asked[1].startswith("mine: sh -c")


def test_a_fork_loop_ends_at_its_bound_and_leaves_the_machine_alone(inside: Inside) -> None:
    ended, said = inside("f() { f | f & }; f; sleep 2; ls -d /proc/[0-9]* | wc -l; exit 0")
    assert "can't fork" in said or "Resource temporarily unavailable" in said
    assert ended.ending in (Ending.EXITED, Ending.KILLED)


def test_memory_beyond_the_bound_is_refused_to_it(inside: Inside) -> None:
    """1 GB, where 256 MB are allowed: swap does not make up for it."""
    ended, _ = inside("head -c 1000000000 /dev/zero | tail | wc -c", policy="memory: 256MiB\n")
    assert ended.ending in (Ending.OUT_OF_MEMORY, Ending.EXITED)
    ended, _ = inside("exec tail -c 1000000000 /dev/zero", memory=Memory(limit=64 * MEGABYTE))
    assert (ended.ending, ended.code) == (Ending.OUT_OF_MEMORY, 137)


def test_neither_the_engines_socket_nor_devices_are_there(inside: Inside) -> None:
    _, said = inside("ls /var/run/docker.sock /run/docker.sock 2>&1; ls /dev; mount -t tmpfs x /mnt 2>&1; true")
    assert said.count("No such file") == 2
    assert {"kmsg", "mem", "sda", "vda"}.isdisjoint(said.split())
    assert "ermission denied" in said.splitlines()[-1] or "not permitted" in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("wish", "why", "line"),
    [
        ({"privileged": True}, "privileged", "privileged: true"),
        ({"volumes": ["/:/host"]}, "the volume `/:/host`", 'volumes: ["/"]'),
        ({"volumes": ["/var/run/docker.sock:/s"]}, "docker.sock", "is ever bound"),
        ({"network": "host"}, "the network `host`", "networks: [host]"),
        ({"network": "container:other"}, "the network `container:other`", "networks: [container:other]"),
        ({"host": "tcp://elsewhere:2375"}, "the engine `tcp://elsewhere:2375`", "leave out `host`"),
    ],
)
def test_what_only_an_administrator_may_allow(inside: Inside, wish: dict[str, Any], why: str, line: str) -> None:
    with pytest.raises(Refused) as refused:
        inside("true", **wish)
    assert why in refused.value.message
    assert line in (refused.value.help or "")


def test_an_administrators_policy_allows_by_namespace(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "rates.csv").write_text("1,2\n")
    policy = f"""
    namespaces:
      team.finance:
        volumes: ["{tmp_path}/shared:ro"]
    """
    bind = [f"{tmp_path}/shared:/rates:ro"]
    ended, said = inside("cat /rates/rates.csv", policy=policy, namespace="team.finance.daily", volumes=bind)
    assert (ended, said) == (Exit(Ending.EXITED, 0), "1,2\n")
    with pytest.raises(Refused):
        inside("true", policy=policy, namespace="team.financed", volumes=bind)
    with pytest.raises(Refused):
        inside("true", policy=policy, namespace="team.finance", volumes=[f"{tmp_path}/shared:/rates"])


def test_no_network_where_the_policy_gives_none(inside: Inside) -> None:
    _, said = inside("ls /sys/class/net", policy="network: none\nnetworks: [none]\n")
    assert said.split() == ["lo"]


# ── what is served within the engine's own networks ──


@pytest.fixture
def served(engine: Engine, client: docker.APIClient, debian: str) -> Iterator[Callable[..., str]]:
    """Serves files over HTTP from a container; the address, which only containers of this engine reach."""
    made: list[str] = []

    def serve(files: dict[str, bytes], *, address: str | None = None) -> str:
        command = "cd /srv && exec python3 -m http.server 8000"
        if address is not None:
            command = f"ip addr add {address}/32 dev lo && cd /srv && exec python3 -m http.server 80"
        body = {"Image": debian, "Cmd": ["sh", "-c", command], "HostConfig": {"CapAdd": ["NET_ADMIN"]}}
        container = client.create_container_from_config(body)["Id"]
        made.append(container)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        client.put_archive(container, "/srv", buffer.getvalue())
        client.start(container)
        found = client.inspect_container(container)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        url = f"http://{found}:8000"
        until(lambda: b"Serving" in client.logs(container) or _answers(client, container), 20)
        return url

    yield serve
    for container in made:
        client.remove_container(container, force=True, v=True)


def _answers(client: docker.APIClient, container: str) -> bool:
    """Asked from within, for its own network is not this machine's."""
    ask = "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/')"
    run = client.exec_create(container, ["python3", "-c", ask])
    client.exec_start(run)
    return client.exec_inspect(run)["ExitCode"] == 0


def _wheel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        info = "greeting-1.0.dist-info"
        wheel.writestr("greeting.py", "print('hello from a wheel')\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"greeting.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return buffer.getvalue()


def test_pip_installs_in_the_default_profile(inside: Inside, served: Callable[..., str], debian: str) -> None:
    wheel = "greeting-1.0-py3-none-any.whl"
    index = f'<a href="../../{wheel}">{wheel}</a>'.encode()
    url = served({wheel: _wheel(), "simple/greeting/index.html": index})
    host = url.removeprefix("http://").partition(":")[0]
    script = (
        f"python3 -m pip install -q --break-system-packages --index-url {url}/simple --trusted-host {host} greeting"
        " && python3 -c 'import greeting'"
    )
    ended, said = inside(script, image=debian)
    assert ended == Exit(Ending.EXITED, 0), said
    assert "hello from a wheel" in said


def _deb() -> bytes:
    """A package whose file belongs to somebody and has a mode of its own, with a script that gives something away."""

    def packed(files: dict[str, tuple[bytes, int, int]]) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.GNU_FORMAT) as tar:
            for name, (content, mode, uid) in files.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode, info.uid = len(content), mode, uid
                tar.addfile(info, io.BytesIO(content))
        return buffer.getvalue()

    control = b"Package: greeting\nVersion: 1.0\nArchitecture: all\nMaintainer: t <t@example.com>\nDescription: t\n"
    after = b"#!/bin/sh\nset -e\ninstall -d -o games -g games -m 2750 /var/lib/greeting\n"
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": packed({"./control": (control, 0o644, 0), "./postinst": (after, 0o755, 0)}),
        "data.tar.gz": packed({"./usr/bin/greeting": (b"#!/bin/sh\necho hello from a package\n", 0o4755, 5)}),
    }
    archive = b"!<arch>\n"
    for name, content in parts.items():
        archive += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        archive += b"\n" * (len(content) % 2)
    return archive


def test_apt_installs_in_the_default_profile(inside: Inside, served: Callable[..., str], debian: str) -> None:
    deb = _deb()
    packages = (
        "Package: greeting\nVersion: 1.0\nArchitecture: all\nMaintainer: t <t@example.com>\nDescription: t\n"
        f"Filename: ./greeting.deb\nSize: {len(deb)}\nSHA256: {sha256(deb).hexdigest()}\n\n"
    ).encode()
    url = served({"greeting.deb": deb, "Packages": packages})
    script = (
        f"echo 'deb [trusted=yes] {url} ./' > /etc/apt/sources.list && apt-get update -qq"
        " && apt-get install -y -qq greeting && greeting && stat -c '%U %a' /usr/bin/greeting /var/lib/greeting"
    )
    ended, said = inside(script, image=debian)
    assert ended == Exit(Ending.EXITED, 0), said
    assert "hello from a package" in said
    assert "games 2750" in said
    assert "W: " not in said, said


@pytest.fixture
def cloud(engine: Engine) -> Iterator[str]:
    """A host beyond the engine's own, which has the metadata address and gives credentials to whoever connects."""
    if not engine.is_ours:
        pytest.skip("the engine was there before: nothing is added to its network")
    here, there, address = shared.NAMESPACE, f"cloud-{os.getpid()}", "169.254.169.254"
    answer = (
        "import socket\n"
        f"server = socket.create_server(('{address}', 80))\n"
        "print('listens', flush=True)\n"
        "while True:\n"
        "    with server.accept()[0] as caller: caller.sendall(b'credentials\\n')\n"
    )

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

    ip("netns", "add", there)
    try:
        ip("-n", here, "link", "add", "to-cloud", "type", "veth", "peer", "name", "eth0", "netns", there)
        ip("-n", here, "addr", "add", "198.51.100.1/24", "dev", "to-cloud")
        ip("-n", here, "link", "set", "to-cloud", "up")
        ip("-n", there, "addr", "add", "198.51.100.2/24", "dev", "eth0")
        ip("-n", there, "addr", "add", f"{address}/32", "dev", "eth0")
        ip("-n", there, "link", "set", "eth0", "up")
        ip("-n", here, "route", "add", f"{address}/32", "via", "198.51.100.2")
        argv = ["nsenter", f"--net=/run/netns/{there}", sys.executable, "-c", answer]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as listener:
            assert listener.stdout is not None
            assert listener.stdout.readline() == b"listens\n"
            yield address
            listener.kill()
    finally:
        ip("netns", "delete", there)


def test_the_metadata_address_is_closed_off_where_a_policy_says_so(inside: Inside, cloud: str) -> None:
    ask = f"for i in 1 2 3; do nc -w 1 {cloud} 80 < /dev/null && exit; sleep 0.2; done; echo none"
    assert "credentials" in inside(ask, policy="metadata: never\n")[1]
    assert inside(ask, policy="metadata: always\n")[1].endswith("none\n")
    assert inside(ask, policy="metadata: always\nnetwork: none\n")[1].endswith("none\n")
