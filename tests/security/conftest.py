"""A stage to call every RPC on, and the way in."""

from collections.abc import Iterator

import pytest
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.janitor import DatabaseJanitor
from tests.support.caller import (
    Connection,
)
from tests.support.example import (
    Document,
)
from tests.support.postgrest import (
    PostgREST,
)
from tests.support.stage import (
    set_stage,
    working_calls,
)

from ticketing_client.embedded import Server


@pytest.fixture
def calls(db: Connection, catalogue: Document, wizard_state: Document) -> dict[str, Document]:
    """A call of every RPC that works, on a stage that is set for it."""
    set_stage(db, catalogue, wizard_state)
    return working_calls(db, catalogue, wizard_state)


@pytest.fixture
def api(db: Connection) -> PostgREST:
    """PostgREST, before the same database."""
    return PostgREST(db)


@pytest.fixture(scope="module")
def module_url(server: Server, migrated: NoopExecutor) -> Iterator[str]:
    """The URL of a migrated database that only the tests of a module use."""
    with DatabaseJanitor(
        host=server.host,
        port=server.port,
        user=server.user,
        dbname="module",
        template_dbname=migrated.template_dbname,
    ):
        yield server.url("module")
