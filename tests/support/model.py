"""What the database should do, said once more in plain Python: the model of test_state_machine.

It is written from the contract and shares nothing with the SQL. Where that keeps counters and takes
differences, this counts everything anew, each time. What is on sale goes by names.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
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
    refunded: set[UUID] = field(default_factory=set)

    @property
    def total(self) -> Decimal:
        """What all of it costs; nothing, once it is cancelled."""
        if self.status == "cancelled":
            return Decimal(0)
        return sum((unit.price for unit in self._units()), Decimal(0))

    @property
    def is_counted(self) -> bool:
        """Whether it is in the counters of its pools."""
        return self.status in {"draft", "pending", "completed"}

    @property
    def is_overdue(self) -> bool:
        """Whether its capacity is free, although it is still counted."""
        return self.status in {"draft", "pending"} and self.hold == "over"

    def _units(self) -> Iterator[Unit]:
        for held in self.held.values():
            for units in held.values():
                yield from units


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
    """

    registration: UUID
    kind: str
    amount: Decimal
    surcharge: Decimal
    currency: str
    tickets: frozenset[UUID] = frozenset()

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


@dataclass
class Model:
    """The whole database.

    Attributes:
        bookings: The registrations.
        capacities: The capacity of each pool; None: no limit, so no pool.
        prices: What each offer costs today.
        payments: What each reference was used for.
        shortage: Of the last TK005, requested and available capacity of each pool that was short.
    """

    currency: str
    bookings: dict[UUID, Booking] = field(default_factory=dict)
    capacities: dict[str, int | None] = field(default_factory=lambda: dict(CAPACITIES))
    prices: dict[str, Decimal] = field(default_factory=lambda: dict(PRICES))
    payments: dict[str, Payment] = field(default_factory=dict)
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

    def ledger(self, registration: UUID) -> Ledger:
        """Return the money of a registration."""
        booking = self.bookings[registration]
        mine = [each for each in self.payments.values() if each.registration == registration]
        paid = sum((each.net for each in mine if each.kind == "payment"), Decimal(0))
        refunded = sum((each.net for each in mine if each.kind == "refund"), Decimal(0))
        balance = paid - refunded - booking.total
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
            if booking.total:
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

    def cancel(self, booking: Booking, *, by_owner: bool) -> Outcome:
        """Give everything back."""
        if booking.status == "completed" and by_owner and booking.total:
            return "TK003"
        if booking.status != "cancelled":
            booking.status = "cancelled"
            booking.hold = None
            booking.revision += 1
        return None

    def refund(
        self,
        registration: UUID,
        reference: str,
        refund: Payment,
        prices: Mapping[UUID, Decimal],
    ) -> Outcome:
        """Report a refund; prices are those of all tickets that there are."""
        booking = self.bookings[registration]
        if not refund.amount or not 0 <= refund.surcharge <= refund.amount:
            return "TK001"
        if reference in self.payments:
            return None if self.payments[reference].is_like(refund) else "TK007"
        before = self.ledger(registration)
        most = before.refund_due
        are_refundable = booking.status == "cancelled" and not refund.tickets & booking.refunded
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
            booking.payment_status = "Refunded"
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

    def _plan(self, booking: Booking, wanted: Wanted) -> tuple[Outcome, dict[UUID, Held], bool]:
        """Return the refusal, what all attendees would hold, and whether that is a change."""
        is_promised = booking.status in {"draft", "pending"} and booking.hold == "running"
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
