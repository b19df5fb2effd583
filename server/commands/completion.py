"""`cutwire completion`: what bash or zsh needs to complete the command line."""

from __future__ import annotations

import argparse
import sys
from typing import Any

EPILOG = """\
bash:  cutwire completion bash > ~/.local/share/bash-completion/completions/cutwire
zsh:   cutwire completion zsh > ~/.zfunc/_cutwire      (with ~/.zfunc in fpath)
"""


def add_parser(commands: Any) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "completion",
        help="print a completion script for bash or zsh",
        description="Print a script that completes commands, options and tasks.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=["bash", "zsh"])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from server.cli import make_parser

    sys.stdout.write(shtab.complete(make_parser(), options.shell) + "\n")
    return 0
