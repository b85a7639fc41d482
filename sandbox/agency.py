"""An agency: several Ayra accounts with a simulated API each, one warehouse, one Dagster."""

from __future__ import annotations

import contextlib
import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo, sql
from psycopg.rows import dict_row

from sandbox import SandboxApi, SandboxClock, World, serve
from sandbox.comparison import TIMES, api_rows
from sandbox.generate import CallCentre
from sandbox.meltano_project import ALONE, MELTANO, OFFLINE, ROOT, clean_environment
from sandbox.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sandbox import RunningSandbox
    from sandbox.comparison import Rows

INSTANCE = ROOT / "orchestrate" / "instance" / "dagster.yaml"

COMING, SOON, LATER = 20, timedelta(minutes=30), timedelta(hours=2)


@dataclass
class Account:
    """One Ayra account.

    Attributes:
        name: Of its file, its partition and its schema.
        api: Its simulated API.
        latency: Seconds that each response takes.
        settings: More lines of its file.
    """

    name: str
    api: SandboxApi
    latency: float = 0.02
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def generate(cls, name: str, count: int, since: datetime, *, seed: int, **api: Any) -> Account:
        """Make an account.

        Args:
            name: Of the account; the key follows from it.
            count: How many conversations began between `since` and now.
            since: When the first may begin.
            seed: The same seed gives the same conversations.
            api: How the simulated API behaves.
        """
        clock = SandboxClock()
        now = clock.now().replace(microsecond=0)
        world = World.generate(clock, seed=seed, count=count, since=since, until=now)
        world.extend(CallCentre(seed + 1000).calls(COMING, now + SOON, now + LATER))
        return cls(name, SandboxApi(world, key=f"sk_test_{name}_0000", cache_seconds=0, **api))

    def let_time_pass(self) -> None:
        """Let the conversations that are to come begin, end and settle."""
        self.api.world.clock.advance((LATER + timedelta(hours=3)).total_seconds())


def history(months: int) -> tuple[datetime, datetime]:
    """Give when so many months up to the current one begin and end."""
    end = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begin = end
    for _ in range(months):
        begin = (begin - timedelta(days=1)).replace(day=1)
    return begin, end


@dataclass
class Agency:
    """Accounts that are served, and what Dagster needs to read them.

    Attributes:
        folder: Holds the accounts' files, Dagster's storage and what is temporary.
        accounts: By name.
        server: The PostgreSQL server's connection string.
        environment: What Dagster is started with.
    """

    folder: Path
    accounts: Mapping[str, Account]
    server: str
    environment: Mapping[str, str]

    def database(self, name: str) -> str:
        """Give a database's connection string."""
        return conninfo.make_conninfo(self.server, dbname=name)

    def landed(self, account: str) -> Rows:
        """Give what the warehouse holds of an account, by id."""
        query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(account, "conversations"))
        with psycopg.connect(self.database("warehouse"), row_factory=dict_row) as connection:
            rows = connection.execute(query).fetchall()
        return {row["id"]: _as_in_the_api(row) for row in rows}

    def differences(self, account: str) -> list[str]:
        """List the conversations that are not in the warehouse as they are in the API."""
        landed, held = self.landed(account), api_rows(self.accounts[account].api.world)
        return [key for key in landed.keys() | held.keys() if landed.get(key) != held.get(key)]


@contextlib.contextmanager
def agency(
    folder: Path,
    accounts: Iterable[Account],
    span: tuple[datetime, datetime],
    **limits: int,
) -> Iterator[Agency]:
    """Serve accounts, and a warehouse, as long as the context lasts.

    Args:
        folder: Gets the accounts' files, Dagster's storage and what is temporary.
        accounts: Whose APIs are served.
        span: Begin and end of what Dagster shows as history.
        limits: Numbers in Dagster's instance file to replace, such as max_concurrent_runs.
    """
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgres())
        environment = _environment(folder, server, span)
        for name in ("warehouse", "meltano"):
            _create_database(server, name)
        for name in ("accounts", "dagster", "tmp"):
            (folder / name).mkdir(parents=True)
        (folder / "dagster" / INSTANCE.name).write_text(_limited(limits), encoding="utf-8")
        for account in accounts:
            served = stack.enter_context(serve(account.api, latency=account.latency))
            _write_account(folder, account, served)
        # Several first runs at once would all create Meltano's tables.
        subprocess.run(
            [MELTANO, "--log-level=warning", "state", "list"],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
        )
        yield Agency(folder, {account.name: account for account in accounts}, server, environment)


def _limited(limits: Mapping[str, int]) -> str:
    text = INSTANCE.read_text(encoding="utf-8")
    for name, number in limits.items():
        text, found = re.subn(rf"\b{name}: \d+", f"{name}: {number}", text)
        if found != 1:
            message = f"{INSTANCE.name} has {name} {found} times"
            raise ValueError(message)
    return text


def _write_account(folder: Path, account: Account, served: RunningSandbox) -> None:
    settings = {"TAP_AYRA_API_KEY": account.api.key, "TAP_AYRA_API_URL": served.url}
    settings |= account.settings
    lines = [f"{name}={value}\n" for name, value in settings.items()]
    (folder / "accounts" / f"{account.name}.env").write_text("".join(lines), encoding="utf-8")


def _create_database(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _environment(folder: Path, server: str, span: tuple[datetime, datetime]) -> dict[str, str]:
    parts = conninfo.conninfo_to_dict(server)
    login = f"{parts['user']}:{parts['password']}@{parts['host']}:{parts['port']}"
    return {
        **clean_environment(),
        **OFFLINE,
        **ALONE,
        "DAGSTER_HOME": str(folder / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "true",
        "TMPDIR": str(folder / "tmp"),
        "AYRA_ACCOUNTS": str(folder / "accounts"),
        "AYRA_HISTORY_FROM": f"{span[0]:%Y-%m-%d}",
        "AYRA_HISTORY_TO": f"{span[1]:%Y-%m-%d}",
        "MELTANO_DATABASE_URI": f"postgresql+psycopg2://{login}/meltano",
        "TARGET_POSTGRES_HOST": str(parts["host"]),
        "TARGET_POSTGRES_PORT": str(parts["port"]),
        "TARGET_POSTGRES_USER": str(parts["user"]),
        "TARGET_POSTGRES_PASSWORD": str(parts["password"]),
        "TARGET_POSTGRES_DATABASE": "warehouse",
    }


def _as_in_the_api(row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in row.items() if not name.startswith("_sdc_")}
    return {**plain, **{name: plain[name] and plain[name].replace(tzinfo=UTC) for name in TIMES}}
