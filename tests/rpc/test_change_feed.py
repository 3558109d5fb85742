"""The change feed: every change once, in order, whatever else is going on and wherever it moves."""

import base64
import subprocess
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias

import psycopg
import pytest
from tests.support.bookings import (
    PATIENCE,
    book,
    integrity,
    pay,
    payment,
    stored,
)
from tests.support.caller import (
    Connection,
    anonymous,
    owner,
    service,
    staff,
    stranger,
)
from tests.support.example import (
    BANQUET,
    BRUNCH,
    CEREMONY,
    CEREMONY_AND_BANQUET,
    EVENTS,
    FUNCTION,
    OWNER,
    RECEPTION,
    STAFF,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    other_event,
    selection,
)
from tests.support.stored import (
    attendee_ids,
    held_tickets,
    rows,
)

from ticketing_client.embedded import Server, run_server

Connect: TypeAlias = Callable[..., psycopg.Connection[Any]]

ONE = {WALTER: selection(tickets={CEREMONY: 1})}
ELSEWHERE = {WALTER: selection(tickets={BANQUET: 1})}
"""A ticket that has no pool in common with the other, so that no other buyer waits."""

LOCK_TIMEOUT = "-c lock_timeout=10s"


@pytest.fixture
def seller(connect: Connect, catalogue: Document) -> Connection:
    """A connection whose calls are committed, with the example event on sale."""
    connection = connect(autocommit=True, options=LOCK_TIMEOUT)
    service(connection).call("import_catalogue", p_catalogue=catalogue)
    return connection


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


def begin(connection: Connection, isolation: str = "read committed") -> None:
    """Begin a transaction, which calls join and only the test ends."""
    connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")


# What is told


def test_the_life_of_tickets_is_told(seller: Connection) -> None:
    registration_id = book(
        seller,
        {
            WALTER: selection({CEREMONY_AND_BANQUET: 1}),
            TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 1}),
        },
    )
    tickets = held_tickets(seller, registration_id)
    attendees = attendee_ids(seller, registration_id)
    staff(seller).call(
        "persist_ticket_selections",
        p_registration_id=registration_id,
        p_selections={TOMAS: selection(tickets={CEREMONY: 1})},
    )
    (stays,) = held_tickets(seller, registration_id)[TOMAS]
    (gone,) = set(tickets[TOMAS]) - {stays}
    pay(seller, registration_id)
    staff(seller).call("cancel_registration", p_registration_id=registration_id)
    service(seller).call(
        "record_refund",
        p_registration_id=registration_id,
        p_refund=payment("20.00", "refund", ticket_ids=[stays]),
    )
    revision = stored(seller, registration_id)["revision"]

    reader = Reader(seller)
    reader.read_until(4 + 1 + 3 + 3 + 1)
    everything, left = {*tickets[WALTER], *tickets[TOMAS]}, {*tickets[WALTER], stays}
    assert [
        (
            change["revision"] - revision,
            change["change"],
            change["actor_id"],
            change["actor_role"],
        )
        for change in reader.seen
    ] == [
        *[(-4, "added", OWNER, "authenticated")] * 4,
        (-3, "removed", STAFF, "authenticated"),
        *[(-2, "paid", None, "service_role")] * 3,
        *[(-1, "cancelled", STAFF, "authenticated")] * 3,
        (0, "refunded", None, "service_role"),
    ]
    by_kind = {
        kind: {change["ticket_id"] for change in reader.seen if change["change"] == kind}
        for kind in ("added", "removed", "paid", "cancelled", "refunded")
    }
    assert by_kind == {
        "added": everything,
        "removed": {gone},
        "paid": left,
        "cancelled": left,
        "refunded": {stays},
    }
    (removed,) = (change for change in reader.seen if change["change"] == "removed")
    assert removed == {
        "change_id": removed["change_id"],
        "change": "removed",
        "function_id": FUNCTION,
        "registration_id": registration_id,
        "revision": revision - 3,
        "ticket_id": gone,
        "attendee_id": attendees[TOMAS],
        "event_id": EVENTS[BANQUET],
        "ticket_type_id": BANQUET,
        "package_id": None,
        "price_paid": Decimal("115.00"),
        "actor_id": STAFF,
        "actor_role": "authenticated",
        "changed_at": removed["changed_at"],
    }
    assert {
        (change["package_id"], change["price_paid"])
        for change in reader.seen
        if change["attendee_id"] == attendees[WALTER]
    } == {(CEREMONY_AND_BANQUET, Decimal("20.00")), (CEREMONY_AND_BANQUET, Decimal("115.00"))}
    moments = [change["changed_at"] for change in reader.seen]
    assert moments == sorted(moments)


