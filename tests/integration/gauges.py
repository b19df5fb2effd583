"""What the service says of itself at /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
from integration.client import PATIENCE_S
from integration.service import Service
from prometheus_client.parser import text_string_to_metric_families


async def samples(http: httpx.AsyncClient, service: Service) -> dict[tuple[str, ...], float]:
    """Every sample: name and label values, in the order of the labels' names → value."""
    text = (await http.get(f"{service.url}/metrics")).text
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def gauge(http: httpx.AsyncClient, service: Service, name: str, value: float) -> None:
    """Ask until a gauge has a value."""

    async def has_it() -> bool:
        return (await samples(http, service))[(name,)] == value

    await wait_until(has_it)


async def wait_until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask until the answer is yes."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            pass
