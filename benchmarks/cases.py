"""The conditions under which everything is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Case:
    """One set of conditions.

    Attributes:
        name: For the command line.
        records: Number of conversations that the server holds.
        delay: Milliseconds before each response.
        jitter: Milliseconds more or less.
        offset_penalty: Milliseconds more for each 1,000 rows that a page skips.
        limit: Requests in each window; 0 for no limit.
        window: Seconds in a window.
        delete_at: Page counts after which a conversation behind the reader is deleted.
        rounds: Number of runs of each tool, unless the command line says otherwise.
        loads: Whether the rows must end up in PostgreSQL.
        tools: The tools it is for; all if empty.
    """

    name: str
    records: int = 0
    delay: int = 0
    jitter: int = 0
    offset_penalty: float = 0
    limit: int = 0
    window: int = 0
    delete_at: tuple[int, ...] = ()
    rounds: int = 1
    loads: bool = False
    tools: tuple[str, ...] = ()

    def scaled(self, scale: float) -> Case:
        """Give the same case at a smaller or larger size.

        A rate limit shrinks with the conversations, so that as many windows are needed.
        """
        return replace(
            self,
            records=round(self.records * scale),
            limit=round(self.limit * scale),
            window=max(3, round(self.window * scale)) if self.window else 0,
            delete_at=tuple(round(number * scale) for number in self.delete_at),
        )

    @property
    def title(self) -> str:
        """Say for people what the conditions are."""
        parts = [f"{self.records:,} conversations" if self.records else "nothing to read"]
        parts[0] += " into PostgreSQL" if self.loads else ""
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
    def least_seconds(self) -> int:
        """Seconds that nothing can undercut under the rate limit, the same for every tool.

        Reading takes at least one request for each 100 conversations. Counted from the start of the
        first window, the last of R requests can begin after floor((R - 1) / limit) windows.
        """
        if not self.limit:
            return 0
        requests = max(1, -(-self.records // 100))
        return (requests - 1) // self.limit * self.window

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
    Case("deletions", 10_000, delay=20, delete_at=(20, 45, 70)),
    Case("end-to-end", 100_000, rounds=5, loads=True),
    Case("cpu", 100_000, rounds=5),
    Case("latency", 10_000, delay=100, jitter=50, rounds=3),
    Case("rate-limit", 26_000, limit=100, window=12),
    Case("deep", 50_000, offset_penalty=0.5),
    Case("start-up", rounds=5),
    Case("memory-small", 20_000, tools=("tap-ayra",)),
    Case("memory-large", 500_000, tools=("tap-ayra",)),
)