def test_what_changes_no_ticket_is_not_told(seller: Connection) -> None:
    registration_id = book(seller, ONE)
    for _ in range(2):
        owner(seller).call(
            "persist_ticket_selections", p_registration_id=registration_id, p_selections=ONE
        )
    owner(seller).call("start_payment", p_registration_id=registration_id)
    with pytest.raises(psycopg.Error):
        service(seller).call(
            "complete_registration_payment",
            p_registration_id=registration_id,
            p_payment=payment("1.00"),
        )
    reader = Reader(seller)
    reader.read_until(1)
    assert reader.story == [(registration_id, "added")]


# Paging


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10000])
def test_pages_of_any_size_hold_every_change_once_in_order(
    seller: Connection, catalogue: Document, limit: int
) -> None:
    # of two functions, whose changes are told as one
    service(seller).call("import_catalogue", p_catalogue=other_event(catalogue))
    for _ in range(3):
        registration_id = book(seller, {WALTER: selection({CEREMONY_AND_BANQUET: 2})})
        pay(seller, registration_id)
    expected = recorded(seller)
    assert len(expected) == 3 * 8
    everything = Reader(seller)
    everything.read_until(len(expected))
    reader = Reader(seller, limit=limit)
    reader.read_all()
    assert [change["change_id"] for change in reader.seen] == expected
    assert reader.seen == everything.seen
    assert reader.cursor == everything.cursor


def test_changes_of_several_functions_come_in_one_order(
    seller: Connection, catalogue: Document
) -> None:
    service(seller).call("import_catalogue", p_catalogue=other_event(catalogue))
    # the recorder of changes knows nothing of functions: hand it some of both
    seller.execute(
        """
        INSERT INTO ticketing.ticket_changes (
            function_id, change, registration_id, revision, ticket_id, attendee_id, event_id,
            ticket_type_id, price_paid, actor_role, changed_at
        )
        SELECT function.function_id, 'added', gen_random_uuid(), 1, gen_random_uuid(),
            gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0, 'service_role', now()
        FROM generate_series(1, 20) AS n
        CROSS JOIN ticketing.functions AS function
        ORDER BY n, function.slug
        """
    )
    reader = Reader(seller, limit=3)
    reader.read_until(40)
    assert [change["change_id"] for change in reader.seen] == recorded(seller)
    assert len({change["function_id"] for change in reader.seen}) == 2
    assert reader.seen[0]["function_id"] != reader.seen[1]["function_id"]


def test_the_cursor_stays_where_there_is_nothing_new(seller: Connection) -> None:
    reader = Reader(seller)
    assert reader.read() == 0
    assert reader.cursor is None
    book(seller, ONE)
    reader.read_until(1)
    cursor = reader.cursor
    assert cursor
    for _ in range(3):
        assert reader.read() == 0
    assert reader.cursor == cursor
    # an older one reads again what came after it
    again = Reader(seller)
    again.read_all()
    assert again.seen == reader.seen


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense!",
        "AAAA",
        "\\x00",
        _encoded(""),
        _encoded("1:2"),
        _encoded("1:2:3:4"),
        _encoded("a:b:c"),
        _encoded("1::3"),
        _encoded("1:-2:3"),
        _encoded("1:2:99999999999999999999"),
        _encoded("99999999999:2:3"),
        _encoded("1:99999999999999999999999:3"),
        _encoded("1:0x10:3"),
        base64.b64encode(b"\xff\xfe:1:1").decode(),
        base64.b64encode(b"1:\x00:1").decode(),
    ],
)
def test_only_cursors_of_the_feed_are_taken(db: Connection, cursor: str) -> None:
    refusal = service(db).refusal("get_ticket_changes", p_after=cursor)
    assert (refusal.sqlstate, refusal.found) == ("TK001", [("invalid_value", "p_after")])


