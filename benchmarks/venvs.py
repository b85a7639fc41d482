"""A virtual environment for each tool, since their dependencies do not agree with each other."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
VENVS = HERE / ".venvs"
PROJECT = "project"
_OWN = "tap-ayra"


def python(name: str) -> str:
    """Name the Python of an environment."""
    return program(name, "python")


def program(name: str, command: str) -> str:
    """Name a program in an environment; `PROJECT` is the one that runs the benchmark."""
    home = Path(sys.prefix) if name == PROJECT else VENVS / name
    return str(home / "bin" / command)


def ensure(name: str) -> None:
    """Make an environment, unless it is there and nothing in it has changed since.

    Raises:
        RuntimeError: If it cannot be installed; says why.
    """
    if name == PROJECT:
        return
    pins = _pins(name)
    sources = [pins, *(_sources() if name == _OWN else [])]
    want = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    stamp = VENVS / name / "pins.sha256"
    if stamp.exists() and stamp.read_text() == want:
        return
    print(f"installing {name} …", flush=True)
    shutil.rmtree(VENVS / name, ignore_errors=True)
    _uv("venv", "--quiet", "--python", sys.executable, str(VENVS / name))
    install = ("pip", "install", "--quiet", "--compile-bytecode", "--python", python(name))
    _uv(*install, "--requirement", str(pins))
    if name == _OWN:
        with tempfile.TemporaryDirectory() as folder:
            _uv("build", "--quiet", "--wheel", "--out-dir", folder, str(ROOT))
            _uv(*install, "--no-deps", *map(str, Path(folder).glob("*.whl")))
    stamp.write_text(want)


def versions(name: str, packages: tuple[str, ...]) -> dict[str, str]:
    """Look up which versions of some packages an environment holds."""
    code = (
        "import importlib.metadata, json, sys;"
        "print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))"
    )
    ran = subprocess.run(
        [python(name), "-c", code, *packages], check=True, capture_output=True, text=True
    )
    found: dict[str, str] = json.loads(ran.stdout)
    return found


def _pins(name: str) -> Path:
    own = HERE / "requirements" / f"{name}.txt"
    return own if own.exists() else ROOT / "requirements" / f"{name}.txt"


def _sources() -> list[Path]:
    """Name all that goes into the wheel."""
    return [ROOT / "pyproject.toml", *sorted((ROOT / "tap_ayra").rglob("*.py"))]


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
