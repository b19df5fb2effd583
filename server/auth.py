"""Who is calling: API keys, stored as SHA-256 digests, and the tenants they belong to."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import logging
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import msgspec

from protocol.errors import InsufficientPermissions, InvalidApiKey, StorageUnavailable
from protocol.words import listed
from server.edge.admission import group_address

TENANT_PATTERN = r"\A[a-z0-9][a-z0-9_.-]{0,62}\Z"
DIGEST_PATTERN = r"\A[0-9a-f]{64}\Z"
LOOK_EVERY_S = 0.1
"""So often a socket that sends tasks without a pause has its key looked up in the file."""

_log = logging.getLogger(__name__)


class StoredKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of an API key: enough to recognise it, not enough to use it."""

    digest: Annotated[str, msgspec.Meta(pattern=DIGEST_PATTERN)]
    """SHA-256 of the key, in hexadecimal."""
    tenant: Annotated[str, msgspec.Meta(pattern=TENANT_PATTERN)]
    label: str = ""
    created_at: float = 0.0
    task_types: tuple[str, ...] = ()
    """What the key may be used for; empty: everything."""
    monthly_budget: Decimal | None = None
    """USD that it may spend in a calendar month (UTC); None: as much as it likes."""

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
    monthly_budget: Decimal | None = None
    """USD that it may spend in a calendar month (UTC); None: as much as it likes."""

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

    def __init__(
        self,
        keys: Iterable[StoredKey],
        file: KeyFile | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = tuple(keys)
        self._file = file
        self._clock = clock
        self._next_look = -math.inf
        self._in_file: tuple[StoredKey, ...] | None = None
        self._callers: dict[tuple[str, str], Caller] = {}

    def identify(self, key: str) -> Caller:
        """Tell who holds a key.

        Raises:
            InvalidApiKey: nobody does.
        """
        digest = digest_of(key).encode()
        found: StoredKey | None = None
        for stored in self._known():
            if hmac.compare_digest(stored.digest.encode(), digest):
                found = stored
        if found is None:
            raise InvalidApiKey("Invalid API key.", parameter="apiKey")
        return _caller_of(found)

    def renew(self, caller: Caller) -> Caller:
        """Tell what a key that was identified before allows now, give or take `LOOK_EVERY_S`.

        Raises:
            InvalidApiKey: it has been revoked.
        """
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERY_S
            self._look()
        renewed = self._callers.get((caller.key_id, caller.tenant))
        if renewed is None:
            raise InvalidApiKey("This API key has been revoked.", parameter="apiKey")
        return renewed

    def _look(self) -> None:
        in_file = self._file.current() if self._file else ()
        if in_file is not self._in_file:
            self._in_file = in_file
            known = reversed((*self._keys, *in_file))  # of two that are the same the first counts
            self._callers = {(key.id, key.tenant): _caller_of(key) for key in known}

    def _known(self) -> tuple[StoredKey, ...]:
        return (*self._keys, *(self._file.current() if self._file else ()))


def _caller_of(key: StoredKey) -> Caller:
    return Caller(key.tenant, key.id, key.task_types, key.monthly_budget)


@dataclass(slots=True)
class WrongKeys:
    """Counts wrong keys per address, so that guessing is slowed and a right key never is."""

    per_minute: int = 10
    max_addresses: int = 10_000
    clock: Callable[[], float] = time.monotonic
    _counts: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def note(self, address: str) -> bool:
        """Record a wrong key; tell whether this address, or its IPv6 network, has sent too many."""
        now, party = self.clock(), group_address(address)
        begun, count = self._counts.pop(party, (now, 0))
        if now - begun > 60:
            begun, count = now, 0
        self._counts[party] = (begun, count + 1)
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
    key: str,
    tenant: str,
    label: str = "",
    task_types: tuple[str, ...] = (),
    monthly_budget: Decimal | None = None,
) -> StoredKey:
    """Describe a key for storage."""
    return StoredKey(
        digest=digest_of(key),
        tenant=tenant,
        label=label,
        created_at=time.time(),
        task_types=task_types,
        monthly_budget=monthly_budget,
    )


_Version = tuple[int, int, int]
_ABSENT: _Version = (0, 0, 0)
_OUT_OF_REACH: _Version = (-1, 0, 0)


class KeyFile:
    """The keys of a data directory, in one JSON file that only its owner can read."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "keys.json"
        self._seen: _Version = _ABSENT
        self._broken: _Version = _ABSENT
        self._keys: tuple[StoredKey, ...] = ()

    def load(self) -> tuple[StoredKey, ...]:
        """Return the stored keys, read anew where the file has changed; none where it is absent.

        Raises:
            StorageUnavailable: the file is there and does not hold keys.
        """
        version = self._version()
        if version == self._seen:
            return self._keys
        self._keys = self._read() if version != _ABSENT else ()
        self._seen = version
        return self._keys

    def current(self) -> tuple[StoredKey, ...]:
        """Return the stored keys; where the file was broken since, those that it held before."""
        version = self._version()
        if version == self._seen or version == self._broken != _ABSENT:
            return self._keys
        try:
            return self.load()
        except StorageUnavailable as error:
            self._broken = version
            facts = {"detail": str(error)}
            _log.error("the keys that were read before stay in force", extra=facts)
            return self._keys

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from changing the keys, from before they are loaded here."""
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def save(self, keys: Iterable[StoredKey]) -> None:
        """Write the keys aside and move them into place; only while they are `held`."""
        aside = self._path.with_suffix(".new")
        aside.unlink(missing_ok=True)  # one that a crash left may be open to others
        aside.touch(mode=0o600, exist_ok=False)
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(list(keys))))
        aside.replace(self._path)

    def _version(self) -> _Version:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return _ABSENT
        except OSError:  # a network's file system, perhaps, that does not answer now
            return _OUT_OF_REACH
        return stat.st_mtime_ns, stat.st_ino, stat.st_size

    def _read(self) -> tuple[StoredKey, ...]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=tuple[StoredKey, ...])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise StorageUnavailable(
                f"{self._path} cannot be read as keys: {exc}. Restore it from a copy, or move it "
                "away and make new keys with `cutwire keys create`."
            ) from exc
