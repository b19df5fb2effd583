"""Where the broker is, how it keeps what it is given, and how much a worker takes from it."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from inference.config import Secret
from inference.quantities import Count, Seconds

GIB = 1024**3
DEFAULT_POOL = "default"
POOL_PATTERN = re.compile(r"[a-z0-9-]{1,32}")

StreamBytes = Annotated[int, msgspec.Meta(ge=1024 * 1024, le=2**60)]


class NatsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The engine on NATS JetStream; all gateways and workers of one service share these."""

    urls: tuple[str, ...] = ("nats://127.0.0.1:4222",)
    """Servers of one cluster; any of them will do."""
    user: str = ""
    """Empty: none is asked for, or a token or credentials are given."""
    password: Secret = Secret("")
    """Goes with user."""
    token: Secret = Secret("")
    """In the place of user and password."""
    credentials_file: str = ""
    """A `.creds` file with a user's JWT and its key."""
    ca_file: str = ""
    """Certificates that `tls://` servers are checked with; empty: the system's."""
    connect_s: Seconds = 30.0
    """How long a start waits for the broker."""
    monitoring_url: str = ""
    """The broker's HTTP monitoring, http://HOST:8222: a start reads there how it syncs its disk."""

    replicas: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    """Servers that keep each message: 3 for a cluster over three failure domains."""
    pools: dict[str, str] = {}
    """Model or task type → pool of workers; what is not named goes to the pool `default`."""
    max_waiting: Count = 2_000
    """Tasks of one tenant in one lane; more are refused with rateLimitExceeded."""
    tasks_bytes: StreamBytes = 4 * GIB
    """Disk for the tasks of one pool; when full, tasks are refused with serviceUnavailable."""
    results_bytes: StreamBytes = 4 * GIB
    """Disk for undelivered results; when full, workers wait."""
    jobs_bytes: StreamBytes = 8 * GIB
    """Disk for what getResponse knows; the oldest are forgotten first."""
    usage_bytes: StreamBytes = 4 * GIB
    """Disk for charges and webhooks until the ledger has them; when full, workers wait."""
    results_life_s: Seconds = 900.0
    """How long a session can be resumed on another gateway."""
    duplicate_window_s: Seconds = 300.0
    """How long the broker itself knows which tasks it was given."""

    patience_s: Seconds = 10.0
    """How long a gateway tries to hand a task to a silent broker before it refuses it."""
    max_submitting: Count = 1_000
    """Tasks of one gateway that are being handed over; more are refused."""

    prefetch: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 4
    """Tasks that a worker holds beyond those in work, of each lane that is busy."""
    ack_wait_s: Seconds = 20.0
    """After this without a sign of life from its worker a task goes to another one."""
    max_tries: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 3
    """How often a task may be begun: one that ends its worker each time is failed then."""
    max_deliveries: Count = 20
    """The broker's own bound on handing a task out, begun or not."""
    keeps_ledger: bool = True
    """Whether this gateway may keep the ledger and send webhooks; the first that starts does."""

    def __post_init__(self) -> None:
        if not self.urls:
            raise ValueError("urls is empty; it needs the address of a NATS server")
        for pool in self.pools.values():
            if not POOL_PATTERN.fullmatch(pool):
                raise ValueError(
                    f"pools names the pool '{pool}'; allowed: 1 to 32 of a-z, 0-9 and '-'"
                )

    @property
    def all_pools(self) -> list[str]:
        """Every pool that tasks go to."""
        return sorted({DEFAULT_POOL, *self.pools.values()})

    def pool_of(self, model: str, task_type: str) -> str:
        """Which pool of workers runs a task."""
        return self.pools.get(model) or self.pools.get(task_type) or DEFAULT_POOL
