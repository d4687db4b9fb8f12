"""The agent's own key: what was computed from secrets is stored so that only it can be read back.

AES-256-GCM. Sealed text is `1.<key id>.<Base64 of nonce and ciphertext>`; version and key id are authenticated too.
The key is a file beside the data, for its owner only, made by whoever first seals something.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import Stalled
from penstock.ports.secrets import Seal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = "1"
_HEADER = "penstock-seal-key-1"
_NONCE_BYTES = 12
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    cipher: AESGCM


class KeySeal(Seal):
    """Seals with the key in `path`. Thread-safe; processes that start at once all get the key that was made first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._key: _Key | None = None

    def seal(self, clear: bytes) -> str:
        key = self._load(make=True)
        head = f"{_VERSION}.{key.id}"
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + key.cipher.encrypt(nonce, clear, head.encode())
        return f"{head}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str) -> bytes:
        from cryptography.exceptions import InvalidTag

        version, _, rest = sealed.partition(".")
        key_id, dot, text = rest.partition(".")
        if version != _VERSION or not dot:
            raise Stalled("a sealed value is of a form that this version does not know")
        key = self._load(make=False)
        if key_id != key.id:
            raise Stalled(
                f"a value was sealed with the key {key_id}, and {self._path} holds the key {key.id}",
                help=f"bring back the key file that this data was made with to {self._path}",
            )
        try:
            raw = base64.urlsafe_b64decode(text)
            return key.cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], f"{version}.{key_id}".encode())
        except (binascii.Error, InvalidTag, ValueError) as error:
            raise Stalled(f"a value sealed with the key {key_id} is damaged") from error

    def _load(self, *, make: bool) -> _Key:
        with self._lock:
            if self._key is None:
                from cryptography.hazmat.primitives.ciphers.aead import AESGCM

                raw = self._read(make=make)
                identity = hashlib.sha256(b"penstock key id\0" + raw).hexdigest()[:12]
                self._key = _Key(identity, AESGCM(raw))
            return self._key

    def _read(self, *, make: bool) -> bytes:
        try:
            return self._checked()
        except FileNotFoundError as error:
            if not make:
                raise Stalled(
                    f"there is no key in {self._path}, and without it what was sealed cannot be read",
                    help="bring back the key file that this data was made with",
                ) from error
        try:
            self._make()
            return self._checked()
        except OSError as error:
            raise Stalled(f"the key {self._path} cannot be made: {error.strerror}") from error

    def _checked(self) -> bytes:
        """The key, from a file that nobody else can read. Judged on the open file: no other can be put in its place."""
        descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if os.name == "posix":
                if status.st_uid not in (os.geteuid(), 0):
                    raise Stalled(f"the key {self._path} belongs to another user", help="make it your own, mode 600")
                if stat.S_IMODE(status.st_mode) & 0o077:
                    raise Stalled(
                        f"the key {self._path} can be read by others (mode {stat.S_IMODE(status.st_mode):04o})",
                        help=f"chmod 600 {self._path}; who may have read it may read what was sealed with it",
                    )
            text = file.read(4096).decode("ascii", "replace")
        header, _, encoded = text.strip().partition(" ")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raw = b""
        if header != _HEADER or len(raw) != _KEY_BYTES:
            raise Stalled(f"{self._path} is no key of this program", help="bring back the file that was there before")
        return raw

    def _make(self) -> None:
        """Written aside, then linked into place: the link is refused where another was faster, and its key is taken."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(f"{_HEADER} {base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()}\n".encode())
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(aside, self._path)
            except FileExistsError:
                return
        finally:
            aside.unlink(missing_ok=True)
        if os.name == "posix":
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
