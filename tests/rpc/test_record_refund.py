"""record_refund: giving back what was paid for a cancelled registration."""

from collections.abc import Mapping
from decimal import Decimal

import psycopg
import pytest
from tests.support.bookings import (
    book,
    integrity,
    pay,
    payment,
    start,
    stored,
    ticket_states,
)
from tests.support.caller import (
    JSON_NULL,
    Connection,
    anonymous,
    owner,
    service,
    staff,
    stranger,
)
from tests.support.example import (
    ABSENT,
    CEREMONY,
    CEREMONY_AND_BANQUET,
    COMMUNICATION,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    selection,
)
from tests.support.stored import dump, held_tickets, pool_counters, rows

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({CEREMONY_AND_BANQUET: 1}),
    TOMAS: selection(tickets={CEREMONY: 1}),
}


TOTAL = Decimal("155.00")
"""135.00 for Walter's package, 20.00 for the ticket of Tomas."""


@pytest.fixture
def booking(event_db: Connection) -> str:
    """Book two attendees."""
    return book(event_db, CHOSEN)


@pytest.fixture
def cancelled(event_db: Connection, booking: str) -> str:
    """Book two attendees, pay a surcharge of 3.50 on top, and cancel."""
    service(event_db).call(
        "complete_registration_payment",
        p_registration_id=booking,
        p_payment=payment("158.50", "paid", surcharge_amount="3.50"),
    )
    service(event_db).call("cancel_registration", p_registration_id=booking)
    return booking


def refund(db: Connection, registration_id: str, p_refund: object) -> Document:
    """Record a refund as the service."""
    return service(db).call("record_refund", p_registration_id=registration_id, p_refund=p_refund)


def refused_refund(
    db: Connection, registration_id: str, p_refund: object
) -> tuple[str | None, list[Document]]:
    """Record a refund that is refused, and return the SQLSTATE and the issues; nothing changes."""
    before = dump(db)
    refusal = service(db).refusal(
        "record_refund", p_registration_id=registration_id, p_refund=p_refund
    )
    assert dump(db) == before
    return refusal.sqlstate, refusal.issues


def money(db: Connection, registration_id: str) -> dict[str, str]:
    """Return what get_registration says of the money, and the payment status."""
    answer = service(db).call("get_registration", p_registration_id=registration_id)
    keys = ("total", "paid", "refunded", "amount_due", "refund_due", "payment_status")
    return {key: str(answer[key]) for key in keys}


def exchange(db: Connection, registration_id: str) -> None:
    """Take the ticket of Tomas out of a paid registration, which stays completed."""
    (ticket_id,) = held_tickets(db, registration_id)[TOMAS]
    db.execute(
        "UPDATE ticketing.tickets SET status = 'Cancelled' WHERE ticket_id = %s", [ticket_id]
    )
    db.execute(
        """
        UPDATE ticketing.registrations SET subtotal = 135
        WHERE registration_id = %s
        """,
        [registration_id],
    )


# What is due back


def test_refund_due_is_all_that_was_paid_once_cancelled(event_db: Connection, booking: str) -> None:
    nothing = {"paid": "0.00", "refunded": "0.00", "amount_due": "0.00", "refund_due": "0.00"}
    unpaid = {"total": "155.00", "payment_status": "Unpaid"}
    assert money(event_db, booking) == nothing | unpaid | {"amount_due": "155.00"}
    pay(event_db, booking)
    paid = {"total": "155.00", "paid": "155.00", "payment_status": "Paid"}
    assert money(event_db, booking) == nothing | paid
    service(event_db).call("cancel_registration", p_registration_id=booking)
    back = {"total": "0.00", "refund_due": "155.00"}
    assert money(event_db, booking) == nothing | paid | back

    # and falls to nothing as money is given back
    for amount, due in (("35.00", "120.00"), ("119.99", "0.01"), ("0.01", "0.00")):
        answer = refund(event_db, booking, payment(amount, f"refund of {amount}"))
        seen = money(event_db, booking)
        assert seen["refund_due"] == str(answer["refund_due"]) == due
        assert seen["payment_status"] == ("Refunded" if due == "0.00" else "Paid")
        assert Decimal(seen["refunded"]) == TOTAL - Decimal(due)
        assert integrity(event_db) == []


