"""`python -m sandbox`: the options that limit, refuse and bend."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.__main__ import main
from sandbox.crooked import Crooked
from sandbox.switches import SWITCHES, read_switch

if TYPE_CHECKING:
    from pathlib import Path

PLACES = 'os.environ["TAP_AYRA_API_URL"], os.environ["TAP_AYRA_API_KEY"]'


def run_in_sandbox(tmp_path: Path, *options: str, requests: int = 1, query: str = "") -> list[Any]:
    """Run requests in a sandbox; give each one's body, or its status if it fails."""
    script = tmp_path / "requests.py"
    script.write_text(
        "import json, os, sys, urllib.error, urllib.request as web\n"
        f"url, key = {PLACES}\n"
        f"address = web.Request(url + '/conversations?{query}')\n"
        "address.add_header('Authorization', 'Bearer ' + key)\n"
        "found = []\n"
        f"for _ in range({requests}):\n"
        "    try:\n"
        "        found.append(json.load(web.urlopen(address)))\n"
        "    except urllib.error.HTTPError as error:\n"
        "        found.append(error.code)\n"
        "        error.close()\n"
        "json.dump(found, open(sys.argv[1], 'w'))\n"
    )
    result = tmp_path / "result.json"
    command = [sys.executable, str(script), str(result)]
    assert main(["--count", "60", *options, "--", *command]) == 0
    found: list[Any] = json.loads(result.read_text())
    return found


def statuses(found: list[Any]) -> list[int]:
    return [each if isinstance(each, int) else 200 for each in found]


def test_daily_limit(tmp_path: Path) -> None:
    assert statuses(run_in_sandbox(tmp_path, "--daily-limit", "2", requests=3)) == [200, 200, 429]


@pytest.mark.parametrize(("options", "status"), [((), 401), (("--fail-with", "503"), 503)])
def test_one_request_fails(tmp_path: Path, options: tuple[str, ...], status: int) -> None:
    found = run_in_sandbox(tmp_path, "--fail-after", "1", *options, requests=3)
    assert statuses(found) == [200, status, 200]


def test_switches_reach_the_api(tmp_path: Path) -> None:
    options = ["--crooked", "cap-total=7", "--crooked", "refuse-pages-beyond", "--no-cache"]
    assert run_in_sandbox(tmp_path, *options)[0]["meta"]["total"] == 7
    assert statuses(run_in_sandbox(tmp_path, *options, query="page=6&per_page=2")) == [400]


def test_switches_reach_the_world(tmp_path: Path) -> None:
    found = run_in_sandbox(tmp_path, "--crooked", "restated=1", query="per_page=100")[0]["data"]
    assert any(row["start_time"] != row["created_at"] for row in found)


def test_every_switch_of_the_api_is_an_option() -> None:
    assert {each.name for each in fields(Crooked)} - {"seed"} <= SWITCHES.keys()


@pytest.mark.parametrize("name", SWITCHES)
def test_switches_have_a_usual_value(name: str) -> None:
    switch = SWITCHES[name]
    assert read_switch(name.replace("_", "-")) == (name, switch.read(switch.usual))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cap-totl", 'unknown switch "cap-totl". Did you mean "cap-total"?'),
        ("nonsense=1", 'unknown switch "nonsense".'),
        ("cap-total=0", 'cap-total: expected an integer of at least 1, got "0"'),
        ("list-twice=2", 'list-twice: expected a share above 0, up to 1, got "2"'),
        ("inflate-total=inf", 'inflate-total: expected a positive number, got "inf"'),
        ("no-total=gone", 'no-total: expected absent or null, got "gone"'),
        ("swap-pages=2,x", 'swap-pages: expected page numbers, such as 2,5, got "2,x"'),
    ],
)
def test_bad_switches_are_explained(
    text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--crooked", text, "true"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith(f"argument --crooked: {message}\n")


@pytest.mark.parametrize(
    "options", [("--count", "-1"), ("--days", "0"), ("--fail-with", "200"), ("--now", "noon")]
)
def test_bad_options_are_refused(
    options: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*options, "true"])
    name, value = options
    assert re.search(rf"argument {name}: invalid .+ value: '{value}'", capsys.readouterr().err)


def test_help_names_every_switch(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(f"  {name.replace('_', '-')}=" in text for name in SWITCHES)
