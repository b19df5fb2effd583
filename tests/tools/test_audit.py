"""`make audit` tells apart: nothing known, something known, and nobody who answers."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from tools.audit import CLEAN, UNANSWERED, VULNERABLE, main

SOUND = {"name": "pillow", "version": "13.0.0", "vulns": []}
HOLE = {"id": "PYSEC-2099-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}
LEAKY = {"name": "leaky", "version": "1.0", "vulns": [HOLE]}


def auditor(*packages: dict[str, Any]) -> list[str]:
    """Stand in for pip-audit, which ends with 1 where it finds something."""
    report = json.dumps({"dependencies": packages, "fixes": []})
    code = any(package["vulns"] for package in packages)
    return [sys.executable, "-c", f"import sys; print({report!r}); sys.exit({int(code)})"]


UNREACHABLE = [
    *(sys.executable, "-c"),
    "import sys; sys.exit('ERROR:pip_audit._cli:Dependency not found on PyPI: pillow')",
]


def test_nothing_known_is_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a.lock", "b.lock"], auditor(SOUND)) == CLEAN
    assert "b.lock: 1 packages, 0 known" in capsys.readouterr().out


def test_finding_fails_and_is_named_with_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a.lock"], auditor(SOUND, LEAKY)) == VULNERABLE
    assert "leaky 1.0: PYSEC-2099-1, mended in 2.0" in capsys.readouterr().out


def test_question_without_an_answer_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a.lock"], UNREACHABLE) == UNANSWERED
    assert "a.lock: NOT AUDITED" in capsys.readouterr().err
