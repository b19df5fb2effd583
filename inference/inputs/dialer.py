"""How is a connection opened? Resolve once, judge every address, connect to a judged address."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Final

from inference.inputs.addresses import IPAddress, refusal
from inference.inputs.failures import call_failed, forbidden_address
from inference.inputs.lookup import Resolve
from inference.inputs.urls import Target

READ_BYTES: Final = 32 * 1024  # what one read may bring, so that parsing never holds the loop long
_MAX_TRIED: Final = 8

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Dialer:
    """Opens connections to allowed addresses only; name and certificate stay the URL's."""

    def __init__(
        self, resolve: Resolve, tls: ssl.SSLContext, *, connect_s: float, allow_private: bool
    ) -> None:
        self._resolve = resolve
        self._tls = tls
        self._connect_s = connect_s
        self._allow_private = allow_private

    async def judge(self, target: Target) -> Sequence[IPAddress]:
        """Resolve the host once and refuse it unless every address is allowed."""
        addresses = await self._addresses(target)
        for address in addresses:
            reason = refusal(address, allow_private=self._allow_private)
            if reason is not None:
                raise forbidden_address(target.parameter, f"{target.host} {address}: {reason}")
        return addresses

    async def connect(self, target: Target) -> Streams:
        """Open a connection, over TLS for https, within the connect time-out (look-up included)."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._connect_s
        addresses = (await self.judge(target))[:_MAX_TRIED]
        failure: OSError | None = None
        for tried, address in enumerate(addresses):
            share_s = (deadline - clock()) / (len(addresses) - tried)
            try:
                return await self._open(target, address, share_s)
            except OSError as exc:  # TimeoutError and ssl.SSLError are OSErrors
                failure = exc
        raise call_failed(target.parameter, _reason(failure), detail=repr(failure)) from failure

    async def _addresses(self, target: Target) -> Sequence[IPAddress]:
        if target.address is not None:
            return [target.address]
        try:
            async with asyncio.timeout(self._connect_s):
                return await self._resolve(target.host, target.port)
        except (OSError, UnicodeError) as exc:
            reason = "its host name could not be resolved"
            raise call_failed(target.parameter, reason, detail=repr(exc)) from exc

    async def _open(self, target: Target, address: IPAddress, limit_s: float) -> Streams:
        async with asyncio.timeout(limit_s):
            return await asyncio.open_connection(
                str(address),
                target.port,
                ssl=self._tls if target.is_secure else None,
                server_hostname=target.host if target.is_secure else None,
                limit=READ_BYTES,
            )


def _reason(failure: OSError | None) -> str:
    if isinstance(failure, ssl.SSLCertVerificationError):
        return "its certificate could not be verified"
    if isinstance(failure, TimeoutError):
        return "no connection in time"
    return "the connection failed"
