"""`rollback`: to a migration, to nothing, and up again."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.small_product import (
    FUNCTIONS,
    MIGRATIONS,
    SqlDir,
)

from ticketing_client.migrate import MigrationError, MigrationReport, migrate, rollback, status

Query = Callable[..., list[Any]]


def test_rollback_to_nothing_leaves_only_the_records(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    assert rollback(empty_database_url, to=None, sql_dir=sql.path) == MIGRATIONS[::-1]
    schemas = query("SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^(pg_|information)'")
    assert sorted(schemas) == [("public",), ("ticketing_install",)]
    state = status(empty_database_url, sql_dir=sql.path)
    assert (state.applied, state.pending, state.files_pending) == ((), MIGRATIONS, FUNCTIONS)
    assert rollback(empty_database_url, to=None, sql_dir=sql.path) == ()
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport(MIGRATIONS, FUNCTIONS)


@pytest.mark.parametrize("to", ["0101", "0101.begin"])
def test_rollback_to_a_migration_can_be_migrated_again(
    empty_database_url: str, sql: SqlDir, query: Query, to: str
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    assert rollback(empty_database_url, to=to, sql_dir=sql.path) == ("0102.orders",)
    assert query("SELECT 1 FROM pg_class WHERE relname = 'orders'") == []
    assert rollback(empty_database_url, to=to, sql_dir=sql.path) == ()
    report = migrate(empty_database_url, sql_dir=sql.path)
    assert report == MigrationReport(("0102.orders",), FUNCTIONS)


def test_rollback_of_an_edited_migration_lets_it_be_applied_anew(
    empty_database_url: str, sql: SqlDir
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    sql.replace("migrations/0102.orders.sql", "100", "200")
    rollback(empty_database_url, to="0101", sql_dir=sql.path)
    assert migrate(empty_database_url, sql_dir=sql.path).applied == ("0102.orders",)
    assert status(empty_database_url, sql_dir=sql.path).up_to_date


def test_rollback_to_a_migration_never_applied_is_refused(
    empty_database_url: str, sql: SqlDir
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    with pytest.raises(MigrationError, match=r"to 0107: .* applied are: 0101\.begin, 0102\.orders"):
        rollback(empty_database_url, to="0107", sql_dir=sql.path)
    assert status(empty_database_url, sql_dir=sql.path).up_to_date


@pytest.mark.parametrize("missing", ["0101.begin", "0102.orders"])
def test_rollback_without_a_file_is_refused_before_anything_is_done(
    empty_database_url: str, sql: SqlDir, query: Query, missing: str
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    sql.remove(f"migrations/{missing}.rollback.sql")
    with pytest.raises(MigrationError, match=rf"^Cannot roll back {missing}: this version has no"):
        rollback(empty_database_url, to=None, sql_dir=sql.path)
    assert query("SELECT shop.amount_due(1)") == [(100,)]
    assert status(empty_database_url, sql_dir=sql.path).up_to_date


def test_rollback_that_fails_has_no_effect(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    query("CREATE VIEW public.report AS SELECT order_id FROM shop.orders")
    with pytest.raises(MigrationError, match=r"^migrations/0102\.orders\.rollback\.sql: .*report"):
        rollback(empty_database_url, to=None, sql_dir=sql.path)
    assert status(empty_database_url, sql_dir=sql.path).applied == MIGRATIONS
    assert query("SELECT * FROM public.report") == [(1,)]
    assert migrate(empty_database_url, sql_dir=sql.path) == MigrationReport((), FUNCTIONS)


def test_rollback_leaves_a_function_that_a_policy_needs_to_its_migration(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    definition = "FUNCTION shop.may_see(p_id integer) RETURNS boolean RETURN p_id > 0"
    sql.write(
        "migrations/0103.policy.sql",
        f"""
        SET LOCAL ROLE ticketing_owner;
        CREATE {definition};
        CREATE POLICY seen ON shop.orders USING (shop.may_see(order_id));
        """,
    )
    sql.write(
        "migrations/0103.policy.rollback.sql",
        "DROP POLICY seen ON shop.orders; DROP FUNCTION shop.may_see;",
    )
    sql.write("functions/shop/may_see.sql", f"CREATE OR REPLACE {definition};")
    sql.write("migrations/0104.later.sql", "")
    sql.write("migrations/0104.later.rollback.sql", "")
    migrate(empty_database_url, sql_dir=sql.path)
    rollback(empty_database_url, to="0103", sql_dir=sql.path)
    assert query("SELECT polname::text FROM pg_policy") == [("seen",)]
    assert query("SELECT proname::text FROM pg_proc WHERE pronamespace = 'shop'::regnamespace") == [
        ("may_see",)
    ]
    rollback(empty_database_url, to=None, sql_dir=sql.path)
    assert status(empty_database_url, sql_dir=sql.path).applied == ()
