"""What each call reads with few and with many open, empty or overdue registrations.

Counted are shared buffers and rows, which do not depend on the machine; times are beside them.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

from bench.bookings import BookingOffice
from bench.calls import explained
from bench.measure import Times, shuffled, spread, take_turns
from bench.server import (
    create_database,
    example_guest,
    faults,
    large_catalogue,
    open_types,
    settle,
)
from ticketing_client import calls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import LiteralString

    from bench.server import Connection, Document
    from ticketing_client.calls import Call
    from ticketing_client.embedded import Server

UNITS: Final = ("buffers", "rows", "ms")

FULL_POOLS: Final = {
    "refused": (100, 0),
    "refused, some unpaid": (100, 20),
    "refused, large pool": (2_100, 20),
}
"""Paid and unpaid tickets in pools that are full, by the name of a refused persist of one more."""

READING_OVERDUE: Final = ("availability", "refused, large pool")
"""What reads every overdue hold; all other calls read as much without any."""

_LIVING: Final = timedelta(hours=1)
"""In which holds end first that do not end during the run."""

_HALF_HOUR: Final = timedelta(minutes=30)

_BASE: Final = "bench_holds"

_REFUSED: Final[LiteralString] = "SELECT bench.be_refused(%s, %s, %s)"
_BECOME: Final[LiteralString] = (
    "SELECT set_config('role', %s, true), "
    "set_config('request.jwt.claims', jsonb_build_object('sub', %s::uuid)::text, true)"
)


@dataclass(frozen=True, slots=True)
class Request:
    """A statement, and the user who sends it; None is the service."""

    statement: LiteralString
    values: Any
    owner_id: str | None


class _House:
    """A database with registrations of one kind, and the ticket types whose pools are full."""

    def __init__(self, connection: Connection, full: Mapping[str, Document]) -> None:
        self._connection = connection
        self._office = BookingOffice(connection)
        # they write nothing, so that one booking of each serves all rounds
        self._refused = {name: self._office.single(type_) for name, type_ in full.items()}

    def requests(self) -> dict[str, Request]:
        """Prepare every call, each for another buyer."""
        office = self._office
        data, booking, bought = office.registration_data(), office.wizards(), office.wizards()
        one = office.single(office.types[0])
        office.answer(bought.call)
        total = sum(round(100 * ticket["price_paid"]) for ticket in bought.tickets) / 100
        payment = {"reference": str(uuid4()), "amount": total, "currency": "AUD"}
        life: dict[str, tuple[Call[Any], str | None]] = {
            "availability": (calls.get_ticket_availability(office.function_id), booking.owner_id),
            "quote": (
                calls.quote_ticket_selections(
                    office.function_id, office.selections, office.attendees
                ),
                booking.owner_id,
            ),
            "create": (
                calls.create_individual_registration_with_tickets(
                    data, office.by_client_id(booking)
                ),
                data["authUserId"],
            ),
            "persist": (booking.call, booking.owner_id),
            "persist again": (booking.call, booking.owner_id),
            "persist 1": (one.call, one.owner_id),
            "get_registration": (calls.get_registration(booking.registration_id), booking.owner_id),
            "start_payment": (calls.start_payment(bought.registration_id), bought.owner_id),
            "complete_payment": (
                calls.complete_registration_payment(bought.registration_id, payment),
                None,
            ),
        }
        return {
            name: Request(call.sql, call.params, owner_id)
            for name, (call, owner_id) in life.items()
        } | {
            name: Request(
                _REFUSED,
                [refused.registration_id, Jsonb(refused.tickets), Jsonb(refused.attendee_updates)],
                refused.owner_id,
            )
            for name, refused in self._refused.items()
        }

    def work(self, request: Request) -> Times:
        """Execute a request, and return its buffers, rows and milliseconds on the server."""
        with self._connection.transaction():
            if request.owner_id:
                self._connection.execute(_BECOME, ["authenticated", request.owner_id])
            before = self._rows_read()
            found = explained(self._connection, request.statement, request.values)
            return {
                "buffers": found["buffers"],
                "rows": self._rows_read() - before,
                "ms": found["ms"],
            }

    def _rows_read(self) -> int:
        row = self._connection.execute("SELECT bench.rows_read()").fetchone()
        assert row is not None
        count: int = row[0]
        return count


def _add_full_types(connection: Connection) -> dict[str, Document]:
    """Add ticket types with pools that are full; return them by the name of their refusal."""
    catalogue = large_catalogue()
    function_id, some_type = catalogue["function"]["function_id"], open_types(catalogue)[0]
    full = {name: some_type | {"ticket_type_id": str(uuid4()), "name": name} for name in FULL_POOLS}
    catalogue["ticket_types"] += full.values()
    connection.execute("SELECT ticketing.import_catalogue(%s)", [Jsonb(catalogue)])
    for name, (sold, held) in FULL_POOLS.items():
        type_id = full[name]["ticket_type_id"]
        connection.execute(
            "SELECT bench.fill(%s, %s::uuid[], %s, %s)",
            [function_id, [type_id], sold // 2, Jsonb(example_guest())],
        )
        _fill(connection, [full[name]], held, held, _LIVING)
        connection.execute("SELECT bench.sell_out(%s, %s)", [function_id, type_id])
    return full


def _populate(
    connection: Connection, kind: str, count: int, total: int, full: Mapping[str, Document]
) -> None:
    """Store so many registrations of a kind, and expired ones up to the total."""
    types = open_types(large_catalogue())
    match kind:
        case "open":
            _fill(connection, types, total, count, _LIVING)
        case "empty":
            _fill(connection, [], total, count, _LIVING)
        case "overdue":
            _fill(connection, types, total, count, -_HALF_HOUR)
        case _:  # released
            _fill(connection, list(full.values()), count, 0, _LIVING)
            _fill(connection, types, total - count, 0, _LIVING)
    settle(connection)


def _fill(
    connection: Connection, types: Sequence[Document], count: int, open_: int, first_end: timedelta
) -> None:
    """Store registrations; the holds of open ones end within half an hour after that."""
    first = datetime.now(UTC) + first_end
    connection.execute(
        "SELECT bench.fill_open(%s, %s::uuid[], %s, %s, %s, %s, %s)",
        [
            large_catalogue()["function"]["function_id"],
            [type_["ticket_type_id"] for type_ in types],
            count,
            open_,
            first,
            first + _HALF_HOUR,
            Jsonb(example_guest()),
        ],
    )


def measure_holds(server: Server, sizes: Mapping[str, Sequence[int]], rounds: int) -> Document:
    """Measure every call in databases that differ only in how many registrations are open.

    Each pair of databases stores as many; those that are not open have expired. The databases take
    turns: each call is executed in all of them before the next call.

    Args:
        server: The server.
        sizes: How many are open in the one database and in the other, by their kind: open (each
            holds a ticket, and no hold ends during the run), empty (drafts that hold nothing) and
            overdue (as open, with holds that have ended and that no job has released). Of kind
            released: how many of the expired ones held a ticket of a full pool.
        rounds: Number of counted rounds.

    Returns:
        By kind and call, buffers, rows and milliseconds with few and with many, and their ratio;
        and the number of faults that check_integrity() finds afterwards.
    """
    with psycopg.connect(create_database(server, _BASE), autocommit=True) as connection:
        full = _add_full_types(connection)
    with ExitStack() as stack:
        houses: dict[tuple[str, int], _House] = {}
        connections: list[Connection] = []
        for kind, counts in sizes.items():
            for count in counts:
                url = create_database(server, f"{_BASE}_{kind}_{count}", template=_BASE)
                connection = stack.enter_context(psycopg.connect(url, autocommit=True))
                connections.append(connection)
                _populate(connection, kind, count, max(counts), full)
                houses[kind, count] = _House(connection, full)
        series = take_turns(rounds, lambda number: _turn(houses, number))
        found = sum(faults(connection) for connection in connections)
    names = dict.fromkeys(name.split("|")[2] for name in series)
    rows: list[Document] = []
    for kind, counts in sizes.items():
        for name in names:
            row: Document = {"kind": kind, "counts": list(counts), "call": name}
            for unit in UNITS:
                few, many = (spread(series[f"{kind}|{count}|{name}|{unit}"])[1] for count in counts)
                row[unit] = [few, many]
            rows.append(row)
    return {"rounds": rounds, "rows": rows, "faults": found}


def _turn(houses: Mapping[tuple[str, int], _House], number: int) -> Times:
    """Execute every call once in every database."""
    requests = {key: house.requests() for key, house in houses.items()}
    times: Times = {}
    for name in next(iter(requests.values())):
        for kind, count in shuffled(houses, number):
            work = houses[kind, count].work(requests[kind, count][name])
            times |= {f"{kind}|{count}|{name}|{unit}": value for unit, value in work.items()}
    return times
