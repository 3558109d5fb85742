"""The client, the schemas and the documents cannot drift from the database."""

import copy
import inspect
import json
import re
import typing
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, LiteralString, TypeAlias, TypeVar
from uuid import UUID, uuid4

import jsonschema_rs
import psycopg
import pytest
from tests.support.answers import (
    checked,
    faults,
)
from tools.generate import ROOT, formatted, render
from tools.generator.catalog import read_tables

from ticketing_client import AsyncClient, Client, UnexpectedAnswerError, calls, models, to_json
from ticketing_client._call import Call

Connection: TypeAlias = psycopg.Connection[Any]
Document: TypeAlias = dict[str, Any]
T = TypeVar("T")

BUILDERS: dict[str, Callable[..., Call[Any]]] = {
    name: getattr(calls, name) for name in calls.__all__
}

RPC, ERRORS, SCHEMA, SECURITY = (
    f"docs/{name}.md" for name in ("rpc", "errors", "schema", "security")
)
OPENAPI, JSON_SCHEMA = "docs/schemas/openapi.json", "docs/schemas/ticketing.schema.json"
MODELS, PAYLOADS, CALLS, METHODS, PROBLEMS = (
    f"python/client/ticketing_client/{name}.py"
    for name in ("models", "payloads", "calls", "_methods", "_problems")
)
TYPESCRIPT = "typescript/src/database.d.ts"
CATALOGUE = "docs/catalogue.md"
CATALOGUE_SCHEMA = "python/client/ticketing_client/example/catalogue.schema.json"
FILES = [
    *(RPC, ERRORS, SCHEMA, SECURITY, OPENAPI, JSON_SCHEMA, CATALOGUE, CATALOGUE_SCHEMA),
    *(MODELS, PAYLOADS, CALLS, METHODS, PROBLEMS, TYPESCRIPT),
]


# The generated files


GENERATED: dict[str, str] = {}
"""The generated files of the database as it is, once they have been made."""


def generated(db: Connection) -> dict[str, str]:
    """Return the generated files of the database as it is, which take a second to make."""
    if not GENERATED:
        GENERATED.update(render(db))
    return GENERATED


def test_generated_files_are_up_to_date(db: Connection) -> None:
    files = generated(db)
    assert set(files) == set(FILES)
    stale = [
        name
        for name in FILES
        if formatted(name, files[name]) != (ROOT / name).read_text(encoding="utf-8")
    ]
    assert stale == [], "run `make generate`"


