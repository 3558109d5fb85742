"""The same job as application code: SQLAlchemy's ORM, with all checks in Python.

Written as one would in a service that cannot rely on functions in the database: load what the
request is about, check it, compare it with what is stored, write the difference, all in one
transaction with the rows locked that others could change. It gathers every problem, as ours does.
Left out, to its advantage, is what a live hold never needs: taking places back from overdue
registrations, and today's prices for tickets whose hold is over.
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
    """All tables are in schema ticketing; columns that the job does not need are not mapped."""

    metadata = MetaData(schema="ticketing")
    type_annotation_map: ClassVar = {dict[str, Any]: JSONB, list[str]: ARRAY(Text)}


class RegistrationIndex(Base):
    """In which function a registration is."""

    __tablename__ = "registration_index"
    registration_id: Mapped[UUID] = mapped_column(primary_key=True)
    function_id: Mapped[UUID]


class Function(Base):
    """An occasion."""

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
    """What sells admission to an event."""

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
    """Ticket types at one price."""

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
    """So many tickets of a type in a package."""

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
    """Limited places."""

    __tablename__ = "capacity_pools"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    capacity_pool_id: Mapped[UUID] = mapped_column(primary_key=True)
    capacity: Mapped[int]
    reserved: Mapped[int]
    sold: Mapped[int]


class TicketTypePool(Base):
    """In which pools a ticket of a type takes a place."""

    __tablename__ = "ticket_type_pools"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_type_id: Mapped[UUID] = mapped_column(primary_key=True)
    capacity_pool_id: Mapped[UUID] = mapped_column(primary_key=True)


class PackagePool(Base):
    """In which pools a package takes a place."""

    __tablename__ = "package_pools"
    function_id: Mapped[UUID] = mapped_column(primary_key=True)
    package_id: Mapped[UUID] = mapped_column(primary_key=True)
    capacity_pool_id: Mapped[UUID] = mapped_column(primary_key=True)


class Registration(Base):
    """A booking."""

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
    """A person of a booking."""

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
    """What happened to a ticket; the database numbers them."""

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


class Refused(Exception):  # noqa: N818 - it is the answer to a request, not a fault
    """The request cannot be carried out.

    Attributes:
        issues: Every problem, as (code, path).
    """

    def __init__(self, issues: Sequence[tuple[str, str]]) -> None:
        """Refuse.

        Args:
            issues: Every problem, as (code, path).
        """
        super().__init__(f"{len(issues)} problems")
        self.issues = list(issues)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A ticket that the selections amount to."""

    attendee_id: UUID
    ticket_type_id: UUID
    package_id: UUID | None
    package_number: int | None


@dataclass(slots=True)
class Request:
    """What a request is about, as far as it has been loaded.

    Attributes:
        function: The function.
        registration: The registration, locked.
        people: Its attendees by id.
        types: Ticket types by id.
        packages: Packages by id.
        stored: The tickets it has.
        now: The time to judge by.
        issues: Every problem so far, as (code, path).
    """

    function: Function
    registration: Registration
    people: dict[UUID, Attendee]
    types: dict[UUID, TicketType]
    packages: dict[UUID, Package]
    stored: list[Ticket]
    now: datetime
    issues: list[tuple[str, str]] = field(default_factory=list)


class Application:
    """The service: one warm connection, a transaction for each request."""

    def __init__(self, url: str) -> None:
        """Connect when first used.

        Args:
            url: The database, as psycopg takes it.
        """
        self._engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://"), pool_size=1, max_overflow=0
        )

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def persist(self, booking: Booking) -> Document:
        """Make the tickets of every attendee named exactly those given.

        Args:
            booking: What is sent.

        Returns:
            What ours answers, too.

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
    """Make the tickets of every attendee named exactly those given.

    Args:
        session: One in a transaction.
        registration_id: The registration.
        tickets: p_tickets.
        attendee_updates: p_attendee_updates.

    Returns:
        What ours answers, too.

    Raises:
        Refused: When a rule is broken.
    """
    request = _load(session, registration_id, tickets, attendee_updates)
    selections = _selections(request, attendee_updates)
    wanted = _expand(request, selections)
    prices = _prices(request)
    _compare_with_given(request, tickets, wanted, prices)
    _check_selections(request, selections, wanted)

    kept, removed, added = _difference(request, selections, wanted)
    _check_sale(request, added)
    if request.issues:
        raise Refused(request.issues)

    rows = _new_tickets(request, added, prices)
    changed_people = _changed_people(request, selections)
    registration = request.registration
    held = [*kept, *rows]
    if rows or removed or changed_people:
        registration.revision += 1
        registration.status = "draft"
        session.add_all(rows)
        for ticket in removed:
            session.delete(ticket)
        for person, selection in changed_people:
            person.attendee_data = person.attendee_data | {"selected_tickets": selection}
            person.updated_at = request.now
        registration.subtotal = registration.total = sum(
            (ticket.price_paid for ticket in held), Decimal(0)
        )
        registration.updated_at = request.now
    _renew_hold(request, has_tickets=bool(held))
    session.flush()
    _record_changes(session, request, rows, removed)
    _take_places(session, request, rows, removed)
    return _answer(request, selections, held, len(rows), len(removed)) | {
        "attendees_updated": len(changed_people)
    }


def _load(
    session: Session,
    registration_id: UUID,
    tickets: Sequence[Document],
    attendee_updates: Sequence[Document],
) -> Request:
    """Load what the request is about, the registration locked."""
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
    people = session.scalars(
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
        people={person.attendee_id: person for person in people},
        types={kind.ticket_type_id: kind for kind in types},
        packages={package.package_id: package for package in packages},
        stored=list(stored),
        now=datetime.now(UTC),
    )


def _selections(request: Request, attendee_updates: Sequence[Document]) -> dict[UUID, Document]:
    """Return the selection of each attendee named, by his stored id."""
    by_client_id = {
        person.client_attendee_id: person.attendee_id for person in request.people.values()
    }
    selections: dict[UUID, Document] = {}
    for number, update in enumerate(attendee_updates):
        named = UUID(update["attendee_id"])
        attendee_id = by_client_id.get(named, named)
        path = f"p_attendee_updates[{number}]"
        if attendee_id not in request.people:
            request.issues.append(("unknown_attendee", path))
        elif attendee_id in selections:
            request.issues.append(("duplicate_attendee", path))
        else:
            selections[attendee_id] = update["selected_tickets"]
    return selections


def _expand(request: Request, selections: Mapping[UUID, Document]) -> list[Wanted]:
    """Return the tickets that selections amount to, packages taken apart."""
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
    """Return what the tickets cost, by package and type, one price for each unit.

    The price of a package is split in proportion to the list prices, to the cent, the cents left
    over going to those that lost most.
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


