"""Run the tap as ``python -m tap_ayra``."""

from tap_ayra.tap import TapAyra

TapAyra.cli()
