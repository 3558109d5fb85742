"""The client cannot drift: its calls are those of the database, and its models are the answers."""

import dataclasses
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar, get_args, get_origin
from uuid import UUID

import psycopg
import pytest

from ticketing_client import AsyncClient, Client, calls
from ticketing_client.calls import Call
from ticketing_client.models import Json, decoder

Connection: TypeAlias = psycopg.Connection[Any]
Document: TypeAlias = dict[str, Any]
T = TypeVar("T")

# RPCs that Python callers do without.
NOT_CALLED: frozenset[str] = frozenset()

# Types of the columns of RPCs that answer with rows.
COLUMN_TYPES: Mapping[Any, str] = {str: "text", UUID: "uuid", UUID | None: "uuid", Json: "jsonb"}

# Keys that say nothing to a Python caller: a refusal is an exception, and the id is there twice.
NOT_MODELLED = {"success", "registrationId"}

# Keys that hold whatever JSON there was.
OPAQUE = {"expected", "actual"}

BUILDERS: dict[str, Callable[..., Call[Any]]] = {
    name: getattr(calls, name) for name in calls.__all__
}
SAMPLES: Mapping[str, Any] = {"UUID": UUID(int=1), "int": 1, "str": "individuals"}


def sample(annotation: str) -> Any:  # noqa: ANN401 - whatever the parameter takes
    """Return an argument for a parameter, by its annotation: JSON when it is no scalar."""
    return SAMPLES.get(annotation.split(" | ", 1)[0], {})


def build(name: str, *, whole: bool) -> Call[Any]:
    """Build a call with every argument, or with only those that it cannot do without."""
    parameters = inspect.signature(BUILDERS[name]).parameters.values()
    return BUILDERS[name](
        **{
            parameter.name: sample(parameter.annotation)
            for parameter in parameters
            if whole or parameter.default is parameter.empty
        }
    )


def rpc(db: Connection, name: str) -> tuple[list[tuple[str, str]], int, str]:
    """Return the arguments (name and type), the number of defaults and the result of an RPC."""
    row = db.execute(
        """
        SELECT coalesce(p.proargnames[:p.pronargs], '{}'),
            ARRAY(SELECT t::regtype::text FROM unnest(p.proargtypes::oid[]) AS t),
            p.pronargdefaults,
            pg_get_function_result(p.oid)
        FROM pg_proc AS p
        WHERE p.pronamespace = 'ticketing'::regnamespace AND p.proname = %s
        """,
        [name],
    ).fetchone()
    assert row is not None, f"there is no RPC {name}"
    names, types, defaults, result = row
    return list(zip(names, types, strict=True)), defaults, result


def test_every_rpc_has_a_call_and_every_call_an_rpc(db: Connection) -> None:
    rpcs = {
        name
        for (name,) in db.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'ticketing'::regnamespace"
        )
    }
    assert set(BUILDERS) == rpcs - NOT_CALLED
    assert rpcs >= NOT_CALLED


@pytest.mark.parametrize("name", BUILDERS)
def test_a_call_sends_the_arguments_of_the_rpc(db: Connection, name: str) -> None:
    arguments, defaults, result = rpc(db, name)
    whole, least = build(name, whole=True), build(name, whole=False)
    assert whole.function == name
    assert [(a.name, a.type) for a in whole.arguments] == arguments
    assert [(a.name, a.type) for a in least.arguments] == arguments[: len(arguments) - defaults]
    if get_origin(whole.answer) is tuple:
        (row, _) = get_args(whole.answer)
        columns = [f"{field.name} {COLUMN_TYPES[field.type]}" for field in dataclasses.fields(row)]
        assert result == f"TABLE({', '.join(columns)})"
    else:
        assert result == "jsonb"
    parameters = list(inspect.signature(BUILDERS[name]).parameters)
    assert [f"p_{parameter}" for parameter in parameters] == [a.name for a in whole.arguments]


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("name", BUILDERS)
def test_both_clients_have_the_call(client: type, name: str) -> None:
    method = getattr(client, name)
    assert inspect.unwrap(method) is BUILDERS[name]
    assert method.__doc__ == BUILDERS[name].__doc__


class Seen(dict[str, Any]):
    """A JSON object that remembers which of its keys were read."""

    def __init__(self, pairs: Mapping[str, Any]) -> None:
        super().__init__(pairs)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        self.read.add(key)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().keys()))

    def items(self) -> Any:  # noqa: ANN401
        return [(key, self[key]) for key in self]


def unread(value: object, path: str) -> Iterator[str]:
    """Yield the paths of all keys that no model has read."""
    if isinstance(value, list):
        for item in value:
            yield from unread(item, path)
    if isinstance(value, Seen):
        for key, item in dict.items(value):
            if key not in value.read:
                yield path + key
            elif key not in OPAQUE:
                yield from unread(item, f"{path}{key}.")


def answer_of(connection: Connection, call: Call[T]) -> T:
    """Execute a call and return its answer, of which the model must have read every key."""
    row = connection.execute(call.sql, call.params).fetchone()
    assert row is not None
    found = json.loads(row[0], parse_float=Decimal, object_hook=Seen)
    answer: T = decoder(call.answer)(found)
    assert set(unread(found, "")) - NOT_MODELLED == set()
    if isinstance(found, Seen):
        assert found.get("success", True) is True
        if "registrationId" in found:
            assert found["registrationId"] == found["registration_id"]
    return answer