@pytest.mark.parametrize("limit", [0, -1, 10001])
def test_a_page_has_from_one_to_ten_thousand_changes(db: Connection, limit: int) -> None:
    refusal = service(db).refusal("get_ticket_changes", p_limit=limit)
    assert (refusal.sqlstate, refusal.found) == ("TK001", [("invalid_value", "p_limit")])


def test_the_feed_is_for_the_service(db: Connection, catalogue: Document) -> None:
    service(db).call("import_catalogue", p_catalogue=catalogue)
    for who in (owner, staff, stranger, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            who(db).call("get_ticket_changes")


# While others write


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_a_slow_transaction_between_two_others_is_not_skipped(
    seller: Connection, connect: Connect, isolation: str
) -> None:
    slow = connect(options=LOCK_TIMEOUT)
    reader = Reader(connect(autocommit=True), limit=1)
    first = book(seller, ONE)
    reader.read_until(1)

    begin(slow, isolation)
    middle = book(slow, ELSEWHERE, STRANGER)  # and stays open
    reader.read_all()
    third = book(seller, ONE)
    fourth = book(seller, ONE)
    pay(seller, third)
    for _ in range(3):
        # the third has the higher transaction id and is committed; showing it now would be
        # stepping over the middle one
        assert reader.read() == 0
    assert reader.story == [(first, "added")]

    slow.commit()
    reader.read_until(5)
    assert reader.story == [
        (first, "added"),
        (middle, "added"),
        (third, "added"),
        (fourth, "added"),
        (third, "paid"),
    ]
    assert [change["change_id"] for change in reader.seen] == recorded(seller)
    assert integrity(seller) == []


def test_the_first_sale_after_a_start_blocks_no_other(seller: Connection, connect: Connect) -> None:
    # it verifies the epoch of the feed; nothing has been sold on this server before
    slow = connect(options=LOCK_TIMEOUT)
    begin(slow)
    first = book(slow, ELSEWHERE)
    second = book(seller, ONE)
    reader = Reader(connect(autocommit=True))
    assert reader.read() == 0
    slow.commit()
    reader.read_until(2)
    assert reader.story == [(first, "added"), (second, "added")]
    assert epoch(seller) == 1


def test_a_slow_transaction_that_fails_leaves_no_gap(seller: Connection, connect: Connect) -> None:
    slow = connect(options=LOCK_TIMEOUT)
    reader = Reader(connect(autocommit=True))
    first = book(seller, ONE)
    reader.read_until(1)
    begin(slow)
    book(slow, ELSEWHERE, STRANGER)
    third = book(seller, ONE)
    assert reader.read() == 0
    slow.rollback()
    reader.read_until(2)
    assert reader.story == [(first, "added"), (third, "added")]


def test_a_reader_who_pages_throughout_sees_every_change_once(
    seller: Connection, connect: Connect
) -> None:
    # transactions end in every order relative to how they began
    tickets = (RECEPTION, CEREMONY, BANQUET, BRUNCH)  # no two have a pool in common
    slots = [connect(options=LOCK_TIMEOUT) for _ in tickets]
    reader = Reader(connect(autocommit=True), limit=1)
    running: dict[int, str] = {}
    committed = [book(seller, ONE)]
    for step in range(40):
        slot = (step * 7 + step // 4) % len(slots)
        if slot in running:
            slots[slot].commit()
            committed.append(running.pop(slot))
        else:
            begin(slots[slot])
            chosen = {WALTER: selection(tickets={tickets[slot]: 1})}
            running[slot] = book(slots[slot], chosen)
        for _ in range(step % 3):
            reader.read()
    for slot, registration_id in running.items():
        slots[slot].commit()
        committed.append(registration_id)
    reader.read_until(len(committed))
    assert len(committed) >= 20
    assert [change["change_id"] for change in reader.seen] == recorded(seller)
    assert sorted(row for row, _ in reader.story) == sorted(committed)


# Moved to another server


@pytest.fixture
def younger_server() -> Iterator[Server]:
    """Another server, which has counted few transactions yet and knows our roles."""
    with run_server(settings={"fsync": "off", "synchronous_commit": "off"}) as running:
        with psycopg.connect(running.url(), autocommit=True) as connection:
            for role in (
                "ticketing_owner",
                "anon",
                "authenticated",
                "service_role",
                "ticketing_reader",
            ):
                connection.execute(f"CREATE ROLE {role} NOLOGIN")
            connection.execute("CREATE DATABASE moved")
        yield running


def move(source: Server, url: str, target: Server) -> None:
    """Dump a database and restore it as the database moved of another server."""
    dumped = subprocess.run(
        [source.bin_dir / "pg_dump", "--dbname", url], capture_output=True, check=True
    )
    subprocess.run(
        [
            *(target.bin_dir / "psql", "--no-psqlrc", "--quiet", "--single-transaction"),
            *("--set", "ON_ERROR_STOP=1", "--dbname", target.url("moved")),
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


def epoch(connection: Connection) -> int:
    """Return the epoch that changes are recorded in."""
    (row,) = rows(connection, "SELECT epoch FROM ticketing_internal.feed_epoch")
    number: int = row["epoch"]
    return number


def count_transactions(connection: Connection, number: int) -> None:
    """Let the server count so many transactions."""
    connection.execute(
        f"""
        DO $$ BEGIN
            FOR n IN 1..{number} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
        END $$
        """
    )


def test_a_reader_goes_on_where_the_database_was_restored(
    seller: Connection, database_url: str, server: Server, younger_server: Server
) -> None:
    count_transactions(seller, 5000)
    read = book(seller, ONE)
    reader = Reader(seller)
    reader.read_until(1)
    unread = book(seller, ONE)
    pay(seller, read)
    assert epoch(seller) == 1
    before = recorded(seller)
    highest = transaction_id(seller)
    move(server, database_url, younger_server)

    with psycopg.connect(younger_server.url("moved"), autocommit=True) as moved:
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


def test_what_was_not_read_before_a_restore_is_there_at_once(
    seller: Connection, database_url: str, server: Server, younger_server: Server
) -> None:
    count_transactions(seller, 5000)
    registration_id = book(seller, ONE)
    move(server, database_url, younger_server)
    with psycopg.connect(younger_server.url("moved"), autocommit=True) as moved:
        # although nothing has been sold since, and perhaps nothing ever will be
        reader = Reader(moved)
        reader.read_all()
        assert reader.story == [(registration_id, "added")]


def test_a_slow_transaction_is_not_skipped_after_a_restore_either(
    seller: Connection, database_url: str, server: Server, younger_server: Server
) -> None:
    count_transactions(seller, 5000)
    first = book(seller, ONE)
    reader = Reader(seller)
    reader.read_until(1)
    move(server, database_url, younger_server)

    url = younger_server.url("moved")
    with (
        psycopg.connect(url, autocommit=True, options=LOCK_TIMEOUT) as moved,
        psycopg.connect(url, options=LOCK_TIMEOUT) as slow,
    ):
        second = book(moved, ONE)
        elsewhere = Reader(moved, reader.cursor)
        elsewhere.read_until(1)
        begin(slow)
        third = book(slow, ELSEWHERE)
        fourth = book(moved, ONE)
        assert elsewhere.read() == 0
        slow.commit()
        elsewhere.read_until(3)
        assert elsewhere.story == [(second, "added"), (third, "added"), (fourth, "added")]
        assert first not in {row for row, _ in elsewhere.story}


def test_the_epoch_stays_where_transactions_only_grow(
    seller: Connection, database_url: str, server: Server, younger_server: Server
) -> None:
    registration_id = book(seller, ONE)
    with psycopg.connect(younger_server.url(), autocommit=True) as other:
        count_transactions(other, transaction_id(seller))
    move(server, database_url, younger_server)
    with psycopg.connect(younger_server.url("moved"), autocommit=True) as moved:
        new = book(moved, ONE)
        assert epoch(moved) == 1
        reader = Reader(moved)
        reader.read_until(2)
        assert reader.story == [(registration_id, "added"), (new, "added")]
        assert integrity(moved) == []
