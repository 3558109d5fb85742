"""The one exception of the runner, and the sentences it is made of."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager

import psycopg
from yoyo.exceptions import LockTimeout


class MigrationError(RuntimeError):
    """The database could not be migrated, or must not be; the message says why and what to do."""


@contextmanager
def explaining(place: str = "", text: str = "") -> Generator[None]:
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


def listed(names: Iterable[str]) -> str:
    """Return "a, b, c"."""
    return ", ".join(names)
