"""The SQL files: what a database should have."""

import glob
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from yoyo import read_migrations
from yoyo.exceptions import BadMigration
from yoyo.migrations import Migration

from ticketing_client.migrate._words import MigrationError

_MIGRATION: Final = re.compile(
    r"(?P<name>(?P<number>[0-9]{4})\.[a-z0-9_]+)(?P<rollback>\.rollback)?\.sql"
)
_TRANSACTIONAL: Final = re.compile(r"^\s*--\s*transactional\s*:", re.MULTILINE)

_NAME: Final = "[a-z_][a-z0-9_]*"
_LAYOUT: Final = {
    "types": (_NAME, "types/<name>.sql"),
    "functions": (
        f"(?P<schema>{_NAME})/(?:{_NAME}/)?(?P<name>{_NAME})",
        "functions/<schema>/<function>.sql or functions/<schema>/<stage>/<function>.sql",
    ),
    "views": (f"(?P<name>{_NAME})", "views/<view>.sql"),
}
"""Pattern and description of the names in each folder, in the order to install the folders."""

_CREATE: Final = re.compile(r"^\s*CREATE\b", re.MULTILINE)
_CREATE_TYPE: Final = re.compile(rf"^CREATE TYPE ({_NAME}\.{_NAME}) AS \(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class File:
    """A file of what is replaced as a whole.

    Attributes:
        text: Its text.
        content_hash: A hash of that.
        objects: What it creates, such as `function ticketing.get_registration`.
    """

    text: str
    content_hash: str
    objects: frozenset[str]


@dataclass(frozen=True, slots=True)
class Files:
    """All SQL files.

    Attributes:
        folder: Where the migrations are.
        migrations: Content hash by name, in the order to apply them.
        rollbacks: Names of the migrations that have a rollback file.
        replaceable: Files of types, functions and views by path, in the order to install them.
    """

    folder: Path
    migrations: Mapping[str, str]
    rollbacks: frozenset[str]
    replaceable: Mapping[str, File]

    @property
    def objects(self) -> frozenset[str]:
        """What the replaceable files create."""
        return frozenset(chain.from_iterable(file.objects for file in self.replaceable.values()))


def read_files(root: Path) -> Files:
    """Read and check all files: whatever yoyo would overlook or misunderstand is refused."""
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
        match = _MIGRATION.fullmatch(path.name)
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
    return Files(folder, migrations, frozenset(rollbacks), _read_replaceable(root))


def _read_replaceable(root: Path) -> dict[str, File]:
    """Read the files of types, functions and views: path relative to the root and content."""
    files: dict[str, File] = {}
    creators: dict[str, str] = {}
    for kind, (pattern, layout) in _LAYOUT.items():
        for path in _visible((root / kind).rglob("*")):
            if not path.is_file():
                continue
            name = path.relative_to(root).as_posix()
            match = re.fullmatch(rf"{kind}/{pattern}\.sql", name)
            if match is None:
                message = (
                    f"{path} is not a file of {kind}: name it {layout}, in lower case, or move it "
                    "elsewhere."
                )
                raise MigrationError(message)
            text = _text(path)
            objects = _types(path, text) if kind == "types" else {_object(kind, match)}
            for created in objects:
                if (other := creators.setdefault(created, name)) != name:
                    message = (
                        f"{other} and {name} both create the {created}: rename or remove one of "
                        "them."
                    )
                    raise MigrationError(message)
            files[name] = File(text, _content_hash(text), frozenset(objects))
    return files


def _object(kind: str, match: re.Match[str]) -> str:
    """Return what a file of a function or a view is named after."""
    parts = match.groupdict("")
    return f"{kind.removesuffix('s')} {parts.get('schema', 'ticketing')}.{parts['name']}"


def _types(path: Path, text: str) -> set[str]:
    """Return the composite types that a file creates; that it creates anything else is refused."""
    types = _CREATE_TYPE.findall(text)
    if not types or len(types) != len(_CREATE.findall(text)):
        message = (
            f"{path} may create composite types only: CREATE TYPE <schema>.<name> AS (...) with "
            "COMMENT ON; everything else belongs in a migration."
        )
        raise MigrationError(message)
    return {f"type {name}" for name in types}


def packaged_sql() -> Path:
    """Find the package's own SQL: inside it when installed, in the repository when editable."""
    package = Path(__file__).resolve().parents[1]
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


def load(files: Files, names: Iterable[str]) -> list[Migration]:
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