CHANGES: list[tuple[str, list[str]]] = [
    # a parameter and its default
    (
        "ALTER FUNCTION ticketing.get_registration(uuid) RENAME TO read_registration",
        [RPC, ERRORS, SECURITY, OPENAPI, CALLS, METHODS, TYPESCRIPT],
    ),
    (
        (
            "CREATE OR REPLACE FUNCTION ticketing.release_expired_holds(p_limit integer DEFAULT 9)"
            " RETURNS jsonb LANGUAGE sql BEGIN ATOMIC SELECT NULL::jsonb; END"
        ),
        [RPC, OPENAPI, CALLS, METHODS],
    ),
    (
        (
            "DROP FUNCTION ticketing.release_expired_holds;"
            "CREATE FUNCTION ticketing.release_expired_holds(p_limit integer)"
            " RETURNS jsonb LANGUAGE sql BEGIN ATOMIC SELECT NULL::jsonb; END;"
            "REVOKE EXECUTE ON FUNCTION ticketing.release_expired_holds FROM PUBLIC;"
            "GRANT EXECUTE ON FUNCTION ticketing.release_expired_holds TO service_role;"
            "COMMENT ON FUNCTION ticketing.release_expired_holds IS E'Expires.\n\n### Callers\n"
            "- `service_role`: all registrations\n\n### Parameters\n"
            "- `p_limit`: the limit.\n\n### Returns\n`release_answer`: the number.\n\n"
            "### Raises\n- `42501` not_allowed: so\n- `TK001` invalid_payload: so.\n\n"
            "### Retry\nNothing.'"
        ),
        [RPC, OPENAPI, CALLS, METHODS, TYPESCRIPT],
    ),
    # a key of an answer, its type, whether it may be null, its vocabulary
    (
        "ALTER TYPE ticketing_internal.persist_answer RENAME ATTRIBUTE subtotal TO sum",
        [RPC, OPENAPI, JSON_SCHEMA, MODELS, TYPESCRIPT],
    ),
    (
        "ALTER TYPE ticketing_internal.persist_answer ADD ATTRIBUTE more integer",
        [RPC, OPENAPI, JSON_SCHEMA, MODELS, TYPESCRIPT],
    ),
    (
        "COMMENT ON COLUMN ticketing_internal.persist_answer.status IS 'One of `draft`, `new`.'",
        [RPC, OPENAPI, JSON_SCHEMA, MODELS, TYPESCRIPT],
    ),
    (
        "COMMENT ON COLUMN ticketing_internal.persist_answer.total IS 'The price; null if none.'",
        [RPC, OPENAPI, JSON_SCHEMA, MODELS, TYPESCRIPT],
    ),
    # what is sent
    (
        """
        CREATE OR REPLACE FUNCTION ticketing_internal.schema_definitions() RETURNS jsonb
        LANGUAGE sql IMMUTABLE RETURN '{
            "uuid": {"type": "string", "format": "uuid"}, "text": {"type": "string"},
            "name": {"type": "string"}, "time": {"type": "string"}, "currency": {"type": "string"},
            "flag": {"type": "boolean"}, "quantity": {"type": "integer"},
            "slug": {"type": "string"}, "reference": {"type": "string"},
            "amount": {"type": "number"}, "positive_amount": {"type": "number"},
            "sum": {"type": "number"}}'::jsonb
        """,
        [RPC, OPENAPI, JSON_SCHEMA, PAYLOADS, TYPESCRIPT],
    ),
    (
        "COMMENT ON COLUMN ticketing.events.title IS 'X.'",
        [SCHEMA, CATALOGUE, CATALOGUE_SCHEMA, TYPESCRIPT],
    ),
    # who may call, and what is raised
    (
        (
            "GRANT EXECUTE ON FUNCTION ticketing.get_registration TO ticketing_reader;"
            "COMMENT ON FUNCTION ticketing.get_registration IS E'Reads.\n\n"
            "### Callers\n- `anon`: all\n- `authenticated`: all\n- `service_role`: all\n"
            "- `ticketing_reader`: all\n\n"
            "### Parameters\n- `p_registration_id`: it.\n\n### Returns\n"
            "`registration_answer`: it.\n\n### Raises\n- `TK003` registration_not_editable\n\n"
            "### Retry\nNothing.'"
        ),
        [RPC, ERRORS, SECURITY, OPENAPI, CALLS, METHODS, TYPESCRIPT],
    ),
    # what a refusal is over HTTP
    (
        (
            "ALTER FUNCTION ticketing_internal.http_problems RENAME TO others;"
            "CREATE FUNCTION ticketing_internal.http_problems() RETURNS TABLE (sqlstate text,"
            " name text, http_status integer, http_headers jsonb, title text) LANGUAGE sql AS $$"
            " SELECT sqlstate, name, 418, http_headers, title FROM ticketing_internal.others() $$"
        ),
        [ERRORS, PROBLEMS],
    ),
    # tables
    ("COMMENT ON TABLE ticketing.tickets IS 'Another.'", [SCHEMA, TYPESCRIPT]),
    ("COMMENT ON COLUMN ticketing.tickets.status IS 'Another.'", [SCHEMA, TYPESCRIPT]),
    ("ALTER TABLE ticketing.tickets RENAME COLUMN status TO state", [SCHEMA, TYPESCRIPT]),
    (
        "ALTER TABLE ticketing.tickets ALTER COLUMN package_id SET NOT NULL",
        [SCHEMA, TYPESCRIPT],
    ),
    ("ALTER TABLE ticketing.tickets ALTER COLUMN status SET DEFAULT 'Cancelled'", [SCHEMA]),
    ("ALTER TABLE ticketing.tickets DROP CONSTRAINT tickets_status_check", [SCHEMA]),
    (
        "ALTER TABLE ticketing.payments DROP CONSTRAINT payments_registration_fkey",
        [SCHEMA, TYPESCRIPT],
    ),
    ("GRANT INSERT ON ticketing.tickets TO service_role", [TYPESCRIPT]),
    ("DROP INDEX ticketing.tickets_owner_idx", [SCHEMA]),
    ("CREATE POLICY seen ON ticketing.tickets FOR SELECT USING (TRUE)", [SCHEMA]),
]


