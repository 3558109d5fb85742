"""Calling the RPCs as an application does, with names instead of ids.

Selections, tickets and issues name attendees, ticket types and packages by what `Names` calls them,
so that a case and what comes of it can be read.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, LiteralString, TypeAlias
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from tests.answers import checked, faults

Connection: TypeAlias = psycopg.Connection[Any]
Document: TypeAlias = dict[str, Any]

REGISTRATION = str(UUID(int=(1 << 64) + 1))
OTHER_REGISTRATION = str(UUID(int=(1 << 64) + 2))

UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _plain(value: object) -> object:
    """Write money as the number that it is; two decimals survive the way through a float."""
    return float(value) if isinstance(value, Decimal) else str(value)


def dumps(value: object) -> str:
    """Write JSON, exact amounts included."""
    return json.dumps(value, default=_plain)


def loads(text: str | bytes) -> Any:  # noqa: ANN401 - JSON
    """Read JSON with exact amounts."""
    return json.loads(text, parse_float=Decimal)


@dataclass(frozen=True)
class Outcome:
    """What a call came to: its answer, or the SQLSTATE and the issues of its refusal."""

    answer: Document
    sqlstate: str | None = None
    issues: tuple[Document, ...] = ()


def attempt(db: Connection, rpc: LiteralString, **arguments: object) -> Outcome:
    """Call an RPC by named arguments, in a savepoint that a refusal takes back."""
    statement = sql.SQL("SELECT {}({})::text").format(
        sql.Identifier("ticketing", rpc),
        sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
            for name in arguments
        ),
    )
    parameters = {
        name: Jsonb(value, dumps) if isinstance(value, (dict, list)) else value
        for name, value in arguments.items()
    }
    try:
        with db.transaction():
            row = db.execute(statement, parameters).fetchone()
    except psycopg.Error as error:
        try:
            issues = loads(error.diag.message_detail or "")["issues"]
        except ValueError:
            raise error from None  # nothing that the contract knows
        for issue in issues:
            assert list(faults("issue", issue)) == []
        return Outcome({}, error.sqlstate, tuple(issues))
    assert row is not None
    return Outcome(checked(rpc, row[0]))


def call(db: Connection, rpc: LiteralString, **arguments: object) -> Document:
    """Call an RPC that must not refuse, and return its answer."""
    outcome = attempt(db, rpc, **arguments)
    assert outcome.sqlstate is None, (outcome.sqlstate, outcome.issues)
    return outcome.answer


class Names:
    """Translates whole JSON documents from names to ids and back."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        """Take the id of each name."""
        self._ids = dict(ids)
        self._names = {ident: name for name, ident in ids.items()}

    def also(self, name: str, ident: str) -> None:
        """Give an id a name that another id has already; `<name>@db` is that very id."""
        self._names[ident] = name
        self._ids[f"{name}@db"] = ident

    def ids(self, document: Any) -> Any:  # noqa: ANN401 - JSON
        """Replace the names, wherever a key or a string is one."""
        match document:
            case dict():
                return {self.ids(key): self.ids(value) for key, value in document.items()}
            case list() | tuple():
                return [self.ids(value) for value in document]
            case str():
                return self._ids.get(document, document)
            case _:
                return document

    def names(self, document: Any) -> Any:  # noqa: ANN401 - JSON
        """Replace the ids, wherever they stand, also inside paths."""
        return loads(UUIDS.sub(lambda found: self._names.get(found[0], found[0]), dumps(document)))


Ticket: TypeAlias = tuple[str, str, str | None, Decimal, Decimal]
"""Attendee, ticket type, package, price paid and list price of one ticket."""


def as_tickets(names: Names, rows: Iterable[Document]) -> list[Ticket]:
    """Read full ticket objects, in their order."""
    return [
        (
            names.names(row["attendee_id"]),
            names.names(row["ticket_type_id"]),
            names.names(row["package_id"]),
            Decimal(row["price_paid"]),
            Decimal(row["original_price"]),
        )
        for row in rows
    ]


def create(
    db: Connection,
    state: Mapping[str, Any],
    function: str,
    registration: str = REGISTRATION,
    **changes: object,
) -> Document:
    """Make a registration of the wizard's registration object, and return the answer."""
    data = {**state, "registrationId": registration, "functionId": function, **changes}
    return call(db, "create_individual_registration_jsonb", p_registration_data=data)


def as_updates(selections: Mapping[str, Any]) -> list[Document]:
    """Say the same as `p_selections` in the form of `p_attendee_updates`."""
    return [
        {"attendee_id": attendee, "selected_tickets": selected}
        for attendee, selected in selections.items()
    ]


def counters(db: Connection) -> dict[UUID, tuple[int, int]]:
    """Return what every pool says is reserved and sold."""
    return {
        pool: (reserved, sold)
        for pool, reserved, sold in db.execute(
            "SELECT capacity_pool_id, reserved, sold FROM ticketing.capacity_pools"
        )
    }


def recount(db: Connection) -> dict[UUID, tuple[int, int]]:
    """Count from the tickets what `counters` should say: here with no help of the package."""
    return {
        pool: (reserved, sold)
        for pool, reserved, sold in db.execute(
            """
            WITH held AS (
                SELECT t.*, r.status = 'completed' AS is_sold
                FROM ticketing.tickets AS t JOIN ticketing.registrations AS r
                    USING (function_id, registration_id)
                WHERE t.status = 'Active' AND r.status IN ('draft', 'pending', 'completed')
            ),
            unit AS (
                SELECT p.capacity_pool_id, held.is_sold
                FROM held JOIN ticketing.ticket_type_pools AS p USING (function_id, ticket_type_id)
                UNION ALL
                SELECT p.capacity_pool_id, copy.is_sold
                FROM (
                    SELECT DISTINCT function_id, attendee_id, package_id, package_number, is_sold
                    FROM held WHERE package_id IS NOT NULL
                ) AS copy JOIN ticketing.package_pools AS p USING (function_id, package_id)
            )
            SELECT p.capacity_pool_id,
                count(*) FILTER (WHERE NOT unit.is_sold), count(*) FILTER (WHERE unit.is_sold)
            FROM ticketing.capacity_pools AS p LEFT JOIN unit USING (capacity_pool_id)
            GROUP BY p.capacity_pool_id
            """
        )
    }


TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'ticketing'::regnamespace"
)


def everything(db: Connection) -> dict[str, list[str]]:
    """Return every row of every table, and the transaction that wrote it: equal means untouched."""
    return {
        table: [
            row
            for (row,) in db.execute(
                sql.SQL(
                    "SELECT concat_ws(' ', t.ctid, t.xmin, t::text) FROM {} AS t ORDER BY 1"
                ).format(sql.Identifier("ticketing", table))
            )
        ]
        for (table,) in db.execute(TABLES).fetchall()
    }


Change: TypeAlias = Callable[[Document], None]


def amend(catalogue: Document, changes: Mapping[str, Document]) -> None:
    """Change events, ticket types and packages of a catalogue, given by id."""
    missing = set(changes)
    for section, key in (
        ("events", "event_id"),
        ("ticket_types", "ticket_type_id"),
        ("packages", "package_id"),
    ):
        for entry in catalogue[section]:
            if entry[key] in changes:
                entry.update(changes[entry[key]])
                missing.discard(entry[key])
    assert not missing, missing
