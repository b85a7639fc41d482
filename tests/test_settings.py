"""The settings: what each allows, from a file and from the environment, and what it does."""

from __future__ import annotations

import hashlib
import json
import math
import os
import threading
import traceback
from collections.abc import Mapping  # noqa: TC003  used by a dataclass field
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._util import load_json

from sandbox import ApiResponse, Call, RunningSandbox, SandboxApi, SandboxClock, World, serve
from sandbox.meltano_project import NOT_PASSED_ON
from tap_ayra.api import session as transport
from tap_ayra.errors import TapAyraError
from tap_ayra.settings.values import Settings
from tap_ayra.tap import TapAyra
from tests.singer import captured, deselect, discovered, run_tap, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import requests

KEY = "sk_test_not_a_real_key"
NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
PHONE = "+15550100123"

GOOD: list[tuple[str, Any, Any]] = [
    # setting, as given, as used
    ("api_key", f" {KEY}\n", KEY),
    ("api_url", "https://api.ayra.ai/v1/", "https://api.ayra.ai/v1"),
    ("api_url", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
    ("api_url", "http://localhost/v1", "http://localhost/v1"),
    ("api_url", "http://[::1]:8000", "http://[::1]:8000"),
    ("start_date", "2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ("start_date", "2026-01-31T14:30:00Z", datetime(2026, 1, 31, 14, 30, tzinfo=UTC)),
    ("end_date", "2026-01-31T14:30:00.5+02:00", datetime(2026, 1, 31, 12, 30, 0, 500000, UTC)),
    ("end_date", "2026-01-31T14:30", datetime(2026, 1, 31, 14, 30, tzinfo=UTC)),
    ("page_size", 1, 1),
    ("page_size", 100, 100),
    ("page_size", 5.0, 5),
    ("concurrency", 1, 1),
    ("concurrency", 32, 32),
    ("settling_minutes", 0, timedelta(0)),
    ("settling_minutes", 2.5, timedelta(seconds=150)),
    ("in_progress_limit_hours", 0.5, timedelta(minutes=30)),
    ("lookback_days", 1.5, timedelta(hours=36)),
    ("request_timeout", 0.1, 0.1),
    ("request_timeout", 5, 5),
    ("user_agent", " my-company/1.0 ", "my-company/1.0"),
]
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
DATE = "an ISO 8601 date or date-time such as 2025-01-31 or 2025-01-31T14:30:00Z"
URL = "an https address such as https://api.ayra.ai/v1 (plain http for this machine only)"


class Bad(NamedTuple):
    """A bad value, what it is said to be, and what is said to be allowed."""

    name: str
    given: Any
    was: str
    allowed: str


BAD = [
    Bad("api_key", "sk test spaces", "not usable", "without spaces or line breaks inside"),
    Bad("api_key", "sk_test\nline", "not usable", "without spaces or line breaks inside"),
    Bad("api_key", "sk_test_ключ", "not usable", "without spaces or line breaks inside"),
    Bad("api_key", "  ", "not usable", "the key as Ayra shows it"),
    Bad("api_url", "http://api.ayra.ai/v1", '"http://api.ayra.ai/v1"', URL),
    Bad("api_url", "http://127.0.0.1.example/v1", '"http://127.0.0.1.example/v1"', URL),
    Bad("api_url", "https://me:secret@api.ayra.ai", '"https://***api.ayra.ai"', URL),
    Bad("api_url", "https://:secret@api.ayra.ai", '"https://***api.ayra.ai"', URL),
    Bad("api_url", "https://api.ayra.ai/v1?key=secret", '"https://api.ayra.ai/v1?***"', URL),
    Bad("api_url", "https://api.ayra.ai/v1?", '"https://api.ayra.ai/v1?***"', URL),
    Bad("api_url", "https://api.ayra.ai/v1#secret", '"https://api.ayra.ai/v1#***"', URL),
    Bad("api_url", "https://api.ayra.ai:port", '"https://api.ayra.ai:port"', URL),
    Bad("api_url", "https://api .ayra.ai", '"https://api .ayra.ai"', URL),
    Bad("api_url", "https://[::1", '"https://[::1"', URL),
    Bad("api_url", "api.ayra.ai/v1", '"api.ayra.ai/v1"', URL),
    Bad("api_url", "ftp://api.ayra.ai", '"ftp://api.ayra.ai"', URL),
    Bad("start_date", "31/01/2026", '"31/01/2026"', DATE),
    Bad("start_date", "yesterday", '"yesterday"', DATE),
    Bad("start_date", "2026-02-30", '"2026-02-30"', DATE),
    Bad("start_date", "0001-01-01T00:00:00+05:00", '"0001-01-01T00:00:00+05:00"', DATE),
    Bad("end_date", "2026-01-31 25:00", '"2026-01-31 25:00"', DATE),
    Bad("status", "done", '"done"', "one of in_progress, completed, failed, abandoned"),
    Bad("status", "Completed", '"Completed"', "one of in_progress, completed, failed, abandoned"),
    Bad("caller", "555-0123", '"###-####"', "a phone number in E.164 form such as +15550100100"),
    Bad("caller", "+0555010012", '"+##########"', "a phone number in E.164 form"),
    Bad("caller", "+15550100123;x", '"+###########;#"', "a phone number in E.164 form"),
    Bad("caller", "+1555010012345678", '"+################"', "a phone number in E.164 form"),
    Bad("min_duration", -1, "-1", "a whole number at least 0"),
    Bad("min_duration", 0.5, "0.5", "a whole number at least 0"),
    Bad("has_transcript", "maybe", '"maybe"', "true or false"),
    Bad("page_size", 0, "0", "a whole number at least 1 and at most 100"),
    Bad("page_size", 101, "101", "a whole number at least 1 and at most 100"),
    Bad("page_size", 2.5, "2.5", "a whole number at least 1 and at most 100"),
    Bad("page_size", 10**60, "1" + 59 * "0" + "...", "a whole number at least 1 and at most 100"),
    Bad("concurrency", 0, "0", "a whole number at least 1 and at most 32"),
    Bad("concurrency", 33, "33", "a whole number at least 1 and at most 32"),
    Bad("settling_minutes", -0.1, "-0.1", "a number at least 0"),
    Bad("in_progress_limit_hours", 0, "0", "a number more than 0"),
    Bad("lookback_days", -1, "-1", "a number at least 0"),
    Bad("request_timeout", 0, "0", "a number more than 0"),
    Bad("user_agent", "two\nlines", '"two\\nlines"', "a text, not empty"),
    Bad("flattening_enabled", "maybe", '"maybe"', "true or false"),
    Bad("flattening_max_depth", "deep", '"deep"', "a whole number"),
    Bad("stream_maps", "md5(id)", '"md5(id)"', "an object"),
    Bad("faker_config", [], "a list", "an object"),
]
BAD_IN_THE_ENVIRONMENT = [
    # in a file they are no JSON
    Bad("page_size", math.nan, "NaN", "a whole number at least 1 and at most 100"),
    Bad("settling_minutes", math.nan, "NaN", "a number at least 0"),
    Bad("in_progress_limit_hours", math.inf, "Infinity", "a number more than 0"),
    Bad("lookback_days", -math.inf, "-Infinity", "a number at least 0"),
]
BAD_IN_A_FILE = [
    # where texts, numbers and truth values differ, and nothing is unset but null
    Bad("api_key", 12345678, "not usable", "the key as Ayra shows it"),
    Bad("api_url", "", '""', URL),
    Bad("start_date", 20260131, "20260131", DATE),
    Bad("end_date", "", '""', DATE),
    Bad("agent_id", "", '""', "a text, not empty"),
    Bad("agent_id", 7, "7", "a text, not empty"),
    Bad("outcome", ["a"], "a list", "a text, not empty"),
    Bad("search", "", '""', "a text, not empty"),
    Bad("topic", {}, "an object", "a text, not empty"),
    Bad("sentiment", "", '""', "one of positive, neutral, negative"),
    Bad("caller", 15550100123, "###########", "a phone number in E.164 form"),
    Bad("max_duration", "30", '"30"', "a whole number at least 0"),
    Bad("max_duration", given=True, was="true", allowed="a whole number at least 0"),
    Bad("has_recording", "true", '"true"', "true or false"),
    Bad("has_recording", 1, "1", "true or false"),
    Bad("request_timeout", "60", '"60"', "a number more than 0"),
    Bad("user_agent", "", '""', "a text, not empty"),
    Bad("emit_activate_version_messages", "yes", '"yes"', "true or false"),
]


@dataclass(eq=False)
class HeaderKeepingApi(SandboxApi):
    """A sandbox that remembers the headers of the last request too."""

    headers: Mapping[str, str] = field(default_factory=dict, init=False)

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> ApiResponse:
        """Respond to a request, and keep its headers."""
        self.headers = headers
        return super().handle(method, path, query, headers)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment without settings, in a folder without `.env`."""
    for name in list(os.environ):
        if name.upper().startswith(NOT_PASSED_ON[0]):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


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


def settings(config: Mapping[str, Any] | None = None, *, environment: bool = False) -> Settings:
    """Give the settings as the tap uses them."""
    with captured():
        tap = TapAyra(config=as_read(config or {}), parse_env_config=environment)
    return Settings.from_config(tap.config)


def faults(config: Mapping[str, Any] | None = None, *, environment: bool = False) -> list[str]:
    """Give the lines with which the tap refuses settings."""
    with pytest.raises(ConfigValidationError) as refusal, captured():
        TapAyra(config=as_read(config or {}), parse_env_config=environment)
    return refusal.value.errors


def as_read(config: Mapping[str, object]) -> dict[str, Any]:
    """Give a configuration as the SDK reads it from a file: fractions are `Decimal` in it."""
    return load_json(json.dumps(config))


def used(name: str, parsed: Settings) -> Any:  # noqa: ANN401
    """Give a setting's value as it is used."""
    field_of = {
        "settling_minutes": "settling",
        "in_progress_limit_hours": "in_progress_limit",
        "lookback_days": "lookback",
    }
    return getattr(parsed, field_of.get(name, name))


def as_variable(value: object) -> str:
    """Write a value as one would into the environment."""
    return value if isinstance(value, str) else json.dumps(value)


def set_variables(environment: pytest.MonkeyPatch, **values: object) -> None:
    for name, value in values.items():
        environment.setenv(f"TAP_AYRA_{name.upper()}", as_variable(value))


def case_name(row: tuple[Any, ...]) -> str:
    """Name a case after its setting and value."""
    return f"{row[0]}={str(row[1])[:30]!a}"


def test_defaults() -> None:
    parsed = settings({"api_key": KEY})
    assert parsed == Settings(
        api_key=KEY,
        api_url="https://api.ayra.ai/v1",
        start_date=None,
        end_date=None,
        filters={},
        hides_changing=False,
        confidential=(KEY,),
        page_size=100,
        concurrency=8,
        settling=timedelta(minutes=10),
        in_progress_limit=timedelta(hours=24),
        lookback=timedelta(0),
        request_timeout=60,
        user_agent=f"tap-ayra/{version('tap-ayra')} singer-sdk/{version('singer-sdk')}",
    )


@pytest.mark.parametrize(("name", "given", "expected"), GOOD, ids=map(case_name, GOOD))
def test_good_value_from_a_file(name: str, given: object, expected: object) -> None:
    value = used(name, settings({"api_key": KEY, name: given}))
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(("name", "given", "expected"), GOOD, ids=map(case_name, GOOD))
def test_good_value_from_the_environment(
    environment: pytest.MonkeyPatch, name: str, given: object, expected: object
) -> None:
    set_variables(environment, **{"api_key": KEY, name: given})
    value = used(name, settings(environment=True))
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(("name", "given", "sent"), FILTERS, ids=map(case_name, FILTERS))
def test_filter_arrives_in_the_request(
    sandbox: RunningSandbox, environment: pytest.MonkeyPatch, name: str, given: object, sent: str
) -> None:
    run_tap(sandbox, as_read({name: given}))
    set_variables(environment, api_url=sandbox.url, api_key=sandbox.api.key, **{name: given})
    run_tap(environment=True)
    for request in sandbox.api.requests:
        assert request.status == 200
        assert request.params == {
            "sort_by": "start_time",
            "sort_order": "asc",
            "per_page": "100",
            "page": "1",
            name: sent,
        }
    assert len(sandbox.api.requests) == 2


@pytest.mark.parametrize("bad", BAD + BAD_IN_A_FILE, ids=case_name)
def test_bad_value_from_a_file(sandbox: RunningSandbox, bad: Bad) -> None:
    config = settings_for(sandbox, **{bad.name: bad.given})
    (line,) = faults(config)
    assert line.startswith(f"{bad.name} is {bad.was}; allowed is ")
    assert bad.allowed in line
    assert "secret" not in line
    assert sandbox.api.requests == []


@pytest.mark.parametrize("bad", BAD + BAD_IN_THE_ENVIRONMENT, ids=case_name)
def test_bad_value_from_the_environment(
    sandbox: RunningSandbox, environment: pytest.MonkeyPatch, bad: Bad
) -> None:
    config = settings_for(sandbox, **{bad.name: bad.given})
    set_variables(environment, **config)
    (line,) = faults(environment=True)
    assert line.startswith(f"{bad.name} is {bad.was}; allowed is ")
    assert bad.allowed in line
    assert "secret" not in line
    assert sandbox.api.requests == []


def test_a_number_without_end_is_refused() -> None:
    with pytest.raises(ConfigValidationError) as refusal, captured():
        TapAyra(config=load_json('{"api_key": "sk_test_not_real", "lookback_days": 1e999}'))
    assert refusal.value.errors == ["lookback_days is Infinity; allowed is a number at least 0"]


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("has_recording", "TRUE", "true"),
        ("has_recording", "1", "true"),
        ("has_recording", "yes", "true"),
        ("has_recording", "on", "true"),
        ("has_recording", "False", "false"),
        ("has_recording", "0", "false"),
        ("has_recording", " no ", "false"),
        ("has_recording", "off", "false"),
        ("min_duration", "5", "5"),
        ("min_duration", " 5 ", "5"),
        ("min_duration", "5.0", "5"),
        ("min_duration", "1e2", "100"),
        ("agent_id", "12345", "12345"),
        ("agent_id", "true", "true"),
        ("agent_id", '{"a": 1}', '{"a": 1}'),
    ],
)
def test_variables_are_read_as_their_setting_wants(
    environment: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    set_variables(environment, **{"api_key": KEY, variable: value})
    assert settings(environment=True).filters == {variable: expected}


@pytest.mark.parametrize("word", ["maybe", "2", "t", "y", "truetrue", "null", "none"])
def test_other_words_are_no_boolean(environment: pytest.MonkeyPatch, word: str) -> None:
    set_variables(environment, api_key=KEY, has_recording=word)
    assert faults(environment=True) == [f'has_recording is "{word}"; allowed is true or false']


@pytest.mark.parametrize("word", ["five", "5 minutes", "0x10", "1_000", "5,0", "[5]"])
def test_other_texts_are_no_number(environment: pytest.MonkeyPatch, word: str) -> None:
    set_variables(environment, api_key=KEY, page_size=word)
    (line,) = faults(environment=True)
    assert line.startswith("page_size is ")
    assert line.endswith("; allowed is a whole number at least 1 and at most 100")


def test_an_empty_variable_counts_as_unset(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, **dict.fromkeys(TapAyra.config_jsonschema["properties"], ""))
    set_variables(environment, api_key=KEY)
    assert settings(environment=True) == settings({"api_key": KEY})


def test_an_empty_key_is_a_missing_key(environment: pytest.MonkeyPatch) -> None:
    missing = (
        "api_key is missing: set it to the key as Ayra shows it, without spaces or line breaks "
        "inside"
    )
    assert faults({}) == faults({"api_key": None}) == [missing]
    set_variables(environment, api_key="")
    assert faults(environment=True) == [missing]


def test_null_counts_as_unset() -> None:
    nulls = dict.fromkeys(TapAyra.config_jsonschema["properties"])
    assert settings({**nulls, "api_key": KEY}) == settings({"api_key": KEY})


def test_a_variable_that_no_setting_has_is_ignored(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, api_key=KEY, pagesize=1, batch_config="{}", loglevel="INFO")
    assert settings(environment=True) == settings({"api_key": KEY})


def test_the_environment_is_read_only_when_asked(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, api_key="sk_test_of_the_environment", page_size=7)
    assert settings({"api_key": KEY}).page_size == 100


def test_the_environment_goes_before_a_file(environment: pytest.MonkeyPatch) -> None:
    set_variables(environment, page_size=7)
    parsed = settings({"api_key": KEY, "page_size": 9, "concurrency": 3}, environment=True)
    assert (parsed.page_size, parsed.concurrency) == (7, 3)


def test_dotenv_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = [
        "# a comment",
        f"TAP_AYRA_API_KEY='{KEY}'",
        "TAP_AYRA_PAGE_SIZE=7",
        "TAP_AYRA_CONCURRENCY=5",
        'export TAP_AYRA_SEARCH="two words"',
        "TAP_AYRA_STATUS=",
        "TAP_AYRA_NO_SETTING=x",
    ]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    set_variables(environment, concurrency=3)
    parsed = settings(environment=True)
    assert (parsed.api_key, parsed.page_size, parsed.concurrency) == (KEY, 7, 3)
    assert parsed.filters == {"search": "two words"}


def test_dotenv_file_is_held_to_the_same_table(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TAP_AYRA_API_KEY=a b\nTAP_AYRA_HAS_RECORDING=maybe\n")
    assert [line.split()[0] for line in faults(environment=True)] == ["api_key", "has_recording"]


def test_all_faults_are_named_at_once(sandbox: RunningSandbox) -> None:
    config = {
        "api_url": sandbox.url,
        "page_sise": 3,
        "caller": "202-0199",
        "status": "done",
        "batch_config": {},
        "has_recording": "maybe",
    }
    lines = faults(config)
    assert [line.split()[0] for line in lines] == [
        "api_key",
        "batch_config",
        "caller",
        "has_recording",
        "page_sise",
        "status",
    ]
    assert not any(digits in "".join(lines) for digits in ("202", "0199"))
    assert sandbox.api.requests == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("page_sise", "; did you mean page_size?"),
        ("apikey", "; did you mean api_key?"),
        ("Start_Date", "; did you mean start_date?"),
        ("zzz", ""),
    ],
)
def test_an_unknown_setting_is_refused_with_a_hint(name: str, hint: str) -> None:
    assert faults({"api_key": KEY, name: 1}) == [f"{name} is no setting{hint}"]


