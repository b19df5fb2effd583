"""`cutwire check-config`: read the settings, say what is wrong or what they come to."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import msgspec

from inference.config import Secret
from inference.models import Catalogue
from server.commands.common import add_settings_options, read_settings
from server.pricing import PriceSettings


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "check-config",
        help="check the settings and show them, with the price table",
        description="Read the settings as `cutwire serve` would, and show them in full with the "
        "price table; exits with 1 where something is wrong.",
    )
    parser.add_argument("--json", action="store_true", help="the settings as JSON, for scripts")
    add_settings_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check."""
    settings = read_settings(options)
    Catalogue(settings.models)  # refuses names of models that there are not
    shown = msgspec.json.format(msgspec.json.encode(settings, enc_hook=_show)).decode()
    sys.stdout.write(shown + "\n")
    if not options.json:
        sys.stdout.write("\n" + price_table(settings.prices))
    return 0


def price_table(prices: PriceSettings) -> str:
    """Write the prices and their formula for a person."""
    rows = [f"  {name:26} {base} USD" for name, base in sorted(prices.base.items())]
    matting = (
        f"{prices.matting_factor} + "
        f"{prices.matting_factor_per_threshold} x alphaMattingBackgroundThreshold"
    )
    return "\n".join(
        [
            "Price of a task = (base + rate x output megapixels) x matting factor,",
            "rounded up to 6 places; an upload is no result, and has no megapixels.",
            "",
            *rows,
            f"  {'any other task':26} {prices.default_base} USD",
            f"  {'rate per megapixel':26} {prices.per_megapixel} USD",
            f"  {'matting factor':26} {matting}",
            "",
        ]
    )


def _show(value: object) -> str:
    return "(secret)" if isinstance(value, Secret) else str(value)
