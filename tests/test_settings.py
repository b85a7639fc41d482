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
from tap_ayra.messages import Text
from tap_ayra.messages import settings as messages
from tap_ayra.settings import DECLARED, Settings
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
    ("request_timeout", 5, 5.0),
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


class Bad(NamedTuple):
    """A bad value, and how it is shown."""

    name: str
    given: Any
    shown: str


BAD = [
    Bad("api_url", "http://api.ayra.ai/v1", '"http://api.ayra.ai/v1"'),
    Bad("api_url", "http://127.0.0.1.example/v1", '"http://127.0.0.1.example/v1"'),
    Bad("api_url", "https://me:secret@api.ayra.ai", '"https://***api.ayra.ai"'),
    Bad("api_url", "https://:secret@api.ayra.ai", '"https://***api.ayra.ai"'),
    Bad("api_url", "https://api.ayra.ai/v1?key=secret", '"https://api.ayra.ai/v1?***"'),
    Bad("api_url", "https://api.ayra.ai/v1?", '"https://api.ayra.ai/v1?***"'),
    Bad("api_url", "https://api.ayra.ai/v1#secret", '"https://api.ayra.ai/v1#***"'),
    Bad("api_url", "https://api.ayra.ai:port", '"https://api.ayra.ai:port"'),
    Bad("api_url", "https://api .ayra.ai", '"https://api .ayra.ai"'),
    Bad("api_url", "https://[::1", '"https://[::1"'),
    Bad("api_url", "api.ayra.ai/v1", '"api.ayra.ai/v1"'),
    Bad("api_url", "ftp://api.ayra.ai", '"ftp://api.ayra.ai"'),
    Bad("start_date", "31/01/2026", '"31/01/2026"'),
    Bad("start_date", "yesterday", '"yesterday"'),
    Bad("start_date", "2026-02-30", '"2026-02-30"'),
    Bad("start_date", "2026-13-01", '"2026-13-01"'),
    Bad("start_date", "2026", '"2026"'),
    Bad("start_date", "0001-01-01T00:00:00+05:00", '"0001-01-01T00:00:00+05:00"'),
    Bad("end_date", "2026-01-31 25:00", '"2026-01-31 25:00"'),
    Bad("status", "done", '"done"'),
    Bad("status", "Completed", '"Completed"'),
    Bad("caller", "555-0123", '"###-####"'),
    Bad("caller", "+0555010012", '"+##########"'),
    Bad("caller", "+15550100123;x", '"+###########;#"'),
    Bad("caller", "+1555010012345678", '"+################"'),
    Bad("min_duration", -1, "-1"),
    Bad("min_duration", 0.5, "0.5"),
    Bad("has_transcript", "maybe", '"maybe"'),
    Bad("transcripts_per_sync", -1, "-1"),
    Bad("page_size", 0, "0"),
    Bad("page_size", 101, "101"),
    Bad("page_size", 2.5, "2.5"),
    Bad("page_size", 10**60, "1" + 59 * "0" + "..."),
    Bad("concurrency", 0, "0"),
    Bad("concurrency", 33, "33"),
    Bad("settling_minutes", -0.1, "-0.1"),
    Bad("settling_minutes", 10_081, "10081"),
    Bad("in_progress_limit_hours", 0, "0"),
    Bad("in_progress_limit_hours", 8760.5, "8760.5"),
    Bad("lookback_days", -1, "-1"),
    Bad("lookback_days", 3_661, "3661"),
    Bad("lookback_days", 10**400, "1" + 59 * "0" + "..."),
    Bad("request_timeout", 0, "0"),
    Bad("request_timeout", 3601, "3601"),
    Bad("user_agent", "two\nlines", '"two\\nlines"'),
    Bad("on_incomplete", "ignore", '"ignore"'),
    Bad("reconcile", "maybe", '"maybe"'),
    Bad("flattening_enabled", "maybe", '"maybe"'),
    Bad("flattening_max_depth", "deep", '"deep"'),
    Bad("stream_maps", "md5(id)", "a string"),
    Bad("stream_map_config", '["pepper"]', "a string"),
]
BAD_IN_A_FILE = [
    # where texts, numbers and booleans differ
    Bad("start_date", 20260131, "20260131"),
    Bad("agent_id", 7, "7"),
    Bad("outcome", ["a"], "a list"),
    Bad("topic", {}, "an object"),
    Bad("caller", 15550100123, "###########"),
    Bad("max_duration", given=True, shown="true"),
    Bad("has_recording", 1, "1"),
    Bad("request_timeout", given=True, shown="true"),
    Bad("emit_activate_version_messages", 1, "1"),
    Bad("flattening_max_depth", given=True, shown="true"),
    Bad("faker_config", [], "a list"),
]
BAD_IN_THE_ENVIRONMENT = [
    # in a file they are not JSON
    Bad("page_size", math.nan, "NaN"),
    Bad("settling_minutes", math.nan, "NaN"),
    Bad("in_progress_limit_hours", math.inf, "Infinity"),
    Bad("lookback_days", -math.inf, "-Infinity"),
]
BAD_KEYS = ["sk test spaces", "sk_test\nline", "sk_test_ключ"]


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


