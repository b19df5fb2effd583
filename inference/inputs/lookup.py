"""Which addresses does a host name have? Asked of the system, on threads of our own."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from typing import Protocol

from inference.inputs.addresses import IPAddress
from inference.threads import on_thread


class Resolve(Protocol):
    """Look a name up: addresses in the order to try; raises OSError if there is no such name."""

    async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
        """Look the name up once."""
        ...


class SystemResolver:
    """getaddrinfo on its own threads.

    A look-up cannot be cancelled: on the loop's shared pool (uvloop: 4 threads) a few names with a
    silent name server would hold up everybody else's look-ups.
    """

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> Sequence[IPAddress]:
        """Look the name up once."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        rows = await on_thread(self._threads, ask)
        return list(dict.fromkeys(ip_address(row[4][0]) for row in rows))

    def close(self) -> None:
        """Drop look-ups that have not begun; those under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
