"""The same work for Airflow 3: a DAG of months and an hourly DAG for each account.

Put this file into the DAGs folder. It needs the variables TAP_AYRA_PROJECT (this repository, with
Meltano's plugins installed), AYRA_ACCOUNTS, AYRA_HISTORY_FROM, AYRA_HISTORY_TO, TARGET_POSTGRES_…
and MELTANO_DATABASE_URI (a database that all workers share); see docs/scale-out.md.
"""

import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

PROJECT = os.environ["TAP_AYRA_PROJECT"]
ACCOUNTS = Path(os.environ["AYRA_ACCOUNTS"])
HISTORY_FROM, HISTORY_TO = (
    pendulum.parse(os.environ[name]) for name in ("AYRA_HISTORY_FROM", "AYRA_HISTORY_TO")
)
MONTHS_AT_ONCE = 2

# A system folder for each run, and nothing of the person's or another account's settings.
MELTANO_RUN = """
folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT
ln -s "$PWD/.meltano/extractors" "$PWD/.meltano/loaders" "$folder"
unset "${!TAP_AYRA_@}"
export TAP_AYRA_START_DATE="$SINCE" ${UNTIL:+TAP_AYRA_END_DATE="$UNTIL"}
export TAP_AYRA__SELECT_FILTER='["conversations"]'
MELTANO_SYS_DIR_ROOT=$folder "${MELTANO:-meltano}" --environment=prod --env-file="$FILE" \
  run --no-install --state-id-suffix="$STATE" tap-ayra target-postgres
"""


def _meltano_run(account: str, **settings: str) -> BashOperator:
    return BashOperator(
        task_id="meltano_run",
        bash_command=MELTANO_RUN,
        cwd=PROJECT,
        append_env=True,
        env={
            "FILE": str(ACCOUNTS / f"{account}.env"),
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": account,
            **settings,
        },
        # Meltano keeps a dead run's lock for five minutes.
        retries=3,
        retry_delay=timedelta(minutes=6),
    )


for name in sorted(file.stem for file in ACCOUNTS.glob("*.env")):
    with DAG(
        f"ayra_history_{name}",
        schedule=CronDataIntervalTimetable("@monthly", timezone="UTC"),
        start_date=HISTORY_FROM,
        end_date=HISTORY_TO.subtract(days=1),
        catchup=True,
        max_active_runs=MONTHS_AT_ONCE,
        tags=["tap-ayra"],
    ) as months:
        _meltano_run(
            name,
            STATE=name + ".{{ data_interval_start.strftime('%Y-%m') }}",
            SINCE="{{ data_interval_start.isoformat() }}",
            UNTIL="{{ data_interval_end.isoformat() }}",
        )
    with DAG(
        f"ayra_conversations_{name}",
        schedule="@hourly",
        start_date=HISTORY_TO,
        catchup=False,
        max_active_runs=1,
        tags=["tap-ayra"],
    ) as hourly:
        _meltano_run(name, STATE=name, SINCE=HISTORY_TO.isoformat())
    globals().update({months.dag_id: months, hourly.dag_id: hourly})
