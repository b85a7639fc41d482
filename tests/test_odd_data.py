"""Anything at all may come as an answer: it is delivered as it is, or refused by name."""

from __future__ import annotations

import json
import logging
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.contrib.msgspec import encoder
from singer_sdk.exceptions import RetriableAPIError

from sandbox import Call, SandboxApi, SandboxClock, World, serve
from sandbox.faults import Exchange, faulty, instead, raw
from tap_ayra.api import CLEAN, clean, decode
from tap_ayra.api.headers import retry_after
from tap_ayra.api.rate_limit import RateLimiter
from tap_ayra.errors import TapAyraError
from tap_ayra.output.conform import Conformer
from tap_ayra.paging.page import Page
from tap_ayra.paging.token import PageToken
from tap_ayra.streams.schemas import CONVERSATION
from tests.faking import Attempt, attempt
from tests.singer import settings_for

if TYPE_CHECKING:
    from tap_ayra.conversation import Row

NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
START = "2026-03-09T12:00:00Z"
FIELDS = list(CONVERSATION["properties"])


def write(value: object) -> bytes:
    """Write any value as JSON, every digit kept."""
    if isinstance(value, Decimal):
        return str(value).encode()
    if isinstance(value, dict):
        pairs = (json.dumps(key).encode() + b":" + write(item) for key, item in value.items())
        return b"{" + b",".join(pairs) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(write, value)) + b"]"
    return json.dumps(value).encode()


def _meta(count: int) -> dict[str, int]:
    return {"total": count, "page": 1, "per_page": 100, "total_pages": math.ceil(count / 100)}


