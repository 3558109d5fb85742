"""Who may call what, on whose registration: every RPC by everybody.

Everybody calls as PostgREST would have him, in a savepoint of his own, so that nobody meets what
somebody before him has done.
"""

from collections.abc import Iterator, Mapping
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from tests.rpc.calls import (
    ABSENT,
    CEREMONY,
    FUNCTION,
    OWNER,
    STRANGER,
    TOMAS,
    Caller,
    Connection,
    Document,
    rows,
    selection,
    ticket,
    updates_of,
)

from .personas import (
    NOBODYS_CLAIMS,
    OWNERS_CLAIMS,
    PEOPLE,
    REGISTRATION,
    SERVICES,
    STAFF,
    STAFFS,
    STRANGERS,
    STRANGERS_CLAIMS,
    USERS,
    VISITORS,
    acting,
    plant,
)

YES = "yes"
DENIED = "42501"
NOT_FOUND = "TK002"


@pytest.fixture
def people(db: Connection, catalogue: Document, wizard_state: Document) -> dict[str, Caller]:
    """Everybody, and what is his."""
    return plant(db, catalogue, wizard_state)


def outcome(caller: Caller, rpc: LiteralString, arguments: Mapping[str, object]) -> str:
    """Make a call, take it back, and return "yes" or its SQLSTATE."""
    with caller.connection.transaction(force_rollback=True):
        try:
            caller.rows(rpc, **arguments)
        except psycopg.Error as error:
            return error.sqlstate or str(error)
        return YES


def among(yes: set[str], otherwise: str, denied: set[str]) -> dict[str, str]:
    """Return what everybody must get: yes, otherwise something, or no access at all."""
    return {
        name: DENIED if name in denied else YES if name in yes else otherwise for name in PEOPLE
    }


THEIRS = among({"owner", *STAFFS, *SERVICES}, NOT_FOUND, {*VISITORS, "reader"})
"""Of a registration: its owner, the staff of its organisation, and services; for all others who
may call at all there is no such registration."""

READABLE = THEIRS | {"visitor": NOT_FOUND, "visitor with the owner's claims": YES}
"""The same, of what visitors may call, too. Who somebody is, his claims say, whatever his role."""

ANYBODY = among(set(PEOPLE) - {"reader"}, DENIED, {"reader"})
SIGNED_IN = among(USERS | SERVICES, DENIED, set())
SERVICE_ONLY = among(SERVICES, DENIED, set())
MANAGERS = among({"admin", "boss", *SERVICES}, DENIED, set())

CHOSEN = {TOMAS: selection(tickets={CEREMONY: 2})}
ON_IT = {"p_registration_id": REGISTRATION}

# Case by case: the RPC, its arguments, and what everybody gets. Where a call needs a document of
# the example event, it is put in by name.
Case = tuple[LiteralString, Mapping[str, object], Mapping[str, str]]

