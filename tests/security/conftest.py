"""A stage to call every RPC on, and the way in."""

from collections.abc import Iterator
from copy import deepcopy

import psycopg
import pytest
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.janitor import DatabaseJanitor
from tests.support.caller import Connection
from tests.support.example import Document
from tests.support.postgrest import PostgREST
from tests.support.requests import working_calls
from tests.support.stage import set_stage

from ticketing_client.embedded import Server


def database(server: Server, name: str, template: str | None) -> DatabaseJanitor:
    """Return what makes a database like a template, and drops it."""
    return DatabaseJanitor(
        host=server.host,
        port=server.port,
        user=server.user,
        dbname=name,
        template_dbname=template,
    )


@pytest.fixture(scope="session")
def stage_template(
    server: Server, migrated: NoopExecutor
) -> Iterator[tuple[str, dict[str, Document]]]:
    """A database with the stage set, to copy, and the calls that work there."""
    with database(server, "stage_template", migrated.template_dbname):
        with psycopg.connect(server.url("stage_template"), autocommit=True) as db:
            set_stage(db)
            calls = working_calls(db)
        yield "stage_template", calls


@pytest.fixture(scope="session")
def stage_url(server: Server, stage_template: tuple[str, dict[str, Document]]) -> Iterator[str]:
    """The URL of the stage of all tests of this worker, none of which commits anything."""
    with database(server, "stage", stage_template[0]):
        yield server.url("stage")


@pytest.fixture(scope="module")
def own_stage_url(server: Server, stage_template: tuple[str, dict[str, Document]]) -> Iterator[str]:
    """The URL of a stage that only the tests of a module use."""
    with database(server, "own_stage", stage_template[0]):
        yield server.url("own_stage")


@pytest.fixture
def stage(stage_url: str) -> Iterator[Connection]:
    """A connection to the stage, inside a transaction that is rolled back in the end."""
    with psycopg.connect(stage_url) as db, db.transaction(force_rollback=True):
        yield db


@pytest.fixture
def calls(stage_template: tuple[str, dict[str, Document]]) -> dict[str, Document]:
    """A call of every RPC that works on the stage."""
    return deepcopy(stage_template[1])


@pytest.fixture
def api(stage: Connection) -> PostgREST:
    """PostgREST, before the stage."""
    return PostgREST(stage)
