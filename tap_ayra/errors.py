"""What the tap raises when something goes wrong that it expects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from singer_sdk.exceptions import FatalAPIError, RetriableAPIError


class TapAyraError(FatalAPIError):
    """An expected, permanent failure; its text is what the user reads, a line per thought."""


class PageFailedError(TapAyraError):
    """One page never added up; the others may, and it may not be wanted any more."""


class QuotaExhaustedError(TapAyraError):
    """The API's quota is used up for longer than a sync waits."""

    def __init__(self, wait: float, *, limited: bool = True) -> None:
        """Say when to come back.

        Args:
            wait: seconds until then.
            limited: whether it is the rate limit that the server speaks of.
        """
        back = datetime.now(UTC) + timedelta(seconds=wait)
        hours, minutes = divmod(-int(-wait // 60), 60)
        what = (
            "The API's quota for this key is used up (a daily limit, most likely).\nIt resets"
            if limited
            else "The API asks for a longer pause than a sync makes.\nIt wants to be asked again"
        )
        super().__init__(
            f"{what} in {hours} h {minutes} min, at about {back:%Y-%m-%d %H:%M} UTC. The state "
            "written so far is good: the next run goes on where this one stopped."
        )


class TransientError(RetriableAPIError):
    """A failure that may pass: the request is worth another attempt.

    Attributes:
        status: the HTTP status; None if there was no response.
        retry_after: how many seconds the server asks to wait; None if it does not say.
    """

    def __init__(
        self, text: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        """Note what the response said."""
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class PageMismatchError(TransientError):
    """The body is JSON, but not what was asked for, or it contradicts itself."""


class NotJSONError(TransientError):
    """The body is no JSON, or was cut off: a passing fault of the network or a proxy."""
