"""A Podman of our own, behind its socket that speaks Docker's API: in a network namespace of its own, like the daemons.

Podman raises the limits of every container to the most that Linux knows. Where root itself may not do that (within
some sandboxes) an OCI runtime of ours leaves those limits out, and becomes the real one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from docker_engine.daemon import STARTS_WITHIN_S, answers

NEEDS = {
    "podman": "podman",
    "/usr/libexec/podman/catatonit": "catatonit",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "runc": "runc",
}
_MAY_RAISE_LIMITS = 1 << 24  # CAP_SYS_RESOURCE
_PATH = ":/usr/sbin:/sbin"
_RUNTIME = """#!{python}
import json, os, sys
if "--bundle" in sys.argv:
    path = sys.argv[sys.argv.index("--bundle") + 1] + "/config.json"
    with open(path) as file:
        spec = json.load(file)
    spec["process"].pop("rlimits", None)
    with open(path, "w") as file:
        json.dump(spec, file)
os.execv("{runc}", ["runc", *sys.argv[1:]])
"""


def missing_for_podman() -> str | None:
    """Why no Podman can be started here; None when one can."""
    if os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "a Podman for the tests needs root on Linux"
    path = os.environ.get("PATH", "") + _PATH
    lacking = sorted({package for program, package in NEEDS.items() if shutil.which(program, path=path) is None})
    return f"missing packages: {', '.join(lacking)}" if lacking else None


class Podman:
    """One service, with all that it has below `root`."""

    def __init__(self, root: Path, namespace: str) -> None:
        self.root = root
        self.namespace = namespace
        self.host = f"unix://{root}/podman.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if not Path(f"/run/netns/{self.namespace}").exists():
            subprocess.run(["ip", "netns", "add", self.namespace], check=True)
        subprocess.run(["ip", "-n", self.namespace, "link", "set", "lo", "up"], check=True)
        folders = ["--root", str(self.root / "storage"), "--runroot", str(self.root / "run")]
        how = ["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", *self._runtime()]
        argv = ["nsenter", f"--net=/run/netns/{self.namespace}", "podman", *folders, *how]
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*argv, "system", "service", "--time", "0", self.host],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": os.environ.get("PATH", "") + _PATH},
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if answers(self.host):
                return
            threading.Event().wait(0.02)
        raise AssertionError(f"podman does not start:\n{(self.root / 'log').read_text(errors='replace')[-2000:]}")

    def _runtime(self) -> list[str]:
        runc = shutil.which("runc", path=os.environ.get("PATH", "") + _PATH)
        if _effective_capabilities() & _MAY_RAISE_LIMITS:
            return ["--runtime", str(runc)]
        ours = self.root / "runc"
        ours.write_text(_RUNTIME.format(python=sys.executable, runc=runc))
        ours.chmod(0o755)
        return ["--runtime", str(ours)]

    def remove(self) -> None:
        """Stop it, and delete all that it had. Its containers are gone already: whoever made them has removed them."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait(10)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((one for one in mounts if one.startswith(f"{self.root}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False, capture_output=True)


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
