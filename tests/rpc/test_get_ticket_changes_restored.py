"""get_ticket_changes of a database that was moved to another server."""

import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from tests.support.bookings import ONE, book, integrity, pay
from tests.support.caller import Connection
from tests.support.databases import database
from tests.support.example import STRANGER
from tests.support.feed import (
    ELSEWHERE,
    LOCK_TIMEOUT,
    Reader,
    begin,
    count_transactions,
    epoch,
    recorded,
)
from tests.support.stored import rows

from ticketing_client.embedded import Server, run_server

ROLES = ("ticketing_owner", "anon", "authenticated", "service_role", "ticketing_reader")


@pytest.fixture(scope="module")
def younger_server() -> Iterator[Server]:
    """Another server, which has counted fewer transactions and knows our roles."""
    with run_server(settings={"fsync": "off", "synchronous_commit": "off"}) as running:
        with psycopg.connect(running.url(), autocommit=True) as connection:
            for role in ROLES:
                connection.execute(f"CREATE ROLE {role} NOLOGIN")
        yield running


@pytest.fixture
def moved_url(younger_server: Server) -> Iterator[str]:
    """The URL of an empty database of the younger server, which only this test uses."""
    with psycopg.connect(younger_server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE moved")
        yield younger_server.url("moved")
        connection.execute("DROP DATABASE moved WITH (FORCE)")


@pytest.fixture
def older(seller: Connection, younger_server: Server) -> Connection:
    """The seller, whose server has counted thousands of transactions more than the younger."""
    with psycopg.connect(younger_server.url(), autocommit=True) as younger:
        lead = transaction_id(seller) - transaction_id(younger)
    count_transactions(seller, max(0, 5000 - lead))
    return seller


def move(server: Server, source: str, target: str) -> None:
    """Dump a database and restore it as another, by their URLs, with programs of a server."""
    dumped = subprocess.run(
        [server.bin_dir / "pg_dump", "--dbname", source], capture_output=True, check=True
    )
    subprocess.run(
        [
            *(server.bin_dir / "psql", "--no-psqlrc", "--quiet", "--single-transaction"),
            *("--set", "ON_ERROR_STOP=1", "--dbname", target),
        ],
        input=dumped.stdout,
        capture_output=True,
        check=True,
    )


def transaction_id(connection: Connection) -> int:
    """Return the id of a new transaction."""
    (row,) = rows(connection, "SELECT pg_current_xact_id()::text::bigint AS id")
    number: int = row["id"]
    return number


def test_changes_go_on_after_a_restore(
    older: Connection, event_url: str, server: Server, moved_url: str
) -> None:
    read = book(older, ONE)
    reader = Reader(older)
    reader.read_until(1)
    unread = book(older, ONE)
    pay(older, read)
    assert epoch(older) == 1
    before = recorded(older)
    highest = transaction_id(older)
    move(server, event_url, moved_url)

    with psycopg.connect(moved_url, autocommit=True) as moved:
        assert transaction_id(moved) < highest
        elsewhere = Reader(moved, reader.cursor)
        elsewhere.read_all()
        new = book(moved, ONE, STRANGER)
        assert epoch(moved) == 2
        assert transaction_id(moved) < highest
        pay(moved, unread)
        elsewhere.read_until(4)
        assert elsewhere.story == [
            (unread, "added"),
            (read, "paid"),
            (new, "added"),
            (unread, "paid"),
        ]
        # and so it is for who was away all the time, in pages of one
        late = Reader(moved, reader.cursor, limit=1)
        late.read_all()
        assert late.seen == elsewhere.seen
        everything = Reader(moved)
        everything.read_all()
        assert [change["change_id"] for change in everything.seen] == recorded(moved)
        assert recorded(moved)[: len(before)] == before
        assert epoch(moved) == 2
        assert integrity(moved) == []


def test_changes_from_before_a_restore_are_there_at_once(
    older: Connection, event_url: str, server: Server, moved_url: str
) -> None:
    registration_id = book(older, ONE)
    move(server, event_url, moved_url)
    with psycopg.connect(moved_url, autocommit=True) as moved:
        # although nothing has been sold since, and perhaps nothing ever will be
        reader = Reader(moved)
        reader.read_all()
        assert reader.story == [(registration_id, "added")]


def test_changes_wait_for_a_slow_transaction_after_a_restore(
    older: Connection, event_url: str, server: Server, moved_url: str
) -> None:
    first = book(older, ONE)
    reader = Reader(older)
    reader.read_until(1)
    move(server, event_url, moved_url)

    with (
        psycopg.connect(moved_url, autocommit=True, options=LOCK_TIMEOUT) as moved,
        psycopg.connect(moved_url, options=LOCK_TIMEOUT) as slow,
    ):
        second = book(moved, ONE)
        elsewhere = Reader(moved, reader.cursor)
        elsewhere.read_until(1)
        begin(slow)
        third = book(slow, ELSEWHERE, STRANGER)
        fourth = book(moved, ONE)
        assert elsewhere.read() == 0
        slow.commit()
        elsewhere.read_until(3)
        assert elsewhere.story == [(second, "added"), (third, "added"), (fourth, "added")]
        assert first not in {row for row, _ in elsewhere.story}


def test_changes_begin_an_epoch_on_another_server_whose_transaction_ids_are_higher(
    seller: Connection, event_url: str, server: Server, moved_url: str, younger_server: Server
) -> None:
    registration_id = book(seller, ONE)
    reader = Reader(seller)
    move(server, event_url, moved_url)
    book(seller, ONE)
    reader.read_until(2)
    with psycopg.connect(younger_server.url(), autocommit=True) as other:
        count_transactions(other, transaction_id(seller) - transaction_id(other))
    with psycopg.connect(moved_url, autocommit=True) as moved:
        new = book(moved, ONE)
        assert epoch(moved) == 2
        # what the reader had seen beyond the dump is lost; what follows is not
        (change,) = reader.read_all_of(moved)
        assert (change["registration_id"], change["epoch"]) == (new, 2)
        everything = Reader(moved)
        everything.read_until(2)
        assert everything.story == [(registration_id, "added"), (new, "added")]
        assert integrity(moved) == []


def test_changes_keep_their_epoch_in_a_copy_on_the_same_server(
    seller: Connection, event_url: str, server: Server
) -> None:
    registration_id = book(seller, ONE)
    with database(server, "copied") as copied_url:
        move(server, event_url, copied_url)
        with psycopg.connect(copied_url, autocommit=True) as copied:
            new = book(copied, ONE)
            assert epoch(copied) == 1
            reader = Reader(copied)
            reader.read_until(2)
            assert reader.story == [(registration_id, "added"), (new, "added")]
            assert integrity(copied) == []
