"""`python -m docs.errors_table`: the table of failures as README shows it, from the code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tap_ayra.api import failures
from tap_ayra.api.failures import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN, END = "<!-- errors -->", "<!-- /errors -->"
FAULTS = {
    "settings": "a setting",
    "key": "the API key",
    "API": "the API",
    "network": "the network",
}
OTHERS = (
    (
        "The API's quota for this key is used up",
        "a daily limit: the wait would be longer than 15 minutes",
        "Run the tap again when the quota has reset; it goes on where it stopped.",
    ),
    (
        "… the answer does not add up: …",
        "the API, after two quick retries: an answer that cannot be true",
        "If it stays so, ask Ayra, and report it as a fault of tap-ayra where they see none.",
    ),
    (
        "The answer is … that are no JSON, or was cut off",
        "the network or a proxy; it is retried",
        "Check the network and any proxy.",
    ),
    (
        "Conversation … cannot be delivered: its … is …",
        "the API: a value that its field cannot hold",
        "Ask Ayra about it; until it is mended, deselect the field in the catalog.",
    ),
    (
        "… is …; allowed is …",
        "a setting; nothing has been asked of the API",
        "Mend that setting.",
    ),
)


def rules() -> Iterator[tuple[str, Rule]]:
    """Give each row of the table of failures with the statuses that it is for."""
    for status, rule in failures.BY_STATUS.items():
        yield f"HTTP {status}", rule
    named = [rule for rule in vars(failures).values() if isinstance(rule, Rule)]
    statuses = {failures.REDIRECTED: "HTTP 3xx", failures.REFUSED: "other HTTP 4xx"}
    statuses[failures.SERVER] = "HTTP 5xx"
    for rule in named:
        yield statuses.get(rule, ""), rule


def table() -> str:
    """Write the table in Markdown."""
    rows = [("What you see", "What is at fault", "What to do"), ("---", "---", "---")]
    for status, rule in rules():
        seen = f"{rule.what} ({status})" if status else rule.what
        rows.append((seen, FAULTS[rule.fault] + "; it is retried" * rule.passing, rule.remedy))
    rows += OTHERS
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.stdout.write(f"{BEGIN}\n{table()}{END}\n")