def test_batch_config_is_refused_with_the_reason() -> None:
    (line,) = faults({"api_key": KEY, "batch_config": {"encoding": {"format": "jsonl"}}})
    assert line.startswith("batch_config is not offered: batch files would hold raw records")


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        (
            {"start_date": "2026-02-01", "end_date": "2026-01-31T23:59:59Z"},
            (
                "end_date is 2026-01-31T23:59:59Z; allowed is nothing before start_date, which is "
                "2026-02-01"
            ),
        ),
        (  # instants count, not texts
            {"start_date": "2026-01-31T10:00:00Z", "end_date": "2026-01-31T11:00:00+02:00"},
            (
                "end_date is 2026-01-31T11:00:00+02:00; allowed is nothing before start_date, "
                "which is 2026-01-31T10:00:00Z"
            ),
        ),
        (
            {"min_duration": 31, "max_duration": 30},
            "max_duration is 30; allowed is nothing before min_duration, which is 31",
        ),
    ],
)
def test_the_upper_end_lies_not_before_the_lower(config: dict[str, Any], fault: str) -> None:
    assert faults({"api_key": KEY, **config}) == [fault]


@pytest.mark.parametrize(
    "config",
    [
        {"start_date": "2026-02-01", "end_date": "2026-02-01"},
        {"start_date": "2026-01-31T10:00:00Z", "end_date": "2026-01-31T12:00:00+02:00"},
        {"min_duration": 30, "max_duration": 30},
    ],
)
def test_the_ends_may_be_equal(config: dict[str, Any]) -> None:
    settings({"api_key": KEY, **config})