@pytest.mark.long
@pytest.mark.parametrize(("change", "stale"), CHANGES)
def test_generated_files_become_stale_with_the_database(
    db: Connection, change: LiteralString, stale: list[str]
) -> None:
    before = generated(db)
    with db.transaction():
        db.execute("SET LOCAL check_function_bodies = off")
        db.execute(change)
    after = render(db)
    assert [name for name in FILES if before[name] != after[name]] == sorted(stale, key=FILES.index)


VOCABULARIES = {
    "functions_status_check": ["functions.status"],
    "functions_selection_mode_check": ["functions.selection_mode"],
    "organisation_members_role_check": ["organisation_members.role"],
    "packages_registration_types_check": ["packages.registration_types"],
    "payments_kind_check": ["payments.kind"],
    "registration_change_values": ["registration_changes.change"],
    "registration_type_values": ["registrations.registration_type"],
    "registrations_state_check": ["registrations.status", "registrations.payment_status"],
    "ticket_change_values": ["ticket_changes.change"],
    "tickets_payment_status_check": ["tickets.payment_status"],
    "tickets_status_check": ["tickets.status"],
}
"""The columns with a vocabulary, by the constraint that lists its values."""


def test_vocabularies_of_columns_are_those_of_their_constraints(db: Connection) -> None:
    told = {
        f"{table.name}.{column.attribute.name}": set(column.attribute.vocabulary)
        for table in read_tables(db)
        for column in table.columns
        if column.attribute.vocabulary
    }
    assert sorted(told) == sorted(chain.from_iterable(VOCABULARIES.values()))
    for constraint, columns in VOCABULARIES.items():
        (definition,) = db.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [constraint]
        ).fetchone() or ("",)
        listed = re.findall(r"\w+", " ".join(re.findall(r"'([^']*)'", definition)))
        assert set().union(*(told[column] for column in columns)) == set(listed), constraint


CALLERS = "Reads.\n\n### Callers\n- `anon`: none\n- `authenticated`: own\n- `service_role`: all\n\n"
RAISES = "### Raises\n- `TK002` registration_not_found\n\n### Retry\nNothing."
ODD = RAISES.replace("TK002", "TK001")
PARAMETERS = "### Parameters\n- `p_registration_id`: it.\n\n"


@pytest.mark.parametrize(
    ("comment", "fault"),
    [
        ("Reads.", "needs the headings Callers, Parameters, Returns, Raises, Retry"),
        (
            f"{CALLERS}### Parameters\n\n### Returns\n`registration_answer`: it.\n\n{RAISES}",
            "does not describe exactly its parameters",
        ),
        (
            f"{CALLERS}{PARAMETERS}### Returns\nIt.\n\n{RAISES}",
            "does not say `type`: under Returns",
        ),
        (
            f"{CALLERS}{PARAMETERS}### Returns\n`it`: it.\n\n{RAISES}",
            "returns it, which is no type of ticketing_internal",
        ),
        (
            f"{CALLERS}{PARAMETERS}### Returns\n`registration_answer`: it.\n\n{ODD}",
            "raises TK001 registration_not_found, not in http_problems",
        ),
        *(
            (
                f"{callers}{PARAMETERS}### Returns\n`registration_answer`: it.\n\n{RAISES}",
                "does not list exactly the roles of its GRANT",
            )
            for callers in (
                CALLERS.replace("- `service_role`: all\n", ""),
                CALLERS.replace("- `auth", "- `public`: all\n- `auth"),
            )
        ),
    ],
)
def test_comment_of_another_form_is_refused(db: Connection, comment: str, fault: str) -> None:
    db.execute(
        psycopg.sql.SQL("COMMENT ON FUNCTION ticketing.get_registration IS {}").format(comment)
    )
    with pytest.raises(ValueError, match=fault):
        render(db)


