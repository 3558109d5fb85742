"""Calls of the RPCs as PostgREST makes them, and what the tests of them are made of.

The ids are those of the example event and its recorded wizard, by readable names.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, LiteralString, TypeAlias
from uuid import NAMESPACE_OID, uuid5

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from tests.answers import checked, faults

Connection: TypeAlias = psycopg.Connection[Any]
Document: TypeAlias = dict[str, Any]

ABSENT = "00000000-0000-4000-8000-000000000000"
"""An id that nothing has."""

OWNER = "7e9a6303-0000-4000-8000-000000000001"
STRANGER = "7e9a6303-0000-4000-8000-000000000002"

ORGANISATION = "3e893fa6-2cc2-448c-be9c-e3858cc90e11"
FUNCTION = "eebddef5-6833-43e3-8d32-700508b1c089"

WALTER, INES, TOMAS, HAROLD = (f"01974a10-0000-7000-8000-00000000000{n}" for n in range(1, 5))
"""The attendees of the wizard, by its own ids: a mason, a partner, a guest, another mason."""

RECEPTION = "d586ecc1-e410-4ef3-a59c-4a53a866bc33"
COMMUNICATION = "be94ef03-6647-48d5-97ea-f98c862e30e6"
CEREMONY = "7196514b-d4b8-4fe0-93ac-deb4c205dd09"
BANQUET = "fd12d7f0-f346-49bf-b1eb-0682ad226216"
MEZZANINE = "b2c3d4e5-f6a7-4891-bcde-f23456789012"
BRUNCH = "d4e5f6a7-b8c9-4567-def0-456789012345"
LUNCHEON = "bce41292-3662-44a7-85da-eeb1a1e89d8a"

EVENTS: Mapping[str, str] = {
    RECEPTION: "e842bdb2-aff8-46d8-a347-bf50840fff13",
    COMMUNICATION: "d19d0c78-bf04-48a3-b8c5-7b9724079451",
    CEREMONY: "6c12952b-7cf3-4d6a-81bd-1ac3b7ff7076",
    BANQUET: "03a51924-1606-47c9-838d-9dc32657cd59",
    MEZZANINE: "03a51924-1606-47c9-838d-9dc32657cd59",
    BRUNCH: "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
    LUNCHEON: "567fa008-40de-4f87-89f5-900933f898b2",
}
"""To which event a ticket type admits."""

MASONS = "08c77893-85a3-46a5-a04a-99e5fa896662"
CEREMONY_AND_BANQUET = "46c2dbe0-708e-47be-9046-a4ff597a8158"
LODGE = "794841e4-5f04-4899-96e2-c0afece4d5f2"
ALL_EVENTS = "88567b9c-9675-4ee2-b572-eace1c580eb4"
LADIES = "e7f8a9b0-c1d2-4e5f-9876-543210fedcba"

CONTENTS: Mapping[str, Sequence[str]] = {
    MASONS: (COMMUNICATION, CEREMONY, BANQUET),
    CEREMONY_AND_BANQUET: (CEREMONY, BANQUET),
    LODGE: (BANQUET,) * 10,
    ALL_EVENTS: (RECEPTION, COMMUNICATION, CEREMONY, BANQUET, LUNCHEON),
    LADIES: (BRUNCH, CEREMONY, BANQUET),
}
"""The tickets in one of each package, in the order of their events."""

NOTHING: Mapping[str, Sequence[Document]] = {"packages": [], "individualTickets": []}

ANSWER = {
    "success",
    "registration_id",
    "revision",
    "status",
    "tickets_created",
    "tickets_removed",
    "tickets_unchanged",
    "attendees_updated",
    "attendees_without_tickets",
    "subtotal",
    "total",
    "currency",
    "hold_expires_at",
    "server_time",
    "tickets",
}
"""The keys of what a persist answers."""


class _JsonNull:
    """The JSON value null, where None is the null of SQL."""


JSON_NULL = _JsonNull()


@dataclass(frozen=True)
class Refusal:
    """What a refused call says.

    Attributes:
        sqlstate: Its class.
        message: What it says to a user.
        hint: What it tells the user to do.
        issues: The issues that it lists.
        total: How many there are.
    """

    sqlstate: str
    message: str
    hint: str
    issues: list[Document]
    total: int

    @property
    def found(self) -> list[tuple[str, str]]:
        """The (code, path) of every issue, sorted."""
        return sorted((issue["code"], issue["path"]) for issue in self.issues)


@dataclass(frozen=True)
class Caller:
    """A caller of RPCs, as through PostgREST.

    Attributes:
        connection: The superuser's connection to call over. A running transaction is joined.
        role: The database role; none for the superuser's own.
        user_id: The sub of the claims; None for a caller who has not signed in.
    """

    connection: Connection
    role: str = "authenticated"
    user_id: str | None = None

    def call(self, rpc: LiteralString, **arguments: object) -> Document:
        """Call an RPC and return its answer.

        Args:
            rpc: Its name.
            **arguments: Its arguments by name, jsonb ones as Python values. None is the null of
                SQL.

        Returns:
            The answer, with its numbers as they were written.

        Raises:
            psycopg.Error: When the call is refused; nothing of it is left then.
            AssertionError: When the answer is not as documented.
        """
        (text,) = self.rows(rpc, **arguments)
        answer: Document = checked(rpc, text)
        return answer

    def rows(self, rpc: LiteralString, **arguments: object) -> list[str]:
        """Call an RPC and return the rows of its answer, as text.

        Args:
            rpc: Its name.
            **arguments: Its arguments by name, as for call.

        Returns:
            The rows.

        Raises:
            psycopg.Error: When the call is refused; nothing of it is left then.
        """
        statement = sql.SQL("SELECT ticketing.{}({})::text").format(
            sql.Identifier(rpc),
            sql.SQL(", ").join(
                sql.SQL("{} => {}::{}").format(
                    sql.Identifier(name), sql.Placeholder(name), sql.SQL(_sql_type(name))
                )
                for name in arguments
            ),
        )
        values = {name: _encode(name, value) for name, value in arguments.items()}
        claims = json.dumps({"sub": self.user_id}) if self.user_id else ""
        with self.connection.transaction():
            self._become(self.role, claims)
            found = self.connection.execute(statement, values).fetchall()
            self._become("none", "")  # settings made in a savepoint outlive it
        return [text for (text,) in found]

    def refusal(self, rpc: LiteralString, **arguments: object) -> Refusal:
        """Call an RPC that must refuse, and return what it says.

        Args:
            rpc: Its name.
            **arguments: Its arguments by name, as for call.

        Returns:
            The refusal, which is complete: a text and a hint for the user, and a code, a path and
            a message for each issue.

        Raises:
            AssertionError: When the call succeeds, or the refusal lacks something.
        """
        with pytest.raises(psycopg.Error) as caught:
            self.call(rpc, **arguments)
        diagnosis = caught.value.diag
        assert diagnosis.sqlstate
        assert diagnosis.message_primary
        assert diagnosis.message_hint
        document: Document = json.loads(diagnosis.message_detail or "", parse_float=Decimal)
        assert set(document) == {"issues", "issues_total"}
        assert document["issues"]
        assert all(
            issue["code"] and issue["path"] and issue["message"] for issue in document["issues"]
        )
        assert document["issues_total"] >= len(document["issues"])
        for issue in document["issues"]:
            assert list(faults("issue", issue)) == []
        return Refusal(
            diagnosis.sqlstate,
            diagnosis.message_primary,
            diagnosis.message_hint,
            document["issues"],
            document["issues_total"],
        )

    def _become(self, role: str, claims: str) -> None:
        self.connection.execute(
            "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
            [role, claims],
        )


def _sql_type(argument: str) -> LiteralString:
    match argument:
        case "p_registration_id" | "p_function_id":
            return "uuid"
        case "p_expected_revision":
            return "integer"
        case "p_registration_type":
            return "text"
        case _:
            return "jsonb"


def _encode(argument: str, value: object) -> object:
    if value is None or _sql_type(argument) != "jsonb":
        return value
    # a browser, too, reads numbers as floats and sends them back as such
    return "null" if value is JSON_NULL else json.dumps(value, default=float)


def service(connection: Connection) -> Caller:
    """Return a back end that calls over this connection."""
    return Caller(connection, "service_role")


def owner(connection: Connection) -> Caller:
    """Return the user of the wizard, calling over this connection."""
    return Caller(connection, "authenticated", OWNER)


# Payloads


def selection(
    packages: Mapping[str, int] | None = None, tickets: Mapping[str, int] | None = None
) -> Document:
    """Return a selection of so many packages and individual tickets, in the form that is stored."""
    return {
        "packages": [
            {
                "packageId": package,
                "quantity": quantity,
                "tickets": [
                    {"ticketId": type_, "quantity": CONTENTS[package].count(type_)}
                    for type_ in dict.fromkeys(CONTENTS[package])
                ],
            }
            for package, quantity in (packages or {}).items()
        ],
        "individualTickets": [
            {"ticketId": type_, "quantity": quantity} for type_, quantity in (tickets or {}).items()
        ],
    }


def ticket(attendee: str, ticket_type: str, package: str | None = None, **more: object) -> Document:
    """Return an element of p_tickets with what it cannot do without, and more."""
    row: Document = {
        "attendee_id": attendee,
        "event_id": EVENTS.get(ticket_type, ABSENT),
        "ticket_type_id": ticket_type,
    }
    return row | ({"package_id": package} if package else {}) | more


def tickets_of(selections: Mapping[str, Document]) -> list[Document]:
    """Return the p_tickets that selections amount to, by the catalogue of the example event."""
    return [row for attendee, chosen in selections.items() for row in _tickets(attendee, chosen)]


def _tickets(attendee: str, chosen: Document) -> Iterator[Document]:
    for package in chosen["packages"]:
        for type_ in CONTENTS[package["packageId"]] * package["quantity"]:
            yield ticket(attendee, type_, package["packageId"])
    for line in chosen["individualTickets"]:
        for _ in range(line["quantity"]):
            yield ticket(attendee, line["ticketId"])


def updates_of(selections: Mapping[str, Document]) -> list[Document]:
    """Return selections as p_attendee_updates."""
    return [
        {"attendee_id": attendee, "selected_tickets": chosen}
        for attendee, chosen in selections.items()
    ]


def other_event(catalogue: Document) -> Document:
    """Return the catalogue of another function of another organisation, alike in all but ids."""
    text = json.dumps(catalogue)
    for element in _ids(catalogue):
        text = text.replace(element, other_id(element))
    other: Document = json.loads(text)
    other["organisation"]["slug"] = "other-organisation"
    other["function"]["slug"] = "other-function"
    return other


def other_id(example_id: str) -> str:
    """Return the id that something of the example event has in the other event."""
    return str(uuid5(NAMESPACE_OID, example_id))


def _ids(catalogue: Document) -> Iterable[str]:
    yield catalogue["organisation"]["organisation_id"]
    yield catalogue["function"]["function_id"]
    for section, key in (
        ("events", "event_id"),
        ("ticket_types", "ticket_type_id"),
        ("packages", "package_id"),
    ):
        yield from (element[key] for element in catalogue[section])


# What is stored


def rows(connection: Connection, query: LiteralString, *values: object) -> list[Document]:
    """Return the rows of a query, by column."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def attendee_ids(connection: Connection, registration_id: str) -> dict[str, str]:
    """Return the stored id of each attendee of a registration, by the wizard's."""
    return {
        row["client_attendee_id"]: row["attendee_id"]
        for row in rows(
            connection,
            """
            SELECT client_attendee_id::text, attendee_id::text FROM ticketing.attendees
            WHERE registration_id = %s ORDER BY position
            """,
            registration_id,
        )
    }


