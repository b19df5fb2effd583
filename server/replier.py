"""Outcome → reply: the URL is signed or the picture put inside, the cost added when asked."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import msgspec
import pybase64
from msgspec import UNSET

from inference.keys import RESULTS
from inference.stores import BlobNotFound, Store
from protocol.errors import ResultTooLarge, TaskNotFound
from protocol.jobs import Job, Outcome, Product, StoredImage
from protocol.replies import Reply, error_reply, inline_reply, result_reply
from protocol.results import ImageResult, MaskResult
from protocol.tasks import ImageMasking, PictureTask
from server.signing import UrlSigner

EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "application/zip": "zip",
}


class Replier:
    """Makes the reply of an outcome, as often as it is asked for."""

    def __init__(
        self,
        store: Store,
        signer: UrlSigner,
        threads: ThreadPoolExecutor,
        *,
        url_life_s: float,
    ) -> None:
        self._store = store
        self._signer = signer
        self._threads = threads
        self._url_life_s = url_life_s

    async def reply(self, outcome: Outcome, base_url: str, *, is_polled: bool = False) -> Reply:
        """Encode an outcome; a poll's answer also says `status`."""
        task = outcome.job.task
        if outcome.product is None:
            return self.failure(outcome, base_url, is_polled=is_polled)
        try:
            return await self._success(outcome, outcome.product, base_url, is_polled=is_polled)
        except BlobNotFound:
            gone = TaskNotFound("The result has expired; run the task again.", parameter="taskUUID")
            return error_reply(
                gone,
                task_type=task.task_type,
                task_uuid=task.task_uuid,
                documentation_url=documentation_url(base_url),
                is_polled=is_polled,
            )

    def failure(self, outcome: Outcome, base_url: str, *, is_polled: bool) -> Reply:
        """Encode the fault of an outcome."""
        assert outcome.fault is not None
        return error_reply(
            outcome.fault.error(),
            task_type=outcome.job.task.task_type,
            task_uuid=outcome.job.task.task_uuid,
            documentation_url=documentation_url(base_url),
            is_polled=is_polled,
        )

    def oversized(self, outcome: Outcome, base_url: str) -> Reply:
        """Say that the client hung up on this reply because of its size."""
        return error_reply(
            ResultTooLarge(
                "The reply is larger than this client accepts in one message; "
                'send the task again with "outputType": "URL".',
                parameter="outputType",
            ),
            task_type=outcome.job.task.task_type,
            task_uuid=outcome.job.task.task_uuid,
            documentation_url=documentation_url(base_url),
        )

    def url(self, product: Product, base_url: str, life_s: float) -> str:
        """Sign the address of a stored picture."""
        folder = product.key.split("/")[1]
        kind = "im" if product.key.startswith(f"{RESULTS}/") else "up"
        path = f"/{kind}/{folder}/{product.image_uuid}.{EXTENSIONS[product.media_type]}"
        return base_url + self._signer.sign(path, life_s)

    async def address(self, product: Product, base_url: str) -> str:
        """Sign the address of a result, for as long as one without a ttl of its own lives."""
        life_s = self._url_life_s
        return await self._store.url(product.key, int(life_s)) or self.url(
            product, base_url, life_s
        )

    async def _success(
        self, outcome: Outcome, product: Product, base_url: str, *, is_polled: bool
    ) -> Reply:
        task = outcome.job.task
        result = _result(outcome.job, product, _cost(outcome), is_polled=is_polled)
        if not isinstance(task, PictureTask):
            return result_reply(_with_url(result, self.url(product, base_url, self._url_life_s)))
        if task.output_type == "URL":
            life_s = int(self._url_life_s) if task.ttl is UNSET else task.ttl
            url = await self._store.url(product.key, life_s) or self.url(product, base_url, life_s)
            return result_reply(_with_url(result, url))
        data = await self._store.get(product.key)
        is_uri = task.output_type == "dataURI"
        field = "ImageDataURI" if is_uri else "ImageBase64Data"
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads,
            lambda: inline_reply(
                result,
                f"mask{field}" if isinstance(result, MaskResult) else f"i{field[1:]}",
                f"data:{product.media_type};base64,".encode() if is_uri else b"",
                pybase64.b64encode(data),
            ),
        )


def _cost(outcome: Outcome) -> msgspec.Raw | None:
    task = outcome.job.task
    is_wanted = isinstance(task, PictureTask) and task.include_cost
    return json_number(outcome.cost) if is_wanted else None


def _result(
    job: Job, product: Product, cost: msgspec.Raw | None, *, is_polled: bool
) -> ImageResult | MaskResult:
    status = "success" if is_polled else None
    if isinstance(job.task, ImageMasking):
        return MaskResult(
            task_type=job.task.task_type,
            task_uuid=job.task.task_uuid,
            status=status,
            mask_image_uuid=product.image_uuid,
            input_image_uuid=_input_uuid(job),
            detections=product.detections,
            cost=cost,
        )
    return ImageResult(
        task_type=job.task.task_type,
        task_uuid=job.task.task_uuid,
        status=status,
        image_uuid=product.image_uuid,
        input_image_uuid=_input_uuid(job),
        cost=cost,
    )


def _with_url(result: ImageResult | MaskResult, url: str) -> ImageResult | MaskResult:
    if isinstance(result, MaskResult):
        return msgspec.structs.replace(result, mask_image_url=url)
    return msgspec.structs.replace(result, image_url=url)


def json_number(amount: Decimal) -> msgspec.Raw:
    """Write an amount as a JSON number without the detour over binary fractions."""
    return msgspec.Raw(format(amount.normalize(), "f").encode())


def documentation_url(base_url: str) -> str:
    """Where the service explains its errors."""
    return f"{base_url}/docs/errors"


def _input_uuid(job: Job) -> str | None:
    sources = (source for source in job.images.values() if isinstance(source, StoredImage))
    return next((source.image_uuid for source in sources if source.image_uuid), None)
