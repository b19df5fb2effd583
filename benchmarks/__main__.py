"""`python -m benchmarks NAME …`: run one measurement; without a name, list them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

HELPERS = {
    *("__init__", "__main__", "contenders", "engine_pair", "gateway_servers", "goals", "harness"),
    *("load", "mask_figures", "nats_server", "network", "plots", "raw_socket", "tables", "timing"),
}


def names_of_all() -> list[str]:
    """List the benchmarks."""
    here = Path(__file__).parent
    return sorted(path.stem for path in here.glob("*.py") if path.stem not in HELPERS)


def main() -> int:
    """Run the benchmark that was named."""
    names = names_of_all()
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        print(f"usage: python -m benchmarks NAME [options]; NAME is one of: {', '.join(names)}")
        return 2
    return importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:]) or 0


if __name__ == "__main__":
    sys.exit(main())
