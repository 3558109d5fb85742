"""Install, upgrade, inspect and roll back the SQL part of the package in a database.

A migration changes data; everything else is replaced. `migrate` applies what is pending of
`sql/migrations`, then replaces what has changed of `sql/types`, `sql/functions` and `sql/views`, in
one transaction with the last pending migration: a new call never finds a function missing.
Migrations go through yoyo and are recorded in yoyo's own tables, so a plain `yoyo apply` keeps
working beside it. What this package adds to yoyo:

* A migration, yoyo's mark and a hash of the file's content commit together. A kill at any moment
  leaves a migration either applied and recorded or not there at all.
* Edited files, holes in the sequence and a database that is newer than the files are refused by
  name before anything is done.
* One runner works at a time, under a lock that ends with its session: a crash leaves nothing to
  clean up.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import psycopg
from yoyo.migrations import Migration

from ticketing_client.migrate._connection import (
    Backend,
    Connection,
    check_owners,
    exclusive,
    keeping_yoyo_out,
    reading,
)
from ticketing_client.migrate._files import File, Files, load, packaged_sql, read_files
from ticketing_client.migrate._records import (
    MigrationReport,
    Records,
    Status,
    compare,
    create_tables,
    due,
    existing,
    read_records,
    record_files,
    record_migrations,
    refuse_disagreement,
)
from ticketing_client.migrate._words import MigrationError, explaining, listed

__all__ = ["MigrationError", "MigrationReport", "Status", "migrate", "rollback", "status"]

_CANNOT_REPLACE: Final = (
    psycopg.errors.InvalidFunctionDefinition,  # other names of parameters, no default, other result
    psycopg.errors.AmbiguousFunction,  # other arguments, and a COMMENT ON that does not list them
    psycopg.errors.InvalidTableDefinition,  # a view whose columns are not all still there
)
"""Where CREATE OR REPLACE ends."""


def migrate(
    database_url: str,
    *,
    sql_dir: Path | None = None,
    wait_seconds: float = 60.0,
    lock_timeout_seconds: float = 5.0,
) -> MigrationReport:
    """Bring a database up to date: apply pending migrations and replace what has changed.

    Safe to call from several processes at once and at every start of a service: one does the
    work, the others wait for it and find nothing to do.

    Args:
        database_url: A `postgresql://` URL or a libpq string such as `host=db dbname=shop`; what
            it leaves out, or all when it is empty, comes from the PG* environment variables.
        sql_dir: The folder with `migrations`, `types`, `functions` and `views`; by default the
            package's own.
        wait_seconds: How long to wait, in seconds, for another runner to finish.
        lock_timeout_seconds: How long, in seconds, one statement may wait for a lock that an
            application holds, and so keep others waiting behind it; 0 for no limit.

    Returns:
        The migrations applied, the files installed and the objects dropped by this very call.

    Raises:
        MigrationError: A file or the state of the database forbids it (nothing was done), the
            wait was in vain, or a file failed: that file had no effect, the migrations before it
            stay applied. When a type, function or view cannot be replaced, none is, and the last
            pending migration is not applied either.
    """
    files = read_files(sql_dir or packaged_sql())
    with exclusive(database_url, wait_seconds, lock_timeout_seconds) as backend:
        connection = backend.connection
        records = read_records(connection)
        state = compare(connection, files, records)
        refuse_disagreement(state)
        pending = load(files, state.pending)
        adoptable = None in records.migrations.values()
        gone = records.files.keys() - files.replaceable.keys()
        if not (pending or adoptable or state.files_pending or gone):
            return MigrationReport()
        with keeping_yoyo_out(backend):
            create_tables(connection)
            # Migrations that a plain `yoyo apply` brought have no hash yet: what the file says
            # now is taken as what was applied.
            record_migrations(connection, files.migrations)
            for migration in pending[:-1]:
                with explaining(), backend.transaction():
                    _apply(backend, migration, files)
            with explaining(), backend.transaction():
                for migration in pending[-1:]:
                    _apply(backend, migration, files)
                installed, dropped = _install(connection, files)
    return MigrationReport(state.pending, installed, dropped)


def rollback(
    database_url: str,
    *,
    to: str | None,
    sql_dir: Path | None = None,
    wait_seconds: float = 60.0,
    lock_timeout_seconds: float = 5.0,
) -> tuple[str, ...]:
    """Roll migrations back, newest first. Whatever their tables hold is lost.

    All views, functions and types are dropped first: they are made for the newest tables. After
    going back to an older version of the package, its `migrate` installs its own.

    Args:
        database_url: As for `migrate`.
        to: The migration to go back to, which stays applied: its name or its number, such as
            `0003.catalogue` or `0003`. None rolls back everything.
        sql_dir: As for `migrate`.
        wait_seconds: As for `migrate`.
        lock_timeout_seconds: As for `migrate`.

    Returns:
        Names of the migrations rolled back, in that order.

    Raises:
        MigrationError: `to` is not applied or a migration cannot be rolled back (nothing was
            done), the wait was in vain, or a rollback file failed: it had no effect, those before
            it stay rolled back.
    """
    files = read_files(sql_dir or packaged_sql())
    with exclusive(database_url, wait_seconds, lock_timeout_seconds) as backend:
        connection = backend.connection
        records = read_records(connection)
        applied = sorted(records.migrations)
        undone = tuple(reversed(applied[_position_after(applied, to) :]))
        if not undone:
            return ()
        if lacking := [name for name in undone if name not in files.rollbacks]:
            message = (
                f"Cannot roll back {listed(lacking)}: this version has no such .rollback.sql; "
                "roll back with the version that brought it, or restore from a backup."
            )
            raise MigrationError(message)
        migrations = load(files, undone)
        with keeping_yoyo_out(backend):
            with explaining(), connection.transaction():
                _drop(connection, files.objects | records.objects)
            for migration in migrations:
                _roll_back(backend, migration)
    return undone


def status(database_url: str, *, sql_dir: Path | None = None) -> Status:
    """Compare a database with the SQL files. Reads only, and does not wait for a runner.

    Args:
        database_url: As for `migrate`.
        sql_dir: As for `migrate`.

    Returns:
        What is applied, what `migrate` would do, and what would make it refuse.

    Raises:
        MigrationError: The database cannot be reached or read, or a file is misnamed.
    """
    files = read_files(sql_dir or packaged_sql())
    with reading(database_url) as (connection, has_records):
        return compare(connection, files, read_records(connection) if has_records else Records())


def _position_after(applied: list[str], to: str | None) -> int:
    """Find where the migrations to roll back begin."""
    if to is None:
        return 0
    for position, name in enumerate(applied):
        if to in {name, name.partition(".")[0]}:
            return position + 1
    message = (
        f"Cannot roll back to {to}: it is not applied; applied are: {listed(applied) or 'none'}."
    )
    raise MigrationError(message)


def _apply(backend: Backend, migration: Migration, files: Files) -> None:
    """Apply one migration and record it, in the transaction that is running.

    yoyo itself commits the migration before it marks it. The records come first because the
    migration goes on as another role.
    """
    with explaining(f"migrations/{migration.id}.sql"):
        backend.mark_one(migration, log=False)
        _log(backend, migration, "apply")
        record_migrations(backend.connection, {migration.id: files.migrations[migration.id]})
        migration.process_steps(backend, "apply")


def _roll_back(backend: Backend, migration: Migration) -> None:
    """Roll one migration back and forget it, in one transaction."""
    with explaining(f"migrations/{migration.id}.rollback.sql"), backend.transaction():
        backend.unmark_one(migration, log=False)
        _log(backend, migration, "rollback")
        migration.process_steps(backend, "rollback")


def _log(backend: Backend, migration: Migration, operation: Literal["apply", "rollback"]) -> None:
    """Add to yoyo's log, unless this is a container's user without a name: yoyo stops at that."""
    with suppress(KeyError, OSError):
        backend.log_migration(migration, operation)


def _install(connection: Connection, files: Files) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Replace what is due of types, functions and views, and record it.

    Returns:
        The files installed, and the objects that no file creates any more.
    """
    connection.execute("RESET ROLE")  # the last migration may have taken another one
    # Read again: a migration makes functions and views due.
    records = read_records(connection)
    ours = files.objects | records.objects
    orphaned = existing(connection, records.objects - files.objects)
    hashes = records.files
    installed: set[str] = set()
    if orphaned or due(connection, files, hashes):
        check_owners(connection)  # again, now that the owner of everything exists
        connection.execute("SET LOCAL ROLE ticketing_owner")
        _drop(connection, ours, orphaned)
        # Bodies may name functions of files that come later.
        connection.execute("SET LOCAL check_function_bodies = off")
        # Again for what depended on something that had to be dropped.
        while paths := due(connection, files, hashes):
            if any(path.startswith("types/") for path in paths):
                _drop(connection, ours, {name for name in ours if name.startswith("type ")})
            for path in paths:
                _replace(connection, path, files.replaceable[path], ours)
            installed.update(paths)
            hashes = {path: file.content_hash for path, file in files.replaceable.items()}
        _check_bodies(connection, files, installed)
        _revoke_from_public(connection, files)
        connection.execute("RESET ROLE")
    record_files(connection, files.replaceable, installed)
    in_order = tuple(path for path in files.replaceable if path in installed)
    return in_order, tuple(sorted(orphaned))


