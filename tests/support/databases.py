"""Databases that tests make and drop."""

from contextlib import AbstractContextManager

from ticketing_client import testing
from ticketing_client.embedded import Server


def database(server: Server, name: str, template: str | None = None) -> AbstractContextManager[str]:
    """Create a database, yield its URL and drop it, even with sessions connected.

    Args:
        server: On which server.
        name: What it is called.
        template: The database that it is a copy of, to which nothing may be connected; none for an
            empty one.
    """
    return testing.database(server.url(), name, template)
