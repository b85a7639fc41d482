"""Made-up conversations: the same ones for the same count, already serialised."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FIRST_START = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())

_AGENTS = [
    (f"agent_{n:04x}7c1e", f"{name} Agent")
    for n, name in enumerate(
        ("Customer Support", "Billing", "Réception", "Booking", "Night Desk", "Retention", "Sales")
    )
]
_TOPICS = ("billing", "refund", "account", "delivery", "appointment", "cancellation", "upgrade")
_OUTCOMES = ("issue_resolved", "escalated", "callback_scheduled", "no_resolution")
_SENTIMENTS = ("positive", "neutral", "negative")
_SUMMARIES = (
    "The caller asked why the last invoice was higher than the one before and was shown each item.",
    "A parcel had not come on the promised day; the agent found it at the depot and set a new day.",
    "The caller moved an appointment to next week and asked for a reminder by text message.",
    "Two charges stood on the card for one order. The second one will be paid back in five days.",
    "La cliente voulait changer d'adresse avant la livraison ; c'est fait, et confirmé par écrit.",
    "The password could not be reset because the e-mail address on file was an old one.",
    "A happy caller thanked the team for the quick repair 🎉 and asked about the yearly plan.",
    "The caller wanted to leave, was offered two months at half the price, and will think it over.",
)


@dataclass(slots=True)
class Conversations:
    """Conversations in order of their start.

    Attributes:
        ids: The id of each.
        starts: When each started, in seconds since 1970.
        rows: Each as JSON text.
    """

    ids: list[str]
    starts: list[int]
    rows: list[bytes]


def conversation_id(number: int) -> str:
    """Name a conversation so that ids look random, never repeat and need no memory."""
    return f"conv_{(number * 0x9E3779B97F4A7C15) % 2**64:016x}"


def build(count: int) -> Conversations:
    """Make conversations that lie half a minute apart on average, some in the same second."""
    chance = random.Random(7)
    made = Conversations([], [], [])
    start = FIRST_START
    for number in range(count):
        start += chance.randrange(60)
        row = _conversation(number, start, chance)
        made.ids.append(row["id"])
        made.starts.append(start)
        made.rows.append(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode())
    return made


def _conversation(number: int, start: int, chance: random.Random) -> dict[str, Any]:
    agent_id, agent_name = chance.choice(_AGENTS)
    connected = chance.random() > 0.07
    duration = int(chance.lognormvariate(5, 0.8)) if connected else 0
    sentences = chance.choices(_SUMMARIES, k=1 + number % 3)
    return {
        "id": conversation_id(number),
        "agent_id": agent_id,
        "agent_name": agent_name,
        "caller_number": f"+1555{chance.randrange(10**7):07d}",
        "status": ("completed" if chance.random() > 0.05 else "failed")
        if connected
        else "abandoned",
        "start_time": _instant(start),
        "end_time": _instant(start + duration),
        "duration": duration,
        "sentiment": chance.choice(_SENTIMENTS) if connected else None,
        "outcome": chance.choice(_OUTCOMES) if connected else None,
        "topics": chance.sample(_TOPICS, k=1 + number % 4) if connected else [],
        "has_recording": connected,
        "has_transcript": connected,
        "summary": " ".join(sentences) if connected else None,
        "created_at": _instant(start),
    }


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
