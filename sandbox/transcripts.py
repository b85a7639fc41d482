"""The endpoint for one conversation's transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sandbox import errors
from sandbox.formats import encode, encode_clean
from sandbox.query import choice, flag

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.call import Call
    from sandbox.unclean import Unclean
    from sandbox.world import World

FORMATS = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}
_SENTIMENTS = ("neutral", "positive", "neutral", "negative")
_SHORTEST_CALL = 2.0


@dataclass(frozen=True)
class TranscriptQuery:
    """What a request for a transcript asks for."""

    format: str
    timestamps: bool
    sentiment: bool
    speakers: bool


def parse(params: Mapping[str, str]) -> TranscriptQuery:
    """Read the parameters of a request, or raise the API's error for the first bad one."""
    return TranscriptQuery(
        format=choice(params, "format", tuple(FORMATS)) or "json",
        timestamps=flag(params, "include_timestamps", default=True),
        sentiment=flag(params, "include_sentiment", default=False),
        speakers=flag(params, "speaker_labels", default=True),
    )


def find(world: World, conversation_id: str, now: datetime) -> Call:
    """Return the call whose transcript is asked for.

    Raises:
        ApiError: There is no such conversation, or it has no transcript yet.
    """
    call = world.get(conversation_id)
    if call is None or not call.is_listed(now):
        raise errors.no_conversation(conversation_id)
    ready = call.transcript_from
    if ready is None or now < ready:
        raise errors.no_transcript(conversation_id)
    return call


def write(call: Call, asked: TranscriptQuery, unclean: Unclean | None) -> tuple[bytes, int]:
    """Return the body of a transcript, and how many messages it holds."""
    given = call.messages
    messages = spoken(call, asked) if given is None else given
    if unclean is not None and given is None:
        messages = [unclean.message(call, each) for each in messages]
    count = len(messages) if isinstance(messages, list | tuple) else 0
    if asked.format != "json":
        said = [each for each in messages if isinstance(each, Mapping)] if count else []
        return _as_text(said, asked), count
    data = {
        "conversation_id": call.id,
        "language": call.language,
        "word_count": _words(call, messages) if count else 0,
        "messages": messages,
        **call.transcript_overrides,
    }
    if unclean is not None:
        return unclean.encode(call, {"data": data}), count
    # What is given may be odd, such as NaN.
    as_json = encode_clean if given is None and not call.transcript_overrides else encode
    return as_json({"data": data}), count


def spoken(call: Call, asked: TranscriptQuery) -> list[dict[str, Any]]:
    """Return the messages that a call's text gives, spread over the call's time."""
    lines = [line for line in call.said.split("\n") if line]
    lasts = (call.end - call.start).total_seconds() if call.end else 0.0
    tenths_per_letter = 10 * max(_SHORTEST_CALL, lasts) / max(1, sum(map(len, lines)))
    chance = crc32(call.id.encode())
    messages = []
    letters = 0
    for number, line in enumerate(lines, 1):
        message: dict[str, Any] = {"id": f"msg_{number:03}"}
        if asked.speakers:
            message["speaker"] = "agent" if number % 2 else "caller"
        message["text"] = line
        message["timestamp"] = _seconds(int(letters * tenths_per_letter))
        message["duration"] = _seconds(int(len(line) * tenths_per_letter * 0.9))
        message["confidence"] = (80 + chance * number % 20) / 100
        if asked.sentiment:
            message["sentiment"] = _SENTIMENTS[(chance + number) % len(_SENTIMENTS)]
        messages.append(message)
        letters += len(line)
    return messages


def _seconds(tenths: int) -> float:
    return tenths / 10 if tenths % 10 else tenths // 10


def _words(call: Call, messages: Sequence[object]) -> int:
    if call.messages is None:
        return len(call.said.split())
    texts = [each.get("text") for each in messages if isinstance(each, Mapping)]
    return sum(len(text.split()) for text in texts if isinstance(text, str))


def _as_text(messages: list[Mapping[str, Any]], asked: TranscriptQuery) -> bytes:
    """Write messages as lines of text, or as subtitles."""
    blocks = []
    for number, message in enumerate(messages, 1):
        speaker = f"{str(message['speaker']).capitalize()}: " if asked.speakers else ""
        said = f"{speaker}{message['text']}"
        begins, ends = message["timestamp"], message["timestamp"] + message["duration"]
        if asked.format == "text":
            blocks.append(f"[{_clock(begins, '')}] {said}" if asked.timestamps else said)
        elif asked.format == "srt":
            blocks.append(f"{number}\n{_clock(begins, ',')} --> {_clock(ends, ',')}\n{said}\n")
        else:
            blocks.append(f"{_clock(begins, '.')} --> {_clock(ends, '.')}\n{said}\n")
    head = "WEBVTT\n\n" if asked.format == "vtt" else ""
    return (head + "\n".join(blocks) + "\n").encode()


def _clock(seconds: float, point: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    text = f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{text}{point}{milliseconds:03}" if point else text
