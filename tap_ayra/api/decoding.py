"""JSON decoded exactly: no rounded number, no changed text, no surprise from odd input."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from tap_ayra.errors import NotJSONError

_SURROGATE = re.compile("[\ud800-\udfff]")
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def decode(body: bytes) -> tuple[Any, bool]:
    r"""Decode JSON exactly: fractions become `Decimal`, whole numbers of any size `int`.

    Returns:
        The value, and whether lone surrogates (``"\ud800"``, valid in JSON but no text) had to
        be replaced by U+FFFD.

    Raises:
        NotJSONError: if the body is no JSON.
    """
    try:
        return _decode(body), False
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
        clean = _without_surrogates(value)
    except (ValueError, RecursionError):
        # The decoder's own message quotes the body, which may hold personal data.
        kind = "an empty body" if not body.strip() else f"{len(body)} bytes that are no JSON"
        msg = f"The answer is {kind}, or was cut off.\nCheck api_url, the network and any proxy."
        raise NotJSONError(msg) from None
    return clean, clean != value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _without_surrogates(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    return value
