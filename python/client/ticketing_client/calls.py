"""The calls: the request and the answer type of each RPC.

Everything here is pure: a call is a value that the executors in client.py execute. A new RPC is one
function here and one line in each executor.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast, get_origin
from uuid import UUID

from ticketing_client.models import (
    Availability,
    CancelResult,
    CreateResult,
    ImportResult,
    IntegrityProblem,
    Json,
    PaymentResult,
    PaymentStart,
    PersistResult,
    Quote,
    QuotedTicket,
    RefundResult,
    Registration,
    ReleaseResult,
    RepairResult,
    TicketChanges,
    decoder,
)
from ticketing_client.selections import TicketSelections

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import LiteralString

T = TypeVar("T")

Selections: TypeAlias = TicketSelections | Mapping[str, Any] | Mapping[UUID, Any]
"""The wizard's ticketSelections by attendee id, or a builder of it."""

__all__ = [
    "cancel_registration",
    "check_integrity",
    "complete_registration_payment",
    "create_individual_registration_jsonb",
    "create_individual_registration_with_tickets",
    "get_registration",
    "get_ticket_availability",
    "get_ticket_changes",
    "import_catalogue",
    "persist_attendee_tickets",
    "persist_ticket_selections",
    "quote_ticket_selections",
    "record_refund",
    "release_expired_holds",
    "repair_capacity",
    "start_payment",
]


