"""What is written about failures, from the table that the tap acts on and its sentences."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from typing import TYPE_CHECKING

from tap_ayra import patience
from tap_ayra.api import failures, network
from tap_ayra.api.failures import Rule
from tap_ayra.messages import api as messages
from tap_ayra.messages import output, paging, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_ayra.messages import Message

SOURCES = {
    "settings": "a setting",
    "key": "the API key",
    "API": "the API",
    "network": "the network",
}
OTHERS: tuple[tuple[Message, str, Message | str], ...] = (
    (messages.QUOTA_EXHAUSTED, "a daily limit: the wait would be longer than 15 minutes", ""),
    (messages.NOT_JSON, "the network or a proxy; retried", messages.CHECK_NETWORK),
    (messages.BAD_JSON, "the API, after two quick retries", messages.GAVE_UP),
    (paging.INCONSISTENT, "the API, after two quick retries", messages.GAVE_UP),
    (output.FIELD_INVALID, "the API: a value that its field cannot hold", ""),
    (output.STREAM_MAP_FAILED, "a setting", ""),
    (
        settings.INVALID,
        "one line for each setting; no request has been made",
        "Fix them. [Settings](settings.md) says what is valid.",
    ),
)


def rules() -> Iterator[tuple[str, Rule]]:
    """Give each row of the table of failures with the statuses that it is for."""
    for status, rule in failures.BY_STATUS.items():
        yield f"HTTP {status}", rule
    statuses = {failures.REDIRECTED: "HTTP 3xx", failures.REFUSED: "other HTTP 4xx"}
    statuses[failures.SERVER] = "HTTP 5xx"
    for module in (failures, network):
        for rule in vars(module).values():
            if isinstance(rule, Rule):
                yield statuses.get(rule, ""), rule


def table() -> str:
    """Give the table of failures, in Markdown."""
    rows = [("What you see", "Where the problem lies", "What to do"), ("---", "---", "---")]
    for status, rule in rules():
        seen = _shown(rule.cause) + (f" ({status})" if status else "")
        retried = "; retried" * rule.transient
        rows.append((seen, SOURCES[rule.source] + retried, _shown(rule.remedy)))
    for message, source, remedy in OTHERS:
        cause, _, fix = _shown(message).partition("\n")
        rows.append((cause, source, fix or _shown(remedy)))
    return "\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows) + "\n"


def waits() -> str:
    """Give the table of waits and retries, in Markdown, from the numbers and their docstrings."""
    body = ast.parse(inspect.getsource(patience)).body
    rows = [("Number", "What it bounds"), ("---", "---")]
    for assigned, said in itertools.pairwise(body):
        if isinstance(assigned, ast.Assign) and isinstance(said, ast.Expr):
            (name,) = [target.id for target in assigned.targets if isinstance(target, ast.Name)]
            text = " ".join(str(ast.literal_eval(said.value)).split())
            rows.append((_number(getattr(patience, name)), text))
    return "\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows) + "\n"


def _number(value: object) -> str:
    match value:
        case float() if value % 60 == 0:
            return f"{value / 60:g} min"
        case float():
            return f"{value:g} s"
        case (least, most):
            return f"{least} to {most} s"
    return str(value)


def _shown(message: Message | str) -> str:
    """Show a sentence with its places left open."""
    return re.sub(r"\{[^}]*\}", "…", message if isinstance(message, str) else message.text)