def _replace(connection: Connection, path: str, file: File, ours: Collection[str]) -> None:
    """Run a file, after dropping what it creates where CREATE OR REPLACE is not enough."""
    with explaining(path, file.text):
        counts = _replaced_in_place(connection, file)
        if counts is None:
            _drop(connection, ours, file.objects)
            connection.execute(file.text.encode())
            counts = existing(connection, file.objects)
    if lacking := file.objects - counts.keys():
        message = (
            f"{path} does not create the {min(lacking)} it is named after: rename the file or "
            "what it creates."
        )
        raise MigrationError(message)


def _replaced_in_place(connection: Connection, file: File) -> Mapping[str, int] | None:
    """Run a file and count what it creates; None, and nothing is done, when that has to go first.

    Where the arguments are others, the old function would stand beside the new one.
    """
    try:
        with connection.transaction():
            connection.execute(file.text.encode())
            counts = existing(connection, file.objects)
            if max(counts.values(), default=1) == 1:
                return counts
            raise psycopg.Rollback
    except _CANNOT_REPLACE:
        pass
    return None


def _check_bodies(connection: Connection, files: Files, installed: Collection[str]) -> None:
    """Have the server check the bodies of functions, now that all that they name is there."""
    connection.execute("SET LOCAL check_function_bodies = on")
    for path, file in files.replaceable.items():
        if path in installed and path.startswith("functions/"):
            with explaining(path, file.text):
                connection.execute(file.text.encode())