@dataclass(frozen=True, slots=True)
class Argument:
    """A named argument of an RPC, encoded.

    Attributes:
        name: Its name in SQL.
        type: Its type in SQL.
        value: The encoded value.
    """

    name: LiteralString
    type: LiteralString
    value: str | int


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A call of an RPC, ready to be executed.

    Attributes:
        function: Name of the RPC in schema ticketing.
        arguments: The arguments to send; for all others the default in SQL applies.
        answer: Type of the decoded answer: a dataclass of ticketing_client.models, or a tuple of it
            when the RPC returns rows.
    """

    function: LiteralString
    arguments: tuple[Argument, ...]
    answer: type[T]

    @property
    def sql(self) -> LiteralString:
        """The statement: it returns one row with one column, the answer as text.

        As text, so that decoding does not depend on the JSON loader of the connection.
        """
        given = ", ".join(f"{a.name} => %({a.name})s::{a.type}" for a in self.arguments)
        called = f"ticketing.{self.function}({given})"
        if get_origin(self.answer) is tuple:
            return (
                "SELECT coalesce(pg_catalog.jsonb_agg(answer), '[]')::text"  # noqa: S608 - literals
                f" FROM {called} AS answer"
            )
        return f"SELECT {called}::text"

    @property
    def params(self) -> dict[str, str | int]:
        """The parameters of the statement, by name."""
        return {argument.name: argument.value for argument in self.arguments}

    def decode(self, text: str) -> T:
        """Decode the answer.

        Args:
            text: The JSON returned by the statement.

        Returns:
            The answer.

        Raises:
            UnexpectedAnswerError: When the answer is of an incompatible version.
        """
        return cast("T", decoder(self.answer)(json.loads(text, parse_float=Decimal)))


def persist_attendee_tickets(
    registration_id: UUID | str,
    tickets: Iterable[Json | QuotedTicket],
    attendee_updates: Iterable[Json] | None = None,
    expected_revision: int | None = None,
) -> Call[PersistResult]:
    """Make the tickets of every listed attendee match the submitted tickets.

    Args:
        registration_id: The registration.
        tickets: Mappings as in the contract, or the tickets of a quote.
        attendee_updates: `{"attendee_id", "selected_tickets"}` per attendee.
        expected_revision: Refuse when the registration has been changed since this revision.

    Returns:
        What changed.

    Raises:
        InvalidPayload: When an argument does not have the documented shape.
        RegistrationNotFound: When it does not exist or is not accessible to the caller.
        RegistrationNotEditable: When it is completed or cancelled.
        SelectionInvalid: When a rule is broken; the issues contain rule and path.
        SoldOut: When only capacity is missing.
        RevisionConflict: When the registration was changed by another request.
    """
    return Call(
        "persist_attendee_tickets",
        (
            _uuid("p_registration_id", registration_id),
            _jsonb("p_tickets", tickets),
            *_given(_jsonb, "p_attendee_updates", attendee_updates),
            *_given(_integer, "p_expected_revision", expected_revision),
        ),
        PersistResult,
    )


def persist_ticket_selections(
    registration_id: UUID | str,
    selections: Selections,
    expected_revision: int | None = None,
) -> Call[PersistResult]:
    """Make the tickets of every listed attendee match the wizard's selections.

    Args:
        registration_id: The registration.
        selections: The wizard's ticketSelections, or a builder of it.
        expected_revision: Refuse when the registration has been changed since this revision.

    Returns:
        What changed.

    Raises:
        InvalidPayload: When an argument does not have the documented shape.
        RegistrationNotFound: When it does not exist or is not accessible to the caller.
        RegistrationNotEditable: When it is completed or cancelled.
        SelectionInvalid: When a rule is broken; the issues contain rule and path.
        SoldOut: When only capacity is missing.
        RevisionConflict: When the registration was changed by another request.
    """
    return Call(
        "persist_ticket_selections",
        (
            _uuid("p_registration_id", registration_id),
            _jsonb("p_selections", _by_attendee(selections)),
            *_given(_integer, "p_expected_revision", expected_revision),
        ),
        PersistResult,
    )


def quote_ticket_selections(
    function_id: UUID | str,
    selections: Selections,
    attendees: Iterable[Json] | None = None,
    registration_type: str | None = None,
    registration_id: UUID | str | None = None,
) -> Call[Quote]:
    """Check and price a selection without writing anything.

    Args:
        function_id: The function.
        selections: The wizard's ticketSelections, or a builder of it.
        attendees: The wizard's attendee objects; not needed for those of the registration.
        registration_type: individuals (the default), lodges or delegations.
        registration_id: The registration of the selection; its own capacity counts as free.

    Returns:
        The quote; broken rules are listed in its issues, not raised.

    Raises:
        InvalidPayload: When an argument does not have the documented shape.
        FunctionNotFound: When it does not exist or is not published to the caller.
        RegistrationNotFound: When it does not exist or is not accessible to the caller.
    """
    return Call(
        "quote_ticket_selections",
        (
            _uuid("p_function_id", function_id),
            _jsonb("p_selections", _by_attendee(selections)),
            *_given(_jsonb, "p_attendees", attendees),
            *_given(_text, "p_registration_type", registration_type),
            *_given(_uuid, "p_registration_id", registration_id),
        ),
        Quote,
    )


def create_individual_registration_jsonb(registration_data: Json) -> Call[CreateResult]:
    """Create or update a registration with its attendees, without tickets.

    Args:
        registration_data: The wizard's registration object.

    Returns:
        The registration's and the attendees' ids, and what changed.

    Raises:
        InvalidPayload: When the object does not have the documented shape.
        FunctionNotFound: When the function does not exist or is not published to the caller.
        RegistrationNotFound: When the id belongs to a registration of another owner.
        RegistrationNotEditable: When it is completed or cancelled.
    """
    return Call(
        "create_individual_registration_jsonb",
        (_jsonb("p_registration_data", registration_data),),
        CreateResult,
    )


def create_individual_registration_with_tickets(
    registration_data: Json,
    tickets: Iterable[Json | QuotedTicket] | None = None,
    attendee_updates: Iterable[Json] | None = None,
    expected_revision: int | None = None,
) -> Call[CreateResult]:
    """Create or update a registration with its attendees and their tickets, all or nothing.

    Args:
        registration_data: The wizard's registration object. With a registrationId generated by the
            client, repeating the call updates instead of duplicating.
        tickets: Mappings as in the contract, or the tickets of a quote.
        attendee_updates: `{"attendee_id", "selected_tickets"}` per attendee.
        expected_revision: Refuse when the registration has been changed since this revision.

    Returns:
        The registration's and the attendees' ids, and what changed.

    Raises:
        InvalidPayload: When an argument does not have the documented shape.
        FunctionNotFound: When the function does not exist or is not published to the caller.
        RegistrationNotFound: When the id belongs to a registration of another owner.
        RegistrationNotEditable: When it is completed or cancelled.
        SelectionInvalid: When a rule is broken; the issues contain rule and path.
        SoldOut: When only capacity is missing.
        RevisionConflict: When the registration was changed by another request.
    """
    return Call(
        "create_individual_registration_with_tickets",
        (
            _jsonb("p_registration_data", registration_data),
            *_given(_jsonb, "p_tickets", tickets),
            *_given(_jsonb, "p_attendee_updates", attendee_updates),
            *_given(_integer, "p_expected_revision", expected_revision),
        ),
        CreateResult,
    )


def get_registration(registration_id: UUID | str) -> Call[Registration]:
    """Read everything that a wizard needs to resume on any device.

    Args:
        registration_id: The registration.

    Returns:
        The registration.

    Raises:
        RegistrationNotFound: When it does not exist or is not accessible to the caller.
    """
    return Call("get_registration", (_uuid("p_registration_id", registration_id),), Registration)


def import_catalogue(catalogue: Json) -> Call[ImportResult]:
    """Create or update an event function with its events, ticket types, packages and pools.

    Args:
        catalogue: The document, as in the contract.

    Returns:
        The counts of the imported parts.

    Raises:
        InvalidPayload: When the document does not have the documented shape.
        SelectionInvalid: When it contradicts existing tickets.
        PermissionDenied: When the caller is neither the service nor an admin of the organisation.
    """
    return Call("import_catalogue", (_jsonb("p_catalogue", catalogue),), ImportResult)


def get_ticket_availability(
    function_id: UUID | str, registration_id: UUID | str | None = None
) -> Call[Availability]:
    """Read the data of the selection step: what is on sale, and the remaining capacity.

    Args:
        function_id: The function.
        registration_id: The edited registration; its own capacity counts as free.

    Returns:
        The function with its events, ticket types and packages.

    Raises:
        FunctionNotFound: When it does not exist or is not published to the caller.
        RegistrationNotFound: When it does not exist or is not accessible to the caller.
    """
    return Call(
        "get_ticket_availability",
        (
            _uuid("p_function_id", function_id),
            *_given(_uuid, "p_registration_id", registration_id),
        ),
        Availability,
    )


def start_payment(
    registration_id: UUID | str, expected_revision: int | None = None
) -> Call[PaymentStart]:
    """Check a whole registration before payment, and extend its hold.

    Args:
        registration_id: The registration.
        expected_revision: Refuse when the registration has been changed since this revision.

    Returns:
        The amount due and its deadline; when nothing is due, the registration is completed.

    Raises:
        RegistrationNotFound: When it does not exist or is not accessible to the caller.
        RegistrationNotEditable: When it is completed or cancelled.
        SelectionInvalid: When a rule is broken, an attendee has no ticket or the booking contact is
            missing.
        SoldOut: When only capacity is missing.
        RevisionConflict: When the registration was changed by another request.
    """
    return Call(
        "start_payment",
        (
            _uuid("p_registration_id", registration_id),
            *_given(_integer, "p_expected_revision", expected_revision),
        ),
        PaymentStart,
    )


def complete_registration_payment(
    registration_id: UUID | str, payment: Json
) -> Call[PaymentResult]:
    """Record the payment of a registration; for the service.

    Args:
        registration_id: The registration: draft, pending or expired.
        payment: `{"reference", "amount", "currency"}` and optionally `fee_amount`, `provider` and
            `paid_at`, as reported by the provider, in major units. The amount less the fee must be
            the total. Repeating a reference returns the same answer.

    Returns:
        The payment and the confirmation number.

    Raises:
        InvalidPayload: When the payment does not have the documented shape.
        RegistrationNotFound: When the registration does not exist.
        RegistrationNotEditable: When it is cancelled.
        SoldOut: When its hold expired and its capacity was sold: void or refund the payment.
        PaymentConflict: When amount, currency or reference differs.
        PermissionDenied: When the caller is not the service.
    """
    return Call(
        "complete_registration_payment",
        (_uuid("p_registration_id", registration_id), _jsonb("p_payment", payment)),
        PaymentResult,
    )


def cancel_registration(
    registration_id: UUID | str, reason: str | None = None
) -> Call[CancelResult]:
    """Cancel a registration and free its capacity; its history is kept.

    Args:
        registration_id: The registration. Owners may cancel unpaid ones only.
        reason: Cancellation reason; the first 1,000 characters are stored.

    Returns:
        The cancelled registration.

    Raises:
        RegistrationNotFound: When it does not exist or is not accessible to the caller.
        RegistrationNotEditable: When it is paid and the caller is its owner only.
    """
    return Call(
        "cancel_registration",
        (_uuid("p_registration_id", registration_id), *_given(_text, "p_reason", reason)),
        CancelResult,
    )


def record_refund(registration_id: UUID | str, refund: Json) -> Call[RefundResult]:
    """Record a refund for a cancelled registration; for the service.

    Args:
        registration_id: The registration, paid and cancelled.
        refund: `{"reference", "amount", "currency"}` and optionally `provider` and `ticket_ids`
            (absent: all tickets not refunded yet), in major units. Repeating a reference returns
            the same answer.

    Returns:
        The refund.

    Raises:
        InvalidPayload: When the refund does not have the documented shape.
        RegistrationNotFound: When the registration does not exist.
        SelectionInvalid: When it has no such ticket that is paid and not refunded.
        PaymentConflict: When it is not refundable, or amount, currency or reference differs.
        PermissionDenied: When the caller is not the service.
    """
    return Call(
        "record_refund",
        (_uuid("p_registration_id", registration_id), _jsonb("p_refund", refund)),
        RefundResult,
    )


def release_expired_holds(limit: int | None = None) -> Call[ReleaseResult]:
    """Expire registrations with overdue holds; for the service.

    Optional: a call that needs the capacity of overdue holds reclaims it.

    Args:
        limit: Maximum number of registrations, 1 to 10,000; default 100.

    Returns:
        The number of expired registrations.

    Raises:
        InvalidPayload: When the limit is out of range.
        PermissionDenied: When the caller is not the service.
    """
    return Call("release_expired_holds", _given(_integer, "p_limit", limit), ReleaseResult)


def get_ticket_changes(after: str | None = None, limit: int | None = None) -> Call[TicketChanges]:
    """Read the change feed: every change of a ticket once, in order; for the service.

    Args:
        after: The cursor of the last page; None starts at the beginning.
        limit: Maximum number of changes, 1 to 10,000; default 1,000.

    Returns:
        A page, and the cursor of the next one.

    Raises:
        InvalidPayload: When the cursor is invalid, or the limit is out of range.
        PermissionDenied: When the caller is not the service.
    """
    return Call(
        "get_ticket_changes",
        (*_given(_text, "p_after", after), *_given(_integer, "p_limit", limit)),
        TicketChanges,
    )


def repair_capacity(function_id: UUID | str | None = None) -> Call[RepairResult]:
    """Recount the capacity taken from every pool, after manual edits; for the service.

    Args:
        function_id: The function; None: all functions, one by one.

    Returns:
        The number of corrected pools.

    Raises:
        FunctionNotFound: When the function does not exist.
        SelectionInvalid: When a pool has more tickets than capacity.
        PermissionDenied: When the caller is not the service.
    """
    return Call("repair_capacity", _given(_uuid, "p_function_id", function_id), RepairResult)


def check_integrity() -> Call[tuple[IntegrityProblem, ...]]:
    """Compare all redundant data with its source; for the service and readers.

    Returns:
        Every difference; empty when there is none.

    Raises:
        PermissionDenied: When the caller is neither the service nor a reader.
    """
    return Call("check_integrity", (), tuple[IntegrityProblem, ...])


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a caller, as PostgREST sets it.

    Attributes:
        role: The database role.
        claims: The claims of the user's token as JSON text; empty without claims.
    """

    role: str
    claims: str

    @classmethod
    def of(cls, user: Mapping[str, Any] | UUID | str, role: str) -> Identity:
        """Make the identity of a user.

        Args:
            user: The claims of the token, or the id of the user.
            role: The database role.

        Returns:
            The identity.

        Raises:
            ValueError: When the id is not a UUID.
        """
        claims = user if isinstance(user, Mapping) else {"sub": _uuid_text("user", user)}
        return cls(role, _encode(claims))


