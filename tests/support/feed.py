"""Readers of the change feed, and what is written beside them."""

import time

from tests.support.caller import Connection, Document, service
from tests.support.example import BANQUET, WALTER, selection
from tests.support.sessions import PATIENCE
from tests.support.stored import rows

ELSEWHERE = {WALTER: selection(tickets={BANQUET: 1})}
"""A ticket that has no pool in common with ONE, so that no other buyer waits."""

LOCK_TIMEOUT = "-c lock_timeout=10s"


class Reader:
    """A reader of the feed, who only knows its answers.

    Attributes:
        seen: The changes read so far.
        cursor: The cursor of the last answer.
    """

    def __init__(
        self, connection: Connection, cursor: str | None = None, limit: int = 1000
    ) -> None:
        self._caller = service(connection)
        self._limit = limit
        self.seen: list[Document] = []
        self.cursor = cursor

    def read(self) -> int:
        """Read one page and return how many changes were on it."""
        answer = self._caller.call("get_ticket_changes", p_after=self.cursor, p_limit=self._limit)
        assert set(answer) == {"changes", "cursor"}
        assert len(answer["changes"]) <= self._limit
        self.seen += answer["changes"]
        if not answer["changes"]:
            assert answer["cursor"] == self.cursor
        self.cursor = answer["cursor"]
        return len(answer["changes"])

    def read_all(self) -> None:
        """Read until there is nothing more."""
        while self.read():
            pass

    def read_all_of(self, connection: Connection) -> list[Document]:
        """Continue on another server until there is nothing more, and return what is new."""
        known = len(self.seen)
        self._caller = service(connection)
        self.read_all()
        return self.seen[known:]

    def read_until(self, seen: int) -> None:
        """Read on until so many changes were seen in all, then what there is beyond."""
        deadline = time.monotonic() + PATIENCE
        while len(self.seen) < seen:
            assert time.monotonic() < deadline, f"only {len(self.seen)} of {seen} changes"
            self.read()
        self.read_all()

    @property
    def story(self) -> list[tuple[str, str]]:
        """What happened to which registration, a row for each change."""
        return [(change["registration_id"], change["change"]) for change in self.seen]


def recorded(connection: Connection) -> list[int]:
    """Return the ids of all changes in the order of transactions."""
    return [
        row["change_id"]
        for row in rows(
            connection,
            """
            SELECT change_id FROM ticketing.ticket_changes
            ORDER BY epoch, transaction_id, change_id
            """,
        )
    ]


def count_transactions(connection: Connection, number: int) -> None:
    """Let the server count so many transactions."""
    connection.execute(
        f"""
        DO $$ BEGIN
            FOR n IN 1..{number} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
        END $$
        """
    )


def begin(connection: Connection, isolation: str = "read committed") -> None:
    """Begin a transaction, which calls join and only the test ends."""
    connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")


def epoch(connection: Connection) -> int:
    """Return the epoch that changes are recorded in."""
    (row,) = rows(connection, "SELECT epoch FROM ticketing_internal.feed_epoch")
    number: int = row["epoch"]
    return number