def _revoke_from_public(connection: Connection, files: Files) -> None:
    """Leave to PUBLIC no function of the package, whatever default privileges say."""
    (routines,) = connection.execute(
        """
        SELECT string_agg(p.oid::regprocedure::text, ', ')
        FROM pg_proc AS p
        JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE format('function %%s.%%s', n.nspname, p.proname) = ANY (%s)
        """,
        [list(files.objects)],
    ).fetchone() or (None,)
    if routines:
        connection.execute(f"REVOKE ALL ON ROUTINE {routines} FROM PUBLIC".encode())


def _drop(
    connection: Connection, ours: Collection[str], outdated: Collection[str] | None = None
) -> None:
    """Drop types, functions and views, and what of ours depends on them.

    Args:
        connection: To the database.
        ours: The objects of the package; no other is dropped.
        outdated: Those of them to drop. None for all but functions that anything else needs, such
            as a policy.
    """
    if not (ours if outdated is None else outdated):
        return
    connection.execute(
        """
        SELECT
            set_config('ticketing.replaceable', %s, true),
            set_config('ticketing.outdated', %s, true)
        """,
        [",".join(ours), ",".join(outdated or ())],
    )
    script = packaged_sql() / "drop_replaceable.sql"
    connection.execute(script.read_text(encoding="utf-8").encode())
