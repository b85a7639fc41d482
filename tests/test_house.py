"""The shape of the package: imports run one way, files stay small, and none only forwards."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from sandbox.meltano_project import ROOT

LONGEST = 250
MODULES = sorted((ROOT / "tap_ayra").glob("**/*.py"))


def test_imports_run_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [linter, "--no-cache", "--no-logo"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_files_stay_small() -> None:
    lines = {str(file.relative_to(ROOT)): len(file.read_bytes().splitlines()) for file in MODULES}
    assert {file: count for file, count in lines.items() if count > LONGEST} == {}


@pytest.mark.parametrize(
    "file",
    [file for file in MODULES if file.name != "__init__.py"],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_no_file_only_forwards(file: Path) -> None:
    statements = ast.parse(file.read_text(encoding="utf-8")).body
    assert not all(_forwards(statement) for statement in statements)


def test_each_helper_of_the_tests_has_a_name_of_its_own() -> None:
    files = [*(ROOT / "tests").glob("*.py"), *(ROOT / "tests" / "simulator").glob("*.py")]
    helpers = Counter(
        node.name
        for file in files
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        if not node.name.startswith(("_", "test_"))
        if not any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
    )
    assert [name for name, count in helpers.items() if count > 1] == []


def _forwards(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Expr(ast.Constant()):
            return True
        case ast.Assign([ast.Name("__all__")]):
            return True
        case ast.Assign(_, ast.Name() | ast.Attribute()):  # another name for something imported
            return True
        case ast.If():
            return all(map(_forwards, statement.body))
        case _:
            return False


def test_the_readme_of_the_tests_names_what_is_there() -> None:
    readme = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    defined = "\n".join(
        file.read_text(encoding="utf-8") for file in (ROOT / "tests").glob("**/*.py")
    )
    for name in re.findall(r"`(test_\w+)`", readme):
        assert f"def {name}(" in defined, name
    for pattern in re.findall(r"`([\w/*]+\.py)`", readme):
        assert list((ROOT / "tests").glob(pattern)), pattern
