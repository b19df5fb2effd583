"""All pieces of a plan, several at once: each result is written whole, or not at all."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from protocol.errors import CutwireError, InternalError
from protocol.tasks import PictureTask
from server.filework.local import Made
from server.filework.plan import Piece


class Does(Protocol):
    """Does a task to a picture, here or elsewhere."""

    async def do(self, piece: Piece, task: PictureTask) -> Made:
        """Return what was made, or raise a CutwireError."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one picture."""

    piece: Piece
    seconds: float
    error: CutwireError | None = None


async def run_errand(
    work: Does, task: PictureTask, pieces: Sequence[Piece], *, at_once: int
) -> AsyncIterator[Ended]:
    """Do the task to every picture; yield each as it ends, whether well or not."""
    waiting = iter(pieces)
    under_way: set[asyncio.Task[Ended]] = set()
    try:
        while True:
            for piece in waiting:
                under_way.add(asyncio.create_task(_do(work, task, piece)))
                if len(under_way) >= at_once:
                    break
            if not under_way:
                return
            ended, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for one in ended:
                yield one.result()
    finally:
        for one in under_way:
            one.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _do(work: Does, task: PictureTask, piece: Piece) -> Ended:
    begun = time.monotonic()
    error: CutwireError | None = None
    try:
        made = await work.do(piece, task)
        await asyncio.to_thread(_write, piece.target, made)
    except CutwireError as exc:
        error = exc
    except OSError as exc:
        error = InternalError(f"{piece.target} cannot be written: {exc.strerror}.")
    return Ended(piece, time.monotonic() - begun, error)


def _write(target: Path, made: Made) -> None:
    """Write aside and rename; what was found goes first, so that a picture means all is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if made.detections:
        found = msgspec.json.encode(_with_masks(target, made))
        _put(target.with_suffix(".json"), msgspec.json.format(found, indent=2))
    _put(target, made.data)


def _with_masks(target: Path, made: Made) -> list[dict[str, Any]]:
    """Write the mask of each region to a folder beside its picture, and name it in its place."""
    found: list[dict[str, Any]] = msgspec.to_builtins(made.detections)
    folder = target.with_suffix(".masks")
    if not made.masks:
        return found
    for number, (region, mask) in enumerate(zip(found, made.masks, strict=True), 1):
        folder.mkdir(exist_ok=True)
        _put(folder / f"{number}.png", mask)
        del region["maskImageUUID"]
        region["maskImage"] = f"{folder.name}/{number}.png"
    return found


def _put(path: Path, data: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
