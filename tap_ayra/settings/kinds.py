"""The kinds of values that settings take, each with the words for what it expects."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from tap_ayra.instants import parse_instant

Text = Annotated[str, Meta(min_length=1, extra={"expected": "a non-empty string"})]
Count = Annotated[int, Meta(ge=0)]
Switch = Annotated[bool, Meta(extra={"expected": "true or false"})]
Key = Annotated[str, Meta(pattern=r"^[\x21-\x7e]+$", extra={"expected": "your Ayra API key"})]
Header = Annotated[
    str,
    Meta(pattern=r"^[\x20-\x7e]+$", extra={"expected": "a non-empty string of ASCII characters"}),
]
PhoneNumber = Annotated[
    str,
    Meta(
        pattern=r"^\+[1-9][0-9]{1,14}$",
        extra={"expected": "a phone number in E.164 form (e.g. +15550100100)"},
    ),
]
Instant = Annotated[
    datetime,
    Meta(
        extra={
            "parse": parse_instant,
            "expected": "an ISO 8601 date or date-time (e.g. 2025-01-31 or 2025-01-31T14:30:00Z)",
        },
        extra_json_schema={"format": "date-time"},
    ),
]


def parse_api_url(text: str) -> str:
    """Read the API's base URL.

    Raises:
        ValueError: if it is not https, or http to this machine, or holds credentials or a query.
    """
    parts = urlsplit(text)
    host, _ = parts.hostname, parts.port  # reading the port raises if it is not a number
    https = parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host or ""))
    if not host or not https or re.search(r"[\s@?#]", text):
        raise ValueError(text)
    return text.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


ApiUrl = Annotated[
    str,
    Meta(
        extra={
            "parse": parse_api_url,
            "expected": "an https URL (e.g. https://api.ayra.ai/v1; http only on localhost)",
        },
        extra_json_schema={"format": "uri"},
    ),
]