def problems(config: Mapping[str, Any] | None = None, *, environment: bool = False) -> list[Text]:
    """Give the lines with which the tap refuses settings."""
    with pytest.raises(ConfigValidationError) as refusal, captured():
        TapAyra(config=as_read(config or {}), parse_env_config=environment)
    return [line for line in refusal.value.errors if isinstance(line, Text)]


def as_read(config: Mapping[str, object]) -> dict[str, Any]:
    """Give a configuration as the SDK reads it from a file: fractions are `Decimal` in it."""
    return load_json(json.dumps(config))


def said_of(bad: Bad) -> str:
    """Give the line that says what is wrong with a value."""
    kind = TapAyra.config_jsonschema["properties"][bad.name]["type"][0]
    theirs = {"boolean": "true or false", "integer": "an integer", "object": "an object"}
    expected = DECLARED[bad.name].expected if bad.name in DECLARED else theirs[kind]
    return messages.UNEXPECTED(name=bad.name, expected=expected, value=bad.shown)


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
    assert parsed == Settings(api_key=KEY)
    assert {name for name in DECLARED if getattr(parsed, name) is None} == {
        name for name, setting in DECLARED.items() if setting.default is None
    } - {"api_key", "user_agent"}
    assert (parsed.settling, parsed.in_progress_limit, parsed.lookback) == (
        timedelta(minutes=10),
        timedelta(hours=24),
        timedelta(0),
    )
    assert (parsed.filters, parsed.hides_changing, parsed.confidential) == ({}, False, (KEY,))


def test_settings_are_never_shown() -> None:
    assert KEY not in repr(settings({"api_key": KEY}))


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
    assert problems(config) == [said_of(bad)]
    assert sandbox.api.requests == []


@pytest.mark.parametrize("bad", BAD + BAD_IN_THE_ENVIRONMENT, ids=case_name)
def test_bad_value_from_the_environment(
    sandbox: RunningSandbox, environment: pytest.MonkeyPatch, bad: Bad
) -> None:
    config = settings_for(sandbox, **{bad.name: bad.given})
    set_variables(environment, **config)
    assert problems(environment=True) == [said_of(bad)]
    assert sandbox.api.requests == []


@pytest.mark.parametrize("key", [*BAD_KEYS, 12345678])
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(key: object) -> None:
    (line,) = problems({"api_key": key})
    assert line.code == messages.MALFORMED_KEY.code
    assert str(key) not in line


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({}, "api_key is required. Set it to your Ayra API key (TAP_AYRA_API_KEY)."),
        (
            {"api_key": "two words"},
            "api_key contains spaces or non-ASCII characters. Copy it again from Ayra.",
        ),
        (
            {"api_key": KEY, "start_date": "31/01/2025"},
            (
                "start_date: expected an ISO 8601 date or date-time (e.g. 2025-01-31 or "
                '2025-01-31T14:30:00Z), got "31/01/2025"'
            ),
        ),
        (
            {"api_key": KEY, "page_size": 500},
            "page_size: expected an integer from 1 to 100, got 500",
        ),
        ({"api_key": KEY, "agent_id": 5}, "agent_id: expected a non-empty string, got 5"),
        (
            {"api_key": KEY, "lookback_days": -1},
            "lookback_days: expected a number from 0 to 3,660, got -1",
        ),
        (
            {"api_key": KEY, "sentimnt": "negative"},
            'Unknown setting "sentimnt". Did you mean "sentiment"?',
        ),
        (
            {"api_key": KEY, "start_date": "2025-02-01", "end_date": "2025-01-01"},
            "end_date (2025-01-01) is before start_date (2025-02-01)",
        ),
    ],
)
def test_the_words(config: dict[str, Any], line: str) -> None:
    assert problems(config) == [line]


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
    assert problems(environment=True) == [said_of(Bad("has_recording", word, f'"{word}"'))]


