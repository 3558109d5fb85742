"""A caller's own rows are found by index, no matter how many belong to others.

Two databases of a hundred thousand registrations, all of one function or spread over twenty, and a
small one of each shape to compare with. The answers of EXPLAIN are asserted, and how many pages
(of 8 kB) a statement looks at.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, TypeAlias
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from pytest_postgresql.executors import NoopExecutor
from tests.support.databases import database

from ticketing_client.embedded import Server

pytestmark = pytest.mark.long  # filling the databases takes half a minute

Connection: TypeAlias = psycopg.Connection[Any]
Document: TypeAlias = dict[str, Any]

MANY, FEW = 100_000, 1_000
UNPAID = 200
"""How many of the registrations are being edited; of what is on sale, only they are looked at."""

PAGES = 200
"""How many pages a read may look at; a hundred thousand registrations are in three thousand.

An index that starts with the function may be searched once for each of twenty functions, in up to
ten pages.
"""

LARGE = {
    *("registrations", "attendees", "tickets", "ticket_holders", "payments"),
    "registration_changes",
}

FILL: LiteralString = """
CREATE FUNCTION pg_temp.id(kind text, number bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5(kind || number)::uuid $$;

-- in a fifth of the time: foreign keys are not looked at, and indexes are built when all is there
SET session_replication_role = replica;

UPDATE pg_index SET indisready = FALSE, indisvalid = FALSE
WHERE indrelid IN (
    'ticketing.registrations'::regclass, 'ticketing.registration_index'::regclass,
    'ticketing.attendees'::regclass, 'ticketing.tickets'::regclass,
    'ticketing.ticket_holders'::regclass, 'ticketing.payments'::regclass,
    'ticketing.registration_changes'::regclass
);

INSERT INTO ticketing.organisations (organisation_id, slug, name)
SELECT pg_temp.id('organisation', n), 'organisation-' || n, 'Organisation ' || n
FROM generate_series(0, 1) AS n;

INSERT INTO ticketing.organisation_members (organisation_id, user_id, role)
SELECT pg_temp.id('organisation', n % 2), pg_temp.id('member', n), 'staff'
FROM generate_series(0, 19) AS n;

INSERT INTO ticketing.functions (function_id, organisation_id, slug, name, currency, status)
SELECT pg_temp.id('function', n), pg_temp.id('organisation', n % 2), 'function-' || n,
    'Function ' || n, 'AUD', 'published'
FROM generate_series(0, {functions} - 1) AS n;

INSERT INTO ticketing.events (function_id, event_id, slug, title)
SELECT function_id, pg_temp.id('event', n), 'event-' || n, 'Event ' || n
FROM ticketing.functions, generate_series(0, 4) AS n;

INSERT INTO ticketing.ticket_types (function_id, ticket_type_id, event_id, name, price)
SELECT function_id, pg_temp.id('type', n), pg_temp.id('event', n % 5), 'Type ' || n, 20
FROM ticketing.functions, generate_series(0, 9) AS n;

INSERT INTO ticketing.capacity_pools (
    function_id, capacity_pool_id, name, capacity, reserved, sold
)
SELECT function_id, pg_temp.id('type', n), 'Type ' || n, 10000000,
    CASE n WHEN 0 THEN {unpaid} / {functions} ELSE 0 END,
    CASE n WHEN 0 THEN ({registrations} - {unpaid}) / {functions} ELSE 0 END
FROM ticketing.functions, generate_series(0, 9) AS n;

INSERT INTO ticketing.ticket_type_pools (function_id, ticket_type_id, capacity_pool_id)
SELECT function_id, pg_temp.id('type', n), pg_temp.id('type', n)
FROM ticketing.functions, generate_series(0, 9) AS n;

-- two of each user; some are being edited, the others are paid
INSERT INTO ticketing.registrations (
    function_id, registration_id, owner_id, registration_type, currency, booking_contact, subtotal,
    status, payment_status, confirmation_number, hold_expires_at, held_since
)
SELECT pg_temp.id('function', n % {functions}), pg_temp.id('registration', n),
    pg_temp.id('user', n / 2), 'individuals', 'AUD',
    '{{"firstName": "Clara", "emailAddress": "clara@example.org"}}', 20,
    CASE WHEN n < {unpaid} THEN 'draft' ELSE 'completed' END,
    CASE WHEN n < {unpaid} THEN 'Unpaid' ELSE 'Paid' END,
    CASE WHEN n >= {unpaid} THEN 'C' || n END,
    CASE WHEN n < {unpaid} THEN now() + interval '20 minutes' END,
    CASE WHEN n < {unpaid} THEN now() END
FROM generate_series(0, {registrations} - 1) AS n;

INSERT INTO ticketing.registration_index (registration_id, function_id)
SELECT registration_id, function_id FROM ticketing.registrations;

INSERT INTO ticketing.attendees (
    function_id, attendee_id, registration_id, owner_id, client_attendee_id, attendee_type,
    is_primary, first_name, last_name, attendee_data
)
SELECT function_id, gen_random_uuid(), registration_id, owner_id, gen_random_uuid(), 'guest', TRUE,
    'Clara', 'Moss', jsonb_build_object('selected_tickets', jsonb_build_object(
        'packages', '[]'::jsonb,
        'individualTickets', jsonb_build_array(
            jsonb_build_object('ticketId', pg_temp.id('type', 0), 'quantity', 1)
        )
    ))
FROM ticketing.registrations;

INSERT INTO ticketing.tickets (
    function_id, ticket_id, registration_id, owner_id, attendee_id, event_id, ticket_type_id,
    price_paid, original_price, currency, payment_status
)
SELECT attendee.function_id, gen_random_uuid(), attendee.registration_id, attendee.owner_id,
    attendee.attendee_id, type.event_id, type.ticket_type_id, 20, 20, 'AUD',
    registration.payment_status
FROM ticketing.registrations AS registration
INNER JOIN ticketing.attendees AS attendee USING (function_id, registration_id)
INNER JOIN ticketing.ticket_types AS type USING (function_id)
WHERE type.ticket_type_id = pg_temp.id('type', 0);

INSERT INTO ticketing.payments (
    function_id, payment_id, registration_id, provider, reference, kind, amount, currency, paid_at
)
SELECT function_id, gen_random_uuid(), registration_id, 'stripe', registration_id::text,
    'payment', 20, 'AUD', now()
FROM ticketing.registrations
WHERE status = 'completed';

INSERT INTO ticketing.ticket_holders (
    function_id, ticket_id, registration_id, owner_id, attendee_id, first_name, last_name,
    holder_data
)
SELECT function_id, ticket_id, registration_id, owner_id, attendee_id, 'Nora', 'Lind',
    '{{"firstName": "Nora", "lastName": "Lind"}}'
FROM ticketing.tickets;

INSERT INTO ticketing.registration_changes (
    function_id, registration_id, epoch, transaction_id, change, revision, ticket_id, new_values,
    actor_role, changed_at
)
SELECT function_id, registration_id, 1, '700', 'ticket_assigned', 1, ticket_id,
    '{{"firstName": "Nora"}}', 'authenticated', now()
FROM ticketing.tickets;

RESET session_replication_role;

REINDEX TABLE ticketing.registrations;
REINDEX TABLE ticketing.registration_index;
REINDEX TABLE ticketing.attendees;
REINDEX TABLE ticketing.tickets;
REINDEX TABLE ticketing.ticket_holders;
REINDEX TABLE ticketing.payments;
REINDEX TABLE ticketing.registration_changes;

ANALYZE
"""


def made_id(kind: str, number: int) -> str:
    """Return the id that FILL has given."""
    return str(UUID(hashlib.md5(f"{kind}{number}".encode(), usedforsecurity=False).hexdigest()))


# In the first function, of one or of twenty: a registration that is paid, one that is being edited,
# and the users that look at them.
FUNCTION = made_id("function", 0)
PAID, EDITED = made_id("registration", 600), made_id("registration", 20)
BUYER, EDITOR = made_id("user", 300), made_id("user", 10)
STAFF = made_id("member", 0)
STRANGER = made_id("stranger", 0)


@dataclass(frozen=True)
class Shop:
    """Databases of the same shape.

    Attributes:
        many: A connection to the one with many registrations.
        few: A connection to the one with few.
        functions: Over how many functions they are spread.
    """

    many: Connection
    few: Connection
    functions: int


@pytest.fixture(scope="module", params=[1, 20], ids=["one function", "twenty functions"])
def shop(request: pytest.FixtureRequest, server: Server, migrated: NoopExecutor) -> Iterator[Shop]:
    functions: int = request.param
    template = migrated.template_dbname
    with (
        filled(server, template, functions, MANY) as many,
        filled(server, template, functions, FEW) as few,
    ):
        yield Shop(many, few, functions)


@contextmanager
def filled(
    server: Server, template: str, functions: int, registrations: int
) -> Iterator[Connection]:
    """Make a database with so many registrations, and connect to it."""
    numbers = {"functions": functions, "registrations": registrations, "unpaid": UNPAID}
    with (
        database(server, f"plans_{registrations}", template) as url,
        closing(psycopg.connect(url, autocommit=True)) as connection,
    ):
        connection.execute(
            sql.SQL(FILL).format(**{key: sql.Literal(number) for key, number in numbers.items()})
        )
        yield connection


@dataclass(frozen=True)
class Plan:
    """What EXPLAIN says of a statement that was run.

    Attributes:
        nodes: All its nodes, the first being the whole.
    """

    nodes: list[Document]

    @property
    def rows(self) -> float:
        """How many rows it gave."""
        rows: float = self.nodes[0]["Actual Rows"]
        return rows

    @property
    def pages(self) -> int:
        """How many pages it looked at, those read more than once counting as often."""
        pages: int = self.nodes[0]["Shared Hit Blocks"] + self.nodes[0]["Shared Read Blocks"]
        return pages

    @property
    def read_whole(self) -> set[str]:
        """The tables that it read from end to end."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"}

    @property
    def asked_identity(self) -> tuple[int, int]:
        """How often the identity was read: as a step before the rest, and elsewhere."""
        asking = [node for node in self.nodes if re.search(WHO, json.dumps(own_part(node)))]
        once = [
            node
            for node in asking
            if node.get("Parent Relationship") == "InitPlan" and node["Actual Loops"] <= 1
        ]
        return len(once), len(asking) - len(once)


