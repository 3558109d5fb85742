"""Types, functions and views are replaced: what goes, what stays, and what stops it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.databases import database
from tests.support.small_product import FUNCTIONS, MIGRATIONS, SqlDir

from ticketing_client.embedded import Server
from ticketing_client.migrate import MigrationError, MigrationReport, migrate, rollback, status

Query = Callable[..., list[Any]]
Install = Callable[[], MigrationReport]
Refused = Callable[[], str]

LINES = "types/lines.sql"
COUNT_LINES = "functions/shop/count_lines.sql"
REPORT = "views/report.sql"

TYPED = (LINES, *FUNCTIONS[:2], COUNT_LINES, "functions/shop/orders/first_line.sql", REPORT)


def typed_product(sql: SqlDir) -> SqlDir:
    """Give the small product two types, two functions that mention one, and a view."""
    sql.write(
        "migrations/0103.views.sql",
        "CREATE SCHEMA IF NOT EXISTS ticketing AUTHORIZATION ticketing_owner;",
    )
    sql.write("migrations/0103.views.rollback.sql", "DROP SCHEMA ticketing;")
    sql.write(
        LINES,
        """
CREATE TYPE shop.line AS (
    name text
);
COMMENT ON TYPE shop.line IS 'One line.';
CREATE TYPE shop.cart AS (lines shop.line []);
COMMENT ON TYPE shop.cart IS 'All lines.';
""",
    )
    sql.write(
        COUNT_LINES,
        """
        CREATE OR REPLACE FUNCTION shop.count_lines(p_cart shop.cart) RETURNS integer
        LANGUAGE sql AS $$ SELECT cardinality(p_cart.lines) $$;
        COMMENT ON FUNCTION shop.count_lines IS 'How many lines there are.';
        """,
    )
    sql.write(
        "functions/shop/orders/first_line.sql",
        """
        CREATE OR REPLACE FUNCTION shop.first_line(p_lines shop.line[]) RETURNS shop.line
        LANGUAGE plpgsql AS $$ BEGIN RETURN p_lines[1]; END $$;
        COMMENT ON FUNCTION shop.first_line IS 'The first line.';
        """,
    )
    sql.write(
        REPORT,
        """
        CREATE OR REPLACE VIEW ticketing.report AS
        SELECT order_id, shop.amount_due(order_id) AS due FROM shop.orders;
        COMMENT ON VIEW ticketing.report IS 'What is due.';
        """,
    )
    return sql


@pytest.fixture
def typed(sql: SqlDir) -> SqlDir:
    """The small product with types, to change."""
    return typed_product(sql)


@pytest.fixture(scope="module")
def installed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database in which the small product with types is installed, to copy."""
    files = typed_product(SqlDir(tmp_path_factory.mktemp("typed")))
    with database(server, "typed") as new:
        assert migrate(new, sql_dir=files.path) == MigrationReport(
            (*MIGRATIONS, "0103.views"), TYPED
        )
        yield "typed"


@pytest.fixture
def url(server: Server, installed: str) -> Iterator[str]:
    """The URL of a copy of it that only this test uses."""
    with database(server, "copy", installed) as copy:
        yield copy


@pytest.fixture
def install(url: str, typed: SqlDir) -> Install:
    """A function that migrates to what the files are now."""

    def run() -> MigrationReport:
        return migrate(url, sql_dir=typed.path)

    assert run() == MigrationReport()
    return run


@pytest.fixture
def refused(query: Query, install: Install) -> Refused:
    """A function that migrates in vain, finds that nothing has changed, and returns the reason."""

    def run() -> str:
        before = query(CONTENTS)
        with pytest.raises(MigrationError) as error:
            install()
        assert query(CONTENTS) == before
        assert "\n" not in str(error.value)
        return str(error.value)

    return run


CONTENTS = """
SELECT 'function', oid::text, xmin::text FROM pg_proc WHERE oid >= 16384
UNION ALL
SELECT 'class', oid::text, xmin::text FROM pg_class WHERE oid >= 16384
UNION ALL
SELECT path, content_hash, objects::text FROM ticketing_install.replaceable_files
UNION ALL
SELECT 'migration', migration_id, migration_hash FROM ticketing_install._yoyo_migration
ORDER BY 1, 2, 3
"""

