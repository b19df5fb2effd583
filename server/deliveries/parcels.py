"""What is sent, and how is it signed? An outcome becomes one HTTP request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from msgspec import UNSET

from inference.inputs.fetch import Delivery
from inference.stores import Store
from protocol.jobs import Callback, Outcome
from protocol.tasks import PictureTask
from server.deliveries.bodies import WritesBody
from server.deliveries.outbox import Kind
from server.deliveries.settings import DeliverySettings
from server.deliveries.signatures import WebhookSecrets, edit_headers, task_headers

JSON = "application/json"
SMALL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Parcels:
    """Makes the request of a delivery, anew for each try."""

    store: Store
    secrets: WebhookSecrets
    task_bodies: WritesBody
    edit_bodies: WritesBody
    settings: DeliverySettings
    clock: Callable[[], float] = time.time

    async def parcel(self, kind: Kind, outcome: Outcome) -> Delivery:
        """Make the request; raises BlobNotFound where the picture to upload is gone."""
        return await (self._webhook(outcome) if kind == "webhook" else self._upload(outcome))

    def size_bytes(self, kind: Kind, outcome: Outcome) -> int:
        """Estimate how much memory the request takes."""
        task, product = outcome.job.task, outcome.product
        assert isinstance(task, PictureTask)
        if product is None or (kind == "webhook" and task.output_type == "URL"):
            return SMALL_BYTES
        return SMALL_BYTES + (3 if kind == "webhook" else 1) * product.size_bytes

    def limit_s(self, kind: Kind, outcome: Outcome) -> float:
        """How long the receiver may take."""
        if kind == "upload":
            return self.settings.upload_s
        is_edit = outcome.job.dialect == "edit"
        return self.settings.edit_answer_s if is_edit else self.settings.answer_s

    async def _webhook(self, outcome: Outcome) -> Delivery:
        job = outcome.job
        assert isinstance(job.task, PictureTask)
        assert job.task.webhook_url is not UNSET
        callback = job.callback or Callback()
        is_edit = job.dialect == "edit"
        bodies = self.edit_bodies if is_edit else self.task_bodies
        body = await bodies.body(outcome, callback.base_url)
        key = (
            self.secrets.unseal(callback.sealed_key)
            if callback.sealed_key
            else self.secrets.of_tenant(job.tenant)
        )
        sign = edit_headers if is_edit else task_headers
        headers = sign(key, job.task.task_uuid, int(self.clock()), body)
        return Delivery(
            url=job.task.webhook_url, method="POST", body=body, media_type=JSON, headers=headers
        )

    async def _upload(self, outcome: Outcome) -> Delivery:
        task, product = outcome.job.task, outcome.product
        assert isinstance(task, PictureTask)
        assert task.upload_endpoint is not UNSET
        assert product is not None
        return Delivery(
            url=task.upload_endpoint,
            method="PUT",
            body=await self.store.get(product.key),
            media_type=product.media_type,
        )
