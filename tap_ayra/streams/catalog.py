"""Catalogs as people have them: what they leave out is the stream's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL

from tap_ayra.errors import TapAyraError
from tap_ayra.messages import replication as messages
from tap_ayra.replication.bookmark import REPLICATION_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OWN_KEY = {None, REPLICATION_KEY}
_METHODS = {None, REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL}


class Offer(NamedTuple):
    """What a stream says of itself.

    Attributes:
        schema: of a record.
        keys: the fields that identify one.
    """

    schema: Mapping[str, Any]
    keys: Sequence[str]


def complete(catalog: Mapping[str, Any], offers: Mapping[str, Offer]) -> dict[str, Any]:
    """Bring a catalog into the form that the SDK reads.

    The SDK takes keys from the top of an entry only, and no ``replication-method`` from metadata.

    Args:
        catalog: as discovered or edited; what is not of these streams stays as it is.
        offers: the streams that the tap has, by name.

    Returns:
        The catalog: each entry's replication method and key at its top, metadata first; the
        stream's own key; a schema that holds the key, the stream's own where the entry has none.
    """
    entries = [
        _entry(entry, offers[entry["tap_stream_id"]])
        if isinstance(entry, dict) and entry.get("tap_stream_id") in offers
        else entry
        for entry in catalog.get("streams", [])
    ]
    return {**catalog, "streams": entries}


def refuse_unknown(stream: str, method: str | None, key: str | None) -> None:
    """Refuse what a catalog may ask for and this tap does not offer.

    Args:
        stream: the stream's name.
        method: the replication method; None for the stream's own.
        key: the replication key; None for the stream's own.

    Raises:
        TapAyraError: if it is another key or an unknown method.
    """
    if key not in _OWN_KEY:
        raise TapAyraError(messages.CATALOG_KEY(stream=stream, key=key))
    if method not in _METHODS:
        raise TapAyraError(messages.CATALOG_METHOD(stream=stream, method=method))


def _entry(entry: Mapping[str, Any], offer: Offer) -> dict[str, Any]:
    metadata: list[dict[str, Any]] = entry.get("metadata") or []
    root: dict[str, Any] = {}
    root = next((each["metadata"] for each in metadata if not each["breadcrumb"]), root)
    schema = entry.get("schema") or {}
    if not schema.get("properties"):
        schema = offer.schema
    keys = {name: offer.schema["properties"][name] for name in offer.keys}
    automatic = [
        {"breadcrumb": ["properties", name], "metadata": {"inclusion": "automatic"}}
        for name in keys
    ]
    paths = [each["breadcrumb"] for each in automatic]
    method = root.get("replication-method") or entry.get("replication_method")
    named = [entry.get("replication_key"), root.get("replication-key")]
    others = [key for key in named if key not in _OWN_KEY]
    return {
        **entry,
        "replication_method": method or root.get("forced-replication-method"),
        "replication_key": others[0] if others else named[0] or named[1],
        "key_properties": [*keys],
        "schema": {**schema, "properties": {**keys, **schema["properties"]}},
        "metadata": [*(each for each in metadata if each["breadcrumb"] not in paths), *automatic],
    }
