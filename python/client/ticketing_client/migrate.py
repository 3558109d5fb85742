"""Install, upgrade, inspect and roll back the SQL part of the package in a database.

`migrate` applies what is pending of `sql/migrations`, then (re)installs what has changed of
`sql/functions`; after a migration, all of it. Migrations go through yoyo and are recorded in yoyo's
own tables, so a plain `yoyo apply` keeps working beside it. What this module adds to yoyo:

* A migration, yoyo's mark and a hash of the file's content commit together. A kill at any moment
  leaves a migration either applied and recorded or not there at all.
* Edited files, holes in the sequence and a database that is newer than the files are refused by
  name before anything is done.
* One runner works at a time, under a lock that ends with its session: a crash leaves nothing to
  clean up.

The records live in a schema of their own, `ticketing_install`; see docs/operations.md.
"""

import glob
import hashlib
import re
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, LiteralString, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL
from yoyo import read_migrations
from yoyo.backends import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.exceptions import BadMigration, LockTimeout
from yoyo.migrations import Migration

__all__ = ["MigrationError", "MigrationReport", "Status", "migrate", "rollback", "status"]

_Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_MIGRATION_FILE: Final = re.compile(
    r"(?P<name>(?P<number>[0-9]{4})\.[a-z0-9_]+)(?P<rollback>\.rollback)?\.sql"
)
_FUNCTION_FILE: Final = re.compile(r"[a-z_][a-z0-9_]*/([a-z_]+/)?[a-z_][a-z0-9_]*\.sql")
_TRANSACTIONAL: Final = re.compile(r"^\s*--\s*transactional\s*:", re.MULTILINE)

_LOCK_KEY: Final = int.from_bytes(b"ticket", "big")
"""Key of the advisory lock that a runner holds while it works: 127995988370804."""

_POLL_SECONDS: Final = 0.1

_RECORD_TABLES: Final = """
CREATE TABLE IF NOT EXISTS ticketing_install.migration_files (
    -- The cascade forgets the hash when a plain `yoyo rollback` takes its mark away.
    migration_hash varchar(64) PRIMARY KEY
        REFERENCES ticketing_install._yoyo_migration ON DELETE CASCADE,
    content_hash text NOT NULL
);
CREATE TABLE IF NOT EXISTS ticketing_install.function_files (
    path text PRIMARY KEY,
    content_hash text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(RuntimeError):
    """The database could not be migrated, or must not be; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What one call of `migrate` did.

    Attributes:
        applied: Names of the migrations applied now, in order, such as `0003.catalogue`.
        functions: Function files (re)installed now, such as `ticketing/get_registration.sql`:
            those that are new or changed; after a migration, all.
    """

    applied: tuple[str, ...]
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """How a database compares with the SQL files of this version.

    Attributes:
        database: The database that was looked at, for people: `shop on db.example.org:5432`.
        applied: Names of all migrations applied there, in order.
        pending: Migrations that `migrate` would apply.
        edited: Applied migrations whose file has changed since; `migrate` refuses to go on.
        unknown: Applied migrations this version has no file for; `migrate` refuses to go on.
        functions: All function files of this version.
        functions_pending: Function files that `migrate` would (re)install, because they are new
            or changed or because the database has no such function.
        functions_orphaned: Functions that an earlier version installed and that are still there,
            though their file is gone. A migration has to drop them.
    """

    database: str
    applied: tuple[str, ...]
    pending: tuple[str, ...]
    edited: tuple[str, ...]
    unknown: tuple[str, ...]
    functions: tuple[str, ...]
    functions_pending: tuple[str, ...]
    functions_orphaned: tuple[str, ...]

    @property
    def up_to_date(self) -> bool:
        """Whether database and files agree in everything."""
        return not (
            self.pending
            or self.edited
            or self.unknown
            or self.functions_pending
            or self.functions_orphaned
        )


def migrate(
    database_url: str,
    *,
    sql_dir: Path | None = None,
    wait_seconds: float = 60.0,
    lock_timeout_seconds: float = 5.0,
) -> MigrationReport:
    """Bring a database up to date: apply pending migrations, then install changed functions.

    Safe to call from several processes at once and at every start of a service: one does the
    work, the others wait for it and find nothing to do.

    Args:
        database_url: A `postgresql://` URL or a libpq string such as `host=db dbname=shop`; what
            it leaves out, or all when it is empty, comes from the PG* environment variables.
        sql_dir: The folder with `migrations` and `functions`; by default the package's own.
        wait_seconds: How long to wait, in seconds, for another runner to finish.
        lock_timeout_seconds: How long, in seconds, one statement may wait for a lock that an
            application holds, and so keep others waiting behind it; 0 for ever.

    Returns:
        The migrations applied and the function files installed by this very call.

    Raises:
        MigrationError: A file or the state of the database forbids it (nothing was done), the
            wait was in vain, or a file failed: that file had no effect, the migrations before it
            stay applied.
    """
    files = _read_files(sql_dir)
    with _exclusive(database_url, wait_seconds, lock_timeout_seconds) as backend:
        connection = backend.connection
        records = _read_records(connection)
        state = _compare(connection, files, records)
        _refuse_disagreement(state)
        pending = _load(files, state.pending)
        adoptable = None in records.migrations.values()
        if not (pending or adoptable or state.functions_pending):
            return MigrationReport((), ())
        with _keeping_yoyo_out(backend):
            # Migrations that a plain `yoyo apply` brought have no hash yet: what the file says
            # now is taken as what was applied.
            _record_migrations(connection, files.migrations)
            for migration in pending:
                _apply(backend, migration, files.migrations[migration.id])
            functions = _install_functions(connection, files)
    return MigrationReport(state.pending, functions)


def rollback(
    database_url: str,
    *,
    to: str | None,
    sql_dir: Path | None = None,
    wait_seconds: float = 60.0,
    lock_timeout_seconds: float = 5.0,
) -> tuple[str, ...]:
    """Roll migrations back, newest first. Whatever their tables hold is lost.

    All functions are dropped first: they are made for the newest tables. After going back to an
    older version of the package, its `migrate` installs its own.

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
    files = _read_files(sql_dir)
    with _exclusive(database_url, wait_seconds, lock_timeout_seconds) as backend:
        applied = sorted(_read_records(backend.connection).migrations)
        doomed = tuple(reversed(applied[_position_after(applied, to) :]))
        if not doomed:
            return ()
        if lacking := [name for name in doomed if name not in files.rollbacks]:
            message = (
                f"Cannot roll back {_listed(lacking)}: this version has no such .rollback.sql; "
                "roll back with the version that brought it, or restore from a backup."
            )
            raise MigrationError(message)
        migrations = _load(files, doomed)
        with _keeping_yoyo_out(backend):
            _drop_functions(backend.connection, files)
            for migration in migrations:
                _roll_back(backend, migration)
    return doomed