WHO = r"(caller_id|staff_function_ids)\(\)"


def own_part(node: Document) -> Document:
    return {key: value for key, value in node.items() if key != "Plans"}


def nodes_of(node: Document) -> Iterator[Document]:
    yield node
    for child in node.get("Plans", []):
        yield from nodes_of(child)


def explain(
    connection: Connection, role: str, user: str, query: LiteralString, **values: object
) -> Plan:
    """Run a statement as a user, roll it back, and return its plan.

    It is run twice before: what it costs to look up tables and to compile functions is paid once
    per session.
    """
    statement = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, VERBOSE, FORMAT JSON) {}").format(
        sql.SQL(query).format(**{name: sql.Literal(value) for name, value in values.items()})
    )
    row = None
    for _ in range(3):
        with connection.transaction(force_rollback=True):
            connection.execute(
                "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
                [role, json.dumps({"sub": user})],
            )
            row = connection.execute(statement).fetchone()
    assert row is not None
    return Plan(list(nodes_of(row[0][0]["Plan"])))


# Reading tables

# The user, the query, and the number of rows read.
READS: dict[str, tuple[str, LiteralString, int]] = {
    "the user's registrations": (BUYER, "SELECT * FROM ticketing.registrations", 2),
    "the user's attendees": (BUYER, "SELECT * FROM ticketing.attendees", 2),
    "the user's tickets": (BUYER, "SELECT * FROM ticketing.tickets", 2),
    "the user's holders": (BUYER, "SELECT * FROM ticketing.ticket_holders", 2),
    "the user's payments": (BUYER, "SELECT * FROM ticketing.payments", 2),
    "one registration of the user": (
        BUYER,
        "SELECT * FROM ticketing.registrations WHERE registration_id = {paid}",
        1,
    ),
    "the tickets of one registration of the user": (
        BUYER,
        "SELECT * FROM ticketing.tickets WHERE registration_id = {paid}",
        1,
    ),
    "the user's latest registrations": (
        BUYER,
        "SELECT * FROM ticketing.registrations ORDER BY created_at DESC LIMIT 10",
        2,
    ),
    "the user's registrations with their attendees": (
        BUYER,
        """
        SELECT * FROM ticketing.registrations
        INNER JOIN ticketing.attendees USING (function_id, registration_id, owner_id)
        """,
        2,
    ),
    "a stranger's registrations": (STRANGER, "SELECT * FROM ticketing.registrations", 0),
    "a stranger's attendees": (STRANGER, "SELECT * FROM ticketing.attendees", 0),
    "a stranger's tickets": (STRANGER, "SELECT * FROM ticketing.tickets", 0),
    "a stranger's holders": (STRANGER, "SELECT * FROM ticketing.ticket_holders", 0),
    "a stranger's changes": (STRANGER, "SELECT * FROM ticketing.registration_changes", 0),
    "the user's changes": (
        BUYER,
        "SELECT * FROM ticketing.registration_changes WHERE registration_id = {paid}",
        0,
    ),
    "the holders of one registration of the user": (
        BUYER,
        "SELECT * FROM ticketing.ticket_holders WHERE registration_id = {paid}",
        1,
    ),
    "a stranger's payments": (STRANGER, "SELECT * FROM ticketing.payments", 0),
    "a registration of another owner": (
        STRANGER,
        "SELECT * FROM ticketing.registrations WHERE registration_id = {paid}",
        0,
    ),
    "staff: a page of registrations": (
        STAFF,
        """
        SELECT * FROM ticketing.registrations
        WHERE function_id = {function} ORDER BY registration_id LIMIT 50
        """,
        50,
    ),
    "staff: a page of tickets": (
        STAFF,
        """
        SELECT * FROM ticketing.tickets
        WHERE function_id = {function} ORDER BY ticket_id LIMIT 50
        """,
        50,
    ),
    "staff: one registration": (
        STAFF,
        "SELECT * FROM ticketing.registrations WHERE registration_id = {paid}",
        1,
    ),
    "staff: the attendees of one registration": (
        STAFF,
        """
        SELECT * FROM ticketing.attendees
        WHERE function_id = {function} AND registration_id = {paid}
        """,
        1,
    ),
    "staff: the tickets of one registration": (
        STAFF,
        "SELECT * FROM ticketing.tickets WHERE registration_id = {paid}",
        1,
    ),
    "staff: a page of holders": (
        STAFF,
        """
        SELECT * FROM ticketing.ticket_holders
        WHERE function_id = {function} ORDER BY ticket_id LIMIT 50
        """,
        50,
    ),
    "staff: the holders of one registration": (
        STAFF,
        """
        SELECT * FROM ticketing.ticket_holders
        WHERE function_id = {function} AND registration_id = {paid}
        """,
        1,
    ),
    "staff: the changes of one registration": (
        STAFF,
        """
        SELECT * FROM ticketing.registration_changes
        WHERE function_id = {function} AND registration_id = {paid}
        """,
        1,
    ),
    "staff: the payments of one registration": (
        STAFF,
        """
        SELECT * FROM ticketing.payments
        WHERE function_id = {function} AND registration_id = {paid}
        """,
        1,
    ),
}


