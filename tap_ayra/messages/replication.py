"""What replication says: bookmarks, states, the ledger, and what it finds."""

from __future__ import annotations

from tap_ayra.messages import Message

# States

INVALID_STATE = Message(
    "state-invalid",
    "Invalid state: {problem}.\n"
    "Pass the last STATE value unchanged, or omit --state to start over.",
)
BOOKMARKS_NOT_OBJECTS = Message("state-bookmarks", '"bookmarks" must map stream names to objects')
NOT_A_STATE = Message("state-not-a-state", "expected an object, got {got}")
UNKNOWN_STATE = Message("state-unknown", 'it has no "bookmarks" (found: {keys})')
OTHER_KEY = Message(
    "state-other-key",
    "the bookmark of {stream} is of the replication key {key}, not of start_time",
)
INVALID_BOOKMARK = Message(
    "bookmark-invalid",
    "Invalid bookmark for {stream}: {value!r} is not a date-time.\n"
    "Fix the state, or remove it to start over.",
)
BOOKMARK_IN_FUTURE = Message(
    "bookmark-in-future",
    "Bookmark {bookmark} is in the future (API time: {now}). Conversations before it will be "
    "skipped. Reset the state to read them.",
)
START_AFTER_BOOKMARK = Message(
    "start-after-bookmark",
    "start_date ({start}) is after the bookmark ({bookmark}); reading from the bookmark, so that "
    "no gap is left. To start later, reset the state.",
)
STUCK_OPEN = Message(
    "stuck-open",
    "{conversations} still open after {hours:g} h (in_progress_limit_hours); treating as final: "
    "{ids}",
)

# The ledger

LEDGER_BEGINS = Message(
    "ledger-begins",
    "Completeness is checked from {bookmark} on. A full refresh would cover what lies before.",
)
FILTERS_CHANGED = Message(
    "filters-changed",
    "The filters changed: reading {conversations} that match again ({requests})",
)
NO_TOTAL = Message("no-total", "the API reports no totals")
NOT_LOCATED = Message(
    "not-located", "the API's totals disagree with each other from one request to the next"
)
SPAN_AGAIN = Message(
    "reread-span",
    "{span}: the API counts {counted}, {delivered} were delivered; re-reading",
)
DELETED = Message("deleted", "{conversations} deleted at Ayra, or no longer matching: {spans}")
LARGE_LOSS = Message(
    "large-loss",
    "The API counts {counted} of {delivered} delivered conversations; waiting for the next sync "
    "to confirm that the others were deleted",
)
DIFFERS = Message("still-differs", "{span}: the API counts {counted}, re-reading found {delivered}")
NOT_CONFIRMED = Message("not-confirmed", "the API's totals contradict each other about {span}")

# Catalogs

CATALOG_KEY = Message(
    "catalog-key",
    "Catalog: stream {stream} asks for the replication key {key}.\nThe only one is start_time.",
)
CATALOG_METHOD = Message(
    "catalog-method",
    "Catalog: stream {stream} asks for {method} replication.\nUse INCREMENTAL or FULL_TABLE.",
)