def test_refund_due_is_without_the_surcharge(event_db: Connection, cancelled: str) -> None:
    assert money(event_db, cancelled) == {
        "total": "0.00",
        "paid": "155.00",
        "refunded": "0.00",
        "amount_due": "0.00",
        "refund_due": "155.00",
        "payment_status": "Paid",
    }


@pytest.mark.parametrize("is_started", [False, True])
def test_refund_due_is_nothing_when_nothing_was_paid(
    event_db: Connection, *, is_started: bool
) -> None:
    free = {WALTER: selection(tickets={COMMUNICATION: 1})} if is_started else CHOSEN
    registration_id = book(event_db, free)
    if is_started:
        start(event_db, registration_id)
    owner(event_db).call("cancel_registration", p_registration_id=registration_id)
    assert money(event_db, registration_id) == {
        "total": "0.00",
        "paid": "0.00",
        "refunded": "0.00",
        "amount_due": "0.00",
        "refund_due": "0.00",
        "payment_status": "Paid" if is_started else "Unpaid",
    }
    assert integrity(event_db) == []


# What is refunded


def test_record_refund_that_names_no_ticket_refunds_all(
    event_db: Connection, cancelled: str
) -> None:
    before = stored(event_db, cancelled)
    answer = refund(
        event_db,
        cancelled,
        payment("158.50", "refund", provider="default", surcharge_amount="3.50"),
    )
    (row,) = rows(event_db, "SELECT * FROM ticketing.payments WHERE kind = 'refund'")
    assert answer == {
        "success": True,
        "registration_id": cancelled,
        "payment_id": str(row["payment_id"]),
        "status": "cancelled",
        "payment_status": "Refunded",
        "revision": before["revision"] + 1,
        "amount": Decimal("158.50"),
        "surcharge_amount": Decimal("3.50"),
        "refund_due": Decimal("0.00"),
        "currency": "AUD",
    }
    assert (row["provider"], row["reference"], row["amount"], row["currency"]) == (
        "default",
        "refund",
        Decimal("158.50"),
        "AUD",
    )
    after = stored(event_db, cancelled)
    assert (after["payment_status"], after["revision"]) == ("Refunded", answer["revision"])
    assert after["confirmation_number"] == before["confirmation_number"]
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Refunded")}
    assert {use[1:] for use in pool_counters(event_db).values()} == {(0, 0)}
    assert integrity(event_db) == []


def test_record_refund_refunds_the_tickets_named(event_db: Connection, cancelled: str) -> None:
    tickets = held_tickets(event_db, cancelled)
    answer = refund(event_db, cancelled, payment("20.00", "refund-1", ticket_ids=tickets[TOMAS]))
    assert (answer["payment_status"], answer["refund_due"]) == ("Paid", Decimal("135.00"))
    assert stored(event_db, cancelled)["payment_status"] == "Paid"
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Paid"), ("Cancelled", "Refunded")}
    assert [
        str(row["ticket_id"])
        for row in rows(
            event_db, "SELECT * FROM ticketing.ticket_changes WHERE change = 'refunded'"
        )
    ] == tickets[TOMAS]
    assert integrity(event_db) == []

    # with the last that is due the registration is refunded
    answer = refund(
        event_db, cancelled, payment("135.00", "refund-2", ticket_ids=tickets[WALTER] * 2)
    )
    assert answer["payment_status"] == "Refunded"
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Refunded")}
    assert integrity(event_db) == []


