"""What is shipped and pinned, against what the project says of itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from importlib import metadata
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sandbox.meltano_project import ROOT

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    hatchling = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(
        [*hatchling, "--directory", str(folder)], cwd=ROOT, check=True, capture_output=True
    )
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "tap_ayra").glob("**/*.py")}
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert shipped == {*modules, "tap_ayra/py.typed"}


def test_the_wheels_metadata(wheel: zipfile.ZipFile) -> None:
    described = _metadata(wheel)
    assert described["Name"] == "tap-ayra"
    assert described["Version"] == PROJECT["project"]["version"] == metadata.version("tap-ayra")
    assert described["Requires-Python"] == ">=3.11"
    assert described["License-Expression"] == "Apache-2.0"
    assert described["License-File"] == "LICENSE"
    licence = next(name for name in wheel.namelist() if name.endswith("/licenses/LICENSE"))
    text = wheel.read(licence).decode()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_the_changelog_tells_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?(\d[^\]\s]*)", changelog, re.MULTILINE)
    assert versions[0] == PROJECT["project"]["version"]


def test_dependencies_are_what_the_package_imports() -> None:
    homes = metadata.packages_distributions()
    imported = {
        canonicalize_name(homes[name][0])
        for name in chain.from_iterable(map(_imports, (ROOT / "tap_ayra").glob("**/*.py")))
        if name not in sys.stdlib_module_names and name != "tap_ayra"
    }
    assert imported == {
        canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["dependencies"]
    }


def test_python_versions_agree() -> None:
    prefix = "Programming Language :: Python :: 3."
    claimed = [
        "3." + classifier.removeprefix(prefix)
        for classifier in PROJECT["project"]["classifiers"]
        if classifier.startswith(prefix)
    ]
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python-version"] == claimed
    assert PROJECT["project"]["requires-python"] == f">={claimed[0]}"
    assert PROJECT["tool"]["mypy"]["python_version"] == claimed[0]
    assert re.findall(r"^ARG PYTHON=python:(\S+)-slim$", DOCKERFILE, re.MULTILINE)[0] in claimed


def test_the_image_is_made_of_what_docker_may_see() -> None:
    sources = re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    copied = set(chain.from_iterable(map(str.split, sources)))
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert copied == {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_runs_the_tap_and_is_not_root() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\d+)$", final, re.MULTILINE)
    assert int(user) > 0
    assert re.findall(r"^ENTRYPOINT (.+)$", final, re.MULTILINE) == ['["tap-ayra"]']


def _metadata(wheel: zipfile.ZipFile) -> Message:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def _imports(file: Path) -> set[str]:
    nodes: list[Any] = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in plain | named}
