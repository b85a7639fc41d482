"""What is pinned: with hashes, without hosts, and the same version everywhere.

The weekly run against the newest versions leaves this file out.
"""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from typing import TYPE_CHECKING

import pytest
import yaml
from packaging.utils import NormalizedName, canonicalize_name

from sandbox.meltano_project import PINNED, ROOT

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", sorted(PINNED.glob("*.txt")), ids=lambda file: file.name)
def test_pins_have_hashes_and_name_no_host(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert "://" not in text
    requirements = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert all(
        re.match(r"\S+==\S", requirement) and "--hash=sha256:" in requirement
        for requirement in requirements
    )


def test_the_environment_is_the_pinned_one() -> None:
    pinned = _pinned(PINNED / "dev.txt")
    installed = {canonicalize_name(item.name): item.version for item in metadata.distributions()}
    assert installed.items() - pinned.items() == {("tap-ayra", PROJECT["project"]["version"])}


def test_pinned_targets_are_meltanos() -> None:
    definition = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    loaders = [each for each in definition["plugins"]["loaders"] if "inherit_from" not in each]
    assert len(loaders) > 1
    for loader in loaders:
        name, version = loader["pip_url"].split("==")
        assert _pinned(PINNED / f"{loader['name']}.txt")[canonicalize_name(name)] == version


@pytest.mark.parametrize(
    ("tool", "repository"),
    [
        ("check-jsonschema", "python-jsonschema/check-jsonschema"),
        ("ruff", "astral-sh/ruff-pre-commit"),
        ("zizmor", "zizmorcore/zizmor-pre-commit"),
    ],
)
def test_pre_commit_runs_the_pinned_tool(tool: str, repository: str) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    revisions = {repo["repo"]: repo.get("rev", "") for repo in hooks["repos"]}
    pinned = _pinned(PINNED / "dev.txt")[canonicalize_name(tool)]
    assert revisions[f"https://github.com/{repository}"].removeprefix("v") == pinned


def test_the_makefile_gets_the_pinned_uv() -> None:
    version = _pinned(PINNED / "dev.txt")[canonicalize_name("uv")]
    assert f"UV_VERSION := {version}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["build.txt", "tap-ayra.txt"])
def test_the_image_gets_what_the_tests_ran_with(name: str) -> None:
    image, tested = _pinned(PINNED / name), _pinned(PINNED / "dev.txt")
    assert image
    assert image.items() <= tested.items()


def _pinned(file: Path) -> dict[NormalizedName, str]:
    pairs = re.findall(r"^([\w.-]+)==([^\s;]+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pairs}
