"""One secret of 32 bytes, and what is derived from it: the key pair of a broker, the key that seals, a token (ADR 14).

The secret is `federation.key` in the data directory, readable by its owner alone, or comes from the environment.
Derivation is HKDF (RFC 5869), signatures are Ed25519 (RFC 8032), sealing is AES-256-GCM (NIST SP 800-38D).
"""

import base64
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FILE = "federation.key"
VARIABLE = "ECLOR_SECRET_KEY"
_SECRET_BYTES = 32
_NONCE_BYTES = 12
_FINGERPRINT_DIGITS = 32


class SecretError(Exception):
    """There is no usable secret; the message tells what to do."""


class SecretKeys:
    """Keys out of one secret."""

    def __init__(self, secret: bytes) -> None:
        self._signing = Ed25519PrivateKey.from_private_bytes(_derived(secret, b"eclor federation signing"))
        self._sealing = AESGCM(_derived(secret, b"eclor federation sealing"))
        self.operator_token = _text(_derived(secret, b"eclor federation operator"))
        self._public_key = _text(self._signing.public_key().public_bytes_raw())

    @property
    def public_key(self) -> str:
        """With which others check what this broker signed."""
        return self._public_key

    def sign(self, message: bytes) -> str:
        """The signature."""
        return _text(self._signing.sign(message))

    def verify(self, public_key: str, signature: str, message: bytes) -> bool:
        """Whether the owner of that public key signed the message."""
        try:
            Ed25519PublicKey.from_public_bytes(_bytes(public_key)).verify(_bytes(signature), message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def fingerprint(self, public_key: str) -> str:
        """Half of the SHA-256 of a public key, in eight groups of four hexadecimal digits."""
        digits = hashlib.sha256(public_key.encode()).hexdigest()[:_FINGERPRINT_DIGITS]
        return "-".join(digits[at : at + 4] for at in range(0, _FINGERPRINT_DIGITS, 4))

    def seal(self, text: str, about: str) -> str:
        """Encrypt; `about` has to be the same when it is opened."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _text(nonce + self._sealing.encrypt(nonce, text.encode(), about.encode()))

    def open(self, sealed: str, about: str) -> str | None:
        """The text, or None where it was sealed with another key or about something else."""
        try:
            content = _bytes(sealed)
            return self._sealing.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], about.encode()).decode()
        except (InvalidTag, ValueError):
            return None

    def admits_operator(self, token: str) -> bool:
        """Whether a token is the one of whoever may read the secret. Takes the same time for all of one length."""
        return hmac.compare_digest(token.encode(), self.operator_token.encode())


def given_secret(text: str) -> bytes:
    """The secret out of the environment. Raises SecretError."""
    try:
        secret = _bytes(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != _SECRET_BYTES:
        raise SecretError(
            f"{VARIABLE} has to be 32 random bytes in URL-safe base64, as from "
            "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'."
        )
    return secret


def kept_secret(directory: Path, *, make: bool = True) -> bytes:
    """The secret of a data directory, made there if need be. Raises SecretError."""
    path = directory / FILE
    try:
        if make and not path.exists():
            _make(path)
        secret = path.read_bytes()
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise SecretError(f"Others may read {path}: chmod 600 {path}, and leave and join anew if they may have.")
    except OSError as error:
        raise SecretError(f"{path}: {error.strerror}. Name the broker's data directory with --data-dir.") from error
    if len(secret) != _SECRET_BYTES:
        raise SecretError(f"{path} is damaged: it has {len(secret)} bytes instead of {_SECRET_BYTES}. Restore it.")
    return secret


def _make(path: Path) -> None:
    """Whole or not at all, whoever else is making it at the same time: a link doesn't replace what is there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=_SECRET_BYTES, salt=None, info=purpose).derive(secret)


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
