"""The first call of a connection, compared with later ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg

from bench.bookings import BookingOffice
from bench.measure import Times, ratios, shuffled, spread, take_turns, timed
from bench.server import create_database, faults, settle
from ticketing_client import Client, calls

if TYPE_CHECKING:
    from bench.server import Connection, Document
    from ticketing_client.calls import Call
    from ticketing_client.embedded import Server

_STATES: Final = ("first", "warmed", "later")


def measure_cold(server: Server, rounds: int) -> Document:
    """Measure calls of one ticket over connections that have just been opened.

    Args:
        server: The server.
        rounds: Number of counted rounds; each opens two connections for every call.

    Returns:
        For each call its milliseconds as the first of a connection, as the first after Client.warm
        and as a later one, with ratios to the last; the milliseconds of Client.warm; and the number
        of faults that check_integrity() finds afterwards.
    """
    url = create_database(server, "bench_cold")
    with psycopg.connect(url, autocommit=True) as kept:
        office = BookingOffice(kept)
        settle(kept)

        def turn(number: int) -> Times:
            times: Times = {}
            by_state = {state: _requests(office) for state in _STATES}
            for name in by_state["first"]:
                for state in shuffled(_STATES, number):
                    call = by_state[state][name]
                    if state == "later":
                        times[f"{state} {name}"] = _execution(kept, call)
                        continue
                    with psycopg.connect(url, autocommit=True) as opened:
                        if state == "warmed":
                            times["warming"] = timed(lambda opened=opened: Client.warm(opened))  # type: ignore[misc]
                        times[f"{state} {name}"] = _execution(opened, call)
            return times

        series = take_turns(rounds, turn)
        return {
            "rounds": rounds,
            "rows": [
                {
                    "call": name,
                    "times": {state: spread(series[f"{state} {name}"]) for state in _STATES},
                    **{
                        f"{state}_to_later": ratios(
                            series[f"{state} {name}"], series[f"later {name}"]
                        )
                        for state in ("first", "warmed")
                    },
                }
                for name in _requests(office)
            ],
            "warming": spread(series["warming"]),
            "faults": faults(kept),
        }


def _requests(office: BookingOffice) -> dict[str, Call[Any]]:
    """Prepare every call, for buyers of one ticket."""
    newcomer = office.newcomer()
    return {
        "availability": calls.get_ticket_availability(office.function_id),
        "quote": newcomer.quote,
        "persist": office.single(office.types[0]).call,
        "create": newcomer.create,
    }


def _execution(connection: Connection, call: Call[Any]) -> float:
    return timed(lambda: connection.execute(call.sql, call.params).fetchone())
