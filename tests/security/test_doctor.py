"""What `ticketing doctor` finds: nothing in what is installed, and every fault that is planted.

Where a remedy is a statement, it is tried as well: the finding is gone then.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import LiteralString, TypeAlias

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.support.caller import (
    Connection,
)

from ticketing_client.cli import main

Doctor: TypeAlias = Callable[[str], tuple[int, str, str]]

SOURCES = Path(__file__).parents[2] / "sql/functions/ticketing_internal/admin"

OPEN = "Row security is off: every role that may read the table reads all rows."
FOR_ALL = "A policy applies to PUBLIC."
SHOWS_ALL = "A policy shows users every row."
WRITES = "A policy lets users write; writes belong in RPCs, which validate them."
SLOW = "A policy determines the caller again for each row."
NO_INDEX = "A foreign key has no index: deleting a referenced row scans the whole table."
VIEW = "A view runs with the rights of its owner instead of its reader."
UNPINNED = "A function has no fixed search_path: its caller decides what its names refer to."
UNTOLD = "The comment of an RPC does not name its callers, so its privileges cannot be checked."
NOT_OURS = "The owner of an object is not ticketing_owner."
LATER = "Default privileges give access to objects created later."
SUPERUSER = "A role that runs requests, or that owns the functions they call, is a superuser."
UNBOUND = "A role of users bypasses row security."
LOGIN = "ticketing_owner can log in."
MEMBER = "A role that runs requests is a member of a role with more rights."
CREATES = "Users can create objects."
EXPOSED = "PostgREST exposes an internal schema."
TAKEN_FOR = "A default request.jwt.claims makes requests without a token run as this user."
READS_FAIL = "Queries that row security would filter fail."


def public(privileges: str) -> str:
    return f"PUBLIC has privileges: {privileges}."


def beyond(role: str, privileges: str) -> str:
    return f"{role} has privileges beyond those of the package: {privileges}."


def lacks(role: str, privileges: str) -> str:
    return f"{role} lacks privileges of the package: {privileges}."


GOOD: LiteralString = """
    SET LOCAL ROLE ticketing_owner;
    CREATE TABLE ticketing.specimens (
        function_id uuid NOT NULL,
        event_id uuid,
        number bigint GENERATED ALWAYS AS IDENTITY,
        FOREIGN KEY (function_id, event_id) REFERENCES ticketing.events
    );
    CREATE INDEX specimens_event_idx ON ticketing.specimens (event_id, function_id)
    WHERE event_id IS NOT NULL;
    ALTER TABLE ticketing.specimens ENABLE ROW LEVEL SECURITY;
    CREATE POLICY specimens_select ON ticketing.specimens FOR SELECT TO authenticated
    USING (event_id = (SELECT (current_setting('a.b', TRUE)::jsonb ->> 'c')::uuid));
    GRANT SELECT ON ticketing.specimens TO authenticated;
    CREATE POLICY specimens_limit ON ticketing.specimens AS RESTRICTIVE TO anon, authenticated
    USING (TRUE);
    CREATE VIEW ticketing.specimen_events WITH (security_invoker) AS
    SELECT event_id FROM ticketing.specimens;
    GRANT SELECT ON ticketing.specimen_events TO anon;
    CREATE DOMAIN ticketing.specimen_word AS text;
    CREATE FUNCTION ticketing_internal.specimen() RETURNS integer
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS 'SELECT 1';
    RESET ROLE;
    CREATE ROLE specimen_reports;
    GRANT USAGE ON SCHEMA ticketing TO specimen_reports;
    GRANT SELECT ON ticketing.tickets TO specimen_reports;
    CREATE ROLE authenticator LOGIN NOINHERIT;
    GRANT anon, authenticated, service_role TO authenticator;
    ALTER ROLE service_role BYPASSRLS;
    ALTER ROLE authenticator SET pgrst.db_schemas = 'public, ticketing';
    ALTER ROLE authenticator SET row_security = on;
