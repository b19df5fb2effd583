"""Outcome → what the edit endpoints, the status service and webhooks say of it."""

from __future__ import annotations

from typing import Any

from inference.engine import JobState
from protocol.edit_errors import error_object
from protocol.edits import State
from protocol.errors import CutwireError, InternalError
from protocol.jobs import Outcome, Product
from protocol.tasks import ImageMasking
from server.mask_archive import MaskArchive
from server.replier import Replier


class EditReplier:
    """Makes the reply of an outcome in the second dialect, as often as it is asked for."""

    def __init__(self, replier: Replier, archive: MaskArchive) -> None:
        self._replier = replier
        self._archive = archive

    async def result(self, outcome: Outcome, base_url: str) -> dict[str, Any]:
        """Sign the addresses of what a request made; raises the error of one that failed."""
        if outcome.product is None:
            assert outcome.fault is not None
            raise outcome.fault.error()
        product = outcome.product
        if not isinstance(outcome.job.task, ImageMasking):
            url = await self._url(product, base_url)
            return {"image_url": url} if _is_v2(outcome) else {"result_url": url}
        if _is_v2(outcome):
            return {"masks": await self._masks(product, base_url)}
        archive = await self._archive.make(outcome.job.task.task_uuid, product)
        url = await self._url(archive, base_url)
        return {"objects_masks": url, "result_url": url}

    async def state(self, state: JobState, base_url: str) -> State:
        """Say how far a request has come."""
        request_id = state.job.task.task_uuid
        if state.outcome is None:
            return State(status="IN_PROGRESS", request_id=request_id)
        try:
            result = await self.result(state.outcome, base_url)
        except CutwireError as error:
            return State(
                status="UNKNOWN" if isinstance(error, InternalError) else "ERROR",
                request_id=request_id,
                error=error_object(error, state.job.names),
            )
        return State(status="COMPLETED", request_id=request_id, result=result)

    async def _masks(self, product: Product, base_url: str) -> list[dict[str, Any]]:
        return [
            {
                "id": place,
                "mask_url": await self._url(mask, base_url),
                "confidence": found.confidence,
                "area": found.area,
            }
            for place, (mask, found) in enumerate(
                zip(product.masks, product.detections, strict=True), start=1
            )
        ]

    async def _url(self, product: Product, base_url: str) -> str:
        return await self._replier.address(product, base_url)


def _is_v2(outcome: Outcome) -> bool:
    """Tell the versions apart by what they call the picture."""
    return outcome.job.names.get("inputImage") == "image"
