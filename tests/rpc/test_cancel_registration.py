"""cancel_registration: giving up a registration, and its capacity."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

import psycopg
import pytest
from tests.support.bookings import (
    book,
    import_catalogue,
    integrity,
    let_lapse,
    pay,
    payment,
    start,
    stored,
    ticket_states,
)
from tests.support.caller import Caller, Connection, anonymous, owner, service, staff, stranger
from tests.support.example import (
    ABSENT,
    CEREMONY,
    CEREMONY_AND_BANQUET,
    COMMUNICATION,
    FUNCTION,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    part,
    selection,
)
from tests.support.stored import dump, held_tickets, pool_counters, rows

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({CEREMONY_AND_BANQUET: 1}),
    TOMAS: selection(tickets={CEREMONY: 1}),
}
TOTAL = Decimal("155.00")

As: TypeAlias = Callable[[Connection], Caller]


@pytest.fixture
def booking(event_db: Connection) -> str:
    """Book two attendees."""
    return book(event_db, CHOSEN)


def cancel(caller: Caller, registration_id: str, **arguments: object) -> Document:
    """Cancel a registration."""
    return caller.call("cancel_registration", p_registration_id=registration_id, **arguments)


@pytest.mark.parametrize("who", [owner, staff, service])
@pytest.mark.parametrize("status", ["draft", "pending", "overdue", "expired"])
def test_cancel_registration_gives_up_unpaid_tickets(
    event_db: Connection, booking: str, status: str, who: As
) -> None:
    if status == "pending":
        owner(event_db).call("start_payment", p_registration_id=booking)
    if status in {"overdue", "expired"}:
        let_lapse(event_db, booking)
    if status == "expired":
        service(event_db).call("release_expired_holds")
    assert pool_counters(event_db)[CEREMONY] == (600, 0 if status == "expired" else 2, 0)
    before = stored(event_db, booking)
    tickets = held_tickets(event_db, booking)

    answer = cancel(who(event_db), booking)
    assert datetime.fromisoformat(answer.pop("server_time"))
    assert answer == {
        "success": True,
        "registration_id": booking,
        "status": "cancelled",
        "payment_status": "Unpaid",
        "revision": before["revision"] + 1,
        "tickets_cancelled": 3,
        "refund_due": Decimal("0.00"),
        "currency": "AUD",
    }
    after = stored(event_db, booking)
    assert after == before | {
        "status": "cancelled",
        "subtotal": 0,
        "total": 0,
        "hold_expires_at": None,
        "revision": before["revision"] + 1,
        "updated_at": after["updated_at"],
    }
    # the capacity is free at once, the history stays
    assert {use[1:] for use in pool_counters(event_db).values()} == {(0, 0)}
    assert held_tickets(event_db, booking) == tickets
    assert ticket_states(event_db, booking) == {("Cancelled", "Unpaid")}
    assert rows(
        event_db,
        """
        SELECT change, revision, count(*) FROM ticketing.ticket_changes
        GROUP BY 1, 2 ORDER BY 2, 1
        """,
    ) == [
        {"change": "added", "revision": before["revision"], "count": 3},
        {"change": "cancelled", "revision": before["revision"] + 1, "count": 3},
    ]


def refunds_until(connection: Connection, until: datetime | None) -> None:
    """Let owners cancel what is paid until then."""
    connection.execute("UPDATE ticketing.functions SET refunds_until = %s", [until])


@pytest.mark.parametrize("minutes", [None, -1, 0])
def test_refunds_ended_is_raised_for_an_owner_who_has_paid(
    event_db: Connection, booking: str, minutes: int | None
) -> None:
    until = None if minutes is None else datetime.now(UTC) + timedelta(minutes=minutes)
    refunds_until(event_db, until)
    pay(event_db, booking)
    before = dump(event_db)
    refusal = owner(event_db).refusal("cancel_registration", p_registration_id=booking)
    assert refusal.sqlstate == "TK003"
    assert refusal.found == [("refunds_ended", "p_registration_id")]
    (issue,) = refusal.issues
    assert issue["actual"] == "completed"
    if until is None:
        assert "expected" not in issue
    else:
        assert datetime.fromisoformat(issue["expected"]) == until
    assert dump(event_db) == before
    # these do not bind who answers for the organisation
    assert cancel(staff(event_db), booking)["status"] == "cancelled"


def test_cancel_registration_is_for_its_owner_until_refunds_end(
    event_db: Connection, booking: str
) -> None:
    refunds_until(event_db, datetime.now(UTC) + timedelta(minutes=1))
    pay(event_db, booking)
    answer = cancel(owner(event_db), booking)
    assert (answer["payment_status"], answer["tickets_cancelled"]) == ("Paid", 3)
    seen = owner(event_db).call("get_registration", p_registration_id=booking)
    assert seen["refund_due"] == TOTAL
    assert integrity(event_db) == []


def adjust(connection: Connection, registration_id: str, adjustment: str) -> Document:
    """Adjust a registration."""
    return service(connection).call(
        "adjust_registration",
        p_registration_id=registration_id,
        p_adjustment=adjustment,
        p_reason="goodwill",
    )


def refund(connection: Connection, registration_id: str, amount: str) -> Document:
    """Give money back."""
    return service(connection).call(
        "record_refund",
        p_registration_id=registration_id,
        p_refund=payment(amount, f"refund of {amount}"),
    )


def test_cancel_registration_is_for_its_owner_once_all_was_given_back(
    event_db: Connection, booking: str
) -> None:
    pay(event_db, booking)
    adjust(event_db, booking, "-155.00")
    refund(event_db, booking, "154.99")
    refusal = owner(event_db).refusal("cancel_registration", p_registration_id=booking)
    assert refusal.found == [("refunds_ended", "p_registration_id")]
    refund(event_db, booking, "0.01")
    answer = cancel(owner(event_db), booking)
    assert (answer["status"], answer["payment_status"]) == ("cancelled", "Refunded")
    assert stored(event_db, booking)["payment_status"] == "Refunded"
    assert {use[1:] for use in pool_counters(event_db).values()} == {(0, 0)}
    assert integrity(event_db) == []


@pytest.mark.parametrize(
    ("adjustment", "due"), [("-30.00", "125.00"), ("-155.00", "0.00"), ("0.00", "155.00")]
)
def test_cancel_registration_makes_due_what_was_paid_for_less_than_the_price(
    event_db: Connection, booking: str, adjustment: str, due: str
) -> None:
    adjust(event_db, booking, adjustment)
    start(event_db, booking)
    if due != "0.00":
        pay(event_db, booking)
    cancel(service(event_db), booking)
    seen = service(event_db).call("get_registration", p_registration_id=booking)
    assert (seen["total"], seen["refund_due"]) == (0, Decimal(due))
    assert seen["payment_status"] == "Paid"
    assert integrity(event_db) == []


def test_cancel_registration_keeps_a_fee_that_was_charged(
    event_db: Connection, booking: str
) -> None:
    adjust(event_db, booking, "10.00")
    pay(event_db, booking)
    cancel(service(event_db), booking)
    seen = service(event_db).call("get_registration", p_registration_id=booking)
    assert (seen["subtotal"], seen["total"], seen["amount_due"]) == (0, Decimal("10.00"), 0)
    assert seen["refund_due"] == TOTAL
    assert integrity(event_db) == []
    # of one that was never paid nothing is due, either way
    unpaid = book(event_db, CHOSEN)
    adjust(event_db, unpaid, "10.00")
    cancel(owner(event_db), unpaid)
    seen = service(event_db).call("get_registration", p_registration_id=unpaid)
    assert (seen["payment_status"], seen["amount_due"], seen["refund_due"]) == ("Unpaid", 0, 0)
    assert integrity(event_db) == []


@pytest.mark.parametrize("is_refunded", [False, True])
def test_cancel_registration_cancels_only_what_is_in_force(
    event_db: Connection, booking: str, *, is_refunded: bool
) -> None:
    pay(event_db, booking)
    # the ticket of Tomas was cancelled before
    gone = held_tickets(event_db, booking)[TOMAS]
    event_db.execute(
        """
        UPDATE ticketing.tickets SET status = 'Cancelled', updated_at = created_at
        WHERE ticket_id = ANY(%s::uuid[])
        """,
        [gone],
    )
    event_db.execute(
        "UPDATE ticketing.registrations SET subtotal = 135 WHERE registration_id = %s", [booking]
    )
    service(event_db).call("repair_capacity", p_function_id=FUNCTION)
    if is_refunded:
        refund(event_db, booking, "20.00")
    before = rows(
        event_db, "SELECT * FROM ticketing.tickets WHERE ticket_id = ANY(%s::uuid[])", gone
    )
    answer = cancel(service(event_db), booking)
    assert (answer["payment_status"], answer["tickets_cancelled"]) == ("Paid", 2)
    assert before == rows(
        event_db, "SELECT * FROM ticketing.tickets WHERE ticket_id = ANY(%s::uuid[])", gone
    )
    assert not rows(
        event_db,
        """
        SELECT FROM ticketing.ticket_changes
        WHERE change = 'cancelled' AND ticket_id = ANY(%s::uuid[])
        """,
        gone,
    )
    assert {use[1:] for use in pool_counters(event_db).values()} == {(0, 0)}
    seen = service(event_db).call("get_registration", p_registration_id=booking)
    assert seen["refund_due"] == (Decimal("135.00") if is_refunded else TOTAL)


@pytest.mark.parametrize("who", [owner, staff, service])
def test_cancel_registration_of_a_completed_free_one_is_for_its_owner_too(
    event_db: Connection, who: As
) -> None:
    registration_id = book(event_db, {WALTER: selection(tickets={COMMUNICATION: 1})})
    assert start(event_db, registration_id)["status"] == "completed"
    answer = cancel(who(event_db), registration_id)
    assert (answer["status"], answer["tickets_cancelled"]) == ("cancelled", 1)
    assert pool_counters(event_db)[COMMUNICATION] == (500, 0, 0)
    assert integrity(event_db) == []


@pytest.mark.parametrize("who", [staff, service])
def test_cancel_registration_is_for_staff_and_the_service_once_paid(
    event_db: Connection, booking: str, who: As
) -> None:
    paid = pay(event_db, booking)
    assert pool_counters(event_db)[CEREMONY] == (600, 0, 2)
    answer = cancel(who(event_db), booking)
    assert (answer["payment_status"], answer["tickets_cancelled"]) == ("Paid", 3)
    after = stored(event_db, booking)
    assert (after["status"], after["payment_status"]) == ("cancelled", "Paid")
    assert after["confirmation_number"] == paid["confirmation_number"]
    assert (paid["total"], after["subtotal"], after["total"]) == (TOTAL, 0, 0)
    assert {use[1:] for use in pool_counters(event_db).values()} == {(0, 0)}
    assert ticket_states(event_db, booking) == {("Cancelled", "Paid")}
    assert integrity(event_db) == []


def test_cancel_registration_of_a_stranger_finds_none(event_db: Connection, booking: str) -> None:
    before = dump(event_db)
    refusal = stranger(event_db).refusal("cancel_registration", p_registration_id=booking)
    assert refusal.sqlstate == "TK002"
    assert refusal == stranger(event_db).refusal("cancel_registration", p_registration_id=ABSENT)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        cancel(anonymous(event_db), booking)
    assert dump(event_db) == before


def test_cancel_registration_again_changes_nothing(event_db: Connection, booking: str) -> None:
    first = cancel(owner(event_db), booking, p_reason="We are ill")
    before = dump(event_db)
    for who in (owner, service):
        again = cancel(who(event_db), booking, p_reason="Another")
        assert again == first | {"tickets_cancelled": 0, "server_time": again["server_time"]}
    assert dump(event_db) == before


@pytest.mark.parametrize(
    ("reason", "kept"),
    [("We are ill", "We are ill"), (None, None), ("x" * 1001, "x" * 1000)],
    ids=["short", "none", "too long"],
)
def test_cancel_registration_keeps_the_reason(
    event_db: Connection, booking: str, reason: str | None, kept: str | None
) -> None:
    cancel(owner(event_db), booking, p_reason=reason)
    assert stored(event_db, booking)["cancellation_reason"] == kept


def test_cancel_registration_returns_capacity_to_others(
    event_db: Connection, catalogue: Document, booking: str
) -> None:
    part(catalogue, CEREMONY)["capacity"] = 2
    import_catalogue(event_db, catalogue)
    rival = Caller(event_db, "authenticated", STRANGER)
    registration_id = book(event_db, {}, STRANGER)
    wanted = {WALTER: selection(tickets={CEREMONY: 1})}
    refusal = rival.refusal(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=wanted
    )
    assert refusal.sqlstate == "TK005"
    cancel(owner(event_db), booking)
    rival.call("persist_ticket_selections", p_registration_id=registration_id, p_selections=wanted)
    assert pool_counters(event_db)[CEREMONY] == (2, 1, 0)


def test_not_editable_is_raised_for_every_change_once_cancelled(
    event_db: Connection, booking: str
) -> None:
    cancel(owner(event_db), booking)
    before = dump(event_db)
    for refusal in (
        owner(event_db).refusal(
            "persist_ticket_selections", p_registration_id=booking, p_selections=CHOSEN
        ),
        owner(event_db).refusal("start_payment", p_registration_id=booking),
    ):
        assert refusal.sqlstate == "TK003"
        assert refusal.issues[0]["actual"] == "cancelled"
    assert dump(event_db) == before


def test_cancel_registration_without_tickets_cancels_none(event_db: Connection) -> None:
    registration_id = book(event_db, {})
    assert cancel(owner(event_db), registration_id)["tickets_cancelled"] == 0
    assert stored(event_db, registration_id)["status"] == "cancelled"
    assert integrity(event_db) == []
