"""Databases that tests make and drop."""

from collections.abc import Generator
from contextlib import contextmanager

from pytest_postgresql.janitor import DatabaseJanitor

from ticketing_client.embedded import Server


@contextmanager
def database(server: Server, name: str, template: str | None = None) -> Generator[str]:
    """Create a database, yield its URL and drop it, even with sessions connected.

    Args:
        server: On which server.
        name: What it is called.
        template: The database that it is a copy of, to which nothing may be connected; none for an
            empty one.
    """
    with DatabaseJanitor(
        host=server.host,
        port=server.port,
        user=server.user,
        dbname=name,
        template_dbname=template,
    ):
        yield server.url(name)
