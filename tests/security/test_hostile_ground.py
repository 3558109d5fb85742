"""Objects that other roles have created beforehand run no code as the role that installs or looks.

Each test plants something that records the role which runs it, and then lets a DBA do their work.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString, TypeAlias

import psycopg
import pytest

from ticketing_client.embedded import Server
from ticketing_client.migrate import MigrationError, migrate, rollback, status

Run: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]

TRAP: LiteralString = """
    CREATE TABLE public.caught (who text);
    GRANT INSERT ON public.caught TO PUBLIC;
    CREATE FUNCTION public.trap() RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.caught VALUES (current_user);
        RETURN TRUE;
    EXCEPTION
        WHEN read_only_sql_transaction THEN RAISE 'caught %', current_user;
    END $$;
    CREATE FUNCTION public.trap_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.trap(); RETURN NEW; END $$;
    GRANT CREATE ON SCHEMA public TO mallory;
"""
"""The functions are the superuser's, so that a test depends on who calls them only."""


@pytest.fixture
def ground(empty_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to an empty database in which mallory may create schemas."""
    yield from _mallory_in(empty_database_url)


@pytest.fixture
def installed(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to an installation in a database that mallory owns."""
    yield from _mallory_in(database_url)


def _mallory_in(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE mallory LOGIN CREATEROLE")
        connection.execute(f"GRANT CREATE ON DATABASE {connection.info.dbname} TO mallory".encode())
        connection.execute(TRAP)
        yield connection
        connection.execute("RESET ROLE")
        connection.execute("DROP OWNED BY mallory CASCADE")
        connection.execute("DROP ROLE mallory")


def caught(connection: psycopg.Connection[Any]) -> list[Any]:
    return connection.execute("SELECT who FROM public.caught").fetchall()


VIEW: LiteralString = """
    CREATE SCHEMA ticketing_install;
    GRANT ALL ON SCHEMA ticketing_install TO PUBLIC;
    CREATE VIEW ticketing_install._yoyo_migration AS
    SELECT ''::text AS migration_id, ''::text AS migration_hash WHERE public.trap();
    GRANT ALL ON ticketing_install._yoyo_migration TO PUBLIC
"""
TRIGGER: LiteralString = """
    CREATE SCHEMA ticketing_install;
    GRANT ALL ON SCHEMA ticketing_install TO PUBLIC;
    CREATE TABLE ticketing_install.replaceable_files (
        path text PRIMARY KEY, content_hash text, objects text[], installed_at timestamptz
    );
    CREATE TRIGGER trap BEFORE INSERT ON ticketing_install.replaceable_files
    FOR EACH ROW EXECUTE FUNCTION public.trap_trigger();
    GRANT ALL ON ticketing_install.replaceable_files TO PUBLIC
"""
LOCK: LiteralString = """
    CREATE SCHEMA ticketing_install;
    GRANT ALL ON SCHEMA ticketing_install TO PUBLIC;
    CREATE VIEW ticketing_install.yoyo_lock AS
    SELECT 1 AS locked, now() AS ctime, 1 AS pid WHERE public.trap();
    GRANT ALL ON ticketing_install.yoyo_lock TO PUBLIC
"""
PLANTED: dict[str, tuple[LiteralString, str]] = {
    "a view of applied migrations": (VIEW, "schema ticketing_install belongs to mallory"),
    "a table with a trigger": (TRIGGER, "schema ticketing_install belongs to mallory"),
    "a view of the lock": (LOCK, "schema ticketing_install belongs to mallory"),
    "an empty schema": (
        "CREATE SCHEMA ticketing_internal",
        "schema ticketing_internal belongs to mallory",
    ),
}


@pytest.mark.parametrize("plant", PLANTED)
def test_commands_refuse_schemas_of_other_roles(
    ground: psycopg.Connection[Any], empty_database_url: str, plant: str
) -> None:
    statements, sentence = PLANTED[plant]
    ground.execute("SET ROLE mallory")
    ground.execute(statements)
    ground.execute("RESET ROLE")
    for command in (migrate, status, rollback):
        options: dict[str, Any] = {"to": None} if command is rollback else {}
        with pytest.raises(MigrationError) as refused:
            command(empty_database_url, **options)
        assert str(refused.value).startswith(sentence)
        assert "if mallory installed the package, connect as mallory" in str(refused.value)
        assert "otherwise DROP SCHEMA" in str(refused.value)
    assert caught(ground) == []
    assert ground.execute("SELECT to_regclass('ticketing.tickets')").fetchone() == (None,)


STRANGE: dict[str, tuple[LiteralString, str]] = {
    "a table of another role": (
        "ALTER TABLE ticketing_install.yoyo_lock OWNER TO mallory",
        "table ticketing_install.yoyo_lock belongs to mallory",
    ),
    "a function of another role": (
        """
        CREATE FUNCTION ticketing.more() RETURNS integer RETURN 1;
        ALTER FUNCTION ticketing.more() OWNER TO mallory
        """,
        "function ticketing.more() belongs to mallory",
    ),
    "an operator of another role": (
        """
        CREATE OPERATOR ticketing_internal.= (FUNCTION = uuid_eq, LEFTARG = uuid, RIGHTARG = uuid);
        ALTER OPERATOR ticketing_internal.= (uuid, uuid) OWNER TO mallory
        """,
        "operator ticketing_internal.=(pg_catalog.uuid,pg_catalog.uuid) belongs to mallory",
    ),
    "a view among the records": (
        "CREATE VIEW ticketing_install.more AS SELECT 1 AS one",
        "view ticketing_install.more is not one of the installation records",
    ),
    "a trigger on the records": (
        """
        CREATE TRIGGER trap BEFORE INSERT ON ticketing_install._yoyo_log
        FOR EACH ROW EXECUTE FUNCTION public.trap_trigger()
        """,
        "trigger trap on ticketing_install._yoyo_log is not part of the package",
    ),
    "a trigger of another role": (
        """
        ALTER FUNCTION public.trap_trigger() OWNER TO mallory;
        CREATE TRIGGER trap BEFORE INSERT ON ticketing.functions
        FOR EACH ROW EXECUTE FUNCTION public.trap_trigger()
        """,
        "trigger trap on ticketing.functions is not part of the package",
    ),
}


@pytest.mark.parametrize("what", STRANGE)
def test_commands_refuse_objects_of_other_roles_in_an_installation(
    installed: psycopg.Connection[Any], database_url: str, what: str
) -> None:
    statements, sentence = STRANGE[what]
    installed.execute(statements)
    for command in (migrate, status):
        with pytest.raises(MigrationError) as refused:
            command(database_url)
        assert str(refused.value).startswith(f"{sentence}, which could run code as postgres; ")
        assert "drop it" in str(refused.value)


def test_commands_refuse_an_owner_with_unexpected_members(
    ground: psycopg.Connection[Any], empty_database_url: str
) -> None:
    """The role that owns everything is the server's: the other tests have made it already."""
    ground.execute("CREATE ROLE other_boss CREATEROLE")
    ground.execute(
        "DO $$ BEGIN CREATE ROLE ticketing_owner; EXCEPTION WHEN duplicate_object THEN END $$"
    )
    ground.execute("GRANT ticketing_owner TO other_boss WITH ADMIN OPTION")
    try:
        ground.execute("SET ROLE other_boss")
        ground.execute("GRANT ticketing_owner TO mallory")
        ground.execute("RESET ROLE")
        for command in (migrate, status):
            with pytest.raises(MigrationError) as refused:
                command(empty_database_url)
            assert str(refused.value) == (
                "mallory is a member of ticketing_owner, admitted by no superuser, which could run "
                "code as postgres; let a superuser REVOKE ticketing_owner FROM mallory GRANTED BY "
                "other_boss CASCADE, and GRANT ticketing_owner TO mallory again if it may own "
                "everything of the package"
            )
        ground.execute("REVOKE ticketing_owner FROM mallory GRANTED BY other_boss CASCADE")
        ground.execute("GRANT ticketing_owner TO mallory")
        assert status(empty_database_url).applied == ()
    finally:
        ground.execute("RESET ROLE")
        ground.execute("DROP OWNED BY other_boss CASCADE")
        ground.execute("REVOKE ticketing_owner FROM mallory")
        ground.execute("DROP ROLE other_boss")


BETTER_MATCHES: LiteralString = """
    CREATE FUNCTION public.pg_has_role(oid, text, text) RETURNS boolean LANGUAGE sql
    AS 'SELECT public.trap()';
    CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql
    AS 'SELECT public.trap()::text';
    CREATE FUNCTION public.to_regclass(text) RETURNS regclass LANGUAGE sql
    AS 'SELECT NULL::regclass WHERE public.trap()';
    CREATE FUNCTION public.jsonb_path_exists(jsonb, text) RETURNS boolean IMMUTABLE LANGUAGE sql
    AS 'SELECT public.trap()';
    CREATE FUNCTION public.trap(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT public.trap()';
    CREATE FUNCTION public.trap(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT public.trap()';
    CREATE FUNCTION public.trap(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT public.trap()';
    CREATE FUNCTION public.trap(oid, regnamespace) RETURNS boolean LANGUAGE sql
    AS 'SELECT public.trap()';
    CREATE OPERATOR public.= (FUNCTION = public.trap, LEFTARG = name, RIGHTARG = name);
    CREATE OPERATOR public.= (FUNCTION = public.trap, LEFTARG = text, RIGHTARG = text);
    CREATE OPERATOR public.= (FUNCTION = public.trap, LEFTARG = oid, RIGHTARG = oid);
    CREATE OPERATOR public.= (FUNCTION = public.trap, LEFTARG = oid, RIGHTARG = regnamespace);
    CREATE OPERATOR public.<> (FUNCTION = public.trap, LEFTARG = oid, RIGHTARG = oid);
"""


@pytest.fixture
def run(server: Server, database_url: str) -> Run:
    """A function that runs a program in the database as a superuser."""

    def run_in_database(*program: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "PGHOST": server.host,
            "PGPORT": str(server.port),
            "PGUSER": server.user,
            "PGDATABASE": database_url.partition("?")[0].rpartition("/")[2],
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        return subprocess.run(
            program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    return run_in_database


def hostile_path(connection: psycopg.Connection[Any]) -> None:
    """Let the owner of the database put functions and operators before PostgreSQL's own."""
    name = connection.info.dbname
    connection.execute(BETTER_MATCHES)
    connection.execute(f"ALTER DATABASE {name} SET search_path = public, pg_catalog".encode())
    connection.execute(f"ALTER DATABASE {name} SET ticketing.replaceable = 'view a.b'".encode())


@pytest.mark.parametrize("command", [["status"], ["doctor"], ["migrate"]])
def test_commands_call_nothing_in_the_search_path_of_the_database(
    installed: psycopg.Connection[Any], run: Run, command: list[str]
) -> None:
    hostile_path(installed)
    result = run(sys.executable, "-m", "ticketing_client.cli", *command)
    assert (result.returncode, result.stderr) == (0, "")
    assert caught(installed) == []


@pytest.mark.parametrize(
    "files",
    [
        ["sql/check_owners.sql"],
        ["sql/drop_replaceable.sql"],
        ["sql/forwarders/public.sql", "sql/forwarders/public.rollback.sql"],
    ],
)
def test_files_call_nothing_in_the_search_path_of_the_database(
    installed: psycopg.Connection[Any], server: Server, run: Run, files: list[str]
) -> None:
    hostile_path(installed)
    for file in files:
        psql = [str(server.bin_dir / "psql"), "-Xqv", "ON_ERROR_STOP=1", "-1", "-c", "SELECT"]
        if file == "sql/drop_replaceable.sql":
            psql += ["-c", "SET LOCAL ROLE ticketing_owner"]
        result = run(*psql, "-f", file)
        assert result.returncode == 0, result.stderr
    assert caught(installed) == []


def test_migrations_find_nothing_in_the_schema_of_the_records(
    ground: psycopg.Connection[Any], empty_database_url: str
) -> None:
    """yoyo puts that schema into the search path; each migration sets its own."""
    for path in sorted((ROOT / "sql/migrations").glob("[0-9]*.sql")):
        text = path.read_text(encoding="utf-8")
        if path.name.endswith(".rollback.sql") and "SELECT" not in text:
            continue
        statements = [line for line in text.splitlines() if line and not line.startswith("--")]
        assert statements[0] == "SET LOCAL search_path = pg_catalog, pg_temp;", path
    migrate(empty_database_url)
    assert caught(ground) == []


def test_forwarders_refuse_a_schema_of_another_role(
    ground: psycopg.Connection[Any], run: Run, server: Server
) -> None:
    ground.execute("SET ROLE mallory")
    ground.execute("CREATE SCHEMA ticketing")
    ground.execute("RESET ROLE")
    psql = [str(server.bin_dir / "psql"), "-Xqv", "ON_ERROR_STOP=1", "-d", ground.info.dbname]
    for file in ("sql/check_owners.sql", "sql/forwarders/public.sql"):
        result = run(*psql, "-f", file)
        assert result.returncode == 3
        assert "schema ticketing belongs to mallory" in result.stderr
