"""A conversation made to fit its schema, without changing what it says."""

from __future__ import annotations

import logging
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tap_ayra.errors import TapAyraError
from tap_ayra.output.conform import Conformer
from tap_ayra.streams.schemas import CONVERSATION

if TYPE_CHECKING:
    from collections.abc import Collection

LOGGER = logging.getLogger("tap-ayra")
FITTING: dict[str, Any] = {
    "id": "conv_1",
    "agent_id": "agent_1",
    "agent_name": "👩🏽‍💻 שלום",
    "caller_number": "+15550100100",
    "status": "a new one",
    "start_time": "2026-03-09T14:30:00Z",
    "end_time": None,
    "duration": Decimal("12.50"),
    "sentiment": None,
    "outcome": "",
    "topics": ["a", None, ""],
    "has_recording": True,
    "has_transcript": False,
    "summary": "a\0b",
    "created_at": "2026-03-09T14:30:00.123456789Z",
}


def conformer(deselected: Collection[str] = (), **schema: Any) -> Conformer:
    return Conformer({**CONVERSATION, **schema}, deselected=deselected, logger=LOGGER)


def conform(**fields: Any) -> dict[str, Any]:
    return conformer().conform({"id": "conv_1", **fields})


def test_what_fits_is_unchanged(caplog: pytest.LogCaptureFixture) -> None:
    before = repr(FITTING)
    assert repr(conformer().conform(dict(FITTING))) == before
    assert caplog.messages == []


def test_missing_fields_stay_missing() -> None:
    assert conform() == {"id": "conv_1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-09T14:30:00Z", "2026-03-09T14:30:00Z"),
        ("2026-03-09T16:30:00+02:00", "2026-03-09T14:30:00Z"),
        ("2026-03-09T16:30:00.120+02:00", "2026-03-09T14:30:00.120Z"),
        ("2026-03-09T14:30:00.123456789+00:00", "2026-03-09T14:30:00.123456789Z"),
        ("2026-03-09 14:30:00", "2026-03-09T14:30:00Z"),
        ("2026-03-09", "2026-03-09T00:00:00Z"),
        ("2026-W11-1T14:30:00Z", "2026-03-09T14:30:00Z"),
        ("2026-03-09T14Z", "2026-03-09T14:00:00Z"),
        ("2026-03-09T14:30:00,5Z", "2026-03-09T14:30:00.5Z"),
        ("2025-12-31T23:30:00-01:00", "2026-01-01T00:30:00Z"),
    ],
)
def test_moments_are_written_in_utc(text: str, expected: str) -> None:
    for name in ("start_time", "end_time", "created_at"):
        assert conform(**{name: text}) == {"id": "conv_1", name: expected}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("id", 17, "17"),
        ("agent_id", 17, "17"),
        ("summary", {"a": [1, "é"]}, '{"a":[1,"é"]}'),
        ("summary", Decimal("1.50"), "1.50"),
        ("summary", True, "true"),
        ("duration", "12", 12),
        ("duration", "12.50", Decimal("12.50")),
        ("has_recording", "true", True),
        ("has_recording", "False", False),
        ("has_recording", 1, True),
        ("end_time", "", None),
        ("topics", "billing", ["billing"]),
        ("topics", ["a", 5, None], ["a", "5", None]),
    ],
)
def test_what_can_be_converted_without_loss_is(name: str, value: object, expected: object) -> None:
    converted = conform(**{name: value})[name]
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "got"),
    [
        ("start_time", "yesterday", "a string"),
        ("end_time", "soon", "a string"),
        ("created_at", 1_767_225_600, "a number"),
        ("end_time", "1712031400000", "a string"),  # milliseconds, which ISO 8601 reads as 1712
        ("duration", "long", "a string"),
        ("duration", "NaN", "a string"),
        ("duration", "1_000", "a string"),
        ("duration", True, "a boolean"),
        ("duration", [], "a list"),
        ("has_recording", "maybe", "a string"),
        ("has_recording", 2, "a number"),
        ("topics", 5, "a number"),
        ("topics", {}, "an object"),
    ],
)
def test_the_rest_is_refused_by_id_and_field(name: str, value: object, got: str) -> None:
    with pytest.raises(TapAyraError) as refusal:
        conform(**{name: value})
    assert refusal.value.code == "field-invalid"
    assert f"conv_1: cannot convert {name} (got {got})" in str(refusal.value)


def test_a_refusal_does_not_quote_the_value() -> None:
    with pytest.raises(TapAyraError) as refusal:
        conform(has_recording="+15550100123")
    assert "0123" not in str(refusal.value)


def test_deselected_fields_are_left_out_whatever_they_hold() -> None:
    fits = conformer(["start_time", "duration", "summary"])
    record = {"id": "conv_1", "start_time": "yesterday", "duration": "long", "status": "failed"}
    assert fits.conform(record) == {"id": "conv_1", "status": "failed"}


def test_one_warning_for_each_odd_field(caplog: pytest.LogCaptureFixture) -> None:
    fits = conformer()
    for _ in range(3):
        fits.conform({"id": "conv_1", "language": "en", "score": 5, "agent_id": 7})
    assert Counter(getattr(record, "code", "") for record in caplog.records) == {
        "field-converted": 1,
        "field-unknown": 2,
    }


def test_a_schema_may_be_open() -> None:
    fits = conformer(additionalProperties=True)
    assert fits.conform({"id": "conv_1", "language": "en"}) == {"id": "conv_1", "language": "en"}


def test_fields_of_any_type_pass() -> None:
    fits = conformer(properties={**CONVERSATION["properties"], "extra": {}})
    for value in ("text", 5, [1], {"a": None}, None):
        assert fits.conform({"id": "conv_1", "extra": value})["extra"] == value
