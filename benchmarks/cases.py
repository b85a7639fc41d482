"""The conditions under which everything is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Case:
    """One set of conditions.

    Attributes:
        name: For the command line.
        records: How many conversations the server holds.
        quick: The same for `--quick`.
        delay: Milliseconds before each response.
        jitter: Milliseconds more or less.
        offset_penalty: Milliseconds more for each 1,000 rows that a page skips.
        limit: Requests in each window; 0 for no limit.
        window: Seconds in a window.
        delete_at: After how many pages a conversation behind the reader is deleted.
        rounds: How often it is run, unless the command line says otherwise.
        tools: Which tools it is for; all where empty.
    """

    name: str
    records: int = 0
    quick: int = 0
    delay: int = 0
    jitter: int = 0
    offset_penalty: float = 0
    limit: int = 0
    window: int = 0
    delete_at: tuple[int, ...] = ()
    rounds: int = 1
    tools: tuple[str, ...] = ()

    def shrunk(self) -> Case:
        """Give the same case on a scale for a self-check."""
        return replace(
            self,
            records=self.quick,
            rounds=1,
            limit=self.limit // 10,
            window=self.window // 12,
            delete_at=tuple(number // 10 for number in self.delete_at),
        )

    @property
    def title(self) -> str:
        """Say for people what the conditions are."""
        parts = [f"{self.records:,} conversations" if self.records else "nothing to read"]
        if self.delay:
            more = f" ± {self.jitter} ms" if self.jitter else ""
            parts.append(f"{self.delay} ms{more} a response")
        elif self.records:
            parts.append("no delay")
        if self.limit:
            parts.append(f"{self.limit} requests per {self.window} s")
        if self.offset_penalty:
            parts.append(f"{self.offset_penalty} ms more per 1,000 rows skipped")
        if self.delete_at:
            parts.append(f"{len(self.delete_at)} deleted behind the reader")
        return ", ".join(parts)

    @property
    def server(self) -> list[str]:
        """Give the server's options for these conditions."""
        options = {
            "--records": self.records,
            "--delay": self.delay,
            "--jitter": self.jitter,
            "--offset-penalty": self.offset_penalty,
        }
        if self.limit:
            options |= {"--limit": self.limit, "--window": self.window}
        words = [word for name, value in options.items() for word in (name, str(value))]
        return [*words, "--delete-at", *map(str, self.delete_at)]


CASES = (
    Case("cpu", 100_000, 2_000, rounds=3),
    Case("latency", 10_000, 500, delay=100, jitter=50, rounds=3),
    Case("rate-limit", 26_000, 1_500, limit=100, window=12),
    Case("deep", 50_000, 1_000, offset_penalty=0.5),
    Case("start-up", rounds=5),
    Case("deletions", 10_000, 1_000, delay=20, delete_at=(20, 45, 70)),
    Case("memory-small", 20_000, 2_000, tools=("tap-ayra",)),
    Case("memory-large", 500_000, 5_000, tools=("tap-ayra",)),
)
