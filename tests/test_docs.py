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

from docs import generated
from docs.blocks import with_blocks
from docs.settings import about
from sandbox import SandboxApi, SandboxClock, World, serve
from sandbox.meltano_project import DEFINITION, ROOT
from tap_ayra.settings import DECLARED
from tap_ayra.tap import TapAyra
from tests.singer import captured, run_tap, signals_kept

if TYPE_CHECKING:
    from pathlib import Path

SAID = about()
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture
def readme() -> str:
    return README.read_text(encoding="utf-8")


@pytest.fixture
def plugin() -> dict[str, Any]:
    """The tap's definition in meltano.yml."""
    tap, _ = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))["plugins"]["extractors"]
    return dict(tap)


@pytest.fixture
def example() -> dict[str, str]:
    """The tap's variables in .env.example, those in comments included."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^(?:# )?TAP_AYRA_(\w+)=(.*)$", text, re.MULTILINE))


def test_what_is_generated_is_up_to_date() -> None:
    with signals_kept():
        files = generated()
    stale = [
        str(path.relative_to(ROOT))
        for path, text in files.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run: make docs"


def test_a_block_needs_its_marks() -> None:
    marked = "a\n# generated: x (by y)\nold\n# end: x\nb\n"
    assert with_blocks(marked, {"x": "new\n"}) == marked.replace("old", "new")
    with pytest.raises(ValueError, match="end: xy"):
        with_blocks(marked.replace("generated: x", "generated: xy"), {"xy": ""})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_resolve(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)[^)]*\)|(?:src|href|srcset)=\"([^\"]+)\"", text)
    for target in filter(None, chain.from_iterable(links)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        assert not anchor or anchor in _anchors(linked), target


def test_the_readmes_make_targets_exist(readme: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    code = re.findall(r"^ {4}.*$|```.*?^```|`[^`\n]+`", readme, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(code)))
    assert {"demo", "test"} <= named <= targets


def test_ci_runs_what_make_test_leaves_out() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    marked = dict(re.findall(r"^MARKED_(\w+) := -m (.+)$", makefile, re.MULTILINE))
    assert marked == {"quick": "'not slow'", "slow": "slow"}  # nothing is in neither
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    run = re.findall(r"^check (make test\b.*?)(?: #|$)", script, re.MULTILINE)
    assert run == ["make test TESTS=slow", "make test PYTEST_OPTIONS=--cov"]
    for workflow in ("test", "newest"):
        text = (ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text(encoding="utf-8")
        assert "make test TESTS=all " in text


def test_the_architecture_names_every_module_of_the_larger_wings() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    wings = ("streams", "paging", "replication", "output")
    modules = {
        file.name
        for wing in wings
        for file in (ROOT / "tap_ayra" / wing).glob("*.py")
        if file.name != "__init__.py"
    }
    named = set(re.findall(r"\b([a-z_]+\.py)\b", page))
    assert len(modules) > 30
    assert modules <= named
    assert named <= {
        file.name for folder in ("tap_ayra", "tests") for file in (ROOT / folder).rglob("*.py")
    }


def test_the_contract_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "replication.md").read_text(encoding="utf-8")
    _, begin, rest = page.partition("<!-- contract -->")
    contract, end, _ = rest.partition("<!-- /contract -->")
    assert begin
    assert end
    named = set(re.findall(r"`(test_\w+)`", contract))
    assert len(named) > 30
    assert named <= set(chain.from_iterable(map(_tests, (ROOT / "tests").glob("test_*.py"))))


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


def test_meltano_knows_every_setting_and_guesses_at_none(plugin: dict[str, Any]) -> None:
    assert {setting["name"] for setting in plugin["settings"]} == SAID["settings"][
        "properties"
    ].keys()
    assert not any("kind" in setting for setting in plugin["settings"])


def test_meltano_keeps_what_is_confidential_to_itself(plugin: dict[str, Any]) -> None:
    hidden = {setting["name"] for setting in plugin["settings"] if setting.get("sensitive")}
    assert hidden == {"api_key", "caller", "search"}


def test_the_example_of_an_environment_names_every_setting(example: dict[str, str]) -> None:
    assert {name.lower() for name in example} == DECLARED.keys()


def test_the_example_of_an_environment_holds_no_key(example: dict[str, str]) -> None:
    assert example["API_KEY"] == ""
    assert "sk_live_" not in str(example)


def test_the_example_of_an_environment_is_valid(
    example: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in example.items():
        monkeypatch.setenv(f"TAP_AYRA_{name}", value)
    monkeypatch.setenv("TAP_AYRA_API_KEY", "sk_test_not_a_real_key")
    with captured():
        tap = TapAyra(parse_env_config=True)
    assert tap.config.keys() >= DECLARED.keys()


def _tests(file: Path) -> set[str]:
    """Give a test file's name, and those of its tests and classes."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {file.name, file.stem} | {
        node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def _anchors(page: Path) -> set[str]:
    """Give the names that GitHub gives the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}
