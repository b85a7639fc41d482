"""What Dagster runs: one `meltano run` for each account and month, and one for each account."""

import os
import re
import warnings
from pathlib import Path
from typing import Any

import dagster as dg

from orchestrate import meltano, warehouse

# Check results per partition are a preview in Dagster 1.13; requirements/ pins its version.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

ACCOUNTS = Path(os.environ.get("AYRA_ACCOUNTS") or Path(__file__).with_name("accounts"))
HISTORY_FROM = os.environ.get("AYRA_HISTORY_FROM", "2024-01-01")
"""First day of the first month of `history`."""
HISTORY_TO = os.environ.get("AYRA_HISTORY_TO", "2026-01-01")
"""First day of the month in which `history` ends and `conversations` begins."""


def account_names() -> list[str]:
    """List the accounts: one file NAME.env each.

    Raises:
        DagsterInvalidDefinitionError: a file's name cannot name a partition and a schema.
    """
    names = sorted(file.stem for file in ACCOUNTS.glob("*.env"))
    if wrong := [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]{0,50}", name)]:
        message = f"{ACCOUNTS}/{wrong[0]}.env: expected a name of a-z, 0-9 and _, got {wrong[0]!r}"
        raise dg.DagsterInvalidDefinitionError(message)
    return names


accounts = dg.StaticPartitionsDefinition(account_names())
months = dg.MonthlyPartitionsDefinition(start_date=HISTORY_FROM, end_date=HISTORY_TO)
account_by_month = dg.MultiPartitionsDefinition({"account": accounts, "month": months})

UNFINISHED = [
    dg.DagsterRunStatus[name]
    for name in ("NOT_STARTED", "QUEUED", "STARTING", "STARTED", "CANCELING")
]


class Request(dg.Config):
    """What a person can ask for in the launchpad."""

    full_refresh: bool = False


COMPLETE = {"name": "complete", "description": "The tap's verdict on its sync."}
TABLE_HOLDS_LEDGER = {
    "name": "table_holds_ledger",
    "description": "The table has every conversation that the tap counted as delivered.",
}


def _partitioned(
    partitions: dg.PartitionsDefinition, asset: str, *checks: dict[str, str]
) -> dict[str, Any]:
    """Give an asset its partitions, and checks that have a result for each of them."""
    specs = [dg.AssetCheckSpec(asset=asset, partitions_def=partitions, **check) for check in checks]
    return {"name": asset, "partitions_def": partitions, "check_specs": specs}


def _sync(
    context: dg.AssetExecutionContext,
    request: Request,
    account: str,
    state: str,
    stream: str = "conversations",
    **settings: str,
) -> dg.MaterializeResult:
    """Run one `meltano run`; the tap's numbers and verdict become the asset's."""
    unit = meltano.Unit(account, ACCOUNTS / f"{account}.env", state, stream, settings)
    verdict = meltano.run(context, unit, *["--full-refresh"] * request.full_refresh)
    reason = {"reason": verdict.get("reason") or "none"}
    complete = dg.AssetCheckResult(
        passed=verdict.get("complete", False),
        check_name="complete",
        metadata=reason,
    )
    if stream != "conversations":
        return dg.MaterializeResult(metadata=verdict, check_results=[complete])
    ledger = (meltano.state_of(unit).get("ledger") or [{"counts": {}}])[0]
    fewer = warehouse.fewer_than(account, ledger)
    holds = dg.AssetCheckResult(
        passed=not fewer,
        check_name="table_holds_ledger",
        metadata={"counted": sum(ledger["counts"].values()), "held of counted": fewer},
    )
    return dg.MaterializeResult(metadata=verdict, check_results=[complete, holds])


@dg.asset(
    **_partitioned(account_by_month, "history", COMPLETE, TABLE_HOLDS_LEDGER),
    # On Sundays: months that have been read are compared with the API, failed ones read again.
    automation_condition=(
        dg.AutomationCondition.cron_tick_passed("0 3 * * 0")
        & (~dg.AutomationCondition.missing() | dg.AutomationCondition.execution_failed())
        & ~dg.AutomationCondition.in_progress()
    ),
)
def history(context: dg.AssetExecutionContext, config: Request) -> dg.MaterializeResult:
    """Conversations of one account that started in one month before `conversations` begins."""
    account = context.partition_key.keys_by_dimension["account"]
    month = context.partition_time_window
    return _sync(
        context,
        config,
        account,
        state=f"{account}.{month.start:%Y-%m}",
        TAP_AYRA_START_DATE=month.start.isoformat(),
        TAP_AYRA_END_DATE=month.end.isoformat(),  # included, so that the ledger covers the month
    )


@dg.asset(**_partitioned(accounts, "conversations", COMPLETE, TABLE_HOLDS_LEDGER))
def conversations(context: dg.AssetExecutionContext, config: Request) -> dg.MaterializeResult:
    """Conversations of one account from the end of `history` on, incrementally."""
    account = context.partition_key
    return _sync(context, config, account, state=account, TAP_AYRA_START_DATE=HISTORY_TO)


@dg.asset(**_partitioned(accounts, "transcript_messages", COMPLETE))
def transcript_messages(context: dg.AssetExecutionContext, config: Request) -> dg.MaterializeResult:
    """Transcripts of one account, as far as `transcripts_per_sync` in its file allows."""
    account = context.partition_key
    return _sync(
        context,
        config,
        account,
        state=f"{account}.transcripts",
        stream="transcript_messages",
        TAP_AYRA_START_DATE=HISTORY_FROM,
    )


def _every_account(asset: dg.AssetsDefinition, cron: str) -> dg.ScheduleDefinition:
    job = dg.define_asset_job(f"{asset.key.to_user_string()}_job", [asset])

    @dg.schedule(name=f"{job.name[:-4]}_schedule", job=job, cron_schedule=cron)
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        """Read every account, except those whose last run is still waiting or reading."""
        runs = context.instance.get_runs(dg.RunsFilter(job_name=job.name, statuses=UNFINISHED))
        busy = {run.tags["dagster/partition"] for run in runs}
        tick = f"{context.scheduled_execution_time:%Y-%m-%dT%H:%M}"
        return [
            dg.RunRequest(run_key=f"{account} {tick}", partition_key=account)
            for account in accounts.get_partition_keys()
            if account not in busy
        ]

    return schedule


WITH_TRANSCRIPTS = os.environ.get("AYRA_TRANSCRIPTS") == "true"

defs = dg.Definitions(
    assets=[history, conversations, *[transcript_messages] * WITH_TRANSCRIPTS],
    schedules=[
        _every_account(conversations, "0 * * * *"),
        *[_every_account(transcript_messages, "30 * * * *")] * WITH_TRANSCRIPTS,
    ],
    sensors=[dg.AutomationConditionSensorDefinition("history_weekly", target=[history])],
    executor=dg.in_process_executor,
)
