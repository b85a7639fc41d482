"""Calls as a real call centre has them: busy hours, quiet nights, long tails, nulls."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING, Any

from sandbox.call import FOREVER, Call
from sandbox.talk import talk
from sandbox.vocabulary import AGENTS, AREA_CODES, CALLERS, SPOKEN, SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.formats import TimeFormat

_HOUR = timedelta(hours=1)
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_BUSY_BY_HOUR = (1, 1, 1, 1, 1, 2, 4, 9, 18, 26, 30, 27, 20, 22, 28, 27, 22, 15, 9, 6, 4, 3, 2, 1)
_WEEKEND = 5
_LONGEST_CALL = 7200.0


@dataclass
class CallCentre:
    """A source of calls that are the same for the same seed.

    Attributes:
        seed: What the calls depend on.
        odd_times: The share whose times are shown with fractions or an offset.
        corrected: The share whose sentiment and outcome change days later.
        restated: The share whose start is restated by up to a second when they end.
        odd_transcripts: The share whose transcript is empty, hours late, or never comes although
            the conversation says that there is one.
    """

    seed: int
    odd_times: float = 0.0
    corrected: float = 0.0
    restated: float = 0.0
    odd_transcripts: float = 0.0
    _random: Random = field(init=False)
    _chance: Random = field(init=False)

    def __post_init__(self) -> None:
        """Seed the source."""
        self._random = Random(self.seed)  # noqa: S311
        self._chance = Random(f"{self.seed} transcripts")  # noqa: S311

    def calls(
        self,
        count: int,
        since: datetime,
        until: datetime,
        *,
        in_progress: int = 0,
        stuck: int = 0,
    ) -> Iterator[Call]:
        """Yield calls that start within a time.

        Args:
            count: How many calls in all.
            since: When the first may start.
            until: When the last may start.
            in_progress: How many of them are in progress at `until`.
            stuck: How many of them never end.
        """
        until = until.replace(microsecond=0)
        if since.microsecond:
            since = since.replace(microsecond=0) + timedelta(seconds=1)
        starts = self._starts(max(0, count - in_progress), since, until)
        never_ending = set(self._random.sample(range(len(starts)), min(stuck, len(starts))))
        for number, start in enumerate(starts):
            lasts = min(self._seconds(), max(0.0, (until - start).total_seconds() - 1))
            call = self._call(number, start, lasts)
            if number in never_ending:
                call.end = call.processed_at = None
            yield call
        for number in range(min(in_progress, count)):
            so_far, to_come = self._random.randint(5, 240), self._random.randint(20, 300)
            yield self._call(
                len(starts) + number,
                until - timedelta(seconds=so_far),
                so_far + to_come,
                status="completed",
            )

    def _starts(self, count: int, since: datetime, until: datetime) -> list[datetime]:
        hours = [since]
        while (hour := hours[-1] + _HOUR) < until:
            hours.append(hour)
        busy = accumulate(
            _BUSY_BY_HOUR[hour.hour] * (0.3 if hour.weekday() >= _WEEKEND else 1.0)
            for hour in hours
        )
        chosen = self._random.choices(hours, cum_weights=list(busy), k=count)
        return sorted(
            hour + timedelta(seconds=int(self._random.random() * width))
            for hour in chosen
            if (width := min(_HOUR, until - hour).total_seconds())
        )

    def _seconds(self) -> float:
        return min(_LONGEST_CALL, 5 + self._random.lognormvariate(5.2, 0.9) // 1)

    def _call(self, number: int, start: datetime, lasts: float, status: str = "") -> Call:
        random = self._random
        status = status or random.choices(("completed", "abandoned", "failed"), (86, 9, 5))[0]
        agent_id = random.choice(list(AGENTS))
        letters = "".join(random.choices(_ALPHABET, k=10))
        time_format = self._time_format()
        if time_format != "seconds":
            start += timedelta(microseconds=random.randrange(1_000_000))
        if status == "abandoned":
            lasts = min(lasts, random.randint(2, 25))
        end = start + timedelta(seconds=lasts)
        details = self._details(status, end)
        if status != "abandoned":
            details |= self._transcript(SPOKEN.get(agent_id, "en"), lasts, details)
        if self.restated and random.random() < self.restated:
            by = random.choice((-1, 1)) * random.randrange(1, 1_000_001)
            details["restated_start"] = start + timedelta(microseconds=by)
        return Call(
            f"conv_{letters}{number:x}",
            start,
            end,
            agent_id=agent_id,
            agent_name=AGENTS[agent_id],
            caller_number=self._caller_number(),
            status=status,
            time_format=time_format,
            **details,
        )

    def _details(self, status: str, end: datetime) -> dict[str, Any]:
        random = self._random
        if status == "abandoned":
            return {
                "duration": 0,
                "sentiment": None,
                "outcome": None,
                "topics": (),
                "has_recording": False,
                "has_transcript": False,
                "summary": None,
            }
        processed_at = end + timedelta(seconds=random.randint(3, 30))
        outcome = random.choice(list(SUBJECTS))
        subjects, summary = SUBJECTS[outcome]
        topics = random.sample(subjects, random.randint(1, len(subjects)))
        caller = random.choice(CALLERS)
        failed = status == "failed"
        details: dict[str, Any] = {
            "sentiment": random.choices(("positive", "neutral", "negative", None), (40, 38, 17, 5))[
                0
            ],
            "outcome": None if failed else outcome,
            "topics": topics,
            "has_recording": random.random() < 0.95,
            "has_transcript": not failed or random.random() < 0.5,
            "summary": None if failed else summary.format(caller=caller),
            "caller": caller,
            "processed_at": processed_at,
        }
        if random.random() < self.corrected:
            when = processed_at + timedelta(days=random.uniform(1, 5))
            change = {"sentiment": "negative", "outcome": "reviewed"}
            details["corrections"] = [(when, change)]
        return details

    def _transcript(self, language: str, lasts: float, details: dict[str, Any]) -> dict[str, Any]:
        """Return what is said, composed only when asked for: it is most of a world's text."""
        chance = self._chance
        caller, topics = details.pop("caller"), tuple(details["topics"])
        processed_at: datetime = details["processed_at"]
        ready_at = processed_at
        if chance.random() < 0.2:
            ready_at += timedelta(seconds=chance.randint(1, 60))
        transcript = {
            "language": language,
            "transcript": partial(talk, language, caller, topics, lasts, chance.randrange(1000)),
            "transcript_ready_at": ready_at,
        }
        if details["has_transcript"] and chance.random() < self.odd_transcripts:
            late = processed_at + timedelta(hours=chance.randint(1, 30))
            never = {"transcript_ready_at": FOREVER, "overrides": {"has_transcript": True}}
            transcript |= chance.choice(({"messages": ()}, never, {"transcript_ready_at": late}))
        return transcript

    def _caller_number(self) -> str | None:
        if self._random.random() < 0.03:  # withheld
            return None
        return f"+1{self._random.choice(AREA_CODES)}55501{self._random.randrange(100):02d}"

    def _time_format(self) -> TimeFormat:
        if self._random.random() >= self.odd_times:
            return "seconds"
        return self._random.choice(("fractions", "offset"))
