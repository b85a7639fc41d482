"""What the stream of transcripts says: what it will cost, what it found, why it stopped."""

from __future__ import annotations

from tap_ayra.messages import Message

# What it will cost

FORECAST = Message("transcripts-forecast", "{transcripts} to fetch{time}{hint}")
FORECAST_BOUNDED = Message(
    "transcripts-forecast-bounded",
    "{transcripts} to fetch, {allowed} in this sync (transcripts_per_sync){time}",
)
TIME = Message("transcripts-time", ": about {duration} at {limit:,} requests per minute")
SHARE_OUT = Message(
    "transcripts-share-out", "; set transcripts_per_sync to share the daily quota out"
)
FETCH_AGAIN = Message("transcripts-again", "{start} to {end}: fetching {transcripts} again{time}")
FILTERS_CHANGED = Message(
    "transcripts-filters-changed",
    "The filters changed: fetching {transcripts} that match again (1 request each){time}",
)
FILTERED_OUT = Message(
    "transcripts-filtered-out",
    "Nothing to fetch: with has_transcript set to false, no conversation has a transcript",
)

# What it found

WITHOUT = Message("transcripts-without", ", {count:,} without messages")
BUDGET_SPENT = Message(
    "transcripts-per-sync-reached",
    "transcripts_per_sync ({limit:,}) is reached, the next sync resumes here",
)

# What does not add up

INCONSISTENT = Message(
    "transcript-inconsistent", "Transcript of {id}: inconsistent response: {problem}"
)
NO_DATA = Message("transcript-no-data", "no object named data")
OTHER_CONVERSATION = Message("transcript-other", "got the transcript of another conversation")
NO_LIST = Message("transcript-no-list", "data.messages is not a list")
NOT_AN_OBJECT = Message("transcript-not-an-object", "a message is not an object")
MESSAGES_LEFT_OUT = Message(
    "transcript-messages-left-out",
    "Some transcripts contain messages that are not objects; those are left out (logged once per "
    "sync)",
)
