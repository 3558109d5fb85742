"""yoyo used beside the runner, by a DBA with the yoyo.ini that we ship."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.small_product import (
    FUNCTIONS,
    MIGRATIONS,
    SqlDir,
)

from ticketing_client.migrate import MigrationError, MigrationReport, migrate, rollback, status

Query = Callable[..., list[Any]]
Yoyo = Callable[..., str]

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def yoyo(sql: SqlDir, query: Query, pg_environment: dict[str, str]) -> Yoyo:
    """A function that runs yoyo with the shipped yoyo.ini beside the small product."""
    shutil.copy(REPOSITORY / "yoyo.ini", sql.path.parent)
    query("CREATE SCHEMA IF NOT EXISTS ticketing_install")

    def run(*arguments: str) -> str:
        result = subprocess.run(
            [sys.executable, "-m", "yoyo", *arguments],
            cwd=sql.path.parent,
            env=pg_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def test_migrate_adopts_migrations_of_yoyo(
    empty_database_url: str, sql: SqlDir, yoyo: Yoyo
) -> None:
    yoyo("apply", "--batch")
    state = status(empty_database_url, sql_dir=sql.path)
    assert (state.applied, state.pending, state.edited) == (MIGRATIONS, (), ())
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport((), FUNCTIONS)
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport((), ())
    sql.replace("migrations/0102.orders.sql", "100", "200")
    with pytest.raises(MigrationError, match=r"^Edited after they were applied: 0102\.orders"):
        migrate(empty_database_url, sql_dir=sql.path)


def test_yoyo_adopts_migrations_of_the_runner(
    empty_database_url: str, sql: SqlDir, yoyo: Yoyo
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    listed = [line.split()[:2] for line in yoyo("list").splitlines()[2:]]
    assert listed == [["A", name] for name in MIGRATIONS]
    sql.write("migrations/0103.notes.sql", "ALTER TABLE shop.orders ADD COLUMN note text;")
    yoyo("apply", "--batch")
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport((), FUNCTIONS)


def test_migrate_after_yoyo_rolled_back_and_applied_anew(
    empty_database_url: str, sql: SqlDir, query: Query, yoyo: Yoyo
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    query("DROP FUNCTION shop.amount_due, shop.amount_of")
    yoyo("rollback", "--batch", "--all")
    sql.replace("migrations/0102.orders.sql", "100", "200")
    yoyo("apply", "--batch")
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport((), FUNCTIONS)
    assert query("SELECT shop.amount_due(1)") == [(200,)]


def test_migrate_breaks_a_lock_that_a_killed_yoyo_left(
    empty_database_url: str, sql: SqlDir, query: Query, yoyo: Yoyo
) -> None:
    yoyo("apply", "--batch")
    query("INSERT INTO ticketing_install.yoyo_lock VALUES (1, now(), 4711)")
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport((), FUNCTIONS)
    assert query("SELECT * FROM ticketing_install.yoyo_lock") == []


def test_migrate_and_rollback_respect_the_lock_of_a_running_yoyo(
    empty_database_url: str, sql: SqlDir, query: Query, yoyo: Yoyo
) -> None:
    yoyo("apply", "--batch")
    query("INSERT INTO ticketing_install.yoyo_lock VALUES (1, now(), 4711)")
    for call in (migrate, rollback):
        with psycopg.connect(empty_database_url, application_name="yoyo") as living:
            who = rf"yoyo \(server process {living.info.backend_pid}\) is still migrating"
            options: dict[str, Any] = {"to": None} if call is rollback else {}
            with pytest.raises(MigrationError, match=rf"^Gave up after 0\.2 s: {who}"):
                call(empty_database_url, sql_dir=sql.path, wait_seconds=0.2, **options)
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport((), FUNCTIONS)


def test_migrate_after_yoyo_was_killed_before_its_mark_needs_the_mark(
    empty_database_url: str, sql: SqlDir, yoyo: Yoyo
) -> None:
    # This is what it leaves; docs/operations.md says what to do.
    yoyo("apply", "--batch")
    yoyo("unmark", "--batch", "--revision", "0102.orders")
    with pytest.raises(MigrationError, match=r'^migrations/0102\.orders\.sql: .*"orders" already'):
        migrate(empty_database_url, sql_dir=sql.path)
    yoyo("mark", "--batch", "--revision", "0102.orders")
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport((), FUNCTIONS)