def test_grant_that_the_comment_does_not_name_is_refused(db: Connection) -> None:
    db.execute("GRANT EXECUTE ON FUNCTION ticketing.get_registration TO ticketing_reader")
    with pytest.raises(ValueError, match="does not list exactly the roles of its GRANT"):
        render(db)


NEW_RPC = """
CREATE TYPE ticketing_internal.extend_answer AS (until timestamptz, kind text);
COMMENT ON TYPE ticketing_internal.extend_answer IS 'An extended hold.';
COMMENT ON COLUMN ticketing_internal.extend_answer.until IS 'Until when; null: without a limit.';
COMMENT ON COLUMN ticketing_internal.extend_answer.kind IS 'Kind of hold. One of `a`, `b`.';

CREATE FUNCTION ticketing.extend(
    p_registration_id uuid, p_until timestamptz, p_kind text DEFAULT 'a', p_fee numeric DEFAULT 0
) RETURNS jsonb LANGUAGE sql RETURN '{"until": null, "kind": "a"}'::jsonb;
REVOKE EXECUTE ON FUNCTION ticketing.extend FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ticketing.extend TO service_role;
COMMENT ON FUNCTION ticketing.extend IS 'Extends a hold.

### Callers
- `service_role`: all registrations

### Parameters
- `p_registration_id`: a registration.
- `p_until`: until when.
- `p_kind`: the kind. One of `a`, `b`.
- `p_fee`: the fee.

### Returns
`extend_answer`: the hold.

### Raises
- `TK002` registration_not_found: it does not exist

### Retry
A repeated call changes nothing.';
"""

NEW_METHOD = """\
    async def extend(
        self,
        registration_id: UUID | str,
        until: datetime | str,
        kind: Literal["a", "b"] | None = None,
        fee: Decimal | int | str | None = None,
    ) -> models.ExtendAnswer:
        \"""Extends a hold.

        A repeated call changes nothing.

        Callers:
            service_role: All registrations

        Args:
            registration_id: A registration.
            until: Until when.
            kind: The kind. One of `a`, `b`. Default: a.
            fee: The fee. Default: 0.

        Returns:
            The hold.

        Raises:
            RegistrationNotFound: It does not exist.
        \"""
        return await self.execute(calls.extend(registration_id, until, kind, fee))
"""

NEW_MODEL = """
    until: datetime | None = None
    kind: Literal["a", "b"]
"""


def test_new_rpc_is_generated_as_a_whole(db: Connection) -> None:
    db.execute(NEW_RPC)
    files = render(db)
    assert NEW_METHOD in formatted(METHODS, files[METHODS])
    assert NEW_MODEL in formatted(MODELS, files[MODELS])
    assert '"extend",' in formatted(CALLS, files[CALLS])
    assert "\n## extend\n" in files[RPC]
    document = json.loads(files[OPENAPI])
    assert "/rpc/extend" in document["paths"]
    assert document["components"]["schemas"]["ExtendAnswer"]["required"] == ["until", "kind"]


@pytest.mark.parametrize("name", [JSON_SCHEMA, OPENAPI])
def test_schema_is_valid_and_every_reference_has_a_target(name: str) -> None:
    document = json.loads((ROOT / name).read_text(encoding="utf-8"))
    schemas = document["$defs"] if name == JSON_SCHEMA else document["components"]["schemas"]
    for title, schema in schemas.items():
        jsonschema_rs.meta.validate(
            schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        )
        assert schema["title"] == title
    for reference in references(document):
        assert reference.rpartition("/")[2] in schemas


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


