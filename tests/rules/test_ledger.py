"""The money of a registration, through random histories.

The model of the state machine says what each refund comes to. There refunds are one step among many
others; here a registration is paid, and every step is a refund or the cancellation. A second search
mixes them with payments, adjustments and other tickets, and looks at the sums alone.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.support.bookings import book, integrity, let_lapse, payment, ticket_states
from tests.support.caller import Connection, owner, service
from tests.support.example import (
    CEREMONY,
    CEREMONY_AND_BANQUET,
    COMMUNICATION,
    HAROLD,
    OWNER,
    TOMAS,
    WALTER,
    Document,
    selection,
)
from tests.support.model import Booking, Model, Payment, Unit
from tests.support.search import SEARCH
from tests.support.stored import rows

pytestmark = pytest.mark.long

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({CEREMONY_AND_BANQUET: 1}),
    TOMAS: selection(tickets={CEREMONY: 1}),
    HAROLD: selection(tickets={COMMUNICATION: 1}),
}
"""A package of two tickets, a ticket, and a free one."""

CENT = Decimal("0.01")
TOTAL = Decimal("155.00")
SURCHARGE = Decimal("3.50")

STEPS = st.fixed_dictionaries(
    {
        "reference": st.sampled_from(["r1", "r2", "r3", "r4", "paid"]),
        "part": st.sampled_from(["due", "tickets", "share", "share", "some"]),
        "more": st.sampled_from([0, 0, 0, 1, -1]),
        "some": st.integers(0, 5000),
        "surcharge": st.sampled_from([0, 0, 0, 1, 200, 350, 351]),
        "named": st.sets(st.integers(0, 3), min_size=1, max_size=3),
        "is_named": st.sampled_from([True, True, False]),
        "is_as_before": st.booleans(),
    }
)


class Till:
    """A paid registration, and the same in the model."""

    def __init__(self, db: Connection) -> None:
        """Book, and pay with a surcharge."""
        self.service, self.registration = service(db), UUID(book(db, CHOSEN))
        self.db = db
        self.service.call(
            "complete_registration_payment",
            p_registration_id=self.registration,
            p_payment=payment("158.50", "paid", surcharge_amount="3.50"),
        )
        self.prices: dict[UUID, Decimal] = {
            row["ticket_id"]: row["price_paid"]
            for row in rows(db, "SELECT ticket_id, price_paid FROM ticketing.tickets ORDER BY 2, 1")
        }
        self.booking = Booking(
            UUID(OWNER),
            has_contact=True,
            held={UUID(WALTER): {"seat": (Unit(TOTAL, ()),)}},
            status="completed",
            payment_status="Paid",
        )
        paid = Payment(self.registration, "payment", TOTAL + SURCHARGE, SURCHARGE, "AUD")
        self.model = Model("AUD", {self.registration: self.booking}, payments={"paid": paid})

    def cancel(self) -> None:
        """Cancel the registration."""
        self.model.cancel(self.registration, by_owner=False)
        self.service.call("cancel_registration", p_registration_id=self.registration)
        self.look()

    def make_refund(self, step: Document) -> Payment:
        """Return the refund that a step is about."""
        before = self.model.payments.get(step["reference"])
        if before and before.kind == "refund" and step["is_as_before"]:
            return before
        tickets = list(self.prices)
        named = frozenset(tickets[index] for index in step["named"] if step["is_named"])
        price = sum((self.prices[ticket] for ticket in named), Decimal(0))
        surcharge = Decimal(step["surcharge"]) / 100
        amount = {
            "due": self.model.ledger(self.registration).refund_due,
            "tickets": price,
            "share": (price / 3).quantize(CENT),
            "some": Decimal(step["some"]) / 100,
        }[step["part"]]
        amount = max(amount + step["more"] * CENT, Decimal(0)) + surcharge
        return Payment(self.registration, "refund", amount, surcharge, "AUD", named)

    def report(self, reference: str, refund: Payment) -> str | None:
        """Report a refund, which must come to what the model says, and return that."""
        cancelled = self.prices if self.booking.status == "cancelled" else {}
        expected = self.model.refund(self.registration, reference, refund, cancelled)
        outcome = self.service.attempt(
            "record_refund",
            p_registration_id=self.registration,
            p_refund=payment(
                str(refund.amount),
                reference,
                surcharge_amount=str(refund.surcharge),
                ticket_ids=sorted(map(str, refund.tickets)) or None,
            ),
        )
        assert outcome.sqlstate == expected, (refund, outcome)
        self.look()
        return expected

    def look(self) -> None:
        """The money adds up, and is that of the model."""
        seen = self.service.call("get_registration", p_registration_id=self.registration)
        ledger = self.model.ledger(self.registration)
        assert (seen["paid"], seen["amount_due"]) == (TOTAL, 0)
        assert (seen["refunded"], seen["refund_due"]) == (ledger.refunded, ledger.refund_due)
        assert seen["refunded"] + seen["refund_due"] + seen["total"] == TOTAL
        assert seen["payment_status"] == self.booking.payment_status
        assert (seen["payment_status"] == "Refunded") == (
            seen["status"] == "cancelled" and seen["refund_due"] == 0
        )
        assert self.booking.refunded == {
            UUID(ticket["ticket_id"])
            for ticket in seen["tickets"]
            if ticket["payment_status"] == "Refunded"
        }
        assert integrity(self.db) == []


@settings(
    max_examples=40 * SEARCH,
    derandomize=SEARCH == 1,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=4, max_size=12), cancelled_after=st.integers(0, 2))
def test_refunds_are_within_what_was_paid_and_settle_it(
    db: Connection, steps: list[Document], cancelled_after: int
) -> None:
    with db.transaction(force_rollback=True):
        till = Till(db)
        for number, step in enumerate(steps):
            if number == cancelled_after:
                till.cancel()
            is_new = step["reference"] not in till.model.payments
            outcome = till.report(step["reference"], till.make_refund(step))
            event(f"a {'new' if is_new else 'used'} reference: {outcome}")

        # whatever has been given back, the rest can be
        due = till.model.ledger(till.registration).refund_due
        if due:
            rest = Payment(till.registration, "refund", due, Decimal(0), "AUD")
            assert till.report("the rest", rest) is None
        assert till.booking.payment_status == "Refunded"
        assert ticket_states(db, str(till.registration)) == {("Cancelled", "Refunded")}


# Payments, adjustments, cancellations and refunds together

AMOUNTS = st.integers(-20000, 20000).map(lambda cents: Decimal(cents) / 100)
SMALL = st.integers(1, 5000).map(lambda cents: Decimal(cents) / 100)
ACTIONS = st.one_of(
    st.tuples(st.just("adjust"), st.one_of(AMOUNTS, st.sampled_from([Decimal(0), -TOTAL, CENT]))),
    st.tuples(st.just("refund"), st.one_of(SMALL, st.just("due"))),
    st.tuples(st.just("pay"), st.sampled_from(["due", "due", "more"])),
    st.tuples(st.just("select"), st.sampled_from([TOMAS, HAROLD])),
    st.tuples(st.sampled_from(["start", "cancel", "cancel as owner", "lapse"]), st.none()),
)


class Books:
    """A registration, and what its calls have come to."""

    def __init__(self, db: Connection) -> None:
        """Book."""
        self.db, self.service, self.owner = db, service(db), owner(db)
        self.registration = book(db, CHOSEN)
        self.number = 0
        self.seen = self.look()

    def act(self, action: str, value: Any) -> str | None:  # noqa: ANN401 - of each its own
        """Call what an action is about, and return the SQLSTATE of a refusal."""
        self.number += 1
        seen, on_it = self.seen, {"p_registration_id": self.registration}
        match action:
            case "adjust":
                named = {"p_adjustment": str(value), "p_reason": "a reason"}
                outcome = self.service.attempt("adjust_registration", **on_it, **named)
                balance = seen["paid"] - seen["refunded"]
                total = max(seen["subtotal"] + value, Decimal(0))
                is_final = seen["status"] in {"completed", "cancelled"}
                is_refused = value != seen["adjustment"] and is_final and total > balance
                assert outcome.sqlstate == ("TK007" if is_refused else None)
                if is_refused:
                    assert outcome.issues[0]["expected"] == total - balance
            case "refund":
                amount = max(seen["refund_due"], CENT) if value == "due" else value
                back = payment(str(amount), f"refund {self.number}")
                outcome = self.service.attempt("record_refund", **on_it, p_refund=back)
                assert outcome.sqlstate == ("TK007" if amount > seen["refund_due"] else None)
            case "pay":
                amount = seen["amount_due"] + (CENT if value == "more" else 0)
                paid = payment(str(amount), f"payment {self.number}")
                outcome = self.service.attempt(
                    "complete_registration_payment", **on_it, p_payment=paid
                )
            case "select":
                outcome = self.owner.attempt(
                    "persist_ticket_selections", **on_it, p_selections={value: selection()}
                )
            case "lapse":
                let_lapse(self.db, self.registration)
                self.seen = self.look()
                return None
            case "start":
                outcome = self.owner.attempt("start_payment", **on_it)
                if not outcome.sqlstate:
                    assert outcome.answer["amount_due"] == seen["amount_due"]
                    is_paid = outcome.answer["status"] == "completed"
                    assert is_paid == (seen["amount_due"] == 0)
            case _:
                caller = self.service if action == "cancel" else self.owner
                outcome = caller.attempt("cancel_registration", **on_it)
                is_refused = (
                    caller is self.owner
                    and seen["status"] == "completed"
                    and seen["paid"] != seen["refunded"]
                )
                assert outcome.sqlstate == ("TK003" if is_refused else None)
        after = self.look()
        if outcome.sqlstate:
            assert after == seen
        self.seen = after
        return outcome.sqlstate

    def look(self) -> Document:
        """The money adds up."""
        seen = self.service.call("get_registration", p_registration_id=self.registration)
        # as it is stored: what is overdue counts as expired, released or not
        (row,) = rows(
            self.db,
            "SELECT status FROM ticketing.registrations WHERE registration_id = %s",
            self.registration,
        )
        balance = seen["paid"] - seen["refunded"] - seen["total"]
        if seen["status"] == "cancelled":
            assert seen["amount_due"] == 0
            assert seen["refund_due"] == max(balance, Decimal(0))
        else:
            assert balance == seen["refund_due"] - seen["amount_due"]
        assert min(seen["amount_due"], seen["refund_due"]) == 0
        assert seen["total"] == max(seen["subtotal"] + seen["adjustment"], Decimal(0))
        sums = dict.fromkeys(("payment", "refund"), Decimal(0))
        for each in seen["payments"]:
            sums[each["kind"]] += each["amount"] - each["surcharge_amount"]
        assert (seen["paid"], seen["refunded"]) == (sums["payment"], sums["refund"])
        if seen["status"] == "completed":
            assert seen["amount_due"] == 0
        is_settled = seen["refunded"] > 0 and seen["refund_due"] == 0
        was_completed = seen["confirmation_number"] is not None
        assert seen["payment_status"] == (
            "Unpaid"
            if not was_completed
            else "Refunded"
            if seen["status"] == "cancelled" and is_settled
            else "Paid"
        )
        assert integrity(self.db) == []
        return seen | {"status": row["status"], "server_time": None}


@settings(
    max_examples=60 * SEARCH,
    derandomize=SEARCH == 1,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(actions=st.lists(ACTIONS, min_size=4, max_size=14), is_paid=st.booleans())
def test_money_adds_up_whatever_is_paid_adjusted_cancelled_and_given_back(
    event_db: Connection, actions: list[tuple[str, Any]], *, is_paid: bool
) -> None:
    with event_db.transaction(force_rollback=True):
        books = Books(event_db)
        if is_paid:
            assert books.act("pay", "due") is None
        for action, value in actions:
            sqlstate = books.act(action, value)
            event(f"{action}: {sqlstate}")
