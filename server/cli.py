"""The command line: `cutwire demo`, `serve`, `run`, `worker`, `keys`, `models`, `usage`, …"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from inference.config import SettingsError
from protocol.errors import CutwireError
from server.commands import (
    check_config,
    completion,
    demo,
    engine,
    keys,
    models,
    run,
    serve,
    usage,
    worker,
)

COMMANDS = (demo, serve, run, worker, engine, keys, models, usage, check_config, completion)


def make_parser() -> argparse.ArgumentParser:
    """Describe the whole command line."""
    parser = argparse.ArgumentParser(
        prog="cutwire",
        description="A self-hosted task-array image service: backgrounds removed over one "
        "WebSocket, on your own machine.",
        epilog="`cutwire serve` is all that a first try needs. Every setting can also be given in "
        "a TOML file (--config) or as an environment variable: CUTWIRE_EDGE__PORT=9000.",
    )
    parser.add_argument("--version", action="version", version=f"cutwire {version('cutwire')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 done, 1 failed, 2 wrong usage."""
    options = make_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (SettingsError, CutwireError) as error:
        sys.stderr.write(f"cutwire: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
