"""May a task's webhookURL and uploadEndpoint be called? Judged when it is sent, and when called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import UNSET

from protocol.errors import DownloadFailed, ForbiddenAddress, InvalidParameter, RateLimited
from protocol.tasks import PictureTask


class ChecksUrls(Protocol):
    """Judges URLs."""

    async def check(self, url: str, parameter: str) -> None:
        """Raise ForbiddenAddress or DownloadFailed for a URL that may not or cannot be called."""


class CallbackGate:
    """Refuses tasks whose result could never be delivered."""

    def __init__(
        self, urls: ChecksUrls, pending_of: Callable[[str], int], max_pending_per_tenant: int
    ) -> None:
        self._urls = urls
        self._pending_of = pending_of
        self._limit = max_pending_per_tenant

    async def check(self, tenant: str, task: PictureTask) -> None:
        """Let a task pass.

        Raises:
            InvalidParameter: one of its URLs may not be called, or its host is not known.
            RateLimited: too many deliveries of this tenant wait already.
        """
        wanted = {"webhookURL": task.webhook_url, "uploadEndpoint": task.upload_endpoint}
        urls = {name: url for name, url in wanted.items() if url is not UNSET}
        if urls and self._pending_of(tenant) >= self._limit:
            raise RateLimited(
                f"{self._limit:,} webhooks and uploads of this key already wait for their "
                "receivers; send more as they are taken."
            )
        for name, url in urls.items():
            try:
                await self._urls.check(url, name)
            except (ForbiddenAddress, DownloadFailed) as error:
                raise InvalidParameter(
                    error.message,
                    parameter=name,
                    constraint=error.constraint,
                    detail=error.detail,
                ) from error
