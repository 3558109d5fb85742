"""The server to measure on, its databases, and what to say of the machine."""

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
"""What any server would be given; everything else is PostgreSQL's default, fsync among it."""

SHOWN: Final = ("fsync", "synchronous_commit", "full_page_writes", *SETTINGS)

ROOMY: Final = 10_000_000
"""Places in a pool that nobody fills."""

_TEMPLATE: Final = "bench_template"


@contextmanager
def benchmark_server(folder: Path, tickets: int) -> Iterator[Server]:
    """Run a server that writes to disk like a real one, and delete its data at the end.

    Args:
        folder: An existing folder on the disk to measure.
        tickets: How many tickets are stored in the template of all databases, in multiples of 10.
            PostgreSQL plans by what is stored, so nothing is measured with empty tables.

    Yields:
        The server, with the template for `create_database`: migrated, with the example event and
        the baselines in schema bench.
    """
    with tempfile.TemporaryDirectory(prefix="ticketing-bench-", dir=folder) as parent:
        Path(parent).chmod(0o755)  # when we are root, the server's user has to get through
        with run_server(Path(parent) / "data", settings=SETTINGS) as server:
            _create_template(server, tickets)
            yield server


def create_database(server: Server, name: str, tickets: int = 0) -> str:
    """Make a copy of the template.

    Args:
        server: The server to make it on.
        name: The name of the database.
        tickets: How many more tickets are to be stored in it; in multiples of 10.

    Returns:
        Its URL.
    """
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(_TEMPLATE))
        )
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        _fill(connection, tickets)
    return server.url(name)


def install(connection: Connection) -> None:
    """Install the example event and schema bench, with the baselines, in a migrated database.

    Args:
        connection: One of a superuser, in autocommit mode.
    """
    connection.execute(files("bench").joinpath("sql/schema.sql").read_bytes())
    connection.execute("SELECT ticketing.import_catalogue(%s)", [Jsonb(roomy_catalogue())])


def settle(connection: Connection) -> None:
    """Do now what autovacuum would do in the middle of a measurement.

    Args:
        connection: One in autocommit mode.
    """
    connection.execute("VACUUM (ANALYZE)")


def faults(connection: Connection) -> int:
    """Return how many differences check_integrity() finds.

    Args:
        connection: One to the database to check.

    Returns:
        Their number.
    """
    row = connection.execute("SELECT count(*) FROM ticketing.check_integrity()").fetchone()
    assert row is not None
    count: int = row[0]
    return count


def example(name: str) -> Document:
    """Return one of the example documents that come with the client.

    Args:
        name: catalogue or wizard_state.

    Returns:
        The document.
    """
    text = files("ticketing_client").joinpath(f"example/{name}.json").read_text(encoding="utf-8")
    document: Document = json.loads(text)
    return document


def example_guest() -> Document:
    """Return the wizard's object of a guest.

    Returns:
        What is stored as his attendee_data.
    """
    guest: Document = example("wizard_state")["registration"]["additionalAttendees"][1]
    return guest


def roomy_catalogue() -> Document:
    """Return the example event, its pools too large to be filled.

    Returns:
        A catalogue in which every event and every ticket type has a limited pool.
    """
    catalogue = example("catalogue")
    for element in (*catalogue["events"], *catalogue["ticket_types"]):
        element["capacity"] = ROOMY
    return catalogue


def open_types(catalogue: Document) -> list[Document]:
    """Return the ticket types of a catalogue that everybody may buy.

    Args:
        catalogue: The catalogue.

    Returns:
        Its active ticket types without rules.
    """
    return [
        element
        for element in catalogue["ticket_types"]
        if element["is_active"] and not element["eligibility"]["rules"]
    ]


def describe(server: Server) -> Document:
    """Return what figures in milliseconds depend on, without saying whose machine it is.

    Args:
        server: The running server.

    Returns:
        Processor, cores, memory in GiB, system, load before the run, versions and settings.
    """
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
    """Make the template: migrated, with the example event, the baselines and some tickets sold."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(_TEMPLATE)))
    migrate(server.url(_TEMPLATE))
    with psycopg.connect(server.url(_TEMPLATE), autocommit=True) as connection:
        install(connection)
        _fill(connection, tickets)


def _fill(connection: Connection, tickets: int) -> None:
    """Store tickets as if they had been sold, and let PostgreSQL know how many there are."""
    catalogue = roomy_catalogue()
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
    """Return the processor's name as Linux knows it, or else as Python does."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
