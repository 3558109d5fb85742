"""The records of an installation, and how they compare with the files.

They live in a schema of their own, `ticketing_install`; see docs/operations.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ticketing_client.migrate._connection import Connection, exists
from ticketing_client.migrate._files import File, Files
from ticketing_client.migrate._words import MigrationError, listed

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS ticketing_install.migration_files (
    -- The cascade forgets the hash when a plain `yoyo rollback` takes its mark away.
    migration_hash varchar(64) PRIMARY KEY
        REFERENCES ticketing_install._yoyo_migration ON DELETE CASCADE,
    content_hash text NOT NULL
);
CREATE TABLE IF NOT EXISTS ticketing_install.replaceable_files (
    path text PRIMARY KEY,
    content_hash text NOT NULL,
    objects text[] NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
)
"""

_LAST_OF_BASELINE: Final = "0008"
_UNRELEASED: Final = frozenset(
    {
        "0009.state_checks",
        "0010.owner_indexes",
        "0011.answer_types",
        "0012.checks_of_values",
        "0013.capacity_allotments",
        "0014.expanded_packages",
        "0015.room_for_selections",
        "0016.tickets_as_sent",
    }
)
"""Migrations that were never released. Before 0.2.0 those up to the last one of the baseline are
edited in place, too."""


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What one call of `migrate` did.

    Attributes:
        applied: Names of the migrations applied now, in order, such as `0003.catalogue`.
        installed: Files of types, functions and views (re)installed now, such as
            `functions/ticketing/get_registration.sql`: those that are new or changed and what
            depends on them; after a migration, all functions and views.
        dropped: What was dropped because no file creates it any more, such as
            `function ticketing.get_registration`.
    """

    applied: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """How a database compares with the SQL files of this version.

    Attributes:
        database: The database that was looked at, for people: `shop on db.example.org:5432`.
        applied: Names of all migrations applied there, in order.
        pending: Migrations that `migrate` would apply.
        edited: Applied migrations whose file has changed since; `migrate` refuses to go on.
        unknown: Applied migrations this version has no file for; `migrate` refuses to go on.
        files: All files of types, functions and views of this version.
        files_pending: Those that `migrate` would (re)install, because they are new or changed,
            because the database lacks what they create, or because a type has to be replaced.
        orphaned: What an earlier version installed and no file of this version creates, such as
            `function ticketing.get_registration`; `migrate` would drop it.
    """

    database: str
    applied: tuple[str, ...]
    pending: tuple[str, ...]
    edited: tuple[str, ...]
    unknown: tuple[str, ...]
    files: tuple[str, ...]
    files_pending: tuple[str, ...]
    orphaned: tuple[str, ...]

    @property
    def up_to_date(self) -> bool:
        """Whether database and files agree in everything."""
        return not (
            self.pending or self.edited or self.unknown or self.files_pending or self.orphaned
        )


@dataclass(frozen=True, slots=True)
class Records:
    """What a database remembers of its installation.

    Attributes:
        migrations: Content hash by name of every applied migration; None where a plain
            `yoyo apply` did it.
        files: Content hash by path of every file of types, functions and views installed.
        objects: What these files created.
    """

    migrations: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    objects: frozenset[str] = frozenset()


def create_tables(connection: Connection) -> None:
    """Create the tables of the records that are missing."""
    connection.execute(_TABLES)


def read_records(connection: Connection) -> Records:
    """Read the records, as far as there are any."""
    migrations: dict[str, str | None] = {}
    files: dict[str, str] = {}
    objects: set[str] = set()
    if exists(connection, "_yoyo_migration"):
        migrations.update(
            connection.execute("SELECT migration_id, NULL FROM ticketing_install._yoyo_migration")
        )
    if exists(connection, "migration_files"):
        migrations.update(
            connection.execute(
                """
                SELECT m.migration_id, f.content_hash
                FROM ticketing_install._yoyo_migration AS m
                JOIN ticketing_install.migration_files AS f USING (migration_hash)
                """
            )
        )
    if exists(connection, "replaceable_files"):
        for path, content_hash, created in connection.execute(
            "SELECT path, content_hash, objects FROM ticketing_install.replaceable_files"
        ):
            files[path] = content_hash
            objects.update(created)
    return Records(migrations, files, frozenset(objects))


def record_migrations(connection: Connection, hashes: Mapping[str, str]) -> None:
    """Record the content hash of those migrations that are marked and have none.

    A migration may drop a function or a view, or declare a function for its policies to call. So
    the content of every function and view counts as unknown from then on, and all are installed
    again.
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
        UPDATE ticketing_install.replaceable_files
        SET content_hash = ''
        WHERE path NOT LIKE 'types/%%' AND EXISTS (SELECT FROM recorded)
        """,
        [list(hashes), list(hashes.values())],
    )


def record_files(connection: Connection, files: Mapping[str, File], paths: Iterable[str]) -> None:
    """Record these files as installed now, and forget those that no longer exist."""
    connection.execute(
        "DELETE FROM ticketing_install.replaceable_files WHERE path <> ALL (%s)", [list(files)]
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO ticketing_install.replaceable_files (path, content_hash, objects)
            VALUES (%s, %s, %s)
            ON CONFLICT (path) DO UPDATE SET
                content_hash = excluded.content_hash,
                objects = excluded.objects,
                installed_at = excluded.installed_at
            """,
            [(path, files[path].content_hash, sorted(files[path].objects)) for path in paths],
        )


