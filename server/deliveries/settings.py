"""How often, how patiently and how many at once are deliveries tried?"""

from __future__ import annotations

from typing import Annotated

import msgspec

from inference.inputs.fetch import FetchSettings
from inference.quantities import Bytes, Count, Seconds

Patience = Annotated[float, msgspec.Meta(gt=0, le=600)]


class DeliverySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Webhooks and uploads: tries, waits between them, bounds."""

    answer_s: Patience = 5.0
    """How long a webhook's receiver may take, from look-up to status."""
    edit_answer_s: Patience = 10.0
    """The same for webhooks of the edit endpoints, whose clients were promised more."""
    upload_s: Patience = 60.0
    """How long an upload endpoint may take."""
    connect_s: Patience = 3.0
    """Look-up, TCP and TLS of a call."""
    tries: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 16
    """The defaults give up after one and a half to three minutes."""
    first_wait_s: Patience = 0.25
    """How long to wait before the second try."""
    longest_wait_s: Patience = 8.0
    """Waits double from the first to the longest, each a quarter more or less at random."""
    max_concurrent: Count = 32
    """Calls at once, of all tenants."""
    max_per_tenant: Count = 8
    """Calls of one tenant at once."""
    max_per_host: Count = 4
    """Of one tenant: another tenant's calls to the same host have places of their own."""
    max_bytes: Bytes = 256 * 1024 * 1024
    """Bodies in memory, of all calls under way; a larger one goes alone."""
    max_pending_per_tenant: Count = 20_000
    """Deliveries that wait; above it, tasks that want another are refused."""
    keep_s: Seconds = 24 * 3600.0
    """How long a delivery that ended is remembered, so that it is never made twice."""

    @property
    def calls(self) -> FetchSettings:
        """The bounds of the outgoing calls themselves."""
        return FetchSettings(
            total_s=max(self.answer_s, self.edit_answer_s, self.upload_s),
            connect_s=self.connect_s,
            max_concurrent=self.max_concurrent,
            max_per_host=self.max_concurrent,
            max_waiting=self.max_concurrent,
        )

    def wait_s(self, tries: int) -> float:
        """How long to wait after so many tries, without the random part."""
        return min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(tries - 1, 30))
