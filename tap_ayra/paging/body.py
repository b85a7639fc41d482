"""The body of a page: each conversation typed, and beside it the bytes in which it came."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import repeat
from typing import TYPE_CHECKING, Any

import msgspec

from tap_ayra.api.decoding import CLEAN, Replaced, clean, decode
from tap_ayra.conversation import Conversation, Row
from tap_ayra.errors import PageMismatchError
from tap_ayra.instants import instants_in_utc, parse_instant
from tap_ayra.messages import paging as messages

if TYPE_CHECKING:
    from datetime import datetime

    from tap_ayra.messages import Text


class _Typed(msgspec.Struct):
    data: list[Conversation]


class _Sliced(msgspec.Struct):
    data: list[msgspec.Raw]
    meta: Any = None


_typed = msgspec.json.Decoder(_Typed).decode
_sliced = msgspec.json.Decoder(_Sliced).decode
_conversation = msgspec.json.Decoder(Conversation).decode
_anything = msgspec.json.Decoder(float_hook=Decimal).decode


@dataclass(frozen=True, slots=True)
class Body:
    """What a response holds.

    Attributes:
        rows: the conversations, each once, in the API's order.
        listed: how many places they take on the page.
        meta: as the API gave it; None where there is none.
        replaced: what was not clean and had to be replaced.
        problem: what makes one of the conversations unusable, or tells that one came twice.
    """

    rows: list[Row]
    listed: int
    meta: Any
    replaced: Replaced
    problem: Text | None

    @classmethod
    def decode(cls, content: bytes) -> Body:
        """Decode a body.

        Raises:
            NotJSONError: if it is not JSON.
            PageMismatchError: if it has no list ``data``, or a start time that is not a date-time.
        """
        replaced = CLEAN
        try:
            sliced, rows, problem = _split(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            content, replaced = clean(content)
            try:
                sliced, rows, problem = _split(content)
            except msgspec.ValidationError:
                raise PageMismatchError(messages.NO_DATA()) from None
            except (msgspec.DecodeError, RecursionError):
                decode(content)  # which says what is wrong
                raise
        listed = len(sliced.data)
        distinct = {row.conversation.id: row for row in rows}
        if "" in distinct:
            problem = messages.NO_ID()
            rows = [row for row in rows if row.conversation.id]
        elif len(distinct) < len(rows):
            rows = list(distinct.values())
            problem = problem or messages.LISTED_TWICE()
        return cls(rows, listed, sliced.meta, replaced, problem)


def _split(content: bytes) -> tuple[_Sliced, list[Row], Text | None]:
    sliced = _sliced(content)
    try:
        conversations = _typed(content).data
    except msgspec.ValidationError:
        return sliced, *_one_by_one(sliced.data)
    texts = [conversation.start_time for conversation in conversations]
    starts = instants_in_utc(texts) or map(_start, conversations)
    return sliced, list(map(Row, conversations, starts, sliced.data, repeat(True))), None  # noqa: FBT003


def _one_by_one(slices: list[msgspec.Raw]) -> tuple[list[Row], Text | None]:
    rows: list[Row] = []
    problem: Text | None = None
    for body in slices:
        try:
            conversation = _conversation(body)
        except msgspec.ValidationError:
            record = _anything(body)
            if not isinstance(record, dict):
                problem = messages.NOT_AN_OBJECT()
                continue
            key = record.get("id")
            if not key or type(key) not in {str, int}:
                problem = messages.NO_ID()
                continue
            conversation = Conversation.lenient(record)
            if record.get("start_time") is not None and conversation.start_time is None:
                raise PageMismatchError(messages.BAD_START(id=conversation.id)) from None
            rows.append(Row(conversation, _start(conversation), body, False))  # noqa: FBT003
        else:
            rows.append(Row(conversation, _start(conversation), body, True))  # noqa: FBT003
    return rows, problem


def _start(conversation: Conversation) -> datetime | None:
    text = conversation.start_time
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError:
        raise PageMismatchError(messages.BAD_START(id=conversation.id)) from None
