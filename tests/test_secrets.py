"""The key and personal data stay where they belong, whatever goes wrong."""

from __future__ import annotations

import json
import ssl
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
import trustme

from sandbox import SandboxApi, SandboxClock, World
from sandbox.faults import Fault, FaultyServer, faulty, instead
from tests.faking import Attempt, attempt
from tests.processes import running
from tests.singer import small_pages
from tests.sweeps import sweep
from tests.test_faults import NETWORK_FAULTS, STATUSES, WRONG_JSON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
KEY = "sk_test_canary_4711"
CALLER = "+15550100199"
NAME = "Canaria Agentsdottir"
SUMMARY = "Yellow feathers were seen near the mine."
SEARCH = 'feathers "Gelbe Vögel" & mine'
CANARIES = ("canary_4711", "5550100199", "Canaria", "Agentsdottir", "feathers", "Yellow", "Gelbe")
NO_WAITS = (
    "import time; time.sleep = lambda _: None; from tap_ayra.tap import TapAyra; TapAyra.cli()"
)


@pytest.fixture
def api() -> SandboxApi:
    clock = SandboxClock(NOW, frozen=True)
    since, until = NOW - timedelta(days=3), NOW - timedelta(hours=2)
    world = World.generate(clock, seed=3, count=60, since=since, until=until)
    for call in world.visible():
        call.agent_name, call.caller_number, call.summary = NAME, CALLER, SUMMARY + SEARCH
    return SandboxApi(world, key=KEY, cache_seconds=0)


@pytest.fixture
def server(api: SandboxApi) -> Iterator[FaultyServer]:
    with faulty(api) as served:
        yield served


def careful(server: FaultyServer) -> dict[str, Any]:
    """Settings that are secrets themselves."""
    return small_pages(server, caller=CALLER, search=SEARCH, request_timeout=0.2)


def talkative(**more: Any) -> dict[str, Any]:
    """An error body that quotes what it should not."""
    everything = {"key": KEY, "caller": CALLER, "name": NAME, "summary": SUMMARY}
    return {
        "error": {
            "type": "invalid_request",
            "code": "x",
            "message": f"Key {KEY} asked for {CALLER} and '{SEARCH}'.",
            "debug": everything,
            **more,
        },
        "data": [everything],
        "trace": json.dumps(everything),
    }


def check(stderr: str, stdout: bytes) -> None:
    """Find no canary outside of RECORD messages."""
    others = [line for line in stdout.decode().splitlines() if not line.startswith('{"type":"REC')]
    for canary in CANARIES:
        for text in (stderr, *others):
            for form in (canary, quote(canary), quote_plus(canary)):
                assert form.lower() not in text.lower()


def run_at_debug(folder: Path, config: Mapping[str, Any], *arguments: str) -> str:
    """Run the tap at DEBUG, without its waits, and give what it logged."""
    command = (sys.executable, "-c", NO_WAITS)
    with running(folder, config, *arguments, command=command, LOGLEVEL="DEBUG") as tap:
        stdout = tap.stdout.read()
        tap.end()
    check(tap.log, stdout)
    return tap.log


def test_through_every_passing_failure(server: FaultyServer, tmp_path: Path) -> None:
    slow = {"429 with seconds", "429 with a date"}
    busy = [instead(code, talkative()) for code in (408, 425, 429, 500, 503)]
    html = f"<html>{KEY} {CALLER} {NAME} {SUMMARY}</html>".encode()
    kinds: list[Fault] = [
        *(fault for name, fault in NETWORK_FAULTS.items()),
        *(fault for name, fault in STATUSES.items() if name not in slow),
        *busy,
        instead(200, html, Content_Type="text/html"),
        instead(502, html, Content_Type="text/html"),
    ]
    wrong = [fault for fault, _ in WRONG_JSON.values()]
    server.script = lambda number, _params: (
        kinds[number - 1] if number <= len(kinds) else wrong.pop() if number % 2 and wrong else None
    )
    log = run_at_debug(tmp_path, careful(server))
    assert log.count("Retrying in") > len(kinds)
    assert "caller=***" in log
    assert "search=***" in log
    assert "Sync " in log or "Gave up after 3 attempts" in log


FOR_GOOD: dict[str, Fault] = {
    "a field": instead(400, talkative(field="caller", valid_values=[CALLER, KEY])),
    "a redirect": instead(302, Location=f"https://elsewhere.example/{KEY}?caller={quote(CALLER)}"),
    **{str(code): instead(code, talkative()) for code in (400, 401, 403, 410)},
    "wrong JSON": instead(200, talkative()),
    "a quota": instead(429, talkative(), Retry_After="40000"),
}


@pytest.mark.parametrize("name", sweep(FOR_GOOD, quick=2))
def test_through_every_permanent_failure(server: FaultyServer, tmp_path: Path, name: str) -> None:
    server.script = lambda number, _params: FOR_GOOD[name] if number > 2 else None
    log = run_at_debug(tmp_path, careful(server))
    assert "| ERROR " in log


def test_through_values_that_cannot_be_delivered(server: FaultyServer, tmp_path: Path) -> None:
    call = server.api.world.visible()[30]
    call.overrides = {"end_time": f"{SUMMARY} {KEY}", "agent_name": {"a": NAME}, "new": SUMMARY}
    log = run_at_debug(tmp_path, small_pages(server))
    assert f"Conversation {call.id}: cannot convert end_time (got a string)." in log