OID = "SELECT 'shop.amount_due'::regproc::oid"


def _names(query: Query) -> set[str]:
    """Return the functions and types of the small product, each as often as it exists."""
    rows = query(
        """
        SELECT proname::text FROM pg_proc WHERE pronamespace = 'shop'::regnamespace
        UNION ALL
        SELECT relname FROM pg_class
        WHERE relnamespace = 'shop'::regnamespace AND relkind = 'c'
        """
    )
    names = [name for (name,) in rows]
    assert len(names) == len(set(names))
    return set(names)


ALL = {"amount_due", "amount_of", "count_lines", "first_line", "line", "cart"}


# --- Types ----------------------------------------------------------------------------------


def test_changed_type_replaces_its_functions_and_no_other(
    typed: SqlDir, query: Query, install: Install
) -> None:
    query("CREATE ROLE reporter NOLOGIN")
    query("GRANT EXECUTE ON FUNCTION shop.amount_due TO reporter")
    oid = query(OID)
    typed.replace(LINES, "name text", "name text,\n    amount integer")
    typed.replace(COUNT_LINES, "cardinality(p_cart.lines)", "(p_cart.lines[1]).amount")
    assert install() == MigrationReport((), TYPED)
    assert query("SELECT shop.count_lines(ROW(ARRAY[ROW('a', 7)::shop.line]))") == [(7,)]
    assert query(OID) == oid
    assert query(
        "SELECT has_function_privilege('reporter', 'shop.amount_due(int)', 'EXECUTE')"
    ) == [(True,)]
    query("DROP OWNED BY reporter")
    query("DROP ROLE reporter")
    assert _names(query) == ALL
    assert query("TABLE ticketing.report") == [(1, 100)]
    assert install() == MigrationReport()


def test_new_type_is_installed_with_its_file(typed: SqlDir, query: Query, install: Install) -> None:
    typed.write("types/more.sql", "CREATE TYPE shop.pair AS (one shop.line, other shop.line);")
    assert install() == MigrationReport((), (LINES, "types/more.sql", *TYPED[1:]))
    assert _names(query) == ALL | {"pair"}


def test_types_are_installed_in_the_order_of_their_files(typed: SqlDir, install: Install) -> None:
    typed.write("types/before.sql", "CREATE TYPE shop.pair AS (one shop.line, other shop.line);")
    with pytest.raises(MigrationError, match=r'^types/before\.sql: type "shop\.line" does not'):
        install()


def test_removed_type_is_dropped_with_its_functions(
    typed: SqlDir, query: Query, install: Install
) -> None:
    typed.write(LINES, "CREATE TYPE shop.line AS (name text);")
    typed.remove(COUNT_LINES)
    report = install()
    assert report.dropped == ("function shop.count_lines", "type shop.cart")
    assert _names(query) == ALL - {"cart", "count_lines"}
    typed.remove(LINES)
    typed.remove("functions/shop/orders/first_line.sql")
    report = install()
    assert report == MigrationReport(
        (), (*FUNCTIONS, REPORT), ("function shop.first_line", "type shop.line")
    )
    assert _names(query) == {"amount_due", "amount_of"}
    assert install() == MigrationReport()


def test_removed_type_is_refused_while_a_function_mentions_it(
    typed: SqlDir, refused: Refused
) -> None:
    typed.write(LINES, "CREATE TYPE shop.line AS (name text);")
    reason = refused()
    assert reason.startswith("functions/shop/count_lines.sql")
    assert reason.endswith("type shop.cart does not exist")


