"""What each setting does: no setting that is declared changes nothing."""

from __future__ import annotations

import hashlib
import json
import threading
import traceback
from collections.abc import Mapping  # noqa: TC003  used by a dataclass field
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import ApiResponse, Call, RunningSandbox, SandboxApi, SandboxClock, World, serve
from tap_ayra.api import session as transport
from tap_ayra.errors import TapAyraError
from tap_ayra.settings import CHANGING_FILTERS, DECLARED, FIXED_FILTERS
from tests.configuring import as_read, as_variable, case_name, set_variables
from tests.faking import FakeTime
from tests.simulator import catalog as with_transcripts
from tests.singer import deselect, discovered, run_tap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

pytestmark = pytest.mark.usefixtures("environment")

NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
PHONE = "+15550100123"
FILTERS: list[tuple[str, Any, str]] = [
    # setting, as given, as sent
    ("agent_id", "agent_abc123", "agent_abc123"),
    ("status", "in_progress", "in_progress"),
    ("status", "completed", "completed"),
    ("status", "failed", "failed"),
    ("status", "abandoned", "abandoned"),
    ("sentiment", "positive", "positive"),
    ("sentiment", "neutral", "neutral"),
    ("sentiment", "negative", "negative"),
    ("outcome", "issue_resolved", "issue_resolved"),
    ("caller", PHONE, PHONE),
    ("min_duration", 0, "0"),
    ("min_duration", 30.0, "30"),
    ("max_duration", 3600, "3600"),
    ("has_recording", True, "true"),
    ("has_recording", False, "false"),
    ("has_transcript", True, "true"),
    ("has_transcript", False, "false"),
    ("search", "café & “refund” +1", "café & “refund” +1"),
    ("topic", "opening hours", "opening hours"),
]


@dataclass(eq=False)
class HeaderKeepingApi(SandboxApi):
    """A sandbox that remembers the headers of the last request too."""

    headers: Mapping[str, str] = field(default_factory=dict, init=False)

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> ApiResponse:
        """Respond to a request, and keep its headers."""
        self.headers = headers
        return super().handle(method, path, query, headers)


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    clock = SandboxClock(NOW, frozen=True)
    world = World.generate(clock, seed=3, count=40, odd_times=0.2)
    with serve(HeaderKeepingApi(world, rate_limit=None)) as running:
        yield running


@pytest.fixture
def sandbox(served: RunningSandbox) -> RunningSandbox:
    """A sandbox of forty calls that nobody has asked anything yet."""
    served.api.requests.clear()
    return served


@dataclass(frozen=True)
class Seen:
    """What can be seen of a sync from outside."""

    queries: list[dict[str, str]]
    headers: Mapping[str, str]
    timeouts: list[object]
    messages: list[object]
    error: str


@pytest.fixture
def world() -> World:
    """Forty calls, and one that ended five minutes ago."""
    world = World.generate(SandboxClock(NOW, frozen=True), seed=3, count=40)
    began = NOW - timedelta(minutes=6)
    world.extend([Call("conv_recent", began, began + timedelta(minutes=1))])
    return world


@pytest.fixture
def observe(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Seen]:
    """Sync with some settings and give what can be seen of it."""
    FakeTime.install(monkeypatch, world.clock)
    timeouts: list[object] = []
    send = transport.DeadlineAdapter.send

    def note_timeout(*arguments: Any, **options: Any) -> requests.Response:
        timeouts.append(options["timeout"])
        return send(*arguments, **options)

    monkeypatch.setattr(transport.DeadlineAdapter, "send", note_timeout)

    def sync(
        state: dict[str, Any] | None = None,
        catalog: dict[str, Any] | None = None,
        inflate_total: float | None = None,
        **config: object,
    ) -> Seen:
        api = HeaderKeepingApi(world, rate_limit=None, cache_seconds=0)
        api.inflate_total = inflate_total
        timeouts.clear()
        written: list[Any] = []
        error = ""
        with serve(api) as running:
            given = {"page_size": 10, **config}
            if "api_url" in given:  # the example may be where nobody listens
                given["api_url"] = f"{running.url}/elsewhere"
            try:
                written = run_tap(running, given, catalog=catalog, state=state).messages
            except TapAyraError as failure:
                error = failure.code
        for message in written:
            message.pop("time_extracted", None)
        queries = sorted((request.params for request in api.requests), key=str)
        headers = {name: text for name, text in api.headers.items() if name != "host"}
        return Seen(queries, headers, timeouts.copy(), written, error)

    return sync


