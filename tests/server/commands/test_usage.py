"""`cutwire usage`: cost by tenant and day, also where nothing has run yet."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from fakes import TENANT, job_of, outcome_of

from inference import ledger
from inference.database import FILE_NAME
from server.cli import main

COST = Decimal("0.000602")


def test_cost_is_told_by_tenant_and_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.executescript(ledger.SCHEMA)
        for number in (1, 2):
            outcome = msgspec.structs.replace(outcome_of(job_of(number)), cost=COST)
            ledger.charge(connection, outcome, time.time())
        connection.commit()
    main(["usage", "--json", "--data-dir", str(tmp_path)])
    (day,) = json.loads(capsys.readouterr().out)
    assert (day["tenant"], day["tasks"], day["costUSD"]) == (TENANT, 2, str(2 * COST))
    main(["usage", "--tenant", "somebody-else", "--json", "--data-dir", str(tmp_path)])
    assert json.loads(capsys.readouterr().out) == []


def test_nothing_charged_is_said_and_is_an_empty_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["usage", "--data-dir", str(tmp_path)]) == 0
    assert "No task was charged" in capsys.readouterr().err
    assert main(["usage", "--json", "--data-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("days", ["0", "-1", "x", "1.5"])
def test_days_are_one_or_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], days: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["usage", f"--days={days}", "--data-dir", str(tmp_path)])
    assert "--days" in capsys.readouterr().err