def test_record_refund_that_names_no_ticket_refunds_the_rest(
    event_db: Connection, cancelled: str
) -> None:
    tickets = held_tickets(event_db, cancelled)
    refund(event_db, cancelled, payment("20.00", "refund-1", ticket_ids=tickets[TOMAS]))
    answer = refund(event_db, cancelled, payment("135.00", "refund-2", ticket_ids=None))
    assert answer["payment_status"] == "Refunded"
    assert rows(
        event_db,
        """
        SELECT count(*), count(DISTINCT ticket_id) AS tickets FROM ticketing.ticket_changes
        WHERE change = 'refunded'
        """,
    ) == [{"count": 3, "tickets": 3}]


def test_record_refund_of_part_without_names_refunds_no_ticket_yet(
    event_db: Connection, cancelled: str
) -> None:
    answer = refund(event_db, cancelled, payment("154.99", "refund-1"))
    assert (answer["payment_status"], answer["refund_due"]) == ("Paid", Decimal("0.01"))
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Paid")}
    # naming a ticket for the last cent, and the others with it
    tickets = held_tickets(event_db, cancelled)[TOMAS]
    answer = refund(event_db, cancelled, payment("0.01", "refund-2", ticket_ids=tickets))
    assert answer["payment_status"] == "Refunded"
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Refunded")}
    assert integrity(event_db) == []


def test_record_refund_below_the_price_leaves_the_rest_due(
    event_db: Connection, cancelled: str
) -> None:
    tickets = held_tickets(event_db, cancelled)
    for amount, who in (("12.00", TOMAS), ("100.00", WALTER)):
        refund(event_db, cancelled, payment(amount, who, ticket_ids=tickets[who]))
    # each ticket is refunded, and not all that was paid
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Refunded")}
    assert money(event_db, cancelled)["refund_due"] == "43.00"
    assert stored(event_db, cancelled)["payment_status"] == "Paid"
    assert integrity(event_db) == []
    answer = refund(event_db, cancelled, payment("43.00", "the rest"))
    assert (answer["payment_status"], answer["refund_due"]) == ("Refunded", 0)
    assert integrity(event_db) == []


def test_record_refund_gives_back_what_a_completed_registration_no_longer_costs(
    event_db: Connection, booking: str
) -> None:
    pay(event_db, booking)
    (ticket,) = held_tickets(event_db, booking)[TOMAS]
    exchange(event_db, booking)
    assert money(event_db, booking)["refund_due"] == "20.00"
    answer = refund(event_db, booking, payment("15.00", "refund-1"))
    assert (answer["status"], answer["payment_status"]) == ("completed", "Paid")
    assert ticket_states(event_db, booking) == {("Active", "Paid"), ("Cancelled", "Paid")}
    answer = refund(event_db, booking, payment("5.00", "refund-2"))
    assert (answer["status"], answer["payment_status"]) == ("completed", "Paid")
    assert answer["refund_due"] == 0
    assert ticket_states(event_db, booking) == {("Active", "Paid"), ("Cancelled", "Refunded")}
    assert [
        str(row["ticket_id"])
        for row in rows(
            event_db, "SELECT * FROM ticketing.ticket_changes WHERE change = 'refunded'"
        )
    ] == [ticket]


def discount(db: Connection, registration_id: str, adjustment: str) -> Document:
    """Adjust a registration."""
    return service(db).call(
        "adjust_registration",
        p_registration_id=registration_id,
        p_adjustment=adjustment,
        p_reason="goodwill",
    )


