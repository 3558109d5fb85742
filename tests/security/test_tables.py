"""Which caller may read and write which row: every table by every persona, and all else there is.

What a persona must see is derived here from the rows themselves, not from the policies; and every
policy is broken once, to show that the comparison notices.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import LiteralString, TypeAlias

import psycopg
import pytest
from psycopg import sql
from tests.support.bookings import hand_out
from tests.support.caller import Connection
from tests.support.example import FUNCTION, ORGANISATION, OWNER, STRANGER, Document
from tests.support.personas import (
    IDLE_ORGANISATION,
    OTHER_ORGANISATION,
    OTHERS_CLAIMS,
    OWNERS_CLAIMS,
    PERSONAS,
    STRANGERS_CLAIMS,
    UNUSABLE_CLAIMS,
    Persona,
    acting,
    admit,
    claims_of,
)
from tests.support.stage import CLOSED, DRAFT, OWNERS
from tests.support.stored import rows

TABLES: Mapping[str, str] = {
    "ticketing.organisations": "catalogue",
    "ticketing.functions": "catalogue",
    "ticketing.events": "catalogue",
    "ticketing.ticket_types": "catalogue",
    "ticketing.packages": "catalogue",
    "ticketing.package_items": "catalogue",
    "ticketing.organisation_members": "own",
    "ticketing.registrations": "own",
    "ticketing.attendees": "own",
    "ticketing.tickets": "own",
    "ticketing.ticket_holders": "own",
    "ticketing.payments": "own",
    "ticketing.capacity_pools": "staff",
    "ticketing.ticket_type_pools": "staff",
    "ticketing.package_pools": "staff",
    "ticketing.ticket_changes": "staff",
    "ticketing.registration_changes": "staff",
    "ticketing.registration_index": "service",
    "ticketing_internal.feed_epoch": "none",
    "ticketing_internal.capacity_allotments": "none",
}
"""All tables and views, by the roles that may read them at all: all roles what is published (and
staff what is not), users what is their own (and staff all of it), staff alone, services and readers
alone, or none."""

MANAGED = {"ticketing.organisations", "ticketing.organisation_members"}
"""What the service writes itself. All else is written through RPCs."""

READERS: Mapping[str, set[str]] = {
    "anon": {"catalogue"},
    "authenticated": {"catalogue", "own", "staff"},
    "service_role": {"catalogue", "own", "staff", "service"},
    "back_end": {"catalogue", "own", "staff", "service"},
    "ticketing_reader": {"catalogue", "own", "staff", "service"},
}
"""Which of these every role may read at all."""

FUNCTIONS_OF: Mapping[str, set[str]] = {
    ORGANISATION: {FUNCTION, CLOSED},
    OTHER_ORGANISATION: {DRAFT},
    IDLE_ORGANISATION: set(),
}

REFUSED, STOPPED, NOTHING, DONE = "refused", "stopped", "nothing", "done"
"""For want of a privilege; of a policy; done without meeting a row; done to some."""

WRITES: Mapping[str, LiteralString] = {
    "INSERT": "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE": "UPDATE {table} SET {column} = DEFAULT",
    "DELETE": "DELETE FROM {table}",
    "TRUNCATE": "TRUNCATE {table}",
}

Statement: TypeAlias = sql.SQL | sql.Composed

Rows: TypeAlias = frozenset[str]
"""Rows, as the text of their JSON."""


@pytest.fixture
def db(stage: Connection) -> Connection:
    """The stage, with all roles, and with tickets handed out."""
    admit(stage)
    hand_out(stage)
    return stage


def identifier(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))


# -- what must happen


def is_seen(who: Persona, table: str, row: Document) -> bool:
    """Whether a user or visitor must see a row of a table that the role may read at all."""
    function_id = row.get("function_id")
    works_on_it = who.organisation_id is not None and (
        function_id in FUNCTIONS_OF[who.organisation_id]
        or (table == "ticketing.organisations" and row["organisation_id"] == who.organisation_id)
    )
    match TABLES[table]:
        case "catalogue":
            is_published = (
                row["organisation_id"] == ORGANISATION
                if table == "ticketing.organisations"
                else function_id in {FUNCTION, CLOSED}
            )
            return is_published or works_on_it
        case "own":
            user_id = row["user_id"] if "user_id" in row else OWNERS[row["registration_id"]]
            return user_id == who.user_id or works_on_it
        case _:
            return works_on_it


def must_read(who: Persona, table: str, stored: Iterable[tuple[Document, str]]) -> str | Rows:
    """The rows of a table that a persona must read, of those stored as JSON and as its text."""
    if TABLES[table] not in READERS[who.role]:
        return REFUSED
    sees_all = who.role not in {"anon", "authenticated"}
    return frozenset(text for row, text in stored if sees_all or is_seen(who, table, row))


def stored_in(db: Connection, table: str) -> list[tuple[Document, str]]:
    """All rows of a table, as JSON and as its text."""
    query = sql.SQL("SELECT to_jsonb(t), to_jsonb(t)::text FROM {} AS t")
    return db.execute(query.format(identifier(table))).fetchall()


def may_write(role: str, table: str, command: str) -> bool:
    return role in {"service_role", "back_end"} and table in MANAGED and command != "TRUNCATE"


def others() -> Iterator[tuple[str, Persona]]:
    """All personas but the superuser, which nothing binds."""
    return ((name, who) for name, who in PERSONAS.items() if who.role != "none")


# -- what does happen


def read(db: Connection, role: str, claims: str | None, table: str) -> str | Rows:
    query = sql.SQL("SELECT to_jsonb(t)::text FROM {} AS t").format(identifier(table))
    try:
        with acting(db, role, claims):
            return frozenset(text for (text,) in db.execute(query))
    except psycopg.errors.InsufficientPrivilege:
        return REFUSED


def attempt(db: Connection, role: str, claims: str, statement: Statement) -> str:
    """Try a statement, take it back, and tell what came of it."""
    try:
        with acting(db, role, claims):
            return NOTHING if db.execute(statement).rowcount == 0 else DONE
    except psycopg.errors.InsufficientPrivilege as error:
        return STOPPED if "row-level security policy" in str(error) else REFUSED
    # a constraint stops only what privileges and policies have let through
    except (psycopg.errors.IntegrityError, psycopg.errors.FeatureNotSupported):
        return DONE


def columns_of(db: Connection, table: str) -> list[str]:
    found = rows(
        db,
        """
        SELECT attname FROM pg_attribute
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
        """,
        table,
    )
    return [row["attname"] for row in found]


def differences(
    db: Connection, table: str, who_asks: Iterable[str] | None = None
) -> Iterator[tuple[str, str, str]]:
    """Yield where something else happens than what must: the persona, the command, and what."""
    stored = stored_in(db, table)
    asking = [(name, who) for name, who in others() if who_asks is None or name in who_asks]
    for name, who in asking:
        must, does = (
            must_read(who, table, stored),
            read(db, who.role, claims_of(who.user_id), table),
        )
        if must != does:
            yield name, "SELECT", words(does, must)
    column = sql.Identifier(columns_of(db, table)[0])
    for name, who in asking:
        for command, statement in WRITES.items():
            must = DONE if may_write(who.role, table, command) else REFUSED
            write = sql.SQL(statement).format(table=identifier(table), column=column)
            does = attempt(db, who.role, claims_of(who.user_id), write)
            if must != does:
                yield name, command, words(does, must)


def words(does: str | Rows, must: str | Rows) -> str:
    if isinstance(does, frozenset) and isinstance(must, frozenset):
        return f"{len(does - must)} rows too many, {len(must - does)} missing"
    return " instead of ".join(
        outcome if isinstance(outcome, str) else f"{len(outcome)} rows" for outcome in (does, must)
    )


# -- the matrix


@pytest.mark.parametrize("table", TABLES)
def test_table_is_read_and_written_by_every_persona_as_it_may(db: Connection, table: str) -> None:
    assert list(differences(db, table)) == []


def test_tables_and_views_are_all_in_the_matrix(db: Connection) -> None:
    query: LiteralString = """
        SELECT oid::regclass::text AS name FROM pg_class
        WHERE relnamespace IN ('ticketing'::regnamespace, 'ticketing_internal'::regnamespace)
            AND relkind IN ('r', 'p', 'f', 'v', 'm')
    """
    assert {row["name"] for row in rows(db, query)} == set(TABLES)


def test_tables_have_rows_that_some_personas_see_and_others_do_not(db: Connection) -> None:
    for table, kind in TABLES.items():
        stored = stored_in(db, table)
        seen = {must_read(who, table, stored) for _, who in others()} - {REFUSED}
        # no row, one user's own, one organisation's, all
        at_least = {"catalogue": 2, "own": 4, "staff": 4, "service": 1, "none": 0}[kind]
        assert len(seen) >= at_least, table


@pytest.mark.parametrize("role", READERS)
def test_columns_are_no_more_open_than_their_table(db: Connection, role: str) -> None:
    for table, kind in TABLES.items():
        for column in columns_of(db, table):
            names = {"table": identifier(table), "column": sql.Identifier(column)}
            reads, writes = (
                attempt(db, role, "", sql.SQL(statement).format(**names))
                for statement in (
                    "SELECT {column} FROM {table} LIMIT 0",
                    "UPDATE {table} SET {column} = DEFAULT WHERE FALSE",
                )
            )
            assert (table, column, reads, writes) == (
                table,
                column,
                NOTHING if kind in READERS[role] else REFUSED,
                NOTHING if may_write(role, table, "UPDATE") else REFUSED,
            )


def test_service_manages_organisations_and_their_members(db: Connection) -> None:
    with acting(db, "back_end"):
        for statement in (
            "INSERT INTO ticketing.organisations VALUES (%(new)s, 'new', 'New')",
            "INSERT INTO ticketing.organisation_members VALUES (%(new)s, %(user)s, 'staff')",
            "UPDATE ticketing.organisation_members SET role = 'admin' WHERE user_id = %(user)s",
            "UPDATE ticketing.organisations SET name = 'Newer' WHERE organisation_id = %(new)s",
            "DELETE FROM ticketing.organisation_members WHERE organisation_id = %(new)s",
            "DELETE FROM ticketing.organisations WHERE organisation_id = %(new)s",
        ):
            cursor = db.execute(
                statement, {"new": "00000000-0000-4000-8000-000000000001", "user": STRANGER}
            )
            assert cursor.rowcount == 1


# -- the matrix, tried on wrong policies


POLICIES: LiteralString = """
    SELECT polname AS name, polrelid::regclass::text AS table,
        pg_get_expr(polqual, polrelid) AS condition
    FROM pg_policy