@pytest.mark.parametrize(
    ("foreign", "named"),
    [
        ("CREATE VIEW public.mine AS SELECT '(a)'::shop.line AS line", "view public.mine"),
        ("CREATE TABLE public.mine (lines shop.line [])", "column lines of table public.mine"),
        (
            "CREATE FUNCTION public.mine(shop.cart) RETURNS integer RETURN 1",
            "function public.mine(shop.cart)",
        ),
        (
            "CREATE TYPE public.mine AS (line shop.line)",
            "column line of composite type public.mine",
        ),
        (
            "CREATE FUNCTION shop.mine(shop.line) RETURNS integer RETURN 1",
            "function shop.mine(shop",
        ),
        (
            "CREATE VIEW public.mine AS SELECT shop.count_lines(NULL) AS lines",
            "view public.mine depends on function shop.count_lines(shop.cart)",
        ),
    ],
)
def test_changed_type_names_a_foreign_object_that_depends_on_it(
    typed: SqlDir, query: Query, refused: Refused, foreign: str, named: str
) -> None:
    query(foreign)
    typed.replace(LINES, "name text", "name text,\n    amount integer")
    reason = refused()
    assert named in reason
    assert reason.endswith(": drop it, install again, then create it again")


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TYPE shop.state AS ENUM ('new');",
        "CREATE DOMAIN shop.amount AS integer;",
        "CREATE TYPE line AS (name text);",
        "CREATE TYPE shop.line AS (name text);\nCREATE TABLE shop.lines (name text);",
        "",
    ],
)
def test_file_of_types_may_create_nothing_else(sql: SqlDir, text: str) -> None:
    sql.write(LINES, text)
    with pytest.raises(MigrationError, match=r"types/lines\.sql may create composite types only"):
        status("host=/nowhere", sql_dir=sql.path)


# --- Functions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(p_order_id integer)", "(p_order_id bigint)"),
        ("(p_order_id integer)", "(p_order_id integer, p_note text DEFAULT NULL)"),
        ("p_order_id", "p_id"),
        ("RETURNS integer", "RETURNS SETOF integer"),
        ("RETURNS integer", "RETURNS TABLE (due integer)"),
    ],
)
@pytest.mark.parametrize("comment", ["", "COMMENT ON FUNCTION shop.amount_due IS 'What is due.';"])
def test_changed_signature_leaves_one_function(  # noqa: PLR0917 - two are parameters
    typed: SqlDir, query: Query, install: Install, old: str, new: str, comment: str
) -> None:
    typed.remove(REPORT)  # it calls the function as it was
    typed.replace(FUNCTIONS[0], old, new)
    typed.replace(FUNCTIONS[0], "$$;", f"$$; {comment}")
    assert install() == MigrationReport((), FUNCTIONS[:1], ("view ticketing.report",))
    assert _names(query) == ALL
    assert query("SELECT * FROM shop.amount_due(1)") == [(100,)]
    assert install() == MigrationReport()


def test_changed_signature_recreates_a_view_that_calls_the_function(
    typed: SqlDir, query: Query, install: Install
) -> None:
    path = "functions/shop/amount_due.sql"
    typed.replace(path, "(p_order_id integer)", "(p_order_id integer, p_note text DEFAULT NULL)")
    assert install() == MigrationReport((), (path, REPORT))
    assert query("TABLE ticketing.report") == [(1, 100)]


def test_changed_default_replaces_the_function_in_place(
    typed: SqlDir, query: Query, install: Install
) -> None:
    path = "functions/shop/amount_due.sql"
    typed.replace(path, "(p_order_id integer)", "(p_order_id integer DEFAULT 2)")
    install()
    oid = query(OID)
    typed.replace(path, "DEFAULT 2", "DEFAULT 1")
    assert install() == MigrationReport((), (path,))
    assert query("SELECT shop.amount_due()") == [(100,)]
    assert query(OID) == oid
    typed.replace(path, " DEFAULT 1", "")
    assert install() == MigrationReport((), (path, REPORT))
    assert _names(query) == ALL


