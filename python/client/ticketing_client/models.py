"""Answers of the RPCs as frozen dataclasses, and the decoder that makes them from JSON.

Money is Decimal, ids are UUID, times are aware datetimes. The wizard's own objects stay plain JSON,
because they may contain any keys.
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
    """The answer of the database cannot be decoded by this version of the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One problem of a refused call or of a quote.

    Attributes:
        code: Kind of problem; callers branch on it.
        path: Path of the value at fault, from the argument on, such as "p_tickets[3].price_paid".
        message: The problem in words.
        attendee_id: The attendee concerned.
        client_attendee_id: The same attendee by the wizard's id.
        ticket_type_id: The ticket type concerned.
        package_id: The package concerned.
        name: Display name of the concerned ticket type, package, event or pool.
        expected: The expected value; a number with decimals is a Decimal.
        actual: The actual value.
        requested: The requested capacity.
        available: The remaining capacity.
        attendee_ids: The attendees who share the problem.
        extra: All other keys of the issue.
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
        ticket_id: The ticket; it keeps its id while it stays selected.
        attendee_id: The attendee whom it admits.
        ticket_type_id: The ticket type.
        package_id: The package that contains it; None for an individual ticket.
        price_paid: The price.
    """

    ticket_id: UUID
    attendee_id: UUID
    ticket_type_id: UUID
    package_id: UUID | None
    price_paid: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedTicket:
    """A ticket of a quote; it can be passed to persist_attendee_tickets unchanged.

    Attributes:
        attendee_id: The attendee; the wizard's id until the attendee is stored.
        client_attendee_id: The same attendee by the wizard's id.
        event_id: The event.
        ticket_type_id: The ticket type.
        package_id: The package that contains it; None for an individual ticket.
        price_paid: The list price, or its share of the package's price.
        original_price: The list price.
        currency: ISO 4217 code of both prices.
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
        ticket_id: The ticket; it keeps its id while it stays selected.
    """

    ticket_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpandedTicket:
    """The tickets of one type for one attendee, individually or from one package.

    Attributes:
        attendee_id: The attendee, by the wizard's id.
        event_id: The event.
        ticket_type_id: The ticket type.
        package_id: The package; None for individual tickets.
        price: The list price of one ticket; the quote's tickets have its share of a package price.
        is_from_package: Whether a package contains it.
        quantity: The quantity.
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
        attendee_id: The id in the database.
        client_attendee_id: The wizard's id.
    """

    attendee_id: UUID
    client_attendee_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendeeWithoutTickets(AttendeeIds):
    """An attendee without tickets.

    Attributes:
        name: Display name of the attendee.
    """

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee(AttendeeIds):
    """A person in a registration.

    Attributes:
        attendee_type: Kind of attendee: mason, guest, contact and so on.
        is_primary: Whether this is the primary attendee.
        is_partner: Whether this is the partner of another attendee.
        related_attendee_id: The attendee whose partner or guest this is; None if none.
        title: Title, such as Mr or Dr.
        first_name: First name.
        last_name: Last name.
        email: E-mail address.
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
    """The result of a persist.

    Attributes:
        registration_id: The registration.
        revision: Its revision; unchanged when nothing changed.
        status: draft, pending, completed, cancelled or expired.
        tickets_created: Number of added tickets.
        tickets_removed: Number of removed tickets.
        tickets_unchanged: Number of unchanged tickets of the listed attendees.
        attendees_updated: Number of attendees with a changed selected_tickets.
        attendees_without_tickets: The attendees of the registration without tickets.
        subtotal: Sum of the prices of its tickets.
        total: The total price.
        currency: ISO 4217 code of both amounts.
        hold_expires_at: Until when its tickets keep their capacity; None without a hold.
        server_time: Time of the database, to count down from.
        tickets: The tickets of the attendees listed in the call.
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
    """The result of creating or updating a registration.

    Attributes:
        attendees: Both ids of every attendee.
        confirmation_number: Issued when the registration completes; None before.
    """

    attendees: tuple[AttendeeIds, ...]
    confirmation_number: str | None = field(metadata={"key": "confirmationNumber"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Prices and problems of a selection; nothing is written.

    Attributes:
        valid: Whether a persist of the same selection would be accepted.
        issues: Every problem found; empty when valid.
        expanded_tickets: One per attendee, package and ticket type.
        tickets: The tickets of the listed attendees, for persist_attendee_tickets.
        attendees_without_tickets: The attendees who would have no tickets.
        subtotal: Price of all tickets of the registration.
        currency: ISO 4217 code of the subtotal.
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
    """Everything a wizard needs to resume on any device.

    Attributes:
        registration_id: The registration.
        function_id: Its event function.
        registration_type: individuals, lodges or delegations.
        registration: The wizard's own object; sent back with ticket_selections it changes nothing.
        ticket_selections: The wizard's own ticketSelections.
        attendees: Its attendees, in the wizard's order.
        tickets: All its tickets, by attendee.
        attendees_without_tickets: The attendees without tickets.
        subtotal: Sum of the prices of its tickets.
        total: The total price.
        currency: ISO 4217 code of both amounts.
        status: draft, pending, completed, cancelled or expired, as of now.
        payment_status: Unpaid, Paid or Refunded.
        revision: Incremented by every change.
        hold_expires_at: Until when its tickets keep their capacity; None without a hold.
        confirmation_number: Issued when it completes; None before.
        server_time: Time of the database, to count down from.
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
    """The result of importing a catalogue.

    Attributes:
        function_id: The created or updated event function.
        events: Number of events in the document.
        ticket_types: Number of ticket types in the document.
        packages: Number of packages in the document.
        capacity_pools: Number of capacity pools after the import.
        deactivated: Number of events, ticket types and packages that became inactive, because they
            are missing in the document.
        server_time: Time of the database.
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
    """The event function of an availability.

    Attributes:
        function_id: The function.
        slug: Name in URLs.
        name: Display name.
        timezone: IANA time zone in which its times are shown.
        status: draft (visible to staff only), published or closed.
        selection_mode: exclusive (an attendee holds packages or individual tickets) or mixed.
        starts_at: Start of the function.
        ends_at: End of the function.
        registration_opens_at: Start of registration; None means already open.
        registration_closes_at: End of registration; None means no end.
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
    """An event with the remaining capacity of its own pool.

    Attributes:
        event_id: The event.
        slug: Name in URLs.
        title: Display name.
        starts_at: Start of the event.
        ends_at: End of the event.
        is_active: Whether its tickets can be added.
        available: Remaining capacity of its own pool; None means unlimited.
    """

    event_id: UUID
    slug: str
    title: str
    starts_at: datetime | None
    ends_at: datetime | None
    is_active: bool
    available: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sellable:
    """The common fields of ticket types and packages.

    Attributes:
        name: Display name.
        description: Description shown to buyers.
        price: The list price.
        sale_starts_at: Start of sale; None means already on sale.
        sale_ends_at: End of sale; None means no end.
        min_per_attendee: Minimum quantity of an attendee who has any.
        max_per_attendee: Maximum quantity of an attendee; None means unlimited.
        max_per_registration: Maximum quantity of a registration; None means unlimited.
        eligibility: Eligibility rules `{"operator", "rules"}`, as in the catalogue.
        available: How many can still be added; None means unlimited.
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
    available: int | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketTypeAvailability(Sellable):
    """A ticket type with its availability.

    Attributes:
        ticket_type_id: The ticket type.
        event_id: The event it admits to.
    """

    ticket_type_id: UUID
    event_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageItem:
    """A ticket type in a package.

    Attributes:
        ticket_type_id: The ticket type.
        quantity: Its quantity in one package.
    """

    ticket_type_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageAvailability(Sellable):
    """A package with its availability, which is that of its scarcest content.

    Attributes:
        package_id: The package.
        registration_types: Registration types that may have it: individuals, lodges, delegations.
        items: Its contents.
    """

    package_id: UUID
    registration_types: tuple[str, ...]
    items: tuple[PackageItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """All data for the selection step.

    Attributes:
        function: The event function.
        currency: ISO 4217 code of all prices.
        events: Its events.
        ticket_types: Its ticket types.
        packages: Its packages.
        server_time: Time of the database.
    """

    function: FunctionInfo
    currency: str
    events: tuple[EventAvailability, ...]
    ticket_types: tuple[TicketTypeAvailability, ...]
    packages: tuple[PackageAvailability, ...]
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStart:
    """The amount due of a registration that passed all checks.

    Attributes:
        registration_id: The registration.
        status: pending, or completed when nothing was due.
        amount_due: The amount to pay.
        currency: ISO 4217 code of the amount.
        confirmation_number: Issued when nothing was due; None otherwise.
        revision: The revision of the registration.
        hold_expires_at: Until when its tickets keep their capacity; None when they are sold.
        server_time: Time of the database, to count down from.
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
    """A payment and its registration.

    Attributes:
        registration_id: The registration.
        payment_id: The payment.
        status: completed; or cancelled, if cancelled since.
        payment_status: Paid; or Refunded, if refunded since.
        confirmation_number: Number for the buyer; not guessable.
        revision: The revision of the registration.
        total: The total price, without the provider's fee.
        currency: ISO 4217 code of the total.
        paid_at: Time of the payment.
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
    """The result of a cancellation.

    Attributes:
        registration_id: The registration.
        status: cancelled.
        payment_status: Unpaid, Paid (a refund may be due) or Refunded.
        revision: The revision of the registration.
        tickets_cancelled: Number of cancelled tickets; 0 when it was cancelled before.
        server_time: Time of the database.
    """

    registration_id: UUID
    status: str
    payment_status: str
    revision: int
    tickets_cancelled: int
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundResult:
    """A recorded refund.

    Attributes:
        registration_id: The registration.
        payment_id: The refund, a payment of kind refund.
        status: cancelled.
        payment_status: Refunded when all tickets are refunded; Paid before.
        revision: The revision of the registration.
        amount: The refunded amount.
        currency: ISO 4217 code of the amount.
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
    """The result of releasing expired holds.

    Attributes:
        released: Number of expired registrations.
        server_time: Time of the database.
    """

    released: int
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketChange:
    """A change of a ticket.

    Attributes:
        change_id: Number of the change.
        change: added, removed, paid, cancelled or refunded.
        function_id: The function.
        registration_id: The registration.
        revision: The revision of the registration after this change.
        ticket_id: The ticket.
        attendee_id: The attendee whom it admits.
        event_id: The event.
        ticket_type_id: The ticket type.
        package_id: The package that contains it; None for an individual ticket.
        price_paid: The price.
        actor_id: The user who made the change; None without a user.
        actor_role: The database role that made the change.
        changed_at: Time of the change.
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
        changes: The changes after the given cursor, in order.
        cursor: Cursor of the next page; opaque. None when there are no changes yet.
    """

    changes: tuple[TicketChange, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairResult:
    """The result of recounting the capacity.

    Attributes:
        pools_repaired: Number of corrected pools.
        server_time: Time of the database.
    """

    pools_repaired: int
    server_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityProblem:
    """An inconsistency in the database.

    Attributes:
        check_name: Name of the check, such as "pool_counters".
        function_id: The function.
        registration_id: The registration; None if none.
        detail: The stored value and the value that it should agree with.
    """

    check_name: str
    function_id: UUID
    registration_id: UUID | None
    detail: Json


def decoder(hint: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - a type hint has no narrower type
    """Return the JSON decoder for a type hint.

    Args:
        hint: A dataclass of this module, one of its scalars, `X | None`, `tuple[X, ...]` or `Json`.

    Returns:
        A function from parsed JSON (non-integer numbers as Decimal) to a value of that type. It
        ignores unknown keys, so that a database newer than the client works.

    Raises:
        TypeError: When the hint is not supported.
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
    """Make the decoder of a dataclass: the key of a field is its name or given in its metadata."""
    parts = [(f.name, f.metadata.get("key", f.name), decoder(f.type)) for f in fields(cls)]

    def decode(answer: Any) -> Any:  # noqa: ANN401 - parsed JSON in, that dataclass out
        values: dict[str, Any] = {}
        for name, key, convert in parts:
            try:
                values[name] = convert(answer[key])
            except (LookupError, TypeError, ValueError, ArithmeticError) as error:
                message = (
                    f"The answer of the database has no valid {key!r} for {cls.__name__}: "
                    "bring the database and this client to the same version."
                )
                raise UnexpectedAnswerError(message) from error
        return cls(**values)

    return decode


def decode_issue(found: Json) -> Issue:
    """Decode an issue leniently, so that decoding it never fails.

    Args:
        found: The parsed JSON of the issue, non-integer numbers as Decimal.

    Returns:
        The issue. Keys without a field, or with a value of another type, are in `extra`.
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
    """Convert parsed JSON to plain JSON: Decimals become the floats that the wizard sent."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast("Json", value).items()}
    if isinstance(value, list):
        return list(map(_plain, cast("Iterable[Any]", value)))
    return float(value) if isinstance(value, Decimal) else value


def _instance(cls: type[T]) -> Callable[[Any], T]:
    """Make the decoder of a JSON scalar that is already an instance of the class."""

    def decode(value: Any) -> T:  # noqa: ANN401 - parsed JSON
        # not isinstance, for which True is an int
        if type(value) is not cls:
            message = f"{value!r} is not of type {cls.__name__}"
            raise TypeError(message)
        return value

    return decode


_string = _instance(str)


# Cached: an answer repeats the ids of attendees and ticket types.
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
