"""The command line: `cutwire demo`, `serve`, `run`, `worker`, `keys`, `models`, `usage`, …"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from inference.config import SettingsError
from protocol.errors import CutwireError

COMMANDS = (
    *("demo", "serve", "run", "worker", "engine"),
    *("keys", "models", "usage", "check-config", "completion"),
)


def make_parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """Describe the command line, or these commands of it: each is imported to be described."""
    parser = argparse.ArgumentParser(
        prog="cutwire",
        description="A self-hosted task-array image service: backgrounds removed over one "
        "WebSocket, on your own machine.",
        epilog="`cutwire serve` is all that a first try needs. Every setting can also be given in "
        "a TOML file (--config) or as an environment variable: CUTWIRE_EDGE__PORT=9000. "
        "Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    described = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in commands:
        module = import_module(f"server.commands.{command.replace('-', '_')}")
        module.add_parser(described)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it."""
        parser.exit(message=f"cutwire {metadata.version('cutwire')}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 done, 1 failed, 2 wrong usage."""
    _open_closed_streams()
    given = sys.argv[1:] if arguments is None else arguments
    asked = [command for command in COMMANDS if command in given[:1]]
    parser = make_parser(asked or COMMANDS)
    options = parser.parse_args(given)
    if "run" not in options:
        parser.print_help(sys.stderr)
        return 2
    try:
        status = int(options.run(options))
        sys.stdout.flush()
        return status
    except (SettingsError, CutwireError) as error:
        sys.stderr.write(f"cutwire: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads our output has seen enough: `| head`
        _drop_output()
        return 141
    except OSError as error:  # a disk that is full, a folder that is none: nothing of ours
        sys.stderr.write(f"cutwire: {_reason(error)}\n")
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            return 1
        _drop_output()
        return 1


def _open_closed_streams() -> None:
    """Have something to write to where whoever started us closed it (`>&-`)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - until the process ends


def _drop_output() -> None:
    """Write what is left of our output nowhere: else Python would try once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reason(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


if __name__ == "__main__":
    sys.exit(main())