# Calls and methods

SAMPLES: dict[str, Any] = {"integer": 1, "text": "individuals", "uuid": UUID(int=1)}


@pytest.mark.parametrize("name", BUILDERS)
def test_call_sends_the_arguments_of_the_rpc(db: Connection, name: str) -> None:
    row = db.execute(
        """
        SELECT coalesce(p.proargnames[:p.pronargs], '{}'),
            ARRAY(SELECT t::regtype::text FROM unnest(p.proargtypes::oid[]) AS t),
            p.pronargs - p.pronargdefaults
        FROM pg_proc AS p
        WHERE p.pronamespace = 'ticketing'::regnamespace AND p.proname = %s
        """,
        [name],
    ).fetchone()
    assert row is not None
    names, types, required = row
    given = [SAMPLES.get(type_, {}) for type_ in types]
    whole, least = BUILDERS[name](*given), BUILDERS[name](*given[:required])
    assert (whole.function, least.function) == (name, name)
    arguments = list(zip(names, types, strict=True))
    assert [(a.name, a.type) for a in whole.arguments] == arguments
    assert [(a.name, a.type) for a in least.arguments] == arguments[:required]
    assert [f"p_{parameter}" for parameter in inspect.signature(BUILDERS[name]).parameters] == names


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("name", BUILDERS)
def test_client_has_the_call_as_a_method(client: type, name: str) -> None:
    method, builder = getattr(client, name), BUILDERS[name]
    assert inspect.iscoroutinefunction(method) is (client is AsyncClient)
    _, *parameters = inspect.signature(method).parameters.values()
    assert parameters == list(inspect.signature(builder).parameters.values())
    (answer,) = typing.get_args(typing.get_type_hints(builder)["return"])
    assert typing.get_type_hints(method)["return"] == answer
    assert str(method.__doc__).split() == str(builder.__doc__).split()


# Answers


def answer_of(connection: Connection, call: Call[T]) -> T:
    """Execute a call whose answer must have the documented form, and return it decoded.

    The model must have every key: encoded again, the answer is the same.
    """
    row = connection.execute(call.sql, call.params).fetchone()
    assert row is not None
    found = checked(call.function, row[0])
    answer = call.decode(row[0])
    assert comparable(json.loads(to_json(answer), parse_float=Decimal)) == comparable(found)
    return answer


