r"""JSON decoded exactly: no rounded number, no changed text, no surprise from odd input.

Text that is not clean is delivered as well as it can be: bytes that are not UTF-8 and lone
surrogates (``"\ud800"``) become U+FFFD, NaN and infinities become null.
"""

from __future__ import annotations

import codecs
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tap_ayra.errors import NotJSONError
from tap_ayra.messages import api as messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_ayra.messages import Message

T = TypeVar("T")

Replaced = frozenset["Message"]
"""What had to be replaced in a body, each kind by the message that says so."""

CLEAN: Replaced = frozenset()

_STRING_OR_CONSTANT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_ESCAPE = re.compile(  # a pair of surrogates, a lone one, any other escape
    rb"\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}"
    rb"|\\u[dD][89a-fA-F][\da-fA-F]{2}|\\.",
    re.DOTALL,
)
_CONTROL = re.compile(rb"[\x00-\x1f]")
_LONE = len(rb"\ud800")
_MALFORMED = re.compile(r"JSON is malformed: (.*) \(byte (\d+)\)")

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def decode(body: bytes) -> tuple[Any, Replaced]:
    """Decode JSON exactly: fractions become `Decimal`, whole numbers of any size `int`.

    Returns:
        The value, and what had to be replaced.

    Raises:
        NotJSONError: if the body is not JSON.
    """
    return decode_with(_decode, body)


def decode_with(decoder: Callable[[bytes], T], body: bytes) -> tuple[T, Replaced]:
    """Decode JSON by a decoder of msgspec, cleaned if it does not take it as it is.

    Returns:
        The value, and what had to be replaced.

    Raises:
        NotJSONError: if the body is not JSON.
        msgspec.ValidationError: if it is not of the decoder's type.
    """
    try:
        return decoder(body), CLEAN
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError:
        raise _too_deep(body) from None
    cleaned, replaced = clean(body)
    try:
        return decoder(cleaned), replaced
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise _not_json(cleaned, str(error)) from None
    except RecursionError:
        raise _too_deep(body) from None


def clean(body: bytes) -> tuple[bytes, Replaced]:
    """Replace what JSON cannot hold; the rest stays as it is, byte for byte.

    Returns:
        The body, and what had to be replaced.
    """
    replaced = set()
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        body.decode()
    except UnicodeDecodeError:
        body = body.decode(errors="replace").encode()
        replaced.add(messages.NOT_UTF8)

    def escape(found: re.Match[bytes]) -> bytes:
        if len(found[0]) != _LONE:
            return found[0]
        replaced.add(messages.LONE_SURROGATES)
        return rb"\ufffd"

    def token(found: re.Match[bytes]) -> bytes:
        if not found[0].startswith(b'"'):
            replaced.add(messages.NOT_A_NUMBER)
            return b"null"
        return _CONTROL.sub(lambda char: b"\\u%04x" % ord(char[0]), _ESCAPE.sub(escape, found[0]))

    return _STRING_OR_CONSTANT.sub(token, body), frozenset(replaced)


def _not_json(body: bytes, reason: str) -> NotJSONError:
    """Say what is wrong; the body itself is never quoted, since it may hold personal data."""
    size = len(body)
    malformed = _MALFORMED.fullmatch(reason)
    if malformed and body.lstrip().startswith((b"{", b"[")):
        what = messages.BAD_JSON(reason=malformed[1], position=int(malformed[2]), size=size)
        return NotJSONError(what, problem=f"{malformed[1]} {malformed[2]}")
    what = messages.NOT_JSON(size=size) if body.strip() else messages.EMPTY()
    return NotJSONError(what, messages.CHECK_NETWORK())


def _too_deep(body: bytes) -> NotJSONError:
    return NotJSONError(messages.TOO_DEEP(size=len(body)), problem="too deep")
