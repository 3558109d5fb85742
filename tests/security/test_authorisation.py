"""Which caller may call what, on which registration: every RPC by every persona.

Each persona calls as through PostgREST, in a savepoint of its own, so that no call sees what an
earlier one has done.
"""

import json
from collections.abc import Iterator, Mapping
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from tests.support.caller import Caller, Connection, dumps, service
from tests.support.example import (
    ABSENT,
    CEREMONY,
    FUNCTION,
    OWNER,
    STRANGER,
    TOMAS,
    Document,
    selection,
)
from tests.support.personas import (
    ADMIN,
    OTHERS_CLAIMS,
    OWNERS_CLAIMS,
    SERVICES,
    STAFF,
    STAFFS,
    STRANGERS_CLAIMS,
    UNUSABLE_CLAIMS,
    VISITORS,
    acting,
    admit,
)
from tests.support.requests import DENIED, NOT_FOUND, RPCS, YES, among, calls_of_users
from tests.support.stage import REGISTRATION, STRANGERS
from tests.support.stored import rows

CHOSEN = {TOMAS: selection(tickets={CEREMONY: 2})}
ON_IT = {"p_registration_id": REGISTRATION}
NEW = {"functionId": FUNCTION, "primaryAttendee": {"attendeeId": ABSENT, "attendeeType": "guest"}}


@pytest.fixture
def callers(stage: Connection) -> dict[str, Caller]:
    """All personas by name."""
    return admit(stage)


def outcome(caller: Caller, rpc: LiteralString, arguments: Mapping[str, object]) -> str:
    """Make a call, take it back, and return "yes" or its SQLSTATE."""
    with caller.connection.transaction(force_rollback=True):
        try:
            caller.rows(rpc, **arguments)
        except psycopg.Error as error:
            return error.sqlstate or str(error)
        return YES


@pytest.mark.parametrize("rpc", RPCS)
def test_rpc_gives_every_persona_what_it_may_have(
    callers: dict[str, Caller], calls: dict[str, Document], rpc: LiteralString
) -> None:
    cases = [(calls[rpc], RPCS[rpc].gets)]
    cases += [(change(calls[rpc]), gets) for change, gets in RPCS[rpc].also.items()]
    for call, gets in cases:
        assert {name: outcome(caller, rpc, call) for name, caller in callers.items()} == gets


def test_registration_not_found_for_one_of_another_owner_as_for_none(
    callers: dict[str, Caller],
) -> None:
    calls: tuple[tuple[LiteralString, Document], ...] = (
        ("get_registration", {}),
        ("persist_attendee_tickets", {"p_tickets": [{}]}),
        ("persist_ticket_selections", {"p_selections": None}),
        ("quote_ticket_selections", {"p_function_id": FUNCTION, "p_selections": []}),
        ("get_ticket_availability", {"p_function_id": FUNCTION}),
        ("start_payment", {"p_expected_revision": 7}),
        ("cancel_registration", {}),
        ("amend_registration", {"p_selections": [], "p_payment": {}}),
        ("cancel_tickets", {"p_ticket_ids": [1]}),
        ("update_attendees", {"p_attendees": [{}]}),
        ("assign_tickets", {"p_holders": None}),
    )
    for rpc, arguments in calls:
        others, none = (
            callers["owner"].refusal(rpc, p_registration_id=registration_id, **arguments)
            for registration_id in (STRANGERS, ABSENT)
        )
        assert others == none
        assert others.found == [("registration_not_found", "p_registration_id")]


def test_function_not_found_for_a_draft_but_to_staff_and_services(
    stage: Connection, callers: dict[str, Caller], calls: dict[str, Document]
) -> None:
    stage.execute("UPDATE ticketing.functions SET status = 'draft'")
    callers["visitor with an admin's claims"] = Caller(stage, "anon", ADMIN)
    new = calls["create_individual_registration_jsonb"]["p_registration_data"]
    tried: tuple[tuple[LiteralString, Document, set[str]], ...] = (
        ("get_ticket_availability", {"p_function_id": FUNCTION}, {"reader"}),
        ("quote_ticket_selections", {"p_function_id": FUNCTION, "p_selections": {}}, {"reader"}),
        (
            "create_individual_registration_jsonb",
            {"p_registration_data": new | {"registrationId": ABSENT}},
            {"reader", *VISITORS, "user without claims"},
        ),
    )
    for rpc, arguments, denied in tried:
        expected = among(STAFFS | SERVICES, "TK008", denied)
        expected["visitor with an admin's claims"] = expected["visitor"]
        assert {
            name: outcome(caller, rpc, arguments) for name, caller in callers.items()
        } == expected


def test_persist_by_staff_leaves_the_owner(stage: Connection, callers: dict[str, Caller]) -> None:
    callers["staff"].call(
        "persist_ticket_selections", p_registration_id=REGISTRATION, p_selections=CHOSEN
    )
    assert {
        str(row["owner_id"])
        for row in rows(
            stage,
            """
            SELECT owner_id FROM ticketing.registrations WHERE registration_id = %s
            UNION SELECT owner_id FROM ticketing.tickets WHERE registration_id = %s
            """,
            REGISTRATION,
            REGISTRATION,
        )
    } == {OWNER}
    (change,) = rows(
        stage,
        "SELECT * FROM ticketing.ticket_changes WHERE actor_id = %s AND change = 'added'",
        STAFF,
    )
    assert (str(change["registration_id"]), change["actor_role"]) == (REGISTRATION, "authenticated")


# The identity of the caller


