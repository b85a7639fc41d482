"""The settings as the rest of the tap uses them."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from tap_ayra.redaction import SHORTEST_SECRET
from tap_ayra.settings.declaration import DeclaredSettings
from tap_ayra.settings.setting import settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

DECLARED = settings_of(DeclaredSettings)
"""Every setting of the tap's own, by name."""

FIXED_FILTERS, CHANGING_FILTERS = (
    tuple(name for name, setting in DECLARED.items() if setting.facts.filters == fixed)
    for fixed in ("fixed", "changing")
)
PARAMETER_SETTINGS = {setting.query: name for name, setting in DECLARED.items() if setting.query}
"""The setting behind each query parameter; the other parameters are the tap's own."""

CONFIDENTIAL = tuple(name for name, setting in DECLARED.items() if setting.facts.confidential)


class Settings(DeclaredSettings, frozen=True, kw_only=True, dict=True):
    """The settings, parsed, and what follows from them."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Parse a configuration that has been found valid."""
        given = {name: config[name] for name in DECLARED if config.get(name) is not None}
        return cls(**{name: DECLARED[name].parse(value) for name, value in given.items()})

    def __repr__(self) -> str:
        """Show no value: keys and phone numbers are among them."""
        return "Settings(...)"

    @cached_property
    def filters(self) -> Mapping[str, str]:
        """Query parameters that narrow the conversations down, as the API takes them."""
        found = {name: getattr(self, name) for name in (*FIXED_FILTERS, *CHANGING_FILTERS)}
        return {
            DECLARED[name].query: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in found.items()
            if value is not None
        }

    @cached_property
    def hides_changing(self) -> bool:
        """Whether a filter is set that hides what does not match yet."""
        return any(getattr(self, name) is not None for name in CHANGING_FILTERS)

    @cached_property
    def narrowing(self) -> list[str]:
        """What keeps a full read from being of everything: filters and bounds, by name."""
        bounds = {"start_date": self.start_date, "end_date": self.end_date}
        return sorted([*self.filters, *(name for name, value in bounds.items() if value)])

    @cached_property
    def confidential(self) -> tuple[str, ...]:
        """Values that nobody should read in logs and messages."""
        return confidential({name: getattr(self, name) for name in CONFIDENTIAL})

    @cached_property
    def settling(self) -> timedelta:
        """How long after its end a conversation counts as unsettled."""
        return timedelta(minutes=self.settling_minutes)

    @cached_property
    def in_progress_limit(self) -> timedelta:
        """How long after its start a conversation may count as unsettled."""
        return timedelta(hours=self.in_progress_limit_hours)

    @cached_property
    def lookback(self) -> timedelta:
        """How far before the bookmark every sync begins."""
        return timedelta(days=self.lookback_days)


def confidential(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the values of a configuration, valid or not, that nobody should read."""
    values = (config.get(name) for name in CONFIDENTIAL)
    return tuple(text for text in values if isinstance(text, str) and len(text) >= SHORTEST_SECRET)
