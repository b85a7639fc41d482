"""Sentences of the command line: about files, the output, signals and the log level."""

from __future__ import annotations

from tap_ayra.messages import Message

CANNOT_READ = Message("cannot-read", "Cannot read {file}: {reason}")
FILE_EMPTY = Message("file-empty", "{file} is empty, expected a JSON object")
FILE_NOT_UTF8 = Message("file-not-utf-8", "{file} is not valid UTF-8")
FILE_NOT_JSON = Message("file-not-json", "{file} is not valid JSON: {reason}")
CONFIG_NOT_AN_OBJECT = Message(
    "config-not-an-object", "{file}: config must be a JSON object (got {got})"
)
STATE_NOT_AN_OBJECT = Message(
    "state-not-an-object", "{file} is not a Singer state: expected an object, got {got}"
)
CATALOG_NOT_AN_OBJECT = Message(
    "catalog-not-an-object", "{file} is not a Singer catalog: expected an object, got {got}"
)
NOT_A_CATALOG = Message("not-a-catalog", "{file} is not a Singer catalog: {reason}")
BAD_BOOKMARKS = Message(
    "bad-bookmarks", 'Invalid state: "bookmarks" must map stream names to objects.'
)

FIX_CONFIG = Message("fix-config", "Pass a file that holds the settings as a JSON object.")
FIX_STATE = Message(
    "fix-state", "Pass the last STATE value unchanged, or omit --state to start over."
)
FIX_CATALOG = Message("fix-catalog", "Pass a catalog as tap-ayra --discover writes it.")

PIPE_CLOSED = Message("pipe-closed", "Output pipe closed by the target; stopping")
CANNOT_WRITE = Message("cannot-write", "Cannot write the output: {reason}")
SYSTEM_ERROR = Message("system-error", "{reason}")

STOPPED = Message("stopped", "Stopped by {signal}; the final state was written")
STOPPED_UNSAVED = Message(
    "stopped-unsaved",
    "Stopped by {signal}; could not write the final state (output pipe blocked)",
)

NOTHING_SELECTED = Message(
    "nothing-selected",
    "No stream is selected, so nothing will be read. Select one in the catalog; with Meltano: "
    "meltano select tap-ayra conversations '*'",
)
UNKNOWN_LOG_LEVEL = Message(
    "unknown-log-level", '{variable}: expected one of {levels}, got "{value}". Using INFO.'
)
