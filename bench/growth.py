"""The same calls with few and with many stored tickets, in databases of one server."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg

from bench.bookings import BookingOffice
from bench.calls import life_of_a_booking
from bench.measure import Times, ratios, shuffled, spread, take_turns, timed
from bench.persist import FLOOR
from bench.server import create_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.server import Connection, Document
    from ticketing_client.embedded import Server


def measure_growth(server: Server, stored: Sequence[int], rounds: int) -> Document:
    """Measure every call in databases that differ only in the number of stored tickets.

    The databases take turns: each call is executed in all of them before the next call.

    Args:
        server: The server.
        stored: Numbers of stored tickets; the first is that of the template, and the others are
            compared with it.
        rounds: Number of counted rounds.

    Returns:
        For each call, and for the floor, its milliseconds and its ratio to the smallest database,
        by number of tickets.
    """
    with ExitStack() as stack:
        connections = {
            tickets: stack.enter_context(
                psycopg.connect(
                    create_database(server, f"bench_growth_{tickets}", tickets - stored[0]),
                    autocommit=True,
                )
            )
            for tickets in stored
        }
        offices = {
            tickets: BookingOffice(connection) for tickets, connection in connections.items()
        }
        series = take_turns(rounds, lambda number: _turn(connections, offices, number))
    smallest = stored[0]
    names = dict.fromkeys(name.partition(" ")[2] for name in series)
    return {
        "rounds": rounds,
        "stored": list(stored),
        "rows": [
            {
                "call": name,
                "times": {str(tickets): spread(series[f"{tickets} {name}"]) for tickets in stored},
                "to_smallest": {
                    str(tickets): ratios(series[f"{tickets} {name}"], series[f"{smallest} {name}"])
                    for tickets in stored[1:]
                },
            }
            for name in names
        ],
    }


def _turn(
    connections: dict[int, Connection], offices: dict[int, BookingOffice], number: int
) -> Times:
    """Execute every call once in every database."""
    statements = {}
    for tickets, office in offices.items():
        life = life_of_a_booking(office)
        for call in life.before:
            office.answer(call)
        statements[tickets] = {
            name: (call.sql, call.params) for name, call in life.calls.items()
        } | {"floor": (FLOOR, office.wizards().baseline)}
    names = next(iter(statements.values()))
    return {
        f"{tickets} {name}": timed(
            lambda tickets=tickets, name=name: (  # type: ignore[misc]
                connections[tickets].execute(*statements[tickets][name]).fetchone()
            )
        )
        for name in names
        for tickets in shuffled(connections, number)
    }
