"""Every RPC once: a call that works, what each caller gets for it, and a refusal.

To add an RPC, add its entry to RPCS. All tests that go through all RPCs take it from there:

- tests/security/test_authorisation.py sends the call as every kind of caller;
- tests/security/test_postgrest.py sends it over HTTP, with every argument left out, null or wrong,
  and then what is refused;
- test_forwarders.py, test_search_path.py, test_fuzz.py and test_hostile_input.py send it through
  the forwarders, from hostile sessions, changed at random, and with hostile texts in it.

Which roles may execute an RPC, which arguments it can do without and whether it writes is read from
the database.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import LiteralString

from tests.support.bookings import payment, stored
from tests.support.caller import Connection, service
from tests.support.example import (
    ABSENT,
    BANQUET,
    CEREMONY,
    FUNCTION,
    STRANGER,
    TOMAS,
    Document,
    document,
    selection,
    updates_of,
)
from tests.support.personas import (
    MANAGER,
    PERSONAS,
    SERVICE,
    SERVICES,
    STAFFS,
    USER,
    USERS,
    VISITOR,
    VISITORS,
)
from tests.support.postgrest import Person
from tests.support.stage import (
    CANCELLED,
    DRAFT,
    PAID,
    REGISTRATION,
    STRANGERS,
    catalogue_of_the_stage,
)
from tests.support.stored import held_tickets, rows

YES = "yes"
DENIED = "42501"
NOT_FOUND = "TK002"


def among(yes: set[str], otherwise: str, denied: set[str]) -> dict[str, str]:
    """Return what each persona must get: yes, otherwise something, or no access at all."""
    return {
        name: DENIED if name in denied else YES if name in yes else otherwise for name in PERSONAS
    }


UNKNOWN = {*VISITORS, "user without claims"}
"""Those who are told to sign in where a user is needed."""

OWN = among({"owner", *STAFFS, *SERVICES}, NOT_FOUND, {*UNKNOWN, "reader"})
"""Of a registration: its owner, the staff of its organisation, and services. All other users are
told that there is no such registration."""

READABLE = OWN | dict.fromkeys(UNKNOWN, NOT_FOUND)
"""The same, of what visitors may call, too."""

OWN_ONLY = among({"owner", *SERVICES}, NOT_FOUND, {*UNKNOWN, "reader"})
"""The same without staff, that make only registrations of their own."""

ANY_CALLER = among(set(PERSONAS) - {"reader"}, DENIED, {"reader"})
SIGNED_IN = among(USERS | SERVICES, DENIED, set())
MEMBERS = among({*STAFFS, *SERVICES}, DENIED, set())
MANAGERS = among({"admin", "boss", *SERVICES}, DENIED, set())
SERVICE_ONLY = among(SERVICES, DENIED, set())

OF_STAFF = among({*STAFFS, *SERVICES}, NOT_FOUND, {*UNKNOWN, "reader", "owner"})
"""Of a registration: the staff of its organisation, and services. Its owner is told so."""

OF_ADMINS = OF_STAFF | {"staff": DENIED}
"""The same, without staff that are neither owner nor admin of the organisation."""


@dataclass(frozen=True)
class Props:
    """What calls are made of.

    Attributes:
        revision: The revision of REGISTRATION.
        due: What is to be paid for it.
        rows: Its tickets as p_tickets, as a quote answers them.
        ticket_id: A ticket of CANCELLED.
        paid_revision: The revision of PAID.
        paid_tickets: The tickets of Tomas in PAID.
        held_id: A ticket of REGISTRATION.
        registration: The recorded wizard's registration, as p_registration_data of REGISTRATION.
        selections: The recorded wizard's p_selections.
    """

    revision: int
    due: Decimal
    rows: list[Document]
    ticket_id: str
    paid_revision: int
    paid_tickets: list[str]
    held_id: str
    registration: Document
    selections: Document

    @property
    def attendees(self) -> list[Document]:
        """The attendees of the recorded wizard, as p_attendees."""
        return [self.registration["primaryAttendee"], *self.registration["additionalAttendees"]]


@dataclass(frozen=True)
class Refusal:
    """A call that is refused.

    Attributes:
        person: The sender.
        changes: The arguments that are not those of the working call.
        code: The SQLSTATE.
        issues: Code and path of each issue.
    """

    person: Person
    changes: Document
    code: str
    issues: list[tuple[str, str]]


@dataclass(frozen=True)
class Rpc:
    """What the tests know of an RPC.

    Attributes:
        call: All its arguments, with values that the service succeeds with.
        gets: What each persona gets for this call: YES or a SQLSTATE.
        refusal: A refusal; None for an RPC that takes nothing.
        also: What makes other calls out of it, and what each persona gets for these.
    """

    call: Callable[[Props], Document]
    gets: Mapping[str, str]
    refusal: Refusal | None
    also: Mapping[Callable[[Document], Document], Mapping[str, str]] = field(default_factory=dict)


def without_registration(call: Document) -> Document:
    """Return a call without the registration, which a visitor has none of."""
    return {name: value for name, value in call.items() if name != "p_registration_id"}


def for_a_visitor(call: Document) -> Document:
    """Return the call about a function without the registration, which a visitor has none of."""
    return without_registration(call) if "p_function_id" in call else call


def of_a_new_one(call: Document) -> Document:
    """Return a call that makes a registration without tickets."""
    data = call["p_registration_data"]
    return {"p_registration_data": data | {"registrationId": ABSENT}}


def with_a_payment(call: Document) -> Document:
    """Return an amendment that adds what it pays for."""
    more = {TOMAS: selection(tickets={CEREMONY: 2, BANQUET: 1})}
    due = payment("21.50", "another payment", surcharge_amount="1.50", provider="card")
    return call | {"p_selections": more, "p_payment": due}


ON_IT = {"p_registration_id": REGISTRATION}
NO_REGISTRATION = [("registration_not_found", "p_registration_id")]
RPCS: Mapping[LiteralString, Rpc] = {
    "adjust_registration": Rpc(
        lambda _: {**ON_IT, "p_adjustment": "-5.50", "p_reason": "The band did not come."},
        OF_ADMINS,
        Refusal(USER, {}, DENIED, [("not_allowed", "p_registration_id")]),
    ),
    "amend_registration": Rpc(
        lambda props: {
            "p_registration_id": PAID,
            # Tomas gives up the banquet
            "p_selections": props.selections | {TOMAS: selection(tickets={CEREMONY: 1})},
            "p_payment": None,
            "p_expected_revision": props.paid_revision,
        },
        OWN,
        Refusal(USER, ON_IT, "TK003", [("not_editable", "p_registration_id")]),
        also={with_a_payment: OWN | dict.fromkeys({"owner", *STAFFS}, DENIED)},
    ),
    "assign_tickets": Rpc(
        lambda props: {
            **ON_IT,
            "p_holders": [
                {
                    "ticket_id": props.held_id,
                    "holder": {"firstName": "Olga", "lastName": "Brandt", "email": "o@example.org"},
                }
            ],
            "p_expected_revision": props.revision,
        },
        OWN,
        Refusal(USER, {"p_holders": []}, "TK001", [("invalid_value", "p_holders")]),
    ),
    "begin_feed_epoch": Rpc(lambda _: {}, SERVICE_ONLY, None),
    "cancel_registration": Rpc(
        lambda _: {**ON_IT, "p_reason": "We cannot come."},
        OWN,
        Refusal(USER, {"p_registration_id": STRANGERS}, "TK002", NO_REGISTRATION),
    ),
    "cancel_tickets": Rpc(
        lambda props: {
            "p_registration_id": PAID,
            "p_ticket_ids": props.paid_tickets,
            "p_reason": "Tomas cannot come.",
            "p_expected_revision": props.paid_revision,
        },
        OWN,
        Refusal(
            USER, {"p_ticket_ids": [ABSENT]}, "TK004", [("ticket_not_found", "p_ticket_ids[0]")]
        ),
    ),
    "check_integrity": Rpc(lambda _: {}, SERVICE_ONLY | {"reader": YES}, None),
    "complete_registration_payment": Rpc(
        lambda props: {
            **ON_IT,
            "p_payment": payment(
                str(props.due + Decimal("1.50")),
                "a payment",
                surcharge_amount="1.50",
                provider="card",
                paid_at="2025-07-01T09:30:00+10:00",
            ),
        },
        SERVICE_ONLY,
        Refusal(
            SERVICE,
            {"p_registration_id": CANCELLED},
            "TK003",
            [("not_editable", "p_registration_id")],
        ),
    ),
    "create_individual_registration_jsonb": Rpc(
        lambda props: {"p_registration_data": props.registration},
        OWN_ONLY,
        Refusal(
            USER,
            {"p_registration_data": {"functionId": DRAFT}},
            "TK008",
            [("function_not_found", "p_registration_data.functionId")],
        ),
        also={of_a_new_one: SIGNED_IN},
    ),
    "create_individual_registration_with_tickets": Rpc(
        lambda props: {
            "p_registration_data": props.registration,
            # by the ids of the wizard, as for a registration that is new
            "p_tickets": [
                {key: value for key, value in row.items() if key != "registration_id"}
                for row in props.rows
            ],
            "p_attendee_updates": updates_of(props.selections),
            "p_expected_revision": props.revision,
        },
        OWN_ONLY,
        Refusal(
            USER,
            {"p_expected_revision": 99, "p_tickets": []},
            "TK006",
            [("revision_conflict", "p_expected_revision")],
        ),
        also={of_a_new_one: SIGNED_IN},
    ),
    "export_catalogue": Rpc(
        lambda _: {"p_function_id": FUNCTION},
        MEMBERS,
        Refusal(USER, {}, DENIED, [("not_allowed", "p_function_id")]),
    ),
    "extend_hold": Rpc(
        lambda _: {**ON_IT, "p_until": "2031-01-01T00:00:00+11:00"},
        OF_STAFF,
        Refusal(
            SERVICE,
            {"p_until": "2025-01-01T00:00:00Z"},
            "TK001",
            [("invalid_value", "p_until")],
        ),
    ),
    "get_registration": Rpc(
        lambda _: ON_IT,
        OWN,
        Refusal(USER, {"p_registration_id": STRANGERS}, "TK002", NO_REGISTRATION),
    ),
    "get_ticket_availability": Rpc(
        lambda _: {"p_function_id": FUNCTION, **ON_IT},
        READABLE,
        Refusal(VISITOR, {}, "TK002", NO_REGISTRATION),
        also={without_registration: ANY_CALLER},
    ),
    "get_ticket_changes": Rpc(
        # from before the first change: base64 of 0:1:1
        lambda _: {"p_after": "MDoxOjE=", "p_limit": 10},
        SERVICE_ONLY,
        Refusal(SERVICE, {"p_after": "x"}, "TK001", [("invalid_value", "p_after")]),
    ),
    "import_catalogue": Rpc(
        lambda _: {"p_catalogue": catalogue_of_the_stage()},
        MANAGERS,
        Refusal(USER, {}, DENIED, [("not_allowed", "p_catalogue.organisation.organisation_id")]),
    ),
    "persist_attendee_tickets": Rpc(
        lambda props: {
            **ON_IT,
            "p_tickets": props.rows,
            "p_attendee_updates": updates_of(props.selections),
            "p_expected_revision": props.revision,
        },
        OWN,
        Refusal(USER, {"p_attendee_updates": 1}, "TK001", [("invalid_type", "p_attendee_updates")]),
    ),
    "persist_ticket_selections": Rpc(
        lambda props: {
            **ON_IT,
            "p_selections": props.selections,
            "p_expected_revision": props.revision,
        },
        OWN,
        Refusal(
            USER,
            {"p_selections": {DRAFT: {}}},
            "TK004",
            [("attendee_not_found", f"p_selections.{DRAFT}")],
        ),
    ),
    "quote_ticket_selections": Rpc(
        lambda props: {
            "p_function_id": FUNCTION,
            "p_selections": props.selections,
            "p_attendees": props.attendees,
            "p_registration_type": "individuals",
            **ON_IT,
        },
        READABLE,
        Refusal(
            VISITOR,
            {"p_registration_id": None, "p_registration_type": "x"},
            "TK001",
            [("invalid_value", "p_registration_type")],
        ),
        also={without_registration: ANY_CALLER},
    ),
    "record_refund": Rpc(
        lambda props: {
            "p_registration_id": CANCELLED,
            "p_refund": payment("1.00", "a refund", provider="card", ticket_ids=[props.ticket_id]),
        },
        SERVICE_ONLY,
        Refusal(
            SERVICE,
            ON_IT,
            "TK007",
            [
                ("not_refundable", "p_registration_id"),
                ("ticket_not_found", "p_refund.ticket_ids[0]"),
            ],
        ),
    ),
    "release_expired_holds": Rpc(
        lambda _: {"p_limit": 10},
        SERVICE_ONLY,
        Refusal(SERVICE, {"p_limit": 0}, "TK001", [("invalid_value", "p_limit")]),
    ),
    "repair_capacity": Rpc(
        lambda _: {"p_function_id": FUNCTION},
        SERVICE_ONLY,
        Refusal(
            SERVICE,
            {"p_function_id": STRANGERS},
            "TK008",
            [("function_not_found", "p_function_id")],
        ),
    ),
    "start_payment": Rpc(
        lambda props: {**ON_IT, "p_expected_revision": props.revision},
        OWN,
        Refusal(
            USER,
            {"p_expected_revision": 0},
            "TK006",
            [("revision_conflict", "p_expected_revision")],
        ),
    ),
    "transfer_registration": Rpc(
        lambda _: {**ON_IT, "p_new_owner_id": STRANGER},
        SERVICE_ONLY,
        Refusal(
            SERVICE,
            {"p_new_owner_id": None},
            "TK001",
            [("missing_key", "p_new_owner_id")],
        ),
    ),
    "update_attendees": Rpc(
        lambda props: {
            **ON_IT,
            "p_attendees": [props.attendees[0] | {"firstName": "Waldo"}, *props.attendees[1:]],
            "p_expected_revision": props.revision,
        },
        OWN,
        Refusal(
            USER,
            {"p_expected_revision": 99},
            "TK006",
            [("revision_conflict", "p_expected_revision")],
        ),
    ),
    "user_id": Rpc(
        lambda _: {"p_sub": "auth0|5f7c8ec7c33c6c004bbafe82", "p_iss": "https://a.example/"},
        SERVICE_ONLY,
        Refusal(SERVICE, {"p_sub": ""}, "TK001", [("missing_key", "p_sub")]),
    ),
}


def working_calls(db: Connection) -> dict[str, Document]:
    """Return a call of every RPC, with all its arguments, that the service succeeds with.

    Args:
        db: To the stage.

    Returns:
        The arguments by name, by RPC; all of them are for the caller to change at will.
    """
    wizard_state = document("wizard_state")
    registration = stored(db, REGISTRATION)
    first = {
        row["registration_id"]: row["ticket_id"]
        for row in rows(
            db,
            """
            SELECT registration_id::text, min(ticket_id::text) AS ticket_id FROM ticketing.tickets
            GROUP BY registration_id
            """,
        )
    }
    props = Props(
        revision=registration["revision"],
        due=registration["total"],
        rows=[],
        paid_revision=stored(db, PAID)["revision"],
        paid_tickets=held_tickets(db, PAID)[TOMAS],
        ticket_id=first[CANCELLED],
        held_id=first[REGISTRATION],
        registration=wizard_state["registration"] | {"registrationId": REGISTRATION},
        selections=wizard_state["ticketSelections"],
    )
    quote = RPCS["quote_ticket_selections"].call(props)
    quoted = [
        {key: str(value) if isinstance(value, Decimal) else value for key, value in row.items()}
        for row in service(db).call("quote_ticket_selections", **quote)["tickets"]
    ]
    props = replace(props, rows=quoted)
    return {name: deepcopy(rpc.call(props)) for name, rpc in RPCS.items()}


def user_of(rpc: str) -> Person:
    """Return a user that succeeds with the call of an RPC, if any user does."""
    return MANAGER if RPCS[rpc].gets["owner"] == DENIED else USER


def calls_of_users() -> set[str]:
    """Return the RPCs that need a user, or the service."""
    return {
        name
        for name, rpc in RPCS.items()
        if YES in {rpc.gets["owner"], rpc.gets["admin"]} and rpc.gets["visitor"] == DENIED
    }
