"""`migrate` and `status`: what they do, what they refuse, what they leave alone."""

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.support.small_product import (
    FUNCTIONS,
    MIGRATIONS,
    SqlDir,
)

from ticketing_client.migrate import MigrationError, MigrationReport, migrate, rollback, status

Query = Callable[..., list[Any]]

NOTHING = MigrationReport((), ())
LOCK_KEY = 127995988370804  # as docs/operations.md says


def test_migrate_installs_into_an_empty_database_once(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport(MIGRATIONS, FUNCTIONS)
    assert query("SELECT shop.amount_due(1)") == [(100,)]
    before = query("SELECT * FROM ticketing_install._yoyo_log")
    assert migrate(empty_database_url, sql_dir=sql.path) == NOTHING
    assert query("SELECT * FROM ticketing_install._yoyo_log") == before
    assert status(empty_database_url, sql_dir=sql.path).up_to_date


def test_migrate_applies_only_new_migrations(empty_database_url: str, sql: SqlDir) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    sql.write("migrations/0103.notes.sql", "ALTER TABLE shop.orders ADD COLUMN note text;")
    assert status(empty_database_url, sql_dir=sql.path).pending == ("0103.notes",)
    report = migrate(empty_database_url, sql_dir=sql.path)
    assert report == MigrationReport(("0103.notes",), FUNCTIONS)


def test_migrate_replaces_a_function_that_a_migration_declares(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    declaration = "CREATE OR REPLACE FUNCTION shop.amount_due(p_order_id integer) RETURNS integer"
    sql.write("migrations/0103.declared.sql", f"{declaration} RETURN NULL::integer;")
    assert migrate(empty_database_url, sql_dir=sql.path).installed == FUNCTIONS
    assert query("SELECT shop.amount_due(1)") == [(100,)]


def test_migrate_keeps_its_records_in_a_schema_of_their_own(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    tables = query(
        """
        SELECT relnamespace::regnamespace::text, relname::text FROM pg_class
        WHERE relkind = 'r' AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
        ORDER BY 1, 2
        """
    )
    assert tables == [
        ("shop", "orders"),
        ("ticketing_install", "_yoyo_log"),
        ("ticketing_install", "_yoyo_migration"),
        ("ticketing_install", "_yoyo_version"),
        ("ticketing_install", "migration_files"),
        ("ticketing_install", "replaceable_files"),
        ("ticketing_install", "yoyo_lock"),
    ]


def test_migrate_names_all_edited_migrations_and_does_nothing(
    empty_database_url: str, sql: SqlDir
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    before = status(empty_database_url, sql_dir=sql.path)
    sql.replace("migrations/0101.begin.sql", "$$;", "$$; -- harmless")
    sql.replace("migrations/0102.orders.sql", "100", "200")
    sql.write("migrations/0103.notes.sql", "ALTER TABLE shop.orders ADD COLUMN note text;")
    sql.replace("functions/shop/amount_of.sql", "p_order.amount", "p_order.amount + 1")
    with pytest.raises(MigrationError, match=r"^Edited .*0101\.begin, 0102\.orders; restore"):
        migrate(empty_database_url, sql_dir=sql.path)
    assert status(empty_database_url, sql_dir=sql.path) == replace(
        before,
        edited=MIGRATIONS,
        pending=("0103.notes",),
        files_pending=("functions/shop/amount_of.sql",),
    )


def test_migrate_takes_other_line_ends_for_no_edit(empty_database_url: str, sql: SqlDir) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    for path in sql.path.rglob("*.sql"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert migrate(empty_database_url, sql_dir=sql.path) == NOTHING


def test_migrate_refuses_a_database_newer_than_the_files(
    empty_database_url: str, sql: SqlDir
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    sql.remove("migrations/0102.orders.sql")
    sql.remove("migrations/0102.orders.rollback.sql")
    assert status(empty_database_url, sql_dir=sql.path).unknown == ("0102.orders",)
    with pytest.raises(MigrationError, match=r"unknown to this version: 0102\.orders; use the"):
        migrate(empty_database_url, sql_dir=sql.path)


def test_migrate_refuses_a_migration_before_an_applied_one(
    empty_database_url: str, sql: SqlDir
) -> None:
    sql.write("migrations/0104.later.sql", "SELECT;")
    migrate(empty_database_url, sql_dir=sql.path)
    sql.write("migrations/0103.earlier.sql", "SELECT;")
    with pytest.raises(MigrationError, match=r"the later 0104\.later is: 0103\.earlier; roll back"):
        migrate(empty_database_url, sql_dir=sql.path)


def test_migrate_keeps_the_migrations_before_one_that_fails(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    sql.write(
        "migrations/0103.wrong.sql",
        "ALTER TABLE shop.orders ADD COLUMN note text; INSERT INTO shop.orders VALUES (1, 5);",
    )
    message = r"^migrations/0103\.wrong\.sql: duplicate key .*\(order_id\)=\(1\) already exists"
    with pytest.raises(MigrationError, match=message):
        migrate(empty_database_url, sql_dir=sql.path)
    state = status(empty_database_url, sql_dir=sql.path)
    assert (state.applied, state.pending) == (MIGRATIONS, ("0103.wrong",))
    assert not query("SELECT 1 FROM pg_attribute WHERE attname = 'note'")
    sql.write("migrations/0103.wrong.sql", "ALTER TABLE shop.orders ADD COLUMN note text;")
    assert migrate(empty_database_url, sql_dir=sql.path).applied == ("0103.wrong",)


def test_migrate_reports_a_connection_lost_in_a_migration(
    empty_database_url: str, sql: SqlDir
) -> None:
    sql.write(
        "migrations/0103.crash.sql",
        "DO $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END $$;",
    )
    with pytest.raises(MigrationError, match=r"^migrations/0103.*terminating connection due to"):
        migrate(empty_database_url, sql_dir=sql.path)
    sql.remove("migrations/0103.crash.sql")
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport((), FUNCTIONS)


def test_migrate_gives_up_when_an_application_holds_a_lock(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    sql.write("migrations/0103.notes.sql", "ALTER TABLE shop.orders ADD COLUMN note text;")
    with psycopg.connect(empty_database_url) as application:
        application.execute("SELECT FROM shop.orders")
        with pytest.raises(MigrationError, match=r"^migrations/0103.*lock timeout; another sess"):
            migrate(empty_database_url, sql_dir=sql.path, lock_timeout_seconds=0.05)
    assert not query("SELECT 1 FROM pg_attribute WHERE attname = 'note'")
    assert migrate(empty_database_url, sql_dir=sql.path).applied == ("0103.notes",)


def test_migrate_lifts_timeouts_meant_for_applications(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    name = conninfo_to_dict(empty_database_url)["dbname"]
    query(f"ALTER DATABASE {name} SET statement_timeout = '100ms'")
    query(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '100ms'")
    sql.write("migrations/0103.slow.sql", "DO $$ BEGIN PERFORM pg_sleep(0.3); END $$;")
    assert migrate(empty_database_url, sql_dir=sql.path).applied == (*MIGRATIONS, "0103.slow")


def test_migrate_waits_for_another_runner_no_longer_than_told(
    empty_database_url: str, sql: SqlDir
) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as rival:
        rival.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        who = rf"another runner \(server process {rival.info.backend_pid}\) is still migrating"
        with pytest.raises(MigrationError, match=rf"^Gave up after 0\.2 s: {who}"):
            migrate(empty_database_url, sql_dir=sql.path, wait_seconds=0.2)
    assert migrate(empty_database_url, sql_dir=sql.path).applied == MIGRATIONS


def test_migrate_works_for_a_user_without_a_name(
    empty_database_url: str, sql: SqlDir, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError(os.getuid())

    monkeypatch.setattr("getpass.getuser", nameless)
    assert migrate(empty_database_url, sql_dir=sql.path).applied == MIGRATIONS
    assert query("SELECT 1 FROM ticketing_install._yoyo_log") == []
    assert rollback(empty_database_url, to=None, sql_dir=sql.path) == MIGRATIONS[::-1]


# --- Functions ------------------------------------------------------------------------------


def test_migrate_installs_only_changed_functions(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    sql.replace("functions/shop/amount_of.sql", "p_order.amount", "p_order.amount + 1")
    assert status(empty_database_url, sql_dir=sql.path).files_pending == (
        "functions/shop/amount_of.sql",
    )
    report = migrate(empty_database_url, sql_dir=sql.path)
    assert report == MigrationReport((), ("functions/shop/amount_of.sql",))
    assert query("SELECT shop.amount_due(1)") == [(101,)]


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("$$ BEGIN RETURN 1 +; END $$", r", line 4: syntax error at end of input"),
        ("$$ BEGIN RETURN 1; END $$; SELECT 1 / 0", r": division by zero"),
    ],
)
def test_migrate_leaves_the_old_functions_when_a_file_fails(
    empty_database_url: str, sql: SqlDir, query: Query, new: str, reason: str
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    sql.replace("functions/shop/amount_due.sql", "SELECT shop", "SELECT 1000 + shop")
    sql.replace("functions/shop/amount_of.sql", "$$ BEGIN RETURN p_order.amount; END $$", new)
    with pytest.raises(MigrationError, match=r"^functions/shop/amount_of\.sql" + reason):
        migrate(empty_database_url, sql_dir=sql.path)
    assert query("SELECT shop.amount_due(1)") == [(100,)]
    assert status(empty_database_url, sql_dir=sql.path).files_pending == FUNCTIONS


def test_migrate_refuses_a_body_that_names_a_missing_function(
    empty_database_url: str, sql: SqlDir
) -> None:
    sql.replace("functions/shop/amount_due.sql", "shop.amount_of(o)", "shop.amount_off(o)")
    with pytest.raises(MigrationError, match=r"amount_due\.sql, line 4: .*amount_off.*not exist"):
        migrate(empty_database_url, sql_dir=sql.path)


def test_migrate_refuses_an_unqualified_name_in_a_function_file(
    empty_database_url: str, sql: SqlDir
) -> None:
    sql.replace("functions/shop/amount_due.sql", "FUNCTION shop.amount_due", "FUNCTION amount_due")
    with pytest.raises(MigrationError, match=r"^functions/shop/amount_due\.sql: permission denied"):
        migrate(empty_database_url, sql_dir=sql.path)


def test_migrate_refuses_a_file_named_after_another_function(
    empty_database_url: str, sql: SqlDir
) -> None:
    sql.replace("functions/shop/amount_of.sql", "shop.amount_of(", "shop.amount(")
    sql.replace("functions/shop/amount_due.sql", "shop.amount_of(", "shop.amount(")
    with pytest.raises(
        MigrationError, match=r"functions/shop/amount_of\.sql does not create the function"
    ):
        migrate(empty_database_url, sql_dir=sql.path)


def test_migrate_installs_a_function_that_disappeared_again(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    query("DROP FUNCTION shop.amount_of")
    report = migrate(empty_database_url, sql_dir=sql.path)
    assert report == MigrationReport((), ("functions/shop/amount_of.sql",))
    assert query("SELECT shop.amount_due(1)") == [(100,)]


# --- Status ---------------------------------------------------------------------------------


def test_status_of_an_empty_database_writes_nothing(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    before = query("SELECT oid FROM pg_class UNION ALL SELECT oid FROM pg_namespace ORDER BY 1")
    state = status(empty_database_url, sql_dir=sql.path)
    assert (state.applied, state.pending, state.files_pending) == ((), MIGRATIONS, FUNCTIONS)
    assert not state.up_to_date
    after = query("SELECT oid FROM pg_class UNION ALL SELECT oid FROM pg_namespace ORDER BY 1")
    assert after == before


# --- Files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "migrations/0103.script.py",
            "/migrations/0103.script.py is not a migration: name it NNNN",
        ),
        ("migrations/3.notes.sql", "/migrations/3.notes.sql is not a migration: name it NNNN"),
        (
            "migrations/0103.Notes.sql",
            "/migrations/0103.Notes.sql is not a migration: name it NNNN",
        ),
        (
            "migrations/0103.notes.rollbak.sql",
            "/migrations/0103.notes.rollbak.sql is not a migration: name it NNNN",
        ),
        (
            "migrations/post-apply.sql",
            "/migrations/post-apply.sql is not a migration: name it NNNN",
        ),
        ("migrations/0102.others.sql", "0102.orders and 0102.others have the same number"),
        ("migrations/0103.notes.rollback.sql", "0103.notes.rollback.sql in"),
        (
            "functions/loose.sql",
            "/functions/loose.sql is not a file of functions: name it functions/<schema>/",
        ),
        (
            "functions/shop/deep/er/still.sql",
            "/functions/shop/deep/er/still.sql is not a file of functions: name it functions/",
        ),
        (
            "functions/shop/notes.txt",
            "/functions/shop/notes.txt is not a file of functions: name it functions/<schema>/",
        ),
    ],
)
def test_migrate_and_status_refuse_a_misnamed_file_before_connecting(
    sql: SqlDir, name: str, reason: str
) -> None:
    sql.write(name, "SELECT;")
    for call in (migrate, status):
        with pytest.raises(MigrationError) as refused:
            call("host=/nowhere", sql_dir=sql.path)
        assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"-- transactional: false\nSELECT;", "0103.notes.sql has a `transactional` directive"),
        (b"SELECT '\xff';", "0103.notes.sql cannot be read as UTF-8"),
    ],
)
def test_status_refuses_an_unsuitable_migration(sql: SqlDir, content: bytes, reason: str) -> None:
    (sql.path / "migrations/0103.notes.sql").write_bytes(content)
    with pytest.raises(MigrationError) as refused:
        status("host=/nowhere", sql_dir=sql.path)
    assert reason in str(refused.value)


def test_migrate_refuses_an_unknown_dependency_before_it_applies_anything(
    empty_database_url: str, sql: SqlDir
) -> None:
    sql.write("migrations/0103.notes.sql", "-- depends: 0109.nowhere\nSELECT;")
    with pytest.raises(MigrationError, match=r"^migrations/0103\.notes\.sql: Could not resolve"):
        migrate(empty_database_url, sql_dir=sql.path)
    assert status(empty_database_url, sql_dir=sql.path).applied == ()


def test_migrate_refuses_a_folder_without_migrations(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="has no folder named migrations"):
        migrate("host=/nowhere", sql_dir=tmp_path)


def test_migrate_ignores_hidden_files_and_patterns_in_the_name_of_the_folder(
    empty_database_url: str, tmp_path: Path
) -> None:
    sql = SqlDir(tmp_path / "a [1] *")
    sql.write("migrations/.DS_Store", "")
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport(MIGRATIONS, FUNCTIONS)


# --- Connections ----------------------------------------------------------------------------


def test_migrate_takes_keywords_or_the_environment_instead_of_a_url(
    empty_database_url: str,
    sql: SqlDir,
    pg_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parameters = conninfo_to_dict(empty_database_url, options="-c work_mem=8MB")
    keywords = " ".join(f"{name}='{value}'" for name, value in parameters.items())
    assert migrate(keywords, sql_dir=sql.path).applied == MIGRATIONS
    for name, value in pg_environment.items():
        monkeypatch.setenv(name, value)
    assert migrate("", sql_dir=sql.path) == NOTHING
    assert status("", sql_dir=sql.path).up_to_date


def test_migrate_and_status_never_repeat_the_password(sql: SqlDir) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for url in (
            f"postgresql://someone:s3cret%40@127.0.0.1:{port}/shop",
            f"postgresql+psycopg://someone:s3cret%40@127.0.0.1:{port}/shop",
            f"host=127.0.0.1 port={port} dbname=shop user=someone password=s3cret@ nonsense",
        ):
            for call in (migrate, status):
                with pytest.raises(MigrationError) as refused:
                    call(url, sql_dir=sql.path)
                assert "s3cret" not in str(refused.value)
                assert "\n" not in str(refused.value)