@pytest.mark.parametrize("word", ["five", "5 minutes", "0x10", "1_000", "5,0", "[5]", "true"])
def test_other_texts_are_no_number(environment: pytest.MonkeyPatch, word: str) -> None:
    set_variables(environment, api_key=KEY, page_size=word)
    assert problems(environment=True) == [said_of(Bad("page_size", word, f'"{word}"'))]


@pytest.mark.parametrize("empty", ["", "  ", None])
def test_what_is_empty_counts_as_unset(environment: pytest.MonkeyPatch, empty: object) -> None:
    names = TapAyra.config_jsonschema["properties"]
    assert settings({**dict.fromkeys(names, empty), "api_key": KEY}) == settings({"api_key": KEY})
    assert [line.code for line in problems({"api_key": empty})] == [messages.REQUIRED.code]
    if isinstance(empty, str):
        set_variables(environment, **dict.fromkeys(names, empty))
        assert [line.code for line in problems(environment=True)] == [messages.REQUIRED.code]
        set_variables(environment, api_key=KEY)
        assert settings(environment=True) == settings({"api_key": KEY})


@pytest.mark.parametrize(
    ("variable", "hint"),
    [("TAP_AYRA_SENTIMNT", "TAP_AYRA_SENTIMENT"), ("TAP_AYRA_XYZ", "")],
)
def test_an_unknown_variable_is_ignored_with_a_warning(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, hint: str
) -> None:
    set_variables(environment, api_key=KEY, loglevel="INFO", stream_maps_conversations_id="id")
    environment.setenv("TAP_AYRA__SELECT", "x")  # one of Meltano's
    environment.setenv(variable, "a secret")
    assert settings(environment=True) == settings({"api_key": KEY})
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert getattr(warning, "code", "") == messages.UNKNOWN_VARIABLE.code
    assert variable in warning.message
    assert ("Did you mean" in warning.message, hint in warning.message) == (bool(hint), True)
    assert "a secret" not in caplog.text


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
    assert [line.split()[0].strip(":") for line in problems(environment=True)] == [
        "api_key",
        "has_recording",
    ]


def test_all_faults_are_named_at_once(sandbox: RunningSandbox) -> None:
    config = {
        "api_url": sandbox.url,
        "page_sise": 3,
        "caller": "202-0199",
        "status": "done",
        "batch_config": {},
        "has_recording": "maybe",
    }
    lines = problems(config)
    assert [line.code for line in lines] == [
        messages.UNKNOWN.code,
        messages.REQUIRED.code,
        messages.NO_BATCH.code,
        *[messages.UNEXPECTED.code] * 3,
    ]
    assert not any(digits in "".join(lines) for digits in ("202", "0199"))
    assert sandbox.api.requests == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("page_sise", "page_size"),
        ("apikey", "api_key"),
        ("Start_Date", "start_date"),
        ("stream_map", "stream_maps"),
        ("zzz", ""),
    ],
)
def test_an_unknown_setting_is_refused_with_a_hint(name: str, hint: str) -> None:
    (line,) = problems({"api_key": KEY, name: 1})
    assert line == messages.UNKNOWN(name=name, hint=f' Did you mean "{hint}"?' if hint else "")