def test_record_refund_gives_back_a_discount_and_refunds_no_ticket(
    event_db: Connection, booking: str
) -> None:
    pay(event_db, booking)
    discount(event_db, booking, "-35.00")
    before = stored(event_db, booking)
    sqlstate, (issue,) = refused_refund(event_db, booking, payment("35.01", "refund"))
    assert (sqlstate, issue["code"]) == ("TK007", "refund_too_large")
    assert issue["expected"] == Decimal("35.00")
    for amount, due in (("5.00", "30.00"), ("30.00", "0.00")):
        answer = refund(event_db, booking, payment(amount, f"refund of {amount}"))
        assert (answer["status"], answer["payment_status"]) == ("completed", "Paid")
        assert str(answer["refund_due"]) == due
    after = stored(event_db, booking)
    assert after["revision"] == before["revision"] + 2
    assert ticket_states(event_db, booking) == {("Active", "Paid")}
    assert rows(event_db, "SELECT FROM ticketing.ticket_changes WHERE change = 'refunded'") == []
    assert integrity(event_db) == []
    # more is due back only when it costs less again, or is cancelled
    sqlstate, (issue,) = refused_refund(event_db, booking, payment("0.01", "more"))
    assert (sqlstate, issue["code"]) == ("TK007", "not_refundable")
    service(event_db).call("cancel_registration", p_registration_id=booking)
    answer = refund(event_db, booking, payment("120.00", "the rest"))
    assert (answer["payment_status"], answer["refund_due"]) == ("Refunded", 0)
    assert ticket_states(event_db, booking) == {("Cancelled", "Refunded")}
    assert integrity(event_db) == []


def test_ticket_not_cancelled_is_raised_for_a_discount_that_names_tickets(
    event_db: Connection, booking: str
) -> None:
    pay(event_db, booking)
    discount(event_db, booking, "-35.00")
    tickets = held_tickets(event_db, booking)[TOMAS]
    sqlstate, (issue,) = refused_refund(
        event_db, booking, payment("20.00", "refund", ticket_ids=tickets)
    )
    assert (sqlstate, issue["code"]) == ("TK004", "ticket_not_cancelled")


def test_record_refund_again_gets_its_answer_after_an_adjustment(
    event_db: Connection, booking: str
) -> None:
    pay(event_db, booking)
    discount(event_db, booking, "-35.00")
    first = refund(event_db, booking, payment("35.00", "refund"))
    discount(event_db, booking, "-36.00")
    before = dump(event_db)
    again = refund(event_db, booking, payment("35.00", "refund"))
    assert again == first | {"refund_due": Decimal("1.00"), "revision": first["revision"] + 1}
    assert dump(event_db) == before


# The surcharge


def test_record_refund_gives_back_the_surcharge_apart(event_db: Connection, cancelled: str) -> None:
    part = {"surcharge_amount": "3.00"}
    answer = refund(event_db, cancelled, payment("3.00", "surcharge-1", **part))
    assert (answer["amount"], answer["surcharge_amount"]) == (Decimal("3.00"), Decimal("3.00"))
    assert (answer["refund_due"], answer["payment_status"]) == (TOTAL, "Paid")
    assert ticket_states(event_db, cancelled) == {("Cancelled", "Paid")}
    refund(event_db, cancelled, payment("155.00", "refund"))
    assert integrity(event_db) == []

    # also when nothing else is due any more, and no more than was paid of it
    for amount in ("0.51", "3.50"):
        sqlstate, (issue,) = refused_refund(
            event_db, cancelled, payment(amount, "surcharge-2", surcharge_amount=amount)
        )
        assert (sqlstate, issue["code"], issue["path"]) == (
            "TK007",
            "refund_too_large",
            "p_refund.surcharge_amount",
        )
        assert (issue["expected"], issue["actual"]) == (Decimal("0.50"), Decimal(amount))
    answer = refund(event_db, cancelled, payment("0.50", "surcharge-2", surcharge_amount=0.5))
    assert answer["payment_status"] == "Refunded"
    assert integrity(event_db) == []


@pytest.mark.parametrize(
    ("amount", "surcharge", "path"),
    [
        # the surcharge is not the price of a ticket
        ("158.50", 0, "amount"),
        ("155.01", 0, "amount"),
        ("158.50", "3.49", "amount"),
        # nor is the price a surcharge
        ("158.50", "3.51", "surcharge_amount"),
        ("155.00", "155.00", "surcharge_amount"),
    ],
)
def test_refund_too_large_is_raised_for_price_and_surcharge_apart(
    event_db: Connection, cancelled: str, amount: str, surcharge: object, path: str
) -> None:
    sqlstate, (issue,) = refused_refund(
        event_db, cancelled, payment(amount, "refund", surcharge_amount=surcharge)
    )
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "refund_too_large",
        f"p_refund.{path}",
    )
    assert issue["expected"] == {"amount": TOTAL, "surcharge_amount": Decimal("3.50")}[path]


