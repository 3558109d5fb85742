"""The product's own migrations and functions, and every command of docs/operations.md."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.support.bookings import book
from tests.support.caller import (
    owner,
    service,
)
from tests.support.example import (
    CEREMONY,
    OWNER,
    STRANGER,
    TOMAS,
    Document,
    selection,
    ticket,
)
from tests.support.pages import blocks
from tests.support.personas import (
    acting,
    claims_of,
)
from tools.bundle import bundle

from ticketing_client.embedded import Server, run_server
from ticketing_client.migrate import MigrationError, MigrationReport, migrate, rollback, status
from ticketing_client.migrate._files import packaged_sql

Query = Callable[..., list[Any]]
Shell = Callable[..., str]

REPOSITORY = Path(__file__).parents[2]
DOCUMENTED = blocks((REPOSITORY / "docs/operations.md").read_text(encoding="utf-8"))
DOCUMENTED_COMMANDS = [text for language, text in DOCUMENTED if language == "sh"]
DOCUMENTED_STATEMENTS = [text for language, text in DOCUMENTED if language == "sql"]
(INSTALL_BY_HAND,) = (
    commands
    for commands in DOCUMENTED_COMMANDS
    if "yoyo apply" in commands and "--single-tr" in commands
)


@pytest.fixture(scope="module")
def programs(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with psql, yoyo and ticketing, as they are here."""
    folder = tmp_path_factory.mktemp("bin")
    for name, module in {"ticketing": "ticketing_client.cli", "yoyo": "yoyo"}.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        program.chmod(0o755)
    return os.pathsep.join([str(folder), str(server.bin_dir), os.environ["PATH"]])


