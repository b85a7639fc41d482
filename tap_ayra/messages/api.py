"""Sentences about requests to the API: why one failed, what to do, how long the tap waits."""

from __future__ import annotations

from tap_ayra.messages import Message

# What a status means, and what to do about it.
REQUEST_REJECTED = Message("request-rejected", "Ayra rejected the request")
SETTING_REJECTED = Message("setting-rejected", "Ayra rejected the setting {setting}")
PARAMETER_REJECTED = Message("parameter-rejected", "Ayra rejected the parameter {parameter}")
KEY_REJECTED = Message("key-rejected", "Ayra rejected the API key")
KEY_LACKS_PERMISSION = Message("key-lacks-permission", "The API key is missing a permission")
NO_ENDPOINT = Message("no-endpoint", "No conversations endpoint at this URL")
REQUEST_TIMEOUT = Message("request-timeout", "The API timed out waiting for the request")
TOO_EARLY = Message("too-early", "The API is not ready for the request")
RATE_LIMITED = Message("rate-limited", "Rate limit exceeded")
REFUSED = Message("request-refused", "Ayra refused the request")
SERVER_ERROR = Message("server-error", "Ayra server error")
REDIRECTED = Message("redirected", "The API redirected to another host")
REDIRECT_LOOP = Message("redirect-loop", "The API redirects more than once")

FIX_SETTING = Message("fix-setting", "Fix {setting} ({variable}).")
FIX_KEY = Message(
    "fix-key",
    "Set api_key (TAP_AYRA_API_KEY) to a valid key of this account. Keys look like sk_live_... or "
    "sk_test_...",
)
FIX_PERMISSION = Message("fix-permission", "In Ayra, grant this key conversations:read.")
FIX_URL = Message("fix-url", "Check api_url. The default is https://api.ayra.ai/v1")
FIX_REDIRECT = Message(
    "fix-redirect",
    "tap-ayra sends the key only to api_url's host. Check api_url, and set it to the new address "
    "if you trust that one.",
)
FIX_RATE = Message(
    "fix-rate",
    "Wait a minute and run again. If other programs share this key, give the tap its own.",
)
CHECK_SETTINGS = Message(
    "check-settings",
    "Check your settings. If they are correct, this is a bug in tap-ayra: please report it.",
)
USUALLY_TEMPORARY = Message(
    "usually-temporary",
    "Usually temporary. If it persists, contact Ayra support and quote the request ID.",
)
CONTACT_AYRA = Message("contact-ayra", "Contact Ayra support and quote the request ID.")

# Why there was no response, or none that could be read to its end.
HOST_NOT_FOUND = Message("host-not-found", "Could not connect to {place}: host not found")
CONNECTION_REFUSED = Message(
    "connection-refused", "Could not connect to {place}: connection refused"
)
CONNECT_TIMED_OUT = Message(
    "connect-timed-out", "Could not connect to {place}: timed out after {seconds:g} s"
)
TLS_FAILED = Message("tls-failed", "Could not connect to {place}: TLS handshake failed ({reason})")
NOT_CONNECTED = Message("not-connected", "Could not connect to {place}: {reason}")
TIMED_OUT = Message("timed-out", "The API did not respond within {seconds:g} s")
BROKEN_OFF = Message("broken-off", "The connection closed before the response was complete")
UNTRUSTED = Message("untrusted", "The API's certificate could not be verified: {reason}")
PROXY_AUTHENTICATION = Message("proxy-authentication", "The proxy requires authentication")
PROXY_REFUSED = Message("proxy-refused", "The proxy refused to connect to {host}")
PROXY_FAILED = Message("proxy-failed", "The proxy could not connect to {host}")
NO_SOCKS = Message("no-socks", "SOCKS proxies need the package PySocks")
NOT_SENT = Message("not-sent", "Could not build a request from these settings")

CHECK_NETWORK = Message("check-network", "Check api_url, the network and any proxy.")
CHECK_PROXY = Message("check-proxy", "Check the proxy's address in HTTPS_PROXY.")
CHECK_TIMEOUT = Message("check-timeout", "Check the network, or raise request_timeout.")
CHECK_CONNECTION = Message("check-connection", "Check the network and any proxy.")
CHECK_CERTIFICATE = Message(
    "check-certificate",
    "Check api_url and this machine's clock. For your company's own certificate authority, set "
    "REQUESTS_CA_BUNDLE to its file.",
)
CHECK_URL = Message("check-url", "Check api_url and any proxy.")
FIX_PROXY_CREDENTIALS = Message(
    "fix-proxy-credentials",
    "Add the credentials to HTTPS_PROXY: http://user:password@host:port",
)
FIX_PROXY_RULES = Message(
    "fix-proxy-rules", "Allow {host} in the proxy, or add it to NO_PROXY if it needs none."
)
FIX_SOCKS = Message(
    "fix-socks", "Set HTTPS_PROXY to an HTTP proxy, or install PySocks beside tap-ayra."
)

# Details.
ALLOWED_VALUES = Message("allowed-values", "Allowed values: {values}")
URL_IS = Message("url-is", "api_url is currently {url}")
REQUEST_ID = Message("request-id", "Request ID: {request_id}")

# Bodies.
NOT_JSON = Message("not-json", "The response is not valid JSON ({size:,} bytes), or was cut off")
EMPTY = Message("empty-response", "The response is empty")
BAD_JSON = Message(
    "bad-json", "The response is not valid JSON: {reason} at byte {position:,} of {size:,}"
)
TOO_DEEP = Message("too-deep", "The response is nested too deeply ({size:,} bytes)")
NOT_UTF8 = Message(
    "not-utf-8", "Some text from the API is not valid UTF-8; invalid bytes are replaced by U+FFFD"
)
LONE_SURROGATES = Message(
    "lone-surrogates",
    "Some text from the API contains lone surrogates; each is replaced by U+FFFD",
)
NOT_A_NUMBER = Message(
    "not-a-number", "Some numbers from the API are NaN or infinite; each is replaced by null"
)

# Waiting and giving up.
RETRYING = Message("retrying", "Retrying in {seconds:.1f} s: {cause}")
WAITING = Message(
    "rate-limit-wait", "Rate limit reached: waiting {seconds:.0f} s for the next window"
)
GAVE_UP = Message(
    "gave-up",
    "Gave up after {attempts} attempts. If it persists, contact Ayra support; if they see no "
    "problem, report a tap-ayra bug.",
)
NO_SUCCESS = Message(
    "no-success",
    "No successful response for {minutes:.1f} minutes. Progress is saved; the next run resumes "
    "here.",
)
QUOTA_EXHAUSTED = Message(
    "quota-exhausted",
    "API quota exhausted for this key (probably the daily limit). Resets in {hours} h {minutes} "
    "min ({back:%Y-%m-%d %H:%M} UTC). Progress is saved; the next run resumes here.",
)
WAIT_TOO_LONG = Message(
    "wait-too-long",
    "The API asked for a longer wait than the {most:.0f}-minute maximum. Retry in {hours} h "
    "{minutes} min ({back:%Y-%m-%d %H:%M} UTC). Progress is saved; the next run resumes here.",
)
