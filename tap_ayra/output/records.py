"""A page of conversations to RECORD messages: as the bytes in which they came, or one by one."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.mapper import CustomStreamMap, SameRecordTransform
from singer_sdk.singerlib import RecordMessage

from tap_ayra.errors import TapAyraError
from tap_ayra.instants import are_utc_texts
from tap_ayra.messages import output as messages
from tap_ayra.redaction import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk.mapper import StreamMap

    from tap_ayra.conversation import Row
    from tap_ayra.output.conform import Conformer
    from tap_ayra.output.writer import BufferedWriter

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Records:
    """Writes conversations as RECORD messages.

    A page whose conversations all fit the schema, and of which everything is wanted, leaves as the
    bytes in which they came, between a prefix and a suffix that are the same for the whole page. So
    does each that fits of another page. Every other conversation is decoded, fitted to the schema
    and the selection, and passed through the stream maps. Both ways give the same messages.
    """

    def __init__(
        self,
        writer: BufferedWriter,
        conformer: Conformer,
        stream_maps: Sequence[StreamMap],
        *,
        version: int | None = None,
        expressions: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare for a stream.

        Args:
            writer: where the messages go.
            conformer: fits a record to the stream's schema and selection.
            stream_maps: what becomes of a record then.
            version: of the table, for ACTIVATE_VERSION.
            expressions: the setting ``stream_maps``, to name the one that fails.
        """
        self._writer = writer
        self._conformer = conformer
        self._maps = stream_maps
        self._version = version
        self._expressions = expressions or {}
        self._whole = (
            conformer.changes_nothing
            and [type(each) for each in stream_maps] == [SameRecordTransform]
            and not stream_maps[0].flattening_enabled
        )

    def write(self, rows: Sequence[Row]) -> None:
        """Write conversations, in order.

        Raises:
            TapAyraError: if one cannot be delivered in its schema, or a stream map fails on it.
        """
        self._write(rows, datetime.now(UTC))

    def _write(self, rows: Sequence[Row], extracted: datetime) -> None:
        if self._whole and _may_leave_as_they_came(rows):
            message = self._message({}, self._maps[0].stream_alias, extracted)
            self._writer.write_bodies(message, [row.body for row in rows])
        elif len(rows) == 1:
            self.write_record(_decode(rows[0].body), extracted)
        else:
            for row in rows:
                self._write([row], extracted)

    def write_record(self, record: dict[str, Any], extracted: datetime | None = None) -> None:
        """Write one record, fitted to the schema and the selection and mapped.

        Raises:
            TapAyraError: if it cannot be delivered in its schema, or a stream map fails on it.
        """
        extracted = extracted or datetime.now(UTC)
        record = self._conformer.conform(record)
        for stream_map in self._maps:
            mapped = self._map(stream_map, record)
            if mapped is not None:
                self._writer.write_message(
                    self._message(mapped, stream_map.stream_alias, extracted)
                )

    def _map(self, stream_map: StreamMap, record: dict[str, Any]) -> Mapping[str, Any] | None:
        try:
            return stream_map.transform(record)
        except Exception as error:  # noqa: BLE001  its text may quote the record
            raise TapAyraError(
                messages.STREAM_MAP_FAILED(
                    stream=stream_map.stream_alias,
                    field=self._failing_field(stream_map, record),
                    id=record.get("id", record.get("conversation_id")),
                    error=type(error).__name__,
                )
            ) from None

    def _failing_field(self, stream_map: StreamMap, record: dict[str, Any]) -> str:
        """Find the field and expression that fail on a record, as far as they can be told."""
        expressions = self._expressions.get(stream_map.stream_alias)
        if not isinstance(stream_map, CustomStreamMap) or not isinstance(expressions, dict):
            return ""
        for name, expression in expressions.items():
            if isinstance(expression, str) and not name.startswith("__"):
                parsed: Any = ast.parse(expression).body[0]
                try:
                    stream_map._eval(expression, parsed, record, name)  # noqa: SLF001
                except Exception:  # noqa: BLE001  the very one that is looked for
                    return f".{name} ({one_line(expression)})"
        return ""

    def _message(
        self, record: Mapping[str, Any], stream: str, extracted: datetime
    ) -> RecordMessage:
        return RecordMessage(
            stream=stream,
            record=dict(record),
            version=self._version,
            time_extracted=extracted,
        )


def _may_leave_as_they_came(rows: Sequence[Row]) -> bool:
    """Tell whether rows fit the schema, have all times in UTC and make a line each."""
    text = b"".join([row.body for row in rows])
    breaks = b"\n" in text or b"\r" in text  # targets that read text take either for a line's end
    if breaks or not all([row.fits for row in rows]):  # noqa: C419  faster
        return False
    conversations = [row.conversation for row in rows]
    times = {each.start_time for each in conversations}
    times |= {each.end_time for each in conversations}
    times |= {each.created_at for each in conversations}
    return are_utc_texts([text for text in times if text is not None])