CASES: dict[str, Case] = {
    "read": ("get_registration", ON_IT, THEIRS),
    "persist tickets": (
        "persist_attendee_tickets",
        {
            **ON_IT,
            "p_tickets": [ticket(TOMAS, CEREMONY)] * 2,
            "p_attendee_updates": updates_of(CHOSEN),
        },
        THEIRS,
    ),
    "persist selections": (
        "persist_ticket_selections",
        {**ON_IT, "p_selections": CHOSEN},
        THEIRS,
    ),
    "quote for it": (
        "quote_ticket_selections",
        {**ON_IT, "p_function_id": FUNCTION, "p_selections": CHOSEN},
        READABLE,
    ),
    "quote": (
        "quote_ticket_selections",
        {
            "p_function_id": FUNCTION,
            "p_selections": CHOSEN,
            "p_attendees": [{"attendeeId": TOMAS, "attendeeType": "guest"}],
        },
        ANYBODY,
    ),
    "look at places for it": (
        "get_ticket_availability",
        {**ON_IT, "p_function_id": FUNCTION},
        READABLE,
    ),
    "look at places": ("get_ticket_availability", {"p_function_id": FUNCTION}, ANYBODY),
    "cancel": ("cancel_registration", ON_IT, THEIRS),
    "create": (
        "create_individual_registration_with_tickets",
        {"p_registration_data": "new"},
        SIGNED_IN,
    ),
    "create without tickets": (
        "create_individual_registration_jsonb",
        {"p_registration_data": "new"},
        SIGNED_IN,
    ),
    # the service makes registrations for the owner whom it names; staff only their own
    "create again": (
        "create_individual_registration_with_tickets",
        {"p_registration_data": "the owner's"},
        among({"owner", *SERVICES}, NOT_FOUND, {*VISITORS, "reader", "nobody"}),
    ),
    "create again without tickets": (
        "create_individual_registration_jsonb",
        {"p_registration_data": "the owner's"},
        among({"owner", *SERVICES}, NOT_FOUND, {*VISITORS, "reader", "nobody"}),
    ),
    "import": ("import_catalogue", {"p_catalogue": "catalogue"}, MANAGERS),
    # (TK001: who may call, but with what?)
    "complete a payment": (
        "complete_registration_payment",
        {**ON_IT, "p_payment": {}},
        among(set(), "TK001", set(PEOPLE) - SERVICES),
    ),
    "record a refund": (
        "record_refund",
        {**ON_IT, "p_refund": {}},
        among(set(), "TK001", set(PEOPLE) - SERVICES),
    ),
    # (TK004: three attendees have no ticket)
    "start a payment": (
        "start_payment",
        ON_IT,
        {name: "TK004" if gets == YES else gets for name, gets in THEIRS.items()},
    ),
    "release holds": ("release_expired_holds", {}, SERVICE_ONLY),
    "read changes": ("get_ticket_changes", {}, SERVICE_ONLY),
    "repair counters": ("repair_capacity", {}, SERVICE_ONLY),
    "check": ("check_integrity", {}, SERVICE_ONLY | {"reader": YES}),
}


@pytest.fixture
def documents(catalogue: Document, wizard_state: Document) -> dict[object, Document]:
    """The documents that cases call by name."""
    registration = wizard_state["registration"]
    return {
        "catalogue": catalogue,
        "new": registration,
        "the owner's": registration | {"registrationId": REGISTRATION},
    }


@pytest.mark.parametrize("case", CASES)
def test_who_may_call(
    people: dict[str, Caller], documents: dict[object, Document], case: str
) -> None:
    rpc, arguments, expected = CASES[case]
    given = {
        name: documents.get(value, value) if isinstance(value, str) else value
        for name, value in arguments.items()
    }
    assert {name: outcome(caller, rpc, given) for name, caller in people.items()} == expected


def test_every_rpc_has_its_case(db: Connection) -> None:
    rpcs = rows(db, "SELECT proname FROM pg_proc WHERE pronamespace = 'ticketing'::regnamespace")
    assert {row["proname"] for row in rpcs} == {rpc for rpc, _, _ in CASES.values()}


def test_the_registration_of_another_looks_like_none(people: dict[str, Caller]) -> None:
    calls: tuple[tuple[LiteralString, Document], ...] = (
        ("get_registration", {}),
        ("persist_attendee_tickets", {"p_tickets": [{}]}),
        ("persist_ticket_selections", {"p_selections": None}),
        ("quote_ticket_selections", {"p_function_id": FUNCTION, "p_selections": []}),
        ("get_ticket_availability", {"p_function_id": FUNCTION}),
        ("start_payment", {"p_expected_revision": 7}),
        ("cancel_registration", {}),
    )
    for rpc, arguments in calls:
        others, none = (
            people["owner"].refusal(rpc, p_registration_id=registration_id, **arguments)
            for registration_id in (STRANGERS, ABSENT)
        )
        assert others == none
        assert others.found == [("registration_not_found", "p_registration_id")]


def test_a_draft_is_there_for_staff_and_services_alone(
    db: Connection, people: dict[str, Caller], documents: dict[object, Document]
) -> None:
    db.execute("UPDATE ticketing.functions SET status = 'draft'")
    calls: tuple[tuple[LiteralString, Document, set[str]], ...] = (
        ("get_ticket_availability", {"p_function_id": FUNCTION}, {"reader"}),
        ("quote_ticket_selections", {"p_function_id": FUNCTION, "p_selections": {}}, {"reader"}),
        (
            "create_individual_registration_jsonb",
            {"p_registration_data": documents["new"]},
            {"reader", *VISITORS, "nobody"},
        ),
    )
    for rpc, arguments, denied in calls:
        expected = among(STAFFS | SERVICES, "TK008", denied)
        assert {
            name: outcome(caller, rpc, arguments) for name, caller in people.items()
        } == expected