def held_tickets(connection: Connection, registration_id: str) -> dict[str, list[str]]:
    """Return the ids of the tickets of each attendee of a registration, by the wizard's id."""
    return {
        row["client_attendee_id"]: row["ticket_ids"]
        for row in rows(
            connection,
            """
            SELECT attendee.client_attendee_id::text,
                coalesce(array_agg(ticket.ticket_id::text ORDER BY ticket.ticket_id)
                    FILTER (WHERE ticket.ticket_id IS NOT NULL), '{}') AS ticket_ids
            FROM ticketing.attendees AS attendee
            LEFT JOIN ticketing.tickets AS ticket USING (function_id, attendee_id)
            WHERE attendee.registration_id = %s
            GROUP BY attendee.attendee_id, attendee.client_attendee_id
            """,
            registration_id,
        )
    }


def stored_selection(connection: Connection, registration_id: str, attendee: str) -> Document:
    """Return the selected_tickets of an attendee, by the wizard's id."""
    (row,) = rows(
        connection,
        """
        SELECT attendee_data -> 'selected_tickets' AS selected_tickets FROM ticketing.attendees
        WHERE registration_id = %s AND client_attendee_id = %s
        """,
        registration_id,
        attendee,
    )
    chosen: Document = row["selected_tickets"]
    return chosen


