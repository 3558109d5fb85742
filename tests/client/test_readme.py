"""The README: every block is run, in its order, by every client with the same answer."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pytest_postgresql.executors import NoopExecutor
from tests.support.pages import ROOT, Shell, blocks, psql_of, python_of, shell_of
from tests.support.supabase import run_javascript

from ticketing_client.embedded import Server

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def shell(
    server: Server, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """A function that runs commands in the repository, its programs as they are here.

    `make` only says what it would do, and `pip` says nothing: what they install is here already.
    """
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    monkeypatch.setenv("API", "http://127.0.0.1:3000")
    monkeypatch.setenv("API_KEY", "the key of visitors")
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
    """One test, because the calls need what the first blocks have installed."""
    psql = psql_of(shell)
    python = python_of(ROOT / "README.md", lambda: capfd.readouterr().out)
    answers: list[str] = []
    for language, text in blocks(README):
        match language:
            case "sh" if "curl" in text:
                answers.append(shell(text))
            case "sh":
                shell(text)
                if "ticketing migrate" in text:  # by a superuser; the rest runs as any role
                    monkeypatch.setenv("DATABASE_URL", shop_url)
            case "sql":
                answers.append(psql(text))
            case "python":
                answers.append(python(text))
            case "js":
                answers.append(run_javascript(text))
            case _:
                raise AssertionError(language)
    sql, with_python, over_http, with_javascript = answers
    assert re.search(r"^ true +\| 135\.00$", sql, re.MULTILINE)
    assert with_python == "True 135.00\n"
    assert '"valid": true' in over_http
    assert '"subtotal": 135.00' in over_http
    assert with_javascript == "true 135\n"


def test_readme_make_targets_run_what_they_say(shell: Shell) -> None:
    targets = set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE))
    assert targets >= {"demo", "psql", "site"}
    for target in targets:
        assert shell(f"make {target}")
    assert "ticketing demo" in shell("make demo")


def test_readme_is_read_in_a_minute() -> None:
    assert len(README.splitlines()) <= 120
