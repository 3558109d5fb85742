"""Who may call what, on whose registration: every RPC by every persona.

Each persona calls as through PostgREST, in a savepoint of its own, so that no call sees what an
earlier one has done.
"""

from collections.abc import Iterator, Mapping
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from tests.support.caller import (
    Caller,
    Connection,
)
from tests.support.example import (
    ABSENT,
    CEREMONY,
    FUNCTION,
    OWNER,
    STRANGER,
    TOMAS,
    Document,
    selection,
    ticket,
    updates_of,
)
from tests.support.personas import (
    OWNERS_CLAIMS,
    PERSONAS,
    REGISTRATION,
    SERVICES,
    STAFF,
    STAFFS,
    STRANGERS,
    STRANGERS_CLAIMS,
    UNUSABLE_CLAIMS,
    USERS,
    VISITORS,
    acting,
    plant,
)
from tests.support.stored import (
    rows,
)

YES = "yes"
DENIED = "42501"
NOT_FOUND = "TK002"


@pytest.fixture
def callers(db: Connection, catalogue: Document, wizard_state: Document) -> dict[str, Caller]:
    """All personas by name, and their rows."""
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
    """Return what each persona must get: yes, otherwise something, or no access at all."""
    return {
        name: DENIED if name in denied else YES if name in yes else otherwise for name in PERSONAS
    }


THEIRS = among({"owner", *STAFFS, *SERVICES}, NOT_FOUND, {*VISITORS, "reader"})
"""Of a registration: its owner, the staff of its organisation, and services; for all others who
may call at all there is no such registration."""

READABLE = THEIRS | {"visitor": NOT_FOUND, "visitor with the owner's claims": YES}
"""The same, of what visitors may call, too. Identity comes from the claims, whatever the role."""

ANY_CALLER = among(set(PERSONAS) - {"reader"}, DENIED, {"reader"})
SIGNED_IN = among(USERS | SERVICES, DENIED, set())
SERVICE_ONLY = among(SERVICES, DENIED, set())
MANAGERS = among({"admin", "boss", *SERVICES}, DENIED, set())

CHOSEN = {TOMAS: selection(tickets={CEREMONY: 2})}
ON_IT = {"p_registration_id": REGISTRATION}

# Case by case: the RPC, its arguments, and what each persona gets. Where a call needs a document of
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
        ANY_CALLER,
    ),
    "availability for it": (
        "get_ticket_availability",
        {**ON_IT, "p_function_id": FUNCTION},
        READABLE,
    ),
    "availability": ("get_ticket_availability", {"p_function_id": FUNCTION}, ANY_CALLER),
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
        among({"owner", *SERVICES}, NOT_FOUND, {*VISITORS, "reader", "user without claims"}),
    ),
    "create again without tickets": (
        "create_individual_registration_jsonb",
        {"p_registration_data": "the owner's"},
        among({"owner", *SERVICES}, NOT_FOUND, {*VISITORS, "reader", "user without claims"}),
    ),
    "import": ("import_catalogue", {"p_catalogue": "catalogue"}, MANAGERS),
    # (TK001: who may call, but with what?)
    "complete a payment": (
        "complete_registration_payment",
        {**ON_IT, "p_payment": {}},
        among(set(), "TK001", set(PERSONAS) - SERVICES),
    ),
    "record a refund": (
        "record_refund",
        {**ON_IT, "p_refund": {}},
        among(set(), "TK001", set(PERSONAS) - SERVICES),
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
    callers: dict[str, Caller], documents: dict[object, Document], case: str
) -> None:
    rpc, arguments, expected = CASES[case]
    given = {
        name: documents.get(value, value) if isinstance(value, str) else value
        for name, value in arguments.items()
    }
    assert {name: outcome(caller, rpc, given) for name, caller in callers.items()} == expected


def test_every_rpc_has_its_case(db: Connection) -> None:
    rpcs = rows(db, "SELECT proname FROM pg_proc WHERE pronamespace = 'ticketing'::regnamespace")
    assert {row["proname"] for row in rpcs} == {rpc for rpc, _, _ in CASES.values()}


def test_the_registration_of_another_looks_like_none(callers: dict[str, Caller]) -> None:
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
            callers["owner"].refusal(rpc, p_registration_id=registration_id, **arguments)
            for registration_id in (STRANGERS, ABSENT)
        )
        assert others == none
        assert others.found == [("registration_not_found", "p_registration_id")]


def test_a_draft_is_there_for_staff_and_services_alone(
    db: Connection, callers: dict[str, Caller], documents: dict[object, Document]
) -> None:
    db.execute("UPDATE ticketing.functions SET status = 'draft'")
    calls: tuple[tuple[LiteralString, Document, set[str]], ...] = (
        ("get_ticket_availability", {"p_function_id": FUNCTION}, {"reader"}),
        ("quote_ticket_selections", {"p_function_id": FUNCTION, "p_selections": {}}, {"reader"}),
        (
            "create_individual_registration_jsonb",
            {"p_registration_data": documents["new"]},
            {"reader", *VISITORS, "user without claims"},
        ),
    )
    for rpc, arguments, denied in calls:
        expected = among(STAFFS | SERVICES, "TK008", denied)
        assert {
            name: outcome(caller, rpc, arguments) for name, caller in callers.items()
        } == expected


def test_staff_change_a_registration_without_becoming_its_owner(
    db: Connection, callers: dict[str, Caller]
) -> None:
    callers["staff"].call(
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


# The identity of the caller


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


@pytest.mark.usefixtures("callers")
def test_claims_without_a_user_id_give_no_access(db: Connection) -> None:
    for claims in UNUSABLE_CLAIMS:
        answers = list(claiming(db, claims))
        assert answers == [NOT_FOUND, NOT_FOUND, DENIED], (claims or "")[:100]


@pytest.mark.usefixtures("callers")
@pytest.mark.parametrize("claims", OWNERS_CLAIMS)
def test_the_sub_claim_is_the_user(db: Connection, claims: str) -> None:
    # (what is wrong with the last call is its document)
    assert list(claiming(db, claims)) == [YES, YES, "TK001"]


@pytest.mark.usefixtures("callers")
def test_no_claim_makes_a_user_the_service(db: Connection) -> None:
    assert list(claiming(db, STRANGERS_CLAIMS)) == [NOT_FOUND, NOT_FOUND, "TK001"]


@pytest.mark.usefixtures("callers")
@pytest.mark.parametrize(
    ("login", "gets"),
    [("back_end", YES), ("service_role", YES), ("authenticated", NOT_FOUND), ("anon", DENIED)],
)
def test_without_a_set_role_the_login_role_counts(db: Connection, login: str, gets: str) -> None:
    caller = Caller(db, "none", STRANGER)
    with db.transaction(force_rollback=True):
        db.execute(sql.SQL("SET LOCAL SESSION AUTHORIZATION {}").format(sql.Identifier(login)))
        assert outcome(caller, "get_registration", ON_IT) == gets


@pytest.mark.usefixtures("callers")
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
    db: Connection, callers: dict[str, Caller]
) -> None:
    assert outcome(callers["staff"], "get_registration", ON_IT) == YES
    db.execute("DELETE FROM ticketing.organisation_members WHERE user_id = %s", [STAFF])
    assert outcome(callers["staff"], "get_registration", ON_IT) == NOT_FOUND
