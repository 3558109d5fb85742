"""Every RPC in the form in which PostgREST calls it, under each of its roles."""

import json
from collections.abc import Mapping

from tests.support.caller import Connection
from tests.support.example import OWNER, Document
from tests.support.personas import ADMIN, SERVICE, USER, VISITOR
from tests.support.postgrest import NO_SUCH_FUNCTION, Person, PostgREST
from tests.support.requests import RPCS, calls_of_users, for_a_visitor, user_of
from tests.support.stage import Digest, Steady

DENIED = "42501"
READ_ONLY = "25006"


def granted(api: PostgREST, person: Person) -> set[str]:
    """Return the RPCs that the role of a sender may execute."""
    return {each.name for each in api.routines if person.role in each.roles}


def readers(api: PostgREST) -> set[str]:
    """Return the RPCs that are declared not to write."""
    return {each.name for each in api.routines if not each.is_volatile}


def test_requests_name_every_rpc_with_all_its_arguments(
    api: PostgREST, calls: dict[str, Document]
) -> None:
    assert {each.name: set(each.types) for each in api.routines} == {
        name: set(call) for name, call in calls.items()
    }


def test_every_sender_is_granted_some_rpcs_and_only_the_service_all(api: PostgREST) -> None:
    for_visitors, for_users = granted(api, VISITOR), granted(api, USER)
    assert set() < for_visitors - calls_of_users() < for_users < granted(api, SERVICE)
    assert for_visitors == for_users  # what needs a user says so itself
    assert granted(api, SERVICE) == {each.name for each in api.routines}
    assert set() < readers(api) < granted(api, SERVICE)


def test_requests_mean_one_function_only(api: PostgREST) -> None:
    names = [each.name for each in api.routines]
    assert len(names) == len(set(names))
    # one nameless argument would make PostgREST pass the whole body to it, whatever its keys
    assert all(key.startswith("p_") for each in api.routines for key in each.types)


def test_grants_let_every_role_call_what_is_granted(
    api: PostgREST, calls: dict[str, Document]
) -> None:
    for person in (VISITOR, USER, SERVICE):
        allowed = granted(api, person)
        if person == VISITOR:
            allowed -= calls_of_users()
        outcomes = {}
        for name, call in calls.items():
            who = user_of(name) if person == USER else person
            body = for_a_visitor(call) if person == VISITOR else call
            outcomes[name] = api.post(who, name, body).code
        assert outcomes == {name: None if name in allowed else DENIED for name in calls}, person


def test_grants_stop_a_call_before_its_body_runs(
    api: PostgREST, calls: dict[str, Document]
) -> None:
    for person in (VISITOR, USER):
        for name in calls.keys() - granted(api, person):
            assert api.post(person, name, calls[name]).body == {
                "code": DENIED,
                "message": f"permission denied for function {name}",
                "details": None,
                "hint": None,
            }


def test_visitors_are_told_to_sign_in_by_every_call_that_needs_a_user(
    stage: Connection, api: PostgREST, calls: dict[str, Document]
) -> None:
    """Whatever is sent; and the claims of a user make none of a visitor."""
    digest = Digest(stage)
    visitors = (VISITOR, Person("anon", OWNER), Person("anon", ADMIN), Person("authenticated"))
    for person in visitors:
        for name in calls_of_users():
            routine = api.find(name, frozenset(calls[name]))
            assert routine is not None
            first = next(iter(routine.types))
            for arguments in (calls[name], dict.fromkeys(calls[name])):
                reply = api.post(person, name, arguments)
                assert (reply.code, reply.issues) == (DENIED, [("not_authenticated", first)])
                assert "Sign in" in reply.body["hint"]
    assert digest.changed() == []


def test_optional_argument_that_is_null_counts_as_absent(
    stage: Connection, api: PostgREST, calls: dict[str, Document]
) -> None:
    steady = Steady(stage)
    tried = 0
    for routine in api.routines:
        call = calls[routine.name]
        optional = sorted(routine.types.keys() - routine.required)
        for left_out in [*([each] for each in optional), optional]:
            absent = {key: value for key, value in call.items() if key not in left_out}
            without = api.post(SERVICE, routine.name, absent)
            null = api.post(SERVICE, routine.name, absent | dict.fromkeys(left_out))
            assert steady(without.body) == steady(null.body), (routine.name, left_out)
            # the tickets that remain in the call are for what it does not say any more
            is_half = routine.name.endswith("_tickets") and left_out == ["p_tickets"]
            assert (without.code == "TK004") if is_half else (without.code is None), (
                routine.name,
                left_out,
                without,
            )
            tried += 1
    assert tried > 10


NULLS: Mapping[str, tuple[str, str]] = {
    "p_registration_id": ("TK002", "registration_not_found"),
    "p_function_id": ("TK008", "function_not_found"),
}


def test_required_argument_that_is_null_is_refused_by_name(
    api: PostgREST, calls: dict[str, Document]
) -> None:
    for routine in api.routines:
        for argument in routine.required:
            # (of a registration, it would be said first that it is of another function)
            call = for_a_visitor(calls[routine.name])
            reply = api.post(SERVICE, routine.name, call | {argument: None})
            code, issue = NULLS.get(argument, ("TK001", "missing_key"))
            assert (reply.code, reply.issues) == (code, [(issue, argument)])


def test_arguments_that_no_function_takes_reach_none(
    api: PostgREST, calls: dict[str, Document]
) -> None:
    for routine in api.routines:
        call = calls[routine.name]
        wrong = [
            call | {"p_unknown": 1},
            call | {"owner_id": None},
            *(
                {key: value for key, value in call.items() if key != each}
                for each in routine.required
            ),
            *({**call, argument.upper(): None} for argument in call),
        ]
        for body in wrong:
            assert api.post(SERVICE, routine.name, body).code == NO_SUCH_FUNCTION
            assert api.get(SERVICE, routine.name, body).code == NO_SUCH_FUNCTION


def test_get_works_for_reads_and_is_refused_for_writes(
    stage: Connection, api: PostgREST, calls: dict[str, Document]
) -> None:
    steady = Steady(stage)
    digest = Digest(stage)
    for name, call in calls.items():
        got = api.get(SERVICE, name, call)
        if name in readers(api):
            posted = api.post(SERVICE, name, call)
            assert got.code is None
            assert steady(got.body) == steady(posted.body)
        else:
            # HTTP 405; it comes from the first statement that would lock or write
            assert got.code == READ_ONLY, name
        assert digest.changed() == []


def test_get_works_for_users_and_visitors_as_granted(
    api: PostgREST, calls: dict[str, Document]
) -> None:
    for name in readers(api):
        for person, call in ((user_of(name), calls[name]), (VISITOR, for_a_visitor(calls[name]))):
            is_allowed = name in granted(api, person)
            is_allowed &= person != VISITOR or name not in calls_of_users()
            assert api.get(person, name, call).code == (None if is_allowed else DENIED)


def test_refusals_fill_all_fields_of_the_body(api: PostgREST, calls: dict[str, Document]) -> None:
    for name, rpc in RPCS.items():
        if rpc.refusal is None:
            assert calls[name] == {}
            continue
        reply = api.post(rpc.refusal.person, name, calls[name] | rpc.refusal.changes)
        assert (reply.code, reply.issues) == (rpc.refusal.code, rpc.refusal.issues)
        assert set(reply.body) == {"code", "message", "details", "hint"}
        assert all(isinstance(part, str) and part for part in reply.body.values())
        document = json.loads(reply.body["details"])
        assert set(document) == {"issues", "issues_total", "issues_truncated"}
        assert all(issue["message"] for issue in document["issues"])
