"""Migrations killed at any moment by SIGKILL, and several runners at once."""

import json
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from tests.support.sessions import PATIENCE, wait_until
from tests.support.small_product import FUNCTIONS, MIGRATIONS, SqlDir

from ticketing_client.migrate import MigrationReport, migrate, status

Query = Callable[..., list[Any]]

GATE = "SELECT pg_advisory_lock(1)"

# A migration that cannot go on while a test keeps its gate closed.
GATED = """
SET LOCAL ROLE ticketing_owner;
CREATE TABLE shop.notes (note text);
DO $$ BEGIN PERFORM pg_advisory_xact_lock(1); END $$;
INSERT INTO shop.notes VALUES ('once');
"""
AT_THE_GATE = """
SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'
"""

NONE_AT_THE_GATE = """
SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'ticketing'
HAVING count(*) = 0
"""

FOUR_WITH_ONE_AT_THE_GATE = """
SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'ticketing'
HAVING count(*) = 4 AND count(*) FILTER (WHERE wait_event = 'advisory') = 1
"""

RUNNER = """
import sys
from pathlib import Path
from ticketing_client.migrate import migrate

migrate(sys.argv[1], sql_dir=Path(sys.argv[2]), lock_timeout_seconds=60)
"""

# Kills a process at the first moment that matters, another at the second and so on, until one gets
# through; after each kill the next process must finish the work. Forks, because starting a fresh
# Python each time would take minutes.
KILLER = """
import itertools, json, os, signal, sys
from pathlib import Path

import psycopg
from ticketing_client.migrate import migrate, rollback, status

url, sql_dir, direction = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
execute = psycopg.Cursor.execute

def work():
    if direction == "up":
        migrate(url, sql_dir=sql_dir)
    else:
        rollback(url, to=None, sql_dir=sql_dir)

def survives(moment):
    child = os.fork()
    if child == 0:
        moments = itertools.count()
        def execute_or_die(cursor, query, *arguments, **options):
            # A kill inside a transaction is the same anywhere before its COMMIT; only function
            # files are bytes, and the COMMIT after them is not seen here.
            idle = cursor.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
            if (idle or query == "COMMIT" or isinstance(query, bytes)) and next(moments) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return execute(cursor, query, *arguments, **options)
        psycopg.Cursor.execute = execute_or_die
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

for moment in itertools.count():
    if direction == "down":
        migrate(url, sql_dir=sql_dir)
    survived = survives(moment)
    state = status(url, sql_dir=sql_dir)
    work()
    with psycopg.connect(url, autocommit=True) as connection:
        def value(query):
            return connection.execute(query).fetchone()[0]
        outcome = [
            value("SELECT count(*) FROM ticketing_install._yoyo_migration"),
            value("SELECT count(*) FROM ticketing_install.migration_files"),
            value("SELECT count(*) FROM ticketing_install.yoyo_lock"),
            value("SELECT count(*) FROM pg_namespace WHERE nspname = 'shop'"),
        ]
        if direction == "up":
            outcome.append(value("SELECT shop.amount_due(1)"))
            connection.execute("DROP SCHEMA shop, ticketing_install CASCADE")
    print(json.dumps([state.applied, outcome]))
    if survived:
        break
"""


@contextmanager
def _closed_gate(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Keep the gate closed; the connection opens it when it closes."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(GATE)
        yield connection


def _start(stack: ExitStack, script: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stdout
    stack.callback(process.stdout.close)
    return process


def _migrate(url: str, sql: SqlDir) -> MigrationReport:
    return migrate(url, sql_dir=sql.path, lock_timeout_seconds=60)


@pytest.mark.long
@pytest.mark.parametrize("direction", ["up", "down"])
def test_migrate_or_rollback_killed_at_any_moment_is_finished_by_the_next(
    empty_database_url: str, sql: SqlDir, direction: str
) -> None:
    with ExitStack() as stack:
        killer = _start(stack, KILLER, empty_database_url, str(sql.path), direction)
        outcomes = [json.loads(line) for line in killer.communicate(timeout=120)[0].splitlines()]
        assert killer.returncode == 0
    assert {tuple(left_behind) for left_behind, _ in outcomes} == {(), MIGRATIONS[:1], MIGRATIONS}
    assert len(outcomes) > 20
    done = [2, 2, 0, 1, 100] if direction == "up" else [0, 0, 0, 0]
    assert [outcome for _, outcome in outcomes] == [done] * len(outcomes)


@pytest.mark.long
def test_migrate_killed_in_the_middle_of_a_statement_leaves_no_trace(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    sql.write("migrations/0103.notes.sql", GATED)
    with _closed_gate(empty_database_url), ExitStack() as stack:
        runner = _start(stack, RUNNER, empty_database_url, str(sql.path))
        wait_until(lambda: query(AT_THE_GATE), "it waits at the gate")
        assert query("SELECT 1 FROM ticketing_install.yoyo_lock")
        runner.kill()
        assert runner.wait() == -signal.SIGKILL
        # The server notices, although the statement would never end.
        wait_until(lambda: query(NONE_AT_THE_GATE), "its session ends")
    assert status(empty_database_url, sql_dir=sql.path).applied == MIGRATIONS
    assert query("SELECT to_regclass('shop.notes')") == [(None,)]
    report = migrate(empty_database_url, sql_dir=sql.path)
    assert report == MigrationReport(("0103.notes",), FUNCTIONS)
    assert query("SELECT * FROM shop.notes") == [("once",)]
    assert query("SELECT * FROM ticketing_install.yoyo_lock") == []


def test_migrate_by_four_at_once_is_done_by_one(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    sql.write("migrations/0103.notes.sql", GATED)
    with ThreadPoolExecutor(4) as threads, _closed_gate(empty_database_url) as gate:
        runners = [threads.submit(_migrate, empty_database_url, sql) for _ in range(4)]
        wait_until(lambda: query(FOUR_WITH_ONE_AT_THE_GATE), "one of four waits at the gate")
        gate.execute("SELECT pg_advisory_unlock_all()")
        reports = [runner.result(PATIENCE) for runner in runners]
    everything = MigrationReport((*MIGRATIONS, "0103.notes"), FUNCTIONS)
    assert Counter(reports) == {everything: 1, MigrationReport(): 3}


def test_migrate_that_waits_does_not_hold_back_a_concurrent_index(
    empty_database_url: str, sql: SqlDir, query: Query
) -> None:
    migrate(empty_database_url, sql_dir=sql.path)
    with (
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(empty_database_url, autocommit=True) as rival,
    ):
        rival.execute("SELECT pg_advisory_lock(127995988370804)")
        runner = threads.submit(_migrate, empty_database_url, sql)
        wait_until(
            lambda: query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'ticketing'"),
            "the runner connects",
        )
        rival.execute("SET lock_timeout = '20s'")
        rival.execute("CREATE INDEX CONCURRENTLY ON shop.orders (amount)")
        rival.execute("SELECT pg_advisory_unlock_all()")
        assert runner.result(PATIENCE) == MigrationReport()