def test_the_same_settings_change_nothing(observe: Callable[..., Seen]) -> None:
    assert observe() == observe()


@pytest.mark.parametrize("name", DECLARED)
def test_each_setting_changes_something(
    observe: Callable[..., Seen], world: World, name: str
) -> None:
    given: dict[str, Any] = {}
    value = DECLARED[name].example
    if name == "in_progress_limit_hours":
        world.extend([Call("conv_open", NOW - timedelta(hours=8), None)])
    if name == "lookback_days":
        entry = {"replication_key": "start_time", "replication_key_value": "2026-03-09T00:00:00Z"}
        given["state"] = {"bookmarks": {"conversations": entry}}
    if name == "on_incomplete":
        given["inflate_total"] = 1.5
    if name == "transcripts_per_sync":
        given["catalog"], value = with_transcripts(transcripts=True), 3
    assert observe(**given, **{name: value}) != observe(**given)


@pytest.mark.parametrize("name", FIXED_FILTERS + CHANGING_FILTERS)
def test_each_filter_is_in_the_query(observe: Callable[..., Seen], name: str) -> None:
    example = DECLARED[name].example
    for query in observe(**{name: example}).queries:
        assert query[DECLARED[name].query] == as_variable(example)


@pytest.mark.parametrize(("name", "given", "sent"), FILTERS, ids=map(case_name, FILTERS))
def test_filter_arrives_in_the_request(
    sandbox: RunningSandbox, environment: pytest.MonkeyPatch, name: str, given: object, sent: str
) -> None:
    run_tap(sandbox, as_read({name: given}))
    set_variables(environment, api_url=sandbox.url, api_key=sandbox.api.key, **{name: given})
    run_tap(environment=True)
    listed = [r.params for r in sandbox.api.requests if r.params["per_page"] == "100"]
    assert listed == 2 * [
        {
            "sort_by": "start_time",
            "sort_order": "asc",
            "per_page": "100",
            "page": "1",
            name: sent,
        }
    ]
    assert {request.status for request in sandbox.api.requests} == {200}
    assert {request.params[name] for request in sandbox.api.requests} == {sent}


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("settling_minutes", 10_080),
        ("in_progress_limit_hours", 8_760),
        ("lookback_days", 3_660),
        ("request_timeout", 3_600),
    ],
)
def test_the_longest_spans_are_no_trouble(sandbox: RunningSandbox, name: str, most: float) -> None:
    bookmark = {"replication_key": "start_time", "replication_key_value": "2020-01-01T00:00:00Z"}
    state = {"bookmarks": {"conversations": bookmark}}
    assert len(run_tap(sandbox, {name: most}, state=state).records) == 40


def test_dates_arrive_in_the_request(sandbox: RunningSandbox) -> None:
    run_tap(sandbox, start_date="2026-03-01", end_date="2026-03-05T12:00:00+02:00")
    window = {key: sandbox.api.requests[0].params[key] for key in ("start_date", "end_date")}
    assert window == {"start_date": "2026-02-28T23:59:59Z", "end_date": "2026-03-05T10:00:00Z"}


def test_page_size_arrives_in_the_request(sandbox: RunningSandbox) -> None:
    assert len(run_tap(sandbox, page_size=7).records) == 40
    assert {r.params["per_page"] for r in sandbox.api.requests} == {"7", "1"}  # 1 to count
    assert max(request.rows for request in sandbox.api.requests) == 7


