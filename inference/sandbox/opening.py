"""Where are images decoded, as the settings say: on the thread that asks, or in a sandbox."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

from inference.coding import PictureLimits, decode
from inference.picture import Picture
from inference.sandbox.decoder import Sandbox
from inference.sandbox.settings import DecodingSettings


class DecodesImages(Protocol):
    """Turns bytes into a picture, on the thread that calls it."""

    def __call__(self, data: bytes, *, parameter: str, limits: PictureLimits) -> Picture:
        """Decode, or raise an ImageError or OutOfMemory that names the parameter."""


@contextlib.asynccontextmanager
async def running_decoder(
    settings: DecodingSettings, limits: PictureLimits, processes: int
) -> AsyncIterator[DecodesImages]:
    """Have images decoded until the block ends. Raises InternalError where that cannot start."""
    if settings.sandbox == "off":
        yield decode
        return
    sandbox = Sandbox(settings, limits, processes)
    await asyncio.to_thread(sandbox.open)
    try:
        yield sandbox.decode
    finally:
        await asyncio.to_thread(sandbox.close)
