"""Every sentence that a user can meet, each with a stable code; one module per wing that speaks."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Self

_NAMES = ("API", "Ayra", "JSON", "SOCKS", "TLS")


class Text(str):
    """A sentence ready to be read.

    Attributes:
        code: names the sentence; stable, whatever its wording.
    """

    __slots__ = ("code",)
    code: str

    def __new__(cls, text: str, code: str) -> Self:
        """Join a sentence to its code."""
        made = super().__new__(cls, text)
        made.code = code
        return made

    def log(self, logger: logging.Logger, level: int = logging.INFO) -> None:
        """Log the sentence; the record carries its code as the attribute ``code``."""
        logger.log(level, "%s", self, extra={"code": self.code})


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence with places to fill in.

    Attributes:
        code: stable, in kebab case; tests and monitors rely on it.
        text: a `str.format` template. Of an error, each line is one thought: first what is wrong,
            then one imperative that fixes it.
    """

    code: str
    text: str

    def __call__(self, **values: Any) -> Text:
        """Fill in the places."""
        return Text(self.text.format(**values), self.code)


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Write a count with its noun: ``1 page``, ``1,200 pages``."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def in_mid_sentence(text: str) -> str:
    """Begin a sentence as it stands after a colon: in lower case, but for names."""
    return text if text.startswith(_NAMES) else text[:1].lower() + text[1:]