@pytest.mark.parametrize("is_cancelled", [False, True])
@pytest.mark.parametrize("is_free", [False, True])
def test_record_refund_of_the_surcharge_refunds_no_ticket(
    event_db: Connection, *, is_free: bool, is_cancelled: bool
) -> None:
    chosen = {WALTER: selection(tickets={COMMUNICATION: 1})} if is_free else CHOSEN
    registration_id = book(event_db, chosen)
    total = stored(event_db, registration_id)["total"]
    pay(event_db, registration_id, amount=str(total + 5), surcharge_amount=5)
    if is_cancelled:
        service(event_db).call("cancel_registration", p_registration_id=registration_id)
    before = stored(event_db, registration_id)
    states = ticket_states(event_db, registration_id)

    answer = refund(event_db, registration_id, payment(5, "refund", surcharge_amount=5))
    assert answer["refund_due"] == (total if is_cancelled else 0)
    after = stored(event_db, registration_id)
    assert (after["status"], after["payment_status"]) == (before["status"], "Paid")
    assert after["revision"] == before["revision"] + 1
    assert ticket_states(event_db, registration_id) == states
    assert integrity(event_db) == []


@pytest.mark.parametrize("surcharge", ["1000.00", "9999999844.99"])
def test_surcharge_however_large_is_never_due_back_as_price(
    event_db: Connection, booking: str, surcharge: str
) -> None:
    amount = str(TOTAL + Decimal(surcharge))
    pay(event_db, booking, amount=amount, surcharge_amount=surcharge)
    service(event_db).call("cancel_registration", p_registration_id=booking)
    assert money(event_db, booking)["refund_due"] == "155.00"
    for back in (amount, "155.01", surcharge):
        sqlstate, (issue,) = refused_refund(event_db, booking, payment(back, "refund"))
        assert (sqlstate, issue["code"]) == ("TK007", "refund_too_large")
        assert issue["expected"] == TOTAL
    answer = refund(event_db, booking, payment(amount, "refund", surcharge_amount=surcharge))
    assert (answer["payment_status"], answer["refund_due"]) == ("Refunded", 0)
    assert integrity(event_db) == []


# The same reference


def test_record_refund_again_gets_the_same_answer(event_db: Connection, cancelled: str) -> None:
    tickets = held_tickets(event_db, cancelled)[WALTER]
    reported = payment("20.50", "refund-1", surcharge_amount="0.50", ticket_ids=tickets)
    first = refund(event_db, cancelled, reported)
    before = dump(event_db)
    for again in (
        reported,
        reported | {"amount": 20.5, "surcharge_amount": 0.5},
        reported | {"provider": "Default"},
        reported | {"ticket_ids": [*reversed(tickets), *(ticket.upper() for ticket in tickets)]},
    ):
        assert refund(event_db, cancelled, again) == first
    assert dump(event_db) == before


OTHERWISE: Mapping[str, Document] = {
    "amount": {"amount": "21.00"},
    "surcharge": {"surcharge_amount": "1.00"},
    "amount and surcharge": {"amount": "21.00", "surcharge_amount": "1.00"},
    "without the surcharge": {"amount": "20.00", "surcharge_amount": None},
    "currency": {"currency": "NZD"},
    "provider in other case, amount": {"provider": "DEFAULT", "amount": "21.00"},
}


@pytest.mark.parametrize("otherwise", OTHERWISE.values(), ids=OTHERWISE)
def test_reference_used_is_raised_for_a_refund_that_says_something_else(
    event_db: Connection, cancelled: str, otherwise: Document
) -> None:
    first = payment("20.50", "refund-1", surcharge_amount="0.50")
    refund(event_db, cancelled, first)
    sqlstate, (issue,) = refused_refund(event_db, cancelled, first | otherwise)
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "reference_used",
        "p_refund.reference",
    )
    assert issue["actual"] == "refund-1"


