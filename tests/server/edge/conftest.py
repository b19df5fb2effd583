"""An edge that is started for a test and stopped behind it."""

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from edge_client import Application, Edge, StartEdge

from server.edge import EdgeSettings


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run each test on asyncio's loop and, where it is installed, on uvloop's: both serve."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    with contextlib.suppress(ImportError):
        loops["uvloop"] = importlib.import_module("uvloop").new_event_loop
    return loops


@pytest.fixture
async def start_edge() -> AsyncIterator[StartEdge]:
    """Start an edge with an application and a few settings; stop it behind the test."""
    started: list[Edge] = []

    async def start(app: Any, **settings: Any) -> Edge:
        edge = Edge(app, EdgeSettings(**settings))
        await edge.start()
        started.append(edge)
        return edge

    yield start
    for edge in started:
        await edge.stop()


@pytest.fixture
def app() -> Application:
    return Application()
