"""URLs that open without a key: HMAC-SHA256 over path and expiry (RFC 2104)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path


class UrlSigner:
    """Signs paths with the first secret, accepts signatures of any: so that secrets can rotate."""

    def __init__(self, secrets_: tuple[bytes, ...], clock: Callable[[], float] = time.time) -> None:
        self._secrets = secrets_
        self._clock = clock

    def sign(self, path: str, life_s: float) -> str:
        """Append expiry and signature to a path."""
        expires = str(int(self._clock() + life_s))
        return f"{path}?exp={expires}&sig={self._signature(self._secrets[0], path, expires)}"

    def is_valid(self, path: str, expires: str, signature: str) -> bool:
        """Tell whether a path was signed by us and has not expired."""
        if not expires.isascii() or not expires.isdigit() or len(expires) > 12:
            return False
        genuine = [
            hmac.compare_digest(
                self._signature(secret, path, expires).encode(),
                signature.encode("utf-8", "replace"),
            )
            for secret in self._secrets
        ]
        return any(genuine) and int(expires) >= self._clock()

    def seconds_left(self, expires: str) -> int:
        """How long a valid URL still opens."""
        return max(0, int(int(expires) - self._clock()))

    @staticmethod
    def _signature(secret: bytes, path: str, expires: str) -> str:
        mac = hmac.new(secret, f"{path}\n{expires}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()


def load_secret(data_dir: Path) -> bytes:
    """Read the signing secret of a data directory, or make it at the first start."""
    path = data_dir / "signing.key"
    if not path.exists():
        aside = path.with_suffix(".new")
        aside.unlink(missing_ok=True)  # one that a crash left may be open to others
        aside.touch(mode=0o600, exist_ok=False)
        aside.write_bytes(secrets.token_bytes(32))
        aside.replace(path)
    return path.read_bytes()
