"""Concurrent clients, driven by pgbench: hot and spread ticket types, mixed calls, a sell-out."""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_OID, uuid5

import psycopg
from psycopg.types.json import Jsonb

from bench.bookings import BookingOffice
from bench.measure import percentiles, ratios, spread
from bench.server import (
    LARGE_CAPACITY,
    create_database,
    example_guest,
    faults,
    large_catalogue,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.server import Connection, Document
    from ticketing_client.embedded import Server

TYPES: Final = 100
"""Ticket types that buyers are spread over."""

TICKETS: Final = 2
"""Tickets in a call; in a sell-out twice as many."""

MIX: Final = {"persist": 80, "quote": 10, "read": 10}
"""Percent of the transactions of a mixed load, by script."""

_SAMPLE_EVERY: Final = 0.02
_FAILURES: Final = re.compile(r"number of (serialization|deadlock) failures: (\d+)")


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a run of pgbench.

    Attributes:
        calls_per_second: From the moment when all clients are warm until the first client ends.
        latencies: Milliseconds by script, in that time.
        failures: Failed transactions by kind: serialization and deadlock.
        waits: Samples of active sessions by wait event, or running.
    """

    calls_per_second: float
    latencies: dict[str, list[float]]
    failures: dict[str, int]
    waits: Counter[str]


def measure_throughput(
    server: Server, clients: Sequence[int], calls: int, rounds: int, mixed_calls: int
) -> Document:
    """Measure concurrent persists: spread over 100 types, of one hot type, of a shared pool.

    Args:
        server: The server.
        clients: Numbers of clients.
        calls: Number of calls of a run, all clients together.
        rounds: Number of runs of each scenario, in turns.
        mixed_calls: Number of transactions of each client of the mixed load.

    Returns:
        Calls per second by scenario and number of clients, the ratios of the contended scenarios
        to the spread one, failures, waits; percentiles of each call under a mixed load; and the
        faults that check_integrity() finds afterwards.
    """
    url = create_database(server, "bench_throughput")
    with psycopg.connect(url, autocommit=True) as connection:
        market = _Market(connection)
        scenarios = {
            "spread": market.separate,
            "hot type": market.separate[:1],
            "shared pool": market.sharing,
        }
        rows: list[Document] = []
        for number in clients:
            runs: dict[str, list[Run]] = {name: [] for name in scenarios}
            for _ in range(rounds):
                for name, types in scenarios.items():
                    each = calls // number
                    market.make_bookings(types, number * each, TICKETS)
                    run = run_pgbench(server, url, {"persist": 1}, clients=number, calls=each)
                    runs[name].append(run)
            rows += [_summary(number, name, runs[name], runs["spread"]) for name in scenarios]

        most = max(clients)
        market.make_bookings(market.sharing, most * mixed_calls, TICKETS)
        office = BookingOffice(connection)
        connection.execute(
            "INSERT INTO bench.questions VALUES (1, %s, %s, %s)",
            [office.function_id, Jsonb(office.selections), Jsonb(office.attendees)],
        )
        mixed = run_pgbench(server, url, MIX, clients=most, calls=mixed_calls)
        return {
            "rounds": rounds,
            "rows": rows,
            "mixed": {
                "clients": most,
                "calls_per_second": round(mixed.calls_per_second),
                "rows": [
                    {"call": name, "calls": len(values), **percentiles(values)}
                    for name, values in mixed.latencies.items()
                ],
                "failures": mixed.failures,
            },
            "faults": faults(connection),
        }


def measure_sell_out(server: Server, clients: Sequence[int], capacity: int) -> Document:
    """Sell one ticket type to more buyers than its capacity allows, until it is sold out.

    Args:
        server: The server.
        clients: Numbers of clients.
        capacity: Capacity of the ticket type, a multiple of the tickets in a call.

    Returns:
        For each number of clients the tickets stored and counted afterwards, the refused calls,
        calls per second and failures; and the faults that check_integrity() finds afterwards.
    """
    rows: list[Document] = []
    tickets = 2 * TICKETS
    found = 0
    for number in clients:
        url = create_database(server, f"bench_sell_out_{number}")
        with psycopg.connect(url, autocommit=True) as connection:
            market = _Market(connection, hot_capacity=capacity)
            each = capacity // tickets * 11 // 10 // number + 1
            market.make_bookings(market.separate[:1], number * each, tickets)
            run = run_pgbench(server, url, {"buy": 1}, clients=number, calls=each)
            stored, counted, buyers = market.sold()
            found += faults(connection)
            rows.append(
                {
                    "clients": number,
                    "capacity": capacity,
                    "stored": stored,
                    "counted": counted,
                    "bought": buyers,
                    "refused": number * each - buyers,
                    "calls_per_second": round(run.calls_per_second),
                    "failures": run.failures,
                }
            )
    return {"rows": rows, "faults": found}


def run_pgbench(
    server: Server, url: str, mix: Mapping[str, int], *, clients: int, calls: int
) -> Run:
    """Run pgbench, with one booking for each transaction.

    Args:
        server: The server whose pgbench it is.
        url: The database.
        mix: Weights of scripts in bench/pgbench, by name.
        clients: Number of clients.
        calls: Number of transactions of each client.

    Returns:
        The result of the run.

    Raises:
        RuntimeError: When pgbench fails or a call is refused.
    """
    with (
        as_file(files("bench").joinpath("pgbench")) as scripts,
        tempfile.TemporaryDirectory() as folder,
        _sampled_waits(url) as waits,
    ):
        command = [
            str(server.bin_dir / "pgbench"),
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={clients}",
            f"--jobs={min(clients, 2)}",
            f"--transactions={calls}",
            f"--define=calls={calls}",
            "--define=step=-1",
            "--random-seed=1",
            "--failures-detailed",
            "--log",
            f"--log-prefix={folder}/log",
            *(f"--file={scripts / name}.sql@{weight}" for name, weight in mix.items()),
            url,
        ]
        done = subprocess.run(  # noqa: S603 - program and scripts are ours
            command, capture_output=True, text=True, check=False
        )
        if done.returncode:
            message = f"pgbench failed: {done.stderr.strip()[:1000]}"
            raise RuntimeError(message)
        calls_per_second, latencies = _read_logs(Path(folder), list(mix))
    return Run(
        calls_per_second,
        latencies,
        {kind: int(number) for kind, number in _FAILURES.findall(done.stdout)},
        waits,
    )


class _Market:
    """An event function with 200 ticket types, one per event; half of them share a pool."""

    def __init__(self, connection: Connection, hot_capacity: int = LARGE_CAPACITY) -> None:
        catalogue = large_catalogue()
        function = catalogue["function"] | {
            "function_id": _id("function"),
            "slug": "benchmark-market",
        }
        kinds = [_id(f"type {number}") for number in range(2 * TYPES)]
        document = {
            "organisation": catalogue["organisation"],
            "function": function,
            "events": [
                {
                    "event_id": _id(f"event {number}"),
                    "slug": f"event-{number}",
                    "title": f"Event {number}",
                    "capacity": LARGE_CAPACITY,
                }
                for number in range(2 * TYPES)
            ],
            "ticket_types": [
                {
                    "ticket_type_id": kind,
                    "event_id": _id(f"event {number}"),
                    "name": f"Type {number}",
                    "price": "20.00",
                    "capacity": LARGE_CAPACITY if number else hot_capacity,
                }
                for number, kind in enumerate(kinds)
            ],
            "packages": [],
            "pools": [
                {
                    "capacity_pool_id": _id("shared pool"),
                    "name": "Shared",
                    "capacity": LARGE_CAPACITY,
                    "ticket_type_ids": kinds[TYPES:],
                }
            ],
        }
        self._connection = connection
        self._function_id = function["function_id"]
        self.separate = kinds[:TYPES]
        self.sharing = kinds[TYPES:]
        connection.execute("SELECT ticketing.import_catalogue(%s)", [Jsonb(document)])

    def make_bookings(self, types: Sequence[str], count: int, tickets: int) -> None:
        """Prepare the bookings that the clients of a run send."""
        self._connection.execute(
            "SELECT bench.make_bookings(%s, %s::uuid[], %s, %s, %s)",
            [self._function_id, list(types), count, tickets, Jsonb(example_guest())],
        )
        settle(self._connection)

    def sold(self) -> tuple[int, int, int]:
        """Return the stored tickets of the first type, its counted capacity, and its buyers."""
        row = self._connection.execute(
            """
            SELECT count(*), min(pool.reserved + pool.sold), count(DISTINCT ticket.registration_id)
            FROM ticketing.tickets AS ticket
            INNER JOIN ticketing.capacity_pools AS pool
                ON pool.function_id = ticket.function_id
                AND pool.capacity_pool_id = ticket.ticket_type_id
            WHERE ticket.function_id = %s AND ticket.ticket_type_id = %s
            """,
            [self._function_id, self.separate[0]],
        ).fetchone()
        assert row is not None
        stored, counted, buyers = row
        return stored, counted, buyers


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE_OID, f"ticketing-sql bench {name}"))


def _summary(clients: int, name: str, runs: Sequence[Run], spread_runs: Sequence[Run]) -> Document:
    """Summarise the runs of a scenario."""
    rates = [run.calls_per_second for run in runs]
    failures: Counter[str] = Counter()
    waits: Counter[str] = Counter()
    for run in runs:
        failures.update(run.failures)
        waits.update(run.waits)
    return {
        "clients": clients,
        "scenario": name,
        "calls_per_second": spread(rates),
        "to_spread": ratios(rates, [run.calls_per_second for run in spread_runs]),
        "failures": dict(failures),
        "waits": _shares(waits),
    }


def _read_logs(folder: Path, scripts: Sequence[str]) -> tuple[float, dict[str, list[float]]]:
    """Return calls per second and latencies by script from the logs of a run.

    The first transaction of a client with a script compiles and plans. Counted is what comes after
    the last of these, until the first client ends.
    """
    done: list[tuple[str, str, float, float]] = []
    for path in folder.iterdir():
        for line in path.read_text(encoding="ascii").splitlines():
            client, _, duration, script, second, microsecond = line.split()[:6]
            if duration.isdecimal():  # otherwise it failed, which is counted elsewhere
                end = int(second) + int(microsecond) / 1e6
                done.append((client, scripts[int(script)], end, int(duration) / 1000))
    done.sort(key=lambda each: each[2])
    firsts = {(client, script): end for client, script, end, _ in reversed(done)}
    lasts = {client: end for client, _, end, _ in done}
    warm, gone = max(firsts.values()), min(lasts.values())
    if gone <= warm:  # the run was too short: use all of it
        warm, gone = min(firsts.values()), max(lasts.values())
    latencies: dict[str, list[float]] = {name: [] for name in scripts}
    for _, script, end, milliseconds in done:
        if warm <= end <= gone:
            latencies[script].append(milliseconds)
    counted = sum(warm < end <= gone for _, _, end, _ in done)
    return counted / (gone - warm), latencies


@contextmanager
def _sampled_waits(url: str) -> Iterator[Counter[str]]:
    """Sample the wait events of active sessions while the block runs."""
    seen: Counter[str] = Counter()
    stop = threading.Event()

    def sample() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(_SAMPLE_EVERY):
                seen.update(
                    dict(
                        connection.execute(
                            """
                            SELECT
                                coalesce(wait_event_type || ': ' || wait_event, 'running'), count(*)
                            FROM pg_stat_activity
                            WHERE backend_type = 'client backend' AND state = 'active'
                                AND pid <> pg_backend_pid()
                            GROUP BY 1
                            """
                        ).fetchall()
                    )
                )

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def _shares(seen: Counter[str]) -> dict[str, float]:
    """Return the five most frequent wait events, as shares of all samples."""
    total = seen.total()
    return {wait: round(number / total, 3) for wait, number in seen.most_common(5)} if total else {}
