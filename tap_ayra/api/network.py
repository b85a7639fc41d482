"""Why a request got no response, or none that could be read to its end, in the user's words."""

from __future__ import annotations

import re
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3.exceptions as below
from requests.utils import select_proxy

from tap_ayra.api.failures import BY_STATUS, Rule
from tap_ayra.errors import TapAyraError, TransientError
from tap_ayra.messages import Text
from tap_ayra.messages import api as messages

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_FOUND = Rule("network", messages.HOST_NOT_FOUND, messages.CHECK_NETWORK, transient=True)
NOT_LISTENING = Rule("network", messages.CONNECTION_REFUSED, messages.CHECK_NETWORK, transient=True)
NOT_IN_TIME = Rule("network", messages.CONNECT_TIMED_OUT, messages.CHECK_NETWORK, transient=True)
NOT_CONNECTED = Rule("network", messages.NOT_CONNECTED, messages.CHECK_NETWORK, transient=True)
NO_TLS = Rule("network", messages.TLS_FAILED, messages.CHECK_NETWORK, transient=True)
UNTRUSTED = Rule("network", messages.UNTRUSTED, messages.CHECK_CERTIFICATE)
TIMED_OUT = Rule("network", messages.TIMED_OUT, messages.CHECK_TIMEOUT, transient=True)
BROKEN_OFF = Rule("network", messages.BROKEN_OFF, messages.CHECK_CONNECTION, transient=True)
PROXY_REFUSED = Rule("network", messages.PROXY_REFUSED, messages.FIX_PROXY_RULES)
PROXY_FAILED = Rule("network", messages.PROXY_FAILED, messages.USUALLY_TEMPORARY, transient=True)
REDIRECT_LOOP = Rule("settings", messages.REDIRECT_LOOP, messages.FIX_URL)
NO_SOCKS = Rule("network", messages.NO_SOCKS, messages.FIX_SOCKS)
NOT_SENT = Rule("settings", messages.NOT_SENT, messages.CHECK_URL)

BY_KIND: tuple[tuple[type[BaseException], Rule], ...] = (
    (ssl.SSLCertVerificationError, UNTRUSTED),
    (below.NameResolutionError, NOT_FOUND),
    (ConnectionRefusedError, NOT_LISTENING),
    (below.NewConnectionError, NOT_CONNECTED),
    (below.ConnectTimeoutError, NOT_IN_TIME),
    (requests.Timeout, TIMED_OUT),
    (TimeoutError, TIMED_OUT),
    (requests.exceptions.SSLError, NO_TLS),
    (below.ProtocolError, BROKEN_OFF),
    (requests.exceptions.ChunkedEncodingError, BROKEN_OFF),
    (requests.exceptions.ContentDecodingError, BROKEN_OFF),
    (requests.TooManyRedirects, REDIRECT_LOOP),
    (requests.ConnectionError, NOT_CONNECTED),
    (requests.exceptions.InvalidSchema, NO_SOCKS),
)
"""The row for each kind of exception, the first that fits."""


def failed_request(
    error: requests.RequestException, *, api_url: str, session: requests.Session, timeout: float
) -> TransientError | TapAyraError:
    """Make the error for a request that failed on the network.

    Args:
        error: what `requests` raised.
        api_url: the setting.
        session: knows the proxy.
        timeout: the setting ``request_timeout``, in seconds.
    """
    host = _address(api_url)
    chain = list(_chain(error))
    status = _tunnel_status(chain)
    rule = _rule(chain, status)
    through_proxy = any(isinstance(link, below.ProxyError) for link in chain)
    place = f"the API ({host})"
    if through_proxy:
        place = f"the proxy ({_address(select_proxy(api_url, session.proxies) or '')})"
    values = {"host": host, "place": place, "seconds": timeout, "reason": _reason(chain)}
    cause = rule.cause(**values)
    if status is not None:
        cause = Text(f"{cause} (HTTP {status})", cause.code)
    remedy = rule.remedy
    if through_proxy and remedy is messages.CHECK_NETWORK:
        remedy = messages.CHECK_PROXY
    lines = [cause, remedy(**values)]
    if "api_url" in lines[-1]:
        lines.append(messages.URL_IS(url=api_url))
    return TransientError(*lines) if rule.transient else TapAyraError(*lines)


def _address(url: str) -> str:
    """Give the host and the port of a URL, never a password."""
    parts = urlsplit(url)
    return (parts.hostname or "") + (f":{parts.port}" if parts.port else "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an exception and all that it was made from."""
    todo, seen = [error], set()
    while todo:
        link = todo.pop()
        seen.add(id(link))
        yield link
        inner = [link.__cause__, link.__context__, *link.args]
        inner += [getattr(link, name, None) for name in ("reason", "original_error")]
        todo += [x for x in inner if isinstance(x, BaseException) and id(x) not in seen]


def _rule(chain: list[BaseException], tunnel_status: int | None) -> Rule:
    if tunnel_status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return BY_STATUS[tunnel_status]
    if tunnel_status is not None:
        return PROXY_REFUSED if tunnel_status == HTTPStatus.FORBIDDEN else PROXY_FAILED
    found = (rule for kind, rule in BY_KIND if any(isinstance(link, kind) for link in chain))
    return next(found, NOT_SENT)


def _tunnel_status(chain: list[BaseException]) -> int | None:
    """Give the status with which a proxy refused a tunnel; None if none did."""
    found = (re.search(r"Tunnel connection failed: (\d{3})", str(link)) for link in chain)
    return next((int(status[1]) for status in found if status), None)


def _reason(chain: list[BaseException]) -> str:
    """Say why a connection or a certificate failed, as the system or OpenSSL puts it."""
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return link.verify_message.rstrip(".")
        if isinstance(link, ssl.SSLError) and link.reason:
            return link.reason.lower().replace("_", " ")
        if isinstance(link, OSError) and link.strerror:
            return link.strerror.lower()
    return "connection failed"
