"""``GET /v1/conversations/{id}/transcript``: one request, checked, and its messages as records."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from tap_ayra.api import CLEAN, Replaced, decode
from tap_ayra.errors import PageMismatchError
from tap_ayra.messages import transcripts as messages
from tap_ayra.patience import QUICK_RETRIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

    from tap_ayra.api import AyraClient
    from tap_ayra.messages import Text
    from tap_ayra.streams.due import Due

PATH = "/conversations/{id}/transcript"
_QUERY = {"format": "json", "include_sentiment": "true"}
_COLUMNS = {"id": "message_id", "timestamp": "offset_seconds"}
"""The fields of a message whose columns are called otherwise."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A checked transcript.

    Attributes:
        messages: what was said, in the API's order; None where an entry is not a message.
        language: of the conversation.
        replaced: what was not clean in the body and had to be replaced.
    """

    messages: list[dict[str, Any] | None]
    language: Any = None
    replaced: Replaced = CLEAN

    @classmethod
    def read(cls, response: Response, conversation_id: str, *, lenient: bool) -> Transcript:
        """Check the response to a request; one that there is no transcript has no messages.

        Args:
            response: with the status 200 or 404.
            conversation_id: the one asked for.
            lenient: whether entries that are not messages are left out.

        Raises:
            NotJSONError: if it is not JSON.
            PageMismatchError: if it does not add up.
        """
        if response.status_code == HTTPStatus.NOT_FOUND:
            return cls([])
        body, replaced = decode(response.content)
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, dict):
            _mismatch(conversation_id, messages.NO_DATA())
        if str(data.get("conversation_id")) != conversation_id:  # which may be a number
            _mismatch(conversation_id, messages.OTHER_CONVERSATION())
        said = data.get("messages")
        if not isinstance(said, list):
            _mismatch(conversation_id, messages.NO_LIST())
        found = [each if isinstance(each, dict) else None for each in said]
        if None in found and not lenient:
            _mismatch(conversation_id, messages.NOT_AN_OBJECT())
        return cls(found, data.get("language"), replaced)

    def records(self, due: Due) -> Iterator[dict[str, Any]]:
        """Give a record for each message; its position is its place in the API's list."""
        for position, message in enumerate(self.messages, 1):
            if message is None:
                continue
            own = {
                "conversation_id": due.id,
                "position": position,
                "start_time": due.start_time,
                "language": self.language,
            }
            fields = {
                _COLUMNS.get(name, name): value
                for name, value in message.items()
                if name not in _COLUMNS.values()
            }
            yield {**fields, **own}


def fetch(client: AyraClient, conversation_id: str) -> Transcript:
    """Request a transcript.

    Raises:
        TapAyraError: if the failure is permanent or lasts too long.
    """
    wrong = 0

    def read(response: Response) -> Transcript:
        nonlocal wrong
        try:
            return Transcript.read(response, conversation_id, lenient=wrong >= QUICK_RETRIES)
        except PageMismatchError:
            wrong += 1
            raise

    return client.get(
        PATH.format(id=quote(conversation_id, safe="")),
        lambda _: _QUERY,
        read,
        accept={HTTPStatus.OK, HTTPStatus.NOT_FOUND},
        about=f"Transcript of {conversation_id}",
    )


def _mismatch(conversation_id: str, problem: Text) -> NoReturn:
    raise PageMismatchError(messages.INCONSISTENT(id=conversation_id, problem=problem))