@pytest.mark.parametrize("first", ["none", "one", "another", "both"])
@pytest.mark.parametrize("then", ["none", "one", "another", "both"])
def test_reference_used_is_raised_for_a_refund_of_other_tickets(
    event_db: Connection, cancelled: str, first: str, then: str
) -> None:
    one, another = held_tickets(event_db, cancelled)[WALTER]
    named = {"none": None, "one": [one], "another": [another], "both": [one, another]}
    answer = refund(event_db, cancelled, payment("5.00", "refund-1", ticket_ids=named[first]))
    again = payment("5.00", "refund-1", ticket_ids=named[then])
    if first == then:
        assert refund(event_db, cancelled, again) == answer
    else:
        sqlstate, (issue,) = refused_refund(event_db, cancelled, again)
        assert (sqlstate, issue["code"]) == ("TK007", "reference_used")


def test_reference_used_is_raised_for_payments_and_refunds_alike(
    event_db: Connection, cancelled: str
) -> None:
    for reported in (
        payment("20.00", "paid"),
        payment("158.50", "paid", surcharge_amount="3.50"),
    ):
        sqlstate, (issue,) = refused_refund(event_db, cancelled, reported)
        assert (sqlstate, issue["code"], issue["path"]) == (
            "TK007",
            "reference_used",
            "p_refund.reference",
        )

    refund(event_db, cancelled, payment("20.00", "refund-1", provider="Stripe"))
    other = book(event_db, CHOSEN, STRANGER)
    refusal = service(event_db).refusal(
        "complete_registration_payment",
        p_registration_id=other,
        p_payment=payment(str(TOTAL), "refund-1", provider="stripe"),
    )
    assert (refusal.sqlstate, refusal.found) == (
        "TK007",
        [("reference_used", "p_payment.reference")],
    )
    pay(event_db, other)
    service(event_db).call("cancel_registration", p_registration_id=other)
    sqlstate, (issue,) = refused_refund(
        event_db, other, payment("20.00", "refund-1", provider="stripe")
    )
    assert (sqlstate, issue["code"]) == ("TK007", "reference_used")
    # another provider may use the same
    refund(event_db, other, payment("20.00", "refund-1", provider="paypal"))


# What is refused


@pytest.mark.parametrize(
    ("back", "left"), [(None, "155.00"), ("20.00", "135.00"), ("0.01", "154.99")]
)
def test_refund_too_large_is_raised_above_what_is_due(
    event_db: Connection, cancelled: str, back: str | None, left: str
) -> None:
    if back is not None:
        refund(event_db, cancelled, payment(back, "refund-1"))
    too_much = Decimal(left) + Decimal("0.01")
    sqlstate, (issue,) = refused_refund(event_db, cancelled, payment(str(too_much), "refund-2"))
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "refund_too_large",
        "p_refund.amount",
    )
    assert (issue["expected"], issue["actual"]) == (Decimal(left), too_much)
    refund(event_db, cancelled, payment(left, "refund-2"))
    assert stored(event_db, cancelled)["payment_status"] == "Refunded"


@pytest.mark.parametrize(
    ("who", "amount", "price"),
    [
        (TOMAS, "30.00", "20.00"),
        (TOMAS, "20.01", "20.00"),
        (TOMAS, "155.00", "20.00"),
        (WALTER, "135.01", "135.00"),
    ],
)
def test_refund_too_large_is_raised_above_the_price_of_the_tickets_named(
    event_db: Connection, cancelled: str, who: str, amount: str, price: str
) -> None:
    tickets = held_tickets(event_db, cancelled)[who]
    for named in (tickets, tickets * 2):
        sqlstate, (issue,) = refused_refund(
            event_db, cancelled, payment(amount, "refund-1", ticket_ids=named)
        )
        assert (sqlstate, issue["code"], issue["path"]) == (
            "TK007",
            "refund_too_large",
            "p_refund.amount",
        )
        assert (issue["expected"], issue["actual"]) == (Decimal(price), Decimal(amount))
    # its price may be given back, and then the rest
    rest = TOTAL - Decimal(price)
    answer = refund(event_db, cancelled, payment(price, "refund-1", ticket_ids=tickets))
    assert (answer["refund_due"], answer["payment_status"]) == (rest, "Paid")
    answer = refund(event_db, cancelled, payment(str(rest), "refund-2"))
    assert (answer["refund_due"], answer["payment_status"]) == (0, "Refunded")
    assert integrity(event_db) == []


