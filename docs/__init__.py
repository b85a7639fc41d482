"""The documentation, and the generators of the parts that the code knows better."""

from __future__ import annotations

from pathlib import Path

from docs import errors, meltano, settings
from docs.blocks import with_blocks
from tap_ayra.tap import TapAyra

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[Path, str]:
    """Give the files that are generated, in whole or in part, as they should be."""
    tap = TapAyra(validate_config=False, setup_mapper=False)
    blocks = {
        "meltano.yml": {"settings": meltano.project_block()},
        ".env.example": {"settings": settings.environment_lines()},
        "docs/errors.md": {"errors": errors.table(), "waits": errors.waits()},
        "docs/settings.md": {
            **{group: settings.table(group) for group in settings.GROUPS},
            "sdk": settings.sdk_table(),
        },
    }
    whole = {
        "catalog.json": tap.catalog_json_text + "\n",
        "plugins/extractors/tap-ayra.yml": meltano.plugin_file(),
    }
    parts = {
        path: with_blocks((ROOT / path).read_text(encoding="utf-8"), contents)
        for path, contents in blocks.items()
    }
    return {ROOT / path: text for path, text in (whole | parts).items()}
