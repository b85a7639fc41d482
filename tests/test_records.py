"""Conversations leave as the bytes in which they came, or one by one: the messages are the same."""

from __future__ import annotations

import io
import json
import logging
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Call, SandboxApi, SandboxClock, World, serve
from tap_ayra.errors import PageMismatchError, TapAyraError
from tap_ayra.output.conform import Conformer
from tap_ayra.output.records import Records
from tap_ayra.output.writer import BufferedWriter, encode
from tap_ayra.paging.body import Body
from tap_ayra.streams.schemas import CONVERSATION
from tap_ayra.tap import TapAyra
from tests.simulator import NOW, ago
from tests.singer import captured, deselect, discovered, run_tap
from tests.test_odd_data import FIELDS, NUMBERS, RECORD, TEXT, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk.mapper import StreamMap

MOMENTS = [name for name in FIELDS if name.endswith(("_time", "_at"))]
TRUTHS = [name for name in FIELDS if name.startswith("has_")]
CLEAN_TEXT = st.text(st.characters(codec="utf-8"))
MOMENT = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(FIELDS, CLEAN_TEXT),
    **dict.fromkeys(MOMENTS, MOMENT),
    **dict.fromkeys(TRUTHS, st.booleans()),
    "duration": st.integers(-(2**63), 2**64 - 1),
    "topics": st.lists(st.none() | CLEAN_TEXT, max_size=3),
}
FITTING = st.fixed_dictionaries(
    {"id": CLEAN_TEXT.filter(bool)},
    optional={name: st.none() | value for name, value in VALUES.items() if name != "id"},
)
ALMOST = st.builds(
    lambda record, odd: {**record, **odd},
    FITTING,
    st.fixed_dictionaries(
        {},
        optional={
            "duration": NUMBERS,
            "summary": TEXT,
            "end_time": st.sampled_from(["", "2026-03-09T14:00:00.123456789+02:00", "2026-03-09"]),
            "start_time": st.sampled_from(["2026-03-09t14:00:00z", "2026-03-09 14:00:00,5"]),
            "has_recording": st.sampled_from(["true", 1]),
            "topics": st.just("refund"),
            "language": CLEAN_TEXT,
        },
    ),
)
GAPS = st.sampled_from([b"", b" ", b"\n", b"\r", b"\r\n    ", b"\t"])


@cache
def stream_maps() -> Sequence[StreamMap]:
    """What the tap does to a record if no stream map is set."""
    with captured():
        tap = TapAyra(config={"api_key": "sk_test_any"})
        return tap.streams["conversations"].stream_maps


def body_of(records: list[dict[str, Any]], gap: bytes = b"") -> bytes:
    """Write a page, white space after each comma and colon between fields."""
    fields = (
        [gap + write(name) + b":" + gap + write(value) for name, value in record.items()]
        for record in records
    )
    rows = (b"{" + b",".join(each) + gap + b"}" for each in fields)
    return b'{"data":[' + b",".join(rows) + b"]}"


def messages_of(body: bytes, *, one_by_one: bool) -> tuple[list[bytes], str]:
    """Deliver a page.

    Returns:
        The messages, read as a target reads lines, without the time; and the error.
    """
    conformer = Conformer(
        CONVERSATION,
        deselected=["no such field"] if one_by_one else (),
        logger=logging.getLogger("none"),
    )
    error = ""
    with captured() as written:
        writer = BufferedWriter()
        try:
            Records(writer, conformer, stream_maps()).write(Body.decode(body).rows)
        except (PageMismatchError, TapAyraError) as failure:
            error = str(failure)
        writer.flush()
    lines = io.TextIOWrapper(io.BytesIO(written.getvalue()), encoding="utf-8").readlines()
    return [line.encode().partition(b',"time_extracted":')[0] for line in lines], error


def parsed(lines: list[bytes]) -> list[Any]:
    return [json.loads(line + b"}", parse_float=Decimal) for line in lines]


@given(records=st.lists(FITTING | ALMOST | RECORD, min_size=1, max_size=4), gap=GAPS)
def test_both_ways_give_the_same_messages_and_the_same_error(
    records: list[dict[str, Any]], gap: bytes
) -> None:
    body = body_of(records, gap)
    whole, one_by_one = (messages_of(body, one_by_one=way) for way in (False, True))
    assert parsed(whole[0]) == parsed(one_by_one[0])
    assert whole[1] == one_by_one[1]


@given(records=st.lists(FITTING, min_size=1, max_size=4, unique_by=lambda record: record["id"]))
def test_byte_for_byte_where_the_apis_json_is_compact(records: list[dict[str, Any]]) -> None:
    body = encode({"data": records})
    whole, one_by_one = (messages_of(body, one_by_one=way) for way in (False, True))
    assert whole == one_by_one
    assert [encode(record) for record in records] == [
        line.partition(b'"record":')[2] for line in whole[0]
    ]


@pytest.mark.parametrize(
    "field",
    [
        b'"duration":1.50',
        b'"duration":1E5',
        b'"summary":"\\u00e9\\/"',
        b'"summary":"\xc3\xa9"',
        b'"status":"transferred"',
        b'"end_time":"2026-03-09T12:00:00.123456789Z"',
    ],
)
def test_what_fits_leaves_as_it_came(field: bytes) -> None:
    row = b'{"id":"conv_1",' + field + b"}"
    (line,), _ = messages_of(b'{"data":[' + row + b"]}", one_by_one=False)
    assert line.endswith(row)


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        (b'"end_time":"2026-03-09T14:00:00+02:00"', {"end_time": "2026-03-09T12:00:00Z"}),
        (b'"end_time":"2026-03-09T12:00:00"', {"end_time": "2026-03-09T12:00:00Z"}),
        (b'"end_time":""', {"end_time": None}),
        (b'"duration":"1.50"', {"duration": Decimal("1.50")}),
        (b'"duration":1e400', {"duration": Decimal("1e400")}),
        (b'"language":"en"', {}),
        (b'\r"status" :\n"failed"', {"status": "failed"}),
    ],
)
def test_what_does_not_fit_is_written_anew(field: bytes, sent: Mapping[str, object]) -> None:
    body = b'{"data":[{"id":"conv_1",' + field + b"}]}"
    lines, _ = messages_of(body, one_by_one=False)
    assert [line["record"] for line in parsed(lines)] == [{"id": "conv_1", **sent}]


def test_an_odd_record_keeps_its_place_between_others() -> None:
    records = [{"id": f"conv_{n}", "duration": "5" if n == 3 else 5} for n in range(6)]
    lines, _ = messages_of(body_of(records), one_by_one=False)
    assert [line["record"] for line in parsed(lines)] == [
        {**record, "duration": 5} for record in records
    ]


def test_deselected_mapped_or_flattened_it_is_the_same_but_for_that() -> None:
    calls = [Call(f"conv_{n}", start := ago(hours=n), start) for n in range(9, 1, -1)]
    catalog = discovered()
    deselect(catalog, ["summary"])
    with serve(SandboxApi(World(SandboxClock(NOW, frozen=True), calls))) as sandbox:
        whole = run_tap(sandbox).records
        fewer = run_tap(sandbox, catalog=catalog).records
        mapped = run_tap(sandbox, stream_maps={"conversations": {"summary": "__NULL__"}}).records
        flat = run_tap(sandbox, flattening_enabled=True, flattening_max_depth=1).records
    assert len(whole) == 8
    assert fewer == mapped == [_without(record, "summary") for record in whole]
    assert [_without(record, "topics") for record in flat] == [
        _without(record, "topics") for record in whole
    ]


def _without(record: Mapping[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in record.items() if key != name}