def test_changed_signature_is_refused_while_a_foreign_view_calls_the_function(
    typed: SqlDir, query: Query, install: Install, refused: Refused
) -> None:
    query("CREATE VIEW public.mine AS SELECT shop.amount_due(1) AS due")
    typed.replace("functions/shop/amount_due.sql", "SELECT shop", "SELECT 1 + shop")
    install()
    assert query("TABLE public.mine") == [(101,)]
    typed.replace("functions/shop/amount_due.sql", "(p_order_id integer)", "(p_order_id bigint)")
    assert refused() == (
        "functions/shop/amount_due.sql: view public.mine depends on function "
        "shop.amount_due(integer): drop it, install again, then create it again"
    )


def test_function_of_the_same_name_with_another_owner_is_refused(
    typed: SqlDir, query: Query, refused: Refused
) -> None:
    query("CREATE FUNCTION shop.amount_due(text) RETURNS integer RETURN 1")
    typed.replace("functions/shop/amount_due.sql", "SELECT shop", "SELECT 1 + shop")
    assert refused() == (
        "functions/shop/amount_due.sql: shop.amount_due(text) has a name of this package, but "
        "another owner: drop or rename it, then install again"
    )


def test_removed_file_drops_its_function(
    url: str, typed: SqlDir, query: Query, install: Install
) -> None:
    typed.remove(COUNT_LINES)
    state = status(url, sql_dir=typed.path)
    assert (state.files_pending, state.orphaned) == ((), ("function shop.count_lines",))
    assert not state.up_to_date
    assert install() == MigrationReport((), (), ("function shop.count_lines",))
    assert _names(query) == ALL - {"count_lines"}
    assert status(url, sql_dir=typed.path).up_to_date


def test_removed_file_is_refused_while_a_policy_needs_its_function(
    typed: SqlDir, query: Query, refused: Refused, install: Install
) -> None:
    typed.write(
        "functions/shop/may_see.sql",
        "CREATE OR REPLACE FUNCTION shop.may_see(p_id integer) RETURNS boolean RETURN p_id > 0;",
    )
    install()
    query("CREATE POLICY seen ON shop.orders USING (shop.may_see(order_id))")
    typed.remove("functions/shop/may_see.sql")
    assert "policy seen on table shop.orders depends on function shop.may_see(integer)" in refused()


def test_moved_file_keeps_its_function(typed: SqlDir, query: Query, install: Install) -> None:
    oid = query(OID)
    (typed.path / "functions/shop/pay").mkdir()
    (typed.path / FUNCTIONS[0]).rename(typed.path / "functions/shop/pay/amount_due.sql")
    assert install() == MigrationReport((), ("functions/shop/pay/amount_due.sql",))
    assert query(OID) == oid
    paths = query("SELECT path FROM ticketing_install.replaceable_files ORDER BY path")
    assert ("functions/shop/pay/amount_due.sql",) in paths
    assert (FUNCTIONS[0],) not in paths


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ("functions/shop/orders/amount_due.sql", "function shop.amount_due"),
        ("types/other.sql", "type shop.line"),
    ],
)
def test_name_that_two_files_create_is_refused(typed: SqlDir, other: str, named: str) -> None:
    typed.write(other, "CREATE TYPE shop.line AS (name text);")
    with pytest.raises(MigrationError, match=rf"{other} both create the {named}: rename or remove"):
        migrate("host=/nowhere", sql_dir=typed.path)


def test_failing_function_leaves_the_last_migration_unapplied(
    url: str, typed: SqlDir, query: Query, install: Install
) -> None:
    assert install() == MigrationReport()
    typed.write("migrations/0104.notes.sql", "ALTER TABLE shop.orders ADD COLUMN note text;")
    typed.write(
        "migrations/0105.more.sql",
        "SET LOCAL ROLE ticketing_owner; ALTER TABLE shop.orders ADD COLUMN more text;",
    )
    typed.replace(COUNT_LINES, "cardinality(p_cart.lines)", "shop.nothing()")
    typed.replace(LINES, "name text", "name text,\n    amount integer")
    with pytest.raises(
        MigrationError, match=r"^functions/shop/count_lines\.sql, line 3: .*nothing"
    ):
        install()
    state = status(url, sql_dir=typed.path)
    assert (state.applied[-1], state.pending) == ("0104.notes", ("0105.more",))
    assert query("SELECT 1 FROM pg_attribute WHERE attname IN ('more', 'amount')") == [(1,)]
    typed.replace(COUNT_LINES, "shop.nothing()", "1")
    assert install() == MigrationReport(("0105.more",), TYPED)


