"""get_ticket_changes when the primary is lost or an older state comes back, on real servers."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.support.bookings import ONE, book, import_catalogue, integrity
from tests.support.caller import Connection, service
from tests.support.clusters import (
    back_up,
    catch_up,
    copy,
    disconnect,
    kill,
    promote,
    reachable_folder,
    recover,
    wait_for_primary,
)
from tests.support.example import document
from tests.support.feed import Reader, count_transactions, recorded

from ticketing_client.embedded import Server, run_server
from ticketing_client.migrate import migrate
from ticketing_client.testing import SETTINGS

pytestmark = pytest.mark.long

LOST = 5
"""How many bookings the primary takes with it."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers' user can reach."""
    with reachable_folder() as path:
        yield path


@pytest.fixture(scope="module")
def backup() -> Iterator[Path]:
    """The backup of a server with the example event on sale, and two bookings."""
    with reachable_folder() as path:
        with run_server(settings=SETTINGS) as server:
            migrate(server.url())
            with psycopg.connect(server.url(), autocommit=True) as connection:
                import_catalogue(connection, document("catalogue"))
                sell(connection, 2)
            back_up(server, path / "backup")
        yield path / "backup"


def connect(server: Server) -> Connection:
    return psycopg.connect(server.url(), autocommit=True)


def sell(connection: Connection, number: int) -> list[str]:
    """Book so many tickets, and return the ids of the registrations."""
    return [book(connection, ONE) for _ in range(number)]


def registrations(reader: Reader) -> list[str]:
    """Return of which registrations a reader has seen a change, in order."""
    return [registration_id for registration_id, _ in reader.story]


def new_epoch(connection: Connection) -> int:
    """Begin an epoch, as after a restore, and return it."""
    epoch: int = service(connection).call("begin_feed_epoch")["epoch"]
    return epoch


def reader_of_what_is_lost(folder: Path) -> Reader:
    """Sell on a server of this folder, and return a reader that has seen it all."""
    with run_server(folder, settings=SETTINGS) as server, connect(server) as connection:
        reader = Reader(connection)
        sell(connection, LOST)
        reader.read_all()
    return reader


def assert_ahead(connection: Connection, reader: Reader) -> None:
    """Show that a reader is told to wait, instead of that there is nothing new."""
    refusal = service(connection).refusal("get_ticket_changes", p_after=reader.cursor)
    assert (refusal.sqlstate, refusal.found) == ("TK001", [("cursor_ahead", "p_after")])
    assert refusal.hint.startswith("Try again with the same cursor")


def assert_complete(connection: Connection) -> None:
    """Show that a reader from the beginning sees all that is recorded, and nothing is wrong."""
    everything = Reader(connection, limit=3)
    everything.read_all()
    assert [change["change_id"] for change in everything.seen] == recorded(connection)
    assert integrity(connection) == []


def test_changes_continue_after_each_of_two_failovers_that_lost_transactions(
    backup: Path, folder: Path
) -> None:
    with run_server(copy(backup, folder / "first"), settings=SETTINGS) as first:
        back_up(first, folder / "second", "--write-recovery-conf")
        with run_server(folder / "second", settings=SETTINGS) as second:
            with connect(first) as primary, connect(second) as standby:
                sell(primary, 2)
                catch_up(first, second)
                # on the hot standby the same as on the primary
                reader, late = Reader(primary), Reader(standby)
                reader.read_all()
                late.read_all()
                assert len(late.seen) == 4
                assert late.seen == reader.seen
                disconnect(second)
                lost = sell(primary, LOST)
                reader.read_all()
                assert registrations(reader)[-LOST:] == lost
                # what lags behind says so
                assert_ahead(standby, reader)
                assert late.read() == 0
            kill(first)
            with connect(second) as primary:
                promote(second)
                assert_ahead(primary, reader)
                assert late.read_all_of(primary) == []
                new = sell(primary, LOST + 2)
                for each in (reader, late):
                    changes = each.read_all_of(primary)
                    assert [change["registration_id"] for change in changes] == new
                    assert {change["epoch"] for change in changes} == {2}
                assert_complete(primary)

                # and once more
                back_up(second, folder / "third", "--write-recovery-conf")
                with run_server(folder / "third", settings=SETTINGS) as third:
                    disconnect(third)
                    sell(primary, LOST)
                    reader.read_all_of(primary)
                    promote(third)
                    with connect(third) as last:
                        assert_ahead(last, reader)
                        new = sell(last, LOST + 2)
                        changes = reader.read_all_of(last)
                        assert [change["registration_id"] for change in changes] == new
                        assert {change["epoch"] for change in changes} == {3}
                        assert_complete(last)


def test_changes_continue_after_a_switch_of_servers_that_lost_nothing(
    backup: Path, folder: Path
) -> None:
    with run_server(copy(backup, folder / "first"), settings=SETTINGS) as first:
        back_up(first, folder / "second", "--write-recovery-conf")
        with run_server(folder / "second", settings=SETTINGS) as second:
            with connect(first) as primary:
                sell(primary, 2)
                reader = Reader(primary)
                reader.read_all()
                catch_up(first, second)
            promote(second)
            with connect(second) as primary:
                assert reader.read_all_of(primary) == []
                new = sell(primary, 2)
                assert [change["registration_id"] for change in reader.read_all_of(primary)] == new
                assert_complete(primary)


@pytest.mark.parametrize("begins", ["by the call", "by itself"])
def test_changes_continue_after_a_restore_of_an_older_backup(
    backup: Path, folder: Path, begins: str
) -> None:
    reader = reader_of_what_is_lost(copy(backup, folder / "before"))
    restored = copy(backup, folder / "after")
    if begins == "by itself":
        recover(restored)
    with run_server(restored, settings=SETTINGS) as after, connect(after) as connection:
        assert_ahead(connection, reader)
        wait_for_primary(after)
        if begins == "by the call":
            epoch = new_epoch(connection)
            assert reader.read_all_of(connection) == []
        new = sell(connection, LOST + 2)
        changes = reader.read_all_of(connection)
        assert [change["registration_id"] for change in changes] == new
        assert {change["epoch"] for change in changes} == {epoch if begins == "by the call" else 2}
        assert_complete(connection)


def test_changes_are_not_skipped_in_silence_after_a_restore_without_a_new_epoch(
    backup: Path, folder: Path
) -> None:
    reader = reader_of_what_is_lost(copy(backup, folder / "before"))
    # like a snapshot of its volume: PostgreSQL takes it for the same server
    with (
        run_server(copy(backup, folder / "after"), settings=SETTINGS) as after,
        connect(after) as connection,
    ):
        sell(connection, 1)
        assert_ahead(connection, reader)
        count_transactions(connection, 1000)  # past the reader
        sell(connection, 1)
        assert_ahead(connection, reader)
        assert_complete(connection)  # for a reader from the beginning


def test_changes_continue_when_the_second_of_two_restores_is_the_right_one(
    backup: Path, folder: Path
) -> None:
    # the second knows nothing of the epoch that began in the first
    readers = []
    for attempt in ("first", "second"):
        with (
            run_server(copy(backup, folder / attempt), settings=SETTINGS) as server,
            connect(server) as connection,
        ):
            new_epoch(connection)
            new = sell(connection, 2)
            readers.append(Reader(connection))
            readers[-1].read_all()
            for reader in readers[:-1]:
                changes = reader.read_all_of(connection)
                assert [change["registration_id"] for change in changes] == new
