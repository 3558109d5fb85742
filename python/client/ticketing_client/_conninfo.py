"""Database URLs: checked before use, because libpq's messages repeat parts of what they refuse."""

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict


def checked_conninfo(database_url: str) -> str:
    """Check a URL or libpq string.

    Args:
        database_url: `postgresql://user:password@host:port/name`, or `host=... dbname=...`.

    Returns:
        The same.

    Raises:
        psycopg.ProgrammingError: It is neither, or has a password whose `@` or `/` is not
            percent-encoded. The message repeats none of it.
    """
    if not _is_sound(database_url):
        message = (
            "The database URL is neither postgresql://user@host:port/name nor a list such as "
            "`host=... dbname=...`; in a URL, percent-encode special characters of the password."
        )
        raise psycopg.ProgrammingError(message)
    return database_url


def _is_sound(database_url: str) -> bool:
    try:
        parameters = conninfo_to_dict(database_url)
    except psycopg.ProgrammingError:
        return False
    # A part of the password would be taken for a host, a port or a name, and be named as that.
    host, port, name = (str(parameters.get(key) or "") for key in ("host", "port", "dbname"))
    is_url = "://" in database_url
    if is_url and ("@" in host or ("@" in name and name in database_url)):
        return False
    return re.fullmatch("[0-9,]*", port) is not None
