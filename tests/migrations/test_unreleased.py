"""A database of an unreleased state of the package is refused, and replaced by the demo."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.small_product import SqlDir

from ticketing_client import demo
from ticketing_client.embedded import run_server
from ticketing_client.migrate import MigrationError, migrate, status

Query = Callable[..., list[Any]]


def _apply_by_name(query: Query, name: str) -> None:
    query("INSERT INTO ticketing_install._yoyo_migration VALUES (%s, %s, now())", name, name)


@pytest.mark.parametrize("name", ["0005.pipeline_types", "0016.tickets_as_sent"])
def test_migrate_refuses_a_database_of_an_unreleased_state(
    empty_database_url: str, sql: SqlDir, query: Query, name: str
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    _apply_by_name(query, name)
    with pytest.raises(MigrationError) as refused:
        migrate(empty_database_url, sql_dir=sql.path)
    assert str(refused.value) == (
        f"An unreleased state of the package installed this database ({name}): create a new "
        "database, run `ticketing migrate` there, and copy what you need by hand."
    )


def test_migrate_takes_an_edited_baseline_for_an_unreleased_state(
    empty_database_url: str, sql: SqlDir
) -> None:
    sql.write("migrations/0008.baseline.sql", "SELECT 1;")
    migrate(empty_database_url, sql_dir=sql.path)
    sql.write("migrations/0008.baseline.sql", "SELECT 2;")
    with pytest.raises(MigrationError, match=r"^An unreleased state .* \(0008\.baseline\): create"):
        migrate(empty_database_url, sql_dir=sql.path)


def test_migrate_takes_a_later_migration_for_a_newer_release(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    _apply_by_name(query, "0009.of_the_next_release")
    with pytest.raises(
        MigrationError, match=r"^Applied, but unknown to this version: 0009\.of_the"
    ):
        migrate(empty_database_url, sql_dir=sql.path)


@pytest.mark.long
def test_demo_replaces_a_database_of_an_unreleased_state(
    sql: SqlDir, capsys: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory(prefix="ticketing-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # root's server runs as another user
        with run_server(folder / "demo") as server:
            url = demo.recreate_database(server)
            sql.write("migrations/0008.baseline.sql", "SELECT 1;")
            migrate(url, sql_dir=sql.path)
            with pytest.raises(MigrationError, match="unreleased state"):
                migrate(url)
        demo.demo(folder / "demo")
        replaced = f"The database of the last demo in {folder / 'demo'} is replaced.\n"
        assert replaced in capsys.readouterr().out
        with run_server(folder / "demo") as server:
            assert status(server.url(demo.DATABASE)).up_to_date