def comparable(value: object) -> object:
    """Return JSON with times in one form, and without keys that are null or empty."""
    if isinstance(value, dict):
        pairs = ((key, comparable(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not None and item != []}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return datetime.fromisoformat(value)
    return value


def registration(**changes: object) -> Document:
    """Return an answer of get_registration with one ticket."""
    ticket = {
        **dict.fromkeys(
            ["ticket_id", "attendee_id", "client_attendee_id", "event_id", "ticket_type_id"],
            str(UUID(int=1)),
        ),
        "package_id": None,
        "price_paid": 115,
        "original_price": 115,
        "currency": "AUD",
        "status": "Active",
        "payment_status": "Unpaid",
        "is_partner_ticket": False,
        "holder": None,
    }
    return {
        "registration_id": str(UUID(int=1)),
        "function_id": str(UUID(int=2)),
        "registration_type": "individuals",
        "registration": {"functionId": str(UUID(int=2))},
        "ticket_selections": {},
        "attendees": [],
        "tickets": [ticket],
        "attendees_without_tickets": [],
        "payments": [],
        "subtotal": 115,
        "adjustment": 0,
        "total": 115,
        "paid": 0,
        "refunded": 0,
        "amount_due": 115,
        "refund_due": 0,
        "currency": "AUD",
        "status": "draft",
        "payment_status": "Unpaid",
        "revision": 1,
        "hold_expires_at": None,
        "hold_granted_until": None,
        "confirmation_number": None,
        "server_time": "2025-09-20T13:00:00+00:00",
    } | changes


def decoded(answer: Document) -> models.RegistrationAnswer:
    return calls.get_registration(UUID(int=1)).decode(json.dumps(answer))


def test_answer_of_a_newer_database_is_decoded_without_its_new_keys() -> None:
    newer = registration(weather="fine")
    newer["tickets"][0]["seat"] = {"row": 1}
    assert decoded(newer) == decoded(registration())


def test_answer_of_an_older_database_is_decoded_without_nullable_keys() -> None:
    older = registration()
    del older["hold_expires_at"], older["tickets"][0]["package_id"]
    assert decoded(older) == decoded(registration())


def test_answer_with_a_value_unknown_to_the_client_is_decoded() -> None:
    status: str = decoded(registration(status="moved")).status
    assert status == "moved"


@pytest.mark.parametrize("key", ["revision", "currency", "tickets"])
def test_answer_without_a_required_key_is_refused_in_one_sentence(key: str) -> None:
    older = registration()
    del older[key]
    with pytest.raises(UnexpectedAnswerError) as caught:
        decoded(older)
    assert str(caught.value) == (
        "The database's answer to get_registration is not the one that this client knows "
        f"(Object missing required field `{key}`): install the same version of the package in both."
    )


@pytest.mark.parametrize(
    "value", ["1" * 5000, "[" * 100_000 + "]" * 100_000], ids=["digits", "levels"]
)
def test_answer_that_python_cannot_hold_is_refused(value: str) -> None:
    text = json.dumps(registration(registration={"x": 0})).replace('"x": 0', f'"x": {value}')
    assert value in text
    with pytest.raises(UnexpectedAnswerError, match=r"^The database's answer to get_registration"):
        calls.get_registration(UUID(int=1)).decode(text)


def test_quote_with_a_number_that_python_cannot_hold_is_refused() -> None:
    issue = '{"code": "a", "path": "b", "message": "c", "actual": 1e9999999999999999999}'
    call = calls.quote_ticket_selections(UUID(int=1), {})
    with pytest.raises(UnexpectedAnswerError, match=r"^The database's answer to quote_ticket"):
        call.decode(f'{{"issues": [{issue}]}}')


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"revision": None}, '$.revision: null is not of type "integer"'),
        ({"status": "new"}, '$.status: "new" is not one of'),
        ({"function_id": "1"}, '$.function_id: "1" is not a "uuid"'),
        (
            {"weather": "fine"},
            "$: Additional properties are not allowed ('weather' was unexpected)",
        ),
        ({"total": "115.00"}, '$.total: "115.00" is not of type "number"'),
    ],
)
def test_check_of_answers_notices_every_change(change: Document, fault: str) -> None:
    assert list(faults("get_registration", registration())) == []
    (found,) = faults("get_registration", registration(**change))
    assert found.startswith(fault)
    missing = copy.deepcopy(registration())
    del missing["tickets"][0]["package_id"]
    assert list(faults("get_registration", missing)) == [
        '$.tickets[0]: "package_id" is a required property'
    ]


def test_answers_of_selecting_are_as_documented(
    db: Connection, catalogue: Document, wizard_state: Document
) -> None:
    function_id = catalogue["function"]["function_id"]
    registration, selections = wizard_state["registration"], wizard_state["ticketSelections"]
    attendees = [registration["primaryAttendee"], *registration["additionalAttendees"]]

    imported = answer_of(db, calls.import_catalogue(catalogue))
    assert imported.function_id == function_id

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


