"""Sessions side by side: rivals of a test, and how to wait for what another session does."""

import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
from psycopg import IsolationLevel
from tests.support.caller import Connect, Connection, Document

PATIENCE = 60.0
"""Seconds after which what another session has to do is not going to happen."""


def wait_until(happened: Callable[[], object], what: str) -> None:
    """Ask until the answer is true.

    Args:
        happened: The question.
        what: What should happen, in words.

    Raises:
        AssertionError: When it does not.
    """
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.002)


def is_waiting(connection: Connection, process_id: int) -> bool:
    """Return whether the session with this process id waits for a lock of another."""
    row = connection.execute(
        "SELECT cardinality(pg_blocking_pids(%s)) > 0", [process_id]
    ).fetchone()
    return row is not None and row[0] is True


def await_lock(connection: Connection, process_id: int) -> None:
    """Wait until the session with this process id waits for a lock of another.

    Raises:
        AssertionError: When it does not.
    """
    wait_until(lambda: is_waiting(connection, process_id), "it waits for a lock")


class Rival:
    """A session with a thread of its own, so that it can wait for a lock while the test goes on."""

    def __init__(self, connect: Connect, threads: ThreadPoolExecutor) -> None:
        """Connect.

        Args:
            connect: The fixture of that name.
            threads: Where to run.
        """
        self.connection: Connection = connect(autocommit=True)
        self._threads = threads
        self._watcher: Connection = connect(autocommit=True)

    def at(self, isolation: IsolationLevel) -> "Rival":
        """Call at another isolation level from now on."""
        self.connection.isolation_level = isolation
        return self

    def start(
        self, action: Callable[..., Document], *arguments: object, **named: object
    ) -> Future[Document]:
        """Start a call over this session's connection."""
        return self._threads.submit(action, self.connection, *arguments, **named)

    def start_waiting(
        self, action: Callable[..., Document], *arguments: object, **named: object
    ) -> Future[Document]:
        """Start a call, and return once it waits for another session's lock.

        Raises:
            AssertionError: When it does not wait.
        """
        future = self.start(action, *arguments, **named)

        def waits() -> bool:
            assert not future.done(), f"went ahead instead of waiting: {outcome(future)}"
            return is_waiting(self._watcher, self.connection.info.backend_pid)

        wait_until(waits, "the call waits or ends")
        return future


@contextmanager
def rivals(connect: Connect, number: int) -> Generator[list[Rival]]:
    """Yield so many rivals; afterwards none of their calls is running any more."""
    with ThreadPoolExecutor(number) as threads:
        opened = [Rival(connect, threads) for _ in range(number)]
        try:
            yield opened
        except BaseException:
            # or the pool would never stop waiting for calls that wait for a lock of the failed test
            for rival in opened:
                rival.connection.cancel_safe()
            raise


def outcome(future: Future[Document]) -> Document | str:
    """Return the answer of a call, or the SQLSTATE of its refusal."""
    try:
        return future.result(PATIENCE)
    except psycopg.Error as error:
        return error.sqlstate or str(error)