def transact(
    call: Call[Any], identity: Identity | None, *, joined: bool
) -> Generator[tuple[LiteralString, Mapping[str, str | int]], Any, str]:
    """Yield the statements of one call, to be executed in one transaction or savepoint.

    The identity is set for the transaction only and ends with it. Settings made in a savepoint do
    outlive the savepoint, so they are restored in a joined transaction. (After an error the
    savepoint is rolled back, and its settings with it.)

    Args:
        call: The call.
        identity: The identity to call with; None for the role of the connection.
        joined: Whether the transaction was running before.

    Yields:
        A statement and its parameters; the executor sends back its only row.

    Returns:
        The answer, for Call.decode.
    """
    previous = None
    if identity:
        if joined:
            previous = Identity(*(yield _WHO, {}))
        yield _BECOME, {"role": identity.role, "claims": identity.claims}
    (answer,) = yield call.sql, call.params
    if previous:
        yield _BECOME, {"role": previous.role, "claims": previous.claims}
    return cast("str", answer)


_WHO: LiteralString = (
    "SELECT pg_catalog.current_setting('role'),"
    " coalesce(pg_catalog.current_setting('request.jwt.claims', true), '')"
)
_BECOME: LiteralString = (
    "SELECT pg_catalog.set_config('role', %(role)s, true),"
    " pg_catalog.set_config('request.jwt.claims', %(claims)s, true)"
)


