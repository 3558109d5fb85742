"""The example service over a database with the example event on sale."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from tests.conftest import EventDatabase
from tests.support.services import bearer, running, settings

from examples.fastapi.main import app
from examples.wizard.server import example_event
from ticketing_client import Client


@pytest.fixture(scope="module")
def service_database(event_database: EventDatabase) -> Iterator[str]:
    """The URL of the service's database, for a superuser."""
    with event_database("service") as url, settings(url):
        with Client(url) as client:
            client.import_catalogue(example_event())
        yield url


@pytest.fixture(scope="module")
def service_url(service_database: str) -> Iterator[str]:
    """The URL of the running service."""
    del service_database
    with running(app) as url:
        yield url


@pytest.fixture
def visitor(service_url: str) -> Iterator[httpx.Client]:
    """A client without a token."""
    with httpx.Client(base_url=service_url, timeout=30) as client:
        yield client


@pytest.fixture
def http(service_url: str) -> Iterator[httpx.Client]:
    """A client with the token of a new user."""
    token = bearer(str(uuid4()))
    with httpx.Client(base_url=service_url, timeout=30, headers=token) as client:
        yield client


@pytest.fixture
def superuser(service_database: str) -> Iterator[psycopg.Connection[object]]:
    """A connection to the service's database that commits by itself."""
    with psycopg.connect(service_database, autocommit=True) as connection:
        yield connection
