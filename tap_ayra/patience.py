"""Every number of patience: how long tap-ayra waits, how often it asks again, when it gives up."""

from __future__ import annotations

SECONDS_WITHOUT_SUCCESS = 5 * 60.0
"""Seconds without one successful response after which a sync gives up; waits that the server
asked for do not count."""

LONGEST_SERVER_WAIT = 15 * 60.0
"""Seconds of waiting in a row that the server may ask for; a longer wait (a daily quota) ends the
sync, and the next run resumes it."""

LONGEST_OWN_WAIT = 60.0
"""Seconds: the waits between the attempts of one request double from one second up to this, so
that together they outlast a rate-limit window of a minute."""

QUICK_RETRIES = 2
"""How often a response that does not add up is requested again, before it is an error."""

QUICK_WAIT = (0.5, 1.5)
"""Seconds before each of them: from, to."""

TEST_ATTEMPTS = 2
"""Requests that a connection test may cost."""
