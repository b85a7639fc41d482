"""The JSON schema of the settings: each declared here once, with its default and its words."""

from __future__ import annotations

from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import EMIT_ACTIVATE_VERSION_CONFIG

STATUSES = ["in_progress", "completed", "failed", "abandoned"]
SENTIMENTS = ["positive", "neutral", "negative"]
_TEXT = th.StringType(min_length=1)
_MOMENT = th.DateTimeType

SETTINGS = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType(min_length=1),
        required=True,
        secret=True,
        title="API Key",
        description="Ayra API key with the permission conversations:read",
    ),
    th.Property(
        "api_url",
        th.URIType,
        default="https://api.ayra.ai/v1",
        title="API URL",
        description="Base address of the API; https, or plain http for this machine only",
    ),
    th.Property(
        "start_date",
        _MOMENT,
        title="Start Date",
        description=(
            "Read conversations that started at or after this date or date-time (ISO 8601; a bare "
            "date means midnight UTC)"
        ),
    ),
    th.Property(
        "end_date",
        _MOMENT,
        title="End Date",
        description=(
            "Read conversations that started at or before this date or date-time (ISO 8601; a "
            "bare date means midnight UTC)"
        ),
    ),
    th.Property(
        "agent_id",
        _TEXT,
        title="Agent ID",
        description="Read only the conversations of this agent",
    ),
    th.Property(
        "status",
        th.StringType,
        allowed_values=STATUSES,
        title="Status",
        description="Read only conversations with this status",
    ),
    th.Property(
        "sentiment",
        th.StringType,
        allowed_values=SENTIMENTS,
        title="Sentiment",
        description="Read only conversations with this detected sentiment",
    ),
    th.Property(
        "outcome",
        _TEXT,
        title="Outcome",
        description="Read only conversations with this outcome",
    ),
    th.Property(
        "caller",
        th.StringType(pattern=r"^\+[1-9][0-9]{1,14}$"),
        title="Caller",
        description="Read only conversations with this phone number (E.164, as in +15550100100)",
    ),
    th.Property(
        "min_duration",
        th.IntegerType(minimum=0),
        title="Minimum Duration",
        description="Read only conversations of at least so many seconds",
    ),
    th.Property(
        "max_duration",
        th.IntegerType(minimum=0),
        title="Maximum Duration",
        description="Read only conversations of at most so many seconds",
    ),
    th.Property(
        "has_recording",
        th.BooleanType,
        title="Has Recording",
        description="Read only conversations with (true) or without (false) a recording",
    ),
    th.Property(
        "has_transcript",
        th.BooleanType,
        title="Has Transcript",
        description="Read only conversations with (true) or without (false) a transcript",
    ),
    th.Property(
        "search",
        _TEXT,
        title="Search",
        description="Read only conversations whose transcript or summary contains this text",
    ),
    th.Property(
        "topic",
        _TEXT,
        title="Topic",
        description="Read only conversations with this detected topic or keyword",
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1, maximum=100),
        default=100,
        title="Page Size",
        description="Conversations per request",
    ),
    th.Property(
        "concurrency",
        th.IntegerType(minimum=1, maximum=32),
        default=8,
        title="Concurrency",
        description=(
            "Requests in flight at most; 1 is the strict mode, in which nothing that changes while "
            "reading can hide a conversation"
        ),
    ),
    th.Property(
        "settling_minutes",
        th.NumberType(minimum=0),
        default=10,
        title="Settling Minutes",
        description="How long after its end a conversation may still change, in minutes",
    ),
    th.Property(
        "in_progress_limit_hours",
        th.NumberType(exclusive_minimum=0),
        default=24,
        title="In-Progress Limit Hours",
        description=(
            "How long a conversation may stay unfinished before it is taken as final, in hours"
        ),
    ),
    th.Property(
        "lookback_days",
        th.NumberType(minimum=0),
        default=0,
        title="Lookback Days",
        description=(
            "Re-read so many days before the bookmark at every sync, for corrections made later"
        ),
    ),
    th.Property(
        "request_timeout",
        th.NumberType(exclusive_minimum=0),
        default=60,
        title="Request Timeout",
        description="Seconds that one request may take",
    ),
    th.Property(
        "user_agent",
        _TEXT,
        title="User Agent",
        description=(
            "Text sent as User-Agent with each request; by default the versions of tap-ayra and "
            "of the Singer SDK"
        ),
    ),
).to_dict()
SETTINGS["properties"].update(EMIT_ACTIVATE_VERSION_CONFIG["properties"])