def test_answers_of_what_staff_and_services_change_are_as_documented(
    db: Connection, catalogue: Document, wizard_state: Document
) -> None:
    answer_of(db, calls.import_catalogue(catalogue))
    created = answer_of(
        db, calls.create_individual_registration_jsonb(wizard_state["registration"])
    )
    registration_id = created.registration_id
    chosen = calls.persist_ticket_selections(registration_id, wizard_state["ticketSelections"])
    persisted = answer_of(db, chosen)

    until = datetime.now(UTC) + timedelta(days=1)
    held = answer_of(db, calls.extend_hold(registration_id, until))
    assert held.hold_granted_until == held.hold_expires_at == until
    adjusted = answer_of(db, calls.adjust_registration(registration_id, Decimal("-5.50"), "known"))
    assert adjusted.total == adjusted.amount_due == persisted.total - Decimal("5.50")
    new_owner = str(uuid4())
    transferred = answer_of(db, calls.transfer_registration(registration_id, new_owner))
    assert (transferred.owner_id, transferred.revision) == (new_owner, adjusted.revision + 1)
    stored = answer_of(db, calls.get_registration(registration_id))
    assert (stored.adjustment, stored.hold_granted_until) == (Decimal("-5.50"), until)


def test_answers_of_paying_and_cancelling_are_as_documented(
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
    assert for_all.function.function_id == function_id
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
    refund = {"reference": "r1", "amount": 1, "ticket_ids": [persisted.tickets[0].ticket_id]}
    refunded = answer_of(db, calls.record_refund(registration_id, payment | refund))
    assert (refunded.payment_status, refunded.amount) == ("Paid", Decimal(1))
    refund = {"reference": "r2", "amount": refunded.refund_due}
    refunded = answer_of(db, calls.record_refund(registration_id, payment | refund))
    assert (refunded.payment_status, refunded.amount) == ("Refunded", paid.total - 1)
    assert refunded.surcharge_amount == refunded.refund_due == 0
    stored = answer_of(db, calls.get_registration(registration_id))
    assert stored.paid == stored.refunded == paid.total
    assert [each.kind for each in stored.payments] == ["payment", "refund", "refund"]
    assert stored.total == stored.amount_due == stored.refund_due == 0

    assert answer_of(db, calls.release_expired_holds()).released == 0
    assert answer_of(db, calls.repair_capacity()).pools_repaired == 0
    assert answer_of(db, calls.check_integrity()) == ()

    db.execute("UPDATE ticketing.capacity_pools SET sold = sold + 1")
    db.execute("UPDATE ticketing.registrations SET subtotal = subtotal + 1")
    problems = answer_of(db, calls.check_integrity())
    assert {problem.check_name for problem in problems} == {"pool_counters", "registration_totals"}
    assert {problem.registration_id for problem in problems} == {None, registration_id}


def test_answers_of_updating_attendees_and_assigning_tickets_are_as_documented(
    db: Connection, catalogue: Document, wizard_state: Document
) -> None:
    answer_of(db, calls.import_catalogue(catalogue))
    registration = wizard_state["registration"]
    created = answer_of(db, calls.create_individual_registration_jsonb(registration))
    registration_id = created.registration_id
    chosen = calls.persist_ticket_selections(registration_id, wizard_state["ticketSelections"])
    ticket_id = answer_of(db, chosen).tickets[0].ticket_id
    primary = registration["primaryAttendee"] | {"firstName": "Waldo"}
    updated = answer_of(db, calls.update_attendees(registration_id, [primary]))
    assert (updated.attendees_updated, updated.attendees_added) == (1, 0)
    assert len(updated.attendees) == 1
    holder = {"firstName": "Olga", "lastName": "Brandt", "table": 4}
    given = [{"ticket_id": ticket_id, "holder": holder}]
    assigned = answer_of(db, calls.assign_tickets(registration_id, given, updated.revision))
    assert (assigned.tickets_assigned, assigned.revision) == (1, updated.revision + 1)
    read = answer_of(db, calls.get_registration(registration_id))
    assert [each.holder for each in read.tickets if each.holder] == [holder]


def test_answers_of_the_change_feed_are_as_documented(
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
    assert {change.actor_id for change in changes} == {wizard_state["registration"]["authUserId"]}
    end = answer_of(db, calls.get_ticket_changes(rest.cursor))
    assert (end.changes, end.cursor) == ((), rest.cursor)
