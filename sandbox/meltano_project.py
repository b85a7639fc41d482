"""The Meltano project in a scratch folder, for tests and the demo.

Plugins are installed once, at pinned versions, in the checkout's own `.meltano` folder, and every
scratch project uses them from there. `python -m sandbox.meltano_project` installs what is missing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ROOT = Path(__file__).resolve().parents[1]
DEFINITION = ROOT / "meltano.yml"
PINNED = ROOT / "requirements"
PLUGINS = {
    "extractors/tap-ayra": PINNED / "dev.txt",
    "loaders/target-jsonl": PINNED / "target-jsonl.txt",
    "loaders/target-postgres": PINNED / "target-postgres.txt",
}
MELTANO = Path(sys.executable).with_name("meltano")

# Whoever runs this may have settings of their own, and a proxy. Nothing outside this machine is to
# be reached in a run, so all of it is sent to a port where nobody listens.
NOT_PASSED_ON = ("TAP_AYRA_", "TARGET_", "MELTANO_", "PG", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
NOWHERE = "http://127.0.0.1:9"
OFFLINE = {
    "http_proxy": NOWHERE,
    "https_proxy": NOWHERE,
    "no_proxy": "127.0.0.1,localhost",
    "NO_PROXY": "127.0.0.1,localhost",
    "UV_OFFLINE": "1",
}
ALONE = {
    "MELTANO_HUB_URL": NOWHERE,
    "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
    "NO_COLOR": "1",
}


def clean_environment() -> dict[str, str]:
    """Give this process's environment without settings of the tap, its targets and Meltano."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(NOT_PASSED_ON)
    }


def install_plugins(*names: str) -> None:
    """Install these plugins, or all, where their requirements changed since the last time.

    Processes that ask for it at the same time take turns.
    """
    lock = ROOT / ".meltano" / "installing"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _install(names)


def _install(names: Collection[str]) -> None:
    for plugin, constraints in PLUGINS.items():
        if names and Path(plugin).name not in names:
            continue
        stamp = ROOT / ".meltano" / plugin / "installed-from"
        wanted = _fingerprint(constraints)
        if stamp.exists() and stamp.read_text() == wanted:
            continue
        sys.stdout.write(f"Installing {Path(plugin).name} …\n")
        sys.stdout.flush()
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run(
                [MELTANO, "--log-level=warning", "install", "--clean", Path(plugin).name],
                cwd=ROOT,
                env={
                    **{k: v for k, v in os.environ.items() if not k.startswith("MELTANO_")},
                    **ALONE,
                    "MELTANO_DATABASE_URI": f"sqlite:///{scratch}/meltano.db",
                    "UV_CONSTRAINT": str(constraints),
                },
                check=True,
                stdout=sys.stderr,
            )
        stamp.write_text(wanted)


def plugin_program(plugin: str) -> Path:
    """Find the command of a plugin that Meltano installed, such as `loaders/target-postgres`."""
    return ROOT / ".meltano" / plugin / "venv" / "bin" / Path(plugin).name


@dataclass
class MeltanoProject:
    """A copy of the project in `folder`: its own settings, state and output, the same plugins."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copy(DEFINITION, self.folder)
        for plugin in PLUGINS:
            venv = self.folder / ".meltano" / plugin / "venv"
            venv.parent.mkdir(parents=True)
            venv.symlink_to(ROOT / ".meltano" / plugin / "venv")

    def meltano(self, *arguments: str, log_level: str = "info") -> subprocess.CompletedProcess[str]:
        """Run `meltano` here, with nothing outside this machine in reach."""
        return subprocess.run(
            [MELTANO, f"--log-level={log_level}", *arguments],
            cwd=self.folder,
            env={**clean_environment(), **OFFLINE, **ALONE, **self.settings},
            check=False,
            capture_output=True,
            text=True,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `meltano` here, in a process group of its own, and don't wait for it."""
        return subprocess.Popen(
            [MELTANO, *arguments],
            cwd=self.folder,
            env={**clean_environment(), **OFFLINE, **ALONE, **self.settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def check(self, *arguments: str) -> str:
        """Run `meltano` here, which must succeed, and give what it printed."""
        result = self.meltano(*arguments)
        if result.returncode != 0:
            message = f"meltano {' '.join(arguments)} failed:\n{result.stderr}"
            raise AssertionError(message)
        return result.stdout

    def state(self, target: str) -> dict[str, Any]:
        """Give the state that the last run of tap-ayra into a target left."""
        result = self.meltano("state", "get", f"dev:tap-ayra-to-{target}", log_level="error")
        state: dict[str, Any] = json.loads(result.stdout)["singer_state"]
        return state


def _fingerprint(constraints: Path) -> str:
    """Tell apart what was installed: versions, which Python, and where the checkout is."""
    digest = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    digest.update((ROOT / "pyproject.toml").read_bytes())
    digest.update(constraints.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    install_plugins()
