"""Settings from environment variables and the file ``.env``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dotenv import dotenv_values

from tap_ayra.messages import settings as messages

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from tap_ayra.messages import Text

OTHERS = ("LOGLEVEL",)
"""Variables with the tap's prefix that the SDK reads."""


def environment_config(prefix: str, names: Collection[str]) -> dict[str, str]:
    """Read the settings from environment variables and the file ``.env``, as texts.

    The environment goes before the file.

    Args:
        prefix: of the variables' names.
        names: of the settings.
    """
    found = _variables()
    texts = {name: found.get(prefix + name.upper()) for name in names}
    return {name: text for name, text in texts.items() if text}


def unknown_variables(prefix: str, names: Collection[str]) -> Iterator[Text]:
    """Name the variables that look like settings and are not, each with the likely one.

    Args:
        prefix: of the variables' names.
        names: of the settings.
    """
    known = [name.upper() for name in names]
    for variable in sorted(_variables()):
        name = variable.removeprefix(prefix)
        if variable != name not in OTHERS and not _is_meltanos(name, known):
            hint = messages.did_you_mean(name, known, prefix)
            yield messages.UNKNOWN_VARIABLE(name=variable, hint=hint)


def _is_meltanos(name: str, known: Iterable[str]) -> bool:
    """Check for a variable of Meltano's: a nested setting, an extra, or another plugin's setting.

    Of a plugin ``tap-ayra-eu`` that inherits from ``tap-ayra``, the names begin with ``EU_``.
    """
    return "__" in f"_{name}" or any(f"_{word}_" in f"_{name}_" for word in known)


def _variables() -> dict[str, str | None]:
    return {**dotenv_values(".env"), **os.environ}