def package_sums(connection: Connection, registration_id: str) -> list[tuple[str, str, Decimal]]:
    """Return what the tickets of each single package of a registration add up to.

    Returns:
        The wizard's id of the attendee, the package and the sum.
    """
    return [
        (row["client_attendee_id"], row["package_id"], row["paid"])
        for row in rows(
            connection,
            """
            SELECT attendee.client_attendee_id::text, ticket.package_id::text,
                sum(ticket.price_paid) AS paid
            FROM ticketing.tickets AS ticket
            INNER JOIN ticketing.attendees AS attendee USING (function_id, attendee_id)
            WHERE ticket.registration_id = %s AND ticket.package_id IS NOT NULL
            GROUP BY attendee.client_attendee_id, ticket.package_id, ticket.package_number
            ORDER BY attendee.client_attendee_id, ticket.package_id, ticket.package_number
            """,
            registration_id,
        )
    ]


def pool_counters(
    connection: Connection, function_id: str = FUNCTION
) -> dict[str, tuple[int, int, int]]:
    """Return capacity, reserved and sold of every pool of a function, by its id.

    Raises:
        AssertionError: When a counter is not what the tickets amount to.
    """
    pools = rows(
        connection,
        """
        SELECT pool.capacity_pool_id::text AS id, pool.capacity, pool.reserved, pool.sold,
            (
                SELECT count(*) FROM ticketing.tickets AS ticket
                INNER JOIN ticketing.registrations USING (function_id, registration_id)
                INNER JOIN ticketing.ticket_type_pools AS membership
                    USING (function_id, ticket_type_id)
                WHERE membership.capacity_pool_id = pool.capacity_pool_id
                    AND ticket.status = 'Active'
                    AND registrations.status IN ('draft', 'pending', 'completed')
            ) + (
                SELECT count(DISTINCT (ticket.attendee_id, ticket.package_number, package_id))
                FROM ticketing.tickets AS ticket
                INNER JOIN ticketing.registrations USING (function_id, registration_id)
                INNER JOIN ticketing.package_pools AS membership USING (function_id, package_id)
                WHERE membership.capacity_pool_id = pool.capacity_pool_id
                    AND ticket.status = 'Active'
                    AND registrations.status IN ('draft', 'pending', 'completed')
            ) AS used
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = %s
        """,
        function_id,
    )
    assert [pool for pool in pools if pool["reserved"] + pool["sold"] != pool["used"]] == []
    return {pool["id"]: (pool["capacity"], pool["reserved"], pool["sold"]) for pool in pools}


def dump(connection: Connection, without: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return every row of every table that callers know of, as text, in order.

    Args:
        connection: To the database.
        without: Columns to leave out.

    Returns:
        The rows by table.
    """
    tables = [
        row["relname"]
        for row in rows(
            connection,
            """
            SELECT relname FROM pg_class
            WHERE relnamespace = 'ticketing'::regnamespace AND relkind = 'r'
            """,
        )
    ]
    assert len(tables) > 10
    stored: dict[str, list[str]] = {}
    for table in tables:
        query = sql.SQL("SELECT (to_jsonb(t) - %s::text[])::text FROM ticketing.{} AS t").format(
            sql.Identifier(table)
        )
        stored[table] = sorted(row[0] for row in connection.execute(query, [list(without)]))
    return stored
