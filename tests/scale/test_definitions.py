"""What one run of each asset does, in this process."""

import importlib
from collections.abc import Iterator
from types import ModuleType

import dagster as dg
import psycopg
import pytest

from sandbox.agency import Account, Agency, agency, history
from sandbox.comparison import api_messages
from sandbox.meltano_project import install_plugins
from tests.scale.watching import state_of

SPAN = history(2)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agency]:
    install_plugins("tap-ayra", "target-postgres")
    talkative = Account.generate("talkative", 40, SPAN[0], seed=3)
    talkative.settings = {
        "TAP_AYRA_TRANSCRIPTS_PER_SYNC": "25",
        "TAP_AYRA__SELECT": '["transcript_messages.*"]',
    }
    accounts = [
        Account.generate("acme", 300, SPAN[0], seed=1),
        Account.generate("revoked", 50, SPAN[0], seed=2, keys={}),
        talkative,
    ]
    with agency(tmp_path_factory.mktemp("agency"), accounts, SPAN) as running:
        yield running


@pytest.fixture
def definitions(running: Agency, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    # A key of the person who starts Dagster must not become every account's.
    monkeypatch.setenv("TAP_AYRA_API_KEY", "sk_test_somebody_elses")
    return importlib.reload(importlib.import_module("orchestrate.definitions"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def test_history_and_then_conversations(
    running: Agency, definitions: ModuleType, instance: dg.DagsterInstance
) -> None:
    for month in definitions.months.get_partition_keys():
        partition = dg.MultiPartitionKey({"account": "acme", "month": month})
        result = dg.materialize([definitions.history], instance=instance, partition_key=partition)
        assert _checks(result) == {"complete": True, "table_holds_ledger": True}
    for _ in range(2):
        result = dg.materialize(
            [definitions.conversations], instance=instance, partition_key="acme"
        )
        assert _checks(result) == {"complete": True, "table_holds_ledger": True}
        running.accounts["acme"].let_time_pass()
    assert running.differences("acme") == []
    ledger = state_of(running, "acme")["ledger"][0]
    assert sum(ledger["counts"].values()) > 0

    with psycopg.connect(running.database("warehouse")) as connection:
        connection.execute("DELETE FROM acme.conversations WHERE start_time > %s", [SPAN[1]])
    result = dg.materialize([definitions.conversations], instance=instance, partition_key="acme")
    assert _checks(result) == {"complete": True, "table_holds_ledger": False}
    # Asked to read everything again, it puts the table right.
    result = dg.materialize(
        [definitions.conversations],
        instance=instance,
        partition_key="acme",
        run_config={"ops": {"conversations": {"config": {"full_refresh": True}}}},
    )
    assert _checks(result) == {"complete": True, "table_holds_ledger": True}
    assert running.differences("acme") == []


def test_transcripts_in_parts_as_the_accounts_file_allows(
    running: Agency, definitions: ModuleType, instance: dg.DagsterInstance
) -> None:
    shown = []
    for _ in range(2):
        result = dg.materialize(
            [definitions.transcript_messages], instance=instance, partition_key="talkative"
        )
        shown.append(_checks(result))
    assert shown == [{"complete": False}, {"complete": True}]
    said = api_messages(running.accounts["talkative"].api.world)
    assert len(said) > 100
    with psycopg.connect(running.database("warehouse")) as connection:
        landed = connection.execute(
            "SELECT conversation_id, position, text FROM talkative.transcript_messages"
        ).fetchall()
    assert sorted(landed) == sorted((*key, message["text"]) for key, message in said.items())


def test_a_revoked_key_fails_with_the_taps_last_words(
    running: Agency, definitions: ModuleType, instance: dg.DagsterInstance
) -> None:
    result = dg.materialize(
        [definitions.conversations],
        instance=instance,
        partition_key="revoked",
        raise_on_error=False,
    )
    assert not result.success
    failure = result.failure_data_for_node("conversations")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert "api_key" in str(failure.user_failure_data.description)
    assert len(running.accounts["revoked"].api.requests) == 1


def _checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    assert result.success
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
