"""A persist of 1 to 2,000 tickets, compared with other ways to write the same rows."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, LiteralString

import psycopg

from bench.application import Application
from bench.bookings import Booking, BookingOffice
from bench.measure import Times, in_turn, ratios, spread, take_turns_together
from bench.server import create_database, faults, settle
from ticketing_client import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.server import Connection, Document
    from ticketing_client.calls import Call
    from ticketing_client.embedded import Server

MOST_FOR_APPLICATION: Final = 500
"""The most tickets for application code; more would take most of the time of the run."""

IN_A_ROW: Final = 3
"""Persists of a variant in a row; the median counts."""

FLOOR: Final[LiteralString] = "SELECT bench.floor(%s, %s, %s, %s, %s)"
_LOOP: Final[LiteralString] = "SELECT bench.naive_loop(%s, %s, %s, %s, %s)"


def measure_persist(server: Server, rounds: Mapping[int, int]) -> Document:
    """Measure persists of several sizes over one warm connection, COMMIT included.

    Args:
        server: The server.
        rounds: Number of counted rounds, by the number of tickets.

    Returns:
        For each size the times of all variants in milliseconds, and ratios between them; and the
        number of faults that check_integrity() finds afterwards.
    """
    url = create_database(server, "bench_persist")
    with (
        psycopg.connect(url, autocommit=True) as connection,
        closing(Application(url)) as application,
    ):
        sizes = _Persist(connection, application).measure(rounds)
        return {"sizes": sizes, "faults": faults(connection)}


class _Persist:
    """One connection, and the variants that persist over it."""

    def __init__(self, connection: Connection, application: Application) -> None:
        self._connection = connection
        self._application = application
        self._client = Client(connection)
        self._office = BookingOffice(connection)

    def measure(self, rounds: Mapping[int, int]) -> list[Document]:
        """Measure all sizes interleaved."""
        settle(self._connection)
        foreign: list[str] = []
        measured = take_turns_together(
            rounds, lambda tickets, number: self._turn(tickets, number, foreign)
        )
        self._connection.execute(
            "SELECT bench.forget(%s, %s::uuid[])", [self._office.function_id, foreign]
        )
        return [_compared(tickets, number, measured[tickets]) for tickets, number in rounds.items()]

    def _turn(self, tickets: int, number: int, foreign: list[str]) -> Times:
        """Let each variant persist its own booking; note those without counters, to delete them."""
        floor, loop, ours, mixed, client = (self._bookings(tickets) for _ in range(5))
        foreign += [booking.registration_id for booking in (*floor, *loop)]
        persists = [self._persist(booking.call) for booking in ours]
        groups: list[dict[str, list[Callable[[], object]]]] = [
            {"floor": [self._execution(FLOOR, booking.baseline) for booking in floor]},
            {"loop": [self._execution(_LOOP, booking.baseline) for booking in loop]},
            {"ours": persists, "again": persists},
            {"shuffled": [self._persist(booking.shuffled) for booking in mixed]},
            {"client": [partial(self._persist_by_client, booking) for booking in client]},
        ]
        if tickets <= MOST_FOR_APPLICATION:
            own = self._bookings(tickets)
            groups.append(
                {"application": [partial(self._application.persist, booking) for booking in own]}
            )
        return in_turn(groups, number)

    def _bookings(self, tickets: int) -> list[Booking]:
        return [self._office.of_size(tickets) for _ in range(IN_A_ROW)]

    def _persist(self, call: Call[Any]) -> Callable[[], object]:
        return self._execution(call.sql, call.params)

    def _execution(self, statement: LiteralString, values: Any) -> Callable[[], object]:  # noqa: ANN401
        return lambda: self._connection.execute(statement, values).fetchone()

    def _persist_by_client(self, booking: Booking) -> object:
        return self._client.persist_attendee_tickets(
            booking.registration_id, booking.tickets, booking.attendee_updates
        )


def _compared(tickets: int, rounds: int, series: Mapping[str, Sequence[float]]) -> Document:
    """Return the times of one size and their ratios."""
    result: Document = {
        "tickets": tickets,
        "rounds": rounds,
        "times": {name: spread(values) for name, values in series.items()},
        "to_floor": {
            name: ratios(series[name], series["floor"])
            for name in ("ours", "loop", "client", "application")
            if name in series
        },
        "again_to_ours": ratios(series["again"], series["ours"]),
        "shuffled_to_ours": ratios(series["shuffled"], series["ours"]),
        "client_to_ours": ratios(series["client"], series["ours"]),
    }
    if "application" in series:
        for name in ("ours", "client"):
            result[f"application_to_{name}"] = ratios(series["application"], series[name])
    return result
