"""A dockerd of our own: started, stopped, killed, frozen, and removed without a trace.

It runs in a network namespace of its own: a second daemon on the host's network would give the first one's bridge
another address. `nsenter` and not `ip netns exec`: that mounts /sys anew, and the control groups are not found.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

STARTS_WITHIN_S = 60
STOPS_WITHIN_S = 40
NEEDS = {"dockerd": "docker.io", "nsenter": "util-linux", "ip": "iproute2", "iptables": "iptables"}


def missing() -> str | None:
    """Why no daemon can be started here; None when one can."""
    if os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "a container engine for the tests needs root on Linux"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    lacking = sorted({package for program, package in NEEDS.items() if shutil.which(program, path=path) is None})
    return f"missing packages: {', '.join(lacking)}" if lacking else None


class Daemon:
    """One daemon, with all that it has below `root` (a short path: its socket's has at most 107 bytes)."""

    def __init__(self, root: Path, namespace: str, *, data: Path | None = None, live_restore: bool = False) -> None:
        self.root = root
        self.namespace = namespace
        self.data = data or root / "data"
        self.live_restore = live_restore
        self.socket = root / "docker.sock"
        self._pid_file = root / "pid"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int | None:
        """The running daemon's; None when there is none."""
        with suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text())
            if Path(f"/proc/{pid}/comm").read_text().strip() == "dockerd":
                return pid
        return None

    def start(self) -> None:
        """Start it, and wait until it answers. A containerd that was left by a killed one is given a second try."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not Path(f"/run/netns/{self.namespace}").exists():
            subprocess.run(["ip", "netns", "add", self.namespace], check=True)
        subprocess.run(["ip", "-n", self.namespace, "link", "set", "lo", "up"], check=True)
        for _ in range(4):
            if self._started():
                return
        log = (self.root / "log").read_text(errors="replace")[-2000:]
        raise AssertionError(f"dockerd does not start:\n{log}")

    def _started(self) -> bool:
        self._pid_file.unlink(missing_ok=True)
        argv = ["nsenter", f"--net=/run/netns/{self.namespace}", "dockerd", "--host", self.host]
        argv += [
            "--data-root",
            str(self.data),
            "--exec-root",
            str(self.root / "exec"),
            "--pidfile",
            str(self._pid_file),
        ]
        if self.live_restore:
            argv.append("--live-restore")
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if answers(self.host):
                return True
            threading.Event().wait(0.02)
        return False

    def stop(self) -> None:
        """TERM: it ends its containers first, unless it restores them live."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """KILL: its containers run on."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, number)
        deadline = time.monotonic() + STOPS_WITHIN_S
        while time.monotonic() < deadline and self.pid is not None:
            if self._process is not None:
                self._process.poll()  # reaps it, where it is our child
            threading.Event().wait(0.02)
        if self.pid is not None:
            os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(10)

    def pause(self) -> None:
        """It hangs: its socket is there and takes connections, and nothing answers."""
        os.kill(self.pid or 0, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid or 0, signal.SIGCONT)

    def remove(self) -> None:
        """Stop it, end what it has left running, and delete all that it had."""
        self.stop()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (process / "cmdline").read_bytes().decode(errors="replace")
                if f"{self.root}/exec" in command and int(process.name) != os.getpid():
                    os.kill(int(process.name), signal.SIGKILL)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((one for one in mounts if one.startswith(f"{self.root}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False, capture_output=True)


def answers(host: str) -> bool:
    """Whether an engine answers there now."""
    from penstock.adapters.docker.address import answering

    return answering({}, host, within=1.0) is not None