"""
"""What a deployment may well have."""

# fault, finding, where
FAULTS: list[tuple[LiteralString, str, str]] = [
    (
        "ALTER TABLE ticketing.tickets DISABLE ROW LEVEL SECURITY",
        OPEN,
        "ticketing.tickets",
    ),
    (
        "ALTER TABLE ticketing_internal.feed_epoch DISABLE ROW LEVEL SECURITY",
        OPEN,
        "ticketing_internal.feed_epoch",
    ),
    (
        "CREATE POLICY mine ON ticketing.tickets FOR SELECT USING (owner_id IS NULL)",
        FOR_ALL,
        "mine ON ticketing.tickets",
    ),
    (
        "CREATE POLICY mine ON ticketing.tickets FOR SELECT TO service_role, anon USING (TRUE)",
        SHOWS_ALL,
        "mine ON ticketing.tickets",
    ),
    (
        "CREATE POLICY mine ON ticketing.tickets FOR UPDATE TO authenticated USING (status = '')",
        WRITES,
        "mine ON ticketing.tickets",
    ),
    (
        "CREATE POLICY mine ON ticketing.tickets TO anon USING (status = '')",
        WRITES,
        "mine ON ticketing.tickets",
    ),
    (
        """
        CREATE POLICY mine ON ticketing.tickets FOR SELECT TO authenticated
        USING (owner_id = ticketing_internal.caller_id())
        """,
        SLOW,
        "mine ON ticketing.tickets",
    ),
    (
        """
        CREATE POLICY mine ON ticketing.tickets FOR SELECT TO authenticated
        USING (owner_id = (current_setting('request.jwt.claims')::jsonb ->> 'sub')::uuid)
        """,
        SLOW,
        "mine ON ticketing.tickets",
    ),
    (
        """
        CREATE SCHEMA auth;
        CREATE FUNCTION auth.uid() RETURNS uuid STABLE RETURN NULL::uuid;
        CREATE POLICY mine ON ticketing.tickets FOR INSERT TO service_role
        WITH CHECK (owner_id = auth.uid())
        """,
        SLOW,
        "mine ON ticketing.tickets",
    ),
    (
        "DROP INDEX ticketing.payments_registration_idx",
        NO_INDEX,
        "payments_registration_fkey ON ticketing.payments",
    ),
    (
        """
        DROP INDEX ticketing.specimens_event_idx;
        CREATE INDEX ON ticketing.specimens (function_id, number, event_id)
        """,
        NO_INDEX,
        "specimens_function_id_event_id_fkey ON ticketing.specimens",
    ),
    (
        """
        DROP INDEX ticketing.specimens_event_idx;
        CREATE INDEX ON ticketing.specimens (function_id) INCLUDE (event_id)
        """,
        NO_INDEX,
        "specimens_function_id_event_id_fkey ON ticketing.specimens",
    ),
    (
        """
        DROP INDEX ticketing.specimens_event_idx;
        CREATE INDEX ON ticketing.specimens (function_id, event_id) WHERE number > 0
        """,
        NO_INDEX,
        "specimens_function_id_event_id_fkey ON ticketing.specimens",
    ),
    (
        "ALTER VIEW ticketing.specimen_events RESET (security_invoker)",
        VIEW,
        "ticketing.specimen_events",
    ),
    (
        "ALTER VIEW ticketing.specimen_events SET (security_invoker = FALSE)",
        VIEW,
        "ticketing.specimen_events",
    ),
    (
        """
        SET LOCAL ROLE ticketing_owner;
        CREATE MATERIALIZED VIEW ticketing_internal.copy AS SELECT 1 AS a;
        """,
        VIEW,
        "ticketing_internal.copy",
    ),
    (
        "ALTER FUNCTION ticketing.get_registration RESET search_path",
        UNPINNED,
        "ticketing.get_registration(uuid)",
    ),
    (
        "ALTER FUNCTION ticketing_internal.caller_id SET search_path = pg_catalog, public, pg_temp",
        UNPINNED,
        "ticketing_internal.caller_id()",
    ),
    (
        "ALTER FUNCTION ticketing_internal.specimen RESET ALL",
        UNPINNED,
        "ticketing_internal.specimen()",
    ),
    (
        "COMMENT ON FUNCTION ticketing.get_registration IS 'Ours.'",
        UNTOLD,
        "ticketing.get_registration(uuid)",
    ),
    (
        """
        COMMENT ON FUNCTION ticketing.get_registration IS NULL;
        REVOKE EXECUTE ON FUNCTION ticketing.get_registration FROM authenticated, service_role
        """,
        UNTOLD,
        "ticketing.get_registration(uuid)",
    ),
    (
        "ALTER TABLE ticketing.tickets OWNER TO CURRENT_USER",
        NOT_OURS,
        "TABLE ticketing.tickets",
    ),
    (
        "ALTER FUNCTION ticketing.get_registration OWNER TO authenticated",
        NOT_OURS,
        "FUNCTION ticketing.get_registration(uuid)",
    ),
    ("ALTER SCHEMA ticketing OWNER TO anon", NOT_OURS, "SCHEMA ticketing"),
    (
        "ALTER DOMAIN ticketing.specimen_word OWNER TO CURRENT_USER",
        NOT_OURS,
        "TYPE ticketing.specimen_word",
    ),
    ("CREATE SEQUENCE ticketing.numbers", NOT_OURS, "SEQUENCE ticketing.numbers"),
    ("GRANT USAGE ON SCHEMA ticketing TO PUBLIC", public("USAGE"), "SCHEMA ticketing"),
    (
        "GRANT USAGE ON SCHEMA ticketing_install TO PUBLIC",
        public("USAGE"),
        "SCHEMA ticketing_install",
    ),
    (
        "GRANT SELECT, UPDATE ON ticketing.events TO PUBLIC",
        public("SELECT, UPDATE"),
        "TABLE ticketing.events",
    ),
    (
        "GRANT SELECT (name), UPDATE (name) ON ticketing.functions TO PUBLIC",
        public("SELECT, UPDATE"),
        "TABLE ticketing.functions.name",
    ),
    (
        "GRANT EXECUTE ON FUNCTION ticketing_internal.specimen TO PUBLIC",
        public("EXECUTE"),
        "FUNCTION ticketing_internal.specimen()",
    ),
    (
        """
        CREATE FUNCTION ticketing.f() RETURNS integer
        LANGUAGE sql SET search_path = pg_catalog, pg_temp AS 'SELECT 1'
        """,
        public("EXECUTE"),
        "FUNCTION ticketing.f()",
    ),
    (
        "GRANT USAGE ON SEQUENCE ticketing.ticket_changes_change_id_seq TO PUBLIC",
        public("USAGE"),
        "SEQUENCE ticketing.ticket_changes_change_id_seq",
    ),
    (
        "GRANT INSERT, DELETE, TRUNCATE, SELECT ON ticketing.tickets TO authenticated",
        beyond("authenticated", "DELETE, INSERT, TRUNCATE"),
        "TABLE ticketing.tickets",
    ),
    (
        "GRANT SELECT ON ticketing.registration_index TO authenticated",
        beyond("authenticated", "SELECT"),
        "TABLE ticketing.registration_index",
    ),
    (
        "GRANT INSERT (status), UPDATE (status) ON ticketing.tickets TO anon",
        beyond("anon", "INSERT, UPDATE"),
        "TABLE ticketing.tickets.status",
    ),
    (
        "GRANT TRIGGER, REFERENCES ON ticketing.organisations TO service_role",
        beyond("service_role", "REFERENCES, TRIGGER"),
        "TABLE ticketing.organisations",
    ),
    (
        "GRANT SELECT ON ticketing_internal.feed_epoch TO ticketing_reader",
        beyond("ticketing_reader", "SELECT"),
        "TABLE ticketing_internal.feed_epoch",
    ),
    (
        "GRANT DELETE ON ticketing.specimen_events TO anon",
        beyond("anon", "DELETE"),
        "TABLE ticketing.specimen_events",
    ),
    (
        """
        CREATE POLICY mine ON ticketing.events FOR UPDATE TO ticketing_reader USING (TRUE);
        GRANT UPDATE ON ticketing.events TO ticketing_reader
        """,
        beyond("ticketing_reader", "UPDATE"),
        "TABLE ticketing.events",
    ),
    (
        "GRANT USAGE ON SCHEMA ticketing_internal TO authenticated",
        beyond("authenticated", "USAGE"),
        "SCHEMA ticketing_internal",
    ),
    (
        "GRANT CREATE ON SCHEMA ticketing TO service_role",
        beyond("service_role", "CREATE"),
        "SCHEMA ticketing",
    ),
    (
        "GRANT USAGE ON SCHEMA ticketing_install TO service_role",
        beyond("service_role", "USAGE"),
        "SCHEMA ticketing_install",
    ),
    (
        "GRANT EXECUTE ON FUNCTION ticketing_internal.caller_id TO anon",
        beyond("anon", "EXECUTE"),
        "FUNCTION ticketing_internal.caller_id()",
    ),
    (
        "GRANT EXECUTE ON FUNCTION ticketing.record_refund TO authenticated",
        beyond("authenticated", "EXECUTE"),
        "FUNCTION ticketing.record_refund(uuid,jsonb)",
    ),
    (
        "GRANT UPDATE ON ticketing.registration_changes TO service_role",
        beyond("service_role", "UPDATE"),
        "TABLE ticketing.registration_changes",
    ),
    (
        "GRANT USAGE ON SEQUENCE ticketing.ticket_changes_change_id_seq TO service_role",
        beyond("service_role", "USAGE"),
        "SEQUENCE ticketing.ticket_changes_change_id_seq",
    ),
    (
        "GRANT specimen_reports TO anon",
        beyond("anon", "SELECT"),
        "TABLE ticketing.tickets",
    ),
    (
        "REVOKE SELECT ON ticketing.tickets FROM authenticated",
        lacks("authenticated", "SELECT"),
        "TABLE ticketing.tickets",
    ),
    (
        "REVOKE INSERT, UPDATE ON ticketing.organisation_members FROM service_role",
        lacks("service_role", "INSERT, UPDATE"),
        "TABLE ticketing.organisation_members",
    ),
    (
        "REVOKE EXECUTE ON FUNCTION ticketing.get_ticket_availability FROM anon",
        lacks("anon", "EXECUTE"),
        "FUNCTION ticketing.get_ticket_availability(uuid,uuid)",
    ),
    (
        "REVOKE EXECUTE ON FUNCTION ticketing_internal.staff_function_ids FROM authenticated",
        lacks("authenticated", "EXECUTE"),
        "FUNCTION ticketing_internal.staff_function_ids()",
    ),
    (
        "REVOKE USAGE ON SCHEMA ticketing FROM ticketing_reader",
        lacks("ticketing_reader", "USAGE"),
        "SCHEMA ticketing",
    ),
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE ticketing_owner GRANT ALL ON TABLES TO authenticated",
        LATER,
        "TABLES of ticketing_owner",
    ),
    (
        """
        ALTER DEFAULT PRIVILEGES FOR ROLE ticketing_owner IN SCHEMA ticketing
        GRANT USAGE ON SEQUENCES TO PUBLIC
        """,
        LATER,
        "SEQUENCES of ticketing_owner in ticketing",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA ticketing GRANT EXECUTE ON FUNCTIONS TO anon",
        LATER,
        "FUNCTIONS of postgres in ticketing",
    ),
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE ticketing_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        LATER,
        "FUNCTIONS of ticketing_owner",
    ),
    ("ALTER ROLE ticketing_owner SUPERUSER", SUPERUSER, "ticketing_owner"),
    ("ALTER ROLE anon SUPERUSER", SUPERUSER, "anon"),
    ("ALTER ROLE authenticator SUPERUSER", SUPERUSER, "authenticator"),
    ("ALTER ROLE authenticated BYPASSRLS", UNBOUND, "authenticated"),
    ("ALTER ROLE ticketing_owner LOGIN", LOGIN, "ticketing_owner"),
    ("GRANT service_role TO anon", MEMBER, "anon in service_role"),
    ("GRANT service_role TO ticketing_reader", MEMBER, "ticketing_reader in service_role"),
    ("GRANT ticketing_owner TO service_role", MEMBER, "service_role in ticketing_owner"),
    ("GRANT ticketing_owner TO authenticator", MEMBER, "authenticator in ticketing_owner"),
    ("GRANT pg_read_all_data TO authenticated", MEMBER, "authenticated in pg_read_all_data"),
    (
        "CREATE ROLE boss SUPERUSER; GRANT boss TO service_role",
        MEMBER,
        "service_role in boss",
    ),
    ("GRANT CREATE ON SCHEMA public TO authenticated", CREATES, "SCHEMA public"),
    ("GRANT CREATE ON DATABASE shared TO anon", CREATES, "DATABASE shared"),
    (
        "ALTER ROLE authenticator SET pgrst.db_schemas = 'public,ticketing_internal'",
        EXPOSED,
        "ROLE authenticator: pgrst.db_schemas=public,ticketing_internal",
    ),
    (
        """
        ALTER ROLE authenticator IN DATABASE shared
        SET pgrst.db_schemas = 'ticketing, ticketing_install'
        """,
        EXPOSED,
        ("ROLE authenticator IN DATABASE shared: pgrst.db_schemas=ticketing, ticketing_install"),
    ),
    (
        "ALTER DATABASE shared SET request.jwt.claims = '{}'",
        TAKEN_FOR,
        "DATABASE shared: request.jwt.claims={}",
    ),
    (
        "ALTER ROLE ALL SET request.jwt.claims = '{}'",
        TAKEN_FOR,
        "ROLE ALL: request.jwt.claims={}",
    ),
    (
        "ALTER ROLE authenticator SET row_security = off",
        READS_FAIL,
        "ROLE authenticator: row_security=off",
    ),
]

ADVICE = ("Restrict ", "Write ", "Move ", "Remove ")
"""How remedies begin that are no statements, because only the DBA knows what is wanted."""


def findings(db: Connection) -> dict[tuple[str, str], str]:
    """Return the remedies by finding and object."""
    with db.transaction():
        db.execute("SET LOCAL ROLE ticketing_owner")
        found = db.execute(
            "SELECT finding, object, remedy FROM ticketing_internal.security_findings()"
        ).fetchall()
        db.execute("SET LOCAL ROLE none")
    remedies = {(finding, name): remedy for finding, name, remedy in found}
    assert len(remedies) == len(found)
    return remedies


def test_security_findings_are_none_in_an_installation(db: Connection) -> None:
    assert findings(db) == {}


def test_security_findings_are_none_in_what_a_deployment_may_have(db: Connection) -> None:
    db.execute(GOOD)
    assert findings(db) == {}


@pytest.mark.parametrize(("fault", "finding", "name"), FAULTS)
def test_security_findings_name_a_fault_and_its_remedy(
    db: Connection, fault: LiteralString, finding: str, name: str
) -> None:
    db.execute(GOOD)
    db.execute(fault)
    db.execute("RESET ROLE")
    remedy = findings(db)[finding, name]
    if not remedy.startswith(ADVICE):
        db.execute(remedy.replace(" CONCURRENTLY ", " ").encode())
        assert (finding, name) not in findings(db)


def test_security_findings_are_all_tried() -> None:
    texts = re.findall(
        r"^    SELECT\n        (?:format\(\s*)?'((?:[^']|'')+)'",
        "".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*_findings.sql")),
        re.MULTILINE,
    )
    patterns = {re.escape(text.replace("''", "'")).replace("%s", ".*") for text in texts}
    assert len(patterns) > 15
    proven = {finding for _, finding, _ in FAULTS}
    assert {one for one in patterns if not any(re.fullmatch(one, text) for text in proven)} == set()


def test_security_findings_name_a_superuser_once(db: Connection) -> None:
    db.execute("ALTER ROLE anon SUPERUSER")
    assert findings(db) == {(SUPERUSER, "anon"): "ALTER ROLE anon NOSUPERUSER"}


# -- the command


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Doctor:
    """A function that runs `ticketing doctor`: its exit code, stdout and stderr."""
    for name, value in {"COLUMNS": "300", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)

    def run(url: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ticketing", "doctor", "--database-url", url])
        with pytest.raises(SystemExit) as exit_:
            main()
        return (exit_.value.code or 0, *capfd.readouterr())  # type: ignore[return-value]

    return run


def cells(table: str) -> list[list[str]]:
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table.splitlines()]
    return [line for line in lines if line]


def test_doctor_finds_nothing_in_an_installation(doctor: Doctor, database_url: str) -> None:
    code, out, err = doctor(database_url)
    assert (code, err, out.splitlines()[-1]) == (0, "", "nothing found")
    assert ["schema to expose", "ticketing"] in cells(out)


def test_doctor_shows_findings_and_remedies(doctor: Doctor, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("GRANT UPDATE ON ticketing.tickets TO anon")
        connection.execute("ALTER FUNCTION ticketing.get_registration RESET search_path")
    code, out, err = doctor(database_url)
    assert (code, err) == (1, "")
    assert cells(out)[-2:] == [
        [
            UNPINNED,
            "ticketing.get_registration(uuid)",
            "ALTER FUNCTION ticketing.get_registration(uuid) SET search_path = pg_catalog, pg_temp",
        ],
        [
            beyond("anon", "UPDATE"),
            "TABLE ticketing.tickets",
            "REVOKE UPDATE ON TABLE ticketing.tickets FROM anon",
        ],
    ]


def test_doctor_does_not_judge_a_database_that_is_not_up_to_date(
    doctor: Doctor, database_url: str, empty_database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP FUNCTION ticketing_internal.security_findings")
    for url in (database_url, empty_database_url):
        code, out, err = doctor(url)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "is not up to date and cannot be checked. Run: ticketing status" in err


def test_doctor_says_that_it_may_not_look_or_finds_no_server(
    doctor: Doctor, database_url: str
) -> None:
    may_not_look = (
        "ticketing: Permission denied: connect as the role that installed, or as a superuser.\n"
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE passer_by LOGIN")
        try:
            assert doctor(make_conninfo(database_url, user="passer_by")) == (2, "", may_not_look)
            # reading the records is not enough
            connection.execute("GRANT USAGE ON SCHEMA ticketing_install TO passer_by")
            connection.execute(
                "GRANT SELECT ON ALL TABLES IN SCHEMA ticketing_install TO passer_by"
            )
            assert doctor(make_conninfo(database_url, user="passer_by")) == (2, "", may_not_look)
        finally:
            connection.execute("DROP OWNED BY passer_by")
            connection.execute("DROP ROLE passer_by")
    code, out, err = doctor("host=/nowhere")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "/nowhere" in err
