"""The command line: what it prints where, and its exit codes."""

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.support.small_product import (
    SqlDir,
)

from ticketing_client import embedded
from ticketing_client import migrate as runner
from ticketing_client.cli import main
from ticketing_client.embedded import run_server

Query = Callable[..., list[Any]]
Ticketing = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ticketing(
    sql: SqlDir,
    pg_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Ticketing:
    """A function that runs the command on the small product: its exit code, stdout and stderr."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(runner, "packaged_sql", lambda: sql.path)
    for name, value in {**pg_environment, "COLUMNS": "80", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ticketing", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        return (exit_.value.code or 0, *capfd.readouterr())  # type: ignore[return-value]

    return run


def test_migrate_prints_what_it_did(ticketing: Ticketing) -> None:
    expected = "applied 0101.begin\napplied 0102.orders\ninstalled 2 functions\n"
    assert ticketing("migrate") == (0, expected, "")
    assert ticketing("migrate") == (0, "nothing to do: the database is up to date\n", "")


def test_migrate_prints_a_refusal_as_one_line_on_stderr(ticketing: Ticketing, sql: SqlDir) -> None:
    ticketing("migrate")
    sql.replace("migrations/0102.orders.sql", "100", "200")
    code, out, err = ticketing("migrate")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("ticketing: Edited after they were applied: 0102.orders; restore")


def test_status_names_every_state_and_exits_with_1_unless_up_to_date(
    ticketing: Ticketing, sql: SqlDir
) -> None:
    code, out, _ = ticketing("status")
    assert code == 1
    assert _states(out) == {
        "0101.begin": "pending",
        "0102.orders": "pending",
        "functions/shop/amount_due.sql": "pending",
        "functions/shop/amount_of.sql": "pending",
    }
    sql.write("migrations/0103.more.sql", "")
    ticketing("migrate")
    code, out, _ = ticketing("status")
    assert code == 0
    assert _states(out) == {
        "0101.begin": "applied",
        "0102.orders": "applied",
        "0103.more": "applied",
        "2 functions": "installed",
    }
    sql.replace("migrations/0102.orders.sql", "100", "200")
    sql.remove("migrations/0103.more.sql")
    sql.remove("functions/shop/amount_due.sql")
    code, out, _ = ticketing("status")
    assert code == 1
    assert _states(out) == {
        "0101.begin": "applied",
        "0102.orders": "applied, file edited afterwards",
        "0103.more": "applied, unknown to this version",
        "function shop.amount_due": "orphaned: migrate drops it",
        "1 function": "installed",
    }


def _states(table: str) -> dict[str, str]:
    rows = [[cell.strip() for cell in line.split("│")] for line in table.splitlines()]
    return {row[1]: row[2] for row in rows if len(row) == 4}


def test_rollback_asks_first(
    ticketing: Ticketing, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticketing("migrate")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\ny\n"))
    code, out, _ = ticketing("rollback", "--to", "0101")
    assert code == 1
    assert out.startswith("Roll back all migrations after 0101 in empty on ")
    assert query("SELECT amount FROM shop.orders") == [(100,)]
    code, out, _ = ticketing("rollback", "--to", "0101")
    assert code == 0
    assert out.endswith("rolled back 0102.orders\n")
    assert query("SELECT to_regclass('shop.orders')") == [(None,)]
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    code, out, _ = ticketing("rollback", "--all")
    assert code == 1
    assert out.startswith("Roll back everything in empty on ")
    assert query("SELECT to_regnamespace('shop')") == [("shop",)]


def test_rollback_all_prints_what_it_did(ticketing: Ticketing) -> None:
    ticketing("migrate")
    expected = "rolled back 0102.orders\nrolled back 0101.begin\n"
    assert ticketing("rollback", "--all", "--yes") == (0, expected, "")
    assert ticketing("rollback", "--all", "--yes")[1] == (
        "nothing to do: no such migration is applied\n"
    )


@pytest.mark.parametrize("arguments", [[], ["--to", "0101", "--all"]])
def test_rollback_needs_either_to_or_all(ticketing: Ticketing, arguments: list[str]) -> None:
    code, out, err = ticketing("rollback", "--yes", *arguments)
    assert (code, out) == (2, "")
    assert "give either --to NAME or --all" in err


def test_commands_name_an_unreachable_server(ticketing: Ticketing) -> None:
    for command in (["status"], ["doctor"], ["migrate"], ["rollback", "--all"]):
        code, out, err = ticketing(*command, "--database-url", "host=/nowhere")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("ticketing: ")
        assert "/nowhere" in err


def test_commands_say_how_to_name_a_server_when_none_is_found(
    ticketing: Ticketing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_port: int
) -> None:
    remedy = "Set DATABASE_URL (or PGHOST, PGDATABASE ...), or run `ticketing serve`.\n"
    monkeypatch.delenv("PGHOST")
    monkeypatch.setenv("PGPORT", str(free_port))
    file = tmp_path / "event.yaml"
    assert ticketing("catalogue", "template", str(file))[0] == 0
    for command in (["status"], ["migrate"], ["catalogue", "check", str(file)]):
        code, out, err = ticketing(*command)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.endswith(remedy)
    assert remedy not in ticketing("status", "--database-url", "host=/nowhere")[2]


def test_commands_take_a_url_from_the_environment(
    ticketing: Ticketing, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "/nowhere")
    assert "/nowhere" in ticketing("status")[2]
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert ticketing("migrate")[::2] == (0, "")
    assert ticketing("status")[::2] == (0, "")


def test_commands_never_repeat_the_password_of_a_malformed_url(
    ticketing: Ticketing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:pa@s3cret@127.0.0.1/shop")
    for command in (["status"], ["doctor"], ["migrate"], ["rollback", "--all", "--yes"]):
        code, out, err = ticketing(*command)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "percent-encode special characters" in err
        assert "s3cret" not in err


def test_version_names_the_package(ticketing: Ticketing) -> None:
    code, out, _ = ticketing("--version")
    assert (code, out.split()[0]) == (0, "ticketing-sql")


def test_psql_without_a_demo_says_how_to_make_one(
    ticketing: Ticketing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "default_data_dir", lambda name: tmp_path / name)
    missing = f"ticketing: There is no database in {tmp_path}/demo yet. Run: ticketing "
    assert ticketing("psql") == (2, "", f"{missing}demo, or: ticketing serve\n")
    option = ("--data-dir", f"{tmp_path}/demo")
    words = " ".join(option)
    advice = f"demo {words}, or: ticketing serve {words}\n"
    assert ticketing("psql", *option) == (2, "", f"{missing}{advice}")
    assert not (tmp_path / "demo").exists()


def test_psql_passes_arguments_and_exit_code_on(
    ticketing: Ticketing, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="ticketing-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # root's server runs as another user
        monkeypatch.setattr(embedded, "default_data_dir", lambda name: folder / name)
        with (
            run_server(folder / "demo") as server,
            psycopg.connect(server.url(), autocommit=True) as connection,
        ):
            connection.execute("CREATE DATABASE ticketing_demo")
        select = "SELECT current_database(), 42"
        assert ticketing("psql", "-X", "-At", "-c", select) == (0, "ticketing_demo|42\n", "")
        elsewhere = ("psql", "--data-dir", f"{folder}/demo", "-d", "postgres")
        assert ticketing(*elsewhere, "-X", "-At", "-c", select) == (0, "postgres|42\n", "")
        code, out, err = ticketing("psql", "-X", "-v", "ON_ERROR_STOP=1", "-c", "SELECT 1 / 0")
        assert (code, out) == (1, "")
        assert "division by zero" in err
        (folder / "demo/PG_VERSION").write_text("9\n")
        code, _, err = ticketing("psql")
        assert code == 2
        assert err.startswith("ticketing: ")
        assert "was made by PostgreSQL 9" in err


def test_psql_opens_the_database_of_the_environment(
    ticketing: Ticketing, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    monkeypatch.setenv("PGHOST", "/nowhere")
    monkeypatch.setenv("PGSERVICE", "another")
    name = conninfo_to_dict(empty_database_url)["dbname"]
    query = ("psql", "-X", "-At", "-c", "SELECT current_database()")
    assert ticketing(*query) == (0, f"{name}\n", "")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert ticketing(*query)[2].startswith(f"Opening the database {name} at /")
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:pa@s3cret@127.0.0.1/shop")
    code, out, err = ticketing(*query)
    assert (code, out) == (2, "")
    assert "percent-encode" in err
    assert "s3cret" not in err


def test_import_works_without_the_libraries_of_the_command_line() -> None:
    without = "import sys; sys.modules |= dict.fromkeys(['typer', 'rich', 'yoyo', 'sqlparse']);"
    used = _python(f"{without} import ticketing_client")
    assert (used.returncode, used.stderr) == (0, "")
    run = _python(f"{without} from ticketing_client.cli import main; main()")
    assert run.returncode == 1
    assert run.stderr == "typer is not installed. Run in a clone: pip install '.[cli]'\n"


def _python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