# One test for all, here and below, so that as few workers as can be have to fill these databases.


def test_plan_of_a_read_is_an_index_lookup(shop: Shop) -> None:
    for read, (user, query, rows) in READS.items():
        plan = explain(shop.many, "authenticated", user, query, function=FUNCTION, paid=PAID)
        assert plan.rows == rows, read
        assert plan.read_whole & LARGE == set(), read
        assert plan.pages < PAGES, read
        asked, asked_elsewhere = plan.asked_identity
        assert asked, read
        assert not asked_elsewhere, read


def test_plan_of_a_visitor_reads_the_catalogue_of_one_function(shop: Shop) -> None:
    tables: dict[LiteralString, int] = {"events": 5, "ticket_types": 10, "functions": 1}
    for table, rows in tables.items():
        query = f"SELECT * FROM ticketing.{table} WHERE function_id = {{function}}"  # noqa: S608 - ours
        plan = explain(shop.many, "anon", STRANGER, query, function=FUNCTION)
        assert plan.rows == rows
        assert plan.pages < PAGES
        assert plan.asked_identity == (0, 0)


# Why the policies are as they are


def test_plan_reads_a_whole_table_without_the_second_condition_of_the_staff_policy(
    shop: Shop,
) -> None:
    query: LiteralString = "SELECT * FROM ticketing.registrations"
    with shop.many.transaction(force_rollback=True):
        shop.many.execute(
            """
            ALTER POLICY registrations_staff_select ON ticketing.registrations
            USING (function_id = ANY ((SELECT ticketing_internal.staff_function_ids())::uuid[]))
            """
        )
        plan = explain(shop.many, "authenticated", BUYER, query)
    assert plan.rows == 2
    assert (plan.read_whole == {"registrations"}) == (shop.functions == 1)
    assert (plan.pages > PAGES) == (shop.functions == 1)