def test_record_refund_refuses_another_currency(event_db: Connection, cancelled: str) -> None:
    sqlstate, (issue,) = refused_refund(
        event_db, cancelled, payment("20.00", "refund-1", currency="NZD")
    )
    assert (sqlstate, issue["code"], issue["path"]) == (
        "TK007",
        "currency_mismatch",
        "p_refund.currency",
    )
    assert (issue["expected"], issue["actual"]) == ("AUD", "NZD")


def test_record_refund_refuses_tickets_of_others_and_refunded_ones(
    event_db: Connection, cancelled: str
) -> None:
    (mine, *_), other = held_tickets(event_db, cancelled)[TOMAS], book(event_db, CHOSEN, STRANGER)
    pay(event_db, other)
    service(event_db).call("cancel_registration", p_registration_id=other)
    (others, *_) = held_tickets(event_db, other)[TOMAS]
    sqlstate, issues = refused_refund(
        event_db, cancelled, payment("20.00", "refund-1", ticket_ids=[ABSENT, mine, others])
    )
    assert sqlstate == "TK004"
    assert [(issue["code"], issue["path"], issue["actual"]) for issue in issues] == [
        ("ticket_not_found", "p_refund.ticket_ids[0]", ABSENT),
        ("ticket_not_found", "p_refund.ticket_ids[2]", others),
    ]
    # nor twice
    refund(event_db, cancelled, payment("10.00", "refund-1", ticket_ids=[mine]))
    sqlstate, (issue,) = refused_refund(
        event_db, cancelled, payment("10.00", "refund-2", ticket_ids=[mine])
    )
    assert (sqlstate, issue["code"]) == ("TK004", "ticket_not_found")


def test_ticket_not_cancelled_is_raised_for_tickets_in_force(
    event_db: Connection, booking: str
) -> None:
    pay(event_db, booking)
    tickets = held_tickets(event_db, booking)
    (gone,), (kept, also_kept) = tickets[TOMAS], tickets[WALTER]
    named = payment("20.00", "refund-1", ticket_ids=[kept, gone, also_kept])

    # with nothing due back, all that is wrong is listed
    sqlstate, issues = refused_refund(event_db, booking, named)
    assert sqlstate == "TK007"
    assert [(issue["code"], issue["path"]) for issue in issues] == [
        ("not_refundable", "p_registration_id"),
        ("ticket_not_cancelled", "p_refund.ticket_ids[0]"),
        ("ticket_not_cancelled", "p_refund.ticket_ids[1]"),
        ("ticket_not_cancelled", "p_refund.ticket_ids[2]"),
    ]
    exchange(event_db, booking)
    sqlstate, issues = refused_refund(event_db, booking, named)
    assert sqlstate == "TK004"
    assert [(issue["code"], issue["path"], issue["actual"]) for issue in issues] == [
        ("ticket_not_cancelled", "p_refund.ticket_ids[0]", kept),
        ("ticket_not_cancelled", "p_refund.ticket_ids[2]", also_kept),
    ]
    refund(event_db, booking, named | {"ticket_ids": [gone]})


