"""`cutwire serve`: run the service."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from server.app import build_service
from server.auth import TENANT_PATTERN, KeyFile, StoredKey, new_key, stored_key
from server.commands.common import (
    add_nats_options,
    add_settings_options,
    check_nats,
    file_to_write,
    nats_overrides,
    read_settings,
    write_aside,
)
from server.data_dir import hold_data_dir, prepare_data_dir
from server.edge.server import serve
from server.logs import set_up_logging

_log = logging.getLogger(__name__)


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "serve",
        help="run the service",
        description="Run the service until SIGTERM or Ctrl-C; both let running tasks finish. "
        "At the first start an API key is made and shown once.",
    )
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port; 0 takes a free one (default: 8000)")
    parser.add_argument(
        "--url-file",
        type=file_to_write,
        metavar="FILE",
        help="write the base URL here once the service is ready",
    )
    parser.add_argument(
        "--api-key",
        action="append",
        default=[],
        type=_parse_key,
        metavar="KEY:TENANT",
        help="accept this key, for this run only; may be repeated",
    )
    parser.add_argument(
        "--allow-private-networks",
        action="store_true",
        default=None,
        help="let inputs and callbacks lie on loopback, RFC 1918 and ULA addresses",
    )
    parser.add_argument(
        "--engine",
        choices=("embedded", "nats"),
        help="run tasks in this process, or hand them to workers over NATS JetStream "
        "(default: embedded)",
    )
    add_nats_options(parser)
    add_settings_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve."""
    listen = {"host": options.host, "port": options.port}
    settings = read_settings(
        options,
        edge={name: value for name, value in listen.items() if value is not None} or None,
        allow_private_networks=options.allow_private_networks,
        engine_kind=options.engine,
        nats=nats_overrides(options),
    )
    if settings.engine_kind == "nats":
        check_nats()
    set_up_logging(settings.logs.level, settings.logs.style)
    data_dir = prepare_data_dir(settings.data_dir)
    with hold_data_dir(data_dir):
        service = build_service(settings, options.api_key)

        def announce(base_url: str) -> None:
            # Not before: a key of a start that failed would never be shown.
            fresh_key = _first_key(prepare_data_dir(settings.shared_folder), options.api_key)
            _welcome(settings.public_url or base_url, fresh_key)
            if options.url_file is not None:
                write_aside(options.url_file, base_url)

        return serve(service.app, settings.edge, announce, service.drain)


def _first_key(data_dir: Path, given: Sequence[StoredKey]) -> str | None:
    """Make a key where there is none at all."""
    file = KeyFile(data_dir)
    if given or file.load():
        return None
    with file.held():
        if file.load():  # another gateway was first
            return None
        key = new_key()
        file.save([stored_key(key, "default", "made at the first start")])
    return key


def _welcome(base_url: str, fresh_key: str | None) -> None:
    lines = [f"Cutwire serves at {base_url}", f"  Playground {base_url}/{_login(fresh_key)}"]
    lines.append(f"  WebSocket  ws{base_url.removeprefix('http')}/v1")
    lines.append(f"  HTTP       POST {base_url}/v1")
    if fresh_key is not None:
        lines.append(f"  API key    {fresh_key}   (shown this once; stored as a hash)")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _login(fresh_key: str | None) -> str:
    """Let the first visit log in by itself: browsers send nothing of what follows the #."""
    return f"#key={fresh_key}" if fresh_key else ""


def _parse_key(text: str) -> StoredKey:
    key, _, tenant = text.rpartition(":")
    if not key or not re.match(TENANT_PATTERN, tenant):
        raise argparse.ArgumentTypeError(
            "must be KEY:TENANT, the tenant of lower-case letters, digits, '-', '_' and '.'"
        )
    return stored_key(key, tenant, "given on the command line")