def test_staff_change_a_registration_without_becoming_its_owner(
    db: Connection, people: dict[str, Caller]
) -> None:
    people["staff"].call(
        "persist_ticket_selections", p_registration_id=REGISTRATION, p_selections=CHOSEN
    )
    assert {
        str(row["owner_id"])
        for row in rows(
            db,
            """
            SELECT owner_id FROM ticketing.registrations WHERE registration_id = %s
            UNION SELECT owner_id FROM ticketing.tickets WHERE registration_id = %s
            """,
            REGISTRATION,
            REGISTRATION,
        )
    } == {OWNER}
    (change,) = rows(
        db, "SELECT * FROM ticketing.ticket_changes WHERE revision = 2 AND change = 'added'"
    )
    assert (str(change["actor_id"]), change["actor_role"]) == (STAFF, "authenticated")


# Who somebody is


def claiming(db: Connection, claims: str | None) -> Iterator[str]:
    """Yield what the owner's registration answers to a user with these claims, call by call."""
    with acting(db, "authenticated", claims):
        for statement in (
            "SELECT ticketing.get_registration(%(id)s)",
            "SELECT ticketing.persist_ticket_selections(%(id)s, '{}')",
            "SELECT ticketing.create_individual_registration_jsonb('{}')",
        ):
            try:
                with db.transaction():
                    db.execute(statement, {"id": REGISTRATION})
            except psycopg.Error as error:
                yield error.sqlstate or str(error)
            else:
                yield YES


@pytest.mark.usefixtures("people")
def test_claims_that_say_nothing_make_a_caller_nobody(db: Connection) -> None:
    for claims in NOBODYS_CLAIMS:
        answers = list(claiming(db, claims))
        assert answers == [NOT_FOUND, NOT_FOUND, DENIED], (claims or "")[:100]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("claims", OWNERS_CLAIMS)
def test_the_sub_claim_is_the_user(db: Connection, claims: str) -> None:
    # (what is wrong with the last call is its document)
    assert list(claiming(db, claims)) == [YES, YES, "TK001"]


@pytest.mark.usefixtures("people")
def test_no_claim_makes_anybody_the_service(db: Connection) -> None:
    assert list(claiming(db, STRANGERS_CLAIMS)) == [NOT_FOUND, NOT_FOUND, "TK001"]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("login", "gets"),
    [("back_end", YES), ("service_role", YES), ("authenticated", NOT_FOUND), ("anon", DENIED)],
)
def test_who_sets_no_role_is_who_he_has_logged_in_as(db: Connection, login: str, gets: str) -> None:
    caller = Caller(db, "none", STRANGER)
    with db.transaction(force_rollback=True):
        db.execute(sql.SQL("SET LOCAL SESSION AUTHORIZATION {}").format(sql.Identifier(login)))
        assert outcome(caller, "get_registration", ON_IT) == gets


@pytest.mark.usefixtures("people")
def test_a_service_that_calls_as_a_user_is_that_user(db: Connection) -> None:
    with db.transaction(force_rollback=True):
        db.execute("GRANT authenticated TO back_end")
        db.execute("SET LOCAL SESSION AUTHORIZATION back_end")
        assert outcome(Caller(db, "none"), "get_registration", ON_IT) == YES
        stranger = Caller(db, "authenticated", STRANGER)
        assert outcome(stranger, "get_registration", ON_IT) == NOT_FOUND
        owner = Caller(db, "authenticated", OWNER)
        assert outcome(owner, "get_registration", ON_IT) == YES


def test_who_leaves_the_organisation_leaves_its_registrations(
    db: Connection, people: dict[str, Caller]
) -> None:
    assert outcome(people["staff"], "get_registration", ON_IT) == YES
    db.execute("DELETE FROM ticketing.organisation_members WHERE user_id = %s", [STAFF])
    assert outcome(people["staff"], "get_registration", ON_IT) == NOT_FOUND
