"""The optional forwarders in schema public: like what they forward to, and nothing more."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString, TypeAlias

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.support.personas import MANAGER, SERVICE, USER, VISITOR
from tests.support.postgrest import PostgREST
from tests.support.stage import Steady

from ticketing_client.embedded import Server

Connection: TypeAlias = psycopg.Connection[Any]
Connect: TypeAlias = Callable[..., Connection]
Document: TypeAlias = dict[str, Any]

FORWARDERS = Path(__file__).resolve().parents[2] / "sql/forwarders"
APPLY, TAKE_BACK = FORWARDERS / "public.sql", FORWARDERS / "public.rollback.sql"

LIKENESS: LiteralString = """
SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid), provolatile::text,
    proretset, proisstrict, proleakproof, proconfig @> '{"search_path=pg_catalog, pg_temp"}',
    array(
        SELECT grantee::regrole || ' ' || privilege_type FROM aclexplode(proacl)
        WHERE grantee <> proowner ORDER BY 1
    )
FROM pg_proc WHERE pronamespace = %s::regnamespace ORDER BY proname
"""


def likeness(connection: Connection, schema: str) -> list[tuple[object, ...]]:
    """What a forwarder has in common with what it forwards to."""
    return connection.execute(LIKENESS, [schema]).fetchall()


@pytest.fixture
def forwarded(stage: Connection) -> Connection:
    """A connection to the stage in a transaction that is rolled back, with the forwarders."""
    assert likeness(stage, "public") == []  # an installation has none
    apply_in_transaction(stage)
    return stage


def apply_in_transaction(connection: Connection) -> None:
    """Run what the file has between BEGIN and COMMIT."""
    _, begin, rest = APPLY.read_text(encoding="utf-8").partition("\nBEGIN;\n")
    inside, commit, after = rest.partition("\nCOMMIT;\n")
    assert (bool(begin), bool(commit), after) == (True, True, "")
    connection.execute(inside.encode())


def test_forwarders_are_like_the_rpcs(forwarded: Connection) -> None:
    assert likeness(forwarded, "public") == likeness(forwarded, "ticketing")
    for name, definer, language, comment in forwarded.execute(
        """
        SELECT proname, prosecdef, lanname, obj_description(pg_proc.oid, 'pg_proc')
        FROM pg_proc INNER JOIN pg_language ON pg_language.oid = prolang
        WHERE pronamespace = 'public'::regnamespace
        """
    ):
        assert (definer, language) == (False, "sql"), name
        assert comment == f"Forwards to ticketing.{name}, which documents it."


@pytest.mark.parametrize(
    "change",
    [
        "CREATE FUNCTION ticketing.get_more() RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'",
        "DROP FUNCTION ticketing.get_registration",
        "ALTER FUNCTION ticketing.get_registration VOLATILE",
        "ALTER FUNCTION ticketing.get_registration STRICT",
        "GRANT EXECUTE ON FUNCTION ticketing.record_refund TO anon",
        "REVOKE EXECUTE ON FUNCTION public.get_registration FROM authenticated",
        "GRANT EXECUTE ON FUNCTION public.get_registration TO ticketing_reader",
        "ALTER FUNCTION public.get_registration RESET search_path",
        (
            "CREATE OR REPLACE FUNCTION public.release_expired_holds(p_limit integer DEFAULT 10)"
            " RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog, pg_temp"
            " AS 'SELECT NULL::jsonb'"
        ),
    ],
)
def test_forwarders_unlike_the_rpcs_are_noticed(
    forwarded: Connection, change: LiteralString
) -> None:
    forwarded.execute(change)
    assert likeness(forwarded, "public") != likeness(forwarded, "ticketing")


def test_forwarders_have_the_same_grants_where_public_grants_everything(db: Connection) -> None:
    """As Supabase does with what its users make there."""
    for role in ("anon", "authenticated", "service_role"):
        db.execute(
            sql.SQL(
                "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO {}"
            ).format(sql.Identifier(role))
        )
    apply_in_transaction(db)
    assert likeness(db, "public") == likeness(db, "ticketing")


def test_forwarders_applied_again_follow_the_rpcs(forwarded: Connection) -> None:
    forwarded.execute("DROP FUNCTION ticketing.get_registration")
    forwarded.execute("DROP FUNCTION ticketing.release_expired_holds")
    forwarded.execute(
        "CREATE FUNCTION ticketing.release_expired_holds(p_most integer DEFAULT 10)"
        " RETURNS integer LANGUAGE sql STRICT SET search_path = pg_catalog, pg_temp"
        " AS 'SELECT p_most'"
    )
    forwarded.execute("REVOKE ALL ON FUNCTION ticketing.release_expired_holds FROM PUBLIC")
    forwarded.execute("GRANT EXECUTE ON FUNCTION ticketing.cancel_registration TO ticketing_reader")
    forwarded.execute("GRANT EXECUTE ON FUNCTION public.start_payment TO ticketing_reader")
    apply_in_transaction(forwarded)
    assert likeness(forwarded, "public") == likeness(forwarded, "ticketing")


# Calling through them


def test_forwarders_give_every_caller_the_same_answer(
    calls: dict[str, Document], forwarded: Connection
) -> None:
    steady = Steady(forwarded)
    direct, through = PostgREST(forwarded), PostgREST(forwarded, "public")
    refused = 0
    for person in (VISITOR, USER, MANAGER, SERVICE):
        for name, arguments in calls.items():
            reply = direct.post(person, name, arguments)
            forwarded_reply = through.post(person, name, arguments)
            assert forwarded_reply.code == reply.code
            assert steady(forwarded_reply.body) == steady(reply.body), (person, name)
            refused += reply.code == "42501"
    assert len(calls) < refused < 3 * len(calls)


def test_forwarders_have_the_same_defaults(
    calls: dict[str, Document], forwarded: Connection
) -> None:
    steady = Steady(forwarded)
    direct, through = PostgREST(forwarded), PostgREST(forwarded, "public")
    tried = 0
    for routine in direct.routines:
        call = calls[routine.name]
        least = {key: value for key, value in call.items() if key in routine.required}
        if least != call:
            reply = direct.post(SERVICE, routine.name, least)
            assert reply.code is None
            forwarded_reply = through.post(SERVICE, routine.name, least)
            assert steady(forwarded_reply.body) == steady(reply.body), routine.name
            tried += 1
    assert tried > 5


# Applying the file


@pytest.fixture
def installer(database_url: str) -> Iterator[str]:
    """The URL of the role that has installed the package, which is no superuser."""
    with psycopg.connect(database_url, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE installer LOGIN IN ROLE ticketing_owner")
    yield make_conninfo(database_url, user="installer")
    with psycopg.connect(database_url, autocommit=True) as superuser:
        superuser.execute("DROP OWNED BY installer")
        superuser.execute("DROP ROLE installer")


def apply(server: Server, url: str, path: Path) -> str:
    """Run a file with psql as the documentation says, and return what it complains about."""
    psql = [str(server.bin_dir / "psql"), "--no-psqlrc", "--quiet", "--file", str(path), url]
    return subprocess.run(psql, check=False, capture_output=True, text=True).stderr


def test_forwarders_are_applied_by_a_role_with_create_on_public(
    server: Server, installer: str, connect: Connect
) -> None:
    superuser = connect(autocommit=True)
    assert "permission denied for schema public" in apply(server, installer, APPLY)
    assert likeness(superuser, "public") == []
    superuser.execute("GRANT CREATE ON SCHEMA public TO installer")
    for _ in range(2):
        assert apply(server, installer, APPLY) == ""
        assert likeness(superuser, "public") == likeness(superuser, "ticketing")


def test_forwarders_leave_a_function_of_the_application_alone(
    server: Server,
    database_url: str,
    connect: Connect,
) -> None:
    connection = connect(autocommit=True)
    own: LiteralString = (
        "CREATE FUNCTION public.start_payment(p_order integer) RETURNS integer LANGUAGE sql"
        " AS 'SELECT p_order'"
    )
    connection.execute(own)
    complaint = apply(server, database_url, APPLY)
    assert "There is already, in schema public: start_payment(integer)" in complaint
    assert "Drop or rename it, or call schema ticketing itself." in complaint
    assert [row[0] for row in likeness(connection, "public")] == ["start_payment"]

    connection.execute("ALTER FUNCTION public.start_payment RENAME TO pay_order")
    assert apply(server, database_url, APPLY) == ""
    assert len(likeness(connection, "public")) == len(likeness(connection, "ticketing")) + 1

    for _ in range(2):
        assert apply(server, database_url, TAKE_BACK) == ""
        assert [row[0] for row in likeness(connection, "public")] == ["pay_order"]
