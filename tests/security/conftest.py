"""A stage to call every RPC on, and the way in."""

from collections.abc import Iterator
from copy import deepcopy
from typing import TypeAlias

import psycopg
import pytest
from pytest_postgresql.executors import NoopExecutor
from tests.support.caller import Connection
from tests.support.databases import database
from tests.support.example import Document
from tests.support.postgrest import PostgREST
from tests.support.requests import working_calls
from tests.support.stage import set_stage

from ticketing_client.embedded import Server

Staged: TypeAlias = tuple[str, dict[str, Document]]
"""The name of a database, and the calls that work there."""


@pytest.fixture(scope="session")
def stage_template(server: Server, migrated: NoopExecutor) -> Iterator[Staged]:
    """A database with the stage set, to copy, and the calls that work there."""
    with database(server, "stage_template", migrated.template_dbname) as url:
        with psycopg.connect(url, autocommit=True) as db:
            set_stage(db)
            calls = working_calls(db)
        yield "stage_template", calls


@pytest.fixture(scope="session")
def stage_url(server: Server, stage_template: Staged) -> Iterator[str]:
    """The URL of the stage of all tests of this worker, none of which commits anything."""
    with database(server, "stage", stage_template[0]) as url:
        yield url


@pytest.fixture(scope="module")
def own_stage_url(server: Server, stage_template: Staged) -> Iterator[str]:
    """The URL of a stage that only the tests of a module use."""
    with database(server, "own_stage", stage_template[0]) as url:
        yield url


@pytest.fixture(scope="session")
def _stage_connection(stage_url: str) -> Iterator[Connection]:
    """One connection for all tests, since functions are compiled anew in each."""
    with psycopg.connect(stage_url) as db:
        yield db


@pytest.fixture
def stage(_stage_connection: Connection) -> Iterator[Connection]:
    """A connection to the stage, inside a transaction that is rolled back in the end."""
    with _stage_connection.transaction(force_rollback=True):
        yield _stage_connection


@pytest.fixture
def calls(stage_template: Staged) -> dict[str, Document]:
    """A call of every RPC that works on the stage."""
    return deepcopy(stage_template[1])


@pytest.fixture
def api(stage: Connection) -> PostgREST:
    """PostgREST, before the stage."""
    return PostgREST(stage)
