"""A call means the same with other names first in the search path, and with any setting that a
session may choose.

In a schema of the attacker's, and among temporary tables, everything that the functions use by an
unqualified name would be found first: tables, functions, aggregates, operators and types. A
function that touches one trips a wire. All that is called here is called by a session that has
called nothing before, so that no plan and no compiled function is left from before.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString, TypeAlias

import psycopg
import pytest
from psycopg import sql
from tests.support.caller import Connection
from tests.support.example import RECEPTION, Document
from tests.support.personas import MANAGER, SERVICE, USER, VISITOR
from tests.support.postgrest import Person, PostgREST, Routine
from tests.support.requests import for_a_visitor, user_of
from tests.support.stage import Steady

Answers: TypeAlias = dict[str, Any]

TRIPPED = "XX999"

HOSTILE = "hostile, pg_temp, ticketing, ticketing_internal, public, pg_catalog"
"""The attacker's schema first, and PostgreSQL's own last, where it is not first by itself."""

WIRES: tuple[LiteralString, ...] = (
    "CREATE SCHEMA hostile",
    "GRANT USAGE ON SCHEMA hostile TO PUBLIC",
    """
    CREATE FUNCTION hostile.trip() RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'tripped' USING ERRCODE = 'XX999'; END $$
    """,
    # tables and views
    """
    DO $$
    DECLARE v_table pg_class;
    BEGIN
        FOR v_table IN SELECT * FROM pg_class
            WHERE relnamespace::regnamespace::text IN ('ticketing', 'ticketing_internal')
                AND relkind = 'r'
        LOOP
            EXECUTE format('CREATE VIEW hostile.%I AS SELECT * FROM %s t WHERE hostile.trip()',
                v_table.relname, v_table.oid::regclass);
            EXECUTE format('GRANT ALL ON hostile.%I TO PUBLIC', v_table.relname);
        END LOOP;
    END $$
    """,
    # functions: those of PostgreSQL that ours use, and ours
    """
    DO $$
    DECLARE v_function record;
    BEGIN
        FOR v_function IN
            SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments,
                p.prorettype::regtype AS result, p.provolatile
            FROM pg_proc AS p
            WHERE p.prokind = 'f' AND NOT p.proretset
                AND p.pronamespace::regnamespace::text IN ('pg_catalog', 'ticketing_internal')
                AND NOT EXISTS (
                    SELECT FROM unnest(p.proargtypes::oid[] || p.prorettype) AS used (type)
                    INNER JOIN pg_type ON pg_type.oid = used.type
                    WHERE typtype = 'p' AND typname NOT IN ('anyelement', 'anyarray')
                )
                AND p.proname IN (
                    SELECT called[1]
                    FROM pg_proc AS ours,
                        regexp_matches(ours.prosrc, '([a-z0-9_]+)[(]', 'g') AS called
                    WHERE ours.pronamespace::regnamespace::text LIKE 'ticketing%'
                    UNION ALL VALUES ('now')
                )
        LOOP
            EXECUTE format('CREATE FUNCTION hostile.%I(%s) RETURNS %s LANGUAGE plpgsql AS
                ''BEGIN PERFORM hostile.trip(); END''', v_function.proname, v_function.arguments,
                v_function.result);
        END LOOP;
    END $$
    """,
    """
    CREATE FUNCTION hostile.add(state jsonb, value jsonb) RETURNS jsonb LANGUAGE plpgsql AS
    'BEGIN PERFORM hostile.trip(); END'
    """,
    "CREATE AGGREGATE hostile.jsonb_agg(jsonb) (SFUNC = hostile.add, STYPE = jsonb)",
    "CREATE AGGREGATE hostile.max(jsonb) (SFUNC = hostile.add, STYPE = jsonb)",
    # operators: all that there are between values of the types in use
    """
    DO $$
    DECLARE v_operator record;
    BEGIN
        FOR v_operator IN
            SELECT o.oprname, o.oprleft::regtype AS left_type, o.oprright::regtype AS right_type,
                o.oprresult::regtype AS result, row_number() OVER () AS number
            FROM pg_operator AS o
            WHERE o.oprkind = 'b' AND o.oprnamespace = 'pg_catalog'::regnamespace
                AND o.oprleft::regtype IN ('uuid', 'text', 'jsonb', 'integer', 'bigint', 'numeric',
                    'timestamptz', 'boolean', 'text[]', 'uuid[]')
                AND o.oprright::regtype IN ('uuid', 'text', 'jsonb', 'integer', 'bigint', 'numeric',
                    'timestamptz', 'interval', 'boolean', 'text[]', 'uuid[]')
                AND o.oprcode <> 0
        LOOP
            EXECUTE format('CREATE FUNCTION hostile.operator_%s(a %s, b %s) RETURNS %s
                LANGUAGE plpgsql AS ''BEGIN PERFORM hostile.trip(); END''', v_operator.number,
                v_operator.left_type, v_operator.right_type, v_operator.result);
            EXECUTE format('CREATE OPERATOR hostile.%s (FUNCTION = hostile.operator_%s,
                LEFTARG = %s, RIGHTARG = %s)', v_operator.oprname, v_operator.number,
                v_operator.left_type, v_operator.right_type);
        END LOOP;
    END $$
    """,
    # types
    """
    DO $$
    DECLARE v_name text;
    BEGIN
        FOREACH v_name IN ARRAY '{uuid,text,jsonb,json,jsonpath,timestamptz,xid8,person,selection,
            issue,planned_ticket}'::text[]
        LOOP
            EXECUTE format(
                'CREATE DOMAIN hostile.%I AS pg_catalog.text CHECK (hostile.trip())', v_name
            );
        END LOOP;
    END $$
    """,
)

TEMPORARY: tuple[LiteralString, ...] = (
    """
    DO $$
    DECLARE v_table pg_class;
    BEGIN
        FOR v_table IN SELECT * FROM pg_class
            WHERE relnamespace::regnamespace::text IN ('ticketing', 'ticketing_internal')
                AND relkind = 'r'
        LOOP
            EXECUTE format('CREATE TEMPORARY TABLE %I (LIKE %s)', v_table.relname,
                v_table.oid::regclass);
            EXECUTE format('GRANT ALL ON pg_temp.%I TO PUBLIC', v_table.relname);
        END LOOP;
    END $$
    """,
    """
    CREATE FUNCTION pg_temp.caller_is_service() RETURNS boolean LANGUAGE sql AS 'SELECT true'
    """,
    "CREATE DOMAIN pg_temp.jsonb AS text CHECK (hostile.trip())",
)

TABLES: tuple[LiteralString, ...] = (
    "SELECT t::pg_catalog.text FROM ticketing.registrations AS t",
    "SELECT t::pg_catalog.text FROM ticketing.tickets AS t",
    "SELECT t::pg_catalog.text FROM ticketing.attendees AS t",
    "SELECT t::pg_catalog.text FROM ticketing.payments AS t",
    "SELECT t::pg_catalog.text FROM ticketing.functions AS t",
    "SELECT t::pg_catalog.text FROM ticketing.organisations AS t",
    "SELECT t::pg_catalog.text FROM ticketing.events AS t",
    "SELECT t::pg_catalog.text FROM ticketing.capacity_pools AS t",
)


class Sessions:
    """Sessions in which nothing has been called, to one database in which there is something."""

    def __init__(self, url: str, calls: Mapping[str, Document]) -> None:
        """See what everything on a stage comes to, and stretch the wires."""
        self.url = url
        self._calls = calls
        with psycopg.connect(url, autocommit=True) as db:
            self._routines = PostgREST(db).routines
            # a time that is said in an issue
            db.execute(
                """
                UPDATE ticketing.ticket_types SET sale_ends_at = '2025-07-01T09:30:00+10:00'
                WHERE ticket_type_id = %s
                """,
                [RECEPTION],
            )
            self.steady = Steady(db)
        self.plain = self.answers()
        assert TRIPPED not in str(self.plain)
        with psycopg.connect(url, autocommit=True) as db:
            for statement in WIRES:
                db.execute(statement)

    @contextmanager
    def session(self, settings: Mapping[str, str], *prepare: LiteralString) -> Iterator[Connection]:
        """Open a session that has set what its role may set, and nothing else."""
        with psycopg.connect(self.url, autocommit=True) as db:
            for statement in prepare:
                db.execute(statement)
            db.execute("SET ROLE authenticated")
            for name, value in settings.items():
                db.execute("SELECT pg_catalog.set_config(%s, %s, false)", [name, value])
            db.execute("RESET ROLE")
            yield db

    def answers(
        self, settings: Mapping[str, str] | None = None, *prepare: LiteralString
    ) -> Answers:
        """Return what everything that can be called and read comes to in a new session."""
        found: Answers = {}
        with self.session(settings or {}, *prepare) as db:
            for person, routine, call in self._requests():
                statement = sql.SQL("SELECT t::pg_catalog.text FROM ticketing.{}({}) AS t").format(
                    sql.Identifier(routine.name),
                    sql.SQL(", ").join(
                        sql.SQL("{} => {}::pg_catalog.{}").format(
                            sql.Identifier(name),
                            sql.Placeholder(name),
                            sql.Identifier(TYPES.get(routine.types[name], routine.types[name])),
                        )
                        for name in call
                    ),
                )
                values = {
                    name: json.dumps(value) if isinstance(value, (dict, list)) else value
                    for name, value in call.items()
                }
                found[f"{routine.name} {sorted(call)}, {person.role}"] = self._answer(
                    db, person, statement, values
                )
        return found

    def _requests(self) -> Iterator[tuple[Person, Routine, Document]]:
        for routine in self._routines:
            call = self._calls[routine.name]
            yield SERVICE, routine, call
            yield user_of(routine.name), routine, call
            if "anon" in routine.roles:
                yield VISITOR, routine, for_a_visitor(call)

    def _answer(
        self, db: Connection, person: Person, statement: sql.Composed, values: Document
    ) -> Any:  # noqa: ANN401 - JSON
        try:
            with db.transaction(force_rollback=True):
                become(db, person)
                rows = db.execute(statement, values).fetchall()
        except psycopg.Error as error:
            return error.sqlstate, error.diag.message_primary
        return [self.steady(json.loads(text)) for (text,) in rows]


def become(db: Connection, person: Person) -> None:
    """Act as a sender for the rest of the transaction."""
    db.execute(
        """
        SELECT pg_catalog.set_config('role', %s, true),
            pg_catalog.set_config('request.jwt.claims', %s, true)
        """,
        [person.role, person.claims],
    )


TYPES = {"integer": "int4"}
"""The names that types have in pg_catalog, where they are not those that they are shown by."""


@pytest.fixture(scope="module")
def sessions(own_stage_url: str, stage_template: tuple[str, dict[str, Document]]) -> Sessions:
    """New sessions, and what everything came to before there were wires."""
    return Sessions(own_stage_url, stage_template[1])


def test_search_path_of_the_caller_is_never_used(sessions: Sessions) -> None:
    assert sessions.answers({"search_path": HOSTILE}) == sessions.plain


def test_search_path_may_be_empty(sessions: Sessions) -> None:
    assert sessions.answers({"search_path": ""}) == sessions.plain


def test_temporary_tables_are_never_used(sessions: Sessions) -> None:
    settings = {"search_path": "pg_temp, ticketing, pg_catalog"}
    with sessions.session(settings, *TEMPORARY) as db:
        assert db.execute("SELECT * FROM registrations").fetchall() == []
    assert sessions.answers(settings, *TEMPORARY) == sessions.plain


def test_search_path_of_the_database_is_never_used(sessions: Sessions) -> None:
    with psycopg.connect(sessions.url, autocommit=True) as db:
        database = sql.Identifier(db.info.dbname)
        db.execute(
            sql.SQL("ALTER DATABASE {} SET search_path = {}").format(database, sql.SQL(HOSTILE))
        )
        try:
            with sessions.session({}) as session:
                with pytest.raises(psycopg.Error) as caught:
                    session.execute("SELECT now()")
                assert caught.value.sqlstate == TRIPPED
            assert sessions.answers() == sessions.plain
        finally:
            db.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(database))


def test_policies_show_the_same_rows_on_a_hostile_search_path(sessions: Sessions) -> None:
    seen = []
    for settings in ({}, {"search_path": HOSTILE}):
        with sessions.session(settings) as db:
            for person in (USER, MANAGER):
                with db.transaction(force_rollback=True):
                    become(db, person)
                    seen.append([sorted(db.execute(query)) for query in TABLES])
    assert seen[:2] == seen[2:]
    assert all(seen[0][:3])


@pytest.mark.parametrize(
    "careless",
    [
        "SELECT now()",
        "SELECT count(*) FROM tickets",
        "SELECT jsonb_agg('1'::pg_catalog.jsonb)",
        "SELECT 'a'::pg_catalog.text || 'b'::pg_catalog.text",
        "SELECT '{}'::pg_catalog.jsonb ->> 'a'::pg_catalog.text",
        "SELECT 1 = 1",
        "SELECT '{}'::jsonb",
        "SELECT caller_is_service()",
        "SELECT public.careless()",
    ],
)
def test_hostile_objects_are_noticed_when_they_are_used(
    sessions: Sessions, careless: LiteralString
) -> None:
    with sessions.session({}) as db, db.transaction(force_rollback=True):
        # a function of the kind that ours must not be
        db.execute(
            """
            CREATE FUNCTION public.careless() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS
            'BEGIN RETURN (SELECT count(*) FROM tickets); END'
            """
        )
        db.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.SQL(HOSTILE)))
        with pytest.raises(psycopg.Error) as caught:
            db.execute(careless)
        assert caught.value.sqlstate == TRIPPED


# What a session may set. A setting that this PostgreSQL does not have is left out.
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "how values are written": {
        "DateStyle": "SQL, DMY",
        "TimeZone": "Pacific/Chatham",
        "IntervalStyle": "sql_standard",
        "extra_float_digits": "-15",
        "bytea_output": "escape",
        "xmlbinary": "hex",
        "lc_numeric": "C",
        "lc_monetary": "C",
        "lc_time": "C",
        "quote_all_identifiers": "on",
        "client_min_messages": "error",
    },
    "how values are written in Germany": {
        "DateStyle": "German, MDY",
        "TimeZone": "<-03>+3",
        "IntervalStyle": "iso_8601",
    },
    "how texts are read": {
        "backslash_quote": "on",
        "escape_string_warning": "off",
        "array_nulls": "off",
        "xmloption": "document",
        "timezone_abbreviations": "India",
        "transform_null_equals": "on",
        "default_text_search_config": "pg_catalog.simple",
    },
    "how literals are read": {"standard_conforming_strings": "off"},
    "plans": {
        "plan_cache_mode": "force_custom_plan",
        "enable_indexscan": "off",
        "enable_indexonlyscan": "off",
        "enable_bitmapscan": "off",
        "enable_hashjoin": "off",
        "enable_hashagg": "off",
        "enable_nestloop": "off",
        "enable_memoize": "off",
        "enable_sort": "off",
        "enable_incremental_sort": "off",
        "from_collapse_limit": "1",
        "join_collapse_limit": "1",
        "geqo_threshold": "2",
        "work_mem": "64kB",
        "random_page_cost": "1000",
        "constraint_exclusion": "on",
    },
    "transactions": {
        "default_transaction_deferrable": "on",
        "default_transaction_isolation": "repeatable read",
        "row_security": "off",
        "synchronous_commit": "off",
        "check_function_bodies": "off",
        "restrict_nonsystem_relation_kind": "view, foreign-table",
    },
    # set before plpgsql is loaded, as any role may; the last is taken back when it comes
    "what plpgsql minds": {
        "plpgsql.extra_warnings": "all",
        "plpgsql.extra_errors": "all",
        "plpgsql.variable_conflict": "use_column",
    },
}

# Recounting and a new epoch need to see what others have committed, and say so.
OTHERWISE = {
    "transactions": {
        "begin_feed_epoch [], service_role": "TK004",
        "import_catalogue ['p_catalogue'], authenticated": "TK004",
        "import_catalogue ['p_catalogue'], service_role": "TK004",
        "repair_capacity ['p_function_id'], service_role": "TK004",
    },
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.long] * (kind == "plans")) for kind in SETTINGS]
)
def test_settings_of_the_caller_change_no_answer(sessions: Sessions, kind: str) -> None:
    with sessions.session({}) as db:
        known = {name for (name,) in db.execute("SELECT lower(name) FROM pg_settings")}
    settings = {
        name: value
        for name, value in SETTINGS[kind].items()
        if "." in name or name.lower() in known
    }
    assert settings
    answers = sessions.answers(settings)
    different = {
        call: answer[0] if isinstance(answer, tuple) else answer
        for call, answer in answers.items()
        if answer != sessions.plain[call]
    }
    assert different == OTHERWISE.get(kind, {})


REFUSED: tuple[LiteralString, ...] = (
    "SET session_replication_role = replica",
    "LOAD 'plpgsql'; SET plpgsql.variable_conflict = 'use_column'",
    "SET log_min_messages = 'debug5'",
    "SET ROLE ticketing_owner",
    "SET ROLE service_role",
    "SELECT set_config('role', 'service_role', true)",
    "SELECT set_config('role', 'ticketing_owner', false)",
    "SET SESSION AUTHORIZATION service_role",
    "ALTER ROLE service_role SET search_path = hostile",
    "ALTER FUNCTION ticketing.get_registration(uuid) RESET ALL",
    "ALTER FUNCTION ticketing.get_registration(uuid) SECURITY INVOKER",
    "ALTER TABLE ticketing.registrations DISABLE ROW LEVEL SECURITY",
    """
    CREATE OR REPLACE FUNCTION ticketing.get_registration(p_registration_id uuid) RETURNS jsonb
    LANGUAGE sql AS 'SELECT null::jsonb'
    """,
    """
    CREATE FUNCTION ticketing.get_registration(p_registration_id text) RETURNS jsonb
    LANGUAGE sql AS 'SELECT null::jsonb'
    """,
    "CREATE TABLE ticketing.now (a integer)",
    "CREATE TABLE ticketing_internal.now (a integer)",
    "CREATE OPERATOR ticketing.= (FUNCTION = uuid_eq, LEFTARG = uuid, RIGHTARG = uuid)",
    """
    CREATE FUNCTION pg_temp.serve() RETURNS text LANGUAGE sql SET role = 'service_role'
    AS 'SELECT current_user::text'; SELECT pg_temp.serve()
    """,
    "SELECT ticketing_internal.caller_is_service()",
    "SET LOCAL row_security = off; SELECT * FROM ticketing.registrations",
)


def test_settings_and_objects_beyond_the_caller_are_refused(sessions: Sessions) -> None:
    with psycopg.connect(sessions.url, autocommit=True) as db:
        db.execute("CREATE ROLE attacker LOGIN IN ROLE authenticated")
        try:
            with psycopg.connect(sessions.url, user="attacker", autocommit=True) as session:
                outcomes = {statement: attempt(session, statement) for statement in REFUSED}
        finally:
            db.execute("DROP ROLE attacker")
    assert outcomes == dict.fromkeys(REFUSED, "42501")


def attempt(session: Connection, statement: LiteralString) -> str | None:
    """Try something as a user, take it back, and return its SQLSTATE."""
    try:
        with session.transaction(force_rollback=True):
            session.execute("SET LOCAL ROLE authenticated")
            session.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate
    return None
