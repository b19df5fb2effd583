"""`cutwire run`: a task on files, without a server or by a running one."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from protocol.errors import CutwireError
from protocol.tasks import PictureTask
from server.commands.common import add_settings_options, read_settings
from server.filework.errand import Does, Ended, run_errand
from server.filework.local import LocalWork
from server.filework.parameters import MASK, TASKS, add_options, members
from server.filework.plan import Plan, make_plan
from server.filework.remote import RemoteWork

AT_ONCE_REMOTE = 8
EPILOG = """\
exit status: 0 all pictures are done, 1 some failed, 2 wrong usage, 130 interrupted.
Results that are there already are left as they are: run the same command again to go on.

  cutwire run removeBackground photos/ -o cut-outs/
  cutwire run imageBackgroundBlur *.jpg -o out/ --scale 3 --output-format JPG
  cutwire run imageErase room.jpg --mask brush.png -o out/
  cutwire run removeBackground photos/ -o out/ --server http://host:8000 --api-key-file key

`cutwire run TASK --help` lists what each task can be told.
"""


def add_parser(commands: Any) -> None:
    """Describe the command, and below it every task with its parameters."""
    parser = commands.add_parser(
        "run",
        help="do a task to files, without a server",
        description="Do a task to picture files in this process, on all cores, or with --server "
        "by a running service.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tasks = parser.add_subparsers(title="tasks", metavar="TASK", required=True)
    for name, kind in TASKS.items():
        told = (kind.__doc__ or "").split("\n")[0]
        task = tasks.add_parser(name, help=told, description=told)
        task.add_argument("files", nargs="+", type=Path, metavar="FILE", help="or a folder")
        task.add_argument(
            "-o", "--out", type=Path, required=True, metavar="DIR", help="folder for the results"
        )
        add_options(task, kind)
        task.add_argument(
            "--overwrite", action="store_true", help="make results anew that are there already"
        )
        task.add_argument("--json", action="store_true", help="a line of JSON for each picture")
        task.add_argument("--server", metavar="URL", help="let a running service do it")
        task.add_argument(
            "--api-key-file", type=Path, metavar="FILE", help="a file with that service's API key"
        )
        add_settings_options(task)
        task.set_defaults(run=run, kind=kind)


def run(options: argparse.Namespace) -> int:
    """Do the task to every picture that has no result yet."""
    kind: type[PictureTask] = options.kind
    try:
        given = members(options, kind)
        task = msgspec.convert(_whole(given, kind), kind)
        plan = make_plan(
            options.files,
            options.out,
            task.output_format,
            mask=getattr(options, "mask", None),
            overwrites=options.overwrite,
        )
        work, at_once = _work(options)
    except CutwireError as error:
        sys.stderr.write(f"cutwire: {error}\n")
        return 2
    failed = asyncio.run(_run(work, task, plan, at_once, is_json=options.json))
    return 1 if failed else 0


def _whole(given: dict[str, Any], kind: type[PictureTask]) -> dict[str, Any]:
    """Fill in what differs from file to file."""
    upper = {"outputFormat": str(given["outputFormat"]).upper()} if "outputFormat" in given else {}
    files = dict.fromkeys(
        (name for name in ("inputImage", MASK) if name in kind.__struct_encode_fields__), "file"
    )
    return (
        given
        | upper
        | files
        | {"taskUUID": "00000000-0000-4000-8000-000000000000"}
        | {"taskType": str(kind.__struct_config__.tag)}
    )


def _work(options: argparse.Namespace) -> tuple[AbstractAsyncContextManager[Does], int]:
    if options.server is None:
        settings = read_settings(options)
        return LocalWork.running(settings), settings.work.task_count
    if options.api_key_file is None:
        raise CutwireError("--server needs --api-key-file FILE, a file that holds the API key.")
    try:
        key = options.api_key_file.read_text().strip()
    except OSError as exc:
        raise CutwireError(f"{options.api_key_file}: {exc.strerror}.") from exc
    return RemoteWork.running(options.server, key), AT_ONCE_REMOTE


async def _run(
    work: AbstractAsyncContextManager[Does],
    task: PictureTask,
    plan: Plan,
    at_once: int,
    *,
    is_json: bool,
) -> int:
    """Show how it goes; return how many failed."""
    failed = 0
    console = Console(stderr=True, highlight=False)
    with _progress(console, is_quiet=is_json) as progress:
        bar = progress.add_task(task.task_type, total=plan.done + len(plan.pieces))
        progress.advance(bar, plan.done)
        if plan.pieces:
            async with work as doing:
                async for ended in run_errand(doing, task, plan.pieces, at_once=at_once):
                    failed += ended.error is not None
                    _tell(ended, console, is_json=is_json)
                    progress.advance(bar)
    if not is_json:
        made = len(plan.pieces) - failed
        console.print(f"{made} done, {plan.done} were there already, {failed} failed")
    return failed


def _progress(console: Console, *, is_quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=is_quiet or not console.is_terminal,
    )


def _tell(ended: Ended, console: Console, *, is_json: bool) -> None:
    error = ended.error
    if is_json:
        line: dict[str, Any] = {
            "file": _shown(ended.piece.source),
            "result": _shown(ended.piece.target) if error is None else None,
            "seconds": round(ended.seconds, 3),
            "error": None if error is None else str(error),
        }
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()
    elif error is not None:
        shown = f"{_shown(ended.piece.source)}: {error}"
        console.print(shown, markup=False, soft_wrap=True)


def _shown(path: Path) -> str:
    """Write a path as text; bytes in it that are not UTF-8 are shown as \\xNN."""
    return os.fsencode(path).decode(errors="backslashreplace")
