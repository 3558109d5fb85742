"""How much is measured: everything, a quick run, or the minimum for tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        name: Name in the report.
        persist_rounds: Rounds by the number of tickets in a persist.
        call_rounds: Rounds of every call.
        work_sizes: Numbers of tickets for the count of buffers and WAL.
        clients: Numbers of clients.
        throughput_calls: Calls of a run, all clients together.
        throughput_rounds: Runs of each scenario.
        capacity: Capacity of a sell-out.
        mixed_calls: Transactions per client of the mixed load.
        stored: Numbers of stored tickets, for growth; everything else is measured with the first.
        growth_rounds: Rounds of every call in each of these databases.
        holds: Pairs of numbers of registrations by their kind; see measure_holds.
        hold_rounds: Rounds of every call in each of these databases.
        cold_rounds: Rounds of first calls.
    """

    name: str
    persist_rounds: dict[int, int]
    call_rounds: int
    work_sizes: tuple[int, ...]
    clients: tuple[int, ...]
    throughput_calls: int
    throughput_rounds: int
    capacity: int
    mixed_calls: int
    stored: tuple[int, ...]
    growth_rounds: int
    holds: dict[str, tuple[int, int]]
    hold_rounds: int
    cold_rounds: int


FULL: Final = Effort(
    name="full",
    persist_rounds={1: 100, 10: 100, 13: 60, 50: 60, 500: 15, 2000: 5},
    call_rounds=30,
    work_sizes=(1, 10, 13, 50, 500, 2000),
    clients=(1, 4, 16, 64),
    throughput_calls=1280,
    throughput_rounds=3,
    capacity=10_000,
    mixed_calls=120,
    stored=(1_000, 100_000, 1_000_000),
    growth_rounds=30,
    holds={
        "open": (1_000, 100_000),
        "empty": (1_000, 100_000),
        "overdue": (0, 10_000),
        "released": (10_000, 100_000),
    },
    hold_rounds=15,
    cold_rounds=30,
)

QUICK: Final = replace(
    FULL,
    name="quick",
    persist_rounds={1: 12, 10: 12, 13: 10, 50: 8, 500: 3, 2000: 2},
    call_rounds=8,
    work_sizes=(1, 10, 50, 500),
    clients=(1, 16),
    throughput_calls=480,
    throughput_rounds=1,
    capacity=2_000,
    mixed_calls=80,
    stored=(1_000, 100_000),
    growth_rounds=8,
    holds={
        "open": (1_000, 20_000),
        "empty": (1_000, 20_000),
        "overdue": (0, 10_000),
        "released": (10_000, 20_000),
    },
    hold_rounds=5,
    cold_rounds=8,
)

TINY: Final = Effort(
    name="tiny",
    persist_rounds={1: 1, 10: 1, 13: 1, 50: 1, 500: 1},
    call_rounds=1,
    work_sizes=(1,),
    clients=(1, 16),
    throughput_calls=48,
    throughput_rounds=1,
    capacity=40,
    mixed_calls=120,
    stored=(100, 1_000),
    growth_rounds=1,
    holds={"open": (10, 200), "empty": (10, 200), "overdue": (0, 200), "released": (10, 200)},
    hold_rounds=1,
    cold_rounds=1,
)


def with_ten_million(effort: Effort) -> Effort:
    """Return an effort that also measures with ten million stored tickets.

    Args:
        effort: The effort to extend.

    Returns:
        The extended effort; filling that database takes several minutes.
    """
    return replace(effort, stored=(*effort.stored, 10_000_000))
