"""A registry of images, Debian's, that asks for a password: on the loopback of an engine's own network namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

ADDRESS = "127.0.0.1:5000"
USER, PASSWORD = "ada", "open sesame"
_KNOWN = f"{USER}:$2b$04$LZ4.agsQAMFWiNuf8U55pe06WxBPPYcnlICm5.7Rv2DQnDao/QDnK\n"
_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}/images}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
auth: {{htpasswd: {{realm: tests, path: {root}/known}}}}
"""


def missing_for_registry() -> str | None:
    return None if shutil.which("docker-registry") else "missing packages: docker-registry"


class Registry:
    """One registry in the network namespace `namespace`; its images are kept below `root` while it is stopped."""

    def __init__(self, root: Path, namespace: str) -> None:
        self._root = root
        self._namespace = namespace
        self._process: subprocess.Popen[bytes] | None = None
        (root / "known").write_text(_KNOWN)
        (root / "config.yml").write_text(_CONFIG.format(root=root, address=ADDRESS))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        argv = [*self._within(), "docker-registry", "serve", str(self._root / "config.yml")]
        with (self._root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdout=log, stderr=log, env={"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"}
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._answers():
                return
            threading.Event().wait(0.05)
        raise AssertionError(f"the registry does not start:\n{(self._root / 'log').read_text(errors='replace')}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _within(self) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self._namespace}"]

    def _answers(self) -> bool:
        host, _, port = ADDRESS.partition(":")
        asked = [*self._within(), "bash", "-c", f"exec 3<>/dev/tcp/{host}/{port}"]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0
