"""Holds: how long unpaid tickets keep their capacity, and who gets it afterwards."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import psycopg
import pytest
from tests.support.bookings import (
    book,
    integrity,
    let_lapse,
    pay,
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
    CEREMONY,
    FUNCTION,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    selection,
)
from tests.support.stored import (
    dump,
    held_tickets,
    pool_counters,
    rows,
)

Connect: TypeAlias = Callable[..., psycopg.Connection[Any]]

CAPACITY = 3
TWO = {WALTER: selection(tickets={CEREMONY: 2})}
THREE = {WALTER: selection(tickets={CEREMONY: 3})}
ONE = {WALTER: selection(tickets={CEREMONY: 1})}
"""Of the capacity of three that the ceremony has here."""

BUYER = STRANGER


@pytest.fixture
def scarce(catalogue: Document) -> Document:
    """The catalogue of the example event with a capacity of three at the ceremony."""
    for element in catalogue["ticket_types"]:
        if element["ticket_type_id"] == CEREMONY:
            element["capacity"] = CAPACITY
    catalogue["function"] |= {"hold_minutes": 20, "payment_minutes": 10, "max_hold_minutes": 60}
    return catalogue


@pytest.fixture
def on_sale(db: Connection, scarce: Document) -> None:
    """Put the example event with this capacity on sale."""
    service(db).call("import_catalogue", p_catalogue=scarce)


def persist(
    db: Connection, registration_id: str, selections: Mapping[str, Document], **arguments: object
) -> Document:
    """Persist selections as the service."""
    return service(db).call(
        "persist_ticket_selections",
        p_registration_id=registration_id,
        p_selections=selections,
        **arguments,
    )


def hold_of(answer: Document) -> datetime:
    """Return until when an answer says that the tickets are held."""
    return datetime.fromisoformat(answer["hold_expires_at"])


def now_of(answer: Document) -> datetime:
    """Return when an answer was given."""
    return datetime.fromisoformat(answer["server_time"])


def age(db: Connection, registration_id: str, minutes: int) -> datetime:
    """Let a registration have been made so many minutes ago, and return when that was."""
    (row,) = rows(
        db,
        """
        UPDATE ticketing.registrations SET created_at = now() - make_interval(mins => %s)
        WHERE registration_id = %s RETURNING created_at
        """,
        minutes,
        registration_id,
    )
    made_at: datetime = row["created_at"]
    return made_at


def capacity_left(db: Connection, registration_id: str | None = None) -> int:
    """Return how much capacity of the ceremony the public page shows as left."""
    answer = service(db).call(
        "get_ticket_availability", p_function_id=FUNCTION, p_registration_id=registration_id
    )
    (left,) = (
        element["available"]
        for element in answer["ticket_types"]
        if element["ticket_type_id"] == CEREMONY
    )
    assert isinstance(left, int)
    return left


def quote(db: Connection, selections: Mapping[str, Document]) -> Document:
    """Quote selections for a visitor without a registration."""
    return anonymous(db).call(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=selections,
        p_attendees=[{"attendeeId": WALTER, "attendeeType": "guest"}],
    )


# How long


@pytest.mark.usefixtures("on_sale")
def test_each_persist_renews_the_hold(db: Connection) -> None:
    registration_id = book(db, ONE)
    for chosen in (ONE, TWO, ONE):
        db.execute(
            "UPDATE ticketing.registrations SET hold_expires_at = now() + interval '1 minute'"
        )
        answer = persist(db, registration_id, chosen)
        assert hold_of(answer) == now_of(answer) + timedelta(minutes=20)
        assert stored(db, registration_id)["hold_expires_at"] == hold_of(answer)


@pytest.mark.usefixtures("on_sale")
def test_a_hold_is_never_shortened(db: Connection) -> None:
    registration_id = book(db, ONE)
    started = owner(db).call("start_payment", p_registration_id=registration_id)
    assert hold_of(started) == now_of(started) + timedelta(minutes=30)
    for chosen in (ONE, TWO):
        assert hold_of(persist(db, registration_id, chosen)) == hold_of(started)


@pytest.mark.usefixtures("on_sale")
def test_a_hold_ends_so_long_after_the_booking_began(db: Connection) -> None:
    registration_id = book(db, ONE)
    made_at = age(db, registration_id, 50)
    db.execute("UPDATE ticketing.registrations SET hold_expires_at = now() + interval '1 minute'")
    for chosen in (TWO, ONE):
        assert hold_of(persist(db, registration_id, chosen)) == made_at + timedelta(minutes=60)
    # not even a hold that lives is renewed past it
    made_at = age(db, registration_id, 90)
    before = stored(db, registration_id)["hold_expires_at"]
    assert hold_of(persist(db, registration_id, TWO)) == before


@pytest.mark.usefixtures("on_sale")
def test_a_persist_after_the_hold_gets_another(db: Connection) -> None:
    registration_id = book(db, ONE)
    age(db, registration_id, 90)
    let_lapse(db, registration_id)
    answer = persist(db, registration_id, ONE)
    assert hold_of(answer) == now_of(answer) + timedelta(minutes=20)
    assert pool_counters(db)[CEREMONY] == (CAPACITY, 1, 0)


# Overdue, and not released


@pytest.mark.usefixtures("on_sale")
def test_overdue_capacity_counts_as_free_before_it_is_released(db: Connection) -> None:
    registration_id = book(db, TWO)
    assert capacity_left(db) == 1
    refused = quote(db, TWO)
    assert [issue["code"] for issue in refused["issues"]] == ["sold_out"]
    assert (refused["issues"][0]["requested"], refused["issues"][0]["available"]) == (2, 1)

    let_lapse(db, registration_id)
    before = dump(db)
    assert capacity_left(db) == CAPACITY
    assert quote(db, THREE)["valid"]
    # one too many still is
    refused = quote(db, {WALTER: selection(tickets={CEREMONY: 4})})
    assert (refused["issues"][0]["requested"], refused["issues"][0]["available"]) == (4, 3)
    # reading has released nothing
    assert dump(db) == before
    assert pool_counters(db)[CEREMONY] == (CAPACITY, 2, 0)


@pytest.mark.usefixtures("on_sale")
def test_a_buyer_takes_overdue_capacity(db: Connection) -> None:
    registration_id = book(db, TWO)
    let_lapse(db, registration_id)
    tickets = held_tickets(db, registration_id)
    revision = stored(db, registration_id)["revision"]
    buyer = book(db, THREE, BUYER)
    assert pool_counters(db)[CEREMONY] == (CAPACITY, 3, 0)
    expired = stored(db, registration_id)
    # they stay chosen
    assert (expired["status"], expired["revision"]) == ("expired", revision)
    assert held_tickets(db, registration_id) == tickets
    seen = owner(db).call("get_registration", p_registration_id=registration_id)
    assert seen["status"] == "expired"
    assert len(seen["tickets"]) == 2
    assert stored(db, buyer)["status"] == "draft"


@pytest.mark.usefixtures("on_sale")
def test_only_what_is_needed_expires(db: Connection) -> None:
    elsewhere = book(db, {WALTER: selection(tickets={BANQUET: 1})})
    registration_id = book(db, TWO)
    living = book(db, {TOMAS: selection(tickets={BANQUET: 1})})
    for overdue in (elsewhere, registration_id):
        let_lapse(db, overdue)

    # some capacity is left beside it
    book(db, ONE, BUYER)
    assert stored(db, registration_id)["status"] == "draft"
    book(db, ONE, BUYER)
    assert stored(db, registration_id)["status"] == "expired"
    # what holds none of the capacity that was short, or is not overdue, stays
    assert stored(db, elsewhere)["status"] == "draft"
    assert stored(db, living)["status"] == "draft"
    assert pool_counters(db)[CEREMONY] == (CAPACITY, 2, 0)
    assert pool_counters(db)[BANQUET] == (480, 2, 0)


@pytest.mark.usefixtures("on_sale")
def test_what_lives_or_is_paid_is_not_taken(db: Connection) -> None:
    living = book(db, ONE)
    paid = book(db, ONE)
    pay(db, paid)
    overdue = book(db, ONE)
    let_lapse(db, overdue)
    before = dump(db)
    with pytest.raises(psycopg.Error) as caught:
        book(db, TWO, BUYER)
    assert caught.value.sqlstate == "TK005"
    # nor does a buyer who is refused all the same release anything
    assert dump(db) == before
    assert {stored(db, row)["status"] for row in (living, overdue)} == {"draft"}


@pytest.mark.usefixtures("on_sale")
def test_an_owner_takes_own_overdue_capacity_again(db: Connection) -> None:
    registration_id = book(db, TWO)
    let_lapse(db, registration_id)
    tickets = held_tickets(db, registration_id)
    revision = stored(db, registration_id)["revision"]
    answer = persist(db, registration_id, THREE)
    assert set(held_tickets(db, registration_id)[WALTER]) > set(tickets[WALTER])
    assert (answer["status"], answer["revision"]) == ("draft", revision + 1)
    assert pool_counters(db)[CEREMONY] == (CAPACITY, 3, 0)


# Expired


@pytest.mark.usefixtures("on_sale")
def test_an_expired_registration_takes_capacity_anew(db: Connection) -> None:
    registration_id = book(db, TWO)
    let_lapse(db, registration_id)
    service(db).call("release_expired_holds")
    assert pool_counters(db)[CEREMONY] == (CAPACITY, 0, 0)
    tickets = held_tickets(db, registration_id)
    answer = owner(db).call(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=TWO
    )
    assert (answer["status"], answer["tickets_unchanged"]) == ("draft", 2)
    assert hold_of(answer) == now_of(answer) + timedelta(minutes=20)
    assert held_tickets(db, registration_id) == tickets
    assert pool_counters(db)[CEREMONY] == (CAPACITY, 2, 0)


@pytest.mark.usefixtures("on_sale")
def test_an_expired_registration_without_capacity_left_is_refused(db: Connection) -> None:
    registration_id = book(db, TWO)
    let_lapse(db, registration_id)
    book(db, TWO, BUYER)
    before = dump(db)
    refusal = owner(db).refusal(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=TWO
    )
    assert refusal.sqlstate == "TK005"
    (issue,) = refusal.issues
    assert (issue["code"], issue["ticket_type_id"]) == ("sold_out", CEREMONY)
    assert (issue["requested"], issue["available"]) == (2, 1)
    assert dump(db) == before
    # fewer will do
    owner(db).call("persist_ticket_selections", p_registration_id=registration_id, p_selections=ONE)
    assert pool_counters(db)[CEREMONY] == (CAPACITY, 3, 0)


@pytest.mark.usefixtures("on_sale")
def test_an_expired_registration_comes_back_at_todays_rules(
    db: Connection, scarce: Document
) -> None:
    registration_id = book(db, TWO)
    let_lapse(db, registration_id)
    service(db).call("release_expired_holds")
    for element in scarce["ticket_types"]:
        element["sale_ends_at"] = "2026-01-01T00:00:00Z"
    service(db).call("import_catalogue", p_catalogue=scarce)
    refusal = owner(db).refusal(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=TWO
    )
    assert refusal.sqlstate == "TK004"
    assert {issue["code"] for issue in refusal.issues} == {"sale_ended"}


# Releasing


@pytest.mark.usefixtures("on_sale")
def test_releasing_is_bounded_and_takes_the_longest_overdue_first(
    db: Connection, scarce: Document
) -> None:
    scarce["ticket_types"][2]["capacity"] = 100
    service(db).call("import_catalogue", p_catalogue=scarce)
    overdue = [book(db, ONE) for _ in range(5)]
    living, paid = book(db, ONE), book(db, ONE)
    pay(db, paid)
    for minutes, registration_id in enumerate(overdue, start=1):
        db.execute(
            """
            UPDATE ticketing.registrations
            SET hold_expires_at = now() - make_interval(mins => %s) WHERE registration_id = %s
            """,
            [minutes, registration_id],
        )
    answer = service(db).call("release_expired_holds", p_limit=2)
    assert datetime.fromisoformat(answer.pop("server_time"))
    assert answer == {"success": True, "released": 2}
    assert [stored(db, row)["status"] for row in overdue] == ["draft"] * 3 + ["expired"] * 2
    assert pool_counters(db)[CEREMONY] == (100, 4, 1)
    assert service(db).call("release_expired_holds")["released"] == 3
    assert service(db).call("release_expired_holds")["released"] == 0
    assert {stored(db, row)["status"] for row in overdue} == {"expired"}
    assert (stored(db, living)["status"], stored(db, paid)["status"]) == ("draft", "completed")
    assert pool_counters(db)[CEREMONY] == (100, 1, 1)


@pytest.mark.usefixtures("on_sale")
@pytest.mark.parametrize("limit", [0, -1, 10001])
def test_a_limit_is_from_one_to_ten_thousand(db: Connection, limit: int) -> None:
    refusal = service(db).refusal("release_expired_holds", p_limit=limit)
    assert (refusal.sqlstate, refusal.found) == ("TK001", [("invalid_value", "p_limit")])


@pytest.mark.usefixtures("on_sale")
def test_only_the_service_releases(db: Connection) -> None:
    for who in (owner, staff, stranger, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            who(db).call("release_expired_holds")


# Locked by another transaction


@pytest.fixture
def contested(connect: Connect, scarce: Document) -> tuple[Connection, str]:
    """Make a registration with two of three tickets overdue, its row locked by another session.

    Returns:
        A connection of a buyer, who would wait for five seconds at most, and the registration.
    """
    buyer = connect(autocommit=True)
    buyer.execute("SET lock_timeout = '5s'")
    service(buyer).call("import_catalogue", p_catalogue=scarce)
    registration_id = book(buyer, TWO)
    let_lapse(buyer, registration_id)
    connect().execute(
        "SELECT FROM ticketing.registrations WHERE registration_id = %s FOR UPDATE",
        [registration_id],
    )
    return buyer, registration_id


def test_a_buyer_does_not_wait_for_an_overdue_registration(
    contested: tuple[Connection, str],
) -> None:
    buyer, registration_id = contested
    # the capacity is on offer, but cannot be taken at this moment
    assert capacity_left(buyer) == CAPACITY
    with pytest.raises(psycopg.errors.SerializationFailure) as caught:
        book(buyer, TWO, BUYER)
    assert caught.value.diag.message_hint
    assert stored(buyer, registration_id)["status"] == "draft"
    assert pool_counters(buyer)[CEREMONY] == (CAPACITY, 2, 0)
    # what is free is
    book(buyer, ONE, BUYER)
    # and releasing passes it by
    assert service(buyer).call("release_expired_holds")["released"] == 0
    assert integrity(buyer) == []


def test_a_buyer_takes_the_capacity_of_others_instead(connect: Connect, scarce: Document) -> None:
    buyer = connect(autocommit=True)
    buyer.execute("SET lock_timeout = '5s'")
    service(buyer).call("import_catalogue", p_catalogue=scarce)
    locked, free = book(buyer, ONE), book(buyer, TWO)
    for registration_id in (locked, free):
        let_lapse(buyer, registration_id)
    connect().execute(
        "SELECT FROM ticketing.registrations WHERE registration_id = %s FOR UPDATE", [locked]
    )
    book(buyer, TWO, BUYER)
    assert (stored(buyer, locked)["status"], stored(buyer, free)["status"]) == ("draft", "expired")
    assert pool_counters(buyer)[CEREMONY] == (CAPACITY, 3, 0)
    assert integrity(buyer) == []
