"""docs/security.md: its commands are run, in their order, and its tables are true."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.support.pages import (
    ROOT,
    Shell,
    blocks,
    shell_of,
)

from ticketing_client.embedded import Server

Connection = psycopg.Connection[Any]

PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
NOTHING = "–"  # noqa: RUF001 - as it stands on the page


BLOCKS = blocks(PAGE)


@pytest.fixture
def shell(
    server: Server, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """A function that runs commands in the repository, on a migrated database of their own.

    What they do to roles is undone in the end: these belong to the whole server.
    """
    for key, value in conninfo_to_dict(database_url).items():
        monkeypatch.setenv({"dbname": "PGDATABASE"}.get(key, f"PG{key.upper()}"), str(value))
    yield shell_of(server, tmp_path, {})
    with psycopg.connect(database_url, autocommit=True) as superuser:
        superuser.execute("DROP ROLE IF EXISTS authenticator, shop, reports")
        superuser.execute("ALTER ROLE anon RESET ALL")
        superuser.execute("ALTER ROLE authenticated RESET ALL")


def test_security_page_shows_commands_that_work(shell: Shell, database_url: str) -> None:
    """One test, because each block goes on where the last one stopped."""
    printed = ""
    shown = 0
    for language, text in BLOCKS:
        match language:
            case "sh":
                printed = shell(text)
                if "forwarders" in text:
                    assert has_forwarders(database_url) == ("rollback" not in text)
            case "sql":
                printed = shell(f"psql -v ON_ERROR_STOP=1 <<'SQL'\n{text}\nSQL")
            case "text":
                assert text in printed
                shown += 1
            case _:
                assert language == "mermaid"
    assert shown == 1


def has_forwarders(url: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT to_regproc('public.get_registration')").fetchone()
    return row != (None,)


def rows(first: str) -> list[list[str]]:
    """The cells of the table whose head begins with this cell."""
    table = PAGE.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    lines = re.findall(r"^\| (.+) \|$", table, re.MULTILINE)
    return [line.split(" | ") for line in lines if not line.startswith("---")]


def named(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def privileged(db: Connection, of: str) -> dict[str, set[str]]:
    """Who of the callers may execute each RPC, or read each table."""
    query = {
        "call": "SELECT proname, array(SELECT r FROM unnest(%s::text[]) AS r"
        " WHERE has_function_privilege(r, p.oid, 'EXECUTE')) FROM pg_proc AS p"
        " WHERE pronamespace = 'ticketing'::regnamespace",
        "table": "SELECT relname, array(SELECT r FROM unnest(%s::text[]) AS r"
        " WHERE has_table_privilege(r, c.oid, 'SELECT')) FROM pg_class AS c"
        " WHERE relnamespace = 'ticketing'::regnamespace AND relkind IN ('r', 'v')",
    }[of]
    roles = ["anon", "authenticated", "service_role", "ticketing_reader"]
    return {name: set(who) for name, who in db.execute(query.encode(), [roles])}


def test_who_may_call_is_who_is_granted(db: Connection) -> None:
    roles = ["anon", "authenticated", "service_role", "ticketing_reader"]
    documented = {
        named(rpc)[0]: {role for role, what in zip(roles, cells, strict=True) if what != NOTHING}
        for rpc, *cells in rows("RPC | " + " | ".join(f"`{role}`" for role in roles))
    }
    assert documented == privileged(db, "call")


def test_who_may_read_is_who_is_granted(db: Connection) -> None:
    documented: dict[str, set[str]] = {}
    for names, visitor, *users, service, reader in rows("table"):
        granted = {
            "anon": visitor != NOTHING,
            "authenticated": set(users) != {NOTHING},
            "service_role": service != NOTHING,
            "ticketing_reader": reader != NOTHING,
        }
        for name in named(names):
            assert name not in documented
            documented[name] = {role for role, has in granted.items() if has}
    assert documented == privileged(db, "table")


def test_security_page_names_the_tables_that_the_service_writes(db: Connection) -> None:
    written = {
        name
        for names, *_, service, _ in rows("table")
        if "writes" in service
        for name in named(names)
    }
    found = db.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'ticketing'::regnamespace"
        " AND relkind = 'r' AND has_table_privilege('service_role', oid, 'INSERT,UPDATE,DELETE')"
    )
    assert written == {name for (name,) in found}


def test_security_page_names_the_roles_and_none_logs_in(db: Connection) -> None:
    documented = {named(role)[0]: logs_in for role, _, logs_in in rows("role | is")}
    found = dict(
        db.execute(
            "SELECT rolname, rolcanlogin OR rolsuper OR rolbypassrls FROM pg_roles"
            " WHERE rolname = ANY (%s)",
            [list(documented)],
        ).fetchall()
    )
    assert found == dict.fromkeys(documented, False)


def test_security_page_names_tests_for_every_threat() -> None:
    threats = rows("threat")
    assert len(threats) > 10
    for threat, stopped_by, shown_by in threats:
        files = re.findall(r"`([\w/.]+)`", shown_by)
        assert stopped_by
        assert files, threat
        for file in files:
            assert (ROOT / "tests" / file).is_file(), file
