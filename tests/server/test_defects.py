"""An exception that nobody caught is one entry in the log and one in the count, wherever it was."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from server.defects import watched_defects
from server.logs import JsonFormatter
from server.metrics import Metrics

SECRET = "sk-live-0123456789"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.ERROR, logger="server.defects"):
        yield caplog


def told(log: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    return [json.loads(JsonFormatter().format(record)) for record in log.records]


async def fail(key: str) -> None:
    assert key
    raise LookupError("broken")


def fail_in_thread() -> None:
    raise LookupError("broken")


async def test_thread_that_fails_is_told_and_counted(log: pytest.LogCaptureFixture) -> None:
    counted: list[str] = []
    async with watched_defects(counted.append):
        thread = threading.Thread(target=fail_in_thread, name="embedded-0")
        thread.start()
        thread.join()

    (entry,) = told(log)
    assert (entry["place"], entry["where"], counted) == ("thread", "embedded-0", ["thread"])
    assert "LookupError: broken" in entry["exception"]


async def test_callback_that_fails_is_told_and_counted(log: pytest.LogCaptureFixture) -> None:
    counted: list[str] = []
    async with watched_defects(counted.append):
        asyncio.get_running_loop().call_soon(fail_in_thread)
        await asyncio.sleep(0)

    (entry,) = told(log)
    assert (entry["place"], counted) == ("loop", ["loop"])
    assert "LookupError: broken" in entry["exception"]


async def test_task_that_nobody_awaits_is_told_without_what_it_was_given(
    log: pytest.LogCaptureFixture,
) -> None:
    counted: list[str] = []
    async with watched_defects(counted.append):
        task = asyncio.create_task(fail(SECRET))
        await asyncio.sleep(0)
        del task
        gc.collect()

    assert counted == ["loop"]
    assert SECRET not in json.dumps(told(log))


async def test_finalizer_that_fails_is_told_and_counted(log: pytest.LogCaptureFixture) -> None:
    class Broken:
        def __del__(self) -> None:
            raise LookupError("broken")

    counted: list[str] = []
    async with watched_defects(counted.append):
        Broken()

    assert counted == ["finalizer"]
    assert told(log)[0]["place"] == "finalizer"


async def test_hooks_are_as_before_afterwards() -> None:
    loop = asyncio.get_running_loop()
    before = (loop.get_exception_handler(), threading.excepthook, sys.unraisablehook)
    async with watched_defects(lambda _: None):
        pass

    assert (loop.get_exception_handler(), threading.excepthook, sys.unraisablehook) == before


def test_defects_are_among_the_metrics_from_zero() -> None:
    metrics = Metrics()
    assert 'cutwire_defects_total{place="thread"} 0.0' in metrics.text().decode()
    metrics.defect("thread")
    assert 'cutwire_defects_total{place="thread"} 1.0' in metrics.text().decode()
