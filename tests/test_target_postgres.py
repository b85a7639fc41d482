"""What the project sets for target-postgres reaches it, and loses nothing of a record."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import jsonschema
import psycopg
import pytest
import yaml

from sandbox.meltano_project import (
    DEFINITION,
    MeltanoProject,
    clean_environment,
    plugin_program,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("plugins")]

TARGET = plugin_program("loaders/target-postgres")
SAMPLES = {"boolean": "true", "integer": "4711", "options": "verify-ca"}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "numbers",
    "key_properties": ["id"],
    "schema": {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "amount": {"type": ["number", "null"]},
        },
    },
}


@pytest.mark.parametrize("plugin", ["target-postgres", "target-postgres-batch"])
def test_every_setting_from_the_environment_reaches_the_target(tmp_path: Path, plugin: str) -> None:
    kinds = {setting["name"]: setting.get("kind", "string") for setting in _settings()}
    given = {name: SAMPLES.get(kind, f"a {name}") for name, kind in kinds.items()}
    prefix = plugin.upper().replace("-", "_")
    project = MeltanoProject(
        tmp_path, {f"{prefix}_{name.upper()}": value for name, value in given.items()}
    )
    received = json.loads(project.check("invoke", "--dump=config", plugin))
    assert {name: _as_text(value) for name, value in received.items()} == given
    known = _known_settings()
    jsonschema.validate(received, {"properties": {name: known[name] for name in received}})


@pytest.mark.parametrize(
    ("plugin", "shipped"),
    [
        ("target-postgres", {"use_copy": False, "add_record_metadata": True}),
        ("target-postgres-batch", {"use_copy": True, "add_record_metadata": False}),
    ],
)
def test_what_is_shipped_reaches_the_target(
    tmp_path: Path, plugin: str, shipped: dict[str, bool]
) -> None:
    received = json.loads(MeltanoProject(tmp_path).check("invoke", "--dump=config", plugin))
    both = {"validate_records": False, "sanitize_null_text_characters": True}
    assert received.items() >= {**shipped, **both}.items()


def test_the_pair_for_files_takes_the_same_variables(tmp_path: Path) -> None:
    server = {"TARGET_POSTGRES_HOST": "db.example", "TARGET_POSTGRES_PASSWORD": "secret"}
    project = MeltanoProject(tmp_path, server)
    received = json.loads(project.check("invoke", "--dump=config", "target-postgres-batch"))
    assert (received["host"], received["password"]) == ("db.example", "secret")


def test_the_tap_is_told_where_its_files_go(tmp_path: Path) -> None:
    project = MeltanoProject(tmp_path, {"TAP_AYRA_API_KEY": "sk_test_not_a_real_key"})
    received = json.loads(project.check("invoke", "--dump=config", "tap-ayra-batch"))
    assert received["api_key"] == "sk_test_not_a_real_key"
    assert received["batch_config"] == {
        "encoding": {"format": "jsonl", "compression": "none"},
        "storage": {"root": str(tmp_path / ".meltano" / "batches")},
        "batch_size": 25_000,
    }


@pytest.mark.parametrize(("validate", "accepted"), [(True, False), (False, True)])
def test_validate_records_takes_effect(
    database: str, tmp_path: Path, *, validate: bool, accepted: bool
) -> None:
    assert bool(_load(database, tmp_path, '"12"', validate_records=validate)) is accepted


def test_only_without_copy_is_each_digit_kept(database: str, tmp_path: Path) -> None:
    numbers = ["12.5", "123456789012345", "123456789012345678901234567890"]
    copied = ["12.5", "123456789012345.0", "123456789012345680000000000000"]
    assert _load(database, tmp_path, *numbers) == numbers
    assert _load(database, tmp_path, *numbers, use_copy=True) == copied


def _load(database: str, folder: Path, *amounts: str, **settings: bool) -> list[str]:
    """Load records and give their amounts as the database shows them; none if one is refused."""
    config = folder / "config.json"
    target = {"sqlalchemy_url": _url(database), "default_target_schema": "loaded", **settings}
    config.write_text(json.dumps(target))
    records = [
        f'{{"type":"RECORD","stream":"numbers","record":{{"id":{number},"amount":{amount}}}}}'
        for number, amount in enumerate(amounts)
    ]
    ran = subprocess.run(
        [TARGET, "--config", config],
        input="\n".join([json.dumps(SCHEMA), *records, ""]),
        env=clean_environment() | {"PGTZ": "UTC"},
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        return []
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT amount::text FROM loaded.numbers ORDER BY id")
        return [amount for (amount,) in rows]


def _url(database: str) -> str:
    with psycopg.connect(database) as connection:
        info = connection.info
        return (
            f"postgresql+psycopg://{info.user}:{info.password}@{info.host}:{info.port}/"
            f"{info.dbname}"
        )


def _settings() -> list[dict[str, Any]]:
    loaders = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))["plugins"]["loaders"]
    settings: list[dict[str, Any]] = next(
        loader["settings"] for loader in loaders if loader["name"] == "target-postgres"
    )
    return settings


def _known_settings() -> dict[str, Any]:
    ran = subprocess.run(
        [TARGET, "--about", "--format=json"],
        env=clean_environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    known: dict[str, Any] = json.loads(ran.stdout)["settings"]["properties"]
    return known


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
