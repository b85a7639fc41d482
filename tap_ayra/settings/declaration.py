"""Every setting, declared once: whatever is said or done about one follows from here.

`make docs` writes it into meltano.yml, .env.example and docs/settings.md.
"""

from functools import cache
from importlib.metadata import version
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from tap_ayra.settings.kinds import ApiUrl, Count, Header, Instant, Key, PhoneNumber, Switch, Text
from tap_ayra.settings.setting import Facts, about

Status = Literal["in_progress", "completed", "failed", "abandoned"]
Sentiment = Literal["positive", "neutral", "negative"]

CONNECTION = Facts("connection")
FIXED_FILTER = Facts("selection", filters="fixed")
CHANGING_FILTER = Facts("selection", filters="changing")
CHANGING_DURATION = Facts("selection", filters="changing", unit="seconds")
READING = Facts("reading")


@cache
def _versions() -> str:
    return f"tap-ayra/{version('tap-ayra')} singer-sdk/{version('singer-sdk')}"


class DeclaredSettings(Struct, frozen=True, kw_only=True, dict=True):
    """The settings in their types."""

    api_key: Annotated[
        Key,
        about(
            "Ayra API key with the permission conversations:read",
            Facts("connection", confidential=True, secret=True),
            example="sk_test_0000000000000000",
        ),
    ]
    api_url: Annotated[
        ApiUrl,
        about(
            "Base URL of the API. Must be https, except on localhost",
            CONNECTION,
            example="http://localhost:8000/v1",
        ),
    ] = "https://api.ayra.ai/v1"
    request_timeout: Annotated[
        float,
        Meta(gt=0, le=3600),
        about("Timeout per request, in seconds", Facts("connection", unit="seconds"), example=30),
    ] = 60
    user_agent: Annotated[
        Header,
        about(
            "User-Agent header of every request (default: versions of tap-ayra and Singer SDK)",
            CONNECTION,
            example="my-company/1.0",
        ),
    ] = field(default_factory=_versions)

    start_date: Annotated[
        Instant | None,
        about(
            "Earliest start time to sync, inclusive (ISO 8601; a bare date means midnight UTC)",
            Facts("selection", query="start_date"),
            example="2026-01-01",
        ),
    ] = None
    end_date: Annotated[
        Instant | None,
        about(
            "Latest start time to sync, inclusive (ISO 8601; a bare date means midnight UTC)",
            Facts("selection", query="end_date"),
            example="2026-06-30T23:59:59Z",
        ),
    ] = None
    agent_id: Annotated[
        Text | None,
        about("Only conversations of this agent", FIXED_FILTER, example="agent_abc123"),
    ] = None
    status: Annotated[
        Status | None,
        about("Only conversations with this status", CHANGING_FILTER, example="completed"),
    ] = None
    sentiment: Annotated[
        Sentiment | None,
        about("Only conversations with this sentiment", CHANGING_FILTER, example="negative"),
    ] = None
    outcome: Annotated[
        Text | None,
        about("Only conversations with this outcome", CHANGING_FILTER, example="issue_resolved"),
    ] = None
    caller: Annotated[
        PhoneNumber | None,
        about(
            "Only conversations with this phone number (E.164 form)",
            Facts("selection", filters="fixed", confidential=True),
            example="+15550100100",
        ),
    ] = None
    min_duration: Annotated[
        Count | None,
        about("Minimum duration in seconds", CHANGING_DURATION, example=30),
    ] = None
    max_duration: Annotated[
        Count | None,
        about("Maximum duration in seconds", CHANGING_DURATION, example=3600),
    ] = None
    has_recording: Annotated[
        Switch | None,
        about(
            "Only conversations with (true) or without (false) a recording",
            CHANGING_FILTER,
            example=True,
        ),
    ] = None
    has_transcript: Annotated[
        Switch | None,
        about(
            "Only conversations with (true) or without (false) a transcript",
            CHANGING_FILTER,
            example=True,
        ),
    ] = None
    search: Annotated[
        Text | None,
        about(
            "Only conversations whose transcript or summary contains this text",
            Facts("selection", filters="changing", confidential=True),
            example="refund",
        ),
    ] = None
    topic: Annotated[
        Text | None,
        about("Only conversations with this topic or keyword", CHANGING_FILTER, example="billing"),
    ] = None
    transcripts_per_sync: Annotated[
        Count | None,
        about(
            "Maximum requests for transcripts in one sync (default: no maximum)",
            Facts("selection"),
            example=1000,
        ),
    ] = None

    page_size: Annotated[
        int,
        Meta(ge=1, le=100),
        about("Conversations per request", Facts("reading", query="per_page"), example=50),
    ] = 100
    concurrency: Annotated[
        int,
        Meta(ge=1, le=32),
        about(
            "Maximum concurrent requests. 1 enables strict mode (see Replication)",
            READING,
            example=1,
        ),
    ] = 8
    settling_minutes: Annotated[
        float,
        Meta(ge=0, le=10080),
        about(
            "Minutes after a call ends before it counts as final",
            Facts("reading", unit="minutes"),
            example=2.5,
        ),
    ] = 10
    in_progress_limit_hours: Annotated[
        float,
        Meta(gt=0, le=8760),
        about(
            "Hours after which a call that never ended counts as final",
            Facts("reading", unit="hours"),
            example=6,
        ),
    ] = 24
    lookback_days: Annotated[
        float,
        Meta(ge=0, le=3660),
        about(
            "Days before the bookmark to re-read on every sync, to pick up late corrections",
            Facts("reading", unit="days"),
            example=7,
        ),
    ] = 0
    reconcile: Annotated[
        Switch,
        about(
            "Comparison of what was delivered with the API's counts, at the end of every sync",
            READING,
            example=False,
        ),
    ] = True
    on_incomplete: Annotated[
        Literal["warn", "fail"],
        about(
            "End of a sync that is not shown complete: warn (a warning) or fail (exit code 1)",
            READING,
            example="fail",
        ),
    ] = "warn"
