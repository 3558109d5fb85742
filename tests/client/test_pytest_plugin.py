"""The pytest plugin, in projects of its own: docs/testing.md runs, and more."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.support.bookings import ONE, book, pay, stored
from tests.support.pages import ROOT, blocks

import ticketing_client
from ticketing_client import testing
from ticketing_client.embedded import Server, run_server

# every test is a run of pytest of its own
pytestmark = pytest.mark.long

PACKAGES = Path(ticketing_client.__file__).parents[1]
PAGE = blocks((ROOT / "docs/testing.md").read_text(encoding="utf-8"))

Run = Callable[..., str]


def page_files() -> dict[str, str]:
    """The Python blocks of the page by the names in their first lines, the first of each."""
    found: dict[str, str] = {}
    for block in PAGE:
        name = re.match(r"# (\w+\.py)\n", block.text)
        if block.language == "python":
            assert name, block.text
            found.setdefault(name[1], block.text)
    return found


@pytest.fixture
def run(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs pytest on files in a project of their own; all must pass.

    On this worker's server, which a project may change.
    """
    monkeypatch.setenv("TICKETING_SERVER_URL", server.url())

    def run_pytest(files: dict[str, str], *options: str, failed: bool = False) -> str:
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "pytest_ticketing", *options],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(PACKAGES), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == int(failed), result.stdout + result.stderr
        return result.stdout

    return run_pytest


@pytest.fixture
def without_leftovers(server: Server) -> Iterator[None]:
    """Nothing of a project stays on the server."""
    yield
    with psycopg.connect(server.url()) as connection:
        left = connection.execute(
            "SELECT datname FROM pg_database WHERE datname ~ '^ticketing_(test|template)'"
        ).fetchall()
    assert left == []


@pytest.mark.usefixtures("without_leftovers")
def test_testing_page_runs(run: Run, server: Server) -> None:
    files = page_files()
    assert files.keys() == {
        "shop.py",
        "conftest.py",
        "test_shop.py",
        "test_conference.py",
        "test_time.py",
        "test_role.py",
    }
    example = Path(ticketing_client.__file__).parent / "example/conference.yaml"
    files["conference.yaml"] = example.read_text(encoding="utf-8")
    try:
        assert re.search(r"\n=+ 5 passed in", run(files))
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("DROP ROLE IF EXISTS shop")


