"""What the tests of the migration runner share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.support.small_product import SqlDir


@pytest.fixture
def sql(tmp_path: Path) -> SqlDir:
    return SqlDir(tmp_path / "sql")


@pytest.fixture
def url(empty_database_url: str) -> str:
    """The URL of the database that `query` asks: an empty one of the test's own."""
    return empty_database_url


@pytest.fixture
def query(url: str) -> Callable[..., list[Any]]:
    """A function that runs one statement on a connection of its own and returns its rows."""

    def run(statement: str, *parameters: object) -> list[Any]:
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def pg_environment(empty_database_url: str) -> dict[str, str]:
    """The environment with PG* variables that lead to the empty database."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}
    parameters = conninfo_to_dict(empty_database_url)
    return os.environ | {names[key]: str(parameters[key]) for key in names}
