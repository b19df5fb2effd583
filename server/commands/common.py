"""What commands share: where the settings come from."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from inference.config import load_settings
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


def read_settings(options: argparse.Namespace, **more: Any) -> Settings:
    """Read the settings: defaults < file < environment < command line."""
    overrides = {name: value for name, value in more.items() if value is not None}
    if options.data_dir is not None:
        overrides["data_dir"] = str(options.data_dir)
    return load_settings(Settings, file=options.config, environ=os.environ, overrides=overrides)
