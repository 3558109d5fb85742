"""The server is killed in the middle of a load; what it had acknowledged is there afterwards."""

import logging
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from tests.support.bookings import integrity
from tests.support.clusters import kill, reachable_folder
from tests.support.histories import History
from tests.support.sessions import PATIENCE, wait_until

from ticketing_client.embedded import run_server
from ticketing_client.migrate import migrate

ENOUGH = 150
"""After how many acknowledged calls the server is killed."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that the server's user can reach."""
    with reachable_folder() as path:
        yield path / "data"


@pytest.mark.long
def test_acknowledged_calls_survive_a_crash_of_the_server(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "psycopg")  # it warns of every connection lost
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    with run_server(folder) as server, ThreadPoolExecutor(1) as threads:
        migrate(server.url())
        history = History(server.url(), seed)
        load = threads.submit(history.run, seconds=600)

        def is_enough() -> bool:
            assert not load.done(), load.result()
            return history.ledger.total("success") >= ENOUGH

        wait_until(is_enough, f"{ENOUGH} calls are acknowledged")
        kill(server)
        with pytest.raises(psycopg.OperationalError):
            load.result(PATIENCE)
        assert history.ledger.faults == []
    with run_server(folder) as server:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            assert integrity(connection) == []
            history.verify(connection, history.ledger.registrations())
            assert history.ledger.faults == []
        # and everything goes on: the interrupted round again, the feed from its beginning
        assert history.run(seconds=0) == []
