"""The same job as application code: SQLAlchemy's ORM, with all checks in Python.

This is how a service without functions in the database would do it: load the rows of the request,
check them, compare them with the stored tickets and write the difference, all in one transaction
that locks the rows other transactions could change. It collects every problem, as ours does. To its
advantage it leaves out what an active hold does not need: reclaiming capacity from overdue
registrations, and current prices for tickets whose hold is overdue.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID, uuid4

from sqlalchemy import ForeignKeyConstraint, MetaData, create_engine, insert, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    selectinload,
)
from sqlalchemy.types import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.bookings import Booking
    from bench.server import Document

CENT: Final = Decimal("0.01")
EDITABLE: Final = {"draft", "pending", "expired"}
MOST_TICKETS: Final = 2000


class Base(DeclarativeBase):
    """All tables are in schema ticketing; unused columns are not mapped."""

    metadata = MetaData(schema="ticketing")
    type_annotation_map: ClassVar = {dict[str, Any]: JSONB, list[str]: ARRAY(Text)}


class RegistrationIndex(Base):
    """The function of a registration."""

    __tablename__ = "registration_index"
    registration_id: Mapped[UUID] = mapped_column(primary_key=True)
    function_id: Mapped[UUID]


class Function(Base):
    """An event function."""

    __tablename__ = "functions"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    currency: Mapped[str]
    status: Mapped[str]
    registration_opens_at: Mapped[datetime | None]
    registration_closes_at: Mapped[datetime | None]
    selection_mode: Mapped[str]
    hold_minutes: Mapped[int]
    max_hold_minutes: Mapped[int]


class Event(Base):
    """A single event."""

    __tablename__ = "events"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    is_active: Mapped[bool]


class TicketType(Base):
    """Admission to one event at a price."""

    __tablename__ = "ticket_types"
    __table_args__ = (
        ForeignKeyConstraint(
            ["function_id", "event_id"],
            ["ticketing.events.function_id", "ticketing.events.event_id"],
        ),
    )
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_type_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    name: Mapped[str]
    price: Mapped[Decimal]
    is_active: Mapped[bool]
    sale_starts_at: Mapped[datetime | None]
    sale_ends_at: Mapped[datetime | None]
    min_per_attendee: Mapped[int]
    max_per_attendee: Mapped[int | None]
    max_per_registration: Mapped[int | None]
    eligibility: Mapped[dict[str, Any]]
    event: Mapped[Event] = relationship(lazy="joined", innerjoin=True)


class Package(Base):
    """Ticket types bundled at one price."""

    __tablename__ = "packages"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    package_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    price: Mapped[Decimal]
    is_active: Mapped[bool]
    registration_types: Mapped[list[str]]
    sale_starts_at: Mapped[datetime | None]
    sale_ends_at: Mapped[datetime | None]
    min_per_attendee: Mapped[int]
    max_per_attendee: Mapped[int | None]
    max_per_registration: Mapped[int | None]
    eligibility: Mapped[dict[str, Any]]
    items: Mapped[list[PackageItem]] = relationship()


class PackageItem(Base):
    """A ticket type in a package, with its quantity."""

    __tablename__ = "package_items"
    __table_args__ = (
        ForeignKeyConstraint(
            ["function_id", "package_id"],
            ["ticketing.packages.function_id", "ticketing.packages.package_id"],
        ),
    )
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    package_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_type_id: Mapped[UUID] = mapped_column(primary_key=True)
    quantity: Mapped[int]


class CapacityPool(Base):
    """A counter of limited capacity."""

    __tablename__ = "capacity_pools"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    capacity_pool_id: Mapped[UUID] = mapped_column(primary_key=True)
    capacity: Mapped[int]
    reserved: Mapped[int]
    sold: Mapped[int]


class TicketTypePool(Base):
    """Membership of a ticket type in a pool."""

    __tablename__ = "ticket_type_pools"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_type_id: Mapped[UUID] = mapped_column(primary_key=True)
    capacity_pool_id: Mapped[UUID] = mapped_column(primary_key=True)


class PackagePool(Base):
    """Membership of a package in a pool."""

    __tablename__ = "package_pools"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    package_id: Mapped[UUID] = mapped_column(primary_key=True)
    capacity_pool_id: Mapped[UUID] = mapped_column(primary_key=True)


class Registration(Base):
    """One booking."""

    __tablename__ = "registrations"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    registration_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    registration_type: Mapped[str]
    status: Mapped[str]
    subtotal: Mapped[Decimal]
    total: Mapped[Decimal]
    hold_expires_at: Mapped[datetime | None]
    revision: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Attendee(Base):
    """A attendee in a registration."""

    __tablename__ = "attendees"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    attendee_id: Mapped[UUID] = mapped_column(primary_key=True)
    registration_id: Mapped[UUID]
    client_attendee_id: Mapped[UUID]
    position: Mapped[int]
    attendee_type: Mapped[str]
    is_partner: Mapped[bool]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    attendee_data: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class Ticket(Base):
    """One admission of an attendee."""

    __tablename__ = "tickets"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(primary_key=True)
    registration_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    attendee_id: Mapped[UUID]
    event_id: Mapped[UUID]
    ticket_type_id: Mapped[UUID]
    package_id: Mapped[UUID | None]
    package_number: Mapped[int | None]
    price_paid: Mapped[Decimal]
    original_price: Mapped[Decimal]
    currency: Mapped[str]
    is_partner_ticket: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class TicketChange(Base):
    """A change of a ticket; the database numbers the rows."""

    __tablename__ = "ticket_changes"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(primary_key=True)
    change: Mapped[str] = mapped_column(primary_key=True)
    registration_id: Mapped[UUID]
    revision: Mapped[int]
    attendee_id: Mapped[UUID]
    event_id: Mapped[UUID]
    ticket_type_id: Mapped[UUID]
    package_id: Mapped[UUID | None]
    price_paid: Mapped[Decimal]
    actor_role: Mapped[str]
    changed_at: Mapped[datetime]


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The request is refused.

    Attributes:
        issues: Every problem, as (code, path).
    """

    def __init__(self, issues: Sequence[tuple[str, str]]) -> None:
        """Store the problems.

        Args:
            issues: Every problem, as (code, path).
        """
        super().__init__(f"{len(issues)} problems")
        self.issues = list(issues)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A ticket that should exist according to the selections."""

    attendee_id: UUID
    ticket_type_id: UUID
    package_id: UUID | None
    package_number: int | None


@dataclass(slots=True)
class Request:
    """The loaded rows of a request.

    Attributes:
        function: The function.
        registration: The registration, locked.
        attendees: Its attendees by id.
        types: Ticket types by id.
        packages: Packages by id.
        stored: Its stored tickets.
        now: The time of the request.
        issues: The problems found so far, as (code, path).
    """

    function: Function
    registration: Registration
    attendees: dict[UUID, Attendee]
    types: dict[UUID, TicketType]
    packages: dict[UUID, Package]
    stored: list[Ticket]
    now: datetime
    issues: list[tuple[str, str]] = field(default_factory=list)


class Application:
    """The service: one warm connection, one transaction per request."""

    def __init__(self, url: str) -> None:
        """Configure the connection, which opens on first use.

        Args:
            url: The database URL.
        """
        self._engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://"), pool_size=1, max_overflow=0
        )

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def persist(self, booking: Booking) -> Document:
        """Make the tickets of every listed attendee match the submitted tickets.

        Args:
            booking: The booking.

        Returns:
            The same answer as the RPC.

        Raises:
            Refused: When a rule is broken.
        """
        with Session(self._engine) as session, session.begin():
            return persist_attendee_tickets(
                session,
                UUID(booking.registration_id),
                booking.tickets,
                booking.attendee_updates,
            )


def persist_attendee_tickets(
    session: Session,
    registration_id: UUID,
    tickets: Sequence[Document],
    attendee_updates: Sequence[Document],
) -> Document:
    """Make the tickets of every listed attendee match the submitted tickets.

    Args:
        session: A session in a transaction.
        registration_id: The registration.
        tickets: p_tickets.
        attendee_updates: p_attendee_updates.

    Returns:
        The same answer as the RPC.

    Raises:
        Refused: When a rule is broken.
    """
    request = _load(session, registration_id, tickets, attendee_updates)
    selections = _selections(request, attendee_updates)
    wanted = _expand(request, selections)
    prices = _prices(request)
    _compare_with_submitted(request, tickets, wanted, prices)
    _check_selections(request, selections, wanted)

    kept, removed, added = _difference(request, selections, wanted)
    _check_sale(request, added)
    if request.issues:
        raise Refused(request.issues)

    rows = _new_tickets(request, added, prices)
    changed_attendees = _changed_attendees(request, selections)
    registration = request.registration
    held = [*kept, *rows]
    if rows or removed or changed_attendees:
        registration.revision += 1
        registration.status = "draft"
        session.add_all(rows)
        for ticket in removed:
            session.delete(ticket)
        for attendee, selection in changed_attendees:
            attendee.attendee_data = attendee.attendee_data | {"selected_tickets": selection}
            attendee.updated_at = request.now
        registration.subtotal = registration.total = sum(
            (ticket.price_paid for ticket in held), Decimal(0)
        )
        registration.updated_at = request.now
    _renew_hold(request, has_tickets=bool(held))
    session.flush()
    _record_changes(session, request, rows, removed)
    _take_capacity(session, request, rows, removed)
    return _answer(request, selections, held, len(rows), len(removed)) | {
        "attendees_updated": len(changed_attendees)
    }


def _load(
    session: Session,
    registration_id: UUID,
    tickets: Sequence[Document],
    attendee_updates: Sequence[Document],
) -> Request:
    """Load the rows of the request and lock the registration."""
    index = session.get(RegistrationIndex, registration_id)
    if index is None:
        raise Refused([("registration_not_found", "p_registration_id")])
    function_id = index.function_id
    registration = session.scalars(
        select(Registration)
        .where(
            Registration.function_id == function_id,
            Registration.registration_id == registration_id,
        )
        .with_for_update(key_share=True)
    ).one()
    if registration.status not in EDITABLE:
        raise Refused([("registration_not_editable", "p_registration_id")])
    attendees = session.scalars(
        select(Attendee)
        .where(Attendee.function_id == function_id, Attendee.registration_id == registration_id)
        .order_by(Attendee.position)
    ).all()
    stored = session.scalars(
        select(Ticket)
        .where(Ticket.function_id == function_id, Ticket.registration_id == registration_id)
        .order_by(Ticket.created_at)
    ).all()
    package_ids = {UUID(row["package_id"]) for row in tickets if row.get("package_id")} | {
        UUID(package["packageId"])
        for update in attendee_updates
        for package in update["selected_tickets"]["packages"]
    }
    packages: Iterable[Package] = ()
    if package_ids:
        packages = session.scalars(
            select(Package)
            .where(Package.function_id == function_id, Package.package_id.in_(package_ids))
            .options(selectinload(Package.items))
        ).all()
    types = session.scalars(
        select(TicketType).where(
            TicketType.function_id == function_id,
            TicketType.ticket_type_id.in_(
                {UUID(row["ticket_type_id"]) for row in tickets}
                | {
                    UUID(line["ticketId"])
                    for update in attendee_updates
                    for line in update["selected_tickets"]["individualTickets"]
                }
                | {item.ticket_type_id for package in packages for item in package.items}
                | {ticket.ticket_type_id for ticket in stored}
            ),
        )
    ).all()
    return Request(
        function=session.get_one(Function, function_id),
        registration=registration,
        attendees={attendee.attendee_id: attendee for attendee in attendees},
        types={kind.ticket_type_id: kind for kind in types},
        packages={package.package_id: package for package in packages},
        stored=list(stored),
        now=datetime.now(UTC),
    )


def _selections(request: Request, attendee_updates: Sequence[Document]) -> dict[UUID, Document]:
    """Return the selection of each listed attendee, by stored id."""
    by_client_id = {
        attendee.client_attendee_id: attendee.attendee_id for attendee in request.attendees.values()
    }
    selections: dict[UUID, Document] = {}
    for number, update in enumerate(attendee_updates):
        named = UUID(update["attendee_id"])
        attendee_id = by_client_id.get(named, named)
        path = f"p_attendee_updates[{number}]"
        if attendee_id not in request.attendees:
            request.issues.append(("unknown_attendee", path))
        elif attendee_id in selections:
            request.issues.append(("duplicate_attendee", path))
        else:
            selections[attendee_id] = update["selected_tickets"]
    return selections


def _expand(request: Request, selections: Mapping[UUID, Document]) -> list[Wanted]:
    """Return the tickets that should exist, with packages expanded."""
    wanted: list[Wanted] = []
    for attendee_id, selection in selections.items():
        numbers: Counter[UUID] = Counter()
        for line in selection["packages"]:
            package_id = UUID(line["packageId"])
            package = request.packages.get(package_id)
            if package is None:
                request.issues.append(("unknown_package", f"{attendee_id}.packages"))
                continue
            for _ in range(line["quantity"]):
                numbers[package_id] += 1
                wanted += [
                    Wanted(attendee_id, item.ticket_type_id, package_id, numbers[package_id])
                    for item in package.items
                    for _ in range(item.quantity)
                ]
        for line in selection["individualTickets"]:
            type_id = UUID(line["ticketId"])
            if type_id not in request.types:
                request.issues.append(("unknown_ticket_type", f"{attendee_id}.individualTickets"))
                continue
            wanted += [Wanted(attendee_id, type_id, None, None)] * line["quantity"]
    if len(wanted) > MOST_TICKETS:
        request.issues.append(("too_large", "p_tickets"))
    return wanted


def _prices(request: Request) -> dict[tuple[UUID | None, UUID], list[Decimal]]:
    """Return the prices of the tickets, by package and type, one price per unit.

    The price of a package is split in proportion to the list prices, to the cent; the remaining
    cents go to the units with the largest rounding loss.
    """
    prices: dict[tuple[UUID | None, UUID], list[Decimal]] = {
        (None, kind.ticket_type_id): [kind.price] for kind in request.types.values()
    }
    for package in request.packages.values():
        units = [
            (item.ticket_type_id, request.types[item.ticket_type_id].price)
            for item in sorted(package.items, key=lambda item: item.ticket_type_id)
            for _ in range(item.quantity)
        ]
        total = sum(price for _, price in units)
        weights = [price if total else Decimal(1) for _, price in units]
        exact = [package.price * weight / (total or len(units)) for weight in weights]
        shares = [share.quantize(CENT, rounding=ROUND_DOWN) for share in exact]
        cents_left = int((package.price - sum(shares)) / CENT)
        losers = sorted(range(len(units)), key=lambda unit: shares[unit] - exact[unit])
        for unit in losers[:cents_left]:
            shares[unit] += CENT
        for (type_id, _), share in zip(units, shares, strict=True):
            prices.setdefault((package.package_id, type_id), []).append(share)
    return prices


def _compare_with_submitted(
    request: Request,
    tickets: Sequence[Document],
    wanted: Sequence[Wanted],
    prices: Mapping[tuple[UUID | None, UUID], list[Decimal]],
) -> None:
    """Compare the submitted tickets with the tickets that the selections expand to."""
    by_client_id = {
        attendee.client_attendee_id: attendee.attendee_id for attendee in request.attendees.values()
    }
    submitted: Counter[tuple[UUID, UUID | None, UUID]] = Counter()
    for number, row in enumerate(tickets):
        path = f"p_tickets[{number}]"
        named = UUID(row["attendee_id"])
        type_id = UUID(row["ticket_type_id"])
        package_id = UUID(row["package_id"]) if row.get("package_id") else None
        kind = request.types.get(type_id)
        if kind is None:
            request.issues.append(("unknown_ticket_type", f"{path}.ticket_type_id"))
            continue
        if UUID(row["event_id"]) != kind.event_id:
            request.issues.append(("event_mismatch", f"{path}.event_id"))
        paid, listed = row.get("price_paid"), row.get("original_price")
        if paid is not None and Decimal(str(paid)) not in prices.get((package_id, type_id), ()):
            request.issues.append(("price_mismatch", f"{path}.price_paid"))
        if listed is not None and Decimal(str(listed)) != kind.price:
            request.issues.append(("original_price_mismatch", f"{path}.original_price"))
        submitted[by_client_id.get(named, named), package_id, type_id] += 1
    if submitted != Counter(
        (row.attendee_id, row.package_id, row.ticket_type_id) for row in wanted
    ):
        request.issues.append(("selection_mismatch", "p_tickets"))


def _check_selections(
    request: Request, selections: Mapping[UUID, Document], wanted: Sequence[Wanted]
) -> None:
    """Check exclusivity, eligibility and limits."""
    if request.function.selection_mode == "exclusive":
        request.issues += [
            ("exclusive_selection", f"{attendee_id}")
            for attendee_id, selection in selections.items()
            if selection["packages"] and selection["individualTickets"]
        ]

    together: Counter[TicketType | Package] = Counter()
    for (attendee_id, subject), quantity in _quantities(request, wanted).items():
        together[subject] += quantity
        if (
            isinstance(subject, Package)
            and request.registration.registration_type not in subject.registration_types
        ):
            request.issues.append(("package_not_offered", f"{attendee_id}"))
        if not _is_eligible(request, request.attendees[attendee_id], subject.eligibility):
            request.issues.append(("not_eligible", f"{attendee_id}"))
        if quantity < subject.min_per_attendee:
            request.issues.append(("below_minimum", f"{attendee_id}"))
        if _exceeds(quantity, subject.max_per_attendee):
            request.issues.append(("above_maximum", f"{attendee_id}"))
    for subject, quantity in together.items():
        if _exceeds(quantity, subject.max_per_registration):
            request.issues.append(("above_registration_maximum", subject.name))


def _quantities(
    request: Request, wanted: Sequence[Wanted]
) -> Counter[tuple[UUID, TicketType | Package]]:
    """Return the quantity of each type and package that every attendee would hold."""
    held: Counter[tuple[UUID, TicketType | Package]] = Counter(
        (row.attendee_id, request.types[row.ticket_type_id]) for row in wanted
    )
    held.update(
        (attendee_id, request.packages[package_id])
        for attendee_id, package_id, _ in {
            (row.attendee_id, row.package_id, row.package_number) for row in wanted
        }
        if package_id is not None
    )
    return held


def _exceeds(quantity: int, most: int | None) -> bool:
    return most is not None and quantity > most


def _is_eligible(request: Request, attendee: Attendee, eligibility: Mapping[str, Any]) -> bool:
    """Return whether the facts of an attendee meet eligibility rules."""
    if not eligibility["rules"]:
        return True
    facts = attendee.attendee_data | {
        "attendee_type": attendee.attendee_type,
        "registration_type": request.registration.registration_type,
    }
    met = [_meets(facts.get(rule["type"]), rule) for rule in eligibility["rules"]]
    return any(met) if eligibility.get("operator") == "OR" else all(met)


def _meets(fact: object, rule: Mapping[str, Any]) -> bool:
    if fact is None:
        return False
    match rule["operator"]:
        case "equals":
            return bool(fact == rule["value"])
        case "not_equals":
            return bool(fact != rule["value"])
        case "in":
            return fact in rule["value"]
        case _:
            return fact not in rule["value"]


def _difference(
    request: Request, selections: Mapping[UUID, Document], wanted: Sequence[Wanted]
) -> tuple[list[Ticket], list[Ticket], list[Wanted]]:
    """Return the plan: stored tickets to keep, stored tickets to remove, tickets to add."""
    missing = Counter(wanted)
    kept: list[Ticket] = []
    removed: list[Ticket] = []
    for ticket in request.stored:
        key = Wanted(
            ticket.attendee_id, ticket.ticket_type_id, ticket.package_id, ticket.package_number
        )
        if ticket.attendee_id not in selections:
            kept.append(ticket)
        elif missing[key] > 0:
            missing[key] -= 1
            kept.append(ticket)
        else:
            removed.append(ticket)
    return kept, removed, list(missing.elements())


def _check_sale(request: Request, added: Sequence[Wanted]) -> None:
    """Check that added tickets are on sale."""
    function, now = request.function, request.now
    if added and (
        function.status != "published"
        or (function.registration_opens_at and now < function.registration_opens_at)
        or (function.registration_closes_at and now >= function.registration_closes_at)
    ):
        request.issues.append(("registration_closed", "p_tickets"))
    subjects: set[TicketType | Package] = {request.types[row.ticket_type_id] for row in added}
    subjects |= {request.packages[row.package_id] for row in added if row.package_id}
    for subject in subjects:
        is_active = subject.is_active and (
            not isinstance(subject, TicketType) or subject.event.is_active
        )
        if not is_active:
            request.issues.append(("inactive", subject.name))
        elif subject.sale_starts_at and now < subject.sale_starts_at:
            request.issues.append(("not_yet_on_sale", subject.name))
        elif subject.sale_ends_at and now >= subject.sale_ends_at:
            request.issues.append(("sale_ended", subject.name))


def _new_tickets(
    request: Request,
    added: Sequence[Wanted],
    prices: Mapping[tuple[UUID | None, UUID], list[Decimal]],
) -> list[Ticket]:
    """Return rows for the tickets to add."""
    unit: Counter[Wanted] = Counter()
    rows: list[Ticket] = []
    for row in added:
        shares = prices[row.package_id, row.ticket_type_id]
        kind = request.types[row.ticket_type_id]
        rows.append(
            Ticket(
                function_id=request.function.function_id,
                ticket_id=uuid4(),
                registration_id=request.registration.registration_id,
                owner_id=request.registration.owner_id,
                attendee_id=row.attendee_id,
                event_id=kind.event_id,
                ticket_type_id=row.ticket_type_id,
                package_id=row.package_id,
                package_number=row.package_number,
                price_paid=shares[unit[row] % len(shares)],
                original_price=kind.price,
                currency=request.function.currency,
                is_partner_ticket=request.attendees[row.attendee_id].is_partner,
                created_at=request.now,
                updated_at=request.now,
            )
        )
        unit[row] += 1
    return rows


def _changed_attendees(
    request: Request, selections: Mapping[UUID, Document]
) -> list[tuple[Attendee, Document]]:
    """Return the attendees whose selection differs from the stored one, with the new one."""
    return [
        (request.attendees[attendee_id], selection)
        for attendee_id, selection in selections.items()
        if request.attendees[attendee_id].attendee_data.get("selected_tickets") != selection
    ]


def _renew_hold(request: Request, *, has_tickets: bool) -> None:
    """Extend the hold, up to the limit."""
    registration, function = request.registration, request.function
    if not has_tickets:
        registration.hold_expires_at = None
        return
    expires_at = request.now + timedelta(minutes=function.hold_minutes)
    if registration.hold_expires_at and registration.hold_expires_at > request.now:
        latest = registration.created_at + timedelta(minutes=function.max_hold_minutes)
        expires_at = max(registration.hold_expires_at, min(expires_at, latest))
    registration.hold_expires_at = expires_at


def _record_changes(
    session: Session, request: Request, added: Sequence[Ticket], removed: Sequence[Ticket]
) -> None:
    """Record the changes of tickets in the change feed."""
    changes = [
        {
            "function_id": ticket.function_id,
            "ticket_id": ticket.ticket_id,
            "change": change,
            "registration_id": ticket.registration_id,
            "revision": request.registration.revision,
            "attendee_id": ticket.attendee_id,
            "event_id": ticket.event_id,
            "ticket_type_id": ticket.ticket_type_id,
            "package_id": ticket.package_id,
            "price_paid": ticket.price_paid,
            "actor_role": "service_role",
            "changed_at": request.now,
        }
        for change, rows in (("added", added), ("removed", removed))
        for ticket in rows
    ]
    if changes:
        session.execute(insert(TicketChange), changes)


def _take_capacity(
    session: Session, request: Request, added: Sequence[Ticket], removed: Sequence[Ticket]
) -> None:
    """Take and free capacity; pools are locked in the order of their ids."""
    changes = _capacity_changes(session, request, added, removed)
    if not changes:
        return
    pools = session.scalars(
        select(CapacityPool)
        .where(
            CapacityPool.function_id == request.function.function_id,
            CapacityPool.capacity_pool_id.in_(changes),
        )
        .order_by(CapacityPool.capacity_pool_id)
        .with_for_update(key_share=True)
    ).all()
    for pool in pools:
        change = changes[pool.capacity_pool_id]
        if change > 0 and pool.reserved + pool.sold + change > pool.capacity:
            request.issues.append(("sold_out", str(pool.capacity_pool_id)))
        pool.reserved += change
    if request.issues:
        raise Refused(request.issues)


def _capacity_changes(
    session: Session, request: Request, added: Sequence[Ticket], removed: Sequence[Ticket]
) -> dict[UUID, int]:
    """Return the capacity to take from each pool; negative when it is freed."""
    function_id = request.function.function_id
    by_type: Counter[UUID] = Counter(ticket.ticket_type_id for ticket in added)
    by_type.subtract(ticket.ticket_type_id for ticket in removed)
    by_package: Counter[UUID] = Counter(_packages_of(added))
    by_package.subtract(_packages_of(removed))
    changes: Counter[UUID] = Counter()
    for typed in session.scalars(
        select(TicketTypePool).where(
            TicketTypePool.function_id == function_id, TicketTypePool.ticket_type_id.in_(by_type)
        )
    ):
        changes[typed.capacity_pool_id] += by_type[typed.ticket_type_id]
    if by_package:
        for packaged in session.scalars(
            select(PackagePool).where(
                PackagePool.function_id == function_id, PackagePool.package_id.in_(by_package)
            )
        ):
            changes[packaged.capacity_pool_id] += by_package[packaged.package_id]
    return {pool_id: change for pool_id, change in changes.items() if change}


def _packages_of(tickets: Sequence[Ticket]) -> list[UUID]:
    """Return one package id for every copy of a package among the tickets."""
    return [
        package_id
        for _, package_id, _ in {
            (ticket.attendee_id, ticket.package_id, ticket.package_number) for ticket in tickets
        }
        if package_id is not None
    ]


def _answer(
    request: Request,
    selections: Mapping[UUID, Document],
    held: Sequence[Ticket],
    created: int,
    removed: int,
) -> Document:
    """Return the answer, without the number of updated attendees."""
    registration = request.registration
    with_tickets = {ticket.attendee_id for ticket in held}
    named = [ticket for ticket in held if ticket.attendee_id in selections]
    return {
        "success": True,
        "registration_id": registration.registration_id,
        "revision": registration.revision,
        "status": registration.status,
        "tickets_created": created,
        "tickets_removed": removed,
        "tickets_unchanged": len(named) - created,
        "attendees_without_tickets": [
            {
                "attendee_id": attendee.attendee_id,
                "client_attendee_id": attendee.client_attendee_id,
                "name": f"{attendee.first_name} {attendee.last_name}",
            }
            for attendee in request.attendees.values()
            if attendee.attendee_id not in with_tickets
        ],
        "subtotal": registration.subtotal,
        "total": registration.total,
        "currency": request.function.currency,
        "hold_expires_at": registration.hold_expires_at,
        "server_time": request.now,
        "tickets": [
            {
                "ticket_id": ticket.ticket_id,
                "attendee_id": ticket.attendee_id,
                "ticket_type_id": ticket.ticket_type_id,
                "package_id": ticket.package_id,
                "price_paid": ticket.price_paid,
            }
            for ticket in named
        ],
    }
