"""What differs between the ledger and the API, and what of it the ledger keeps."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_ayra.messages import replication as messages

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tap_ayra.messages import Text
    from tap_ayra.replication.ledger import Ledger

MOST_DIFFERENT = 10
LARGE = 1000
"""From how many conversations on the loss of more than half is doubted at first."""

EVERYTHING = "*"
"""The span under which a difference that could not be located is kept."""

DOUBTED = "?"
"""The span under which a large loss is kept until a second sync confirms it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A stretch of time in which the API counts other than the ledger.

    Attributes:
        start: where it begins.
        end: where it ends; what starts then lies outside.
        delivered: by the ledger.
        counted: by the API.
    """

    start: datetime
    end: datetime
    delivered: int
    counted: int


def joined(differences: Iterable[Difference]) -> list[Difference]:
    """Join neighbours; the differences come with the latest first, and so do the stretches."""
    joined: list[Difference] = []
    for each in differences:
        if joined and joined[-1].start == each.end:
            last = joined.pop()
            each = Difference(  # noqa: PLW2901
                each.start, last.end, each.delivered + last.delivered, each.counted + last.counted
            )
        joined.append(each)
    return joined


class StandingDifferences:
    """The spans that differed from the API's counts though they were read again.

    They stand in the ledger, so that a quiet sync reads nothing again for them.

    Attributes:
        listed: spans in which the last sync found more than the API counts, taken from the ledger:
            each is worth a second look.
    """

    def __init__(self, ledger: Ledger, logger: logging.Logger) -> None:
        """Take what the last sync kept."""
        self._ledger = ledger
        self._logger = logger
        self._loss_confirmed = False
        self.listed = {span for span, delivered, counted in ledger.differs if delivered > counted}
        self.listed -= {EVERYTHING, DOUBTED}
        ledger.differs[:] = [entry for entry in ledger.differs if entry[0] not in self.listed]

    def delivered(self, span: str) -> int | None:
        """Say how many conversations had been delivered in a span when it was kept."""
        entry = self._entry(span)
        return entry and entry[1]

    def keep(self, span: str, difference: Difference) -> None:
        """Keep that a span differs, and say so."""
        self.forget(span, span)
        delivered, counted = difference.delivered, difference.counted
        self._ledger.differs.append((span, delivered, counted))
        messages.DIFFERS(span=span, delivered=f"{delivered:,}", counted=f"{counted:,}").log(
            self._logger, logging.WARNING
        )

    def keep_all_as_one(self, counted: int) -> None:
        """Keep that counts are inexact, instead of each span."""
        self._ledger.differs[:] = [(EVERYTHING, self._ledger.total, counted)]

    def forget(self, first: str, last: str) -> None:
        """Forget spans."""
        self._ledger.differs[:] = [
            entry for entry in self._ledger.differs if not first <= entry[0] <= last
        ]

    def forget_for_an_audit(self) -> None:
        """Forget all but a doubted loss: once a day, what differed is worth another look."""
        self._ledger.differs[:] = [entry for entry in self._ledger.differs if entry[0] == DOUBTED]

    @property
    def too_many(self) -> bool:
        """Whether so many spans differ that the API's counts must be inexact."""
        return len(self._ledger.differs) > MOST_DIFFERENT

    @property
    def are_everywhere(self) -> bool:
        """Whether nothing is worth locating until the next audit."""
        return self._entry(EVERYTHING) is not None

    @property
    def reason(self) -> Text | None:
        """Why completeness is not shown; None if nothing stands."""
        for span, delivered, counted in self._ledger.differs:
            if span == DOUBTED:
                return messages.LARGE_LOSS(delivered=f"{delivered:,}", counted=f"{counted:,}")
            if span == EVERYTHING:
                return messages.NOT_LOCATED()
            return messages.DIFFERS(span=span, delivered=f"{delivered:,}", counted=f"{counted:,}")
        return None

    def _entry(self, span: str) -> tuple[str, int, int] | None:
        return next((entry for entry in self._ledger.differs if entry[0] == span), None)

    # A loss that is too large to be believed at once

    def confirm_the_loss(self) -> bool:
        """Believe the loss that the last sync doubted, now that this one finds it again."""
        entry = self._entry(DOUBTED)
        if entry is not None:
            self._ledger.differs.remove(entry)
            self._loss_confirmed = True
        return entry is not None

    def believe_the_loss(self, counted: int) -> bool:
        """Tell whether counts are believed; a large loss is kept for the next sync to confirm."""
        entry, ledger = self._entry(DOUBTED), self._ledger
        if entry is not None:
            ledger.differs.remove(entry)
        total = ledger.total
        if self._loss_confirmed or total < LARGE or counted * 2 >= total:
            return True
        ledger.differs.append((DOUBTED, total, counted))
        messages.LARGE_LOSS(delivered=f"{total:,}", counted=f"{counted:,}").log(
            self._logger, logging.WARNING
        )
        return False
