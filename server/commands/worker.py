"""`cutwire worker`: run tasks that gateways took, on this host's machine."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from inference.jetstream_engine.settings import DEFAULT_POOL
from server.commands.common import (
    add_nats_options,
    add_settings_options,
    check_nats,
    file_to_write,
    nats_overrides,
    read_settings,
    write_aside,
)
from server.edge.server import serve
from server.logs import set_up_logging

DEFAULT_PORT = 8001


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "worker",
        help="run tasks that gateways took, from NATS JetStream",
        description="Pull tasks from NATS JetStream and run them until SIGTERM or Ctrl-C; both let "
        "running tasks finish and give the others back. Inputs and results lie in the store that "
        "gateways and workers share: S3, or the folder that `shared_dir` names.",
    )
    parser.add_argument(
        "--pool",
        action="append",
        metavar="NAME",
        help="take the tasks of this pool; may be repeated (default: default)",
    )
    parser.add_argument("--host", help="address for health and metrics (default: 127.0.0.1)")
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help=f"port for health and metrics; 0 takes a free one (default: {DEFAULT_PORT})",
    )
    parser.add_argument(
        "--url-file",
        type=file_to_write,
        metavar="FILE",
        help="write the base URL here once the worker is ready",
    )
    parser.add_argument(
        "--allow-private-networks",
        action="store_true",
        default=None,
        help="let inputs lie on loopback, RFC 1918 and ULA addresses",
    )
    add_nats_options(parser)
    add_settings_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Work."""
    listen = {"host": options.host, "port": options.port}
    settings = read_settings(
        options,
        engine_kind="nats",
        edge={name: value for name, value in listen.items() if value is not None},
        nats=nats_overrides(options),
        allow_private_networks=options.allow_private_networks,
    )
    check_nats()
    from server.worker_app import build_worker

    set_up_logging(settings.logs.level, settings.logs.style)
    service = build_worker(settings, options.pool or [DEFAULT_POOL])

    def announce(base_url: str) -> None:
        if options.url_file is not None:
            write_aside(options.url_file, base_url)
        sys.stdout.write(f"Cutwire works; health and metrics at {base_url}\n")
        sys.stdout.flush()

    return serve(service.app, settings.edge, announce, service.drain)
