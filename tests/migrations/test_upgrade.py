"""The product upgraded while clients persist and pay: types, functions and an RPC are replaced."""

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tests.support.example import FUNCTION, LUNCHEON, RECEPTION, Document, document
from tests.support.sessions import wait_until

from ticketing_client import Client, TicketingError
from ticketing_client.calls import (
    Call,
    complete_registration_payment,
    create_individual_registration_with_tickets,
    persist_ticket_selections,
    start_payment,
)
from ticketing_client.migrate import migrate
from ticketing_client.selections import TicketSelections

pytestmark = pytest.mark.long  # traffic before, during and after an upgrade

REPOSITORY = Path(__file__).parents[2]
SESSIONS = 8
WARM = 3  # bookings; psycopg prepares a statement when it is executed for the sixth time
MANY = 10  # failures of one session: something else is wrong
TYPE = "planned_ticket"
RPC = "persist_ticket_selections"

Execute = Callable[[Call[Any]], Any]


@dataclass
class Session:
    """What a session has done.

    Attributes:
        execute: Executes a call on a connection of the session's own.
        bookings: How many bookings it has paid.
        failures: When a call began that failed, and how it failed.
    """

    execute: Execute
    bookings: int = 0
    failures: list[tuple[float, psycopg.Error | TicketingError]] = field(default_factory=list)

    def call(self, call: Call[Any]) -> Any:  # noqa: ANN401 - any answer
        began = time.monotonic()
        try:
            return self.execute(call)
        except (psycopg.Error, TicketingError) as error:
            self.failures.append((began, error))
            raise

    def book(self) -> None:
        registration, attendee = str(uuid4()), str(uuid4())
        self.call(
            create_individual_registration_with_tickets(
                {
                    "registrationId": registration,
                    "functionId": FUNCTION,
                    "authUserId": str(uuid4()),
                    "primaryAttendee": {
                        "attendeeId": attendee,
                        "attendeeType": "guest",
                        "firstName": "Nora",
                        "lastName": "Lind",
                    },
                    "billingDetails": {"firstName": "Nora", "emailAddress": "nora@example.org"},
                },
                [],
            )
        )
        selections = TicketSelections().ticket(attendee, RECEPTION).ticket(attendee, LUNCHEON)
        self.call(persist_ticket_selections(registration, selections))
        due = self.call(start_payment(registration))
        payment = {"reference": registration, "amount": due.amount_due, "currency": due.currency}
        self.call(complete_registration_payment(registration, payment))
        self.bookings += 1


def _through_the_client(connection: psycopg.Connection[Any]) -> Execute:
    return Client(connection).execute


def _without_repeating(connection: psycopg.Connection[Any]) -> Execute:
    def execute(call: Call[Any]) -> object:
        row = connection.execute(call.sql, call.params).fetchone()
        assert row
        return call.decode(row[0])

    return execute


@contextmanager
def _traffic(url: str, executor: Callable[..., Execute]) -> Iterator[list[Session]]:
    """Let sessions book and pay, all of them warm, until the block ends."""
    with psycopg.connect(url, autocommit=True) as connection:
        Client(connection).import_catalogue(_roomy_catalogue())
    stop = threading.Event()

    def work(session: Session) -> None:
        while not stop.is_set():
            with suppress(psycopg.Error, TicketingError):
                session.book()

    with ExitStack() as stack:
        sessions = [
            Session(executor(stack.enter_context(psycopg.connect(url, autocommit=True))))
            for _ in range(SESSIONS)
        ]
        threads = stack.enter_context(ThreadPoolExecutor(SESSIONS))
        stack.callback(stop.set)
        work_of_all = [threads.submit(work, session) for session in sessions]
        _wait_for_bookings(sessions, WARM)
        yield sessions
        _wait_for_bookings(sessions, WARM)
        stop.set()
        for work_of_one in work_of_all:
            work_of_one.result()


def _wait_for_bookings(sessions: list[Session], more: int) -> None:
    wanted = [session.bookings + more for session in sessions]

    def all_have_booked() -> bool:
        failures = [session.failures for session in sessions]
        assert max(map(len, failures)) < MANY, failures
        return all(s.bookings >= count for s, count in zip(sessions, wanted, strict=True))

    wait_until(all_have_booked, f"every session books {more} times")


