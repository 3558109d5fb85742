"""The benchmark server, its databases, and the description of the machine."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from ticketing_client.embedded import Server, run_server
from ticketing_client.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

Connection: TypeAlias = psycopg.Connection[Any]
Document: TypeAlias = dict[str, Any]

SETTINGS: Final = {
    "shared_buffers": "1GB",
    "effective_cache_size": "3GB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "max_connections": "100",
}
"""Common settings of a server; everything else is PostgreSQL's default, including fsync."""

SHOWN: Final = ("fsync", "synchronous_commit", "full_page_writes", *SETTINGS)

LARGE_CAPACITY: Final = 10_000_000
"""Capacity of a pool that never sells out."""

TEMPLATE: Final = "bench_template"
"""The database that all others are copies of."""


@contextmanager
def benchmark_server(folder: Path, tickets: int, **settings: str) -> Iterator[Server]:
    """Run a server that writes to disk, and delete its data at the end.

    Args:
        folder: An existing folder on the disk to measure.
        tickets: Number of stored tickets in the template of all databases, a multiple of 10.
            Plans depend on the stored rows, so nothing is measured with empty tables.
        **settings: Settings of the server beside SETTINGS.

    Yields:
        The server, with the template for `create_database`: migrated, with the example event and
        the baselines in schema bench.
    """
    with tempfile.TemporaryDirectory(prefix="ticketing-bench-", dir=folder) as parent:
        Path(parent).chmod(0o755)  # when run by root, the server's user needs access
        with run_server(Path(parent) / "data", settings=SETTINGS | settings) as server:
            _create_template(server, tickets)
            yield server


def create_database(server: Server, name: str, tickets: int = 0, template: str = TEMPLATE) -> str:
    """Create a copy of the template.

    Args:
        server: The server.
        name: The name of the database.
        tickets: Number of additional tickets to store in it, a multiple of 10.
        template: Another database to copy, to which no session is connected.

    Returns:
        Its URL.
    """
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template))
        )
    if tickets:
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            _fill(connection, tickets)
    return server.url(name)


def install(connection: Connection) -> None:
    """Install the example event and schema bench, with the baselines, in a migrated database.

    Args:
        connection: A superuser's connection, in autocommit mode.
    """
    for name in ("schema", "holds"):
        connection.execute(files("bench").joinpath(f"sql/{name}.sql").read_bytes())
    connection.execute("SELECT ticketing.import_catalogue(%s)", [Jsonb(large_catalogue())])


def settle(connection: Connection) -> None:
    """Vacuum now, so that autovacuum does not run during a measurement."""
    connection.execute("VACUUM (ANALYZE)")


def faults(connection: Connection) -> int:
    """Return the number of differences that check_integrity() finds."""
    row = connection.execute("SELECT count(*) FROM ticketing.check_integrity()").fetchone()
    assert row is not None
    count: int = row[0]
    return count


def example(name: str) -> Document:
    """Return the example catalogue or wizard_state of the client package."""
    text = files("ticketing_client").joinpath(f"example/{name}.json").read_text(encoding="utf-8")
    document: Document = json.loads(text)
    return document


def example_guest() -> Document:
    """Return the attendee_data of a guest of the wizard."""
    guest: Document = example("wizard_state")["registration"]["additionalAttendees"][1]
    return guest


def large_catalogue() -> Document:
    """Return the example catalogue; every event and type has a pool too large to sell out."""
    catalogue = example("catalogue")
    for element in (*catalogue["events"], *catalogue["ticket_types"]):
        element["capacity"] = LARGE_CAPACITY
    return catalogue


def open_types(catalogue: Document) -> list[Document]:
    """Return the active ticket types of a catalogue that have no eligibility rules."""
    return [
        element
        for element in catalogue["ticket_types"]
        if element["is_active"] and not element["eligibility"]["rules"]
    ]


def describe(server: Server) -> Document:
    """Describe the machine and the settings, without identifying the machine."""
    with psycopg.connect(server.url()) as connection:
        settings = {name: _shown(connection, name) for name in SHOWN}
        version = _shown(connection, "server_version")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "postgresql": version,
        "settings": settings,
    }


def _create_template(server: Server, tickets: int) -> None:
    """Create the template: migrated, with the example event, the baselines and sold tickets."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(TEMPLATE)))
    migrate(server.url(TEMPLATE))
    with psycopg.connect(server.url(TEMPLATE), autocommit=True) as connection:
        install(connection)
        _fill(connection, tickets)


def _fill(connection: Connection, tickets: int) -> None:
    """Store sold tickets, and update the planner's statistics."""
    catalogue = large_catalogue()
    kinds = [kind["ticket_type_id"] for kind in open_types(catalogue)]
    connection.execute(
        "SELECT bench.fill(%s, %s::uuid[], %s, %s)",
        [
            catalogue["function"]["function_id"],
            kinds,
            tickets // (2 * len(kinds)),
            Jsonb(example_guest()),
        ],
    )
    settle(connection)


def _shown(connection: Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    value: str = row[0]
    return value


def _processor() -> str:
    """Return the processor's name from Linux, or else from Python."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
