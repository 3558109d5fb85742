"""Run the tests of the npm package: `make test-typescript`.

They call a server of their own and PGlite through a stand-in for PostgREST in JavaScript, which has
to send the same statements as the one in Python.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from tests.support.pages import ROOT
from tests.support.postgrest import Connection, PostgREST
from tools.bundle import bundle

from ticketing_client.embedded import run_server
from ticketing_client.migrate import migrate

STATUSES = "SET ticketing.http_statuses = on;\n"
"""What sql/forwarders/public_http.sql does before public.sql, in psql."""


def statements(connection: Connection) -> list[dict[str, object]]:
    """Return what postgrest.py sends for requests with all and with only required arguments."""
    postgrest = PostgREST(connection)
    found: list[dict[str, object]] = []
    for routine in postgrest.routines:
        for names in (list(routine.types), [n for n in routine.types if n in routine.required]):
            for method, statement in (
                ("POST", postgrest.post_statement(routine, names)),
                ("GET", postgrest.get_statement(routine, names)),
            ):
                text = statement.as_string(connection)
                placeholders = list(dict.fromkeys(re.findall(r"%\(\w+\)s", text)))
                for number, placeholder in enumerate(placeholders, 1):
                    text = text.replace(placeholder, f"${number}")
                found.append({"rpc": routine.name, "names": names, "method": method, "text": text})
    return found


def main(arguments: list[str]) -> int:
    """Start a server and run the tests.

    Args:
        arguments: For `node --test`.

    Returns:
        The exit code of node.
    """
    careless = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with run_server(settings=careless) as server, TemporaryDirectory() as folder:
        migrate(server.url())
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(STATUSES.encode())
            connection.execute((ROOT / "sql/forwarders/public.sql").read_bytes())
            sent = json.dumps(statements(connection))
            connection.execute("CREATE DATABASE docs")  # for the code blocks of pages
        migrate(server.url("docs"))
        files = {
            "TICKETING_STATEMENTS": ("statements.json", sent),
            "TICKETING_BUNDLE": ("ticketing.sql", STATUSES + bundle(ROOT / "sql", forwarders=True)),
        }
        for name, text in files.values():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        return subprocess.run(
            ["npm", "test", "--silent", "--", *arguments],
            cwd=ROOT / "typescript",
            env={
                **os.environ,
                **{variable: str(Path(folder) / name) for variable, (name, _) in files.items()},
                "PGHOST": server.host,
                "PGPORT": str(server.port),
                "PGUSER": server.user,
                "PGDATABASE": "postgres",
            },
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