def test_the_answers_are_the_models(
    db: Connection, catalogue: Document, wizard_state: Document
) -> None:
    function_id = catalogue["function"]["function_id"]
    registration, selections = wizard_state["registration"], wizard_state["ticketSelections"]
    attendees = [registration["primaryAttendee"], *registration["additionalAttendees"]]

    imported = answer_of(db, calls.import_catalogue(catalogue))
    assert str(imported.function_id) == function_id

    created = answer_of(db, calls.create_individual_registration_jsonb(registration))
    assert len(created.attendees) == len(created.attendees_without_tickets) == len(attendees)

    some = dict(list(selections.items())[:3])
    quote = answer_of(db, calls.quote_ticket_selections(function_id, some, attendees=attendees))
    assert quote.valid
    assert quote.tickets
    assert quote.expanded_tickets
    assert quote.attendees_without_tickets

    registration_id = created.registration_id
    persisted = answer_of(db, calls.persist_ticket_selections(registration_id, some))
    assert persisted.tickets
    assert persisted.attendees_without_tickets
    assert persisted.hold_expires_at
    again = answer_of(db, calls.persist_attendee_tickets(registration_id, quote.tickets))
    assert again.tickets_unchanged == len(quote.tickets)
    assert again.tickets == persisted.tickets

    found = answer_of(db, calls.get_registration(registration_id))
    assert len(found.tickets) == len(quote.tickets)
    assert found.attendees_without_tickets == persisted.attendees_without_tickets

    updated = answer_of(
        db,
        calls.create_individual_registration_with_tickets(
            found.registration, found.tickets, expected_revision=found.revision
        ),
    )
    assert updated.tickets_unchanged == len(quote.tickets)
    assert updated.revision == found.revision

    wrong = {attendees[0]["attendeeId"]: selections[attendees[1]["attendeeId"]]}
    refused = answer_of(db, calls.quote_ticket_selections(function_id, wrong, attendees=attendees))
    assert not refused.valid
    assert refused.issues
    assert [issue.extra for issue in refused.issues] == [{}] * len(refused.issues)


def test_the_answers_of_a_registrations_later_life_are_the_models(
    db: Connection, catalogue: Document, wizard_state: Document
) -> None:
    function_id = catalogue["function"]["function_id"]
    answer_of(db, calls.import_catalogue(catalogue))
    created = answer_of(
        db, calls.create_individual_registration_jsonb(wizard_state["registration"])
    )
    registration_id = created.registration_id
    chosen = calls.persist_ticket_selections(registration_id, wizard_state["ticketSelections"])
    persisted = answer_of(db, chosen)

    for_all = answer_of(db, calls.get_ticket_availability(function_id))
    for_owner = answer_of(db, calls.get_ticket_availability(function_id, registration_id))
    assert str(for_all.function.function_id) == function_id
    assert len(for_all.events) == len(catalogue["events"])
    assert len(for_all.ticket_types) == len(catalogue["ticket_types"])
    assert [package.package_id for package in for_all.packages if not package.items] == []
    taken = {
        before.ticket_type_id: (before.available or 0) - (now.available or 0)
        for before, now in zip(for_owner.ticket_types, for_all.ticket_types, strict=True)
    }
    chosen_types = {ticket.ticket_type_id for ticket in persisted.tickets}
    assert all(taken[ticket_type] for ticket_type in chosen_types)

    started = answer_of(db, calls.start_payment(registration_id, persisted.revision))
    assert (started.status, started.amount_due) == ("pending", persisted.total)
    assert started.hold_expires_at
    payment = {"reference": "p1", "amount": started.amount_due, "currency": started.currency}
    paid = answer_of(db, calls.complete_registration_payment(registration_id, payment))
    assert (paid.status, paid.payment_status) == ("completed", "Paid")
    assert answer_of(db, calls.complete_registration_payment(registration_id, payment)) == paid

    cancelled = answer_of(db, calls.cancel_registration(registration_id, "ill"))
    assert (cancelled.status, cancelled.tickets_cancelled) == ("cancelled", 13)
    refunded = answer_of(
        db, calls.record_refund(registration_id, payment | {"reference": "r1", "amount": 1})
    )
    assert refunded.payment_status == "Refunded"
    assert refunded.amount == 1

    assert answer_of(db, calls.release_expired_holds()).released == 0
    assert answer_of(db, calls.repair_capacity()).pools_repaired == 0
    assert answer_of(db, calls.check_integrity()) == ()

    db.execute("UPDATE ticketing.capacity_pools SET sold = sold + 1")
    db.execute("UPDATE ticketing.registrations SET total = total + 1")
    problems = answer_of(db, calls.check_integrity())
    assert {problem.check_name for problem in problems} == {"pool_counters", "payments"}
    assert {problem.registration_id for problem in problems} == {None, registration_id}


def test_the_pages_of_the_change_feed_are_the_model(
    connect: Callable[..., Connection], catalogue: Document, wizard_state: Document
) -> None:
    db = connect(autocommit=True)  # the feed shows what is committed
    nothing = answer_of(db, calls.get_ticket_changes())
    assert (nothing.changes, nothing.cursor) == ((), None)

    client = Client(db)
    client.import_catalogue(catalogue)
    created = client.create_individual_registration_jsonb(wizard_state["registration"])
    persisted = client.as_user(wizard_state["registration"]["authUserId"]).execute(
        calls.persist_ticket_selections(created.registration_id, wizard_state["ticketSelections"])
    )
    first = answer_of(db, calls.get_ticket_changes(limit=5))
    rest = answer_of(db, calls.get_ticket_changes(first.cursor))
    assert len(first.changes) == 5
    changes = first.changes + rest.changes
    assert {change.change for change in changes} == {"added"}
    assert {change.ticket_id for change in changes} == {
        ticket.ticket_id for ticket in persisted.tickets
    }
    assert {str(change.actor_id) for change in changes} == {
        wizard_state["registration"]["authUserId"]
    }
    end = answer_of(db, calls.get_ticket_changes(rest.cursor))
    assert (end.changes, end.cursor) == ((), rest.cursor)
