"""The money of a registration, through random histories of refunds before and after cancelling.

The model of the state machine says what each refund comes to. There refunds are one step among many
others; here a registration is paid, and every step is a refund or the cancellation.
"""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.support.bookings import book, integrity, payment, ticket_states
from tests.support.caller import Connection, service
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
        self.model.cancel(self.booking, by_owner=False)
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
        expected = self.model.refund(self.registration, reference, refund, self.prices)
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