@pytest.mark.parametrize(
    "maps",
    [
        {"__else__": "x"},
        {"conversations": {"__else__": 5}},
        {"conversations": {"__alias__": 5}},
        {"conversations": {"summary": {"a": 1}}},
        {"conversations": 5},
    ],
)
def test_a_bad_stream_map_is_refused(maps: dict[str, Any]) -> None:
    (line,) = faults({"api_key": KEY, "stream_maps": maps})
    assert line.startswith("stream_maps.")
    assert line.endswith("which is not allowed there")


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"summary": "1 +"}, "stream_maps: Failed to parse expression 1 +."),
        ({"__filter__": "(id"}, "stream_maps: Failed to parse expression (id."),
        ({"id": None}, "stream_maps: Removing key property 'id' is not permitted"),
        ({"__key_properties__": ["nope"]}, "stream_maps: Invalid key properties"),
    ],
)
def test_a_stream_map_that_cannot_work_is_refused(config: dict[str, Any], fault: str) -> None:
    (line,) = faults({"api_key": KEY, "stream_maps": {"conversations": config}})
    assert line.startswith(fault)


def test_a_stream_map_that_fails_on_a_record_names_it_and_quotes_nothing(
    sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    maps = {"conversations": {"caller_number": "int(caller_number + 'x')"}}
    caplog.set_level("DEBUG")
    with pytest.raises(TapAyraError) as failure:
        run_tap(sandbox, stream_maps=maps)
    told = "".join(traceback.format_exception(failure.value)) + caplog.text
    assert sandbox.api.world.rows()[0]["id"] in str(failure.value)
    assert not [row for row in sandbox.api.world.rows() if str(row["caller_number"]) in told]


def test_what_faker_and_flattening_need() -> None:
    maps = {"conversations": {"agent_name": "fake.name()"}}
    (line,) = faults({"api_key": KEY, "stream_maps": maps, "faker_config": {"locale": "xx_YY"}})
    assert "locale `xx_YY`" in line
    (line,) = faults({"api_key": KEY, "flattening_enabled": True})
    assert line.startswith("flattening_max_depth is required")


@pytest.mark.parametrize(
    "name", ["settling_minutes", "in_progress_limit_hours", "lookback_days", "request_timeout"]
)
@pytest.mark.parametrize("value", [1e9, 1e300, 10**400])
def test_huge_numbers_are_no_trouble(sandbox: RunningSandbox, name: str, value: float) -> None:
    bookmark = {"replication_key": "start_time", "replication_key_value": "2020-01-01T00:00:00Z"}
    state = {"bookmarks": {"conversations": bookmark}}
    assert len(run_tap(sandbox, as_read({name: value}), state=state).records) == 40


def test_dates_arrive_in_the_request(sandbox: RunningSandbox) -> None:
    run_tap(sandbox, start_date="2026-03-01", end_date="2026-03-05T12:00:00+02:00")
    window = {key: sandbox.api.requests[0].params[key] for key in ("start_date", "end_date")}
    assert window == {"start_date": "2026-03-01T00:00:00Z", "end_date": "2026-03-05T10:00:00Z"}


def test_page_size_arrives_in_the_request(sandbox: RunningSandbox) -> None:
    assert len(run_tap(sandbox, page_size=7).records) == 40
    assert {request.params["per_page"] for request in sandbox.api.requests} == {"7"}
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
    send = transport.OneHostSession.send

    def listen(*arguments: Any, **options: Any) -> requests.Response:
        given.append(options["timeout"])
        return send(*arguments, **options)

    monkeypatch.setattr(transport.OneHostSession, "send", listen)
    run_tap(sandbox, request_timeout=seconds)
    assert given == [seconds]


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
    calls[3].end = None
    with serve(SandboxApi(World(clock, calls), cache_seconds=0)) as running:

        def bookmark(**config: float) -> datetime:
            state = run_tap(running, config).of_type("STATE")[-1]["value"]
            return datetime.fromisoformat(
                state["bookmarks"]["conversations"]["replication_key_value"]
            )

        assert bookmark() == hours_ago[3]
        assert bookmark(in_progress_limit_hours=2.5) == NOW - timedelta(minutes=10)
        assert bookmark(in_progress_limit_hours=2.5, settling_minutes=30) == NOW - timedelta(
            minutes=30
        )


def test_lookback_days_reads_again(sandbox: RunningSandbox) -> None:
    bookmark = {"replication_key": "start_time", "replication_key_value": "2026-03-09T12:00:00Z"}
    run_tap(sandbox, lookback_days=1.5, state={"bookmarks": {"conversations": bookmark}})
    assert sandbox.api.requests[0].params["start_date"] == "2026-03-08T00:00:00Z"


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
