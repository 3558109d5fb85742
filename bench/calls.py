"""Every call of a booking, in units of a bare INSERT; buffers and WAL of a persist."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import psycopg

from bench.bookings import BookingOffice
from bench.measure import Times, in_turn, ratios, spread, take_turns
from bench.persist import FLOOR
from bench.server import create_database, faults, settle
from ticketing_client import Client, calls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.bookings import Booking
    from bench.server import Connection, Document
    from ticketing_client.calls import Call
    from ticketing_client.embedded import Server

CHANGED: Final = 50
"""Tickets of the booking in which one ticket is changed."""

_WORK_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Life:
    """The calls of one booking of the recorded wizard, in order.

    Attributes:
        before: Calls to execute first, not measured.
        calls: The measured calls by their name in the report.
    """

    before: list[Call[Any]]
    calls: dict[str, Call[Any]]


def life_of_a_booking(office: BookingOffice) -> Life:
    """Prepare every call of a booking of 4 attendees and 13 tickets.

    Args:
        office: The office that prepares bookings.

    Returns:
        The calls, not executed yet.
    """
    booking, bought = office.wizards(), office.wizards()
    many, chosen, paid = (office.guests(CHANGED) for _ in range(3))
    changed = office.with_one_changed(paid)
    difference = price_of(changed) - price_of(paid)
    return Life(
        before=[
            bought.call,
            many.call,
            chosen.call,
            paid.call,
            calls.complete_registration_payment(paid.registration_id, payment_of(price_of(paid))),
        ],
        calls={
            "create": calls.create_individual_registration_with_tickets(
                office.registration_data(), office.by_client_id(booking)
            ),
            "persist": booking.call,
            "persist again": booking.call,
            "change 1 of 50": office.with_one_changed(many).call,
            "select 1 of 50": calls.persist_ticket_selections(
                chosen.registration_id, first_selection(office.with_one_changed(chosen))
            ),
            "amend 1 of 50": calls.amend_registration(
                paid.registration_id,
                first_selection(changed),
                payment_of(difference) if difference > 0 else None,
            ),
            "quote": calls.quote_ticket_selections(
                office.function_id, office.selections, office.attendees
            ),
            "get_registration": calls.get_registration(booking.registration_id),
            "availability": calls.get_ticket_availability(office.function_id),
            "start_payment": calls.start_payment(bought.registration_id),
            "complete_payment": calls.complete_registration_payment(
                bought.registration_id, payment_of(price_of(bought))
            ),
        },
    )


def price_of(booking: Booking) -> Decimal:
    """Return what the tickets of a booking cost together."""
    return sum((Decimal(str(row["price_paid"])) for row in booking.tickets), Decimal(0))


def payment_of(amount: Decimal) -> Document:
    """Return a p_payment by a reference of its own."""
    return {"reference": str(uuid4()), "amount": str(amount), "currency": "AUD"}


def first_selection(booking: Booking) -> Document:
    """Return the p_selections of the first attendee of a booking."""
    first = booking.attendee_updates[0]
    return {first["attendee_id"]: first["selected_tickets"]}


def measure_calls(server: Server, rounds: int) -> Document:
    """Measure every call over one warm connection, as raw SQL and through the client.

    Args:
        server: The server.
        rounds: Number of counted rounds.

    Returns:
        For each call its times in milliseconds and its ratio to the floor of 13 tickets; the ratio
        of an amendment to a persist of the same change; and the number of faults that
        check_integrity() finds afterwards.
    """
    url = create_database(server, "bench_calls")
    with psycopg.connect(url, autocommit=True) as connection:
        office = BookingOffice(connection)
        client = Client(connection)
        foreign: list[str] = []

        def turn(number: int) -> Times:
            floor, raw, typed = (
                office.wizards(),
                life_of_a_booking(office),
                life_of_a_booking(office),
            )
            foreign.append(floor.registration_id)
            for call in (*raw.before, *typed.before):
                office.answer(call)
            values = floor.baseline
            return in_turn(
                [
                    {"floor": [lambda: connection.execute(FLOOR, values).fetchone()]},
                    {
                        f"raw {name}": [_execution(connection, call)]
                        for name, call in raw.calls.items()
                    },
                    {f"client {name}": [_call(client, call)] for name, call in typed.calls.items()},
                ],
                number,
            )

        settle(connection)
        series = take_turns(rounds, turn)
        connection.execute("SELECT bench.forget(%s, %s::uuid[])", [office.function_id, foreign])
        names = [name.removeprefix("raw ") for name in series if name.startswith("raw ")]
        return {
            "rounds": rounds,
            "floor": spread(series["floor"]),
            "calls": [
                {
                    "call": name,
                    "raw": spread(series[f"raw {name}"]),
                    "client": spread(series[f"client {name}"]),
                    "to_floor": ratios(series[f"raw {name}"], series["floor"]),
                    "client_to_raw": ratios(series[f"client {name}"], series[f"raw {name}"]),
                }
                for name in names
            ],
            "amend_to_select": ratios(series["raw amend 1 of 50"], series["raw select 1 of 50"]),
            "faults": faults(connection),
        }


def measure_work(server: Server, sizes: Sequence[int]) -> Document:
    """Measure buffers and WAL of a persist, which do not depend on the machine.

    Args:
        server: The server.
        sizes: Numbers of tickets.

    Returns:
        For each size and variant the medians of shared buffers, WAL bytes and WAL records.
    """
    url = create_database(server, "bench_work")
    with psycopg.connect(url, autocommit=True) as connection:
        office = BookingOffice(connection)
        rows: list[Document] = []
        for tickets in sizes:
            work: dict[str, list[Document]] = {"floor": [], "ours": [], "again": []}
            for number in range(-1, _WORK_ROUNDS):
                floor, ours = office.of_size(tickets), office.of_size(tickets)
                found = {
                    "floor": explained(connection, FLOOR, floor.baseline),
                    "ours": explained(connection, ours.call.sql, ours.call.params),
                    "again": explained(connection, ours.call.sql, ours.call.params),
                }
                if number >= 0:
                    for name, counted in found.items():
                        work[name].append(counted)
            rows += [
                {
                    "tickets": tickets,
                    "variant": name,
                    **{
                        key: round(spread([counted[key] for counted in rounds])[1])
                        for key in ("buffers", "wal_bytes", "wal_records")
                    },
                }
                for name, rounds in work.items()
            ]
        return {"rounds": _WORK_ROUNDS, "rows": rows}


def explained(connection: Connection, statement: str, values: Any) -> Document:  # noqa: ANN401
    """Execute a statement under EXPLAIN.

    Args:
        connection: The connection.
        statement: The statement.
        values: Its parameters.

    Returns:
        Its buffers and WAL, including those of functions, and its milliseconds on the server.
    """
    row = connection.execute(
        b"EXPLAIN (ANALYZE, BUFFERS, WAL, TIMING OFF, FORMAT JSON) " + statement.encode(),
        values,
    ).fetchone()
    assert row is not None
    plan = row[0][0]["Plan"]
    return {
        "buffers": plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
        "wal_bytes": plan.get("WAL Bytes", 0),
        "wal_records": plan.get("WAL Records", 0),
        "ms": row[0][0]["Execution Time"],
    }


def _execution(connection: Connection, call: Call[Any]) -> Callable[[], object]:
    return lambda: connection.execute(call.sql, call.params).fetchone()


def _call(client: Client, call: Call[Any]) -> Callable[[], object]:
    return lambda: client.execute(call)