def test_plan_reads_the_identity_for_every_row_without_a_subquery(shop: Shop) -> None:
    with shop.many.transaction(force_rollback=True):
        shop.many.execute(
            """
            ALTER POLICY payments_staff_select ON ticketing.payments
            USING (function_id = ANY (ticketing_internal.staff_function_ids()))
            """
        )
        plan = explain(
            shop.many,
            "authenticated",
            BUYER,
            "SELECT * FROM ticketing.payments WHERE registration_id = {paid}",
            paid=PAID,
        )
    assert plan.asked_identity[1]


# Calling


CALLS: dict[str, LiteralString] = {
    "get_registration": "SELECT ticketing.get_registration({edited})",
    "quote_ticket_selections": """
        SELECT ticketing.quote_ticket_selections(
            {function}, {selections}, p_registration_id => {edited}
        )
    """,
    "persist_ticket_selections": (
        "SELECT ticketing.persist_ticket_selections({edited}, {selections})"
    ),
    "persist_attendee_tickets": "SELECT ticketing.persist_attendee_tickets({edited}, {tickets})",
    "start_payment": "SELECT ticketing.start_payment({edited})",
    "cancel_registration": "SELECT ticketing.cancel_registration({edited})",
    "update_attendees": "SELECT ticketing.update_attendees({edited}, {attendees})",
    "assign_tickets": "SELECT ticketing.assign_tickets({edited}, {holders})",
}
"""Calls about a registration that is being edited, by its owner."""