"""


def unnoticed(db: Connection, faults: Iterable[tuple[str, Statement]]) -> list[str]:
    """Of faults of tables, those with which every persona still meets what it must."""
    noticed = {}
    for table, fault in faults:
        with db.transaction(force_rollback=True):
            db.execute(fault)
            noticed[fault.as_string(db)] = any(differences(db, table))
    assert len(noticed) > 10
    return [fault for fault, is_noticed in noticed.items() if not is_noticed]


def of_policies(
    policies: Iterable[Document], statement: LiteralString
) -> Iterator[tuple[str, Statement]]:
    for policy in policies:
        names = {"policy": sql.Identifier(policy["name"]), "table": identifier(policy["table"])}
        yield policy["table"], sql.SQL(statement).format(**names)


def of_tables(tables: Iterable[str], statement: LiteralString) -> Iterator[tuple[str, Statement]]:
    for table in tables:
        yield table, sql.SQL(statement).format(table=identifier(table))


def test_policy_that_is_missing_is_noticed(db: Connection) -> None:
    faults = of_policies(rows(db, POLICIES), "DROP POLICY {policy} ON {table}")
    assert unnoticed(db, faults) == []


def test_policy_that_shows_everything_is_noticed(db: Connection) -> None:
    narrow = [policy for policy in rows(db, POLICIES) if policy["condition"] not in {None, "true"}]
    faults = of_policies(narrow, "ALTER POLICY {policy} ON {table} USING (TRUE)")
    assert unnoticed(db, faults) == []


def test_row_security_that_is_off_is_noticed(db: Connection) -> None:
    read_by_users = (table for table, kind in TABLES.items() if kind in READERS["authenticated"])
    faults = of_tables(read_by_users, "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    assert unnoticed(db, faults) == []


@pytest.mark.parametrize("name", ["visitor", "owner", "service", "reader"])
def test_privilege_too_many_is_noticed(db: Connection, name: str) -> None:
    role = PERSONAS[name].role
    for table in (table for table in TABLES if table.startswith("ticketing.")):
        with db.transaction(force_rollback=True):
            db.execute(
                sql.SQL("GRANT INSERT, UPDATE, DELETE, TRUNCATE ON {} TO {}").format(
                    identifier(table), sql.Identifier(role)
                )
            )
            noticed = {command for _, command, _ in differences(db, table, [name])}
        too_many = {command for command in WRITES if not may_write(role, table, command)}
        assert (table, noticed) == (table, too_many)


# -- the identity of the reader


Seen: TypeAlias = dict[str, str | Rows]


def seen(db: Connection, claims: str | None) -> Seen:
    """What a user with these claims reads of every table."""
    return {table: read(db, "authenticated", claims, table) for table in TABLES}


def must_see(db: Connection, name: str) -> Seen:
    return {table: must_read(PERSONAS[name], table, stored_in(db, table)) for table in TABLES}


def test_claims_without_a_user_id_show_only_what_is_published(db: Connection) -> None:
    published = must_see(db, "user without claims")
    for claims in UNUSABLE_CLAIMS:
        assert seen(db, claims) == published, (claims or "")[:100]


def test_claims_with_any_other_sub_show_nothing_of_other_users(db: Connection) -> None:
    for claims in OTHERS_CLAIMS:
        assert seen(db, claims) == must_see(db, "newcomer"), claims


@pytest.mark.parametrize("claims", OWNERS_CLAIMS)
def test_claims_name_the_reader_by_sub(db: Connection, claims: str) -> None:
    assert seen(db, claims) == must_see(db, "owner")


def test_claims_never_show_a_user_what_the_service_sees(db: Connection) -> None:
    assert seen(db, STRANGERS_CLAIMS) == must_see(db, "stranger")


def test_claims_count_only_where_postgrest_sets_them(db: Connection) -> None:
    with db.transaction(force_rollback=True):
        for setting in ("request.jwt.claim.sub", "request.jwt.sub", "request.headers"):
            db.execute("SELECT set_config(%s, %s, true)", [setting, OWNER])
        assert seen(db, "") == must_see(db, "user without claims")


# -- what is not a table


ROLES = READERS.keys()


def each(
    db: Connection, query: LiteralString, statement: Callable[[Document], Statement]
) -> list[tuple[str, str, str]]:
    """What each role meets when it tries a statement about each row of a query."""
    found = rows(db, query)
    assert found
    return [
        (role, row["name"], attempt(db, role, claims_of(OWNER), statement(row)))
        for role in ROLES
        for row in found
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT nextval({name})",
        "SELECT currval({name})",
        "SELECT setval({name}, 1)",
        "SELECT last_value FROM {sequence}",
    ],
)
def test_sequences_are_closed_to_all_roles(db: Connection, statement: LiteralString) -> None:
    # currval needs one
    for table in ("ticket_changes", "registration_changes"):
        db.execute("SELECT nextval(%s)", [f"ticketing.{table}_change_id_seq"])
    sequences: LiteralString = """
        SELECT oid::regclass::text AS name FROM pg_class
        WHERE relnamespace IN ('ticketing'::regnamespace, 'ticketing_internal'::regnamespace)
            AND relkind = 'S'
    """
    tried = each(
        db,
        sequences,
        lambda row: sql.SQL(statement).format(
            name=sql.Literal(row["name"]), sequence=identifier(row["name"])
        ),
    )
    assert [one for one in tried if one[2] != REFUSED] == []


INSIDE: LiteralString = """
    SELECT oid, proname AS name, pronargs AS arguments FROM pg_proc
    WHERE pronamespace = 'ticketing_internal'::regnamespace
