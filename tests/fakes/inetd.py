"""Network services as programs that speak over their standard streams, one for each connection; sshd among them."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SSHD_CONFIG = """
HostKey {key}
AuthorizedKeysFile {authorized}
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AcceptEnv GIT_PROTOCOL
"""


@dataclass
class Service:
    """Reached at `port` of 127.0.0.1; `served` are the connections so far. `argv` may be changed while it runs."""

    argv: Sequence[str]
    log: Path
    port: int = 0
    served: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[Service]:
        with socket.create_server(("127.0.0.1", 0)) as listener, self.log.open("ab") as log:
            self.port = listener.getsockname()[1]

            def serve() -> None:
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return  # the test is over
                    with connection:
                        self.served.append(
                            subprocess.Popen(list(self.argv), stdin=connection, stdout=connection, stderr=log)
                        )

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            try:
                yield self
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join()
                for each in self.served:
                    each.terminate()
                    each.wait(10)


class SshServer:
    """sshd for whoever runs the test; skips where there is none. Files lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if found is None:
            pytest.skip("there is no sshd: install openssh-server")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where sshd locks itself in; made by the service elsewhere
        folder.mkdir()
        self.folder = folder
        self.program = found
        self.client_key = self._key("client")
        self.service = Service(self._argv(self._key("host")), folder / "log")

    def _key(self, name: str) -> Path:
        path = self.folder / name
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
        return path

    def _argv(self, key: Path) -> list[str]:
        config = self.folder / f"config-{key.name}"
        config.write_text(SSHD_CONFIG.format(key=key, authorized=self.client_key.with_suffix(".pub")))
        return [self.program, "-i", "-e", "-f", str(config)]

    def change_host_key(self) -> None:
        """As one does who stands between."""
        self.service.argv = self._argv(self._key("other"))

    def known_hosts(self, name: str = "host") -> Path:
        """A file that knows this server by its key of that name."""
        path = self.folder / f"known-{name}"
        path.write_text(f"[127.0.0.1]:{self.service.port} {(self.folder / f'{name}.pub').read_text()}")
        return path

    def url_of(self, bare: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.service.port}{bare}"