TEXT = st.text(st.characters(exclude_categories=()) | st.sampled_from("\0\ud800\udfff\u2028é👩"))
NUMBERS = (
    st.integers()
    | st.integers(10**20, 10**60)
    | st.decimals(allow_nan=False).filter(lambda number: number.is_finite())
)
ANY = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
ODD_FIELD = ANY | st.sampled_from(
    [
        START,
        "2026-03-09T14:00:00.123456789+02:00",
        "2026-03-09",
        "12.50",
        "true",
        "1e400",
        "x" * 5000,
    ]
)
RECORD = st.fixed_dictionaries(
    {"id": st.text(min_size=1) | ODD_FIELD, "start_time": st.just(START) | ODD_FIELD},
    optional=dict.fromkeys({*FIELDS, "new_field"} - {"id", "start_time"}, ODD_FIELD),
)
META = st.fixed_dictionaries(
    {},
    optional={
        name: st.integers(-1, 3) | ANY
        for name in ("total", "page", "per_page", "total_pages", "timestamp")
    },
)
HONEST_META = st.builds(
    lambda count: {"total": count, "page": 1, "per_page": 100, "total_pages": -(-count // 100)},
    st.integers(0, 3),
)
BODIES = st.one_of(
    st.binary(),
    ANY.map(write),
    st.fixed_dictionaries(
        {},
        optional={
            "data": st.lists(RECORD | ANY, max_size=3) | ANY,
            "meta": META | HONEST_META | ANY,
            "links": ANY,
        },
    ).map(write),
    st.lists(RECORD, max_size=3).map(
        lambda records: write({"data": records, "meta": _meta(len(records))})
    ),
)


def read_page(body: bytes) -> Page:
    response = requests.Response()
    response.status_code = 200
    response._content = body
    return Page.read(response, PageToken(None, None), size=100)


def record_of(row: Row) -> dict[str, Any]:
    """Decode a conversation as it came."""
    record: dict[str, Any] = decode(bytes(row.body))[0]
    return record


def read_or_refuse(body: bytes) -> Page | str:
    """Read a page, or give the reason why not."""
    try:
        return read_page(body)
    except RetriableAPIError as error:
        return str(error)


def fit_or_refuse(record: dict[str, Any]) -> dict[str, Any] | str:
    """Fit a record to the schema, or give the reason why not."""
    try:
        return Conformer(CONVERSATION, deselected=(), logger=logging.getLogger()).conform(record)
    except TapAyraError as error:
        return str(error)


def check_delivery(record: dict[str, Any]) -> None:
    """Fit a record: what stays of its type is unchanged, on the wire too."""
    before = {name: value for name, value in record.items() if name in FIELDS}
    after = fit_or_refuse(record)
    if isinstance(after, str):
        first, second = after.splitlines()
        assert "cannot convert" in first
        assert "deselect" in second
        return
    assert after.keys() == before.keys()
    for name, value in after.items():
        if type(value) is type(before[name]) and not name.endswith(("_time", "_at", "topics")):
            assert str(value) == str(before[name])
    line = bytearray()
    encoder.encode_into(after, line)
    assert json.loads(line, parse_float=Decimal) == after


@given(body=BODIES)
def test_any_bytes_give_a_page_or_a_named_error(body: bytes) -> None:
    page = read_or_refuse(body)
    if isinstance(page, str):
        assert page
        return
    assert len(page.rows) == page.total
    for row in page.rows:
        check_delivery(record_of(row))


@given(record=RECORD)
def test_any_record_is_delivered_exactly_or_refused_by_name(record: dict[str, Any]) -> None:
    page = read_or_refuse(write({"data": [record], "meta": _meta(1)}))
    if isinstance(page, str):
        assert "conversation" in page
    else:
        check_delivery(record_of(page.rows[0]))


@pytest.mark.parametrize("depth", [100, 900, 1_000, 1_500, 100_000])
@pytest.mark.parametrize("name", ["summary", "duration", "topics", "new_field", "id"])
def test_any_depth(name: str, depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    record = b'{"id": "conv_1", "start_time": null, "%s": %s}' % (name.encode(), nested)
    meta = json.dumps(_meta(1)).encode()
    page = read_or_refuse(b'{"data": [%s], "meta": %s}' % (record, meta))
    if isinstance(page, str):
        assert len(page) < 300
    else:
        check_delivery(record_of(page.rows[0]))


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "Date",
                "Retry-After",
                "X-RateLimit-Limit",
                "X-RateLimit-Remaining",
                "X-RateLimit-Reset",
            ]
        ),
        st.text(st.characters(max_codepoint=255), max_size=40)
        | st.integers().map(str)
        | st.sampled_from(["9" * 400, "9" * 5000, "0", "1e5", "Mon, 09 Mar 2026 15:00:30 GMT", ""]),
    )
)
def test_any_headers_pace_nothing_into_the_ground(headers: dict[str, str]) -> None:
    wait = retry_after(headers)
    assert wait is None or 0 < wait < 33 * 86400
    limiter = RateLimiter()
    limiter.acquire()
    limiter.release(headers)


@pytest.fixture
def world() -> World:
    clock = SandboxClock(NOW, frozen=True)
    return World(clock)


def attempt_from(world: World) -> Attempt:
    with serve(SandboxApi(world)) as sandbox:
        return attempt(settings_for(sandbox))


def test_odd_but_legal_values_arrive_unchanged(world: World) -> None:
    odd: dict[str, Any] = {
        "summary": 'NUL \0, quote ", line \u2028, 👩🏽‍💻, ' + "long " * 100_000,
        "duration": Decimal("12.3400"),
        "status": "paused",
        "sentiment": "mixed",
        "topics": ["", None, "a\0b"],
    }
    start = NOW - timedelta(hours=5)
    world.add(
        Call("conv_odd", start, start + timedelta(minutes=1), overrides=odd | {"duration": 12.34})
    )
    nulls = dict.fromkeys(FIELDS[1:])
    world.add(Call("conv_null", start + timedelta(minutes=1), start, overrides=nulls))
    result = attempt_from(world)
    assert result.error == ""
    records = {record["id"]: record for record in result.output.records}
    assert records["conv_null"] == {"id": "conv_null", **nulls}
    for name, value in odd.items():
        assert records["conv_odd"][name] == (Decimal("12.34") if name == "duration" else value)


