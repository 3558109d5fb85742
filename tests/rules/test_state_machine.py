"""The database against a model of it, over random histories of everything that can be done.

Each step is done to both; then the outcome (success or SQLSTATE), the registrations, tickets,
counters and capacity left must be those of the model, and the change feed must tell how the tickets
came to be what they are. Histories are always the same; `SEARCH=50` tries many more.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.rows import dict_row
from tests.support.model import (
    EVENTS,
    MAX_PER_ATTENDEE,
    MAX_PER_REGISTRATION,
    MIN_PER_ATTENDEE,
    OFFERS,
    PACKAGES,
    POOLS,
    Amendment,
    Booking,
    Model,
    Outcome,
    Payment,
    Unit,
    Wanted,
    contents,
    tickets_in,
)
from tests.support.search import SEARCH

from ticketing_client import Client, SoldOut, TicketingError, TicketSelections

pytestmark = pytest.mark.long


if TYPE_CHECKING:
    from ticketing_client.models import (
        AvailabilityAnswer,
        PackageAvailability,
        TicketTypeAvailability,
    )

Connection: TypeAlias = psycopg.Connection[Any]
Document: TypeAlias = dict[str, Any]
Rule: TypeAlias = Callable[..., None]

CURRENCY = "AUD"
OWNERS = (UUID(int=(9 << 64) + 1), UUID(int=(9 << 64) + 2))
REGISTRATIONS = 9
"""How many registrations compete; few, so that they get in each other's way."""

IDS = {
    name: UUID(int=(8 << 64) + number)
    for number, name in enumerate(dict.fromkeys((*EVENTS, *OFFERS, *POOLS)), 1)
}
NAMES = {str(ident): name for name, ident in IDS.items()}
FUNCTION = UUID(int=8 << 64)

EARLIER, LATER = "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z"

KIND = {
    "client_attendee_id",
    "package_id",
    "package_number",
    "ticket_type_id",
    "price_paid",
    "original_price",
}
"""The columns in which tickets are alike that can stand for each other."""
FIXED = (*(KIND - {"package_number"}), "created_at")
"""The columns of a ticket that never change once it is paid."""

WAYS = st.sampled_from(["selections", "selections", "tickets, too", "tickets instead"])
"""How a choice is sent: by selections, with the tickets quoted, or for one attendee these alone."""

QUANTITIES = st.sampled_from([1, 2, 2, 3])
TICKETS = st.dictionaries(
    st.sampled_from([offer for offer in OFFERS if offer not in PACKAGES]),
    QUANTITIES,
    min_size=1,
    max_size=2,
)
BUNDLES = st.dictionaries(st.sampled_from(list(PACKAGES)), st.integers(1, 2), min_size=1)
ANYTHING = st.dictionaries(st.sampled_from(OFFERS), st.integers(1, 3))
CHOICES = st.sampled_from([TICKETS, TICKETS, TICKETS, BUNDLES, BUNDLES, ANYTHING]).flatmap(
    lambda choices: choices
)
WHO = st.integers(0, 99)
RARELY = st.sampled_from([False] * 5 + [True])


def is_editable(booking: Booking) -> bool:
    """Return whether there is something left to choose."""
    return booking.status not in {"completed", "cancelled"}


def is_standing(booking: Booking) -> bool:
    """Return whether it is completed, free or paid."""
    return booking.status == "completed"


def is_payable(booking: Booking) -> bool:
    """Return whether all attendees have chosen and it is not paid yet."""
    return is_editable(booking) and all(booking.held.values())


def is_paid(booking: Booking) -> bool:
    """Return whether it is completed, and had to be paid for."""
    return booking.status == "completed" and booking.total > 0


def offers_of(booking: Booking) -> Wanted:
    """Return how many of each offer attendees hold."""
    return {
        attendee: {offer: len(units) for offer, units in held.items()}
        for attendee, held in booking.held.items()
    }


def states_of(booking: Booking) -> Mapping[str, Mapping[tuple[UUID, str], tuple[Unit, ...]]]:
    """Return what is in force and what is cancelled, by attendee and offer."""
    states: dict[str, dict[tuple[UUID, str], tuple[Unit, ...]]] = {"Active": {}, "Cancelled": {}}
    in_force = "Cancelled" if booking.status == "cancelled" else "Active"
    for status, held in ((in_force, booking.held), ("Cancelled", booking.gone)):
        for attendee, holding in held.items():
            for offer, units in holding.items():
                if units:
                    before = states[status].get((attendee, offer), ())
                    states[status][attendee, offer] = before + units
    return states


def selections_of(chosen: Wanted) -> TicketSelections:
    """Return what attendees choose as it is sent."""
    selections = TicketSelections()
    for attendee, choice in chosen.items():
        selections.nothing(attendee)
        for offer in OFFERS:
            if offer in choice:
                add = selections.package if offer in PACKAGES else selections.ticket
                add(attendee, IDS[offer], choice[offer])
    return selections


def money_of(reference: str, payment: Payment) -> Document:
    """Return a payment or refund as it is sent."""
    return {
        "reference": reference,
        "amount": payment.amount,
        "surcharge_amount": payment.surcharge,
        "currency": payment.currency,
    }


def every(steps: int) -> Callable[[Rule], Rule]:
    """Make a rule possible only once in so many steps, so that others are not crowded out."""
    return precondition(lambda self: self.steps % steps == steps - 1)


def document(model: Model) -> Document:
    """Return the catalogue of the model as it is now."""

    def offer(name: str) -> Document:
        return {
            "name": name,
            "price": str(model.prices[name]),
            "capacity": model.capacities.get(name),
            "min_per_attendee": MIN_PER_ATTENDEE.get(name, 0),
            "max_per_attendee": MAX_PER_ATTENDEE.get(name),
            "max_per_registration": MAX_PER_REGISTRATION.get(name),
        }

    return {
        "organisation": {"organisation_id": FUNCTION, "slug": "hosts", "name": "Hosts"},
        "function": {
            "function_id": FUNCTION,
            "slug": "weekend",
            "name": "Weekend",
            "currency": model.currency,
            "status": "published",
            "hold_minutes": 600,
            "max_hold_minutes": 600,
            "changes_until": LATER if model.is_changeable else EARLIER,
            "refunds_until": LATER if model.is_refundable else None,
        },
        "events": [
            {
                "event_id": IDS[event],
                "slug": event,
                "title": event,
                "capacity": model.capacities.get(event),
            }
            for event in EVENTS
        ],
        "ticket_types": [
            {"ticket_type_id": IDS[name], "event_id": IDS[event], **offer(name)}
            for event, names in EVENTS.items()
            for name in names
        ],
        "packages": [
            {
                "package_id": IDS[package],
                "items": [
                    {"ticket_type_id": IDS[name], "quantity": quantity}
                    for name, quantity in items.items()
                ],
                **offer(package),
            }
            for package, items in PACKAGES.items()
        ],
        "pools": [
            {
                "capacity_pool_id": IDS[pool],
                "name": pool,
                "capacity": model.capacities[pool],
                "ticket_type_ids": [IDS[name] for name in members if name not in PACKAGES],
                "package_ids": [IDS[name] for name in members if name in PACKAGES],
            }
            for pool, members in POOLS.items()
            if pool not in (*EVENTS, *OFFERS) and model.capacities[pool] is not None
        ],
    }