@pytest.mark.parametrize("name", ["my-company/1.0 (data team)", None])
def test_user_agent_and_key_arrive_in_the_request(
    sandbox: RunningSandbox, name: str | None
) -> None:
    assert isinstance(sandbox.api, HeaderKeepingApi)
    run_tap(sandbox, user_agent=name)
    default = f"tap-ayra/{version('tap-ayra')} singer-sdk/{version('singer-sdk')}"
    assert sandbox.api.headers["user-agent"] == (name or default)
    assert sandbox.api.headers["authorization"] == f"Bearer {sandbox.api.key}"


@pytest.mark.parametrize("seconds", [7, 2.5])
def test_request_timeout_arrives_in_the_request(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    given = []
    send = transport.DeadlineAdapter.send

    def listen(*arguments: Any, **options: Any) -> requests.Response:
        given.append(options["timeout"])
        return send(*arguments, **options)

    monkeypatch.setattr(transport.DeadlineAdapter, "send", listen)
    run_tap(sandbox, request_timeout=seconds)
    assert set(given) == {seconds}


@pytest.mark.parametrize("concurrency", [1, 3])
def test_concurrency_is_how_many_requests_are_in_flight(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    changed, under_way, most = threading.Condition(), 0, 0

    def hold_back_until_others_come(_: object) -> None:
        nonlocal under_way, most
        with changed:
            under_way += 1
            most = max(most, under_way)
            changed.notify_all()
            changed.wait_for(lambda: most >= concurrency, 0.1)
            under_way -= 1

    monkeypatch.setattr(sandbox.api, "on_request", hold_back_until_others_come)
    assert len(run_tap(sandbox, concurrency=concurrency, page_size=4).records) == 40
    assert most == concurrency


def test_settling_minutes_and_in_progress_limit_hours_hold_the_bookmark_back() -> None:
    clock = SandboxClock(NOW, frozen=True)
    hours_ago = [NOW - timedelta(hours=hours) for hours in range(6)]
    calls = [Call(f"conv_{start.hour}", start, start + timedelta(minutes=1)) for start in hours_ago]
    hours_ago[3] = calls[3].start = NOW - timedelta(minutes=50)
    calls[3].end = None
    with serve(SandboxApi(World(clock, calls), cache_seconds=0)) as running:

        def bookmark(**config: float) -> datetime:
            state = run_tap(running, config).of_type("STATE")[-1]["value"]
            return datetime.fromisoformat(
                state["bookmarks"]["conversations"]["replication_key_value"]
            )

        assert bookmark() == hours_ago[3] - timedelta(minutes=1)
        assert bookmark(in_progress_limit_hours=0.5) == NOW - timedelta(minutes=10)
        assert bookmark(in_progress_limit_hours=0.5, settling_minutes=30) == NOW - timedelta(
            minutes=30
        )


def test_lookback_days_reads_again(sandbox: RunningSandbox) -> None:
    bookmark = {"replication_key": "start_time", "replication_key_value": "2026-03-09T12:00:00Z"}
    run_tap(sandbox, lookback_days=1.5, state={"bookmarks": {"conversations": bookmark}})
    assert sandbox.api.requests[0].params["start_date"] == "2026-03-07T23:59:59Z"


def test_stream_map_hashes_and_drops(
    sandbox: RunningSandbox, environment: pytest.MonkeyPatch
) -> None:
    maps = {
        "conversations": {
            "caller_number": "md5(config['salt'] + caller_number) if caller_number else None",
            "summary": None,
        }
    }
    plain = run_tap(sandbox)
    mapped = run_tap(sandbox, stream_maps=maps, stream_map_config={"salt": "pepper"})
    assert mapped.records == [
        {
            **{name: value for name, value in record.items() if name != "summary"},
            "caller_number": record["caller_number"]
            and hashlib.md5(f"pepper{record['caller_number']}".encode()).hexdigest(),  # noqa: S324
        }
        for record in plain.records
    ]
    assert any(record["caller_number"] for record in plain.records)
    assert mapped.schema["properties"].keys() == plain.schema["properties"].keys() - {"summary"}

    set_variables(
        environment,
        api_url=sandbox.url,
        api_key=sandbox.api.key,
        stream_maps=maps,
        stream_map_config={"salt": "pepper"},
    )
    assert run_tap(environment=True).records == mapped.records


def test_faker(sandbox: RunningSandbox) -> None:
    maps = {"conversations": {"agent_name": "fake.name()"}}
    seeded = {"seed": 1, "locale": "en_US"}
    first, second = (run_tap(sandbox, stream_maps=maps, faker_config=seeded) for _ in range(2))
    assert [record["agent_name"] for record in first.records] == [
        record["agent_name"] for record in second.records
    ]
    assert first.records != run_tap(sandbox).records


def test_stream_map_gives_another_name(sandbox: RunningSandbox) -> None:
    renamed = run_tap(sandbox, stream_maps={"conversations": {"__alias__": "calls"}})
    assert {message["stream"] for message in renamed.of_type("RECORD")} == {"calls"}
    assert renamed.records == run_tap(sandbox).records


def test_stream_map_filters(sandbox: RunningSandbox) -> None:
    maps = {"conversations": {"__filter__": "duration > 100"}}
    assert run_tap(sandbox, stream_maps=maps).records == [
        record for record in run_tap(sandbox).records if record["duration"] > 100
    ]


def test_flattening(sandbox: RunningSandbox, environment: pytest.MonkeyPatch) -> None:
    flat = {"flattening_enabled": True, "flattening_max_depth": 2, "flattening_separator": "_"}
    plain = run_tap(sandbox)
    flattened = run_tap(sandbox, flat)
    assert [record["id"] for record in flattened.records] == [r["id"] for r in plain.records]
    assert all(isinstance(record["topics"], str) for record in flattened.records)
    assert [json.loads(record["topics"]) for record in flattened.records] == [
        record["topics"] for record in plain.records
    ]
    set_variables(environment, api_url=sandbox.url, api_key=sandbox.api.key, **flat)
    assert run_tap(environment=True).records == flattened.records


def test_activate_version_messages(
    sandbox: RunningSandbox, environment: pytest.MonkeyPatch
) -> None:
    assert run_tap(sandbox).of_type("ACTIVATE_VERSION") == []
    catalog = discovered()
    catalog["streams"][0]["replication_method"] = "FULL_TABLE"
    catalog["streams"][0]["metadata"][-1]["metadata"].pop("replication-method", None)
    asked = run_tap(sandbox, catalog=catalog, emit_activate_version_messages=True)
    assert asked.of_type("ACTIVATE_VERSION")
    set_variables(
        environment,
        api_url=sandbox.url,
        api_key=sandbox.api.key,
        emit_activate_version_messages="true",
    )
    assert run_tap(catalog=catalog, environment=True).of_type("ACTIVATE_VERSION")


def test_deselected_fields_are_left_out(sandbox: RunningSandbox) -> None:
    catalog = discovered()
    deselect(catalog, ["caller_number", "summary"])
    chosen = run_tap(sandbox, catalog=catalog)
    left_out = {"caller_number", "summary"}
    assert chosen.records == [
        {name: value for name, value in record.items() if name not in left_out}
        for record in run_tap(sandbox).records
    ]
    assert not left_out & chosen.schema["properties"].keys()


def test_a_stream_map_that_fails_on_a_record_names_it_and_quotes_nothing(
    sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    maps = {"conversations": {"caller_number": "int(caller_number + 'x')"}}
    caplog.set_level("DEBUG")
    with pytest.raises(TapAyraError) as failure:
        run_tap(sandbox, stream_maps=maps)
    told = "".join(traceback.format_exception(failure.value)) + caplog.text
    assert failure.value.code == "stream-map-failed"
    assert str(failure.value).splitlines()[0] == (
        "stream_maps.conversations.caller_number (int(caller_number + 'x')) failed on conversation "
        f"{sandbox.api.world.rows()[0]['id']}: ValueError."
    )
    assert not [row for row in sandbox.api.world.rows() if str(row["caller_number"]) in told]
