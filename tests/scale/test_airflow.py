"""The Airflow form, imported and run by Airflow's own commands."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

from sandbox.agency import Account, agency, history
from sandbox.meltano_project import MELTANO, ROOT, install_plugins

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SPAN = history(2)
AIRFLOW = ROOT / ".venv-airflow" / "bin" / "airflow"

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]


def test_a_month_and_then_the_conversations(tmp_path: Path) -> None:
    install_plugins("tap-ayra", "target-postgres")
    acme = Account.generate("acme", 300, SPAN[0], seed=1)
    with agency(tmp_path, [acme], SPAN) as running:
        environment = {
            **running.environment,
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "orchestrate" / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "MELTANO": str(MELTANO),
            "TAP_AYRA_API_KEY": "sk_test_somebody_elses",
            "TAP_AYRA_PROJECT": str(ROOT),
        }
        _airflow(environment, "db", "migrate")
        assert "No data found" in _airflow(environment, "dags", "list-import-errors")
        # Run by hand, a DAG gets the month before the date.
        _airflow(environment, "dags", "test", "ayra_history_acme", history(1)[0].isoformat())
        _airflow(environment, "dags", "test", "ayra_conversations_acme")
        query = "SELECT to_char(start_time, 'YYYY-MM'), count(*) FROM acme.conversations GROUP BY 1"
        with psycopg.connect(running.database("warehouse")) as connection:
            landed: dict[str, int] = dict(connection.execute(query).fetchall())
        held = [call.start for call in acme.api.world.visible()]
        for month in (SPAN[0], SPAN[1]):
            count = sum((start.year, start.month) == (month.year, month.month) for start in held)
            assert landed[f"{month:%Y-%m}"] >= count
        assert len(landed) == 2  # the month between was not asked for


def _airflow(environment: Mapping[str, str], *arguments: str) -> str:
    result = subprocess.run(
        [AIRFLOW, *arguments],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout
