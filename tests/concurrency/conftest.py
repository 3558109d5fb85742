"""A server of its own for tests with more sessions than PostgreSQL allows by default."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from pytest_postgresql.janitor import DatabaseJanitor

from ticketing_client.embedded import Server, run_server
from ticketing_client.migrate import migrate


@pytest.fixture(scope="session")
def crowded_server() -> Iterator[Server]:
    """A throw-away server for crowds, whose database `migrated` is a template."""
    careless = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with run_server(settings=careless | {"max_connections": "200"}) as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE migrated")
        migrate(server.url("migrated"))
        yield server


@pytest.fixture
def connect_crowd(crowded_server: Server) -> Iterator[Callable[..., psycopg.Connection[Any]]]:
    """Like `connect`, for a crowd: opens connections to a database that only this test uses."""
    connections: list[psycopg.Connection[Any]] = []
    with DatabaseJanitor(
        host=crowded_server.host,
        port=crowded_server.port,
        user=crowded_server.user,
        dbname="crowd",
        template_dbname="migrated",
    ):

        def open_connection(**options: Any) -> psycopg.Connection[Any]:  # noqa: ANN401
            connection = psycopg.connect(crowded_server.url("crowd"), **options)
            connections.append(connection)
            return connection

        yield open_connection
        for connection in connections:
            connection.close()