def existing(connection: Connection, objects: Iterable[str]) -> dict[str, int]:
    """Count how many the database has of each of these objects; those it lacks are left out."""
    return dict(
        connection.execute(
            """
            SELECT wanted.object, count(*)
            FROM unnest(%s::text[]) AS wanted (object)
            CROSS JOIN regexp_split_to_array(wanted.object, '[ .]') AS part
            CROSS JOIN LATERAL (
                SELECT p.pronamespace
                FROM pg_proc AS p
                WHERE part[1] = 'function' AND p.proname = part[3]
                UNION ALL
                SELECT c.relnamespace
                FROM pg_class AS c
                WHERE c.relname = part[3]
                    AND part[1] = CASE c.relkind WHEN 'v' THEN 'view' WHEN 'c' THEN 'type' END
            ) AS found (namespace_id)
            JOIN pg_namespace AS n ON n.oid = found.namespace_id AND n.nspname = part[2]
            GROUP BY wanted.object
            """,
            [list(objects)],
        )
    )


def due(connection: Connection, files: Files, installed: Mapping[str, str]) -> tuple[str, ...]:
    """Find the files to install, in order.

    Args:
        connection: To the database.
        files: The files.
        installed: Content hash by path of those that are installed.

    Returns:
        Paths of the files that are new or changed, or of which the database lacks something. When
        one of types is among them, all files: types that depend on each other are replaced
        together, and a function that mentions one would look for the old one until it is replaced.
    """
    present = existing(connection, files.objects)
    paths = [
        path
        for path, file in files.replaceable.items()
        if installed.get(path) != file.content_hash or not file.objects <= present.keys()
    ]
    gone = installed.keys() - files.replaceable.keys()
    if any(path.startswith("types/") for path in (*paths, *gone)):
        return tuple(files.replaceable)
    return tuple(paths)


def compare(connection: Connection, files: Files, records: Records) -> Status:
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
        files=tuple(files.replaceable),
        files_pending=due(connection, files, records.files),
        orphaned=tuple(sorted(existing(connection, records.objects - files.objects))),
    )


def refuse_disagreement(state: Status) -> None:
    """Refuse to build on a history that is not the one the files tell."""
    unreleased = [
        name
        for name in (*state.edited, *state.unknown)
        if name[: len(_LAST_OF_BASELINE)] <= _LAST_OF_BASELINE or name in _UNRELEASED
    ]
    if unreleased:
        message = (
            f"An unreleased state of the package installed this database ({listed(unreleased)}): "
            "create a new database, run `ticketing migrate` there, and copy what you need by hand."
        )
        raise MigrationError(message)
    problems: list[str] = []
    if state.edited:
        problems.append(
            f"Edited after they were applied: {listed(state.edited)}; restore these files and "
            "put the change into a new migration."
        )
    if state.unknown:
        problems.append(
            f"Applied, but unknown to this version: {listed(state.unknown)}; use the version "
            "that brought them, or roll them back with it."
        )
    skipped = [name for name in state.pending if state.applied and name < state.applied[-1]]
    if skipped:
        problems.append(
            f"Not applied, though the later {state.applied[-1]} is: {listed(skipped)}; roll back "
            "to before them, or give a new file a higher number."
        )
    if problems:
        message = " ".join(problems)
        raise MigrationError(message)