class History(RuleBasedStateMachine):
    """Everything that can be done, done to the database and to the model."""

    db: ClassVar[Connection]

    def __init__(self) -> None:
        """Start with an empty database and the catalogue in it."""
        super().__init__()
        self.service = Client(self.db)
        self.model = Model(CURRENCY)
        self.cursor: str | None = None
        self.told: dict[str, str] = {}
        self.stored: dict[UUID, Document] = {}
        self.names: dict[UUID, str] = {}
        self.is_settled = True
        self.steps = 0
        self.db.execute(
            """
            TRUNCATE ticketing.organisations, ticketing.registration_index,
                ticketing.ticket_changes CASCADE
            """
        )
        self.service.import_catalogue(document(self.model))

    def attempt(self, expected: Outcome, call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        """Make a call that must come to what the model says, and return its answer."""
        self.is_settled = False
        answer, refusal = None, None
        try:
            answer = call(*arguments)
        except TicketingError as error:
            refusal = error
        assert (refusal and refusal.sqlstate) == expected, refusal or answer
        if isinstance(refusal, SoldOut):
            self.check_numbers(refusal)
        self.notice_expired()
        return answer

    def check_numbers(self, error: SoldOut) -> None:
        """A refusal says what was requested and what is left, of some short pool."""
        assert error.issues
        for issue in error.issues:
            subject = NAMES[issue.ticket_type_id or issue.package_id or str(FUNCTION)]
            short = {self.model.shortage.get(p) for p in POOLS if subject in POOLS[p]} - {None}
            assert (issue.requested, issue.available) in short, (issue, self.model.shortage)

    def notice_expired(self) -> None:
        """Tell the model which registrations expired: any overdue one may, and no other."""
        for registration, status in self.db.execute(
            "SELECT registration_id, status FROM ticketing.registrations"
        ):
            booking = self.model.bookings[registration]
            if status == "expired" and booking.is_overdue:
                booking.status = "expired"

    def pick(self, who: int, preferred: Callable[[Booking], bool]) -> UUID:
        """Choose a registration: mostly one of those preferred."""
        bookings = self.model.bookings
        likely = [registration for registration in bookings if preferred(bookings[registration])]
        candidates = likely * 5 + list(bookings)
        return candidates[who % len(candidates)]

    # The rules. Left alone, hypothesis would spend most steps on prices and cancellations.

    @initialize()
    def begin(self) -> None:
        """Some are there from the beginning, and one is paid, so that there is no time lost."""
        self.create_three()
        self.create(OWNERS[1], 2, has_contact=True)
        paid = list(self.model.bookings)[-1]
        choices = ({"standing": 2, "dinner": 1}, {"pair": 1})
        chosen = dict(zip(self.model.bookings[paid].held, choices, strict=True))
        self.choose(paid, chosen, is_stale=False, way="selections")
        self.report("first", self.due(paid))

    def create_three(self) -> None:
        """Make three registrations, without tickets."""
        for owner, attendees in zip((*OWNERS, OWNERS[0]), (1, 1, 2), strict=True):
            self.create(owner, attendees, has_contact=True)

    @every(3)
    @precondition(lambda self: len(self.model.bookings) < REGISTRATIONS)
    @rule(owner=st.sampled_from(OWNERS), attendees=st.integers(1, 3), is_nameless=RARELY)
    def another(self, owner: UUID, attendees: int, *, is_nameless: bool) -> None:
        """A user begins."""
        self.create(owner, attendees, has_contact=not is_nameless)

    def create(self, owner: UUID, attendees: int, *, has_contact: bool) -> None:
        """Make a registration, without tickets."""
        number = len(self.model.bookings) + 1
        registration = UUID(int=(7 << 64) + number)
        ids = [UUID(int=registration.int + (n << 16)) for n in range(1, attendees + 1)]
        first, *others = [
            {"attendeeId": attendee, "attendeeType": "guest", "firstName": f"Guest {n}"}
            for n, attendee in enumerate(ids, 1)
        ]
        data: Document = {
            "registrationId": registration,
            "functionId": FUNCTION,
            "registrationType": "individuals",
            "primaryAttendee": first,
            "additionalAttendees": others,
        }
        if has_contact:
            data["billingDetails"] = {"firstName": "Pat", "emailAddress": "pat@example.org"}
        self.names |= {attendee: f"Guest {n}" for n, attendee in enumerate(ids, 1)}
        self.model.bookings[registration] = Booking(
            owner, has_contact, {attendee: {} for attendee in ids}
        )
        self.attempt(None, self.service.as_user(owner).create_individual_registration_jsonb, data)

    @rule(
        who=WHO,
        choices=st.tuples(*[CHOICES | CHOICES | st.none()] * 3),
        is_stale=RARELY,
        way=WAYS,
    )
    def persist(
        self,
        who: int,
        choices: tuple[Mapping[str, int] | None, ...],
        *,
        is_stale: bool,
        way: str,
    ) -> None:
        """A user chooses, for some of the attendees."""
        registration = self.pick(who, is_editable)
        attendees = self.model.bookings[registration].held
        chosen = {
            attendee: choice
            for attendee, choice in zip(attendees, choices, strict=False)
            if choice is not None
        }
        self.choose(registration, chosen, is_stale=is_stale, way=way)

    @rule(
        who=WHO,
        what=st.sampled_from(["everything", "everything", "the first", "nothing"]),
        is_stale=RARELY,
        way=WAYS,
    )
    def persist_again(self, who: int, what: str, *, is_stale: bool, way: str) -> None:
        """A user sends what all attendees hold, or the first one, or removes everything."""
        registration = self.pick(who, is_editable)
        chosen: dict[UUID, Mapping[str, int]] = {
            attendee: {offer: len(units) for offer, units in held.items() if what != "nothing"}
            for attendee, held in self.model.bookings[registration].held.items()
        }
        if what == "the first":
            first = next(iter(chosen))
            chosen = {first: chosen[first]}
        self.choose(registration, chosen, is_stale=is_stale, way=way)

    def choose(
        self,
        registration: UUID,
        chosen: Mapping[UUID, Mapping[str, int]],
        *,
        is_stale: bool,
        way: str,
    ) -> None:
        """Quote and persist a selection: the quote says beforehand what the persist comes to."""
        booking = self.model.bookings[registration]
        user = self.service.as_user(booking.owner)
        selections = selections_of(chosen)
        tickets = None
        if booking.status not in {"completed", "cancelled"}:
            refusal = self.model.quote(booking, chosen)
            quote = user.quote_ticket_selections(FUNCTION, selections, registration_id=registration)
            kinds = {"TK005" if issue.code == "sold_out" else "TK004" for issue in quote.issues}
            assert min(kinds, default=None) == refusal, (quote.issues, refusal)
            assert quote.valid == (refusal is None)
            tickets = quote.tickets if quote.valid and way != "selections" else None

        revision = booking.revision - 1 if is_stale else booking.revision
        outcome = self.model.persist(booking, chosen, is_stale=is_stale)
        if tickets is None:
            answer = self.attempt(
                outcome, user.persist_ticket_selections, registration, selections, revision
            )
        else:
            updates = [
                {"attendee_id": attendee, "selected_tickets": selected}
                for attendee, selected in selections.to_json().items()
            ]
            if way == "tickets instead":
                # what the tickets of an attendee amount to need not be said as well
                holders = {ticket.client_attendee_id for ticket in tickets}
                spared = next((u for u in updates if u["attendee_id"] in holders), None)
                updates = [update for update in updates if update is not spared]
            answer = self.attempt(
                outcome, user.persist_attendee_tickets, registration, tickets, updates, revision
            )
        if answer:
            assert answer.total == booking.total
            assert (answer.status, answer.revision) == (booking.status, booking.revision)
            assert len(answer.attendees_without_tickets) == sum(
                not held for held in booking.held.values()
            )

    @every(2)
    @rule(who=WHO, is_stale=RARELY)
    def start_payment(self, who: int, *, is_stale: bool) -> None:
        """A user is about to pay."""
        self.start(self.pick(who, is_payable), is_stale=is_stale)

    def start(self, registration: UUID, *, is_stale: bool = False) -> None:
        """Start a payment."""
        booking = self.model.bookings[registration]
        revision = booking.revision - 1 if is_stale else booking.revision
        outcome = self.model.start_payment(booking, is_stale=is_stale)
        user = self.service.as_user(booking.owner)
        answer = self.attempt(outcome, user.start_payment, registration, revision)
        if answer:
            assert answer.amount_due == (0 if booking.status == "completed" else booking.total)
            assert answer.status == booking.status

    @every(4)
    @rule(
        who=WHO,
        what=st.sampled_from(["due"] * 4 + ["too much", "other money", "another's reference"]),
    )
    def pay(self, who: int, what: str) -> None:
        """The provider reports what was due, or something else."""
        registration = self.pick(who, is_payable)
        due = self.due(registration)
        match what:
            case "too much":
                due = replace(due, amount=due.amount + 1)
            case "other money":
                due = replace(due, currency="EUR")
        self.report(self.reference(registration if what == "another's reference" else None), due)

    def due(self, registration: UUID) -> Payment:
        """Return the payment that a registration needs."""
        surcharge, total = Decimal("1.50"), self.model.bookings[registration].total
        return Payment(registration, "payment", total + surcharge, surcharge, CURRENCY)

    @every(5)
    @precondition(lambda self: self.model.payments)
    @rule(data=st.data(), more=st.sampled_from([0, 0, 1]), surcharge=st.sampled_from([0, 0, 1]))
    def report_again(self, data: st.DataObject, more: int, surcharge: int) -> None:
        """The provider reports again, sometimes with another amount or another surcharge."""
        reference = data.draw(st.sampled_from(sorted(self.model.payments)))
        said = self.model.payments[reference]
        if said.request is not None and data.draw(st.booleans()):
            chosen = {attendee: dict(choice) for attendee, choice in said.request}
            said = replace(
                said, amount=said.amount + more + surcharge, surcharge=said.surcharge + surcharge
            )
            self.change(said.registration, chosen, (reference, said))
            return
        self.report(
            reference,
            replace(
                said,
                amount=said.amount + more + surcharge,
                surcharge=said.surcharge + surcharge,
            ),
        )

    def reference(self, registration: UUID | None = None) -> str:
        """Return a new reference, or one that another registration than this was paid with."""
        used = (
            reference
            for reference, payment in self.model.payments.items()
            if registration not in {None, payment.registration}
        )
        return next(used, f"reference {len(self.model.payments) + 1}")

    def report(self, reference: str, payment: Payment) -> None:
        """Report a payment or a refund."""
        registration = payment.registration
        booking = self.model.bookings[registration]
        money = money_of(reference, payment)
        if payment.kind == "payment":
            outcome = self.model.pay(registration, reference, payment)
            answer = self.attempt(
                outcome, self.service.complete_registration_payment, registration, money
            )
        else:
            prices = self.prices(registration, status="Cancelled")
            outcome = self.model.refund(registration, reference, payment, prices)
            if payment.tickets:
                money["ticket_ids"] = sorted(payment.tickets)
            answer = self.attempt(outcome, self.service.record_refund, registration, money)
            if answer:
                assert answer.refund_due == self.model.ledger(registration).refund_due
        if answer:
            assert (answer.status, answer.payment_status) == (
                booking.status,
                booking.payment_status,
            )

    def prices(self, registration: UUID, status: str | None = None) -> dict[UUID, Decimal]:
        """Return what each ticket of a registration costs, or each that has this status."""
        return {
            ticket: row["price_paid"]
            for ticket, row in self.stored.items()
            if row["registration_id"] == registration and status in {None, row["status"]}
        }

    @every(2)
    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def hold_runs_out(self, data: st.DataObject) -> None:
        """Time goes by."""
        self.run_out(data.draw(st.sampled_from(self.running())))

    def run_out(self, registration: UUID) -> None:
        """Let the hold of a registration run out."""
        self.model.bookings[registration].hold = "over"
        self.db.execute(
            """
            UPDATE ticketing.registrations
            SET hold_expires_at = clock_timestamp() - interval '1 minute'
            WHERE registration_id = %s
            """,
            [registration],
        )

    def running(self) -> list[UUID]:
        """Return the registrations that hold capacity."""
        return [
            registration
            for registration, booking in self.model.bookings.items()
            if booking.hold == "running"
        ]

    @every(4)
    @precondition(lambda self: self.model.release(1))
    @rule(limit=st.sampled_from([1, 1, 100]))
    def release_expired_holds(self, limit: int) -> None:
        """The operator's job runs."""
        expected = self.model.release(limit)
        answer = self.attempt(None, self.service.release_expired_holds, limit)
        assert answer.released == expected

    @every(5)
    @precondition(lambda self: len(self.model.bookings) > 2 * len(self.cancelled()))
    @rule(who=WHO, by_owner=st.booleans())
    def cancel(self, who: int, *, by_owner: bool) -> None:
        """A user cancels."""
        self.give_up(self.pick(who, is_paid), by_owner=by_owner)

    def give_up(self, registration: UUID, *, by_owner: bool) -> None:
        """Cancel a registration."""
        booking = self.model.bookings[registration]
        was_cancelled = booking.status == "cancelled"
        outcome = self.model.cancel(registration, by_owner=by_owner)
        client = self.service.as_user(booking.owner) if by_owner else self.service
        answer = self.attempt(outcome, client.cancel_registration, registration)
        if answer:
            tickets = len(self.prices(registration, status="Active"))
            assert answer.tickets_cancelled == (0 if was_cancelled else tickets)
            assert answer.revision == booking.revision

    def cancelled(self) -> list[UUID]:
        """Return the registrations that are cancelled."""
        return [
            registration
            for registration, booking in self.model.bookings.items()
            if booking.status == "cancelled"
        ]

    # What is paid changes, too

    def standing(self) -> list[UUID]:
        """Return the registrations that are completed."""
        return [
            registration
            for registration, booking in self.model.bookings.items()
            if is_standing(booking)
        ]

    @precondition(lambda self: self.standing())
    @rule(
        who=WHO,
        choices=st.tuples(*[CHOICES | CHOICES | st.none()] * 3),
        by_owner=st.booleans(),
        money=st.sampled_from(["due"] * 6 + ["none", "too much", "other money", "used reference"]),
        is_stale=RARELY,
    )
    def amend(
        self,
        who: int,
        choices: tuple[Mapping[str, int] | None, ...],
        *,
        by_owner: bool,
        money: str,
        is_stale: bool,
    ) -> None:
        """A user or staff change what is paid."""
        registration = self.pick(who, is_standing)
        by_owner = by_owner and money in {"due", "none", "other money"}
        attendees = self.model.bookings[registration].held
        chosen = {
            attendee: choice
            for attendee, choice in zip(attendees, choices, strict=False)
            if choice is not None
        }
        self.amend_with(registration, chosen, money, by_owner=by_owner, is_stale=is_stale)

    @every(2)
    @precondition(lambda self: self.standing())
    @rule(
        who=WHO,
        what=st.sampled_from(["everything", "one more", "one less", "one less", "nothing"]),
        by_owner=st.booleans(),
        is_stale=RARELY,
    )
    def amend_a_little(self, who: int, what: str, *, by_owner: bool, is_stale: bool) -> None:
        """A user or staff want one more or one less of something, or nothing else, or nothing."""
        registration = self.pick(who, is_standing)
        more = {"one more": 1, "one less": -1}.get(what, 0)
        chosen: dict[UUID, Mapping[str, int]] = {}
        for attendee, choice in offers_of(self.model.bookings[registration]).items():
            left = {} if what == "nothing" else dict(choice)
            if left and more:
                offer = sorted(left)[who % len(left)]
                left[offer] += more
                more = 0
            chosen[attendee] = {offer: quantity for offer, quantity in left.items() if quantity}
        self.amend_with(registration, chosen, "due", by_owner=by_owner, is_stale=is_stale)

    def amend_with(
        self,
        registration: UUID,
        chosen: Wanted,
        money: str,
        *,
        by_owner: bool = False,
        is_stale: bool = False,
    ) -> None:
        """Change what is paid, with the payment that it needs or something else."""
        plan = self.model.plan_amendment(registration, chosen, by_owner=by_owner)
        due, surcharge = plan.ledger.amount_due, Decimal("0.50")
        # an owner may not report a payment, nor is there one of nothing
        if money == "none" or (money == "due" and (by_owner or not due)):
            self.change(registration, chosen, None, by_owner=by_owner, is_stale=is_stale)
            return
        payment = Payment(
            registration,
            "payment",
            max(due, Decimal(1)) + surcharge + (1 if money == "too much" else 0),
            surcharge,
            "EUR" if money == "other money" else CURRENCY,
        )
        reference = self.reference(registration if money == "used reference" else None)
        self.change(
            registration, chosen, (reference, payment), by_owner=by_owner, is_stale=is_stale
        )

    def change(
        self,
        registration: UUID,
        chosen: Wanted,
        payment: tuple[str, Payment] | None,
        *,
        by_owner: bool = False,
        is_stale: bool = False,
    ) -> None:
        """Quote and amend: the quote says beforehand what the amendment comes to."""
        booking = self.model.bookings[registration]
        client = self.service.as_user(booking.owner) if by_owner else self.service
        selections = selections_of(chosen)
        if payment:
            # it pays for this and nothing else
            request = tuple((each, tuple(sorted(chosen[each].items()))) for each in sorted(chosen))
            payment = payment[0], replace(payment[1], request=request)
        plan = self.model.plan_amendment(registration, chosen, by_owner=by_owner)
        if is_standing(booking):
            quote = client.quote_ticket_selections(
                FUNCTION, selections, registration_id=registration
            )
            kinds = {"sold_out": "TK005", "changes_ended": "TK003"}
            assert {kinds.get(issue.code, "TK004") for issue in quote.issues} >= plan.refusals
            assert quote.valid == (not plan.refusals), (quote.issues, plan.refusals)
            assert (quote.amount_due, quote.refund_due) == (
                plan.ledger.amount_due,
                plan.ledger.refund_due,
            )
        before = booking.held
        revision = booking.revision - 1 if is_stale else booking.revision
        outcome = self.model.amend(
            registration, plan, payment, by_owner=by_owner, is_stale=is_stale
        )
        answer = self.attempt(
            outcome,
            client.amend_registration,
            registration,
            selections,
            money_of(*payment) if payment else None,
            revision,
        )
        self.check_amendment(registration, answer, plan, is_changed=booking.held is not before)

    def check_amendment(
        self,
        registration: UUID,
        answer: Any,  # noqa: ANN401
        plan: Amendment,
        *,
        is_changed: bool,
    ) -> None:
        """An answer tells what was changed, and the money as it is now."""
        if answer is None:
            return
        booking, ledger = self.model.bookings[registration], self.model.ledger(registration)
        assert (answer.status, answer.revision) == (booking.status, booking.revision)
        assert answer.total == booking.total
        assert (answer.paid, answer.refunded, answer.amount_due, answer.refund_due) == (
            ledger.paid,
            ledger.refunded,
            ledger.amount_due,
            ledger.refund_due,
        )
        active = len(self.prices(registration, status="Active")) if is_changed else 0
        gone = tickets_in(plan.gone) if is_changed else 0
        assert answer.tickets_cancelled == gone
        assert answer.tickets_created == (
            tickets_in(plan.after) - active + gone if is_changed else 0
        )

    @every(2)
    @precondition(lambda self: self.standing())
    @rule(
        who=WHO,
        data=st.data(),
        flaw=st.sampled_from([None, None, None, "another's", "part", "gone"]),
        by_owner=st.booleans(),
        is_stale=RARELY,
    )
    def cancel_tickets(
        self,
        who: int,
        data: st.DataObject,
        flaw: str | None,
        *,
        by_owner: bool,
        is_stale: bool,
    ) -> None:
        """A user or staff cancel single tickets, a part of a package, or those of another user."""
        registration = self.pick(who, is_standing)
        units = self.units(registration)
        chosen = data.draw(st.sets(st.sampled_from(sorted(units)), max_size=3)) if units else set()
        gone = self.prices(registration, status="Cancelled")
        others = set(self.stored) - set(self.prices(registration))
        extra: list[UUID] = []
        if flaw == "gone" or not chosen:
            extra = sorted(gone)[:1]  # as for the second time
        elif flaw == "another's":
            extra = sorted(others)[:1]
        self.cancel_units(
            registration,
            chosen,
            extra,
            is_part=flaw == "part",
            by_owner=by_owner,
            is_stale=is_stale,
        )

    def units(self, registration: UUID) -> dict[tuple[UUID, str, int], list[UUID]]:
        """Return the tickets of each unit that attendees hold: the oldest is 0."""
        rows = sorted(
            (
                (row["package_number"] or 0, row["created_at"], ticket)
                for ticket, row in self.stored.items()
                if row["registration_id"] == registration and row["status"] == "Active"
            ),
        )
        found: dict[tuple[UUID, str], dict[Any, list[UUID]]] = {}
        for number, _, ticket in rows:
            row = self.stored[ticket]
            offer = NAMES[str(row["package_id"] or row["ticket_type_id"])]
            unit = number or ticket
            of_offer = found.setdefault((row["client_attendee_id"], offer), {})
            of_offer.setdefault(unit, []).append(ticket)
        return {
            (attendee, offer, position): tickets
            for (attendee, offer), units in found.items()
            for position, tickets in enumerate(units.values())
        }

    def cancel_units(
        self,
        registration: UUID,
        chosen: Iterable[tuple[UUID, str, int]],
        extra: Iterable[UUID] = (),
        *,
        is_part: bool = False,
        by_owner: bool = False,
        is_stale: bool = False,
    ) -> None:
        """Cancel units by their tickets, perhaps without one of these, and other tickets."""
        booking = self.model.bookings[registration]
        client = self.service.as_user(booking.owner) if by_owner else self.service
        units, extra = self.units(registration), list(extra)
        named: dict[tuple[UUID, str], set[int]] = {}
        for attendee, offer, position in chosen:
            named.setdefault((attendee, offer), set()).add(position)
        tickets = [ticket for unit in sorted(chosen) for ticket in units[unit]]
        packages = [unit for unit in sorted(chosen) if unit[1] in PACKAGES]
        is_part = is_part and bool(packages)
        if is_part:
            tickets.remove(units[packages[0]][0])
        if not tickets and not extra:
            return
        foreign = set(extra) - set(self.prices(registration))
        plan = self.model.plan_cancellation(
            registration, named, is_wrong=is_part or bool(foreign), by_owner=by_owner
        )
        before = booking.held
        revision = booking.revision - 1 if is_stale else booking.revision
        outcome = self.model.amend(registration, plan, None, by_owner=by_owner, is_stale=is_stale)
        answer = self.attempt(
            outcome,
            client.cancel_tickets,
            registration,
            [*tickets, *extra],
            "because",
            revision,
        )
        self.check_amendment(registration, answer, plan, is_changed=booking.held is not before)
        if answer:
            states = self.db.execute(
                "SELECT DISTINCT status FROM ticketing.tickets WHERE ticket_id = ANY(%s)",
                [[*tickets, *extra]],
            ).fetchall()
            assert states == [("Cancelled",)]

    @every(9)
    @rule(is_changeable=st.booleans(), is_refundable=st.booleans())
    def set_deadlines(self, *, is_changeable: bool, is_refundable: bool) -> None:
        """The organiser lets owners change what they have paid, or does not any more."""
        self.model.is_changeable = is_changeable
        self.model.is_refundable = is_refundable
        self.attempt(None, self.service.import_catalogue, document(self.model))

    # What costs no ticket

    @every(3)
    @rule(who=WHO, amount=st.sampled_from(["-100.00", "-7.50", "0.00", "0.00", "4.00"]))
    def adjust(self, who: int, amount: str) -> None:
        """The organiser makes it cheaper or dearer."""
        registration = self.pick(who, lambda booking: any(booking.held.values()))
        outcome = self.model.adjust(registration, Decimal(amount))
        answer = self.attempt(
            outcome, self.service.adjust_registration, registration, amount, "because"
        )
        if answer:
            booking, ledger = self.model.bookings[registration], self.model.ledger(registration)
            assert (answer.status, answer.payment_status, answer.revision) == (
                booking.status,
                booking.payment_status,
                booking.revision,
            )
            assert (answer.total, answer.amount_due, answer.refund_due) == (
                booking.total,
                ledger.amount_due,
                ledger.refund_due,
            )

    @every(6)
    @rule(who=WHO, owner=st.sampled_from(OWNERS))
    def transfer(self, who: int, owner: UUID) -> None:
        """A user claims a registration; the owner before loses it."""
        registration = self.pick(who, is_editable)
        booking = self.model.bookings[registration]
        before = booking.owner
        outcome = self.model.transfer(booking, owner)
        self.attempt(outcome, self.service.transfer_registration, registration, owner)
        self.attempt(
            None if owner == before else "TK002",
            self.service.as_user(before).get_registration,
            registration,
        )

    @every(5)
    @rule(who=WHO)
    def extend_hold(self, who: int) -> None:
        """Staff let a user pay by invoice, also when it is almost too late."""
        registration = self.pick(who, is_editable)
        booking = self.model.bookings[registration]
        outcome = self.model.extend_hold(booking)
        until = datetime.now(UTC) + timedelta(days=1)
        answer = self.attempt(outcome, self.service.extend_hold, registration, until)
        if answer:
            assert (answer.status, answer.revision) == (booking.status, booking.revision)
            assert answer.hold_granted_until == until
            assert (answer.hold_expires_at or until) >= until

    @every(4)
    @rule(
        who=WHO,
        name=st.sampled_from(["Guest 1", "Ada", "Ben"]),
        is_new=RARELY,
        by_owner=st.booleans(),
        is_stale=RARELY,
    )
    def update_attendees(
        self, who: int, name: str, *, is_new: bool, by_owner: bool, is_stale: bool
    ) -> None:
        """A user or staff give an attendee another name, or add one more."""
        registration = self.pick(who, lambda booking: booking.status != "cancelled")
        booking = self.model.bookings[registration]
        client = self.service.as_user(booking.owner) if by_owner else self.service
        attendee = sorted(booking.held)[who % len(booking.held)]
        if is_new:
            attendee = UUID(int=max(booking.held).int + (1 << 16))
        is_changed = self.names.get(attendee) != name
        revision = booking.revision - 1 if is_stale else booking.revision
        outcome = self.model.update_attendees(
            booking, attendee, by_owner=by_owner, is_changed=is_changed, is_stale=is_stale
        )
        answer = self.attempt(
            outcome,
            client.update_attendees,
            registration,
            [{"attendeeId": attendee, "attendeeType": "guest", "firstName": name}],
            revision,
        )
        if answer:
            self.names[attendee] = name
            assert (answer.attendees_added, answer.attendees_updated) == (
                int(is_new),
                int(is_changed and not is_new),
            )
            assert (answer.status, answer.revision) == (booking.status, booking.revision)

    @every(4)
    @precondition(lambda self: self.stored)
    @rule(
        who=WHO,
        data=st.data(),
        name=st.sampled_from([None, "Ada", "Ben"]),
        by_owner=st.booleans(),
        is_stale=RARELY,
    )
    def assign_tickets(
        self, who: int, data: st.DataObject, name: str | None, *, by_owner: bool, is_stale: bool
    ) -> None:
        """A user or staff say whom tickets admit, now and then of tickets that are gone."""
        registration = self.pick(
            who, lambda booking: booking.status != "cancelled" and any(booking.held.values())
        )
        booking = self.model.bookings[registration]
        client = self.service.as_user(booking.owner) if by_owner else self.service
        mine = set(self.prices(registration, status="Active"))
        candidates = sorted(mine) * 4 + sorted(set(self.stored) - mine)
        chosen = data.draw(st.sets(st.sampled_from(candidates), min_size=1, max_size=2))
        revision = booking.revision - 1 if is_stale else booking.revision
        outcome = self.model.assign(
            booking,
            dict.fromkeys(chosen, name),
            by_owner=by_owner,
            is_wrong=not chosen <= mine,
            is_stale=is_stale,
        )
        holder = name and {"firstName": name, "lastName": "Lind"}
        answer = self.attempt(
            outcome,
            client.assign_tickets,
            registration,
            [{"ticket_id": ticket, "holder": holder} for ticket in sorted(chosen)],
            revision,
        )
        if answer:
            assert (answer.status, answer.revision) == (booking.status, booking.revision)

    # Money comes back

    def owed(self) -> list[UUID]:
        """Return the registrations for which money is due back."""
        return [each for each in self.model.bookings if self.model.ledger(each).refund_due]

    @precondition(lambda self: self.owed() or (self.cancelled() and self.steps % 3 == 0))
    @rule(
        data=st.data(),
        part=st.sampled_from(["all", "all", "half", "half", "tickets", "too much", "nothing"]),
        named=st.sampled_from(["none", "none", "cancelled", "any"]),
        surcharge=st.sampled_from([0, 0, 0, 1, 2]),
        is_other_money=RARELY,
        is_used_reference=RARELY,
    )
    def refund(
        self,
        data: st.DataObject,
        part: str,
        named: str,
        surcharge: int,
        *,
        is_other_money: bool,
        is_used_reference: bool,
    ) -> None:
        """Money is given back: for some tickets, for none in particular, or of the surcharge."""
        paid = {payment.registration for payment in self.model.payments.values()}
        candidates = sorted(paid.union(self.cancelled()[:1])) + 9 * self.owed()
        registration = data.draw(st.sampled_from(candidates))
        prices = self.prices(registration)
        nameable = {
            "none": [],
            "cancelled": sorted(self.prices(registration, status="Cancelled")),
            "any": sorted(prices),
        }[named]
        chosen = frozenset(
            data.draw(st.sets(st.sampled_from(nameable), min_size=1)) if nameable else ()
        )
        due = self.model.ledger(registration).refund_due
        amount = {
            "all": due,
            "half": due / 2,
            "tickets": sum((prices[ticket] for ticket in chosen), Decimal(0)),
            "too much": due + 2,
            "nothing": Decimal(0),
        }[part]
        self.report(
            self.reference(registration) if is_used_reference else self.reference(),
            Payment(
                registration,
                "refund",
                amount.quantize(Decimal("0.01")) + surcharge,
                Decimal(surcharge),
                "EUR" if is_other_money else CURRENCY,
                chosen,
            ),
        )

    @every(6)
    @rule(pool=st.sampled_from(list(POOLS)), more=st.sampled_from([-1, -1, 0, 1, 2, 3, None]))
    def change_capacity(self, pool: str, more: int | None) -> None:
        """The organiser changes a capacity, to so many more than are taken now."""
        before = self.model.capacities[pool]
        taken = self.model.taken()[pool]
        capacity = None if more is None else max(taken + more, 0)
        self.model.capacities[pool] = capacity
        wanted = document(self.model)
        self.model.capacities[pool] = before
        outcome = self.model.set_capacity(pool, capacity)
        self.attempt(outcome, self.service.import_catalogue, wanted)

    @every(7)
    @rule(offer=st.sampled_from(["standing", "weekend"]), price=st.sampled_from(["5.50", "7.77"]))
    def change_price(self, offer: str, price: str) -> None:
        """The organiser thinks better of it."""
        self.model.prices[offer] = Decimal(price)
        self.attempt(None, self.service.import_catalogue, document(self.model))

    # What holds after every step

    @invariant()
    def registrations_agree(self) -> None:
        """Status, money and holds are those of the model."""
        with self.db.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(
                """
                SELECT registration_id, status, payment_status, revision, subtotal, adjustment,
                    total, owner_id,
                    CASE
                        WHEN status = 'expired' OR hold_expires_at <= clock_timestamp() THEN 'over'
                        WHEN hold_expires_at IS NOT NULL THEN 'running'
                    END AS hold,
                    confirmation_number IS NOT NULL AS is_confirmed
                FROM ticketing.registrations ORDER BY registration_id
                """
            ).fetchall()
        assert rows == [
            {
                "registration_id": registration,
                "status": booking.status,
                "payment_status": booking.payment_status,
                "revision": booking.revision,
                "subtotal": booking.subtotal,
                "adjustment": booking.adjustment,
                "total": booking.total,
                "owner_id": booking.owner,
                "hold": booking.hold,
                "is_confirmed": booking.payment_status != "Unpaid",
            }
            for registration, booking in sorted(self.model.bookings.items())
        ]

    @invariant()
    def ledgers_agree(self) -> None:
        """Every registration, in turns, shows the money of the model."""
        bookings = sorted(self.model.bookings)
        registration = bookings[self.steps % len(bookings)]
        seen, ledger = self.service.get_registration(registration), self.model.ledger(registration)
        assert (seen.paid, seen.refunded, seen.amount_due, seen.refund_due) == (
            ledger.paid,
            ledger.refunded,
            ledger.amount_due,
            ledger.refund_due,
        )

    @invariant()
    def tickets_match(self) -> None:
        """Every attendee has the tickets of the model, at its prices and in its state.

        And those that could stay did: of equal ones as many have kept their ids as could.
        """
        with self.db.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(
                """
                SELECT ticket_id, ticket.registration_id, client_attendee_id, package_id,
                    package_number, ticket_type_id, price_paid, original_price, ticket.status,
                    payment_status, ticket.created_at
                FROM ticketing.tickets AS ticket
                INNER JOIN ticketing.attendees USING (function_id, attendee_id)
                """
            ).fetchall()
        stored = {row["ticket_id"]: row for row in rows}
        found: dict[tuple[UUID, str, str], list[Document]] = {}
        for row in rows:
            offer = NAMES[str(row["package_id"] or row["ticket_type_id"])]
            found.setdefault((row["client_attendee_id"], offer, row["status"]), []).append(row)

        expected = {
            (attendee, offer, status): (registration, units)
            for registration, booking in self.model.bookings.items()
            for status, held in states_of(booking).items()
            for (attendee, offer), units in held.items()
        }
        assert set(found) == set(expected)
        for (attendee, offer, status), (registration, units) in expected.items():
            booking = self.model.bookings[registration]
            tickets = found[attendee, offer, status]
            assert Counter(NAMES[str(row["ticket_type_id"])] for row in tickets) == {
                name: quantity * len(units) for name, quantity in contents(offer).items()
            }
            assert sum(row["price_paid"] for row in tickets) == sum(unit.price for unit in units)
            assert Counter(row["original_price"] for row in tickets) == Counter(
                price
                for unit in units
                for price, quantity in zip(unit.terms[1:], contents(offer).values(), strict=True)
                for _ in range(quantity)
            )
            for row in tickets:
                is_refunded = row["ticket_id"] in booking.refunded
                paid = "Unpaid" if booking.payment_status == "Unpaid" else "Paid"
                assert row["payment_status"] == ("Refunded" if is_refunded else paid)

        def alike(rows: Mapping[UUID, Document]) -> Counter[tuple[object, ...]]:
            return Counter(
                tuple(value for column, value in row.items() if column in KIND)
                for row in rows.values()
                if row["payment_status"] == "Unpaid"
            )

        # what was paid once is never deleted, and changes nothing but its state
        for ticket, row in self.stored.items():
            if row["payment_status"] != "Unpaid":
                assert all(stored[ticket][column] == row[column] for column in FIXED)

        admitted = self.db.execute("SELECT ticket_id, first_name FROM ticketing.ticket_holders")
        assert dict(admitted.fetchall()) == {
            ticket: name
            for booking in self.model.bookings.values()
            for ticket, name in booking.holders.items()
            if ticket in stored
        }

        could_stay = alike(self.stored) & alike(stored)
        stayed = alike({key: row for key, row in stored.items() if key in self.stored})
        assert stayed == could_stay
        self.stored = stored

    @invariant()
    def counters_agree(self) -> None:
        """The pools are those of the model, and so are their counters: never over capacity."""
        reserved = self.model.counted(("draft", "pending"))
        sold = self.model.counted(("completed",))
        assert {
            NAMES[str(pool)]: numbers
            for pool, *numbers in self.db.execute(
                "SELECT capacity_pool_id, capacity, reserved, sold FROM ticketing.capacity_pools"
            )
        } == {
            pool: [capacity, reserved[pool], sold[pool]]
            for pool, capacity in self.model.capacities.items()
            if capacity is not None
        }

    @invariant()
    def availability_agrees(self) -> None:
        """A visitor, and in turns every registration, sees what is left for it."""
        visitor = self.service.as_user({}, role="anon").get_ticket_availability(FUNCTION)
        views: list[tuple[Booking | None, AvailabilityAnswer]] = [(None, visitor)]
        if self.model.bookings:
            bookings = sorted(self.model.bookings.items())
            registration, booking = bookings[self.steps % len(bookings)]
            user = self.service.as_user(booking.owner)
            views.append((booking, user.get_ticket_availability(FUNCTION, registration)))
        for viewer, seen in views:
            offers: dict[str, TicketTypeAvailability | PackageAvailability] = {
                kind.ticket_type_id: kind for kind in seen.ticket_types
            }
            offers |= {package.package_id: package for package in seen.packages}
            left = {NAMES[ident]: offer.available for ident, offer in offers.items()}
            assert left == {offer: self.model.left(offer, viewer) for offer in OFFERS}
            assert {NAMES[ident]: offer.status for ident, offer in offers.items()} == {
                offer: "sold_out" if number == 0 else "on_sale" for offer, number in left.items()
            }
            events = {NAMES[event.event_id]: event.available for event in seen.events}
            assert events == {
                event: self.model.left(event, viewer) if event in POOLS else None
                for event in EVENTS
            }

    @invariant()
    def settle(self) -> None:
        """Read on in the feed; note that all invariants before this one have held."""
        if self.steps % 4 == 0:
            self.read_on(limit=20)
        self.is_settled = True
        self.steps += 1

    def read_on(self, limit: int) -> None:
        """Replay a page of the change feed."""
        page = self.service.get_ticket_changes(self.cursor, limit)
        self.cursor = page.cursor
        before = {
            "added": None,
            "removed": "Active Unpaid",
            "paid": "Active Unpaid",
            "refunded": "Cancelled Paid",
        }
        for change in page.changes:
            state = self.told.get(change.ticket_id)
            if change.change == "assigned":
                assert state is not None
                continue
            if change.change == "cancelled":
                assert state in {"Active Unpaid", "Active Paid"}
                self.told[change.ticket_id] = state.replace("Active", "Cancelled")
                continue
            assert state == before[change.change]
            if change.change == "removed":
                del self.told[change.ticket_id]
            else:
                self.told[change.ticket_id] = {
                    "added": "Active Unpaid",
                    "paid": "Active Paid",
                    "refunded": "Cancelled Refunded",
                }[change.change]

    def teardown(self) -> None:
        """At the end everything is sound, and the feed has told the whole story."""
        if not self.is_settled:
            return  # it has failed already
        assert self.service.check_integrity() == ()
        expected = {
            str(ticket): f"{row['status']} {row['payment_status']}"
            for ticket, row in self.stored.items()
        }
        # the server may be at work in the background, which delays the feed
        deadline = time.monotonic() + 30
        while self.told != expected and time.monotonic() < deadline:
            self.read_on(limit=10_000)
        assert self.told == expected


class Story:
    """A history that is told, not drawn: after each step the invariants are looked at."""

    def __init__(self, db: Connection) -> None:
        """Begin with three registrations: of one, one and two attendees."""

        class Here(History):
            pass

        Here.db = db
        self.history = Here()
        self.history.create_three()
        self.first, self.second, self.third = self.history.model.bookings
        self.look()

    def look(self) -> None:
        """Look at all invariants."""
        self.history.registrations_agree()
        self.history.ledgers_agree()
        self.history.tickets_match()
        self.history.counters_agree()
        self.history.availability_agrees()
        self.history.settle()

    def choose(self, registration: UUID, *choices: Mapping[str, int]) -> None:
        """Let the attendees of a registration choose, one after the other."""
        held = self.history.model.bookings[registration].held
        chosen = dict(zip(held, choices, strict=False))
        self.history.choose(registration, chosen, is_stale=False, way="selections")
        self.look()

    def tell(self, step: Callable[..., None], *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        """Do any other step."""
        step(*arguments, **options)
        self.look()

    def statuses(self) -> list[str]:
        """Return the statuses of the three."""
        return [booking.status for booking in self.history.model.bookings.values()]


def test_capacity_prices_and_money_add_up_from_hold_to_refund(
    connect: Callable[..., Connection],
) -> None:
    story = Story(connect(autocommit=True))
    history, first, second, third = story.history, story.first, story.second, story.third

    # an overdue hold releases capacity to the next, and takes it again only while some is left
    story.choose(first, {"seat": 2})
    story.tell(history.run_out, first)
    story.choose(second, {"seat": 2})
    assert story.statuses() == ["expired", "draft", "draft"]
    story.tell(history.report, "late", history.due(first))
    assert story.statuses() == ["expired", "draft", "draft"]
    story.tell(history.give_up, second, by_owner=True)
    story.tell(history.report, "late", history.due(first))
    assert story.statuses() == ["completed", "cancelled", "draft"]
    story.tell(history.report, "late", history.due(first))

    # a price is promised while the hold lives
    story.choose(third, {"standing": 2})
    story.tell(history.change_price, "standing", "7.77")
    story.choose(third, {"standing": 3})
    assert history.model.bookings[third].total == Decimal("18.77")
    story.tell(history.start, third)
    story.tell(history.run_out, third)
    story.choose(third, {"standing": 3})
    assert history.model.bookings[third].total == Decimal("23.31")

    # what is changed must be asked for again, and what is free costs no step
    story.choose(third, {"weekend": 1}, {"drink": 1})
    story.tell(history.start, third)
    assert story.statuses() == ["completed", "cancelled", "pending"]
    story.choose(third, {"drink": 1})
    assert story.statuses() == ["completed", "cancelled", "draft"]
    story.tell(history.start, third)
    assert story.statuses() == ["completed", "cancelled", "completed"]

    # only what was paid is given back, and each ticket once
    story.tell(history.give_up, first, by_owner=True)
    story.tell(history.give_up, first, by_owner=False)
    assert story.statuses() == ["cancelled", "cancelled", "completed"]
    seats = [key for key, row in history.stored.items() if row["registration_id"] == first]
    back = Payment(first, "refund", Decimal(10), Decimal(0), CURRENCY)
    for reference in ("one", "one", "the same ticket again"):
        story.tell(history.report, reference, replace(back, tickets=frozenset(seats[:1])))
    story.tell(history.report, "one", replace(back, tickets=frozenset(seats[1:])))
    assert history.model.bookings[first].payment_status == "Paid"
    story.tell(history.report, "two", back)
    assert history.model.bookings[first].payment_status == "Refunded"
    story.tell(history.report, "three", back)
    history.teardown()


def test_sold_out_after_late_payment_tells_capacity_left(
    connect: Callable[..., Connection],
) -> None:
    story = Story(connect(autocommit=True))
    history, first, second, third = story.history, story.first, story.second, story.third
    story.choose(first, {"seat": 2})
    story.tell(history.run_out, first)
    story.tell(history.release_expired_holds, 100)
    story.choose(second, {"seat": 2})
    story.choose(third, {"seat": 1})
    story.tell(history.run_out, third)
    # one ticket is left, that of the third: the same for every request for two
    story.choose(first, {"seat": 2})
    story.tell(history.report, "late", history.due(first))
    assert history.model.shortage == {"seat": (2, 1)}


def test_paid_registration_and_its_money_change_together(
    connect: Callable[..., Connection],
) -> None:
    story = Story(connect(autocommit=True))
    history, third = story.history, story.third
    booking = history.model.bookings[third]
    one, other = booking.held

    def due_back() -> Decimal:
        return history.model.ledger(third).refund_due

    def cancelled() -> list[UUID]:
        return sorted(history.prices(third, status="Cancelled"))

    story.choose(third, {"weekend": 1}, {"drink": 1})
    story.tell(history.report, "first", history.due(third))

    # a dearer one needs a payment, once
    dearer = {one: {"weekend": 2}}
    story.tell(history.change_price, "weekend", "40.00")
    story.tell(history.amend_with, third, dearer, "none")
    assert len(history.stored) == 3
    story.tell(history.amend_with, third, dearer, "due", by_owner=False)
    said = history.model.payments["reference 2"]
    story.tell(history.change, third, dearer, ("reference 2", said))
    story.tell(history.change, third, {one: {"weekend": 1}}, ("reference 2", said))
    assert booking.total == Decimal("73.33")

    # of two packages the one named goes, whatever number those have that went before
    story.tell(history.amend_with, third, {one: {"weekend": 1}}, "due", by_owner=True)
    story.tell(history.amend_with, third, dearer, "due", by_owner=True)
    assert due_back() == 0
    story.tell(history.cancel_units, third, [(one, "weekend", 1)], cancelled())
    assert due_back() == 40
    story.tell(history.cancel_units, third, [(one, "weekend", 0)], is_part=True)
    assert due_back() == 40
    story.tell(history.cancel_units, third, [(one, "weekend", 0)], by_owner=True)
    assert due_back() == Decimal("73.33")
    story.tell(history.cancel_units, third, [(other, "drink", 0)])
    assert len(cancelled()) == 6

    # what is due back pays for the next change, unless it has been given back
    story.tell(history.set_deadlines, is_changeable=True, is_refundable=False)
    story.tell(history.amend_with, third, {one: {"dinner": 2}}, "due", by_owner=True)
    assert due_back() == Decimal("13.33")
    story.tell(history.amend_with, third, {one: {"dinner": 1}}, "due", by_owner=True)
    assert due_back() == Decimal("13.33")
    back = Payment(third, "refund", Decimal("13.33"), Decimal(0), CURRENCY)
    story.tell(history.report, "back", back)
    assert booking.payment_status == "Paid"
    story.tell(history.amend_with, third, {one: {"dinner": 3}}, "due", by_owner=True)
    story.tell(history.amend_with, third, {one: {"dinner": 3}}, "due")
    assert due_back() == 0

    # a fee is kept of what is cancelled
    story.tell(history.give_up, third, by_owner=True)
    assert booking.status == "completed"
    story.tell(history.give_up, third, by_owner=False)
    assert due_back() == 90
    assert history.model.adjust(third, Decimal(5)) is None
    story.tell(history.attempt, None, history.service.adjust_registration, third, 5, "a fee")
    assert due_back() == 85
    story.tell(history.report, "rest", replace(back, amount=Decimal(85)))
    assert booking.payment_status == "Refunded"
    history.teardown()


def test_database_does_what_model_does(connect: Callable[..., Connection]) -> None:
    class Here(History):
        db = connect(autocommit=True)

    run_state_machine_as_test(
        Here,
        settings=settings(
            derandomize=True,
            max_examples=10 * SEARCH,
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )
