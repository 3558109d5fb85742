"""What the database should do, said once more in plain Python: the model of test_state_machine.

It is written from the contract and shares nothing with the SQL. Where that keeps counters and takes
differences, this counts everything anew, each time. What is on sale goes by names.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias
from uuid import UUID

Outcome: TypeAlias = str | None
"""The SQLSTATE of a refusal; None for a success."""

EVENTS = {"show": ("seat", "standing"), "party": ("dinner", "drink")}
"""The ticket types of each event."""

PACKAGES: Mapping[str, Mapping[str, int]] = {
    "weekend": {"seat": 1, "dinner": 1},
    "pair": {"standing": 2, "drink": 1},
}
"""The contents of each package."""

OFFERS = ("seat", "standing", "dinner", "drink", *PACKAGES)

POOLS: Mapping[str, tuple[str, ...]] = {
    "show": ("seat", "standing"),
    "seat": ("seat",),
    "weekend": ("weekend",),
    # shared; a pair takes capacity from it both for its tickets and for itself
    "hall": ("standing", "dinner", "drink", "pair"),
}
"""What takes capacity from each pool."""

CAPACITIES: Mapping[str, int | None] = {"show": 5, "seat": 3, "weekend": 2, "hall": 7}

PRICES = {
    "seat": Decimal("10.00"),
    "standing": Decimal("5.50"),
    "dinner": Decimal("30.00"),
    "drink": Decimal("0.00"),
    "weekend": Decimal("33.33"),
    "pair": Decimal("9.99"),
}

MIN_PER_ATTENDEE = {"standing": 2}
MAX_PER_ATTENDEE = {"seat": 2, "pair": 1}
MAX_PER_REGISTRATION = {"dinner": 3}


@dataclass(frozen=True)
class Unit:
    """One ticket or package that an attendee holds.

    Attributes:
        price: What it costs.
        terms: The prices that this was made of; other prices, another ticket.
    """

    price: Decimal
    terms: tuple[Decimal, ...]


Held: TypeAlias = dict[str, tuple[Unit, ...]]
"""What one attendee holds, by offer, the oldest first."""

Wanted: TypeAlias = Mapping[UUID, Mapping[str, int]]
"""How many of each offer attendees should hold; those not in it keep what they have."""

Named: TypeAlias = Mapping[tuple[UUID, str], AbstractSet[int]]
"""Which of the units that attendees hold, by attendee and offer; the oldest is 0."""


def contents(offer: str) -> Mapping[str, int]:
    """Return the tickets in one of an offer."""
    return PACKAGES.get(offer, {offer: 1})


def units_of(offer: str) -> Counter[str]:
    """Return how much capacity one of an offer takes from each pool."""
    taking = Counter(contents(offer)) + Counter([offer] if offer in PACKAGES else [])
    return Counter(
        {
            pool: sum(taking[member] for member in members)
            for pool, members in POOLS.items()
            if any(taking[member] for member in members)
        }
    )


@dataclass
class Booking:
    """A registration.

    Attributes:
        owner: Whose it is.
        has_contact: Whether it has a booking contact.
        held: What each attendee holds.
        adjustment: What it costs more than all of it.
        holders: Whom tickets admit instead of their attendees.
        gone: What attendees held when it was cancelled, of a registration that is still paid.
        status: As it is stored; one that is overdue has not been noticed yet.
        payment_status: Unpaid, Paid or Refunded.
        hold: Whether its hold is running or over; None when it holds nothing unpaid.
        revision: How often it has changed.
        refunded: The tickets that were refunded.
    """

    owner: UUID
    has_contact: bool
    held: dict[UUID, Held]
    status: str = "draft"
    payment_status: str = "Unpaid"
    hold: Literal["running", "over"] | None = None
    revision: int = 1
    adjustment: Decimal = Decimal(0)
    holders: dict[UUID, str] = field(default_factory=dict)
    gone: dict[UUID, Held] = field(default_factory=dict)
    refunded: set[UUID] = field(default_factory=set)

    @property
    def subtotal(self) -> Decimal:
        """What all of it costs; nothing, once it is cancelled."""
        return Decimal(0) if self.status == "cancelled" else cost(self.held)

    @property
    def total(self) -> Decimal:
        """The same with the adjustment."""
        return self.adjusted(self.subtotal)

    def adjusted(self, subtotal: Decimal) -> Decimal:
        """Return what comes of it."""
        return max(subtotal + self.adjustment, Decimal(0))

    @property
    def is_counted(self) -> bool:
        """Whether it is in the counters of its pools."""
        return self.status in {"draft", "pending", "completed"}

    @property
    def is_overdue(self) -> bool:
        """Whether its capacity is free, although it is still counted."""
        return self.status in {"draft", "pending"} and self.hold == "over"


def units_in(held: Mapping[UUID, Held]) -> Iterator[Unit]:
    """Yield all that attendees hold."""
    for holding in held.values():
        for units in holding.values():
            yield from units


def cost(held: Mapping[UUID, Held]) -> Decimal:
    """Return what all of it costs."""
    return sum((unit.price for unit in units_in(held)), Decimal(0))


def tickets_in(held: Mapping[UUID, Held]) -> int:
    """Return how many tickets attendees hold together."""
    counted = count(held)
    return sum(sum(contents(offer).values()) * counted[offer] for offer in counted)


def count(held: Mapping[UUID, Held]) -> Counter[str]:
    """Count what attendees hold together, by offer."""
    counted: Counter[str] = Counter()
    for holding in held.values():
        for offer, units in holding.items():
            counted[offer] += len(units)
    return counted


def units_taken(offers: Mapping[str, int]) -> Counter[str]:
    """Return how much capacity so many of each offer take from each pool."""
    taken: Counter[str] = Counter()
    for offer, quantity in offers.items():
        for pool, number in units_of(offer).items():
            taken[pool] += number * quantity
    return taken


@dataclass(frozen=True)
class Payment:
    """What a reference was used for.

    Attributes:
        surcharge: What of the amount is not for tickets.
        tickets: The tickets that a refund names.
        request: What the payment of an amendment was for.
    """

    registration: UUID
    kind: str
    amount: Decimal
    surcharge: Decimal
    currency: str
    tickets: frozenset[UUID] = frozenset()
    request: tuple[tuple[UUID, tuple[tuple[str, int], ...]], ...] | None = None

    @property
    def net(self) -> Decimal:
        """The amount without the surcharge."""
        return self.amount - self.surcharge

    def is_like(self, other: "Payment") -> bool:
        """Return whether it says the same: of a payment, of what is for tickets."""
        if self.kind == "refund":
            return self == other
        mine = (self.registration, self.kind, self.net, self.currency)
        return mine == (other.registration, other.kind, other.net, other.currency)


@dataclass(frozen=True)
class Ledger:
    """The money of a registration.

    Attributes:
        surcharge_left: What was paid as surcharge and not given back.
    """

    paid: Decimal
    refunded: Decimal
    surcharge_left: Decimal
    amount_due: Decimal
    refund_due: Decimal


@dataclass(frozen=True)
class Amendment:
    """What a change of a registration that is paid would come to.

    Attributes:
        after: What attendees would hold.
        gone: What would be cancelled.
        refusals: What it would be refused for, if its money were right.
        ledger: The money then.
    """

    after: dict[UUID, Held]
    gone: dict[UUID, Held]
    refusals: frozenset[str]
    ledger: Ledger

    @property
    def refusal(self) -> Outcome:
        """The refusal that comes first."""
        return min(self.refusals, default=None)


@dataclass
class Model:
    """The whole database.

    Attributes:
        bookings: The registrations.
        capacities: The capacity of each pool; None: no limit, so no pool.
        prices: What each offer costs today.
        payments: What each reference was used for.
        is_changeable: Whether owners may still change what they have paid.
        is_refundable: Whether they may also if money is due back then.
        shortage: Of the last TK005, requested and available capacity of each pool that was short.
    """

    currency: str
    bookings: dict[UUID, Booking] = field(default_factory=dict)
    capacities: dict[str, int | None] = field(default_factory=lambda: dict(CAPACITIES))
    prices: dict[str, Decimal] = field(default_factory=lambda: dict(PRICES))
    payments: dict[str, Payment] = field(default_factory=dict)
    is_changeable: bool = True
    is_refundable: bool = True
    shortage: dict[str, tuple[int, int]] = field(default_factory=dict)

    # Questions

    def counted(self, statuses: Iterable[str]) -> Counter[str]:
        """Return the capacity that registrations of these statuses take from each pool."""
        taken: Counter[str] = Counter()
        for booking in self.bookings.values():
            if booking.status in statuses:
                taken += units_taken(count(booking.held))
        return taken

    def taken(self, without: Booking | None = None) -> Counter[str]:
        """Return the capacity of each pool that no other registration can take."""
        taken: Counter[str] = Counter()
        for booking in self.bookings.values():
            if booking is not without and booking.is_counted and not booking.is_overdue:
                taken += units_taken(count(booking.held))
        return taken

    def left(self, offer: str, booking: Booking | None = None) -> int | None:
        """Return how many of an offer (or, for an event, tickets) are left; None: no limit."""
        need = Counter({offer: 1}) if offer in EVENTS else units_of(offer)
        taken = self.taken(None if booking is None or booking.status == "completed" else booking)
        return min(
            (
                (capacity - taken[pool]) // number
                for pool, number in need.items()
                if (capacity := self.capacities[pool]) is not None
            ),
            default=None,
        )

    def ledger(self, registration: UUID, total: Decimal | None = None) -> Ledger:
        """Return the money of a registration, as it is or if it cost that much."""
        booking = self.bookings[registration]
        mine = [each for each in self.payments.values() if each.registration == registration]
        paid = sum((each.net for each in mine if each.kind == "payment"), Decimal(0))
        refunded = sum((each.net for each in mine if each.kind == "refund"), Decimal(0))
        balance = paid - refunded - (booking.total if total is None else total)
        return Ledger(
            paid,
            refunded,
            sum(
                (each.surcharge if each.kind == "payment" else -each.surcharge for each in mine),
                Decimal(0),
            ),
            Decimal(0) if booking.status == "cancelled" else max(-balance, Decimal(0)),
            max(balance, Decimal(0)),
        )

    # What is done

    def persist(self, booking: Booking, wanted: Wanted, *, is_stale: bool = False) -> Outcome:
        """Make attendees hold what they want."""
        if booking.status in {"completed", "cancelled"}:
            return "TK003"
        refusal, after, is_changed = self._plan(booking, wanted)
        if is_stale and (is_changed or refusal):
            return "TK006"
        if refusal is None:
            self._write(booking, after, is_changed=is_changed)
        return refusal

    def quote(self, booking: Booking, wanted: Wanted) -> Outcome:
        """Say what a persist would come to."""
        return self._plan(booking, wanted)[0]

    def start_payment(self, booking: Booking, *, is_stale: bool = False) -> Outcome:
        """Ask what is due."""
        if booking.status in {"completed", "cancelled"}:
            return "TK003"
        if is_stale:
            return "TK006"
        wanted = {
            attendee: {offer: len(units) for offer, units in held.items()}
            for attendee, held in booking.held.items()
        }
        refusal, after, is_changed = self._plan(booking, wanted)
        if not booking.has_contact or not all(booking.held.values()):
            refusal = "TK004"
        if refusal is None:
            before = booking.revision
            self._write(booking, after, is_changed=is_changed)
            if booking.total:  # nothing has been paid before
                booking.status = "pending"
            else:
                booking.revision = before  # one call, one revision
                self._complete(booking)
        return refusal

    def pay(self, registration: UUID, reference: str, payment: Payment) -> Outcome:
        """Report a payment."""
        booking = self.bookings[registration]
        if reference in self.payments:
            return None if self.payments[reference].is_like(payment) else "TK007"
        if booking.status == "cancelled":
            return "TK003"
        due = (self.ledger(registration).amount_due, self.currency)
        if booking.status == "completed" or (payment.net, payment.currency) != due:
            return "TK007"
        if not any(booking.held.values()):
            return "TK004"
        if booking.status == "expired" and self._is_short(booking, booking.held):
            return "TK005"
        self.payments[reference] = payment
        self._complete(booking)
        return None

    def plan_amendment(self, registration: UUID, wanted: Wanted, *, by_owner: bool) -> Amendment:
        """Say what it comes to when attendees hold what they want of a paid registration."""
        booking = self.bookings[registration]
        refusal, after, _ = self._plan(booking, wanted)
        gone = {
            attendee: {
                offer: units[len(after[attendee].get(offer, ())) :] for offer, units in held.items()
            }
            for attendee, held in booking.held.items()
        }
        return self._judge(registration, after, gone, refusal, by_owner=by_owner)

    def amend(
        self,
        registration: UUID,
        plan: Amendment,
        payment: tuple[str, Payment] | None,
        *,
        by_owner: bool,
        is_stale: bool = False,
    ) -> Outcome:
        """Change a registration that is paid, perhaps with a payment and its reference."""
        booking = self.bookings[registration]
        if payment and by_owner:
            return "42501"
        if payment and payment[0] in self.payments:
            return None if self.payments[payment[0]] == payment[1] else "TK007"
        refusal = self._refusal(booking, plan, payment[1] if payment else None, is_stale=is_stale)
        if refusal is None:
            self.payments.update([payment] if payment else [])
            self._write_amendment(booking, plan)
        return refusal

    def _refusal(
        self, booking: Booking, plan: Amendment, payment: Payment | None, *, is_stale: bool
    ) -> Outcome:
        if booking.status != "completed" or plan.refusal == "TK003":
            return "TK003"
        if is_stale and (plan.after != booking.held or plan.refusals):
            return "TK006"
        sent = (payment.net, payment.currency) if payment else None
        due = (plan.ledger.amount_due, self.currency) if plan.ledger.amount_due else None
        return plan.refusal or ("TK007" if sent != due else None)

    def plan_cancellation(
        self, registration: UUID, named: Named, *, is_wrong: bool, by_owner: bool
    ) -> Amendment:
        """Say what it comes to when these are cancelled, and perhaps what cannot be."""
        booking = self.bookings[registration]

        def part(*, is_named: bool) -> dict[UUID, Held]:
            return {
                attendee: {
                    offer: chosen
                    for offer, units in held.items()
                    if (
                        chosen := tuple(
                            unit
                            for number, unit in enumerate(units)
                            if (number in named.get((attendee, offer), ())) == is_named
                        )
                    )
                }
                for attendee, held in booking.held.items()
            }

        after = part(is_named=False)
        refusal = "TK004" if is_wrong or self._is_against_the_rules(after) else None
        return self._judge(registration, after, part(is_named=True), refusal, by_owner=by_owner)

    def cancel(self, registration: UUID, *, by_owner: bool) -> Outcome:
        """Give everything back."""
        booking, ledger = self.bookings[registration], self.ledger(registration)
        is_owing = booking.status == "completed" and ledger.paid != ledger.refunded
        if by_owner and is_owing and not self.is_refundable:
            return "TK003"
        if booking.status != "cancelled":
            booking.status = "cancelled"
            booking.hold = None
            booking.revision += 1
            self._settle(registration)
        return None

    def adjust(self, registration: UUID, adjustment: Decimal) -> Outcome:
        """Make it cheaper or dearer."""
        booking, ledger = self.bookings[registration], self.ledger(registration)
        before, booking.adjustment = booking.adjustment, adjustment
        is_final = booking.status in {"completed", "cancelled"}
        if adjustment == before:
            return None
        if is_final and booking.total > ledger.paid - ledger.refunded:
            booking.adjustment = before
            return "TK007"
        self._touch(booking)
        self._settle(registration)
        return None

    def transfer(self, booking: Booking, owner: UUID) -> Outcome:
        """Give it to another owner."""
        booking.revision += owner != booking.owner
        booking.owner = owner
        return None

    def extend_hold(self, booking: Booking) -> Outcome:
        """Hold it for longer, or again."""
        return self.persist(booking, {})

    def update_attendees(
        self, booking: Booking, attendee: UUID, *, by_owner: bool, is_changed: bool, is_stale: bool
    ) -> Outcome:
        """Give an attendee, perhaps a new one, another name."""
        refusal = self._is_final(booking, by_owner=by_owner)
        if refusal is None and is_changed and is_stale:
            return "TK006"
        if refusal is None and is_changed:
            booking.held.setdefault(attendee, {})
            self._touch(booking)
        return refusal

    def assign(
        self,
        booking: Booking,
        names: Mapping[UUID, str | None],
        *,
        by_owner: bool,
        is_wrong: bool,
        is_stale: bool,
    ) -> Outcome:
        """Say whom tickets admit, perhaps of one that is not there."""
        refusal = self._is_final(booking, by_owner=by_owner)
        if refusal:
            return refusal
        is_changed = any(booking.holders.get(ticket) != name for ticket, name in names.items())
        if is_stale and (is_changed or is_wrong):
            return "TK006"
        if is_wrong:
            return "TK004"
        booking.revision += is_changed
        for ticket, name in names.items():
            booking.holders.pop(ticket, None)
            if name is not None:
                booking.holders[ticket] = name
        return None

    def refund(
        self,
        registration: UUID,
        reference: str,
        refund: Payment,
        prices: Mapping[UUID, Decimal],
    ) -> Outcome:
        """Report a refund; prices are those of all tickets that are cancelled."""
        booking = self.bookings[registration]
        if not refund.amount or not 0 <= refund.surcharge <= refund.amount:
            return "TK001"
        if reference in self.payments:
            return None if self.payments[reference].is_like(refund) else "TK007"
        before = self.ledger(registration)
        most = before.refund_due
        are_refundable = refund.tickets <= set(prices) - booking.refunded
        if refund.tickets and are_refundable:
            most = min(most, sum((prices[ticket] for ticket in refund.tickets), Decimal(0)))
        if (
            refund.currency != self.currency
            or refund.net > most
            or refund.surcharge > before.surcharge_left
        ):
            return "TK007"
        if refund.tickets and not are_refundable:
            return "TK004"
        self.payments[reference] = refund
        booking.refunded |= refund.tickets
        booking.revision += 1
        if refund.net and not self.ledger(registration).refund_due:
            booking.refunded |= set(prices)
        self._settle(registration)
        return None

    def set_capacity(self, pool: str, capacity: int | None) -> Outcome:
        """Change the capacity of a pool."""
        if capacity is not None and capacity < self.taken()[pool]:
            return "TK004"
        self.capacities[pool] = capacity
        return None

    def release(self, limit: int) -> int:
        """Say how many registrations a release notices as overdue."""
        return min(limit, sum(booking.is_overdue for booking in self.bookings.values()))

    # How

    def _is_final(self, booking: Booking, *, by_owner: bool) -> Outcome:
        is_over = booking.status == "completed" and by_owner and not self.is_changeable
        return "TK003" if booking.status == "cancelled" or is_over else None

    @staticmethod
    def _touch(booking: Booking) -> None:
        """Change what a payment that has started was for."""
        booking.revision += 1
        if booking.status == "pending":
            booking.status = "draft"

    def _settle(self, registration: UUID) -> None:
        """Note whether all that is due back was given back."""
        booking, ledger = self.bookings[registration], self.ledger(registration)
        if booking.payment_status != "Unpaid":
            is_settled = booking.status == "cancelled" and ledger.refunded and not ledger.refund_due
            booking.payment_status = "Refunded" if is_settled else "Paid"

    def _plan(self, booking: Booking, wanted: Wanted) -> tuple[Outcome, dict[UUID, Held], bool]:
        """Return the refusal, what all attendees would hold, and whether that is a change."""
        is_promised = booking.status == "completed" or (
            booking.status in {"draft", "pending"} and booking.hold == "running"
        )
        after = {
            attendee: self._renewed(
                held,
                wanted.get(attendee, {offer: len(units) for offer, units in held.items()}),
                is_promised=is_promised,
            )
            for attendee, held in booking.held.items()
        }
        is_changed = after != booking.held or (booking.status == "expired" and any(after.values()))
        refusal = None
        if self._is_short(booking, after):
            refusal = "TK005"
        if self._is_against_the_rules(after):
            refusal = "TK004"
        return refusal, after, is_changed

    def _judge(
        self,
        registration: UUID,
        after: dict[UUID, Held],
        gone: dict[UUID, Held],
        refusal: Outcome,
        *,
        by_owner: bool,
    ) -> Amendment:
        ledger = self.ledger(registration, self.bookings[registration].adjusted(cost(after)))
        is_dearer = ledger.refund_due <= self.ledger(registration).refund_due
        refusals = {refusal} - {None}
        if by_owner and not self.is_changeable:
            refusals.add("TK003")
        if not any(after.values()) or (by_owner and not (is_dearer or self.is_refundable)):
            refusals.add("TK004")
        return Amendment(after, gone, frozenset(filter(None, refusals)), ledger)

    def _renewed(self, held: Held, wanted: Mapping[str, int], *, is_promised: bool) -> Held:
        """Return what an attendee holds then: at the prices promised, else at those of today."""
        renewed: Held = {}
        for offer in OFFERS:
            now = Unit(
                self.prices[offer],
                (self.prices[offer], *(self.prices[part] for part in contents(offer))),
            )
            had = held.get(offer, ()) if is_promised else ()
            units = (had + (now,) * wanted.get(offer, 0))[: wanted.get(offer, 0)]
            if units:
                renewed[offer] = units
        return renewed

    @staticmethod
    def _is_against_the_rules(held: Mapping[UUID, Held]) -> bool:
        """Return whether an attendee holds both kinds, too few or too many."""
        together: Counter[str] = Counter()
        for holding in held.values():
            has = Counter({offer: len(units) for offer, units in holding.items()})
            for package in PACKAGES:
                for part, quantity in PACKAGES[package].items():
                    has[part] += quantity * has[package]
            together += has
            if (
                {offer in PACKAGES for offer in holding} == {True, False}
                or any(0 < has[offer] < least for offer, least in MIN_PER_ATTENDEE.items())
                or any(has[offer] > most for offer, most in MAX_PER_ATTENDEE.items())
            ):
                return True
        return any(together[offer] > most for offer, most in MAX_PER_REGISTRATION.items())

    def _is_short(self, booking: Booking, after: Mapping[UUID, Held]) -> bool:
        """Return whether a pool has too little capacity for what all attendees would hold."""
        before = units_taken(count(booking.held)) if booking.is_counted else Counter[str]()
        wanted, others = units_taken(count(after)), self.taken(booking)
        self.shortage = {
            pool: (wanted[pool] - before[pool], max(capacity - others[pool] - before[pool], 0))
            for pool, capacity in self.capacities.items()
            if capacity is not None
            and wanted[pool] > before[pool]
            and others[pool] + wanted[pool] > capacity
        }
        return bool(self.shortage)

    @staticmethod
    def _write_amendment(booking: Booking, plan: Amendment) -> None:
        if plan.after == booking.held:
            return
        booking.held = plan.after
        booking.revision += 1
        for attendee, held in plan.gone.items():
            gone = booking.gone.setdefault(attendee, {})
            for offer, units in held.items():
                gone[offer] = gone.get(offer, ()) + units

    @staticmethod
    def _write(booking: Booking, after: dict[UUID, Held], *, is_changed: bool) -> None:
        if is_changed:
            booking.held = after
            booking.status = "draft"
            booking.revision += 1
        booking.hold = "running" if any(after.values()) else None

    @staticmethod
    def _complete(booking: Booking) -> None:
        booking.status = "completed"
        booking.payment_status = "Paid"
        booking.hold = None
        booking.revision += 1
