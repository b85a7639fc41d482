"""What the tap raises when something goes wrong that it expects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from singer_sdk.exceptions import FatalAPIError, RetriableAPIError

from tap_ayra.messages import Text, in_mid_sentence
from tap_ayra.messages import api as messages
from tap_ayra.patience import LONGEST_SERVER_WAIT


class TapAyraError(FatalAPIError):
    """An expected, permanent failure.

    Its text has a line per thought: what is wrong, how to fix it, then the details.

    Attributes:
        lines: what its text is made of.
        code: names what is wrong; stable, whatever the wording.
    """

    def __init__(self, *lines: str) -> None:
        """Join the lines; the first one's code is the error's."""
        super().__init__("\n".join(lines))
        self.lines = lines
        self.code: str = getattr(lines[0], "code", "")


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
        message = messages.QUOTA_EXHAUSTED if limited else messages.WAIT_TOO_LONG
        most = LONGEST_SERVER_WAIT / 60
        super().__init__(message(most=most, hours=hours, minutes=minutes, back=back))


class TransientError(RetriableAPIError):
    """A failure that may pass: the request is worth another attempt.

    Attributes:
        lines: what is wrong, how to fix it, then the details.
        code: names what is wrong; stable, whatever the wording.
        status: the HTTP status; None if there was no response.
        retry_after: how many seconds the server asks to wait; None if it does not say.
    """

    def __init__(
        self, *lines: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        """Join the lines, and note what the response said."""
        super().__init__("\n".join(lines))
        self.lines = lines
        self.code: str = getattr(lines[0], "code", "")
        self.status = status
        self.retry_after = retry_after


class PageMismatchError(TransientError):
    """The body is JSON, but not what was asked for, or it contradicts itself."""


class NotJSONError(TransientError):
    """The body is not JSON.

    Attributes:
        problem: where and why it is not, if it is complete; the same problem each time is the
            API's. None if it was cut off, or is something else altogether (a proxy's page, say).
    """

    def __init__(self, *lines: str, problem: str | None = None) -> None:
        """Note the problem."""
        super().__init__(*lines)
        self.problem = problem

    def about(self, what: str) -> NotJSONError:
        """Make the same error, which also names what the response should have been."""
        first, *more = self.lines
        named = Text(f"{what}: {in_mid_sentence(first)}", self.code)
        return NotJSONError(named, *more, problem=self.problem)
