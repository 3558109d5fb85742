"""The optional forwarders in schema public: like what they forward to, and nothing more."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString, TypeAlias

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tests.support.example import ABSENT
from tests.support.personas import MANAGER, SERVICE, USER, VISITOR
from tests.support.postgrest import PostgREST
from tests.support.requests import RPCS
from tests.support.stage import Steady

from ticketing_client.embedded import Server

Connection: TypeAlias = psycopg.Connection[Any]
Connect: TypeAlias = Callable[..., Connection]
Document: TypeAlias = dict[str, Any]

FORWARDERS = Path(__file__).resolve().parents[2] / "sql/forwarders"
APPLY, TAKE_BACK = FORWARDERS / "public.sql", FORWARDERS / "public.rollback.sql"
APPLY_HTTP = FORWARDERS / "public_http.sql"

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
def forwarded(stage: Connection, statuses: str) -> Connection:
    """A connection to the stage in a transaction that is rolled back, with the forwarders."""
    assert statuses
    assert likeness(stage, "public") == []  # an installation has none
    apply_in_transaction(stage)
    return stage


@pytest.fixture(params=["off", "on"])
def statuses(request: pytest.FixtureRequest, stage: Connection) -> str:
    """Whether the forwarders have HTTP statuses: they do everything else alike."""
    stage.execute("SELECT set_config('ticketing.http_statuses', %s, true)", [request.param])
    return str(request.param)


def apply_in_transaction(connection: Connection) -> None:
    """Run what the file has between BEGIN and COMMIT."""
    _, begin, rest = APPLY.read_text(encoding="utf-8").partition("\nBEGIN;\n")
    inside, commit, after = rest.partition("\nCOMMIT;\n")
    assert (bool(begin), bool(commit), after) == (True, True, "")
    connection.execute(inside.encode())


def test_forwarders_are_like_the_rpcs(forwarded: Connection, statuses: str) -> None:
    assert likeness(forwarded, "public") == likeness(forwarded, "ticketing")
    for name, definer, language, comment in forwarded.execute(
        """
        SELECT proname, prosecdef, lanname, obj_description(pg_proc.oid, 'pg_proc')
        FROM pg_proc INNER JOIN pg_language ON pg_language.oid = prolang
        WHERE pronamespace = 'public'::regnamespace
        """
    ):
        assert (definer, language) == (False, "plpgsql" if statuses == "on" else "sql"), name
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


def test_forwarders_with_http_statuses_change_nothing_but_the_status(
    calls: dict[str, Document], forwarded: Connection, statuses: str
) -> None:
    direct, through = PostgREST(forwarded), PostgREST(forwarded, "public")
    problems = forwarded.execute("SELECT * FROM ticketing_internal.http_problems()").fetchall()
    seen: set[int] = set()
    for name, rpc in RPCS.items():
        refused = [(rpc.refusal.person, calls[name] | rpc.refusal.changes)] if rpc.refusal else []
        for person, arguments in (*refused, (VISITOR, calls[name]), (USER, calls[name])):
            for send in ("post", "get"):
                reply = getattr(direct, send)(person, name, arguments)
                forwarded_reply = getattr(through, send)(person, name, arguments)
                assert forwarded_reply.code == reply.code
                if reply.code is None:
                    continue
                assert forwarded_reply.body == reply.body
                details = reply.body["details"] or ""
                kinds = [
                    (status, headers)
                    for sqlstate, kind, status, headers, _ in problems
                    if sqlstate == reply.code
                    and (sqlstate != "42501" or f'"code": "{kind}"' in details)
                ]
                expected = kinds[0] if kinds and statuses == "on" else (reply.status, {})
                assert (forwarded_reply.status, forwarded_reply.headers) == expected
                seen.add(forwarded_reply.status)
    assert seen >= ({401, 403, 404, 409, 422} if statuses == "on" else {400, 401, 403})


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03", "57014", "XX000", "23505"])
def test_forwarders_with_http_statuses_say_when_to_come_back(
    forwarded: Connection, statuses: str, sqlstate: str
) -> None:
    forwarded.execute(
        sql.SQL(
            "CREATE OR REPLACE FUNCTION ticketing.release_expired_holds(p_limit integer DEFAULT"
            " 100) RETURNS jsonb LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'Later.' USING ERRCODE = {}; END $$"
        ).format(sql.Literal(sqlstate))
    )
    reply = PostgREST(forwarded, "public").post(SERVICE, "release_expired_holds", {})
    assert reply.body == {"code": sqlstate, "message": "Later.", "details": None, "hint": None}
    if statuses == "on" and sqlstate not in {"XX000", "23505"}:
        assert (reply.status, reply.headers) == (503, {"Retry-After": "1"})
    else:
        assert (reply.status, reply.headers) == (409 if sqlstate == "23505" else 500, {})


def test_forwarders_do_not_depend_on_settings_of_the_caller(
    calls: dict[str, Document], forwarded: Connection, statuses: str
) -> None:
    """Bodies are parsed at the first call of a session, under its settings."""
    for name, value in {
        "standard_conforming_strings": "off",
        "escape_string_warning": "off",
        "backslash_quote": "off",
        "bytea_output": "escape",
        "plpgsql.variable_conflict": "use_column",
        "plpgsql.extra_errors": "all",
        "search_path": "pg_temp",
    }.items():
        forwarded.execute("SELECT set_config(%s, %s, true)", [name, value])
    through = PostgREST(forwarded, "public")
    for name, rpc in RPCS.items():
        if rpc.refusal:
            arguments = calls[name] | rpc.refusal.changes
            reply = through.post(rpc.refusal.person, name, arguments)
            assert (reply.code, reply.issues) == (rpc.refusal.code, rpc.refusal.issues)
            assert (reply.status in {400, 403}) or statuses == "on"


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
    for file in (APPLY, APPLY, APPLY_HTTP, APPLY_HTTP, APPLY):
        assert apply(server, installer, file) == ""
        assert likeness(superuser, "public") == likeness(superuser, "ticketing")
        api = PostgREST(superuser, "public")
        status = api.post(VISITOR, "get_ticket_availability", {"p_function_id": ABSENT}).status
        assert status == (404 if file == APPLY_HTTP else 400)


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
