"""The settings: each declared once; read, validated and typed."""

from tap_ayra.settings.environment import environment_config, unknown_variables
from tap_ayra.settings.reading import normalize
from tap_ayra.settings.schema import config_schema
from tap_ayra.settings.validation import find_problems, invalid_settings
from tap_ayra.settings.values import (
    CHANGING_FILTERS,
    DECLARED,
    FIXED_FILTERS,
    PARAMETER_SETTINGS,
    Settings,
    confidential,
)

__all__ = [
    "CHANGING_FILTERS",
    "DECLARED",
    "FIXED_FILTERS",
    "PARAMETER_SETTINGS",
    "Settings",
    "confidential",
    "config_schema",
    "environment_config",
    "find_problems",
    "invalid_settings",
    "normalize",
    "unknown_variables",
]
