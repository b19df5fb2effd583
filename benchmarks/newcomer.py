"""A newcomer's way: from `git clone` to the first cut-out in the browser, in seconds by step.

python -m benchmarks newcomer [--cached] [--json FILE]

Clones this repository's last commit into an empty folder and runs `make serve` there, in an empty
home, so that every package is fetched anew; `--cached` keeps the caches of pip and uv. Then a real
Chromium opens the link that is printed, and is given a picture. Needs Chromium: make browser.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.harness import photograph

ROOT = Path(__file__).parents[1]
LIMIT_MS = 120_000
KEY = "newcomer"
LINK = re.compile(r"Playground (\S+)")
MARKS = {"Installing ": "install", "Compiling ": "kernels"}
"""How a line of make's begins → the step that begins there."""
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def walk(folder: Path, home: str) -> Iterator[tuple[str, float]]:
    """Yield each step with its seconds."""
    begun = time.monotonic()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    yield "clone", time.monotonic() - begun
    yield from serve_and_look(folder, home, "")
    yield from serve_and_look(folder, home, "again: ")


def serve_and_look(folder: Path, home: str, prefix: str) -> Iterator[tuple[str, float]]:
    """Run `make serve` until it has cut out a picture in a browser."""
    step, begun = "start", time.monotonic()
    with making(folder, home) as lines:
        for line in lines:
            if found := LINK.search(line):
                break
            if name := next((MARKS[mark] for mark in MARKS if line.startswith(mark)), None):
                if step != "start":
                    yield prefix + step, time.monotonic() - begun
                step, begun = name, time.monotonic()
        else:
            raise SystemExit("make serve ended without a link")
        # What comes after the last mark is the step itself and the start of the service.
        yield prefix + (step if step == "start" else f"{step} and start"), time.monotonic() - begun
        yield from look(found[1], prefix)


def look(link: str, prefix: str) -> Iterator[tuple[str, float]]:
    """Open the page, give it a picture and wait for its cut-out."""
    picture = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photograph(1.0)}
    with sync_playwright() as driver:
        program = next(filter(None, map(shutil.which, NAMES)))
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=program, args=flags)
        page = browser.new_page()
        page.set_default_timeout(LIMIT_MS)
        begun = time.monotonic()
        page.goto(f"{link}#key={KEY}")
        page.locator("#status[data-state=online]").wait_for()
        yield prefix + "page", time.monotonic() - begun
        begun = time.monotonic()
        page.set_input_files("#picker", picture)
        page.locator(".thumb[data-state=done]").wait_for()
        yield prefix + "first cut-out", time.monotonic() - begun
        browser.close()


@contextmanager
def making(folder: Path, home: str) -> Iterator[Iterator[str]]:
    """Run `make serve` as somebody new; give its lines as they come, and end it after the block."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CUTWIRE_", "PYTHON", "VIRTUAL_ENV", "MAKE"))
    }
    process = subprocess.Popen(
        [
            *("make", "--no-print-directory", "serve"),
            f"ARGS=--port 0 --data-dir .data --api-key {KEY}:me",
        ],
        cwd=folder,
        env=kept | {"HOME": home},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield iter(process.stdout)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; `--json` also writes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks newcomer", description=__doc__)
    parser.add_argument("--cached", action="store_true", help="with this user's package caches")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="cutwire-newcomer-") as name:
        empty = Path(name) / "home"
        empty.mkdir()
        seconds: dict[str, float] = {}
        for step, took_s in walk(
            Path(name) / "cutwire", str(Path.home() if options.cached else empty)
        ):
            seconds[step] = round(took_s, 1)
            print(f"{step:24} {took_s:7.1f} s", flush=True)
    figures: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "packages": "cached" if options.cached else "fetched",
        "seconds": seconds,
        "in_all_s": round(sum(s for step, s in seconds.items() if not step.startswith("again")), 1),
    }
    print(f"{'in all':24} {figures['in_all_s']:7.1f} s")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