def _run(commands: str, programs: str, server: Server, database: str) -> None:
    result = subprocess.run(
        ["sh", "-eu", "-c", commands],
        cwd=REPOSITORY,
        env=os.environ
        | {
            "PATH": programs,
            "PGHOST": server.host,
            "PGPORT": str(server.port),
            "PGUSER": server.user,
            "PGDATABASE": database,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def _dump(server: Server, url: str, *options: str) -> str:
    """Dump all definitions of a database, privileges, owners and comments included."""
    dump = subprocess.run(
        [server.bin_dir / "pg_dump", "--schema-only", *options, url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return re.sub(r"^\\(un)?restrict .*\n", "", dump, flags=re.MULTILINE)  # a random word


@pytest.mark.parametrize("commands", DOCUMENTED_COMMANDS)
def test_operations_page_shows_commands_that_work(
    server: Server, database_url: str, programs: str, commands: str
) -> None:
    with psycopg.connect(database_url) as connection:
        database = connection.info.dbname
    _run(commands, programs, server, database)


def test_operations_page_shows_statements_that_work(
    server: Server, event_url: str, programs: str
) -> None:
    assert {language for language, _ in DOCUMENTED} == {"sh", "sql"}
    with psycopg.connect(event_url, autocommit=True) as superuser:
        database = superuser.info.dbname
        book(superuser, {TOMAS: selection(tickets={CEREMONY: 1})})
        cursor = service(superuser).call("get_ticket_changes")["cursor"]
        placeholders = {"DATABASE shop": f"DATABASE {database}", "<cursor>": str(cursor)}
        try:
            for text in DOCUMENTED_STATEMENTS:
                statements = text
                for placeholder, value in placeholders.items():
                    statements = statements.replace(placeholder, value)
                commands = f"psql --quiet -v ON_ERROR_STOP=1 <<'SQL'\n{statements}\nSQL"
                _run(commands, programs, server, database)
        finally:  # roles belong to the whole server
            for role in ("installer", "ticketing_jobs"):
                superuser.execute(f"DROP OWNED BY {role}".encode())
                superuser.execute(f"DROP ROLE {role}".encode())


def test_rollback_to_nothing_and_migrate_give_the_same_database(
    server: Server, empty_database_url: str
) -> None:
    empty = _dump(server, empty_database_url)
    first = migrate(empty_database_url)
    installed = _dump(server, empty_database_url)
    assert rollback(empty_database_url, to=None) == first.applied[::-1]
    assert _dump(server, empty_database_url, "--exclude-schema=ticketing_install") == empty
    assert migrate(empty_database_url) == first
    assert _dump(server, empty_database_url) == installed
    assert "CREATE TABLE ticketing.tickets" in installed
    assert "CREATE FUNCTION ticketing.persist_attendee_tickets" in installed


@pytest.mark.long
def test_rollback_of_each_migration_leads_to_the_state_before(
    server: Server, empty_database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    names: list[str | None] = [None]
    dumps: list[str] = []
    for path in sorted((REPOSITORY / "sql/migrations").glob("*.sql")):
        if path.name.endswith(".rollback.sql"):
            continue
        name = path.stem
        for file in (path, path.with_name(f"{name}.rollback.sql")):
            shutil.copy(file, folder)
        assert migrate(empty_database_url, sql_dir=tmp_path) == MigrationReport((name,), ())
        names.append(name)
        dumps.append(_dump(server, empty_database_url))
    while dumps:
        assert _dump(server, empty_database_url) == dumps.pop()
        last = names.pop()
        assert rollback(empty_database_url, to=names[-1], sql_dir=tmp_path) == (last,)


@pytest.mark.long  # the commands are also run by the test above
def test_install_by_hand_gives_the_same_database(
    server: Server, empty_database_url: str, programs: str
) -> None:
    with psycopg.connect(empty_database_url) as connection:
        database = connection.info.dbname
    migrate(empty_database_url)
    ours = _dump(server, empty_database_url, "--exclude-schema=ticketing_install")
    rollback(empty_database_url, to=None)
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("DROP SCHEMA ticketing_install CASCADE")
    _run(INSTALL_BY_HAND, programs, server, database)
    assert _dump(server, empty_database_url, "--exclude-schema=ticketing_install") == ours
    functions = status(empty_database_url).files
    assert migrate(empty_database_url) == MigrationReport((), functions)
    assert _dump(server, empty_database_url, "--exclude-schema=ticketing_install") == ours


def test_bundle_gives_the_same_database(
    server: Server, empty_database_url: str, database_url: str
) -> None:
    file = bundle(packaged_sql())
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(file.encode())
        with pytest.raises(psycopg.errors.DuplicateSchema):
            connection.execute(file.encode())
    ours = _dump(server, database_url, "--exclude-schema=ticketing_install")
    assert _dump(server, empty_database_url) == ours


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server of the test's own, on which the package's roles do not exist yet."""
    with run_server() as server, psycopg.connect(server.url(), autocommit=True) as connection:
        for name in ("installer", "other"):
            connection.execute(f"CREATE ROLE {name} LOGIN CREATEROLE".encode())
            connection.execute(f"CREATE DATABASE {name}".encode())
            connection.execute(f"GRANT CREATE ON DATABASE {name} TO {name}".encode())
        yield server


def test_migrate_works_for_a_role_that_may_create_roles_and_schemas(
    own_server: Server, tmp_path: Path
) -> None:
    url = make_conninfo(own_server.url("installer"), user="installer")
    first = migrate(url)
    assert status(url).up_to_date
    assert rollback(url, to=None) == first.applied[::-1]
    assert migrate(url) == first

    # The role that installed may also ask the doctor.
    program = [sys.executable, "-m", "ticketing_client.cli", "doctor", "--database-url", url]
    doctor = subprocess.run(
        program,
        env=os.environ | {"COLUMNS": "300", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (doctor.returncode, doctor.stdout.splitlines()[-1]) == (0, "nothing found")
    assert re.search(r"connected as +│ installer ", doctor.stdout)
    assert re.search(r"logins in ticketing_owner +│ installer ", doctor.stdout)

    # Another database of the same server, installed by another role.
    other = make_conninfo(own_server.url("other"), user="other")
    with psycopg.connect(own_server.url(), autocommit=True) as superuser:
        for command in (migrate, status):
            with pytest.raises(MigrationError, match=r"^installer is a member of ticketing_owner"):
                command(other)
        superuser.execute("REVOKE ticketing_owner FROM installer CASCADE")
        with pytest.raises(MigrationError, match=r"^schema ticketing_install belongs to installer"):
            status(own_server.url("installer"))
        superuser.execute("GRANT ticketing_owner TO installer, other")
        assert status(own_server.url("installer")).up_to_date
        assert status(other).applied == ()
        assert migrate(other) == first

        # Once it is installed, being a member of the owner is enough.
        superuser.execute("ALTER ROLE installer NOCREATEROLE")
        superuser.execute("REVOKE CREATE ON DATABASE installer FROM installer")
    shutil.copytree(REPOSITORY / "sql", tmp_path / "sql")
    function = tmp_path / "sql/functions/ticketing/answer.sql"
    function.write_text("CREATE OR REPLACE FUNCTION ticketing.answer() RETURNS integer RETURN 42;")
    (tmp_path / "sql/migrations/9999.more.sql").write_text(
        "SET LOCAL ROLE ticketing_owner; CREATE TABLE ticketing.more (id integer);"
    )
    report = migrate(url, sql_dir=tmp_path / "sql")
    paths = sorted((*first.installed, "functions/ticketing/answer.sql"))
    no_types = tuple(path for path in paths if not path.startswith("types/"))
    assert report == MigrationReport(("9999.more",), no_types)


SUPABASE = """
    CREATE ROLE anon NOLOGIN NOINHERIT;
    CREATE ROLE authenticated NOLOGIN NOINHERIT;
    CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
    CREATE ROLE authenticator LOGIN NOINHERIT;
    GRANT anon, authenticated, service_role TO authenticator;
    ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
"""
POSTGREST = """
    CREATE ROLE authenticator LOGIN NOINHERIT;
    GRANT anon, authenticated, service_role TO authenticator;
"""


@pytest.mark.parametrize(("before", "after"), [(SUPABASE, ""), ("", POSTGREST)])
def test_migrate_protects_rows_no_matter_who_made_the_roles(
    own_server: Server, catalogue: Document, wizard_state: Document, before: str, after: str
) -> None:
    with psycopg.connect(own_server.url("installer"), autocommit=True) as superuser:
        superuser.execute(before.encode())
        migrate(make_conninfo(own_server.url("installer"), user="installer"))
        superuser.execute(after.encode())
    with psycopg.connect(own_server.url("installer"), user="authenticator") as connection:
        service(connection).call("import_catalogue", p_catalogue=catalogue)
        owner(connection).call(
            "create_individual_registration_with_tickets",
            p_registration_data=wizard_state["registration"],
            p_tickets=[ticket(TOMAS, CEREMONY)],
        )
        seen = {
            (role, user_id): _count(connection, role, user_id)
            for role, user_id in (
                ("authenticated", OWNER),
                ("authenticated", STRANGER),
                ("anon", OWNER),
                ("service_role", None),
            )
        }
    assert seen == {
        ("authenticated", OWNER): 1,
        ("authenticated", STRANGER): 0,
        ("anon", OWNER): None,
        ("service_role", None): 1,
    }


def _count(connection: psycopg.Connection[Any], role: str, user_id: str | None) -> int | None:
    """Count the tickets that a caller reads; None when the caller is refused."""
    try:
        with acting(connection, role, claims_of(user_id)):
            return len(connection.execute("SELECT FROM ticketing.tickets").fetchall())
    except psycopg.errors.InsufficientPrivilege:
        return None
