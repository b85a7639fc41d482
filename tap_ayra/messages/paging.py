"""What paging says: which response does not add up, and what is read again because of it."""

from __future__ import annotations

from tap_ayra.messages import Message

INCONSISTENT = Message("page-inconsistent", "Page {page}: inconsistent response: {problem}")
NO_DATA = Message("page-no-data", "no list named data")
NO_META = Message("page-no-meta", "no object named meta")
NO_COUNT = Message("page-no-count", "meta.{key} is not a number")
BAD_COUNT = Message("page-bad-count", "meta.{key} is negative, fractional or too large")
OTHER_PAGE = Message("page-other", "got page {got}")
PAGE_COUNT = Message(
    "page-page-count", "meta counts {pages} pages of {per_page} for {total} conversations"
)
PAGE_LENGTH = Message("page-length", "expected {due} conversations, got {got}")
NO_SUCH_PAGE = Message("page-missing", "the API has no such page")
NOT_AN_OBJECT = Message("page-not-an-object", "a conversation is not an object")
NO_ID = Message("page-no-id", "a conversation has no id")
BAD_START = Message("page-bad-start", "conversation {id} has a start_time that is not a date-time")
LISTED_TWICE = Message("page-listed-twice", "a conversation is listed twice")
OUT_OF_ORDER = Message("page-out-of-order", "conversation {id} starts before the one ahead of it")
BEFORE_WINDOW = Message("page-before-window", "conversation {id} starts before the window")
AFTER_WINDOW = Message("page-after-window", "conversation {id} starts after the window")
UNSORTED = Message("page-unsorted", "the conversations are not sorted by start_time")

# At DEBUG

BLOCK_BEGINS = Message("block-begins", "A block begins: {window}")
PAGE_READ = Message("page-read", "Page {page}: {rows} of {total}")
COUNTED = Message("counted", "{total} in all: {window}")

# What is read again

TOTAL_CHANGED = Message(
    "reread-total-changed",
    "Page {page}: the total changed from {before} to {after} while reading; "
    "re-reading from {start}",
)
SHOWN_AGAIN = Message(
    "reread-shown-again",
    "Page {page}: conversations came again while reading; re-reading from {start}",
)
UNREAD_BEFORE = Message(
    "reread-unread-before",
    "Page {page}: shows conversations from before the last page; re-reading from {start}",
)
COUNTS_DISAGREE = Message(
    "reread-counts-disagree",
    "The total fell from {before} to {after} past {between} conversations; re-reading from {start}",
)
PAGE_REFUSED = Message(
    "reread-page-refused", "Page {page}: the API has no such page; re-reading from {start}"
)
SECOND_AGAIN = Message(
    "reread-second",
    "{seen} of {total} conversations around {start} seen so far; re-reading that second",
)

COUNTS_INEXACT = Message(
    "counts-inexact", "The API's counts cannot be believed ({problem}); reading on without them"
)
TOTALS_DISAGREE = Message("totals-disagree", "totals do not fall by what lies between")
SECOND_INCOMPLETE = Message("second-incomplete", "{seen} of {total} conversations at {start}")
SECOND_TOO_DEEP = Message("second-too-deep", "more conversations at {start} than the API lists")