CALLS_OF_PAID: dict[str, LiteralString] = {
    "amend_registration": "SELECT ticketing.amend_registration({edited}, {selections})",
    "quote_ticket_selections": CALLS["quote_ticket_selections"],
}
"""Calls about one that is paid, by staff."""


def cost(
    connection: Connection,
    call: LiteralString,
    registration: str = EDITED,
    caller: str = EDITOR,
) -> int:
    """Return how many pages a call looks at, none of them in search of a row."""
    attendee = scalar(
        connection,
        "SELECT attendee_id FROM ticketing.attendees WHERE registration_id = {edited}",
        registration,
    )
    chosen = {"individualTickets": [{"ticketId": made_id("type", 3), "quantity": 1}]}
    ticket = {
        "attendee_id": str(attendee),
        "event_id": made_id("event", 3),
        "ticket_type_id": made_id("type", 3),
    }
    named = {
        "ticket_id": str(
            scalar(
                connection,
                "SELECT ticket_id FROM ticketing.tickets WHERE registration_id = {edited}",
                registration,
            )
        ),
        "holder": {"firstName": "Olga", "lastName": "Brandt"},
    }
    changed = {"attendeeId": str(attendee), "attendeeType": "guest", "title": "Dr"}
    before = scans(connection)
    plan = explain(
        connection,
        "authenticated",
        caller,
        call,
        function=FUNCTION,
        edited=registration,
        selections=json.dumps({str(attendee): chosen}),
        tickets=json.dumps([ticket]),
        attendees=json.dumps([changed]),
        holders=json.dumps([named]),
    )
    assert plan.rows == 1
    assert scans(connection) == before
    return plan.pages


def scalar(connection: Connection, query: LiteralString, registration: str = EDITED) -> object:
    values = {"edited": sql.Literal(registration), "large": sql.Literal(sorted(LARGE))}
    row = connection.execute(sql.SQL(query).format(**values)).fetchone()
    assert row is not None
    return row[0]


def scans(connection: Connection) -> object:
    """How often each large table was read from end to end, until now."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    return scalar(
        connection,
        """
        SELECT jsonb_object_agg(relname, seq_scan) FROM pg_stat_user_tables
        WHERE schemaname = 'ticketing'
            AND relname = ANY ({large})
        """,
    )


def test_sequential_scan_is_noticed(shop: Shop) -> None:
    before = scans(shop.few)
    shop.few.execute("SELECT count(booking_contact) FROM ticketing.registrations")
    assert scans(shop.few) != before


def test_rpc_costs_as_much_among_many_registrations_as_among_few(shop: Shop) -> None:
    # an index of a hundred times as many rows is a level deeper
    for name, call in CALLS.items():
        assert cost(shop.many, call) <= 1.5 * cost(shop.few, call), name
    for name, call in CALLS_OF_PAID.items():
        many, few = (cost(each, call, PAID, STAFF) for each in (shop.many, shop.few))
        assert many <= 1.5 * few, name


def test_availability_costs_the_same_however_much_is_unpaid(shop: Shop) -> None:
    call: LiteralString = "SELECT ticketing.get_ticket_availability({function})"
    assert cost(shop.many, call) <= PAGES // 2
