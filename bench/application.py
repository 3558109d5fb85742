"""The same job as typical application code: SQLAlchemy's ORM, one transaction.

It does what a competent first version does: lock the registration and the pools in order, price the
selections from the catalogue, write the difference to the stored tickets, the selections, the
counters and the change records. It leaves out every rule but capacity; docs/performance.md lists
what that is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeAlias, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import MetaData, create_engine, insert, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bench.bookings import Booking
    from bench.server import Document

CENT: Final = Decimal("0.01")

Key = Annotated[UUID, mapped_column(primary_key=True)]

Place: TypeAlias = "tuple[UUID, UUID | None, int | None, UUID]"
"""What makes a ticket the same: attendee, package, number of the package, ticket type."""


class Base(DeclarativeBase):
    """All tables are in schema ticketing; unused columns are not mapped."""

    metadata = MetaData(schema="ticketing")
    type_annotation_map: ClassVar = {dict[str, Any]: JSONB}
    function_id: Mapped[Key]


Row = TypeVar("Row", bound=Base)


class Function(Base):
    """An event function."""

    __tablename__ = "functions"
    currency: Mapped[str]
    hold_minutes: Mapped[int]


class TicketType(Base):
    """Admission to one event at a price."""

    __tablename__ = "ticket_types"
    ticket_type_id: Mapped[Key]
    event_id: Mapped[UUID]
    price: Mapped[Decimal]


class Package(Base):
    """Ticket types bundled at one price."""

    __tablename__ = "packages"
    package_id: Mapped[Key]
    price: Mapped[Decimal]


class PackageItem(Base):
    """A ticket type in a package, with its quantity."""

    __tablename__ = "package_items"
    package_id: Mapped[Key]
    ticket_type_id: Mapped[Key]
    quantity: Mapped[int]


class CapacityPool(Base):
    """A counter of limited capacity."""

    __tablename__ = "capacity_pools"
    capacity_pool_id: Mapped[Key]
    capacity: Mapped[int]
    reserved: Mapped[int]
    sold: Mapped[int]


class TicketTypePool(Base):
    """Membership of a ticket type in a pool."""

    __tablename__ = "ticket_type_pools"
    ticket_type_id: Mapped[Key]
    capacity_pool_id: Mapped[Key]


class PackagePool(Base):
    """Membership of a package in a pool."""

    __tablename__ = "package_pools"
    package_id: Mapped[Key]
    capacity_pool_id: Mapped[Key]


class Registration(Base):
    """One booking."""

    __tablename__ = "registrations"
    registration_id: Mapped[Key]
    owner_id: Mapped[UUID]
    subtotal: Mapped[Decimal]
    hold_expires_at: Mapped[datetime | None]
    held_since: Mapped[datetime | None]
    revision: Mapped[int]


class Attendee(Base):
    """A person in a registration."""

    __tablename__ = "attendees"
    attendee_id: Mapped[Key]
    registration_id: Mapped[UUID]
    attendee_data: Mapped[dict[str, Any]]


class TicketColumns:
    """What a ticket and a change of one have in common."""

    ticket_id: Mapped[Key]
    registration_id: Mapped[UUID]
    attendee_id: Mapped[UUID]
    event_id: Mapped[UUID]
    ticket_type_id: Mapped[UUID]
    package_id: Mapped[UUID | None]
    price_paid: Mapped[Decimal]


COPIED: Final = tuple(TicketColumns.__annotations__)


class Ticket(TicketColumns, Base):
    """One admission of an attendee."""

    __tablename__ = "tickets"
    owner_id: Mapped[UUID]
    package_number: Mapped[int | None]
    original_price: Mapped[Decimal]
    currency: Mapped[str]


class TicketChange(TicketColumns, Base):
    """A change of a ticket; the database numbers the rows."""

    __tablename__ = "ticket_changes"
    change: Mapped[Annotated[str, mapped_column(primary_key=True)]]
    revision: Mapped[int]
    actor_role: Mapped[str]
    changed_at: Mapped[datetime]


class SoldOutError(Exception):
    """A pool has too little capacity left."""


class Application:
    """The service: one warm connection, one transaction per request."""

    def __init__(self, url: str) -> None:
        """Configure the connection, which opens on first use."""
        self._engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://"), pool_size=1, max_overflow=0
        )

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def persist(self, booking: Booking) -> Document:
        """Make the tickets of every listed attendee those of its selection; return an answer.

        Raises:
            SoldOutError: A pool has too little capacity left.
        """
        with Session(self._engine) as session, session.begin():
            return _persist(session, booking)


def _persist(session: Session, booking: Booking) -> Document:
    now = datetime.now(UTC)
    function_id, registration_id = UUID(booking.function_id), UUID(booking.registration_id)
    selections = {
        UUID(update["attendee_id"]): update["selected_tickets"]
        for update in booking.attendee_updates
    }
    function = session.get_one(Function, function_id)
    registration = session.get_one(
        Registration,
        {"function_id": function_id, "registration_id": registration_id},
        with_for_update={"key_share": True},
    )
    attendees = _load(session, Attendee, function_id, registration_id=[registration_id])
    stored = _load(session, Ticket, function_id, registration_id=[registration_id])
    types, missing = _wanted(session, function_id, selections)

    held, removed = [], []
    for ticket in stored:
        if ticket.attendee_id not in selections:
            held.append(ticket)
        elif missing[_place(ticket)]:
            missing[_place(ticket)].pop()
            held.append(ticket)
        else:
            removed.append(ticket)
            session.delete(ticket)
    added = [
        Ticket(
            function_id=function_id,
            ticket_id=uuid4(),
            registration_id=registration_id,
            owner_id=registration.owner_id,
            attendee_id=attendee_id,
            event_id=types[type_id].event_id,
            ticket_type_id=type_id,
            package_id=package_id,
            package_number=number,
            price_paid=price,
            original_price=types[type_id].price,
            currency=function.currency,
        )
        for (attendee_id, package_id, number, type_id), prices in missing.items()
        for price in prices
    ]
    held += added
    session.add_all(added)
    for attendee in attendees:
        if attendee.attendee_id in selections:
            attendee.attendee_data = attendee.attendee_data | {
                "selected_tickets": selections[attendee.attendee_id]
            }
    if added or removed:
        registration.revision += 1
        registration.subtotal = sum((ticket.price_paid for ticket in held), Decimal(0))
    registration.hold_expires_at = now + timedelta(minutes=function.hold_minutes) if held else None
    if held and not registration.held_since:
        registration.held_since = now
    session.flush()
    _record_changes(session, registration, {"added": added, "removed": removed}, now)
    _take_capacity(session, function_id, added, removed)
    return {
        "registration_id": registration_id,
        "revision": registration.revision,
        "tickets_created": len(added),
        "tickets_removed": len(removed),
        "total": registration.subtotal,
        "hold_expires_at": registration.hold_expires_at,
        "tickets": [
            {name: getattr(ticket, name) for name in COPIED}
            for ticket in held
            if ticket.attendee_id in selections
        ],
    }


def _load(
    session: Session, table: type[Row], function_id: UUID, **ids: Collection[UUID]
) -> Sequence[Row]:
    """Return the rows of a function whose column has one of these ids."""
    ((column, values),) = ids.items()
    if not values:
        return []
    query = select(table).where(table.function_id == function_id)
    return session.scalars(query.where(getattr(table, column).in_(values))).all()


def _wanted(
    session: Session, function_id: UUID, selections: dict[UUID, Document]
) -> tuple[dict[UUID, TicketType], defaultdict[Place, list[Decimal]]]:
    """Return the ticket types, and the tickets that should exist: prices by what they are for."""
    package_ids = {
        UUID(line["packageId"]) for chosen in selections.values() for line in chosen["packages"]
    }
    packages = _load(session, Package, function_id, package_id=package_ids)
    items = _load(session, PackageItem, function_id, package_id=package_ids)
    type_ids = {item.ticket_type_id for item in items} | {
        UUID(line["ticketId"])
        for chosen in selections.values()
        for line in chosen["individualTickets"]
    }
    types = {
        type_.ticket_type_id: type_
        for type_ in _load(session, TicketType, function_id, ticket_type_id=type_ids)
    }
    prices = {package.package_id: package.price for package in packages}
    contents: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for item in items:
        contents[item.package_id] += [item.ticket_type_id] * item.quantity

    wanted: defaultdict[Place, list[Decimal]] = defaultdict(list)
    for attendee_id, chosen in selections.items():
        for line in chosen["individualTickets"]:
            type_id = UUID(line["ticketId"])
            wanted[attendee_id, None, None, type_id] += [types[type_id].price] * line["quantity"]
        for line in chosen["packages"]:
            package_id = UUID(line["packageId"])
            units = contents[package_id]
            shares = _shares(prices[package_id], [types[unit].price for unit in units])
            for number in range(1, line["quantity"] + 1):
                for unit, share in zip(units, shares, strict=True):
                    wanted[attendee_id, package_id, number, unit].append(share)
    return types, wanted


def _shares(price: Decimal, prices: Sequence[Decimal]) -> list[Decimal]:
    """Split a price in proportion to list prices, to the cent; the last share gets the rest."""
    total = sum(prices)
    shares = [(price * part / total).quantize(CENT, rounding=ROUND_DOWN) for part in prices]
    shares[-1] += price - sum(shares)
    return shares


def _place(ticket: Ticket) -> Place:
    return ticket.attendee_id, ticket.package_id, ticket.package_number, ticket.ticket_type_id


def _record_changes(
    session: Session, registration: Registration, tickets: dict[str, list[Ticket]], now: datetime
) -> None:
    """Record tickets, by what has happened to them, in the change feed."""
    changes = [
        {name: getattr(ticket, name) for name in COPIED}
        | {
            "function_id": registration.function_id,
            "revision": registration.revision,
            "change": change,
            "actor_role": "service_role",
            "changed_at": now,
        }
        for change, changed in tickets.items()
        for ticket in changed
    ]
    if changes:
        session.execute(insert(TicketChange), changes)


def _take_capacity(
    session: Session, function_id: UUID, added: Sequence[Ticket], removed: Sequence[Ticket]
) -> None:
    """Take and free capacity; pools are locked in the order of their ids."""
    amounts: Counter[UUID] = Counter()
    for sign, tickets in ((1, added), (-1, removed)):
        for ticket in tickets:
            amounts[ticket.ticket_type_id] += sign
        for _, package_id, _ in {_place(ticket)[:3] for ticket in tickets}:
            if package_id:
                amounts[package_id] += sign
    changes: Counter[UUID] = Counter()
    for of_type in _load(session, TicketTypePool, function_id, ticket_type_id=amounts):
        changes[of_type.capacity_pool_id] += amounts[of_type.ticket_type_id]
    for of_package in _load(session, PackagePool, function_id, package_id=amounts):
        changes[of_package.capacity_pool_id] += amounts[of_package.package_id]
    if not changes:
        return
    pools = session.scalars(
        select(CapacityPool)
        .where(CapacityPool.function_id == function_id, CapacityPool.capacity_pool_id.in_(changes))
        .order_by(CapacityPool.capacity_pool_id)
        .with_for_update(key_share=True)
    )
    for pool in pools:
        change = changes[pool.capacity_pool_id]
        pool.reserved += change
        if change > 0 and pool.reserved + pool.sold > pool.capacity:
            raise SoldOutError