def claiming(stage: Connection, claims: str | None) -> Iterator[str]:
    """Yield what the owner's registration answers to a user with these claims, call by call."""
    with acting(stage, "authenticated", claims):
        for statement in (
            "SELECT ticketing.get_registration(%(id)s)",
            "SELECT ticketing.persist_ticket_selections(%(id)s, '{}')",
            "SELECT ticketing.create_individual_registration_jsonb('{}')",
        ):
            try:
                with stage.transaction():
                    stage.execute(statement, {"id": REGISTRATION})
            except psycopg.Error as error:
                yield error.sqlstate or str(error)
            else:
                yield YES


@pytest.mark.usefixtures("callers")
def test_claims_without_a_user_id_give_no_access(stage: Connection) -> None:
    for claims in UNUSABLE_CLAIMS:
        answers = list(claiming(stage, claims))
        assert answers == [DENIED, DENIED, DENIED], (claims or "")[:100]


@pytest.mark.usefixtures("callers")
def test_claims_with_any_other_sub_name_a_user_of_their_own(stage: Connection) -> None:
    """Who owns what it makes, and reads it; nothing of the owner whose id is in the sub."""
    users: set[str] = set()
    for claims in OTHERS_CLAIMS:
        assert list(claiming(stage, claims)) == [NOT_FOUND, NOT_FOUND, "TK001"], claims
        sub, iss = json.loads(claims)["sub"], "https://a.example/"
        for issuer in (None, iss):
            user_id = service(stage).call("user_id", p_sub=str(sub), p_iss=issuer)["user_id"]
            with acting(stage, "authenticated", json.dumps({"sub": sub, "iss": issuer})):
                stage.execute(
                    "SELECT ticketing.create_individual_registration_jsonb(%s)",
                    [dumps(NEW | {"registrationId": ABSENT})],
                )
                owners = stage.execute("SELECT owner_id FROM ticketing.registrations").fetchall()
            assert [str(owner_id) for (owner_id,) in owners] == [user_id]
            users.add(user_id)
    assert len(users) == 2 * len(OTHERS_CLAIMS)
    assert {UUID(user_id).version for user_id in users} == {8}


@pytest.mark.usefixtures("callers")
@pytest.mark.parametrize("claims", OWNERS_CLAIMS)
def test_claims_name_the_user_by_sub(stage: Connection, claims: str) -> None:
    # (what is wrong with the last call is its document)
    assert list(claiming(stage, claims)) == [YES, YES, "TK001"]


@pytest.mark.usefixtures("callers")
def test_claims_never_make_a_user_the_service(stage: Connection) -> None:
    assert list(claiming(stage, STRANGERS_CLAIMS)) == [NOT_FOUND, NOT_FOUND, "TK001"]


@pytest.mark.usefixtures("callers")
@pytest.mark.parametrize(
    ("login", "gets"),
    [("back_end", YES), ("service_role", YES), ("authenticated", NOT_FOUND), ("anon", DENIED)],
)
def test_login_role_counts_when_no_role_is_set(stage: Connection, login: str, gets: str) -> None:
    caller = Caller(stage, "none", STRANGER)
    with stage.transaction(force_rollback=True):
        stage.execute(sql.SQL("SET LOCAL SESSION AUTHORIZATION {}").format(sql.Identifier(login)))
        assert outcome(caller, "get_registration", ON_IT) == gets


@pytest.mark.usefixtures("callers")
@pytest.mark.parametrize("member", ["", "GRANT authenticated TO kiosk"])
def test_role_of_visitors_alone_is_no_user_whatever_its_claims(
    stage: Connection, calls: dict[str, Document], member: LiteralString
) -> None:
    """Also if it may take the role of users, but has not."""
    with stage.transaction(force_rollback=True):
        stage.execute("CREATE ROLE kiosk NOINHERIT LOGIN")
        stage.execute(member or "SELECT")
        for rpc in sorted(calls_of_users()):
            call = sql.SQL("GRANT EXECUTE ON FUNCTION ticketing.{} TO kiosk")
            stage.execute(call.format(sql.Identifier(rpc)))
        stage.execute("GRANT USAGE ON SCHEMA ticketing TO kiosk")
        for rpc in sorted(calls_of_users()):
            for user_id in (OWNER, ADMIN):
                caller = Caller(stage, "kiosk", user_id)
                refusal = caller.refusal(rpc, **calls[rpc])
                assert [code for code, _ in refusal.found] == ["not_authenticated"]


@pytest.mark.usefixtures("callers")
def test_service_that_calls_as_a_user_is_that_user(stage: Connection) -> None:
    with stage.transaction(force_rollback=True):
        stage.execute("GRANT authenticated TO back_end")
        stage.execute("SET LOCAL SESSION AUTHORIZATION back_end")
        assert outcome(Caller(stage, "none"), "get_registration", ON_IT) == YES
        stranger = Caller(stage, "authenticated", STRANGER)
        assert outcome(stranger, "get_registration", ON_IT) == NOT_FOUND
        owner = Caller(stage, "authenticated", OWNER)
        assert outcome(owner, "get_registration", ON_IT) == YES


def test_get_registration_is_not_found_once_staff_left_the_organisation(
    stage: Connection, callers: dict[str, Caller]
) -> None:
    assert outcome(callers["staff"], "get_registration", ON_IT) == YES
    stage.execute("DELETE FROM ticketing.organisation_members WHERE user_id = %s", [STAFF])
    assert outcome(callers["staff"], "get_registration", ON_IT) == NOT_FOUND
