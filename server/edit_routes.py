"""The edit endpoints: who may ask, which path is which request, and the answers over HTTP."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from protocol.edit_errors import error_object, status_of
from protocol.edits import (
    AllMasks,
    BlurBackground,
    CropForeground,
    Edit,
    Erase,
    MaskGenerator,
    OlderCutout,
    ProductCutout,
    Refused,
    Taken,
)
from protocol.errors import CutwireError, InternalError, MissingApiKey, RateLimited
from server.auth import Caller
from server.edit_desk import STATUS_PATH, EditDesk, Visit
from server.edit_quota import EditQuota
from server.http_requests import address_of
from server.reception import Reception

_log = logging.getLogger("cutwire.edits")

_V1 = ("", "/v1")
_V2 = ("", "/v2/image/edit")

ENDPOINTS: tuple[tuple[str, type[Edit], tuple[str, ...]], ...] = (
    ("/crop_foreground", CropForeground, _V2),
    ("/blur_background", BlurBackground, _V2),
    ("/erase", Erase, _V2),
    ("/product/cutout", OlderCutout, _V1),
    ("/product/cutout", ProductCutout, ("/v2/image/edit",)),
    ("/objects/mask_generator", MaskGenerator, _V1),
    ("/all_masks", AllMasks, ("/v2/image/segment",)),
)
"""(name, what is taken there, where it is found)."""

Work = Callable[[Visit, Caller], Awaitable[Any]]
BaseUrl = Callable[[HTTPConnection], str]


class EditRoutes:
    """Answers the edit endpoints and the status service."""

    def __init__(self, reception: Reception, desk: EditDesk, quota: EditQuota) -> None:
        self._reception = reception
        self._desk = desk
        self._quota = quota

    def table(self, base_url: BaseUrl) -> list[BaseRoute]:
        """List the routes; `base_url` tells how a client reached us."""
        status = self._handler("status", self._desk.state, base_url)
        routes = [Route(STATUS_PATH, status, methods=["GET"])]
        for name, kind, prefixes in ENDPOINTS:
            handler = self._handler(name.strip("/"), self._taking(kind), base_url)
            routes += [Route(prefix + name, handler, methods=["POST"]) for prefix in prefixes]
        return list(routes)

    def _taking(self, kind: type[Edit]) -> Work:
        async def take(visit: Visit, caller: Caller) -> Any:
            return await self._desk.take(visit, caller, kind)

        return take

    def _handler(
        self, endpoint: str, work: Work, base_url: BaseUrl
    ) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            self._reception.under_way.note()
            visit = Visit(request, str(uuid.uuid4()), base_url(request))
            begun = time.monotonic()
            tenant, response, detail = await self._answer(visit, endpoint, work)
            response.headers["X-Request-ID"] = visit.id
            entry = {
                "request_id": visit.id,
                "endpoint": endpoint,
                "tenant": tenant,
                "status": response.status_code,
                "seconds": round(time.monotonic() - begun, 4),
            }
            _log.info("edit answered", extra=entry | ({"detail": detail} if detail else {}))
            return response

        return handle

    async def _answer(self, visit: Visit, endpoint: str, work: Work) -> tuple[str, Response, str]:
        """Return the tenant, as far as it is known, the response, and a detail for the log."""
        tenant = ""
        try:
            caller = await self._identify(visit.request)
            tenant = caller.tenant
            self._quota.count(tenant, endpoint)
            answer = await work(visit, caller)
            return tenant, _response(answer, 202 if isinstance(answer, Taken) else 200), ""
        except CutwireError as error:
            told = error
        except Exception as exc:  # noqa: BLE001 - a defect of ours must still be answered in this dialect
            _log.exception("edit failed unexpectedly", extra={"request_id": visit.id})
            told = InternalError("The request failed unexpectedly.", detail=repr(exc))
        if not visit.is_task:  # else the task was counted when it ended
            self._reception.metrics.element_refused(told)
        return tenant, _refusal(told, visit), told.detail

    async def _identify(self, request: Request) -> Caller:
        token = request.headers.get("api_token")
        if not token:
            raise MissingApiKey("Send the API key in the header api_token.", parameter="api_token")
        return await self._reception.identify(token, address_of(request))


def _response(answer: Any, status: int) -> Response:
    body = msgspec.json.encode(answer)
    headers = {"Cache-Control": "no-store"}
    return Response(body, status, headers=headers, media_type="application/json")


def _refusal(error: CutwireError, visit: Visit) -> Response:
    told = Refused(error=error_object(error, visit.names), request_id=visit.id)
    response = _response(told, status_of(error))
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'ApiToken realm="cutwire"'
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(error.whole_seconds)
    return response
