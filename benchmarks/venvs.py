"""A virtual environment for each tool, since their dependencies do not agree with each other."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
_VENVS = HERE / ".venvs"
_OWN = "tap-ayra"


def python(tool: str) -> str:
    """Name the Python of a tool's environment."""
    return program(tool, "python")


def program(tool: str, name: str) -> str:
    """Name a program in a tool's environment."""
    return str(_VENVS / tool / "bin" / name)


def ensure(tool: str) -> None:
    """Make a tool's environment, unless it stands and its pins have not changed since.

    Raises:
        RuntimeError: If it cannot be installed; says why.
    """
    pins = HERE / "requirements" / f"{tool}.txt"
    sources = [pins, ROOT / "pyproject.toml"] if tool == _OWN else [pins]
    want = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    stamp = _VENVS / tool / "pins.sha256"
    if stamp.exists() and stamp.read_text() == want:
        return
    print(f"installing {tool} …", flush=True)
    shutil.rmtree(_VENVS / tool, ignore_errors=True)
    _uv("venv", "--quiet", "--python", sys.executable, str(_VENVS / tool))
    install = ("pip", "install", "--quiet", "--compile-bytecode", "--python", python(tool))
    _uv(*install, "--requirement", str(pins))
    if tool == _OWN:
        _uv(*install, "--no-deps", "--editable", str(ROOT))
    stamp.write_text(want)


def versions(tool: str, packages: tuple[str, ...]) -> dict[str, str]:
    """Look up which versions of some packages a tool's environment holds."""
    code = (
        "import importlib.metadata, json, sys;"
        "print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))"
    )
    ran = subprocess.run(
        [python(tool), "-c", code, *packages], check=True, capture_output=True, text=True
    )
    found: dict[str, str] = json.loads(ran.stdout)
    return found


def _uv(*arguments: str) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if not uv and not importlib.util.find_spec("uv"):
        raise RuntimeError("uv is not installed: put it on PATH, or name it in UV")
    ran = subprocess.run(
        [*([uv] if uv else [sys.executable, "-m", "uv"]), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr.strip() or f"uv ended with exit code {ran.returncode}")
