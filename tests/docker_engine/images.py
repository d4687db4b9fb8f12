"""Images without a registry: trees packed here and imported, under the names that flows and defaults use.

What no test can tell from the real thing is enough: `busybox` is Debian's static one with its applets as links, the
others are one minimal Debian with Python and pip. So no example names an image that a user could not fetch.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

import docker

BUSYBOX = "busybox:latest"
OF_EXAMPLES = "busybox:1.37"
AS_NUMBER = "penstock-tests/as-number:latest"
AS_NAME = "penstock-tests/as-name:latest"
WITH_ENTRY = "penstock-tests/with-entry:latest"
DEBIAN = ("debian:bookworm-slim", "ubuntu:latest", "python:3.13-slim", "python:3.11")
_PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nworker:x:1234:2345::/home:/bin/sh\n"
_GROUP = "root:x:0:\nnogroup:x:65534:\nworkers:x:2345:\n"


def cache() -> Path:
    """Where what takes long to make is kept from one run to the next."""
    given = os.environ.get("PENSTOCK_TESTS_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "penstock-tests"


def missing_for_busybox() -> str | None:
    return None if Path("/bin/busybox").exists() else "missing packages: busybox-static"


def missing_for_debian() -> str | None:
    if (cache() / "debian.tar").exists():
        return None
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return None if shutil.which("debootstrap", path=path) else "missing packages: debootstrap"


def give_busybox(client: docker.APIClient) -> None:
    """See that the small images are there."""
    for tag, more in (
        (BUSYBOX, ['CMD ["sh"]']),
        (AS_NUMBER, ["USER 1234:2345"]),
        (AS_NAME, ["USER worker:workers"]),
        (WITH_ENTRY, ['ENTRYPOINT ["/bin/echo", "entered:"]', 'CMD ["nothing"]']),
    ):
        if not _has(client, tag):
            _import(client, _busybox(), tag, [_PATH, *more])
    if not _has(client, OF_EXAMPLES):
        client.tag(BUSYBOX, *OF_EXAMPLES.split(":"))  # Podman imports under no other tag than `latest`


def give_debian(client: docker.APIClient) -> None:
    """See that the large ones are there: made once, about half a minute, then kept as a tar."""
    if all(_has(client, tag) for tag in DEBIAN):
        return
    tree = cache() / "debian.tar"
    if not tree.exists():
        _bootstrap(tree)
    with tree.open("rb") as file:
        _import(client, file, DEBIAN[0], [_PATH, 'CMD ["bash"]'])
    for tag in DEBIAN[1:]:
        repository, _, name = tag.partition(":")
        if not _has(client, tag):
            client.tag(DEBIAN[0], repository, name)


def _has(client: docker.APIClient, tag: str) -> bool:
    try:
        client.inspect_image(tag)
    except docker.errors.ImageNotFound:
        return False
    return True


def _import(client: docker.APIClient, tree: io.IOBase, tag: str, changes: Sequence[str]) -> None:
    repository, _, name = tag.partition(":")
    said = client.import_image_from_data(tree, repository=repository, tag=name, changes=list(changes))
    assert "error" not in said, said


def _busybox() -> io.BytesIO:
    binary = Path("/bin/busybox")
    applets = subprocess.run([binary, "--list"], capture_output=True, text=True, check=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("home", 0o755), ("root", 0o700), ("tmp", 0o1777)):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, mode
            tar.addfile(info)
        for name, text in (("etc/passwd", _PASSWD), ("etc/group", _GROUP)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
        info = tarfile.TarInfo("bin/busybox")
        info.size, info.mode = binary.stat().st_size, 0o755
        with binary.open("rb") as file:
            tar.addfile(info, file)
        for applet in applets:
            if applet != "busybox":
                info = tarfile.TarInfo(f"bin/{applet}")
                info.type, info.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(info)
    buffer.seek(0)
    return buffer


def _bootstrap(tree: Path) -> None:
    tree.parent.mkdir(parents=True, exist_ok=True)
    folder = tree.with_suffix(".tree")
    shutil.rmtree(folder, ignore_errors=True)
    packages = "python3,python3-pip,ca-certificates"
    with tree.with_suffix(".log").open("wb") as log:
        argv = ["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(folder)]
        subprocess.run(argv, stdout=log, stderr=log, check=True)
    (folder / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    for doomed in (*(folder / "var/cache/apt/archives").glob("*.deb"), *(folder / "var/lib/apt/lists").glob("*_*")):
        doomed.unlink()
    packed = tree.with_suffix(".new")
    subprocess.run(["tar", "-C", str(folder), "-cf", str(packed), "."], check=True)
    packed.replace(tree)
    shutil.rmtree(folder, ignore_errors=True)
