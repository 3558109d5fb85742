"""The README: every command and snippet is run, in its order, and its tables are true."""

import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from pytest_postgresql.executors import NoopExecutor
from tests.support.pages import (
    ROOT,
    Shell,
    blocks,
    shell_of,
)

from ticketing_client.embedded import Server

README = (ROOT / "README.md").read_text(encoding="utf-8")
USER = "7e9a6303-0000-4000-8000-000000000001"

Connection = psycopg.Connection[Any]


BLOCKS = blocks(README)


@pytest.fixture
def shell(
    server: Server, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """A function that runs commands in the repository, its programs as they are here.

    `make` only says what it would do, and `pip` says nothing: what they install is here already.
    """
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    monkeypatch.setenv("PATH", os.pathsep.join([str(server.bin_dir), os.environ["PATH"]]))
    return shell_of(
        server,
        tmp_path,
        {
            "make": f"env PATH={shlex.quote(os.environ['PATH'])} make --dry-run",
            "pip": "echo pip",
        },
    )


@pytest.fixture
def shop_url(empty_database_url: str, migrated: NoopExecutor) -> Iterator[str]:
    """The URL for a back end that calls for users, too: the role is made as docs/security.md says.

    The role is a member of others, which another database of the server has brought.
    """
    del migrated
    statements = re.findall(
        r"^(?:CREATE ROLE shop|GRANT .* TO shop).*;$",
        (ROOT / "docs/security.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(statements) == 2
    with psycopg.connect(empty_database_url, autocommit=True) as superuser:
        for statement in statements:
            superuser.execute(statement.encode())
        yield make_conninfo(empty_database_url, user="shop")
        superuser.execute("DROP ROLE shop")


def test_readme_blocks_run_in_order(
    shell: Shell, shop_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One test, because each snippet goes on where the last one stopped."""
    printed = ""
    answer: dict[str, Any] = {}
    shown = 0
    for language, text in BLOCKS:
        match language:
            case "sh":
                printed = shell(text)
                if "ticketing migrate" in text:  # by a superuser; the rest runs as any role
                    monkeypatch.setenv("DATABASE_URL", shop_url)
            case "sql":
                printed = shell(f"psql -v ON_ERROR_STOP=1 \"$DATABASE_URL\" <<'SQL'\n{text}\nSQL")
            case "python":
                exec(compile(text, "README.md", "exec"), {})  # noqa: S102 - that is the test
                printed = capfd.readouterr().out
            case "text":
                assert text in printed
                shown += 1
            case "http":
                with psycopg.connect(shop_url) as connection:
                    answer = send(connection, text)
            case "json":
                promised: dict[str, Any] = json.loads(text)
                assert {key: answer[key] for key in promised} == promised
                shown += 1
            case _:
                assert language == "mermaid"
    assert shown == 3


def send(connection: Connection, request: str) -> dict[str, Any]:
    """Do what PostgREST does with a request: its settings, named arguments, one statement."""
    head, _, body = request.partition("\n\n")
    first, *lines = head.splitlines()
    headers = dict(line.split(": ") for line in lines)
    assert headers["Content-Type"] == "application/json"
    match = re.fullmatch(r"POST /rpc/(\w+) HTTP/1\.1", first)
    assert match is not None
    function = Identifier(headers["Content-Profile"], match[1])
    arguments = json.loads(body)
    types = dict(
        connection.execute(
            "SELECT unnest(proargnames), unnest(proargtypes::regtype[])::text FROM pg_proc"
            " WHERE pronamespace = %s::regnamespace AND proname = %s",
            (headers["Content-Profile"], match[1]),
        ).fetchall()
    )
    assert arguments.keys() <= types.keys()
    columns = SQL(", ").join(
        SQL("{} {}").format(Identifier(name), SQL(types[name])) for name in arguments
    )
    named = SQL(", ").join(SQL("{0} := _.{0}").format(Identifier(name)) for name in arguments)
    connection.execute(
        "SELECT set_config('search_path', 'ticketing', true),"
        " set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)",
        (json.dumps({"sub": USER, "role": "authenticated"}),),
    )
    row = connection.execute(
        SQL("SELECT {}({}) FROM json_to_record(%s::json) AS _({})").format(
            function, named, columns
        ),
        (body,),
    ).fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


def test_readme_make_targets_run_what_they_say(shell: Shell) -> None:
    targets = set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE))
    assert {"demo", "test", "psql", "lint", "generate"} <= targets
    for target in targets:
        assert shell(f"make {target}")
    assert "ticketing demo" in shell("make demo")
    assert "pytest" in shell("make test")


def test_readme_pip_extras_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"pip install '\.\[(\w+)\]'", README)
    assert extras
    assert set(extras) <= project["optional-dependencies"].keys()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    table = README.partition(f"## {heading}\n")[2].partition("\n| ")[2].partition("\n\n")[0]
    lines = [line.removeprefix("| ").removesuffix(" |") for line in table.splitlines()[2:]]
    return [[cell.strip("`") for cell in line.split(" | ")] for line in lines]


def test_readme_table_of_calls_matches_grants(db: Connection) -> None:
    granted = dict(
        db.execute(
            "SELECT proname, array(SELECT r FROM unnest('{anon,authenticated}'::text[]) AS r"
            " WHERE has_function_privilege(r, p.oid, 'EXECUTE') AND NOT (r = 'anon'"
            " AND obj_description(p.oid) LIKE '%`anon`: only to be told to sign in%'))"
            " FROM pg_proc AS p WHERE pronamespace = 'ticketing'::regnamespace"
        ).fetchall()
    )
    documented = {call: callers for call, callers, _ in rows("RPCs")}
    assert sorted(documented) == sorted(granted)
    for call, roles in granted.items():
        assert ("anon" in roles) == (documented[call] == "anyone"), call
        assert ("authenticated" not in roles) == documented[call].startswith("service only"), call


def test_readme_table_of_refusals_is_complete(db: Connection) -> None:
    outcomes = db.execute("SELECT sqlstate, name FROM ticketing_internal.error_classes()")
    assert sorted(row[:2] for row in rows("Errors")) == sorted(map(list, outcomes))


def test_readme_folders_exist() -> None:
    for folder, *_ in rows("Repository layout"):
        assert (ROOT / folder).is_dir(), folder