@pytest.mark.parametrize("arguments", sweep(["--test", "--about", "--about --format=json"]))
def test_whatever_is_asked(server: FaultyServer, tmp_path: Path, arguments: str) -> None:
    run_at_debug(tmp_path, careful(server), *arguments.split())


def test_bad_settings_are_not_quoted(server: FaultyServer, tmp_path: Path) -> None:
    config = careful(server) | {
        "api_key": f"{KEY} {KEY}",
        "caller": f"00 {CALLER}",
        "api_url": f"http://user:{KEY}@elsewhere.example/?key={KEY}",
    }
    log = run_at_debug(tmp_path, config)
    assert "api_key contains spaces" in log


@pytest.mark.parametrize("key", [f"  {KEY}", f"{KEY}\n", f"\t{KEY}\r\n"])
def test_space_around_the_key_is_trimmed(server: FaultyServer, key: str) -> None:
    assert attempt(small_pages(server, api_key=key)).error == ""
    assert {seen.headers["authorization"] for seen in server.requests} == {f"Bearer {KEY}"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_never_goes_to_another_address(
    server: FaultyServer, api: SandboxApi, host: str, status: int
) -> None:
    with faulty(api) as other:
        target = f"http://{host}:{other.port}/v1/conversations"
        server.script = lambda _number, _params: instead(status, Location=target)
        error = attempt(small_pages(server)).error
        assert other.requests == []
    assert len(server.requests) == 1
    assert "tap-ayra sends the key only to api_url's host" in error


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A company's own certificate authority."""
    return trustme.CA()


@contextmanager
def secure(api: SandboxApi, authority: trustme.CA, host: str) -> Iterator[FaultyServer]:
    """Serve over TLS, with a certificate for a host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    with faulty(api, tls=context) as served:
        yield served


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "company.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))


@pytest.mark.usefixtures("trusted")
def test_a_companys_own_authority(api: SandboxApi, authority: trustme.CA) -> None:
    with secure(api, authority, "127.0.0.1") as server:
        result = attempt(small_pages(server))
    assert len(result.ids) == 60


@pytest.mark.usefixtures("trusted")
def test_the_key_never_goes_from_https_to_http(api: SandboxApi, authority: trustme.CA) -> None:
    with secure(api, authority, "127.0.0.1") as server, faulty(api) as plain:
        target = f"http://127.0.0.1:{plain.port}/v1/conversations"
        server.script = lambda _number, _params: instead(307, Location=target)
        error = attempt(small_pages(server)).error
        assert plain.requests == []
    assert error.startswith("The API redirected to another host")


def distrusts(result: Attempt, server: FaultyServer) -> None:
    assert server.requests == []
    assert result.codes == ["untrusted", "check-certificate", "url-is"]


def test_an_unknown_authority_is_refused(api: SandboxApi, authority: trustme.CA) -> None:
    with secure(api, authority, "127.0.0.1") as server:
        distrusts(attempt(small_pages(server)), server)


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_host_is_refused(api: SandboxApi, authority: trustme.CA) -> None:
    with secure(api, authority, "elsewhere.example") as server:
        distrusts(attempt(small_pages(server)), server)


def test_an_authoritys_file_that_is_missing(server: FaultyServer, tmp_path: Path) -> None:
    config = small_pages(server, api_url="https://127.0.0.1:9/v1")
    with running(tmp_path, config, REQUESTS_CA_BUNDLE="nowhere.pem") as tap:
        assert tap.end() == 1
    assert "nowhere.pem" in tap.log
    assert "Traceback" not in tap.log


def test_netrc_does_not_replace_the_key(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    attempt(small_pages(server))
    assert {seen.headers["authorization"] for seen in server.requests} == {f"Bearer {KEY}"}


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("no_proxies")
def test_a_proxy_for_http(server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://someone:secret@127.0.0.1:{server.port}")
    result = attempt(small_pages(server, api_url="http://127.0.0.1:9/v1"))
    assert len(result.ids) == 60
    assert server.requests[0].target.startswith("http://127.0.0.1:9/v1/conversations?")
    assert server.requests[0].headers["proxy-authorization"].startswith("Basic ")


@pytest.mark.usefixtures("no_proxies", "trusted")
def test_a_proxy_for_https_sees_neither_key_nor_query(
    api: SandboxApi, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    with secure(api, authority, "api.ayra.example") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        result = attempt(small_pages(proxy, api_url="https://api.ayra.example/v1"))
    assert len(result.ids) == 60
    assert all(head.startswith("CONNECT api.ayra.example:443 ") for head in proxy.tunnels)
    assert KEY not in "".join(proxy.tunnels)


@pytest.mark.usefixtures("no_proxies")
def test_a_host_that_needs_no_proxy(server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert len(attempt(small_pages(server)).ids) == 60


@pytest.mark.usefixtures("no_proxies")
def test_a_proxy_that_wants_a_password(
    server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.port}")
    server.script = lambda _number, _params: instead(407)
    error = attempt(small_pages(server, api_url="http://127.0.0.1:9/v1")).error
    assert error.startswith("The proxy requires authentication (HTTP 407)")