def status(database_url: str, *, sql_dir: Path | None = None) -> Status:
    """Compare a database with the SQL files. Reads only, and waits for nobody.

    Args:
        database_url: As for `migrate`.
        sql_dir: As for `migrate`.

    Returns:
        What is applied, what `migrate` would do, and what would make it refuse.

    Raises:
        MigrationError: The database cannot be reached or read, or a file is misnamed.
    """
    files = _read_files(sql_dir)
    with _explaining(), psycopg.connect(_conninfo(database_url)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        return _compare(connection, files, _read_records(connection))


# --- The files ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Files:
    """The SQL files: what a database should have.

    Attributes:
        folder: Where the migrations are.
        migrations: Content hash by name, in the order to apply them.
        rollbacks: Names of the migrations that have a rollback file.
        functions: Text by path, in the order to install them.
    """

    folder: Path
    migrations: Mapping[str, str]
    rollbacks: frozenset[str]
    functions: Mapping[str, str]


def _read_files(sql_dir: Path | None) -> _Files:
    """Read and check all files: whatever yoyo would overlook or misunderstand is refused."""
    root = sql_dir or _packaged_sql()
    folder = root / "migrations"
    if not folder.is_dir():
        message = (
            f"{root} has no folder named migrations: name the folder that holds the SQL files."
        )
        raise MigrationError(message)
    migrations: dict[str, str] = {}
    rollbacks: set[str] = set()
    names_by_number: dict[str, str] = {}
    for path in _visible(folder.iterdir()):
        match = _MIGRATION_FILE.fullmatch(path.name)
        if match is None:
            message = (
                f"{path} is not a migration: name it NNNN.what_it_does.sql or "
                "NNNN.what_it_does.rollback.sql, or move it elsewhere."
            )
            raise MigrationError(message)
        name, number, is_rollback = match.group("name", "number", "rollback")
        if (other := names_by_number.setdefault(number, name)) != name:
            message = (
                f"The migrations {other} and {name} have the same number: renumber the new one."
            )
            raise MigrationError(message)
        text = _text(path)
        if _TRANSACTIONAL.search(text):
            message = (
                f"{path} has a `transactional` directive, which is not supported: every migration "
                "commits together with its record; remove it."
            )
            raise MigrationError(message)
        if is_rollback:
            rollbacks.add(name)
        else:
            migrations[name] = _content_hash(text)
    if strays := sorted(rollbacks - migrations.keys()):
        message = (
            f"{strays[0]}.rollback.sql in {folder} has no {strays[0]}.sql: rename or remove it."
        )
        raise MigrationError(message)
    return _Files(folder, migrations, frozenset(rollbacks), _read_functions(root / "functions"))


def _read_functions(folder: Path) -> dict[str, str]:
    """Read the function files: text by path relative to the folder."""
    functions: dict[str, str] = {}
    for path in _visible(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file():
            if not _FUNCTION_FILE.fullmatch(name):
                message = (
                    f"{path} is not a function file: it must be <schema>/<function>.sql in "
                    f"{folder}, in lower case."
                )
                raise MigrationError(message)
            functions[name] = _text(path)
    return functions


def _packaged_sql() -> Path:
    """Find the package's own SQL: inside it when installed, in the repository when editable."""
    package = Path(__file__).resolve().parent
    for folder in (package / "sql", package.parents[2] / "sql"):
        if (folder / "migrations").is_dir():
            return folder
    message = f"The SQL files are missing from {package / 'sql'}: install ticketing-sql again."
    raise MigrationError(message)


def _visible(paths: Iterable[Path]) -> list[Path]:
    """Sort paths by name and leave out what desktops and editors put beside them."""
    return sorted(path for path in paths if not path.name.startswith("."))


def _text(path: Path) -> str:
    """Read an SQL file; line ends come out alike on every platform, and so do hashes."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read as UTF-8 text: {error}."
        raise MigrationError(message) from error


def _content_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _load(files: _Files, names: Iterable[str]) -> list[Migration]:
    """Have yoyo parse the named migrations, all of them before the first one is run."""
    known = {
        migration.id: migration for migration in read_migrations(glob.escape(str(files.folder)))
    }
    migrations = [known[name] for name in names]
    for migration in migrations:
        try:
            migration.load()
        except BadMigration as error:
            message = f"migrations/{migration.id}.sql: {error}"
            raise MigrationError(message) from error
    return migrations


# --- The records ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Records:
    """What a database remembers of its installation.

    Attributes:
        migrations: Content hash by name of every applied migration; None where a plain
            `yoyo apply` did it.
        functions: Content hash by path of every function file that was ever installed.
        existing: Those of these paths whose function is really there.
    """

    migrations: Mapping[str, str | None]
    functions: Mapping[str, str]
    existing: frozenset[str]


def _read_records(connection: _Connection) -> _Records:
    """Read the records, as far as there are any."""
    if not _exists(connection, "_yoyo_migration"):
        return _Records({}, {}, frozenset())
    if not _exists(connection, "migration_files"):
        by_yoyo = connection.execute("SELECT migration_id FROM ticketing_install._yoyo_migration")
        return _Records({name: None for (name,) in by_yoyo}, {}, frozenset())
    migrations = connection.execute(
        """
        SELECT m.migration_id, f.content_hash
        FROM ticketing_install._yoyo_migration AS m
        LEFT JOIN ticketing_install.migration_files AS f USING (migration_hash)
        """
    )
    functions: dict[str, str] = dict(
        connection.execute("SELECT path, content_hash FROM ticketing_install.function_files")
    )
    return _Records(dict(migrations), functions, _existing_functions(connection, functions))


def _exists(connection: _Connection, table: str) -> bool:
    return _value(connection, "SELECT to_regclass(%s)", f"ticketing_install.{table}") is not None


def _existing_functions(connection: _Connection, paths: Iterable[str]) -> frozenset[str]:
    """Find out which of these files' functions the database has."""
    rows = connection.execute(
        """
        SELECT DISTINCT f.path
        FROM pg_proc AS p
        JOIN pg_namespace AS n ON n.oid = p.pronamespace
        JOIN unnest(%s::text[]) AS f (path)
            ON split_part(f.path, '/', 1) = n.nspname
            AND regexp_replace(f.path, '^.*/|[.]sql$', '', 'g') = p.proname
        """,
        [list(paths)],
    )
    return frozenset(path for (path,) in rows)


def _compare(connection: _Connection, files: _Files, records: _Records) -> Status:
    """Compare files and records."""
    info = connection.info
    return Status(
        database=f"{info.dbname} on {info.host}:{info.port}",
        applied=tuple(sorted(records.migrations)),
        pending=tuple(name for name in files.migrations if name not in records.migrations),
        edited=tuple(
            name
            for name, content_hash in files.migrations.items()
            if records.migrations.get(name) not in {None, content_hash}
        ),
        unknown=tuple(sorted(records.migrations.keys() - files.migrations.keys())),
        functions=tuple(files.functions),
        functions_pending=tuple(
            path
            for path, text in files.functions.items()
            if path not in records.existing or records.functions[path] != _content_hash(text)
        ),
        functions_orphaned=tuple(sorted(records.existing - files.functions.keys())),
    )


def _refuse_disagreement(state: Status) -> None:
    """Refuse to build on a history that is not the one the files tell."""
    problems: list[str] = []
    if state.edited:
        problems.append(
            f"Edited after they were applied: {_listed(state.edited)}; restore these files and "
            "put the change into a new migration."
        )
    if state.unknown:
        problems.append(
            f"Applied, but unknown to this version: {_listed(state.unknown)}; use the version "
            "that brought them, or roll them back with it."
        )
    skipped = [name for name in state.pending if state.applied and name < state.applied[-1]]
    if skipped:
        problems.append(
            f"Not applied, though the later {state.applied[-1]} is: {_listed(skipped)}; roll back "
            "to before them, or give a new file a higher number."
        )
    if problems:
        message = " ".join(problems)
        raise MigrationError(message)


def _position_after(applied: list[str], to: str | None) -> int:
    """Find where the migrations to roll back begin."""
    if to is None:
        return 0
    for position, name in enumerate(applied):
        if to in {name, name.partition(".")[0]}:
            return position + 1
    message = (
        f"Cannot roll back to {to}: it is not applied; applied are: {_listed(applied) or 'none'}."
    )
    raise MigrationError(message)


# --- The work -------------------------------------------------------------------------------


def _apply(backend: PostgresqlPsycopgBackend, migration: Migration, content_hash: str) -> None:
    """Apply one migration and record it, in one transaction.

    yoyo itself commits the migration before it marks it. The records come first because the
    migration goes on as another role.
    """
    with _explaining(f"migrations/{migration.id}.sql"), backend.transaction():
        backend.mark_one(migration, log=False)
        _log(backend, migration, "apply")
        _record_migrations(backend.connection, {migration.id: content_hash})
        migration.process_steps(backend, "apply")


def _roll_back(backend: PostgresqlPsycopgBackend, migration: Migration) -> None:
    """Roll one migration back and forget it, in one transaction."""
    with _explaining(f"migrations/{migration.id}.rollback.sql"), backend.transaction():
        backend.unmark_one(migration, log=False)
        _log(backend, migration, "rollback")
        migration.process_steps(backend, "rollback")


def _log(
    backend: PostgresqlPsycopgBackend, migration: Migration, operation: Literal["apply", "rollback"]
) -> None:
    """Add to yoyo's log, unless this is a container's user without a name: yoyo stops at that."""
    with suppress(KeyError, OSError):
        backend.log_migration(migration, operation)


def _record_migrations(connection: _Connection, hashes: Mapping[str, str]) -> None:
    """Record the content hash of those migrations that are marked and have none.

    A migration may drop a function, or declare one for its policies to call. So the content of
    every function counts as unknown from then on, and all are installed again.
    """
    connection.execute(
        """
        WITH recorded AS (
            INSERT INTO ticketing_install.migration_files (migration_hash, content_hash)
            SELECT m.migration_hash, f.content_hash
            FROM unnest(%s::text[], %s::text[]) AS f (migration_id, content_hash)
            JOIN ticketing_install._yoyo_migration AS m USING (migration_id)
            ON CONFLICT DO NOTHING
            RETURNING migration_hash
        )
        UPDATE ticketing_install.function_files
        SET content_hash = ''
        WHERE EXISTS (SELECT FROM recorded)
        """,
        [list(hashes), list(hashes.values())],
    )


def _install_functions(connection: _Connection, files: _Files) -> tuple[str, ...]:
    """Install the function files that are due, all or none, and record them."""
    # Read again: a migration makes them all due.
    records = _read_records(connection)
    due = _compare(connection, files, records).functions_pending
    gone = [path for path in records.functions if path not in {*files.functions, *records.existing}]
    with _explaining(), connection.transaction():
        connection.execute(
            "DELETE FROM ticketing_install.function_files WHERE path = ANY (%s)", [gone]
        )
        connection.execute(
            """
            INSERT INTO ticketing_install.function_files (path, content_hash)
            SELECT * FROM unnest(%s::text[], %s::text[])
            ON CONFLICT (path)
            DO UPDATE SET content_hash = excluded.content_hash, installed_at = now()
            """,
            [list(due), [_content_hash(files.functions[path]) for path in due]],
        )
        if due:
            connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
            connection.execute("SET LOCAL ROLE ticketing_owner")
        types = sorted((files.folder.parent / "types").glob("*.sql"))
        if due and types and not _value(connection, "SELECT to_regtype('ticketing_internal.evaluation')"):
            for path in types:
                connection.execute(path.read_text().encode())
        # Twice, because a body may name functions of files that come later: bodies are checked
        # when all of them are there.
        for check in ("off", "on"):
            connection.execute("SELECT set_config('check_function_bodies', %s, true)", [check])
            for path in due:
                with _explaining(f"functions/{path}", files.functions[path]):
                    connection.execute(files.functions[path].encode())
        if nameless := set(due) - _existing_functions(connection, due):
            message = (
                f"functions/{min(nameless)} does not create the function it is named after: "
                "rename the file or the function."
            )
            raise MigrationError(message)
    return due


def _drop_functions(connection: _Connection, files: _Files) -> None:
    """Drop the functions that came from files; their signatures hold tables and types in place.

    One that a policy or the like depends on was made by a migration, which also rolls it back.
    """
    paths = {*files.functions, *_read_records(connection).functions}
    signatures = connection.execute(
        """
        SELECT p.oid::regprocedure::text
        FROM pg_proc AS p
        JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname || '/' || p.proname || '.sql' = ANY (%s)
        """,
        [list(paths)],
    ).fetchall()
    with _explaining("functions"), connection.transaction():
        for (signature,) in signatures:
            with suppress(psycopg.errors.DependentObjectsStillExist), connection.transaction():
                connection.execute(SQL("DROP ROUTINE {}").format(SQL(signature)))


# --- The connection -------------------------------------------------------------------------


@contextmanager
def _exclusive(
    database_url: str, wait_seconds: float, lock_timeout_seconds: float
) -> Generator[PostgresqlPsycopgBackend]:
    """Connect as the only runner on this database.

    Everything happens on this one connection. When the process is killed, the lock is freed when
    the server has ended that session, and not before: no other runner can meet a half-done
    migration that is still going on.
    """
    uri = DatabaseURI(
        scheme="postgresql+psycopg",
        username=None,
        password=None,
        hostname=None,
        port=None,
        database=None,
        # yoyo hands these to psycopg.connect, and makes its tables in this schema.
        args={"conninfo": _conninfo(database_url), "schema": "ticketing_install"},
    )
    with _explaining(), PostgresqlPsycopgBackend(uri, "_yoyo_migration") as backend:
        _configure(backend.connection, lock_timeout_seconds)
        _wait_for_turn(backend.connection, wait_seconds)
        if _exists(backend.connection, "yoyo_lock"):
            backend.break_lock()  # nobody is at work but us, so it was left by a kill
        yield backend


def _conninfo(database_url: str) -> str:
    """Check a URL or libpq string and add a name under which the server lists the session."""
    try:
        conninfo_to_dict(database_url)
    except psycopg.ProgrammingError as error:
        # libpq's own message would repeat the password.
        message = (
            "The database URL is neither postgresql://user@host:port/name nor a list such as "
            "`host=... dbname=...`."
        )
        raise MigrationError(message) from error
    return make_conninfo(database_url, fallback_application_name="ticketing")


def _configure(connection: _Connection, lock_timeout_seconds: float) -> None:
    """Bound the waits for locks; lift the limits that roles or databases set for applications."""
    settings = {
        "client_encoding": "UTF8",
        "client_min_messages": "warning",
        "lock_timeout": f"{round(lock_timeout_seconds * 1000)}ms",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "idle_session_timeout": "0",
        "transaction_timeout": "0",
    }
    connection.execute(
        """
        SELECT set_config(name, value, false)
        FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)
        JOIN pg_settings AS known USING (name)
        """,
        [list(settings), list(settings.values())],
    )
    # Makes the server notice within a second that a runner was killed during a long statement.
    # Where its platform cannot, it notices at the end of the statement.
    with suppress(psycopg.errors.InvalidParameterValue):
        connection.execute("SET client_connection_check_interval = '1s'")


def _wait_for_turn(connection: _Connection, wait_seconds: float) -> None:
    """Take the lock, by polling.

    A session that waits inside pg_advisory_lock holds a snapshot, which would block a
    CREATE INDEX CONCURRENTLY of the very runner it waits for.
    """
    deadline = time.monotonic() + wait_seconds
    while rival := _rival(connection):
        if time.monotonic() >= deadline:
            message = (
                f"Gave up after {wait_seconds:g} s: {rival} is still migrating this database; "
                "run again when it has finished, or wait longer."
            )
            raise MigrationError(message)
        time.sleep(_POLL_SECONDS)


def _rival(connection: _Connection) -> str | None:
    """Try to take the lock; return who is in the way, None if it is ours."""
    if not _value(connection, "SELECT pg_try_advisory_lock(%s)", _LOCK_KEY):
        holder = _value(
            connection,
            """
            SELECT l.pid
            FROM pg_locks AS l
            JOIN pg_database AS d ON d.oid = l.database
            WHERE d.datname = current_database()
                AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
                AND l.classid::bigint << 32 | l.objid::bigint = %s
            """,
            _LOCK_KEY,
        )
        return f"another runner (server process {holder})" if holder else "another runner"
    if _exists(connection, "yoyo_lock"):
        # yoyo.ini makes yoyo call itself so.
        holder = _value(
            connection,
            """
            SELECT min(a.pid)
            FROM pg_stat_activity AS a
            WHERE a.datname = current_database() AND a.application_name = 'yoyo'
                AND EXISTS (SELECT FROM ticketing_install.yoyo_lock)
            """,
        )
        return f"yoyo (server process {holder})" if holder else None
    return None


@contextmanager
def _keeping_yoyo_out(backend: PostgresqlPsycopgBackend) -> Generator[None]:
    """Create what is missing of the schema for the records, and hold yoyo's own lock."""
    connection = backend.connection
    if _value(connection, "SELECT to_regnamespace('ticketing_install')") is None:
        connection.execute("CREATE SCHEMA ticketing_install")
    if not _exists(connection, "yoyo_lock"):
        backend.execute(backend.format_sql(backend.create_lock_table_sql))
    with backend.lock(timeout=1):
        backend.ensure_internal_schema_updated()
        connection.execute(_RECORD_TABLES)
        yield


# --- Words ----------------------------------------------------------------------------------


@contextmanager
def _explaining(place: str = "", text: str = "") -> Generator[None]:
    """Turn what the server or yoyo raises into one sentence that names the place."""
    try:
        yield
    except LockTimeout as error:
        message = (
            "A plain yoyo has just begun to migrate this database: run again when it has finished."
        )
        raise MigrationError(message) from error
    except psycopg.Error as error:
        # Cleaning up on a broken connection fails too; what broke it came first.
        cause: psycopg.Error | MigrationError = error
        while isinstance(cause, psycopg.Error) and isinstance(
            cause.__context__, psycopg.Error | MigrationError
        ):
            cause = cause.__context__
        raise MigrationError(_sentence(cause, place, text)) from error


def _sentence(error: psycopg.Error | MigrationError, place: str, text: str) -> str:
    """Say what the server said, and where."""
    words = " ".join(str(error).split())
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        diag = error.diag
        words = "; ".join(
            part for part in (diag.message_primary, diag.message_detail, diag.message_hint) if part
        )
        if text and diag.statement_position:
            line = text.count("\n", 0, int(diag.statement_position)) + 1
            place = f"{place}, line {line}"
    if isinstance(error, psycopg.errors.LockNotAvailable):
        words += "; another session is in the way: run again, or allow a longer lock timeout"
    return f"{place}: {words}" if place else words


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _value(connection: _Connection, query: LiteralString, *parameters: object) -> object:
    """Return the only value of the only row."""
    row = connection.execute(query, parameters).fetchone()
    return row and row[0]
