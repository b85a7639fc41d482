"""What the output says: odd fields, progress, and how complete a sync was."""

from __future__ import annotations

from tap_ayra.messages import Message

# Odd records

FIELD_UNKNOWN = Message(
    "field-unknown", "Field {field}: not in the catalog's schema, left out (logged once per sync)"
)
FIELD_EMPTY = Message(
    "field-empty", "Field {field}: received an empty string, sent as null (logged once per sync)"
)
FIELD_CONVERTED = Message(
    "field-converted",
    "Field {field}: received {got}, converted to {kind} (logged once per sync)",
)
FIELD_INVALID = Message(
    "field-invalid",
    "Conversation {id}: cannot convert {field} (got {got}).\n"
    "Contact Ayra support. To continue meanwhile, deselect {field}.",
)
STREAM_MAP_FAILED = Message(
    "stream-map-failed",
    "stream_maps.{stream}{field} failed on conversation {id}: {error}.\nCheck the expression.",
)

# Batch files

BATCH_FILE_FAILED = Message(
    "batch-file-failed",
    "Cannot write batch files to {root}: {reason}.\nCheck batch_config.storage.",
)

# Progress

NOTHING_TO_SYNC = Message(
    "nothing-to-sync", "Nothing to sync: the bookmark ({start}) is past end_date ({end})"
)
PROGRESS = Message(
    "progress",
    "{delivered:,} of {counted:,} {noun} ({percent:.0f}%) · {rate:,.0f}/s · {left} left · "
    "rate limit: {limit}",
)
LIMIT_KNOWN = Message("limit-known", "{requests} left in this minute's window")
LIMIT_UNKNOWN = Message("limit-unknown", "not known")

# The last line

SYNC_COMPLETE = Message(
    "sync-complete", "Sync complete: {delivered:,}{of} {noun}, {effort}. {bookmark}"
)
SYNC_INCOMPLETE = Message(
    "sync-incomplete", "Sync incomplete: {delivered:,} {noun}, {effort}; {reason}. {bookmark}"
)
SYNC_NOT_PROVABLE = Message(
    "sync-not-provable",
    "Sync finished, completeness not provable: {delivered:,} {noun}, {effort}; {reason}. "
    "{bookmark}",
)
SYNC_NOT_CHECKED = Message(
    "sync-not-checked",
    "Sync finished: {delivered:,} {noun}, {effort}; not checked against the API's counts "
    "(reconcile is off). {bookmark}",
)
EFFORT = Message("effort", "{requests}{without}{re_reads}{late}{deleted}")

BOOKMARK = Message("bookmark", "Bookmark {bookmark} ({why})")
NO_BOOKMARK = Message("no-bookmark", "No bookmark")
HELD_BY = Message("held-by", "waiting for {id}, in progress since {start}")
HELD_BY_MARGIN = Message("held-by-margin", "{minutes:g} min before now")
HELD_BY_END = Message("held-by-end", "end_date")
HELD_BY_FILTER = Message(
    "held-by-filter", "{hours:g} h before now: a filter hides conversations that do not match yet"
)
HELD_BY_NOTHING = Message("held-by-nothing", "the last conversation")
LOOKS_BACK_ONLY = Message(
    "looks-back-only", "end_date is before the bookmark, so only lookback_days was read"
)
IN_FUTURE = Message("in-future", "the bookmark is in the future")
MISSING = Message("missing", "the API counts {counted:,}, {delivered:,} were delivered")
ACTIVATE_VERSION_WITHHELD = Message(
    "activate-version-withheld",
    "ACTIVATE_VERSION is not sent: {reason}. Targets keep what this read did not find.",
)
NARROWED = Message("narrowed", "{settings} narrow the read")
IN_BATCHES = Message(
    "in-batches",
    "with batch_config, targets leave _sdc_table_version empty and would delete every row",
)
NOT_COMPLETE = Message("not-complete", "the read is not shown to be complete")
INCOMPLETE_FAILS = Message(
    "incomplete-fails",
    "The sync is not shown to be complete: {reason}.\n"
    "Its records and state are good; the next sync goes on from there.\n"
    "Run it again, or set on_incomplete to warn. Reason: {reason}",
)