"""


def test_internal_functions_are_refused_to_all_roles(db: Connection) -> None:
    tried = each(
        db,
        INSIDE,
        lambda row: sql.SQL("SELECT ticketing_internal.{}({})").format(
            sql.Identifier(row["name"]), sql.SQL(", ").join([sql.NULL] * row["arguments"])
        ),
    )
    assert len(tried) > 100
    assert [one for one in tried if one[2] != REFUSED] == []


def test_internal_functions_are_granted_only_for_policies(db: Connection) -> None:
    functions = rows(db, INSIDE)
    executable = {
        (role, row["name"])
        for role in ROLES
        for row in functions
        if db.execute(
            "SELECT has_function_privilege(%s, %s::oid, 'EXECUTE')", [role, row["oid"]]
        ).fetchone()
        == (True,)
    }
    assert executable == {
        ("authenticated", "caller_id"),
        ("authenticated", "staff_function_ids"),
    }


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE {schema}.mine ()",
        "CREATE VIEW {schema}.mine AS SELECT 1",
        "CREATE FUNCTION {schema}.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE {schema}.mine AS ENUM ('mine')",
        "DROP SCHEMA {schema} CASCADE",
    ],
)
def test_schemas_let_no_role_create_or_drop_anything(
    db: Connection, statement: LiteralString
) -> None:
    tried = each(
        db,
        """
        SELECT nspname AS name FROM pg_namespace
        WHERE nspname IN ('ticketing', 'ticketing_internal', 'ticketing_install')
        """,
        lambda row: sql.SQL(statement).format(schema=sql.Identifier(row["name"])),
    )
    assert len(tried) == 15
    assert [one for one in tried if one[2] != REFUSED] == []


def test_objects_created_later_are_closed_to_all_roles(db: Connection) -> None:
    with db.transaction():
        db.execute("SET LOCAL ROLE ticketing_owner")
        db.execute("CREATE TABLE ticketing.later (number integer GENERATED ALWAYS AS IDENTITY)")
        db.execute("CREATE VIEW ticketing.later_view AS SELECT 1 AS number")
        db.execute("CREATE FUNCTION ticketing.later() RETURNS integer RETURN 1")
        db.execute("SET LOCAL ROLE none")
    statements: tuple[LiteralString, ...] = (
        "SELECT number FROM ticketing.later",
        "SELECT number FROM ticketing.later_view",
        "SELECT nextval('ticketing.later_number_seq')",
        "SELECT ticketing.later()",
        *(
            statement.replace("{table}", "ticketing.later").replace("{column}", "number")
            for statement in WRITES.values()
        ),
    )
    for statement in statements:
        for role in ROLES:
            assert attempt(db, role, "", sql.SQL(statement)) == REFUSED, (role, statement)