def _compare_with_given(
    request: Request,
    tickets: Sequence[Document],
    wanted: Sequence[Wanted],
    prices: Mapping[tuple[UUID | None, UUID], list[Decimal]],
) -> None:
    """Compare the rows that the caller gave with those that his selections amount to."""
    by_client_id = {
        person.client_attendee_id: person.attendee_id for person in request.people.values()
    }
    given: Counter[tuple[UUID, UUID | None, UUID]] = Counter()
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
        given[by_client_id.get(named, named), package_id, type_id] += 1
    if given != Counter((row.attendee_id, row.package_id, row.ticket_type_id) for row in wanted):
        request.issues.append(("selection_mismatch", "p_tickets"))


def _check_selections(
    request: Request, selections: Mapping[UUID, Document], wanted: Sequence[Wanted]
) -> None:
    """Check exclusivity, who may hold what, and how many."""
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
        if not _is_eligible(request, request.people[attendee_id], subject.eligibility):
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
    """Return how many of each type and of each package every attendee would hold."""
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


def _is_eligible(request: Request, person: Attendee, eligibility: Mapping[str, Any]) -> bool:
    """Tell whether the facts of an attendee meet the rules of something."""
    if not eligibility["rules"]:
        return True
    facts = person.attendee_data | {
        "attendee_type": person.attendee_type,
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
    """Return the stored tickets to keep, those to remove, and what is to be added."""
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
    """Check that what is added is on sale."""
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
    """Return the rows of tickets to add."""
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
                is_partner_ticket=request.people[row.attendee_id].is_partner,
                created_at=request.now,
                updated_at=request.now,
            )
        )
        unit[row] += 1
    return rows


def _changed_people(
    request: Request, selections: Mapping[UUID, Document]
) -> list[tuple[Attendee, Document]]:
    """Return the attendees whose selection is not what is stored, with the new one."""
    return [
        (request.people[attendee_id], selection)
        for attendee_id, selection in selections.items()
        if request.people[attendee_id].attendee_data.get("selected_tickets") != selection
    ]


def _renew_hold(request: Request, *, has_tickets: bool) -> None:
    """Hold the places for a while longer, up to the limit."""
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
    """Write what happened to tickets into the change feed."""
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


def _take_places(
    session: Session, request: Request, added: Sequence[Ticket], removed: Sequence[Ticket]
) -> None:
    """Take places from pools and give them back, the pools locked in the order of their ids."""
    demands = _demands(session, request, added, removed)
    if not demands:
        return
    pools = session.scalars(
        select(CapacityPool)
        .where(
            CapacityPool.function_id == request.function.function_id,
            CapacityPool.capacity_pool_id.in_(demands),
        )
        .order_by(CapacityPool.capacity_pool_id)
        .with_for_update(key_share=True)
    ).all()
    for pool in pools:
        places = demands[pool.capacity_pool_id]
        if places > 0 and pool.reserved + pool.sold + places > pool.capacity:
            request.issues.append(("sold_out", str(pool.capacity_pool_id)))
        pool.reserved += places
    if request.issues:
        raise Refused(request.issues)


def _demands(
    session: Session, request: Request, added: Sequence[Ticket], removed: Sequence[Ticket]
) -> dict[UUID, int]:
    """Return how many places are taken from each pool; negative where they are given back."""
    function_id = request.function.function_id
    by_type: Counter[UUID] = Counter(ticket.ticket_type_id for ticket in added)
    by_type.subtract(ticket.ticket_type_id for ticket in removed)
    by_package: Counter[UUID] = Counter(_packages_of(added))
    by_package.subtract(_packages_of(removed))
    demands: Counter[UUID] = Counter()
    for typed in session.scalars(
        select(TicketTypePool).where(
            TicketTypePool.function_id == function_id, TicketTypePool.ticket_type_id.in_(by_type)
        )
    ):
        demands[typed.capacity_pool_id] += by_type[typed.ticket_type_id]
    if by_package:
        for packaged in session.scalars(
            select(PackagePool).where(
                PackagePool.function_id == function_id, PackagePool.package_id.in_(by_package)
            )
        ):
            demands[packaged.capacity_pool_id] += by_package[packaged.package_id]
    return {pool_id: places for pool_id, places in demands.items() if places}


def _packages_of(tickets: Sequence[Ticket]) -> list[UUID]:
    """Return the package of every copy of a package that tickets are in."""
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
    """Return what ours answers, but for the number of attendees updated."""
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
                "attendee_id": person.attendee_id,
                "client_attendee_id": person.client_attendee_id,
                "name": f"{person.first_name} {person.last_name}",
            }
            for person in request.people.values()
            if person.attendee_id not in with_tickets
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
