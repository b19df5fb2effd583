"""Known vulnerabilities of what the lock files name, from PyPI, by pip-audit.

python tests/tools/audit.py LOCK…

Exits with 0 where none is known, with 1 where some are, and with 2 where the question was not
answered: no network, or a mirror of PyPI that knows nothing of vulnerabilities.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

CLEAN, VULNERABLE, UNANSWERED = 0, 1, 2
AUDITOR = (
    *(sys.executable, "-m", "pip_audit", "--strict", "--require-hashes", "--disable-pip"),
    *("--progress-spinner", "off", "--format", "json", "--requirement"),
)
LIMIT_S = 600


def audit(lock: str, auditor: Sequence[str] = AUDITOR) -> int:
    """Look up one lock file, say what was found, and return the exit code."""
    try:
        run = subprocess.run(
            [*auditor, lock], capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return _unanswered(lock, f"no answer in {LIMIT_S} s")
    try:
        packages = json.loads(run.stdout)["dependencies"]
    except (ValueError, KeyError):
        return _unanswered(lock, (run.stderr.strip().splitlines() or ["no answer"])[-1])
    findings = [(package, hole) for package in packages for hole in package.get("vulns", ())]
    for package, hole in findings:
        print(f"{lock}: {_line(package, hole)}")
    print(f"{lock}: {len(packages)} packages, {len(findings)} known vulnerabilities")
    return VULNERABLE if findings else CLEAN


def _line(package: dict[str, Any], hole: dict[str, Any]) -> str:
    mended = ", ".join(hole["fix_versions"]) or "no version yet"
    return f"{package['name']} {package['version']}: {hole['id']}, mended in {mended}"


def _unanswered(lock: str, reason: str) -> int:
    print(f"{lock}: NOT AUDITED, pypi.org did not answer: {reason}", file=sys.stderr)
    return UNANSWERED


def main(locks: Sequence[str], auditor: Sequence[str] = AUDITOR) -> int:
    """Look up all; a known vulnerability counts for more than a question without an answer."""
    codes = {audit(lock, auditor) for lock in locks}
    return VULNERABLE if VULNERABLE in codes else max(codes, default=CLEAN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
