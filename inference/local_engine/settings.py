"""How much the embedded engine holds, and how often it tries."""

from __future__ import annotations

import msgspec

from inference.quantities import Count, CountOrNone, Seconds, SecondsOrNone


class LocalEngineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of the embedded engine."""

    max_queued_per_tenant: CountOrNone = 1_000
    """Sync tasks of one tenant that may wait; more are refused with rateLimitExceeded."""
    max_async_queued_per_tenant: CountOrNone = 20_000
    """The same for async tasks."""
    interactive_per_tenant: CountOrNone = 32
    """Waiting tasks of one tenant that go ahead of bulk work; what is above waits as bulk."""
    running_per_tenant: CountOrNone = 0
    """Tasks of one tenant that run at once while another has work too; 0: one per thread."""
    running_alone: CountOrNone = 0
    """The same while no other has work; 0: work.concurrency. One place more is always kept free."""
    fetching_per_tenant: CountOrNone = 16
    """Tasks of one tenant whose pictures are being fetched while another has work too; 0: any
    number."""
    fetching_alone: CountOrNone = 32
    """The same while no other has work. There are eight places more."""
    active_s: SecondsOrNone = 10.0
    """How long after its last task a tenant still counts as having work."""
    max_queued: CountOrNone = 50_000
    """Tasks of all tenants that may wait; more are refused with serviceUnavailable."""
    undelivered_life_s: Seconds = 900.0
    """How long a result is kept in memory for a client that does not fetch it."""
    max_tries: Count = 3
    """How often a task may be begun: one that ends the process each time is failed then."""
    suspects_wait_s: SecondsOrNone = 10.0
    """How long after the start tasks that may have ended the process let all others go first."""
    retry_write_s: Seconds = 1.0
    """How long to wait before an outcome is written again that could not be written."""
