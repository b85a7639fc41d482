"""Every number of patience: how long tap-ayra waits, how often it tries again, when it gives up.

Seconds are floats, counts are integers. docs/errors.md shows them all.
"""

from __future__ import annotations

WITHOUT_SUCCESS = 5 * 60.0
"""Time without one successful response after which a sync gives up. Waits that the server asked
for do not count."""

LONGEST_SERVER_WAIT = 15 * 60.0
"""Most that the server may ask to wait, in a row. A longer wait (a daily quota) ends the sync, and
the next run resumes it."""

LONGEST_OWN_WAIT = 60.0
"""Longest wait between two attempts of one request. Waits double from 1 s up to it, so that
together they outlast a rate-limit window of a minute."""

QUICK_RETRIES = 2
"""How often a response that does not add up, or is not JSON for the same reason each time, is
requested again before it is an error."""

QUICK_WAIT = (0.5, 1.5)
"""Wait before each of these retries, chosen at random."""

TEST_ATTEMPTS = 2
"""Requests that a connection test makes at most."""

TEST_TIMEOUT = 10.0
"""Longest that each of them may take, and longest wait that the server may ask for between them."""

LATER_PAGE_FAILED = 2.0
"""Time that a page may still take after a later one has failed for good."""

LAST_STATE = 2.0
"""Time that the target has to take the last STATE when the tap is stopped by a signal."""

ROUNDS = 5
"""How often a second with more conversations than a page is read, while the rounds together show
fewer than the API counts."""

IDLE_ROUNDS = 4
"""How many rounds without a new conversation end that; until then it goes on."""

MOST_ROUNDS = 50
"""Rounds of such a second at most."""

COMPARISONS = 4
"""How often a sync compares its ledger with the API's counts: once to find what differs, then
after each round of reading again."""
