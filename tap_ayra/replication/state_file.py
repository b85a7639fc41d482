"""A state as people pass it in: the value itself, a STATE message, or what Meltano shows of it."""

from __future__ import annotations

from typing import Any

from tap_ayra.errors import TapAyraError
from tap_ayra.messages import replication as messages


def read_state(state: Any) -> dict[str, Any]:  # noqa: ANN401
    """Find the value of a state in the forms in which people have it.

    Args:
        state: the value of a STATE message, the whole message, or what Meltano shows of it
            (``singer_state``).

    Returns:
        The value; its ``bookmarks`` map streams to objects.

    Raises:
        TapAyraError: if it is none of these.
    """
    if not isinstance(state, dict):
        raise invalid_state(messages.NOT_A_STATE(got=type(state).__name__))
    if state.get("type") == "STATE" and "value" in state:
        return read_state(state["value"])
    if "singer_state" in state:
        return read_state(state["singer_state"])
    if not state:
        return {}
    bookmarks = state.get("bookmarks")
    if "bookmarks" not in state:
        raise invalid_state(messages.UNKNOWN_STATE(keys=", ".join(map(str, list(state)[:5]))))
    if not isinstance(bookmarks, dict) or not all(
        isinstance(bookmark, dict) for bookmark in bookmarks.values()
    ):
        raise invalid_state(messages.BOOKMARKS_NOT_OBJECTS())
    return state


def invalid_state(problem: str) -> TapAyraError:
    """Make the error for a state that cannot be used."""
    return TapAyraError(messages.INVALID_STATE(problem=problem))