def test_lone_surrogates_are_replaced_with_one_warning(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(150):
        start = NOW - timedelta(hours=5, minutes=-number)
        call = Call(f"conv_{number}", start, start + timedelta(seconds=9), summary="a\ud800b\udc00")
        world.add(call)
    with caplog.at_level("INFO"):
        result = attempt_from(world)
    assert {record["summary"] for record in result.output.records} == {"a\ufffdb\ufffd"}
    assert sum("U+FFFD" in line for line in caplog.messages) == 1


@pytest.mark.parametrize(
    ("raw", "value", "code"),
    [
        (b'"caf\xe9"', "caf\ufffd", "not-utf-8"),
        (b'"a\xed\xa0\x80b"', "a\ufffd\ufffd\ufffdb", "not-utf-8"),
        (rb'"a\ud800b"', "a\ufffdb", "lone-surrogates"),
        (rb'"\ude00\ud83d\ude00"', "\ufffd😀", "lone-surrogates"),
        (rb'"\\ud800 NaN \"Infinity\""', '\\ud800 NaN "Infinity"', ""),
        (b'"a\x00\n\tb"', "a\x00\n\tb", ""),
        (b"NaN", None, "not-a-number"),
        (b"-Infinity", None, "not-a-number"),
        (b"[Infinity,-1]", [None, -1], "not-a-number"),
    ],
)
def test_what_is_not_clean_is_replaced(raw: bytes, value: object, code: str) -> None:
    found, replaced = decode(b'\xef\xbb\xbf{"a": %s, "b": 1.50}' % raw)
    assert found == {"a": value, "b": Decimal("1.50")}
    assert {message.code for message in replaced} == ({code} if code else set())


@given(ANY)
def test_what_is_clean_stays_as_it_is(value: object) -> None:
    body = write(value)
    if b"\\ud" not in body:
        assert clean(body) == (body, CLEAN)


@given(st.binary() | st.text().map(str.encode) | ANY.map(write))
def test_any_bytes_are_cleaned_to_text_and_no_further(body: bytes) -> None:
    cleaned, _ = clean(body)
    cleaned.decode()
    assert clean(cleaned) == (cleaned, CLEAN)


def test_each_kind_of_odd_text_is_warned_of_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(25):
        start = NOW - timedelta(hours=5, minutes=-number)
        world.add(Call(f"conv_{number}", start, start + timedelta(seconds=9), summary="cafe"))

    def latin(exchange: Exchange) -> None:
        body = exchange.response.body.replace(b"cafe", b"caf\xe9").replace(b":9,", b":NaN,")
        exchange.send(raw(exchange.response._replace(body=body)))

    with faulty(SandboxApi(world), lambda _number, _params: latin) as server:
        result = attempt(settings_for(server, page_size=10))
    assert result.error == ""
    assert {record["summary"] for record in result.output.records} == {"caf\ufffd"}
    assert {record["duration"] for record in result.output.records} == {None}
    codes = [getattr(record, "code", "") for record in caplog.records]
    assert codes.count("not-utf-8") == codes.count("not-a-number") == 1


def test_numbers_of_any_size_keep_their_digits(world: World) -> None:
    number = "123456789012345678901234567890.12345678901234567890"
    start = NOW - timedelta(hours=5)
    world.add(Call("conv_1", start, start + timedelta(minutes=1)))
    with faulty(SandboxApi(world)) as server:
        body = server.api.handle(
            "GET", "/v1/conversations", "", {"authorization": f"Bearer {server.api.key}"}
        ).body
        body = body.replace(b'"duration":60', b'"duration":' + number.encode())
        body = body.replace(b'"per_page":25', b'"per_page":100')
        server.script = lambda _number, _params: instead(200, body)
        result = attempt(settings_for(server))
    assert result.error == ""
    assert str(result.output.records[0]["duration"]) == number