def test_not_refundable_is_raised_when_nothing_is_due_back(
    event_db: Connection, cancelled: str
) -> None:
    refund(event_db, cancelled, payment("155.00", "refund"))
    unpaid, other = book(event_db, CHOSEN), book(event_db, CHOSEN)
    owner(event_db).call("cancel_registration", p_registration_id=unpaid)
    for registration_id, status in (
        (other, "draft"),
        (other, "completed"),
        (unpaid, "cancelled"),
        (cancelled, "cancelled"),
    ):
        for amount in ("20.00", "0.01"):
            sqlstate, (issue,) = refused_refund(
                event_db, registration_id, payment(amount, "refund-1")
            )
            assert (sqlstate, issue["code"], issue["path"]) == (
                "TK007",
                "not_refundable",
                "p_registration_id",
            )
            assert issue["actual"] == status
        if status == "draft":
            pay(event_db, other)


@pytest.mark.parametrize("amount", [0, 0.0, "0", "0.00", "0000.0000"])
def test_record_refund_of_nothing_is_refused(
    event_db: Connection, cancelled: str, amount: object
) -> None:
    for more in ({}, {"ticket_ids": held_tickets(event_db, cancelled)[TOMAS]}):
        sqlstate, (issue,) = refused_refund(event_db, cancelled, payment(amount, "r", **more))
        assert (sqlstate, issue["code"], issue["path"]) == (
            "TK001",
            "invalid_value",
            "p_refund.amount",
        )


SHAPES: Mapping[str, tuple[object, list[tuple[str, str]]]] = {
    "null of SQL": (None, [("missing_key", "p_refund")]),
    "null of JSON": (JSON_NULL, [("missing_key", "p_refund")]),
    "an array": ([], [("invalid_type", "p_refund")]),
    "an empty object": (
        {},
        [
            ("missing_key", "p_refund.amount"),
            ("missing_key", "p_refund.currency"),
            ("missing_key", "p_refund.reference"),
        ],
    ),
    "with an amount below zero": (payment("-1"), [("invalid_value", "p_refund.amount")]),
    "with half a cent": (payment("1.005"), [("invalid_value", "p_refund.amount")]),
    "with a fee": (payment("1", fee_amount="1"), [("unknown_key", "p_refund.fee_amount")]),
    "with a surcharge below zero": (
        payment("1", surcharge_amount="-1"),
        [("invalid_value", "p_refund.surcharge_amount")],
    ),
    "with a surcharge above the amount": (
        payment("1.00", surcharge_amount="1.01"),
        [("invalid_value", "p_refund.surcharge_amount")],
    ),
    "with a currency of one letter": (
        payment("1", currency="A"),
        [("invalid_value", "p_refund.currency")],
    ),
    "with an empty reference": (payment("1", ""), [("invalid_value", "p_refund.reference")]),
    "with no ticket": (payment("1", ticket_ids=[]), [("invalid_value", "p_refund.ticket_ids")]),
    "with a string for ids": (
        payment("1", ticket_ids=ABSENT),
        [("invalid_type", "p_refund.ticket_ids")],
    ),
    "with an id that is none": (
        payment("1", ticket_ids=["x"]),
        [("invalid_value", "p_refund.ticket_ids[0]")],
    ),
    "with null for an id": (
        payment("1", ticket_ids=[None]),
        [("invalid_type", "p_refund.ticket_ids[0]")],
    ),
}


@pytest.mark.parametrize(("reported", "found"), SHAPES.values(), ids=SHAPES)
def test_record_refund_refuses_a_refund_of_another_shape(
    event_db: Connection, cancelled: str, reported: object, found: list[tuple[str, str]]
) -> None:
    sqlstate, issues = refused_refund(event_db, cancelled, reported)
    assert sqlstate == "TK001"
    assert sorted((issue["code"], issue["path"]) for issue in issues) == found


def test_record_refund_is_for_the_service_alone(event_db: Connection, cancelled: str) -> None:
    for who in (owner, staff, stranger, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            who(event_db).call(
                "record_refund", p_registration_id=cancelled, p_refund=payment("1", "refund-1")
            )
    sqlstate, _ = refused_refund(event_db, ABSENT, payment("1", "refund-1"))
    assert sqlstate == "TK002"