def _uuid(name: LiteralString, value: UUID | str) -> Argument:
    return Argument(name, "uuid", _uuid_text(name.removeprefix("p_"), value))


def _uuid_text(name: str, value: UUID | str) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        message = f"{name} must be a UUID, not {value!r}"
        raise ValueError(message) from None


def _integer(name: LiteralString, value: int) -> Argument:
    return Argument(name, "integer", value)


def _text(name: LiteralString, value: str) -> Argument:
    return Argument(name, "text", value)


def _given(
    encode: Callable[[LiteralString, Any], Argument], name: LiteralString, value: object
) -> tuple[Argument, ...]:
    """Encode an optional argument; None is not sent, so that the default in SQL applies."""
    return () if value is None else (encode(name, value),)


def _jsonb(name: LiteralString, value: object) -> Argument:
    return Argument(name, "jsonb", _encode(value))


def _by_attendee(selections: object) -> object:
    if isinstance(selections, TicketSelections):
        return selections.to_json()
    if isinstance(selections, Mapping):
        # keys are ids; JSON allows only strings as keys
        items = cast("Mapping[object, object]", selections).items()
        return {str(attendee): selection for attendee, selection in items}
    return selections  # of a wrong type: the database refuses it


def _encode(value: object) -> str:
    return json.dumps(value, default=_encodable, allow_nan=False)


def _encodable(value: object) -> object:
    """Convert ids, amounts, times, quoted tickets and collections to JSON."""
    match value:
        case UUID():
            return str(value)
        case Decimal():
            return format(value, "f")
        case datetime() if value.tzinfo:
            return value.isoformat()
        case QuotedTicket():
            return {f.name: getattr(value, f.name) for f in fields(value)}
        case Mapping():
            return dict(cast("Mapping[str, Any]", value))
        case Iterable():
            return list(cast("Any", value))
        case _:
            message = f"{value!r} cannot be sent as JSON"
            raise TypeError(message)
