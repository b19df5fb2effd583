"""Outcome → reply: the URL is signed or the picture put inside, the cost added when asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import msgspec
import pybase64
from msgspec import UNSET

from inference.keys import RESULTS
from inference.stores import BlobNotFound, Store
from inference.threads import on_thread
from protocol.errors import CutwireError, ResultTooLarge, StorageUnavailable, TaskNotFound
from protocol.jobs import Job, Outcome, Product, StoredImage
from protocol.replies import Reply, error_reply, inline_reply, result_reply
from protocol.results import ImageResult, MaskResult
from protocol.tasks import ImageMasking, PictureTask
from server.signing import UrlSigner
from server.tracing import NO_TRACES, Traces

EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "application/zip": "zip",
}


def uncounted(_: CutwireError) -> None:
    """Count nothing."""


class Replier:
    """Makes the reply of an outcome, as often as it is asked for."""

    def __init__(
        self,
        store: Store,
        signer: UrlSigner,
        threads: ThreadPoolExecutor,
        *,
        url_life_s: float,
        refused: Callable[[CutwireError], None] = uncounted,
        traces: Traces = NO_TRACES,
    ) -> None:
        self._store = store
        self._signer = signer
        self._threads = threads
        self._url_life_s = url_life_s
        self._count_refused = refused
        self.delivered = traces.delivered
        """Note that a job's reply was handed over, which was begun then (`time.monotonic`)."""

    async def reply(self, outcome: Outcome, base_url: str, *, is_polled: bool = False) -> Reply:
        """Encode an outcome; a poll's answer also says `status`."""
        known = self.known(outcome, base_url, is_polled=is_polled)
        if known is not None:
            return known
        assert outcome.product is not None
        try:
            return await self._success(outcome, outcome.product, base_url, is_polled=is_polled)
        except BlobNotFound:
            gone = TaskNotFound("The result has expired; run the task again.", parameter="taskUUID")
            return _error_reply(outcome, gone, base_url, is_polled=is_polled)

    def known(self, outcome: Outcome, base_url: str, *, is_polled: bool = False) -> Reply | None:
        """Encode an outcome as `reply` does, if the store need not be asked for anything."""
        product, task = outcome.product, outcome.job.task
        if product is None:
            return self.failure(outcome, base_url, is_polled=is_polled)
        life_s = self._url_life_s
        if isinstance(task, PictureTask):
            if task.output_type != "URL" or self._store.signs_urls:
                return None
            if task.ttl is not UNSET:
                life_s = task.ttl
        url = self.url(product, base_url, life_s)
        return result_reply(_result(outcome, product, url, is_polled=is_polled))

    async def pushed(self, outcome: Outcome, base_url: str, *, is_polled: bool) -> Reply:
        """Encode an outcome for a stream, which goes on though the store does not answer."""
        try:
            return await self.reply(outcome, base_url, is_polled=is_polled)
        except StorageUnavailable as exc:
            kept = StorageUnavailable(
                "The task is done, but the store of its result does not answer now; "
                "ask for it with getResponse.",
                detail=exc.detail,
            )
            return _error_reply(outcome, kept, base_url, is_polled=is_polled)

    def failure(self, outcome: Outcome, base_url: str, *, is_polled: bool) -> Reply:
        """Encode the fault of an outcome."""
        assert outcome.fault is not None
        return _error_reply(outcome, outcome.fault.error(), base_url, is_polled=is_polled)

    def refusal(
        self,
        error: CutwireError,
        base_url: str,
        task_type: str | None,
        task_uuid: str | None,
        *,
        is_polled: bool = False,
    ) -> Reply:
        """Count and encode the error of what never became a task."""
        self._count_refused(error)
        return error_reply(
            error,
            task_type=task_type,
            task_uuid=task_uuid,
            documentation_url=documentation_url(base_url),
            is_polled=is_polled,
        )

    def oversized(self, outcome: Outcome, base_url: str) -> Reply:
        """Say that the client hung up on this reply because of its size."""
        error = ResultTooLarge(
            "The reply is larger than this client accepts in one message; "
            'send the task again with "outputType": "URL".',
            parameter="outputType",
        )
        return _error_reply(outcome, error, base_url, is_polled=False)

    def url(self, product: Product, base_url: str, life_s: float) -> str:
        """Sign the address of a stored picture."""
        prefix, folder, _ = product.key.split("/")
        kind = "im" if prefix == RESULTS else "up"
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
        assert isinstance(task, PictureTask)
        if task.output_type == "URL":
            life_s = int(self._url_life_s) if task.ttl is UNSET else task.ttl
            url = await self._store.url(product.key, life_s) or self.url(product, base_url, life_s)
            return result_reply(_result(outcome, product, url, is_polled=is_polled))
        result = _result(outcome, product, None, is_polled=is_polled)
        data = await self._store.get(product.key)
        is_uri = task.output_type == "dataURI"
        field = "ImageDataURI" if is_uri else "ImageBase64Data"
        return await on_thread(
            self._threads,
            lambda: inline_reply(
                result,
                f"mask{field}" if isinstance(result, MaskResult) else f"i{field[1:]}",
                f"data:{product.media_type};base64,".encode() if is_uri else b"",
                pybase64.b64encode(data),
            ),
        )


def _error_reply(outcome: Outcome, error: CutwireError, base_url: str, *, is_polled: bool) -> Reply:
    return error_reply(
        error,
        task_type=outcome.job.task.task_type,
        task_uuid=outcome.job.task.task_uuid,
        documentation_url=documentation_url(base_url),
        is_polled=is_polled,
    )


def _result(
    outcome: Outcome, product: Product, url: str | None, *, is_polled: bool
) -> ImageResult | MaskResult:
    task = outcome.job.task
    status = "success" if is_polled else None
    is_priced = isinstance(task, PictureTask) and task.include_cost
    cost = json_number(outcome.cost) if is_priced else None
    if type(task) is ImageMasking:
        return MaskResult(
            task_type=task.task_type,
            task_uuid=task.task_uuid,
            status=status,
            mask_image_uuid=product.image_uuid,
            input_image_uuid=_input_uuid(outcome.job),
            mask_image_url=url,
            detections=product.detections,
            nsfw_content=product.is_flagged,
            cost=cost,
        )
    return ImageResult(
        task_type=task.task_type,
        task_uuid=task.task_uuid,
        status=status,
        image_uuid=product.image_uuid,
        input_image_uuid=_input_uuid(outcome.job),
        image_url=url,
        nsfw_content=product.is_flagged,
        cost=cost,
    )


def json_number(amount: Decimal) -> msgspec.Raw:
    """Write an amount as a JSON number without the detour over binary fractions."""
    return msgspec.Raw(format(amount.normalize(), "f").encode())


def documentation_url(base_url: str) -> str:
    """Where the service explains its errors."""
    return f"{base_url}/docs/errors"


def _input_uuid(job: Job) -> str | None:
    for source in job.images.values():
        if isinstance(source, StoredImage) and source.image_uuid:
            return source.image_uuid
    return None
