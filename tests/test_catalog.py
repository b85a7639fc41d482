"""The catalog: its streams, their keys, and schemas that every documented field stands in."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec
import pytest

from sandbox import Call, SandboxApi, SandboxClock, World, serve
from sandbox.meltano_project import ROOT
from tap_ayra.conversation import Conversation
from tap_ayra.errors import TapAyraError
from tap_ayra.streams.schemas import CONVERSATION
from tap_ayra.tap import TapAyra
from tests.singer import captured, deselect, discovered, run_tap

NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
TEXT: dict[str, Any] = {"type": ["string", "null"]}
MOMENT: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
TRUTH: dict[str, Any] = {"type": ["boolean", "null"]}
TYPES: dict[str, dict[str, Any]] = {
    "id": {"type": ["string"]},
    "agent_id": TEXT,
    "agent_name": TEXT,
    "caller_number": TEXT,
    "status": TEXT,
    "start_time": MOMENT,
    "end_time": MOMENT,
    "duration": {"type": ["number", "null"]},
    "sentiment": TEXT,
    "outcome": TEXT,
    "topics": {"type": ["array", "null"], "items": TEXT},
    "has_recording": TRUTH,
    "has_transcript": TRUTH,
    "summary": TEXT,
    "created_at": MOMENT,
}


@pytest.fixture
def stream() -> dict[str, Any]:
    """The stream of conversations in the catalog."""
    return dict(discovered()["streams"][0])


@pytest.fixture
def world() -> World:
    """Three finished calls."""
    starts = [NOW - timedelta(hours=hours) for hours in (3, 2, 1)]
    calls = [Call(f"conv_{start.hour}", start, start + timedelta(minutes=5)) for start in starts]
    return World(SandboxClock(NOW, frozen=True), calls)


def test_the_file_is_what_is_discovered() -> None:
    with captured() as written:
        TapAyra(validate_config=False, setup_mapper=False).run_discovery()
    assert (ROOT / "catalog.json").read_bytes() == written.getvalue()


def test_keys_and_replication(stream: dict[str, Any]) -> None:
    assert stream["tap_stream_id"] == stream["stream"] == "conversations"
    assert stream["key_properties"] == ["id"]
    assert stream["replication_key"] == "start_time"
    assert stream["replication_method"] == "INCREMENTAL"
    metadata = _metadata(stream)
    assert metadata[()]["valid-replication-keys"] == ["start_time"]
    assert metadata[()]["table-key-properties"] == ["id"]


def test_the_stream_is_selected_by_default(stream: dict[str, Any]) -> None:
    metadata = _metadata(stream)
    assert metadata[()]["inclusion"] == "available"
    assert metadata[()].get("selected-by-default", metadata[()].get("selected")) is True
    assert {name[-1]: entry["inclusion"] for name, entry in metadata.items() if name} == {
        name: "automatic" if name in {"id", "start_time"} else "available" for name in TYPES
    }


def test_everything_is_read_with_the_catalog_as_discovered(world: World) -> None:
    with serve(SandboxApi(world)) as sandbox:
        output = run_tap(sandbox, catalog=discovered())
    assert output.records == world.rows()
    assert output.schema["properties"].keys() == TYPES.keys()


def test_types(stream: dict[str, Any]) -> None:
    schema = stream["schema"]
    described = {
        name: {key: value for key, value in definition.items() if key != "description"}
        for name, definition in schema["properties"].items()
    }
    assert described == TYPES
    assert schema["required"] == ["id"]
    assert schema["type"] == "object"


def test_the_fields_are_those_of_the_api(stream: dict[str, Any], world: World) -> None:
    assert list(stream["schema"]["properties"]) == list(world.rows()[0])


def test_every_field_is_described_with_its_source(stream: dict[str, Any]) -> None:
    for name, definition in stream["schema"]["properties"].items():
        assert definition["description"].endswith(f"from {name}")
    assert "seconds" in stream["schema"]["properties"]["duration"]["description"]
    for name, definition in TYPES.items():
        if definition is MOMENT:
            assert "UTC" in stream["schema"]["properties"][name]["description"]


def test_new_values_break_nothing(stream: dict[str, Any], world: World) -> None:
    assert "enum" not in json.dumps(stream["schema"])
    world["conv_12"].overrides = {"status": "transferred", "sentiment": "mixed", "outcome": "new"}
    with serve(SandboxApi(world)) as sandbox:
        assert run_tap(sandbox).records == world.rows()


def test_every_field_but_the_id_may_be_null(world: World) -> None:
    nulls = dict.fromkeys(TYPES.keys() - {"id"})
    world["conv_14"].overrides = nulls
    with serve(SandboxApi(world)) as sandbox:
        records = run_tap(sandbox).records
    assert {**nulls, "id": "conv_14"} in records


def test_unknown_fields_are_left_out_with_one_warning_each(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for call in world.visible():
        call.overrides = {"language": "en", "score": {"csat": 5}}
    with serve(SandboxApi(world)) as sandbox:
        for _ in range(2):  # once for each sync
            caplog.clear()
            records = run_tap(sandbox, page_size=1).records
            warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
            assert {getattr(warning, "code", "") for warning in warnings} == {"field-unknown"}
            assert sorted(warning.getMessage().split()[1].rstrip(":") for warning in warnings) == [
                "language",
                "score",
            ]
    assert len(records) == 3
    assert all(record.keys() == TYPES.keys() for record in records)


def test_keys_are_sent_even_if_deselected(world: World) -> None:
    catalog = discovered()
    deselect(catalog, TYPES)
    with serve(SandboxApi(world)) as sandbox:
        assert run_tap(sandbox, catalog=catalog).records == [
            {"id": row["id"], "start_time": row["start_time"]} for row in world.rows()
        ]


@pytest.mark.parametrize("maps", [{}, {"stream_maps": {"conversations": {"summary": None}}}])
def test_no_schema_names_a_draft_that_targets_may_refuse(
    world: World, maps: dict[str, Any]
) -> None:
    with serve(SandboxApi(world)) as sandbox:
        assert "$schema" not in run_tap(sandbox, **maps).schema
        assert "$schema" not in run_tap(sandbox, catalog=discovered(), **maps).schema


def test_a_deselected_stream_is_not_read(world: World, caplog: pytest.LogCaptureFixture) -> None:
    catalog = discovered()
    catalog["streams"][0]["metadata"][-1]["metadata"]["selected"] = False
    with serve(SandboxApi(world)) as sandbox:
        assert run_tap(sandbox, catalog=catalog).records == []
        assert sandbox.api.requests == []
    warned = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert [getattr(record, "code", "") for record in warned] == ["nothing-selected"]


# Catalogs as people have them


def in_metadata(**metadata: object) -> dict[str, Any]:
    """Give a catalog that says in its metadata alone how to replicate."""
    catalog = discovered()
    stream = next(each for each in catalog["streams"] if each["tap_stream_id"] == "conversations")
    for name in ("replication_method", "replication_key", "key_properties"):
        stream.pop(name, None)
    (root,) = (entry["metadata"] for entry in stream["metadata"] if not entry["breadcrumb"])
    for name in [name for name in root if name.endswith(("-method", "-keys", "-properties"))]:
        del root[name]
    root.update((name.replace("_", "-"), value) for name, value in metadata.items())
    return catalog


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"table_key_properties": ["id"]},
        {"table_key_properties": []},
        {"view_key_properties": ["id"]},
    ],
)
def test_the_key_stands_in_the_schema_whatever_a_catalog_leaves_out(
    world: World, metadata: dict[str, Any]
) -> None:
    with serve(SandboxApi(world)) as sandbox:
        output = run_tap(sandbox, catalog=in_metadata(**metadata))
    (message,) = output.of_type("SCHEMA")
    assert message["key_properties"] == ["id"]
    assert output.records == world.rows()


@pytest.mark.parametrize("keys", [[], ["agent_id"], None])
def test_the_key_is_the_id_whatever_a_catalog_says(world: World, keys: list[str] | None) -> None:
    catalog = discovered()
    catalog["streams"][0]["key_properties"] = keys
    with serve(SandboxApi(world)) as sandbox:
        (message,) = run_tap(sandbox, catalog=catalog).of_type("SCHEMA")
    assert message["key_properties"] == ["id"]


def test_the_id_is_sent_even_if_a_catalog_lacks_it_or_calls_it_available(world: World) -> None:
    lacking, available = discovered(), discovered()
    del lacking["streams"][0]["schema"]["properties"]["id"]
    for entry in available["streams"][0]["metadata"]:
        if entry["breadcrumb"][-1:] == ["id"]:
            entry["metadata"] = {"inclusion": "available", "selected": False}
    with serve(SandboxApi(world)) as sandbox:
        for catalog in (lacking, available):
            output = run_tap(sandbox, catalog=catalog)
            assert "id" in output.schema["properties"]
            assert output.records == world.rows()


@pytest.mark.parametrize("schema", [{}, None])
def test_a_catalog_without_a_schema_means_the_whole_one(
    world: World, schema: dict[str, Any] | None
) -> None:
    catalog = discovered()
    catalog["streams"][0]["schema"] = schema
    if schema is None:
        del catalog["streams"][0]["schema"]
    with serve(SandboxApi(world)) as sandbox:
        assert run_tap(sandbox, catalog=catalog).records == world.rows()


@pytest.mark.parametrize(
    ("metadata", "keeps_a_bookmark"),
    [
        ({}, True),
        ({"replication_method": "INCREMENTAL"}, True),
        ({"replication_method": "INCREMENTAL", "replication_key": "start_time"}, True),
        ({"forced_replication_method": "INCREMENTAL"}, True),
        ({"replication_method": "FULL_TABLE"}, False),
        ({"forced_replication_method": "FULL_TABLE"}, False),
        ({"replication_method": "FULL_TABLE", "replication_key": "start_time"}, False),
    ],
)
def test_the_method_may_stand_in_metadata(
    world: World, metadata: dict[str, Any], *, keeps_a_bookmark: bool
) -> None:
    with serve(SandboxApi(world)) as sandbox:
        output = run_tap(sandbox, catalog=in_metadata(**metadata))
    assert output.records == world.rows()
    last = output.of_type("STATE")[-1]["value"].get("bookmarks", {}).get("conversations", {})
    assert ("replication_key_value" in last) is keeps_a_bookmark


def test_metadata_wins_over_what_was_discovered(world: World) -> None:
    catalog = discovered()
    assert catalog["streams"][0]["replication_method"] == "INCREMENTAL"
    for entry in catalog["streams"][0]["metadata"]:
        if not entry["breadcrumb"]:
            entry["metadata"]["replication-method"] = "FULL_TABLE"
    with serve(SandboxApi(world)) as sandbox:
        last = run_tap(sandbox, catalog=catalog).of_type("STATE")[-1]["value"]
    assert "replication_key_value" not in last.get("bookmarks", {}).get("conversations", {})


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"replication_method": "LOG_BASED"}, "catalog-method"),
        ({"forced_replication_method": "LOG_BASED"}, "catalog-method"),
        ({"replication_key": "created_at"}, "catalog-key"),
    ],
)
def test_what_is_not_offered_is_refused_in_metadata_too(
    world: World, metadata: dict[str, Any], code: str
) -> None:
    with serve(SandboxApi(world)) as sandbox, pytest.raises(TapAyraError) as failure:
        run_tap(sandbox, catalog=in_metadata(**metadata))
    assert failure.value.code == code


def _metadata(stream: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {tuple(entry["breadcrumb"]): entry["metadata"] for entry in stream["metadata"]}


def test_the_typed_conversation_and_the_schema_name_the_same_fields_and_types() -> None:
    kinds = {str: "string", bool: "boolean", int: "number", float: "number", list: "array"}
    typed = {
        field.encode_name: {
            kinds[get_origin(kind) or kind]
            for kind in get_args(field.type) or (field.type,)
            if kind is not NoneType
        }
        for field in msgspec.structs.fields(Conversation)
    }
    properties = CONVERSATION["properties"]
    assert list(typed) == list(properties)
    for name, definition in properties.items():
        assert typed[name] == set(definition["type"]) - {"null"}, name
