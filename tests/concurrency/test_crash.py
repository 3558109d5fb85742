"""The server is killed in the middle of a load; what it had acknowledged is there afterwards."""

import logging
import os
import random
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from tests.support.bookings import integrity
from tests.support.histories import History
from tests.support.sessions import PATIENCE, wait_until

from ticketing_client.embedded import Server, run_server
from ticketing_client.migrate import migrate

ENOUGH = 150
"""After how many acknowledged calls the server is killed."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that the server's user can reach."""
    with tempfile.TemporaryDirectory(prefix="ticketing-sql-") as name:
        Path(name).chmod(0o755)
        yield Path(name) / "data"


def kill(server: Server) -> None:
    """Kill every process of a server, so that none can do anything any more."""
    postmaster = int((server.data_dir / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGSTOP)  # it starts no more of them
    processes = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True, text=True
    ).stdout
    children = [
        int(pid)
        for pid, parent in (line.split() for line in processes.splitlines())
        if int(parent) == postmaster
    ]
    assert len(children) > 5, "the checkpointer, writers and sessions"
    for pid in (*children, postmaster):
        os.kill(pid, signal.SIGKILL)


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