def _roomy_catalogue() -> Document:
    catalogue = document("catalogue")
    for kind in ("events", "ticket_types"):
        for item in catalogue[kind]:
            item["capacity"] = None
    return catalogue


@pytest.fixture
def next_version(tmp_path: Path) -> Path:
    """A copy of the SQL files in which a type, an internal function and an RPC have changed."""
    root = tmp_path / "sql"
    shutil.copytree(REPOSITORY / "sql", root)
    (types,) = (path for path in root.glob("types/*.sql") if f".{TYPE} AS" in path.read_text())
    _substitute(types, rf"(CREATE TYPE \S+\.{TYPE} AS \([^;]*?)\n\);", r"\1,\n    note text\n);")
    rpc = root / f"functions/ticketing/{RPC}.sql"
    helper = _first_helper(root, rpc.read_text(encoding="utf-8"))
    _substitute(helper, rf"(FUNCTION \S+\.{helper.stem}\()(?=\s*p_)", r"\1p_note text, ")
    _substitute(rpc, r"\n?\)\s*RETURNS", ", p_note text DEFAULT NULL) RETURNS")
    for path in root.glob("functions/**/*.sql"):
        text = path.read_text(encoding="utf-8")
        text = re.sub(
            rf"(?<!\S)\)::ticketing_internal\.{TYPE}\b",
            rf", NULL)::ticketing_internal.{TYPE}",
            text,
        )
        text = re.sub(
            rf"(?<!FUNCTION )(ticketing_internal\.{helper.stem}\()", r"\1NULL::text, ", text
        )
        path.write_text(text, encoding="utf-8")
    return root


def _first_helper(root: Path, text: str) -> Path:
    """Find a function that the RPC calls with arguments."""
    for name in re.findall(r"ticketing_internal\.(\w+)\(", text):
        for path in root.glob(f"functions/ticketing_internal/**/{name}.sql"):
            if re.search(rf"{name}\(\s*p_", path.read_text(encoding="utf-8")):
                return path
    raise AssertionError


def _substitute(path: Path, pattern: str, new: str) -> None:
    text, count = re.subn(pattern, new, path.read_text(encoding="utf-8"), count=1)
    assert count == 1, (path, pattern)
    path.write_text(text, encoding="utf-8")


def _upgrade(url: str, sql_dir: Path) -> float:
    """Upgrade and return when that was done."""
    report = migrate(url, sql_dir=sql_dir, lock_timeout_seconds=30)
    assert len(report.installed) > 1
    done = time.monotonic()
    with psycopg.connect(url) as connection:
        arguments = connection.execute(
            "SELECT proargnames FROM pg_proc WHERE oid = to_regproc(%s)", [f"ticketing.{RPC}"]
        ).fetchall()
        attributes = connection.execute(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(%s)",
            [f"ticketing_internal.{TYPE}"],
        ).fetchall()
    assert arguments[0][0][-1] == "p_note"
    assert ("note",) in attributes
    return done


def test_upgrade_under_traffic_fails_no_call_of_the_client(
    database_url: str, next_version: Path
) -> None:
    with _traffic(database_url, _through_the_client) as sessions:
        _upgrade(database_url, next_version)
    assert [session.failures for session in sessions] == [[]] * SESSIONS
    with psycopg.connect(database_url) as connection:
        assert Client(connection).check_integrity() == ()


def test_upgrade_under_traffic_fails_only_calls_in_flight_at_the_commit(
    database_url: str, next_version: Path, record_property: Callable[[str, object], None]
) -> None:
    with _traffic(database_url, _without_repeating) as sessions:
        done = _upgrade(database_url, next_version)
    failures = [failure for session in sessions for failure in session.failures]
    record_property("failed_calls", len(failures))
    assert {error.sqlstate for _, error in failures} <= {"42883", "42704", "42846", "XX000"}
    assert all(began < done for began, _ in failures)
    # A session has one call in flight at a time.
    assert max(len(session.failures) for session in sessions) <= 1
    with psycopg.connect(database_url) as connection:
        assert Client(connection).check_integrity() == ()
