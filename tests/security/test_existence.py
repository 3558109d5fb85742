"""Rows of another owner look as if they did not exist.

Each request is sent twice, with the id of something that is there but not the caller's, and with
an id that nothing has. The answers are the same but for the id. Meanwhile another session has
locked every row that the caller does not own: a request that touches one would have to wait.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg import sql
from tests.support.caller import Connection
from tests.support.example import (
    ABSENT,
    CEREMONY,
    EVENTS,
    FUNCTION,
    MASONS,
    ORGANISATION,
    STRANGER,
    TOMAS,
    Document,
    other_id,
)
from tests.support.personas import MANAGER, PERSONAS, USER, VISITOR
from tests.support.postgrest import Person, PostgREST, Reply
from tests.support.requests import user_of
from tests.support.stage import (
    DRAFT,
    STRANGERS,
    STRANGERS_CANCELLED,
    STRANGERS_DRAFT,
    STRANGERS_PAID,
    Steady,
)
from tests.support.stored import held_tickets, rows

NEWCOMER = PERSONAS["newcomer"]

Change: TypeAlias = Callable[[Document, str], object]
"""Puts an id into the arguments of a call that works."""


@dataclass(frozen=True)
class Pair:
    """A request that names something.

    Attributes:
        rpc: The RPC.
        names: What it names: a key of `Scene.theirs`.
        put: Puts its id into the arguments.
        person: The sender.
        code: The answer to both; None when they succeed.
        more: Other arguments that are changed.
    """

    rpc: str
    names: str
    put: Change
    code: str | None
    person: Person = USER
    more: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Scene:
    """What there is to ask for.

    Attributes:
        api: The way in.
        calls: A call of every RPC that works.
        theirs: The ids of what is not the owner's.
        steady: Reads answers without what is new in each.
    """

    api: PostgREST
    calls: dict[str, Document]
    theirs: dict[str, str]
    steady: Steady


def argument(name: str) -> Change:
    """Return what replaces an argument by an id."""
    return lambda call, ident: call.update({name: ident})


def inside(*path: str | int) -> Change:
    """Return what puts an id at a path inside of the arguments."""

    def put(call: Document, ident: str) -> None:
        holder: Any = call
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = ident

    return put


def as_key(call: Document, ident: str) -> None:
    """Choose for an attendee of that id."""
    call["p_selections"] = {ident: call["p_selections"][TOMAS]}


def as_new_organisation(call: Document, ident: str) -> None:
    """Import a catalogue of another function for an organisation of that id."""
    call["p_catalogue"]["organisation"]["organisation_id"] = ident
    call["p_catalogue"]["function"]["function_id"] = STRANGERS


def as_event(call: Document, ident: str) -> None:
    """Import a further event with that id."""
    event = {"event_id": ident, "slug": "another", "title": "Another"}
    call["p_catalogue"]["events"].append(event)


def as_type(call: Document, ident: str) -> None:
    """Import a further ticket type with that id."""
    types = call["p_catalogue"]["ticket_types"]
    types.append(types[0] | {"ticket_type_id": ident, "name": "Another"})


def as_pool(call: Document, ident: str) -> None:
    """Import a further pool with that id."""
    pool = {"capacity_pool_id": ident, "name": "Another", "capacity": 1}
    call["p_catalogue"]["pools"] = [pool]


ON_IT = argument("p_registration_id")
OF_IT = argument("p_function_id")
REVISION = "p_expected_revision"
CREATE = "create_individual_registration_with_tickets"
CREATE_ONLY = "create_individual_registration_jsonb"
DATA = "p_registration_data"
UPDATES = "p_attendee_updates"

PAIRS: dict[str, Pair] = {
    # registrations of another owner
    "read": Pair("get_registration", "registration", ON_IT, "TK002"),
    "read, as a newcomer": Pair("get_registration", "registration", ON_IT, "TK002", NEWCOMER),
    "read, as an admin of another": Pair("get_registration", "theirs", ON_IT, "TK002", MANAGER),
    "amend": Pair("amend_registration", "paid", ON_IT, "TK002"),
    "amend, old revision": Pair("amend_registration", "paid", ON_IT, "TK002", more={REVISION: 0}),
    "amend with a payment": Pair(
        "amend_registration", "paid", ON_IT, "TK002", more={"p_payment": {}}
    ),
    "amend what is not paid": Pair("amend_registration", "registration", ON_IT, "TK002"),
    "cancel tickets": Pair("cancel_tickets", "paid", ON_IT, "TK002"),
    "cancel what are no tickets": Pair(
        "cancel_tickets", "paid", ON_IT, "TK002", more={"p_ticket_ids": [1]}
    ),
    "adjust": Pair("adjust_registration", "registration", ON_IT, "TK002"),
    "adjust, as a newcomer": Pair("adjust_registration", "registration", ON_IT, "TK002", NEWCOMER),
    "adjust, as an admin of another": Pair(
        "adjust_registration", "theirs", ON_IT, "TK002", MANAGER
    ),
    "adjust by no amount": Pair(
        "adjust_registration", "registration", ON_IT, "TK002", more={"p_adjustment": "NaN"}
    ),
    "extend a hold": Pair("extend_hold", "registration", ON_IT, "TK002"),
    "extend a hold, as an admin of another": Pair("extend_hold", "theirs", ON_IT, "TK002", MANAGER),
    "extend a hold of what is cancelled": Pair("extend_hold", "cancelled", ON_IT, "TK002"),
    "extend a hold until never": Pair(
        "extend_hold", "registration", ON_IT, "TK002", more={"p_until": None}
    ),
    "cancel": Pair("cancel_registration", "registration", ON_IT, "TK002"),
    "cancel what is cancelled": Pair("cancel_registration", "cancelled", ON_IT, "TK002"),
    "pay": Pair("start_payment", "registration", ON_IT, "TK002"),
    "pay, old revision": Pair("start_payment", "registration", ON_IT, "TK002", more={REVISION: 0}),
    "pay, no revision": Pair(
        "start_payment", "registration", ON_IT, "TK002", more={REVISION: None}
    ),
    "persist rows": Pair("persist_attendee_tickets", "registration", ON_IT, "TK002"),
    "persist rows, old revision": Pair(
        "persist_attendee_tickets", "registration", ON_IT, "TK002", more={REVISION: 0}
    ),
    "persist what is no rows": Pair(
        "persist_attendee_tickets", "registration", ON_IT, "TK002", more={"p_tickets": [{}]}
    ),
    "persist rows of what is cancelled": Pair(
        "persist_attendee_tickets", "cancelled", ON_IT, "TK002"
    ),
    "persist": Pair("persist_ticket_selections", "registration", ON_IT, "TK002"),
    "persist, old revision": Pair(
        "persist_ticket_selections", "registration", ON_IT, "TK002", more={REVISION: 0}
    ),
    "persist what is no selection": Pair(
        "persist_ticket_selections", "registration", ON_IT, "TK002", more={"p_selections": []}
    ),
    "update attendees": Pair("update_attendees", "registration", ON_IT, "TK002"),
    "update attendees, old revision": Pair(
        "update_attendees", "registration", ON_IT, "TK002", more={REVISION: 0}
    ),
    "update what are no attendees": Pair(
        "update_attendees", "registration", ON_IT, "TK002", more={"p_attendees": [{}]}
    ),
    "update attendees of what is cancelled": Pair("update_attendees", "cancelled", ON_IT, "TK002"),
    "assign": Pair("assign_tickets", "registration", ON_IT, "TK002"),
    "assign, old revision": Pair(
        "assign_tickets", "registration", ON_IT, "TK002", more={REVISION: 0}
    ),
    "assign to what is no holder": Pair(
        "assign_tickets", "registration", ON_IT, "TK002", more={"p_holders": 1}
    ),
    "assign what is cancelled": Pair("assign_tickets", "cancelled", ON_IT, "TK002"),
    "quote for it": Pair("quote_ticket_selections", "registration", ON_IT, "TK002"),
    "quote for it, visitor": Pair(
        "quote_ticket_selections", "registration", ON_IT, "TK002", VISITOR
    ),
    "quote for it in a draft": Pair(
        "quote_ticket_selections", "registration", ON_IT, "TK002", more={"p_function_id": DRAFT}
    ),
    "availability for it": Pair("get_ticket_availability", "registration", ON_IT, "TK002"),
    "availability for it, visitor": Pair(
        "get_ticket_availability", "registration", ON_IT, "TK002", VISITOR
    ),
    # drafts of another organisation
    "availability in a draft": Pair(
        "get_ticket_availability", "function", OF_IT, "TK008", more={"p_registration_id": None}
    ),
    "availability in a draft, visitor": Pair(
        "get_ticket_availability",
        "function",
        OF_IT,
        "TK008",
        VISITOR,
        {"p_registration_id": None},
    ),
    "availability in a draft for a registration of the caller": Pair(
        "get_ticket_availability", "function", OF_IT, "TK002"
    ),
    "export of a draft": Pair("export_catalogue", "function", OF_IT, "42501"),
    "quote in a draft": Pair(
        "quote_ticket_selections", "function", OF_IT, "TK008", more={"p_registration_id": None}
    ),
    "quote in a draft for a registration of the caller": Pair(
        "quote_ticket_selections", "function", OF_IT, "TK002"
    ),
    "create in a draft": Pair(CREATE, "function", inside(DATA, "functionId"), "TK008"),
    "create only, in a draft": Pair(CREATE_ONLY, "function", inside(DATA, "functionId"), "TK008"),
    "create in a draft, wrong form": Pair(
        CREATE, "function", inside(DATA, "functionId"), "TK008", more={"p_tickets": 1}
    ),
    # attendees and tickets of another owner
    "rows of an attendee": Pair(
        "persist_attendee_tickets",
        "attendee",
        inside("p_tickets", 0, "attendee_id"),
        "TK004",
    ),
    "rows of an attendee, by the wizard's id": Pair(
        "persist_attendee_tickets",
        "client attendee",
        inside("p_tickets", 0, "attendee_id"),
        "TK004",
    ),
    "rows with an id of another attendee": Pair(
        "persist_attendee_tickets",
        "client attendee",
        inside("p_tickets", 0, "client_attendee_id"),
        "TK004",
    ),
    "rows of a registration": Pair(
        "persist_attendee_tickets",
        "registration",
        inside("p_tickets", 0, "registration_id"),
        "TK004",
    ),
    "rows with a ticket": Pair(
        "persist_attendee_tickets", "ticket", inside("p_tickets", 0, "ticket_id"), "TK004"
    ),
    "selection of an attendee": Pair(
        "persist_attendee_tickets", "attendee", inside(UPDATES, 0, "attendee_id"), "TK004"
    ),
    "choose for an attendee": Pair("persist_ticket_selections", "attendee", as_key, "TK004"),
    "choose for an attendee, by the wizard's id": Pair(
        "persist_ticket_selections", "client attendee", as_key, "TK004"
    ),
    "update an attendee": Pair(
        "update_attendees", "attendee", inside("p_attendees", 2, "attendeeId"), None
    ),
    "update an attendee, by the wizard's id": Pair(
        "update_attendees", "client attendee", inside("p_attendees", 2, "attendeeId"), None
    ),
    "update a partner of an attendee": Pair(
        "update_attendees", "attendee", inside("p_attendees", 2, "partner"), None
    ),
    "assign a ticket": Pair(
        "assign_tickets", "ticket", inside("p_holders", 0, "ticket_id"), "TK004"
    ),
    "quote for an attendee": Pair("quote_ticket_selections", "attendee", as_key, None),
    "quote about an attendee": Pair(
        "quote_ticket_selections", "attendee", inside("p_attendees", 2, "attendeeId"), None
    ),
    "quote about an attendee, by the wizard's id": Pair(
        "quote_ticket_selections",
        "client attendee",
        inside("p_attendees", 2, "attendeeId"),
        None,
        more={"p_registration_id": None},
    ),
    "create with rows of an attendee": Pair(
        CREATE, "attendee", inside("p_tickets", 0, "attendee_id"), "TK004"
    ),
    "create with an attendee": Pair(
        CREATE_ONLY,
        "attendee",
        inside(DATA, "additionalAttendees", 1, "attendeeId"),
        None,
    ),
    "create with an attendee, by the wizard's id": Pair(
        CREATE_ONLY,
        "client attendee",
        inside(DATA, "additionalAttendees", 1, "attendeeId"),
        None,
    ),
    "create with a guest of an attendee": Pair(
        CREATE_ONLY,
        "client attendee",
        inside(DATA, "additionalAttendees", 1, "guestOfId"),
        None,
    ),
    "amend for an attendee": Pair("amend_registration", "attendee", as_key, "TK004"),
    "cancel a ticket": Pair("cancel_tickets", "ticket", inside("p_ticket_ids", 0), "TK004"),
    "cancel a paid ticket": Pair(
        "cancel_tickets", "paid ticket", inside("p_ticket_ids", 0), "TK004"
    ),
    # the catalogue of another function
    "rows of an event": Pair(
        "persist_attendee_tickets", "event", inside("p_tickets", 0, "event_id"), "TK004"
    ),
    "rows of a ticket type": Pair(
        "persist_attendee_tickets",
        "ticket type",
        inside("p_tickets", 0, "ticket_type_id"),
        "TK004",
    ),
    "rows of a package": Pair(
        "persist_attendee_tickets", "package", inside("p_tickets", 0, "package_id"), "TK004"
    ),
    "choose a ticket type": Pair(
        "persist_ticket_selections",
        "ticket type",
        inside("p_selections", TOMAS, "individualTickets", 0, "ticketId"),
        "TK004",
    ),
    "quote a ticket type": Pair(
        "quote_ticket_selections",
        "ticket type",
        inside("p_selections", TOMAS, "individualTickets", 0, "ticketId"),
        None,
    ),
    "quote a package": Pair(
        "quote_ticket_selections",
        "package",
        lambda call, ident: call["p_selections"].update(
            {TOMAS: {"packages": [{"packageId": ident, "quantity": 1}]}}
        ),
        None,
    ),
    "import for an organisation": Pair(
        "import_catalogue", "organisation", as_new_organisation, "42501", MANAGER
    ),
    "import for an organisation, as a user": Pair(
        "import_catalogue", "organisation", as_new_organisation, "42501"
    ),
    "import an event": Pair("import_catalogue", "event", as_event, None, MANAGER),
    "import a ticket type": Pair("import_catalogue", "ticket type", as_type, None, MANAGER),
    "import a pool": Pair("import_catalogue", "event", as_pool, None, MANAGER),
}


@pytest.fixture
def scene(
    stage: Connection, stage_url: str, api: PostgREST, calls: dict[str, Document]
) -> Iterator[Scene]:
    """The stage, on which another session has locked the rows of others."""
    # nothing waits for long where nothing should wait at all
    stage.execute("SET LOCAL lock_timeout = '2s'")
    theirs = {
        "registration": STRANGERS,
        "cancelled": STRANGERS_CANCELLED,
        "paid": STRANGERS_PAID,
        "paid ticket": min(held_tickets(stage, STRANGERS_PAID)[other_id(TOMAS)]),
        "theirs": STRANGERS_DRAFT,
        "function": DRAFT,
        "organisation": other_id(ORGANISATION),
        "event": other_id(EVENTS[CEREMONY]),
        "ticket type": other_id(CEREMONY),
        "package": other_id(MASONS),
        "client attendee": other_id(TOMAS),
    }
    (ids,) = rows(
        stage,
        """
        SELECT attendee_id::text AS attendee, min(ticket_id::text) AS ticket
        FROM ticketing.attendees INNER JOIN ticketing.tickets USING (function_id, attendee_id)
        WHERE attendees.registration_id = %s AND client_attendee_id = %s GROUP BY attendee_id
        """,
        STRANGERS,
        other_id(TOMAS),
    )
    with psycopg.connect(stage_url) as elsewhere:
        lock_what_is_theirs(elsewhere)
        yield Scene(api, calls, theirs | ids, Steady(stage))


def lock_what_is_theirs(elsewhere: Connection) -> None:
    """Lock the rows of the other organisation, and those of the stranger, in every table."""
    columns = rows(
        elsewhere,
        """
        SELECT attrelid::regclass::text AS name, array_agg(attname::text) AS columns
        FROM pg_attribute INNER JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
        WHERE relnamespace = 'ticketing'::regnamespace
            AND attname IN ('organisation_id', 'function_id', 'registration_id')
        GROUP BY 1
        """,
    )
    theirs = {
        "organisation_id": [other_id(ORGANISATION)],
        "function_id": [DRAFT],
        "registration_id": [
            STRANGERS,
            STRANGERS_CANCELLED,
            STRANGERS_PAID,
            STRANGERS_DRAFT,
        ],
    }
    locked = 0
    for table in columns:
        for column in table["columns"]:
            query = sql.SQL("SELECT FROM {} WHERE {} = ANY(%s::uuid[]) FOR UPDATE").format(
                sql.Identifier(*table["name"].split(".")), sql.Identifier(column)
            )
            locked += elsewhere.execute(query, [theirs[column]]).rowcount
    assert locked > 50


def ask(scene: Scene, pair: Pair, ident: str) -> Reply:
    """Send the request with an id, and return the answer without it."""
    call: Document = json.loads(json.dumps({**scene.calls[pair.rpc], **(pair.more or {})}))
    pair.put(call, ident)
    reply = scene.api.post(pair.person, pair.rpc, call)
    said = json.loads(reply.text.replace(ident, "the id"))
    return Reply(reply.code, json.dumps(scene.steady(said), sort_keys=True))


def test_row_of_another_owner_gets_the_answer_of_none(scene: Scene) -> None:
    assert len(PAIRS) > 40
    for name, pair in PAIRS.items():
        theirs, nothing = (ask(scene, pair, ident) for ident in (scene.theirs[pair.names], ABSENT))
        assert theirs == nothing, name
        assert theirs.code == pair.code, (name, theirs)


def test_row_lock_is_noticed_by_a_request_that_touches_the_row(scene: Scene) -> None:
    """Shows that the other test would notice a request that touches a locked row."""
    scene.api.connection.execute("SET LOCAL lock_timeout = '100ms'")
    for rpc in ("start_payment", "cancel_registration", "persist_ticket_selections"):
        call = scene.calls[rpc] | {"p_registration_id": STRANGERS, REVISION: None}
        if rpc == "cancel_registration":
            del call[REVISION]
        reply = scene.api.post(Person("authenticated", STRANGER), rpc, call)
        assert reply.code == psycopg.errors.LockNotAvailable.sqlstate


def test_create_with_a_taken_id_says_only_that_it_is_taken(scene: Scene) -> None:
    """A caller that asks for an id gets it, or learns that it is taken.

    No caller learns more than that, and ids are random: not the owner, the status or the function,
    nor whether the rest of the request fits.
    """
    wrong: list[Document] = [
        {},
        {REVISION: 0},
        {"p_tickets": [{}]},
        {DATA: {"functionId": FUNCTION}},
        {DATA: {"functionId": FUNCTION, "primaryAttendee": 1}},
    ]
    answers = set()
    for registration in ("registration", "cancelled", "theirs"):
        for more in wrong:
            pair = Pair(CREATE, registration, inside(DATA, "registrationId"), "TK002", more=more)
            reply = ask(scene, pair, scene.theirs[registration])
            assert reply.code == "TK002", (registration, more, reply)
            answers.add(reply.text)
    assert len(answers) == 1


def test_import_catalogue_with_a_taken_function_says_only_that(scene: Scene) -> None:
    """An admin that imports a new function gets it, or may not have its id."""
    call = scene.calls["import_catalogue"]
    taken, foreign = (json.loads(json.dumps(call)) for _ in range(2))
    taken["p_catalogue"]["function"]["function_id"] = DRAFT
    as_new_organisation(foreign, ABSENT)
    replies = [scene.api.post(MANAGER, "import_catalogue", each) for each in (taken, foreign)]
    assert replies[0].code == "42501"
    assert replies[0] == replies[1]


def test_row_of_the_caller_is_found(scene: Scene) -> None:
    """Shows that the calls work, so that they fail elsewhere for the right reason."""
    for rpc in {pair.rpc for pair in PAIRS.values()}:
        assert scene.api.post(user_of(rpc), rpc, scene.calls[rpc]).code is None
