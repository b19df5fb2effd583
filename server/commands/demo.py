"""`cutwire demo`: start a service, run every task on some photographs, stop it."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from server.demo.client import WISHES, Answer, run_tasks
from server.demo.pictures import Photo, own_photos, sample_photos
from server.demo.running import running_service
from server.demo.sheet import draw_sheet


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "demo",
        help="run every task on some photographs and look at them",
        description="Start a service, send it one array of tasks over one WebSocket, show each "
        "reply as it arrives, write the cut-outs and a contact sheet, stop the service.",
    )
    parser.add_argument(
        "images", nargs="*", type=Path, metavar="IMAGE", help="default: three sample photographs"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo-out"),
        metavar="DIR",
        help="folder to write to (default: demo-out)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show what the service does."""
    console = Console(highlight=False)
    photos = own_photos(options.images) if options.images else sample_photos()
    begun = time.monotonic()
    with console.status("starting the service …"), running_service() as (base_url, key):
        console.print(f"service ready at {base_url} after {time.monotonic() - begun:.1f} s")
        console.print(f"one array of {len(WISHES) * len(photos)} tasks over one WebSocket:")
        answers = asyncio.run(_collect(console, base_url, key, photos))
    _write(options.out, photos, answers)
    for name in sorted(path.name for path in options.out.iterdir()):
        console.print(f"wrote {options.out / name}")
    return 0


async def _collect(console: Console, base_url: str, key: str, photos: list[Photo]) -> list[Answer]:
    answers = []
    async for answer in run_tasks(base_url, key, photos):
        console.print(
            f"  {answer.seconds:6.2f} s  {answer.photo:12} {answer.wish:8} "
            f"{len(answer.data) / 1024:7.0f} KiB   {answer.cost:.6f} USD"
        )
        answers.append(answer)
    return answers


def _write(out: Path, photos: list[Photo], answers: list[Answer]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    images = {(answer.photo, answer.wish): answer.data for answer in answers}
    for photo in photos:
        (out / f"{photo.name}.png").write_bytes(images[photo.name, "cut-out"])
    rows = [[photo.data, *(images[photo.name, wish] for wish in WISHES)] for photo in photos]
    draw_sheet(["photo", *WISHES], rows, out / "contact-sheet.png")
