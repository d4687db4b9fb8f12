"""Functions that encrypt and decrypt a text with a key: AES-GCM, as Kestra's EncryptionService.java does it.

The key is base64 of 16, 24 or 32 bytes; what is encrypted is base64 of a nonce of 12 bytes, the text and a tag of 16.
"""

from __future__ import annotations

from penstock.expression.errors import ExpressionError
from penstock.expression.library import arguments
from penstock.expression.registry import function
from penstock.expression.scope import Scope

_NONCE = 12
_TAG = 16
_KEY_SIZES = (16, 24, 32)


@function(
    "encrypt",
    "key",
    "plaintext",
    impure=True,
    says="Encrypts a text with a base64 key of 16, 24 or 32 bytes (AES-GCM); gives base64 that `decrypt` reads.",
    example="{{ decrypt('MDEyMzQ1Njc4OWFiY2RlZg==', encrypt('MDEyMzQ1Njc4OWFiY2RlZg==', 'hello')) }}",
)
def _encrypt(scope: Scope, key: object, plaintext: object) -> str:
    secret = arguments.text(key, "the argument `key`")
    text = arguments.text(plaintext, "the argument `plaintext`")
    return encrypt(secret, text, scope.world.random().randbytes(_NONCE))


@function(
    "decrypt",
    "key",
    "encrypted",
    says="Decrypts what `encrypt` gave for the same key.",
    example="{{ decrypt('MDEyMzQ1Njc4OWFiY2RlZg==', encrypt('MDEyMzQ1Njc4OWFiY2RlZg==', 'hello')) }}",
)
def _decrypt(_scope: Scope, key: object, encrypted: object) -> str:
    secret = arguments.text(key, "the argument `key`")
    return decrypt(secret, arguments.text(encrypted, "the argument `encrypted`"))


def encrypt(key: str, plaintext: str, nonce: bytes) -> str:
    """`nonce` must never be used twice with one key."""
    from base64 import b64encode

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sealed = AESGCM(_key(key)).encrypt(nonce, plaintext.encode("utf-8", "replace"), None)
    return b64encode(nonce + sealed).decode("ascii")


def decrypt(key: str, encrypted: str) -> str:
    """Raises ExpressionError when the key is another one, or the text was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    content = _bytes(encrypted, "what is decrypted")
    if len(content) < _NONCE + _TAG:
        raise ExpressionError("what is decrypted is too short to have been encrypted")
    try:
        return AESGCM(_key(key)).decrypt(content[:_NONCE], content[_NONCE:], None).decode("utf-8", "replace")
    except InvalidTag:
        raise ExpressionError("this key does not decrypt it: the key is another one, or the text was changed") from None


def _key(text: str) -> bytes:
    key = _bytes(text, "the key")
    if len(key) not in _KEY_SIZES:
        raise ExpressionError(f"Invalid AES key length: {len(key)} bytes, and it must be 16, 24 or 32")
    return key


def _bytes(text: str, what: str) -> bytes:
    from penstock.expression.library.encodings import base64_bytes

    try:
        return base64_bytes(text)
    except ValueError:
        raise ExpressionError(f"{what} is not base64") from None  # and nothing of it is shown: it may be a secret
