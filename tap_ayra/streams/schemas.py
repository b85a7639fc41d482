"""The JSON schemas of the streams, field by field as the API documents them."""

from __future__ import annotations

from singer_sdk import typing as th

CONVERSATION = th.PropertiesList(
    th.Property(
        "id",
        th.StringType,
        required=True,
        description="Identifier of the conversation (conv_...), never null; from id",
    ),
    th.Property(
        "agent_id",
        th.StringType,
        description="Identifier of the AI voice agent that took the call; from agent_id",
    ),
    th.Property(
        "agent_name",
        th.StringType,
        description="Name of that agent; from agent_name",
    ),
    th.Property(
        "caller_number",
        th.StringType,
        description="The caller's phone number in E.164 form; from caller_number",
    ),
    th.Property(
        "status",
        th.StringType,
        description=(
            "State of the call: in_progress, completed, failed or abandoned; the API may add "
            "others; from status"
        ),
    ),
    th.Property(
        "start_time",
        th.DateTimeType,
        description="When the call began, an instant in UTC; from start_time",
    ),
    th.Property(
        "end_time",
        th.DateTimeType,
        description="When the call ended, an instant in UTC; null until then; from end_time",
    ),
    th.Property(
        "duration",
        th.NumberType,
        description="Length of the call in seconds; grows while it is in progress; from duration",
    ),
    th.Property(
        "sentiment",
        th.StringType,
        description=(
            "Detected mood: positive, neutral or negative; the API may add others; may change "
            "until shortly after the end; from sentiment"
        ),
    ),
    th.Property(
        "outcome",
        th.StringType,
        description=(
            "Detected result, such as issue_resolved; may change until shortly after the end; "
            "from outcome"
        ),
    ),
    th.Property(
        "topics",
        th.ArrayType(th.CustomType({"type": ["string", "null"]})),
        description="Detected topics and keywords, texts in the API's order; from topics",
    ),
    th.Property(
        "has_recording",
        th.BooleanType,
        description="Whether a recording exists by now; from has_recording",
    ),
    th.Property(
        "has_transcript",
        th.BooleanType,
        description=(
            "Whether a transcript exists by now, typically 30 seconds after the end; from "
            "has_transcript"
        ),
    ),
    th.Property(
        "summary",
        th.StringType,
        description="Text that sums the call up, written after the end; from summary",
    ),
    th.Property(
        "created_at",
        th.DateTimeType,
        description="When the API made the record, an instant in UTC; from created_at",
    ),
).to_dict()

TRANSCRIPT_MESSAGE = th.PropertiesList(
    th.Property(
        "conversation_id",
        th.StringType,
        required=True,
        description="Identifier of the conversation (conv_...), as in conversations.id",
    ),
    th.Property(
        "position",
        th.IntegerType,
        required=True,
        description="Place of the message in the conversation: 1, 2, ... in the API's order",
    ),
    th.Property(
        "message_id",
        th.StringType,
        description="Identifier of the message (msg_...), unique within its conversation only",
    ),
    th.Property(
        "speaker",
        th.StringType,
        description="Who speaks, such as agent or caller; the API may add others",
    ),
    th.Property(
        "text",
        th.StringType,
        description="What was said",
    ),
    th.Property(
        "start_time",
        th.DateTimeType,
        description="Start of the conversation (UTC), as in conversations.start_time",
    ),
    th.Property(
        "offset_seconds",
        th.NumberType,
        description="Seconds from the start of the conversation to the start of the message",
    ),
    th.Property(
        "duration",
        th.NumberType,
        description="Length of the message in seconds",
    ),
    th.Property(
        "confidence",
        th.NumberType,
        description="Confidence of the speech recognition, from 0 to 1",
    ),
    th.Property(
        "sentiment",
        th.StringType,
        description=(
            "Detected sentiment of the message: positive, neutral or negative; the API may add "
            "others"
        ),
    ),
    th.Property(
        "language",
        th.StringType,
        description="Language of the conversation (ISO 639-1, such as en)",
    ),
).to_dict()
