"""The settings: what is valid, from a file and from the environment, and what is said if it is not.

What each does is in `test_settings_effect.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping  # noqa: TC003  used by a dataclass field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import BATCH_CONFIG

from tap_ayra.messages import Text
from tap_ayra.messages import settings as messages
from tap_ayra.settings import DECLARED, Settings
from tap_ayra.settings.of_the_sdk import sdk_problems
from tap_ayra.tap import TapAyra
from tests.configuring import as_read, case_name, set_variables
from tests.singer import captured

if TYPE_CHECKING:
    from pathlib import Path


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


pytestmark = pytest.mark.usefixtures("environment")


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


@pytest.mark.parametrize("bad", BAD + BAD_IN_A_FILE, ids=case_name)
def test_bad_value_from_a_file(bad: Bad) -> None:
    assert problems({"api_key": KEY, bad.name: bad.given}) == [said_of(bad)]


@pytest.mark.parametrize("bad", BAD + BAD_IN_THE_ENVIRONMENT, ids=case_name)
def test_bad_value_from_the_environment(environment: pytest.MonkeyPatch, bad: Bad) -> None:
    set_variables(environment, **{"api_key": KEY, bad.name: bad.given})
    assert problems(environment=True) == [said_of(bad)]


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
    set_variables(environment, api_key=KEY, loglevel="INFO")
    for theirs in ("_SELECT", "EU__SELECT", "EU_API_KEY", "STREAM_MAPS_CONVERSATIONS_ID"):
        environment.setenv(f"TAP_AYRA_{theirs}", "Meltano's")
    environment.setenv(variable, "a secret")
    assert settings(environment=True) == Settings(api_key=KEY)
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


def test_all_problems_are_named_at_once() -> None:
    config = {
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
        messages.UNEXPECTED.code,
        messages.REQUIRED.code,
        *[messages.UNEXPECTED.code] * 3,
    ]
    assert not any(digits in "".join(lines) for digits in ("202", "0199"))


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


@pytest.mark.parametrize(
    ("config", "lines"),
    [
        (
            {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {}},
            ["batch_config.storage.root is required."],
        ),
        (
            {"encoding": {"format": "parquet"}, "storage": {"root": "x"}, "batch_size": 0},
            [
                "batch_config.batch_size: expected an integer from 1, got 0",
                'batch_config.encoding.format: expected jsonl, got "parquet"',
            ],
        ),
        (
            {"encoding": {"format": "jsonl"}, "storage": {"root": "x", "prefx": ""}},
            ['Unknown setting "batch_config.storage.prefx". Did you mean "batch_config.storage.p'],
        ),
        ({"encoding": {"format": "x"}}, ["batch_config.encoding.format: expected one of jsonl"]),
    ],
)
def test_batch_config(config: dict[str, Any], lines: list[str]) -> None:
    found = problems({"api_key": KEY, "batch_config": config})
    assert len(found) == len(lines)
    assert all(line.startswith(start) for line, start in zip(found, lines, strict=True))


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


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"seed": {}}, "faker_config.seed: expected a number or a string or true or false"),
        ({"locale": 5}, "faker_config.locale: expected a string or a list, got 5"),
        ({"locale": ["en_US", 5]}, "faker_config.locale: expected a string or a list, got a list"),
    ],
)
def test_what_is_nested_in_the_sdks_settings(config: dict[str, Any], line: str) -> None:
    (problem,) = problems({"api_key": KEY, "faker_config": config})
    assert problem.startswith(line)


def test_a_choice_of_the_sdks_is_named() -> None:
    given = {"encoding": {"format": "csv"}, "storage": {"root": 5}}
    lines = sdk_problems("batch_config", given, BATCH_CONFIG["properties"]["batch_config"])
    assert sorted(lines) == [
        'batch_config.encoding.format: expected one of jsonl, parquet, got "csv"',
        "batch_config.storage.root: expected a string, got 5",
    ]


def test_what_faker_and_flattening_need() -> None:
    maps = {"conversations": {"agent_name": "fake.name()"}}
    (line,) = problems({"api_key": KEY, "stream_maps": maps, "faker_config": {"locale": "xx_YY"}})
    assert "locale `xx_YY`" in line
    (line,) = problems({"api_key": KEY, "flattening_enabled": True})
    assert line.code == messages.REQUIRED_BY.code


NAMES = [*DECLARED, "stream_maps", "faker_config", "flattening_max_depth", "nonsense", "\ud800"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", "true", "{}", "1e5", "2026-01-01", "9" * 400, "\ud800", "__NULL__"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["conversations", "id", "summary", "__else__", "__filter__", "seed"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4))
def test_whatever_is_given_is_used_or_refused_in_printable_lines(config: dict[str, Any]) -> None:
    lines = [""]
    try:
        with captured():
            TapAyra(config={"api_key": KEY, **config})
    except ConfigValidationError as refusal:
        lines = refusal.errors
    assert lines
    assert all(line.isprintable() and KEY not in line for line in lines)
