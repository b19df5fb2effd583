"""What commands share: where the settings come from."""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path
from typing import Any

from inference.config import SettingsError, load_settings
from server.settings import Settings


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where settings and data are."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="keys, signing secret and stored pictures (default: ~/.local/share/cutwire)",
    )


def add_nats_options(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the broker is."""
    parser.add_argument(
        "--nats-url",
        action="append",
        metavar="URL",
        help="a NATS server, nats://HOST:4222; may be repeated for a cluster",
    )


def nats_overrides(options: argparse.Namespace) -> dict[str, Any] | None:
    """Give what `add_nats_options` read, as settings."""
    return {"urls": options.nats_url} if options.nats_url else None


def check_nats() -> None:
    """Raise SettingsError where the client of the broker is not installed."""
    if importlib.util.find_spec("nats") is None:
        raise SettingsError(
            "engine_kind 'nats' needs nats-py, which is not installed: pip install 'cutwire[nats]'"
        )


def file_to_write(text: str) -> Path:
    """Read an option that names a file to be written later; its folder must be there now."""
    path = Path(text)
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent}")
    return path


def write_aside(path: Path, text: str) -> None:
    """Write a file in one step: who waits for it never sees half of it."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    aside.write_text(text)
    aside.replace(path)


def read_settings(options: argparse.Namespace, **more: Any) -> Settings:
    """Read the settings: defaults < file < environment < command line."""
    overrides = {name: value for name, value in more.items() if value is not None}
    if options.data_dir is not None:
        overrides["data_dir"] = str(options.data_dir)
    return load_settings(Settings, file=options.config, environ=os.environ, overrides=overrides)
