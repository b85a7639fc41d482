"""Every sentence that a user can meet: one snapshot of all texts, and the rules of wording.

After a change of wording: ``pytest tests/test_messages.py --snapshot-update``.
"""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from syrupy.extensions.json import JSONSnapshotExtension

from tap_ayra import messages
from tap_ayra.messages import Message

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

ALL = {
    f"{module.name}.{name}": value
    for module in pkgutil.iter_modules(messages.__path__)
    for name, value in vars(import_module(f"{messages.__name__}.{module.name}")).items()
    if isinstance(value, Message)
}
UNWANTED = re.compile(
    r"\b(is no|are no|nobody|whoever|mend|vanish\w*|passing|faults?|repairs?|answers?)\b",
    re.IGNORECASE,
)


def test_all_texts(snapshot: SnapshotAssertion) -> None:
    texts = {message.code: message.text for message in ALL.values()}
    assert texts == snapshot(extension_class=JSONSnapshotExtension)


def test_no_code_stands_for_two_texts() -> None:
    codes = [message.code for message in set(ALL.values())]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("name", ALL)
def test_each_follows_the_rules_of_wording(name: str) -> None:
    message = ALL[name]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", message.code)
    assert not UNWANTED.search(message.text), message.text
