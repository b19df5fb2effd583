"""How much one client may ask for at once, and how long it may be silent."""

from __future__ import annotations

import msgspec

from inference.quantities import Bytes, Count, CountOrNone, Seconds, SecondsOrNone


class SocketLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of a connection and of a message."""

    max_tasks: Count = 100
    """Tasks in one array."""
    in_flight_per_socket: Count = 128
    """Tasks of one socket without a reply; above it the socket is not read."""
    idle_s: Seconds = 120.0
    """Silence after which a socket with no task in work is closed; a ping begins it anew."""
    wrong_key_delay_s: SecondsOrNone = 0.25
    """What an answer to a wrong key takes at least, once there were too many."""
    wrong_keys_per_minute: CountOrNone = 10
    """Of one address; beyond it a wrong key is refused. A right one is always let in."""
    resume_s: SecondsOrNone = 120.0
    """How long a session waits for its client to come back."""
    max_detached_sessions: CountOrNone = 10_000
    """Sessions that wait so; above it the longest absent are given up."""
    max_sockets: Count = 50_000
    """Sockets that are logged in, of all tenants."""
    max_sockets_per_tenant: Count = 20_000
    """The same, of one tenant; more are refused with rateLimitExceeded."""
    max_body_bytes: Bytes = 16 * 1024 * 1024
    """Of a POST."""
    task_s: Seconds = 60.0
    """How long a task may wait and run, in all."""


class LifeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long things are kept, in seconds."""

    url_s: Seconds = 3600.0
    """Validity of a result's URL, where the task gives no ttl."""
    result_s: Seconds = 24 * 3600.0
    """How long a result is stored, and found by getResponse."""
    upload_s: Seconds = 30 * 24 * 3600.0
    """After the last use."""
    sweep_every_s: Seconds = 60.0
    """How often what has expired is deleted."""