def test_migration_is_applied_together_with_its_functions(
    typed: SqlDir, query: Query, install: Install
) -> None:
    typed.write(
        "migrations/0104.prices.sql",
        "DROP VIEW ticketing.report; ALTER TABLE shop.orders RENAME COLUMN amount TO price;",
    )
    typed.replace("functions/shop/amount_of.sql", "p_order.amount", "p_order.price")
    assert install() == MigrationReport(("0104.prices",), TYPED[1:])
    assert query("TABLE ticketing.report") == [(1, 100)]


def test_grants_to_public_are_revoked_and_others_kept(
    typed: SqlDir, query: Query, install: Install
) -> None:
    granted = """
        SELECT has_function_privilege('public', oid, 'EXECUTE')
        FROM pg_proc
        WHERE pronamespace = 'shop'::regnamespace
    """
    assert set(query(granted)) == {(False,)}
    query("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA shop TO PUBLIC, pg_monitor")
    query("CREATE FUNCTION shop.mine() RETURNS integer RETURN 1")
    query("REVOKE ALL ON FUNCTION shop.mine FROM PUBLIC")
    typed.replace("functions/shop/amount_due.sql", "SELECT shop", "SELECT 1 + shop")
    install()
    assert set(query(granted)) == {(False,)}
    assert query(
        "SELECT has_function_privilege('pg_monitor', 'shop.amount_due(int)', 'EXECUTE')"
    ) == [(True,)]


# --- Views ----------------------------------------------------------------------------------


def test_view_with_a_new_last_column_keeps_what_depends_on_it(
    typed: SqlDir, query: Query, install: Install
) -> None:
    query("CREATE VIEW public.mine AS SELECT due FROM ticketing.report")
    typed.replace(REPORT, " AS due", " AS due, amount")
    assert install() == MigrationReport((), (REPORT,))
    assert query("TABLE ticketing.report") == [(1, 100, 100)]
    assert query("TABLE public.mine") == [(100,)]


def test_view_with_fewer_columns_is_created_again(
    typed: SqlDir, query: Query, install: Install, refused: Refused
) -> None:
    typed.replace(REPORT, "order_id, shop", "shop")
    assert install() == MigrationReport((), (REPORT,))
    assert query("TABLE ticketing.report") == [(100,)]
    query("CREATE VIEW public.mine AS SELECT due FROM ticketing.report")
    typed.replace(REPORT, " AS due", " AS owed")
    assert "view public.mine depends on view ticketing.report" in refused()


def test_removed_view_is_refused_while_a_foreign_view_needs_it(
    typed: SqlDir, query: Query, install: Install, refused: Refused
) -> None:
    query("CREATE VIEW public.mine AS SELECT due FROM ticketing.report")
    typed.remove(REPORT)
    assert refused().startswith("view public.mine depends on view ticketing.report: drop it")
    query("DROP VIEW public.mine")
    assert install() == MigrationReport((), (), ("view ticketing.report",))
    assert query("SELECT to_regclass('ticketing.report')") == [(None,)]


# --- All of them ----------------------------------------------------------------------------


def test_rollback_drops_types_and_functions_and_migrate_restores_them(
    url: str, typed: SqlDir, query: Query, install: Install
) -> None:
    assert rollback(url, to="0101", sql_dir=typed.path) == (
        "0103.views",
        "0102.orders",
    )
    assert _names(query) == set()
    assert status(url, sql_dir=typed.path).files_pending == TYPED
    assert install() == MigrationReport(("0102.orders", "0103.views"), TYPED)


def test_object_that_disappeared_is_installed_again(query: Query, install: Install) -> None:
    query("DROP VIEW ticketing.report")
    assert install() == MigrationReport((), (REPORT,))
    query("DROP FUNCTION shop.count_lines; DROP TYPE shop.cart")
    assert install() == MigrationReport((), TYPED)
