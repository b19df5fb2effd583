"""Who is calling: API keys, stored as SHA-256 digests, and the tenants they belong to."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from protocol.errors import InsufficientPermissions, InvalidApiKey
from protocol.words import listed

TENANT_PATTERN = r"\A[a-z0-9][a-z0-9_.-]{0,62}\Z"


class StoredKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of an API key: enough to recognise it, not enough to use it."""

    digest: str
    """SHA-256 of the key, in hexadecimal."""
    tenant: str
    label: str = ""
    created_at: float = 0.0
    task_types: tuple[str, ...] = ()
    """What the key may be used for; empty: everything."""

    @property
    def id(self) -> str:
        """Name the key in logs and listings."""
        return self.digest[:12]


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant who has proved to hold one of its keys."""

    tenant: str
    key_id: str
    task_types: tuple[str, ...] = ()
    """What the key allows; empty: everything."""

    def check_may(self, task_type: str) -> None:
        """Raise InsufficientPermissions where the key does not allow a task type."""
        if self.task_types and task_type not in self.task_types:
            raise InsufficientPermissions(
                f"This API key does not allow {task_type}; allowed: {listed(self.task_types)}.",
                parameter="taskType",
            )


class KeyRing:
    """The known keys; compared in constant time, whatever was sent.

    Keys of the file count as soon as it changes: a key is made or revoked while the service runs.
    """

    def __init__(self, keys: Iterable[StoredKey], file: KeyFile | None = None) -> None:
        self._keys = tuple(keys)
        self._file = file

    def identify(self, key: str) -> Caller:
        """Tell who holds a key.

        Raises:
            InvalidApiKey: nobody does.
        """
        digest = digest_of(key).encode()
        found: StoredKey | None = None
        from_file = self._file.load() if self._file else ()
        for stored in (*self._keys, *from_file):
            if hmac.compare_digest(stored.digest.encode(), digest):
                found = stored
        if found is None:
            raise InvalidApiKey("Invalid API key.", parameter="apiKey")
        return Caller(found.tenant, found.id, found.task_types)


@dataclass(slots=True)
class WrongKeys:
    """Counts wrong keys per address, so that guessing is slowed and a right key never is."""

    per_minute: int = 10
    max_addresses: int = 10_000
    clock: Callable[[], float] = time.monotonic
    _counts: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def note(self, address: str) -> bool:
        """Record a wrong key; tell whether this address has sent too many."""
        now = self.clock()
        begun, count = self._counts.pop(address, (now, 0))
        if now - begun > 60:
            begun, count = now, 0
        self._counts[address] = (begun, count + 1)
        while len(self._counts) > self.max_addresses:
            self._counts.popitem(last=False)
        return count + 1 > self.per_minute


def digest_of(key: str) -> str:
    """Hash a key: SHA-256 suffices for keys of 128 random bits or more."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def new_key() -> str:
    """Make an API key of 192 random bits."""
    return "cw_" + secrets.token_urlsafe(24)


def stored_key(
    key: str, tenant: str, label: str = "", task_types: tuple[str, ...] = ()
) -> StoredKey:
    """Describe a key for storage."""
    return StoredKey(
        digest=digest_of(key),
        tenant=tenant,
        label=label,
        created_at=time.time(),
        task_types=task_types,
    )


class KeyFile:
    """The keys of a data directory, in one JSON file that only its owner can read."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "keys.json"
        self._seen: tuple[int, int] = (0, 0)
        self._keys: tuple[StoredKey, ...] = ()

    def load(self) -> tuple[StoredKey, ...]:
        """Return the stored keys, read anew where the file has changed; none where it is absent."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._seen, self._keys = (0, 0), ()
            return ()
        if self._seen != (stat.st_mtime_ns, stat.st_ino):
            self._keys = msgspec.json.decode(self._path.read_bytes(), type=tuple[StoredKey, ...])
            self._seen = (stat.st_mtime_ns, stat.st_ino)
        return self._keys

    def save(self, keys: Iterable[StoredKey]) -> None:
        """Write the keys aside and move them into place."""
        aside = self._path.with_suffix(".new")
        aside.unlink(missing_ok=True)  # one that a crash left may be open to others
        aside.touch(mode=0o600, exist_ok=False)
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(list(keys))))
        aside.replace(self._path)