def test_testing_page_names_every_fixture(run: Run) -> None:
    documented = re.findall(
        r"^\| `(\w+)` \| (session|test) \|",
        (ROOT / "docs/testing.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    shown = run({"test_none.py": ""}, "--fixtures", "-v")
    section = shown.partition("fixtures defined from pytest_ticketing")[2].partition("\n---")[0]
    found = re.findall(r"^(\w+)(?: \[(\w+) scope\])? -- ", section, re.MULTILINE)
    assert sorted(documented) == sorted((name, scope or "test") for name, scope in found)


def test_testing_page_names_packages_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (command,) = [block.text for block in PAGE if block.language == "sh"]
    assert command == "pip install '.[testing]'\n"
    assert "testing" in project["optional-dependencies"]
    assert project["entry-points"]["pytest11"] == {"pytest_ticketing": "pytest_ticketing"}


TWO_TESTS = """
import psycopg, pytest

@pytest.mark.parametrize("_", range(2))
def test_database_is_fresh(ticketing_database_url, _):
    with psycopg.connect(ticketing_database_url) as connection:
        connection.execute("CREATE TABLE of_one_test ()")
        assert connection.execute("SELECT * FROM ticketing.check_integrity()").fetchall() == []
"""


@pytest.mark.usefixtures("without_leftovers")
def test_each_test_has_a_fresh_database(run: Run) -> None:
    assert "2 passed" in run({"test_two.py": TWO_TESTS})


@pytest.mark.usefixtures("without_leftovers")
def test_plugin_works_without_pytest_postgresql_and_with_xdist(run: Run) -> None:
    without = "import sys\nsys.modules |= dict.fromkeys(['pytest_postgresql'])\n"
    files = {"conftest.py": without, "test_two.py": TWO_TESTS}
    assert "2 passed" in run(files, "-n", "2", "-p", "no:postgresql")


def test_server_is_named_in_configuration(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TICKETING_SERVER_URL")
    (block,) = [block.text for block in PAGE if block.language == "toml"]
    named = re.sub('= ".*"', f'= "{server.url()}"', block)
    asks = "def test_server(ticketing_server):\n    print(ticketing_server)\n"
    assert server.url() in run({"pyproject.toml": named, "test_server.py": asks}, "-s")


@pytest.mark.long
def test_server_is_embedded_by_default(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TICKETING_SERVER_URL")
    asks = "\ndef test_server(ticketing_server):\n    print(ticketing_server)\n"
    printed = run({"test_two.py": TWO_TESTS + asks}, "-s")
    assert "3 passed" in printed
    (folder,) = re.findall(r"postgresql://postgres@/postgres\?host=(\S+)&", printed)
    assert not Path(folder).exists()


@pytest.mark.long
def test_server_may_be_that_of_pytest_postgresql(run: Run, free_port: int) -> None:
    override = [block.text for block in PAGE if "postgresql_proc" in block.text]
    assert len(override) == 1
    with run_server(settings=testing.SETTINGS, port=free_port) as own:
        # what runs a server refuses root; this has the same attributes
        proc = (
            "from pytest_postgresql import factories\n"
            f"postgresql_proc = factories.postgresql_noproc('127.0.0.1', {own.port}, 'postgres',"
            f" {own.password!r})\n"
        )
        asks = (
            "import psycopg\n\ndef test_server(ticketing_database_url):\n"
            "    with psycopg.connect(ticketing_database_url) as connection:\n"
            f"        assert connection.info.port == {own.port}\n"
        )
        assert "1 passed" in run({"conftest.py": override[0] + proc, "test_server.py": asks})


def test_plugin_imports_nothing_until_it_is_used(run: Run) -> None:
    looks = (
        "import sys\n\ndef test_modules():\n"
        "    assert 'pytest_ticketing' in sys.modules\n"
        "    assert not {'psycopg', 'msgspec', 'ticketing_client'} & sys.modules.keys()\n"
    )
    assert "1 passed" in run({"test_modules.py": looks}, "-p", "no:postgresql")


def test_plugin_names_what_is_not_installed(run: Run) -> None:
    without = "import sys\nsys.modules |= dict.fromkeys(['yoyo', 'sqlparse'])\n"
    printed = run({"conftest.py": without, "test_two.py": TWO_TESTS}, failed=True)
    assert re.search(r"\w+ is not installed\. Run in a clone: pip install '\.\[testing\]'", printed)
    assert "Traceback" not in printed


def test_holds_lapse_one_by_one_or_all(event_db: psycopg.Connection[tuple[object, ...]]) -> None:
    first, second, third = (book(event_db, ONE) for _ in range(3))
    pay(event_db, third)
    assert testing.let_holds_lapse(event_db, first) == 1
    assert testing.let_holds_lapse(event_db, first) == 0
    assert testing.let_holds_lapse(event_db) == 1
    assert testing.let_holds_lapse(event_db, third) == 0
    for registration in (first, second):
        row = stored(event_db, registration)
        assert row["status"] == "draft"
        assert row["hold_expires_at"] < row["updated_at"]


@pytest.mark.parametrize("table", ["functions", "events", "ticket_types", "packages"])
def test_all_dates_of_the_catalogue_move_alike(
    event_db: psycopg.Connection[tuple[object, ...]], table: str
) -> None:
    columns = event_db.execute(
        """
        SELECT column_name FROM information_schema.columns
        WHERE table_schema = 'ticketing' AND table_name = %s AND data_type LIKE 'timestamp%%'
            AND column_name NOT IN ('created_at', 'updated_at')
        ORDER BY ordinal_position
        """,
        [table],
    ).fetchall()
    names = [str(name) for (name,) in columns]
    assert len(names) >= 2
    dates = sql.SQL("SELECT {} FROM ticketing.{} LIMIT 1").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(table)
    )
    event_db.execute(
        sql.SQL("UPDATE ticketing.{} SET {}").format(
            sql.Identifier(table),
            sql.SQL(", ").join(
                sql.SQL("{} = now() + make_interval(days => {})").format(sql.Identifier(name), day)
                for day, name in enumerate(names)
            ),
        )
    )
    before = event_db.execute(dates).fetchone()
    testing.shift_sale_windows(event_db, timedelta(hours=-1))
    after = event_db.execute(dates).fetchone()
    assert before is not None
    assert after is not None
    moved = [was - now for was, now in zip(before, after, strict=True)]  # type: ignore[operator]
    assert moved == [timedelta(hours=1)] * len(names)
