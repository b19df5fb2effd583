"""URLs that open without a key: HMAC-SHA256 over path and expiry (RFC 2104)."""

from __future__ import annotations

import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from protocol.errors import StorageUnavailable

SECRET_BYTES = 32
BLOCK_BYTES = 64
"""Of SHA-256."""
SKEW_S = 60
"""By how much the clocks of two gateways may differ: a URL opens for so long after its end."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class _Keyed:
    """HMAC-SHA256 with one key, as RFC 2104 (4) suggests: the key is hashed once, then copied.

    Half of what copies of `hmac.HMAC` take; there is a URL in nearly every reply.
    """

    def __init__(self, key: bytes) -> None:
        block = (hashlib.sha256(key).digest() if len(key) > BLOCK_BYTES else key).ljust(
            BLOCK_BYTES, b"\0"
        )
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def sign(self, path: str, expires: str | int) -> str:
        """Authenticate a path and its expiry; in URL-safe base64 (RFC 4648, 5) without its "="."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(f"{path}\n{expires}".encode())
        outer.update(inner.digest())
        mac = binascii.b2a_base64(outer.digest(), newline=False)
        return mac.translate(_URL_SAFE, b"=").decode()


class UrlSigner:
    """Signs paths with the first secret, accepts signatures of any: so that secrets can rotate."""

    def __init__(self, secrets_: tuple[bytes, ...], clock: Callable[[], float] = time.time) -> None:
        self._keyed = tuple(map(_Keyed, secrets_))
        self._clock = clock

    def sign(self, path: str, life_s: float) -> str:
        """Append expiry and signature to a path."""
        expires = int(self._clock() + life_s)
        return f"{path}?exp={expires}&sig={self._keyed[0].sign(path, expires)}"

    def is_valid(self, path: str, expires: str, signature: str) -> bool:
        """Tell whether a path was signed by us and has not expired, by anybody's clock."""
        if not expires.isascii() or not expires.isdigit() or len(expires) > 12:
            return False
        genuine = [
            hmac.compare_digest(
                keyed.sign(path, expires).encode(),
                signature.encode("utf-8", "replace"),
            )
            for keyed in self._keyed
        ]
        return any(genuine) and int(expires) + SKEW_S >= self._clock()

    def seconds_left(self, expires: str) -> int:
        """How long a valid URL opens by its own account; 0: it is open for the skew alone."""
        return max(0, int(int(expires) - self._clock()))


def load_secret(data_dir: Path) -> bytes:
    """Read the signing secret of a data directory, or make it at the first start.

    Raises:
        StorageUnavailable: it is too short to be one, or cannot be read.
    """
    path = data_dir / "signing.key"
    if not path.exists():
        aside = path.with_suffix(f".{os.getpid()}.new")
        aside.unlink(missing_ok=True)  # one that a crash left may be open to others
        aside.touch(mode=0o600, exist_ok=False)
        aside.write_bytes(secrets.token_bytes(SECRET_BYTES))
        with contextlib.suppress(FileExistsError):  # of two processes the first one's counts
            path.hardlink_to(aside)
        aside.unlink()
    try:
        secret = path.read_bytes()
    except OSError as exc:
        raise StorageUnavailable(f"{path} cannot be read: {exc.strerror}.") from exc
    if len(secret) < SECRET_BYTES:
        raise StorageUnavailable(
            f"{path} holds {len(secret)} bytes, fewer than the {SECRET_BYTES} of a signing secret. "
            "Restore it from a copy, or remove it: URLs and webhook secrets given out before are "
            "void then."
        )
    return secret
