"""README, meltano.yml and .env.example against the code."""

from __future__ import annotations

import ast
import json
import re
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from singer_sdk.helpers.capabilities import (
    EMIT_ACTIVATE_VERSION_CONFIG,
    FLATTENING_CONFIG,
    STREAM_MAPS_CONFIG,
)

from docs.generate import README, about, with_settings
from sandbox import SandboxApi, SandboxClock, World, serve
from sandbox.meltano_project import DEFINITION, ROOT
from tap_ayra.tap import TapAyra
from tests.singer import captured, run_tap

if TYPE_CHECKING:
    from pathlib import Path

SAID = about()
SETTINGS: dict[str, dict[str, Any]] = SAID["settings"]["properties"]
OF_THE_SDK = {
    name
    for config in (EMIT_ACTIVATE_VERSION_CONFIG, FLATTENING_CONFIG, STREAM_MAPS_CONFIG)
    for name in config["properties"]
}
# Meltano 4.4 fails on a `decimal` from the environment.
MELTANO_KINDS = {
    "integer": "integer",
    "number": "integer",
    "boolean": "boolean",
    "object": "object",
}


@pytest.fixture
def readme() -> str:
    return README.read_text(encoding="utf-8")


@pytest.fixture
def plugin() -> dict[str, Any]:
    """The tap's definition in meltano.yml."""
    (tap,) = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))["plugins"]["extractors"]
    return dict(tap)


@pytest.fixture
def example() -> dict[str, str]:
    """The tap's variables in .env.example, those in comments included."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^(?:# )?TAP_AYRA_(\w+)=(.*)$", text, re.MULTILINE))


def test_the_readmes_settings_are_those_of_the_tap(readme: str) -> None:
    assert readme == with_settings(readme), "run: python -m docs.generate"


def test_the_readmes_make_targets_exist(readme: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    code = re.findall(r"^ {4}.*$|```.*?^```|`[^`\n]+`", readme, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(code)))
    assert {"demo", "test"} <= named <= targets


def test_the_readmes_contract_names_tests_that_exist(readme: str) -> None:
    _, begin, rest = readme.partition("<!-- contract -->")
    contract, end, _ = rest.partition("<!-- /contract -->")
    assert begin, "README.md needs a line <!-- contract -->"
    assert end, "README.md needs a line <!-- /contract -->"
    named = set(re.findall(r"\b(?:test_\w+\.py|test_\w+|Test\w+)", contract))
    assert named
    assert named <= set(chain.from_iterable(map(_tests, (ROOT / "tests").glob("test_*.py"))))


def test_the_readmes_relative_links_resolve(readme: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)[^)]*\)|(?:src|href|srcset)=\"([^\"]+)\"", readme)
    headings = {_anchor(title) for title in re.findall(r"^#+ (.+)$", readme, re.MULTILINE)}
    targets = [target for target in chain.from_iterable(links) if target and "://" not in target]
    assert targets
    for target in targets:
        path, _, anchor = target.partition("#")
        assert (ROOT / path).exists(), target
        assert path or anchor in headings, target


def test_the_readmes_example_of_privacy_works(readme: str) -> None:
    found = re.search(r"<!-- example: privacy -->\n```json\n(.*?)```", readme, re.DOTALL)
    assert found, "README.md needs a line <!-- example: privacy -->, and JSON after it"
    clock = SandboxClock(datetime(2026, 3, 9, 15, tzinfo=UTC), frozen=True)
    with serve(SandboxApi(World.generate(clock, seed=4, count=40))) as sandbox:
        plain = run_tap(sandbox).records
        private = run_tap(sandbox, **json.loads(found[1]) | {"api_key": sandbox.api.key}).records
    assert [record["id"] for record in private] == [record["id"] for record in plain]
    assert not any("summary" in record for record in private)
    for before, after in zip(plain, private, strict=True):
        number, hashed = before["caller_number"], after["caller_number"]
        assert hashed is None if number is None else len(hashed) == 64


def test_the_readme_names_no_package_host(readme: str) -> None:
    assert not re.search(r"pypi|pythonhosted", readme, re.IGNORECASE)


def test_meltanos_settings_are_those_of_the_tap(plugin: dict[str, Any]) -> None:
    assert [_without_options(setting) for setting in plugin["settings"]] == [
        _as_meltano_setting(name, schema) for name, schema in SETTINGS.items()
    ]


def test_meltanos_options_are_those_of_the_tap(plugin: dict[str, Any]) -> None:
    options = {
        setting["name"]: [option["value"] for option in setting["options"]]
        for setting in plugin["settings"]
        if "options" in setting
    }
    assert options == {
        name: schema["enum"] for name, schema in SETTINGS.items() if "enum" in schema
    }


def test_meltanos_capabilities_are_those_of_the_tap(plugin: dict[str, Any]) -> None:
    assert plugin["capabilities"] == SAID["capabilities"]


def test_meltano_requires_what_the_tap_requires(plugin: dict[str, Any]) -> None:
    assert plugin["settings_group_validation"] == [SAID["settings"]["required"]]


def test_the_example_of_an_environment_names_every_setting(example: dict[str, str]) -> None:
    assert {name.lower() for name in example} == SETTINGS.keys() - OF_THE_SDK


def test_the_example_of_an_environment_holds_no_key(example: dict[str, str]) -> None:
    assert example["API_KEY"] == ""
    assert "sk_live_" not in str(example)


def test_the_example_of_an_environment_shows_defaults(example: dict[str, str]) -> None:
    for name, schema in SETTINGS.items():
        if name not in OF_THE_SDK and "default" in schema:
            assert example[name.upper()] == str(schema["default"])


def test_the_example_of_an_environment_is_valid(
    example: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in example.items():
        monkeypatch.setenv(f"TAP_AYRA_{name}", value)
    monkeypatch.setenv("TAP_AYRA_API_KEY", "sk_test_not_a_real_key")
    with captured():
        tap = TapAyra(parse_env_config=True)
    assert tap.config.keys() >= SETTINGS.keys() - OF_THE_SDK


def _as_meltano_setting(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    setting = {"name": name, "label": schema["title"], "description": schema["description"]}
    if schema.get("secret"):
        setting["sensitive"] = True
    if "default" in schema:
        setting["value"] = schema["default"]
    kind = next(kind for kind in schema["type"] if kind != "null")
    if "enum" in schema:
        setting["kind"] = "options"
    elif schema.get("format") == "date-time":
        setting["kind"] = "date_iso8601"
    elif kind in MELTANO_KINDS:
        setting["kind"] = MELTANO_KINDS[kind]
    return setting


def _without_options(setting: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in setting.items() if key != "options"}


def _tests(file: Path) -> set[str]:
    """Give a test file's name, and those of its tests and classes."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {file.name, file.stem} | {
        node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def _anchor(title: str) -> str:
    """Give the name that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
