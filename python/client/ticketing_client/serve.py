"""The server of an afternoon's work: PostgreSQL at 127.0.0.1 with the package installed.

`ticketing serve` runs it.
"""

import shlex
import shutil
import signal
import sys
from pathlib import Path
from textwrap import fill
from typing import Final

import psycopg
import typer
from psycopg.sql import SQL, Identifier

from ticketing_client import Client
from ticketing_client._example import example_document
from ticketing_client.embedded import EmbeddedServerError, Server, default_data_dir, run_server
from ticketing_client.migrate import migrate

DATABASE: Final = "ticketing"
"""Name of the served database."""


def serve(data_dir: Path | None = None, *, port: int, example: bool = False) -> None:
    """Run a server with the package installed until Ctrl-C or SIGTERM.

    Args:
        data_dir: Folder of its data, which stay for the next run; None for `default_data_dir`.
        port: Port at 127.0.0.1 to listen on.
        example: Whether to load the example event, unless it is there already.

    Raises:
        EmbeddedServerError: The server cannot be run, or has ended by itself.
        MigrationError: The database cannot be installed or upgraded.
    """
    typer.echo("Starting PostgreSQL ...")
    with run_server(data_dir or default_data_dir("serve"), port=port) as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            if not connection.execute(
                "SELECT FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchall():
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(DATABASE)))
        migrate(server.url(DATABASE))
        if example:
            _load_example(server)
        _stay(server, _first_steps(server, data_dir))
        typer.echo(f"\nStopped. The data stay in {server.data_dir}")


def _load_example(server: Server) -> None:
    """Load the example event, unless it is there: it may have been changed since."""
    catalogue = example_document("catalogue")
    with psycopg.connect(server.url(DATABASE)) as connection:
        if not connection.execute(
            "SELECT FROM ticketing.functions WHERE function_id = %s",
            [catalogue["function"]["function_id"]],
        ).fetchall():
            Client(connection).import_catalogue(catalogue)


def _stay(server: Server, first_steps: str) -> None:
    """Print the first steps and return at Ctrl-C or SIGTERM, from then on at any time.

    Raises EmbeddedServerError when the server ends first.
    """
    # SIGINT as well: a shell script starts what runs in its background with SIGINT ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        typer.echo(first_steps)
        with psycopg.connect(server.url(), autocommit=True) as connection:
            for _ in connection.notifies():
                pass
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is being stopped already
    except psycopg.OperationalError:
        message = f"The server has ended: look at {server.data_dir / 'server.log'}."
        raise EmbeddedServerError(message) from None
    finally:
        signal.signal(signal.SIGTERM, handler)


def _first_steps(server: Server, data_dir: Path | None) -> str:
    """Return what to do next, ready to paste, in lines of at most 80 columns."""
    with psycopg.connect(server.url(DATABASE)) as connection:
        functions = connection.execute(
            "SELECT slug, function_id FROM ticketing.functions ORDER BY slug"
        ).fetchall()
    python = Path(sys.executable)
    ticketing = program(python.with_name("ticketing"))
    psql = f"{ticketing} psql"
    if data_dir is not None:
        psql += f" --data-dir {shlex.quote(str(server.data_dir))}"
    steps = _ON_SALE if functions else _EMPTY
    return _STEPS.format(
        postgres=server.version,
        port=server.port,
        url=server.tcp_url(DATABASE),
        psql=psql,
        more=steps.format(
            ticketing=ticketing,
            python=program(python),
            slugs=fill(", ".join(slug for slug, _ in functions), 80, break_on_hyphens=False),
            function_id=functions[0][1] if functions else None,
        ),
    )


def program(path: Path) -> str:
    """Return how to start a program in a shell: by its name where that finds it."""
    named = shutil.which(path.name) == str(path) or not path.exists()
    return path.name if named else shlex.quote(str(path))


_STEPS: Final = """\
PostgreSQL {postgres} with ticketing-sql installed listens at 127.0.0.1:{port}.
Ctrl-C stops it; the data, the password and the URL stay for the next run.

Paste into another terminal:

export DATABASE_URL={url}

Look inside (\\dt ticketing.* lists the tables, \\df ticketing.* the calls):

{psql}

{more}"""

_ON_SALE: Final = """\
These events are in it:

{slugs}

Ask what the first one sells:

{python} - <<'END'
import os
from ticketing_client import Client
event = "{function_id}"
with Client(os.environ["DATABASE_URL"]) as service:
    for ticket in service.get_ticket_availability(event).ticket_types:
        print(f"{{ticket.name:<50}}{{ticket.price:>8}} {{ticket.status}}")
END
"""

_EMPTY: Final = """\
No event is in it yet. Write one and load it (or: ticketing serve --example):

{ticketing} catalogue template event.yaml
{ticketing} catalogue load event.yaml
"""