def test_batch_config_is_refused_with_the_reason() -> None:
    (line,) = problems({"api_key": KEY, "batch_config": {"encoding": {"format": "jsonl"}}})
    assert line.code == messages.NO_BATCH.code


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (
            {"start_date": "2026-02-01", "end_date": "2026-01-31T23:59:59Z"},
            messages.BEFORE.code,
        ),
        (  # instants count, not texts
            {"start_date": "2026-01-31T10:00:00Z", "end_date": "2026-01-31T11:00:00+02:00"},
            messages.BEFORE.code,
        ),
        ({"min_duration": 31, "max_duration": 30}, messages.LESS.code),
    ],
)
def test_the_upper_end_lies_not_before_the_lower(config: dict[str, Any], code: str) -> None:
    (line,) = problems({"api_key": KEY, **config})
    assert line.code == code
    assert all(str(value) in line for value in config.values())


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
    ("maps", "place"),
    [
        ({"__else__": "x"}, "stream_maps.__else__"),
        ({"conversations": {"__else__": 5}}, "stream_maps.conversations.__else__"),
        ({"conversations": {"__alias__": 5}}, "stream_maps.conversations.__alias__"),
        ({"conversations": {"__key_properties__": "id"}}, "stream_maps.conversations.__key_"),
        ({"conversations": {"summary": {"a": 1}}}, "stream_maps.conversations.summary"),
        ({"conversations": 5}, "stream_maps.conversations"),
        ({"conversations": "id"}, "stream_maps.conversations"),
    ],
)
def test_a_bad_entry_of_a_stream_map_is_refused(maps: dict[str, Any], place: str) -> None:
    (line,) = problems({"api_key": KEY, "stream_maps": maps})
    assert line.code == messages.UNEXPECTED.code
    assert line.startswith(place)


@pytest.mark.parametrize(
    ("maps", "code", "hint"),
    [
        ({"conversation": {"summary": None}}, messages.UNKNOWN_STREAM.code, "conversations"),
        ({"Conversations": "__NULL__"}, messages.UNKNOWN_STREAM.code, "conversations"),
        ({"x": {"__source__": "conversation"}}, messages.UNKNOWN_STREAM.code, "conversations"),
        ({"calls_*": {"summary": None}}, messages.UNKNOWN_STREAM.code, ""),
        ({"conversations": {"sumary": None}}, messages.UNKNOWN_FIELD.code, "summary"),
        ({"conv*": {"caller": "__NULL__"}}, messages.UNKNOWN_FIELD.code, "caller_number"),
        ({"conversations": {"__flter__": "id"}}, messages.UNKNOWN_OPTION.code, "__filter__"),
    ],
)
def test_what_hides_nothing_is_refused_with_a_hint(
    maps: dict[str, Any], code: str, hint: str
) -> None:
    (line,) = problems({"api_key": KEY, "stream_maps": maps})
    assert line.code == code
    assert line.endswith(f' Did you mean "{hint}"?' if hint else '".')


@pytest.mark.parametrize(
    "maps",
    [
        {"conversations": "__NULL__", "__else__": None},
        {"conv*": {"summary": "__NULL__", "length": "len(summary or '')"}},
        {"copy": {"__source__": "conversations", "__else__": "__NULL__", "id": "id"}},
    ],
)
def test_good_stream_maps(maps: dict[str, Any]) -> None:
    settings({"api_key": KEY, "stream_maps": maps})


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"summary": "1 +"}, messages.BAD_EXPRESSION.code),
        ({"summary": ""}, messages.BAD_EXPRESSION.code),
        ({"__filter__": "(id"}, messages.BAD_EXPRESSION.code),
        ({"id": None}, messages.UNUSABLE.code),
        ({"__key_properties__": ["nope"]}, messages.UNUSABLE.code),
    ],
)
def test_a_stream_map_that_cannot_work_is_refused(config: dict[str, Any], code: str) -> None:
    (line,) = problems({"api_key": KEY, "stream_maps": {"conversations": config}})
    assert line.code == code


def test_problems_of_stream_maps_are_named_with_the_others() -> None:
    lines = problems({"page_size": 0, "stream_maps": {"conversation": None}})
    assert [line.code for line in lines] == [
        messages.REQUIRED.code,
        messages.UNEXPECTED.code,
        messages.UNKNOWN_STREAM.code,
    ]


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
    (line,) = problems({"api_key": KEY, "stream_maps": maps, "faker_config": {"locale": "xx_YY"}})
    assert "locale `xx_YY`" in line
    (line,) = problems({"api_key": KEY, "flattening_enabled": True})
    assert line.code == messages.REQUIRED_BY.code


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
