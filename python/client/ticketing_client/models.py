"""What the RPCs answer, as frozen dataclasses, and the decoder that makes them out of JSON.

Money is Decimal, ids are UUID, times are aware datetimes. The wizard's own objects stay plain JSON
(whatever json.dumps takes), because it sends and keeps keys that nobody here knows.
"""
# The annotations are read at run time by the decoder, so they are not postponed.

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin
from uuid import UUID

T = TypeVar("T")

Json = Mapping[str, Any]
"""An object of the wizard, as plain JSON."""


class UnexpectedAnswerError(Exception):
    """The database answered something that this version of the client does not understand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One problem of a refused call or of a quote.

    Attributes:
        code: What kind of problem; callers branch on it.
        path: Where it is, starting at the argument, such as "p_tickets[3].price_paid".
        message: The problem, for people.
        attendee_id: The attendee it concerns.
        client_attendee_id: The same attendee by the wizard's id.
        ticket_type_id: The ticket type it concerns.
        package_id: The package it concerns.
        name: Name of what it concerns, for the screen.
        expected: What would have been right; a number with decimals is a Decimal.
        actual: What was found instead.
        requested: How many places were asked for.
        available: How many places are left.
        attendee_ids: The attendees who share the problem.
        extra: Whatever else the issue says.
    """

    code: str
    path: str
    message: str
    attendee_id: UUID | None = None
    client_attendee_id: UUID | None = None
    ticket_type_id: UUID | None = None
    package_id: UUID | None = None
    name: str | None = None
    expected: Any = None
    actual: Any = None
    requested: int | None = None
    available: int | None = None
    attendee_ids: tuple[UUID, ...] = ()
    extra: Json = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistedTicket:
    """A ticket in the answer of a persist: its five essential keys.

    Attributes:
        ticket_id: The ticket; it keeps its id while it stays chosen.
        attendee_id: Whom it admits.
        ticket_type_id: What was chosen.
        package_id: The package it came in; None for an individual ticket.
        price_paid: What it costs.
    """

    ticket_id: UUID
    attendee_id: UUID
    ticket_type_id: UUID
    package_id: UUID | None
    price_paid: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedTicket:
    """A ticket that a quote would make; persist_attendee_tickets takes it as it is.

    Attributes:
        attendee_id: Whom it would admit; the wizard's id as long as the database has no other.
        client_attendee_id: The same attendee by the wizard's id.
        event_id: The event.
        ticket_type_id: What was chosen.
        package_id: The package it comes in; None for an individual ticket.
        price_paid: What it costs: the list price, or its share of the package's price.
        original_price: The list price.
        currency: ISO 4217 code of both.
        status: Active or Cancelled.
        payment_status: Unpaid, Paid or Refunded.
        is_partner_ticket: Whether its attendee attends as a partner.
    """

    attendee_id: UUID
    client_attendee_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    package_id: UUID | None
    price_paid: Decimal
    original_price: Decimal
    currency: str
    status: str
    payment_status: str
    is_partner_ticket: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket(QuotedTicket):
    """A stored ticket.

    Attributes:
        ticket_id: The ticket; it keeps its id while it stays chosen.
    """

    ticket_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpandedTicket:
    """What one attendee gets of one ticket type, individually or in one package.

    Attributes:
        attendee_id: Whom it would admit, by the wizard's id.
        event_id: The event.
        ticket_type_id: The ticket type.
        package_id: The package; None for individual tickets.
        price: The list price of one ticket; what is paid in a package is in the quote's tickets.
        is_from_package: Whether a package brings it.
        quantity: How many.
    """

    attendee_id: UUID = field(metadata={"key": "attendeeId"})
    event_id: UUID = field(metadata={"key": "eventId"})
    ticket_type_id: UUID = field(metadata={"key": "ticketTypeId"})
    package_id: UUID | None = field(metadata={"key": "packageId"})
    price: Decimal
    is_from_package: bool = field(metadata={"key": "isFromPackage"})
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendeeIds:
    """Both ids of an attendee.

    Attributes:
        attendee_id: The database's.
        client_attendee_id: The wizard's.
    """

    attendee_id: UUID
    client_attendee_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendeeWithoutTickets(AttendeeIds):
    """An attendee who has no ticket yet.

    Attributes:
        name: Name of the attendee, for the screen.
    """

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee(AttendeeIds):
    """A person of a registration.

    Attributes:
        attendee_type: What kind of attendee: mason, guest, contact and so on.
        is_primary: Whether it is the primary attendee.
        is_partner: Whether it attends as the partner of another attendee.
        related_attendee_id: Whose partner or guest it is; None when of nobody.
        title: Title of the person.
        first_name: First name.
        last_name: Last name.
        email: Mail address.
        phone: Telephone number.
        attendee_data: The wizard's own attendee object, with selected_tickets.
    """

    attendee_type: str
    is_primary: bool
    is_partner: bool
    related_attendee_id: UUID | None
    title: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    attendee_data: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class PersistResult:
    """What a persist did.

    Attributes:
        registration_id: The registration.
        revision: Its revision now; the same as before when nothing changed.
        status: draft, pending, completed, cancelled or expired.
        tickets_created: How many tickets were added.
        tickets_removed: How many were taken back.
        tickets_unchanged: How many of the attendees named stayed as they were.
        attendees_updated: How many attendees have another selected_tickets than before.
        attendees_without_tickets: The attendees of the registration who have none.
        subtotal: Sum of the prices of its tickets.
        total: What is due.
        currency: ISO 4217 code of both.
        hold_expires_at: Until when its tickets keep their places; None when it holds none.
        server_time: The database's clock, to count down from.
        tickets: The tickets of the attendees named in the call.
    """

    registration_id: UUID
    revision: int
    status: str
    tickets_created: int
    tickets_removed: int
    tickets_unchanged: int
    attendees_updated: int
    attendees_without_tickets: tuple[AttendeeWithoutTickets, ...]
    subtotal: Decimal
    total: Decimal
    currency: str
    hold_expires_at: datetime | None
    server_time: datetime
    tickets: tuple[PersistedTicket, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateResult(PersistResult):
    """What creating or updating a registration did.

    Attributes:
        attendees: Both ids of every attendee.
        confirmation_number: Issued when the registration completes; None before.
    """

    attendees: tuple[AttendeeIds, ...]
    confirmation_number: str | None = field(metadata={"key": "confirmationNumber"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a selection would give, with nothing written.

    Attributes:
        valid: Whether a persist of the same selection would be accepted.
        issues: Every problem found; empty when valid.
        expanded_tickets: One per attendee, package and ticket type.
        tickets: What the attendees named would hold, as persist_attendee_tickets takes it.
        attendees_without_tickets: The attendees who would have none.
        subtotal: What all tickets of the registration would cost.
        currency: ISO 4217 code of it.
    """

    valid: bool
    issues: tuple[Issue, ...]
    expanded_tickets: tuple[ExpandedTicket, ...]
    tickets: tuple[QuotedTicket, ...]
    attendees_without_tickets: tuple[AttendeeWithoutTickets, ...]
    subtotal: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Everything a wizard needs to resume anywhere.

    Attributes:
        registration_id: The registration.
        function_id: Its function.
        registration_type: individuals, lodges or delegations.
        registration: The wizard's own object; sent back with ticket_selections it changes nothing.
        ticket_selections: The wizard's own ticketSelections.
        attendees: Its people, in the wizard's order.
        tickets: All its tickets, by attendee.
        attendees_without_tickets: The attendees who have none.
        subtotal: Sum of the prices of its tickets.
        total: What is due.
        currency: ISO 4217 code of both.
        status: draft, pending, completed, cancelled or expired, as of now.
        payment_status: Unpaid, Paid or Refunded.
        revision: Goes up with every change.
        hold_expires_at: Until when its tickets keep their places; None when it holds none.
        confirmation_number: Issued when it completes; None before.
        server_time: The database's clock, to count down from.
    """

    registration_id: UUID
    function_id: UUID
    registration_type: str
    registration: Json
    ticket_selections: Json
    attendees: tuple[Attendee, ...]
    tickets: tuple[Ticket, ...]
    attendees_without_tickets: tuple[AttendeeWithoutTickets, ...]
    subtotal: Decimal
    total: Decimal
    currency: str
    status: str
    payment_status: str
    revision: int
    hold_expires_at: datetime | None
    confirmation_number: str | None
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What importing a catalogue did.

    Attributes:
        function_id: The function that was created or updated.
        events: How many events the document names.
        ticket_types: How many ticket types.
        packages: How many packages.
        capacity_pools: How many pools of places there are now.
        deactivated: How many events, ticket types and packages have become inactive, because the
            document no longer names them.
        server_time: The database's clock.
    """

    function_id: UUID
    events: int
    ticket_types: int
    packages: int
    capacity_pools: int
    deactivated: int
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionInfo:
    """The occasion that availability is of.

    Attributes:
        function_id: The function.
        slug: Name for addresses.
        name: Name for people.
        timezone: IANA time zone in which its times are shown.
        status: draft (seen by staff), published or closed.
        selection_mode: exclusive (an attendee holds packages or individual tickets) or mixed.
        starts_at: When the occasion starts.
        ends_at: When it ends.
        registration_opens_at: Tickets can be added from here on; None: at once.
        registration_closes_at: Tickets can be added until here; None: no end.
    """

    function_id: UUID
    slug: str
    name: str
    timezone: str
    status: str
    selection_mode: str
    starts_at: datetime | None
    ends_at: datetime | None
    registration_opens_at: datetime | None
    registration_closes_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAvailability:
    """An event, and how many places it has left as a whole.

    Attributes:
        event_id: The event.
        slug: Name for addresses.
        title: Name for people.
        starts_at: When it starts.
        ends_at: When it ends.
        is_active: Whether its tickets can be added.
        places_left: Places left in its own pool; None: no limit.
    """

    event_id: UUID
    slug: str
    title: str
    starts_at: datetime | None
    ends_at: datetime | None
    is_active: bool
    places_left: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What ticket types and packages on sale have in common.

    Attributes:
        name: Name for people.
        description: More words for people.
        price: The list price of one.
        sale_starts_at: It can be added from here on; None: at once.
        sale_ends_at: It can be added until here; None: no end.
        min_per_attendee: An attendee who holds any holds at least this many.
        max_per_attendee: An attendee holds at most this many; None: no limit.
        max_per_registration: All attendees together hold at most this many; None: no limit.
        eligibility: Who may hold it: `{"operator", "rules"}`, as in the catalogue.
        places_left: How many can be added now; None: no limit.
        status: on_sale, sold_out, not_yet, ended or inactive.
    """

    name: str
    description: str | None
    price: Decimal
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    min_per_attendee: int
    max_per_attendee: int | None
    max_per_registration: int | None
    eligibility: Json
    places_left: int | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketTypeAvailability(Offer):
    """A ticket type, and how many of it can be added now.

    Attributes:
        ticket_type_id: The ticket type.
        event_id: The event it admits to.
    """

    ticket_type_id: UUID
    event_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageItem:
    """Contents of a package.

    Attributes:
        ticket_type_id: A ticket type in it.
        quantity: How many of it are in one package.
    """

    ticket_type_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageAvailability(Offer):
    """A package, available as often as all its contents are.

    Attributes:
        package_id: The package.
        registration_types: Which registrations may hold it: individuals, lodges, delegations.
        items: What is in it.
    """

    package_id: UUID
    registration_types: tuple[str, ...]
    items: tuple[PackageItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Everything that draws the selection step.

    Attributes:
        function: The occasion.
        currency: ISO 4217 code of all prices.
        events: Its events.
        ticket_types: What can be chosen individually.
        packages: What can be chosen in bundles.
        server_time: The database's clock.
    """

    function: FunctionInfo
    currency: str
    events: tuple[EventAvailability, ...]
    ticket_types: tuple[TicketTypeAvailability, ...]
    packages: tuple[PackageAvailability, ...]
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStart:
    """What is due, of a registration that could be sold as it is now.

    Attributes:
        registration_id: The registration.
        status: pending, or completed when nothing was due.
        amount_due: What is to be paid.
        currency: ISO 4217 code of it.
        confirmation_number: Issued when nothing was due; None when something is.
        revision: The revision of the registration.
        hold_expires_at: Until when its tickets keep their places; None when they are sold.
        server_time: The database's clock, to count down from.
    """

    registration_id: UUID
    status: str
    amount_due: Decimal
    currency: str
    confirmation_number: str | None
    revision: int
    hold_expires_at: datetime | None
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentResult:
    """A payment, and the registration that it completed.

    Attributes:
        registration_id: The registration.
        payment_id: The payment.
        status: completed; cancelled when that has happened since.
        payment_status: Paid; Refunded when that has happened since.
        confirmation_number: What the buyer shows; not guessable.
        revision: The revision of the registration.
        total: What it cost, without the provider's fee.
        currency: ISO 4217 code of it.
        paid_at: When it was paid.
    """

    registration_id: UUID
    payment_id: UUID
    status: str
    payment_status: str
    confirmation_number: str
    revision: int
    total: Decimal
    currency: str
    paid_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelResult:
    """What cancelling did.

    Attributes:
        registration_id: The registration.
        status: cancelled.
        payment_status: Unpaid, Paid (there may be something to refund) or Refunded.
        revision: The revision of the registration.
        tickets_cancelled: How many tickets; 0 when it was cancelled before.
        server_time: The database's clock.
    """

    registration_id: UUID
    status: str
    payment_status: str
    revision: int
    tickets_cancelled: int
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundResult:
    """A refund that was recorded.

    Attributes:
        registration_id: The registration.
        payment_id: The refund, which is a payment of kind refund.
        status: cancelled.
        payment_status: Refunded when the last ticket is; Paid before.
        revision: The revision of the registration.
        amount: What was given back.
        currency: ISO 4217 code of it.
    """

    registration_id: UUID
    payment_id: UUID
    status: str
    payment_status: str
    revision: int
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseResult:
    """What releasing expired holds did.

    Attributes:
        released: How many registrations have expired.
        server_time: The database's clock.
    """

    released: int
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketChange:
    """Something that happened to a ticket.

    Attributes:
        change_id: Number of the change.
        change: added, removed, paid, cancelled or refunded.
        function_id: The function.
        registration_id: The registration.
        revision: Its revision from this change on.
        ticket_id: The ticket.
        attendee_id: Whom it admits.
        event_id: The event.
        ticket_type_id: What was chosen.
        package_id: The package it came in; None for an individual ticket.
        price_paid: What it costs.
        actor_id: The user who did it; None when it was no user.
        actor_role: The database role that did it.
        changed_at: When.
    """

    change_id: int
    change: str
    function_id: UUID
    registration_id: UUID
    revision: int
    ticket_id: UUID
    attendee_id: UUID
    event_id: UUID
    ticket_type_id: UUID
    package_id: UUID | None
    price_paid: Decimal
    actor_id: UUID | None
    actor_role: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketChanges:
    """A page of the change feed.

    Attributes:
        changes: What is new since the cursor that was given, in order.
        cursor: Where to go on reading; opaque. None while nothing has ever happened.
    """

    changes: tuple[TicketChange, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairResult:
    """What counting the places again did.

    Attributes:
        pools_repaired: How many pools had other counters than their tickets say.
        server_time: The database's clock.
    """

    pools_repaired: int
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityProblem:
    """Two things in the database that should agree and do not.

    Attributes:
        check_name: Which check found it, such as "pool_counters".
        function_id: The function.
        registration_id: The registration; None when it is of none.
        detail: What is stored and what it should agree with.
    """

    check_name: str
    function_id: UUID
    registration_id: UUID | None
    detail: Json


def decoder(hint: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - a type hint has no narrower type
    """Find or make the decoder of JSON that a type hint describes.

    Args:
        hint: A dataclass of this module, one of its scalars, `X | None`, `tuple[X, ...]` or `Json`.

    Returns:
        A function from parsed JSON (non-integer numbers as Decimal) to a value of that type. It
        ignores keys that a dataclass does not have, so that a database newer than the client is no
        problem.

    Raises:
        TypeError: When the hint is none of these.
    """
    if hint not in _DECODERS:
        _DECODERS[hint] = _make_decoder(hint)
    return _DECODERS[hint]


def _make_decoder(hint: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - a type hint
    if is_dataclass(hint):
        return _record_decoder(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple and arguments[1:] == (Ellipsis,):
        item = decoder(arguments[0])
        return lambda values: tuple(map(item, values))
    if origin is UnionType and arguments[1:] == (NoneType,):
        value = decoder(arguments[0])
        return lambda found: None if found is None else value(found)
    message = f"there is no decoder for {hint}"
    raise TypeError(message)


def _record_decoder(cls: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - any dataclass
    """Make the decoder of a dataclass: each field from the key of its name or of its metadata."""
    parts = [(f.name, f.metadata.get("key", f.name), decoder(f.type)) for f in fields(cls)]

    def decode(answer: Any) -> Any:  # noqa: ANN401 - parsed JSON in, that dataclass out
        values: dict[str, Any] = {}
        for name, key, convert in parts:
            try:
                values[name] = convert(answer[key])
            except (LookupError, TypeError, ValueError, ArithmeticError) as error:
                message = (
                    f"The answer of the database has no {key!r} that {cls.__name__} can hold: "
                    "bring the database and this client to the same version."
                )
                raise UnexpectedAnswerError(message) from error
        return cls(**values)

    return decode


def decode_issue(found: Json) -> Issue:
    """Decode an issue, leniently: it describes a problem and must not become one.

    Args:
        found: The parsed JSON of the issue, non-integer numbers as Decimal.

    Returns:
        The issue. Keys that it has no field for, or whose values do not fit it, are in `extra`.
    """
    known: dict[str, Any] = {"code": "", "path": "", "message": ""}
    extra: dict[str, Any] = {}
    for key, value in dict(found).items():
        try:
            known[key] = _ISSUE_FIELDS[key](value)
        except (LookupError, TypeError, ValueError, ArithmeticError):
            extra[key] = value
    return Issue(**known, extra=extra)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Make parsed JSON into what json.dumps takes: numbers become the doubles the wizard sent."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast("Json", value).items()}
    if isinstance(value, list):
        return list(map(_plain, cast("Iterable[Any]", value)))
    return float(value) if isinstance(value, Decimal) else value


def _instance(cls: type[T]) -> Callable[[Any], T]:
    """Make the decoder of JSON that is already a value of the class."""

    def decode(value: Any) -> T:  # noqa: ANN401 - parsed JSON
        # not isinstance, for which True is an int
        if type(value) is not cls:
            message = f"{value!r} is no {cls.__name__}"
            raise TypeError(message)
        return value

    return decode


_string = _instance(str)


# An answer names the same attendees and ticket types again and again.
@lru_cache(maxsize=4096)
def _uuid(value: Any) -> UUID:  # noqa: ANN401 - parsed JSON
    return UUID(_string(value))


_DECODERS: dict[Any, Callable[[Any], Any]] = {
    Any: lambda value: value,
    Issue: decode_issue,
    Json: _plain,
    Decimal: Decimal,
    UUID: _uuid,
    bool: _instance(bool),
    datetime: datetime.fromisoformat,
    int: _instance(int),
    str: _string,
}

_ISSUE_FIELDS = {f.name: decoder(f.type) for f in fields(Issue) if f.name != "extra"}
