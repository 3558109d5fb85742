"""How time is taken: everything that is compared takes turns in one loop.

Noise of the machine then hits all alike, and what is reported is the ratio within a turn.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

T = TypeVar("T")
K = TypeVar("K", bound="Hashable")

Times: TypeAlias = dict[str, float]
"""Milliseconds by the name of what was timed."""

WARM_UP: Final = 3
"""Turns that are not counted, if there are as many that are: first calls compile and plan."""

_DIGITS: Final = 3


def timed(work: Callable[[], object]) -> float:
    """Do something and return how long it took.

    Args:
        work: What to do.

    Returns:
        Milliseconds.
    """
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def take_turns(rounds: int, turn: Callable[[int], Times]) -> dict[str, list[float]]:
    """Let everything that is compared run once in each of some rounds.

    Args:
        rounds: How many rounds count; a few more go before.
        turn: Runs everything once; given the number of the round, to change the order by.

    Returns:
        The times of the rounds that count, by name.
    """
    return take_turns_together({None: rounds}, lambda _, number: turn(number))[None]


def take_turns_together(
    rounds: Mapping[K, int], turn: Callable[[K, int], Times]
) -> dict[K, dict[str, list[float]]]:
    """Let several sets of things that are compared run side by side.

    The rounds of each are spread evenly over the whole time, so that a machine that is busy for
    some seconds is no worse for one set than for another.

    Args:
        rounds: How many rounds count, by set; a few more go before.
        turn: Runs everything of a set once; given the set and the number of the round, to change
            the order by.

    Returns:
        By set, the times of the rounds that count, by name.
    """
    series: dict[K, dict[str, list[float]]] = {key: {} for key in rounds}
    warm_up = [
        (key, number) for key, count in rounds.items() for number in range(-min(WARM_UP, count), 0)
    ]
    counted = sorted(
        ((key, number) for key, count in rounds.items() for number in range(count)),
        key=lambda place: (place[1] + 0.5) / rounds[place[0]],
    )
    gc.collect()
    gc.disable()
    try:
        for key, number in (*warm_up, *counted):
            times = turn(key, number)
            if number >= 0:
                for name, value in times.items():
                    series[key].setdefault(name, []).append(value)
            gc.collect(0)
    finally:
        gc.enable()
    return series


def in_turn(groups: Sequence[Mapping[str, Sequence[Callable[[], object]]]], number: int) -> Times:
    """Time several things, each as often in a row as there are pieces of work for it.

    The middle time counts. The first of several finds caches as somebody else has left them.

    Args:
        groups: What to do, by name. The members of a group follow each other.
        number: The number of the round, which decides the order of the groups.

    Returns:
        Milliseconds by name.
    """
    return {
        name: statistics.median(timed(work) for work in row)
        for group in shuffled(groups, number)
        for name, row in group.items()
    }


def shuffled(things: Iterable[T], number: int) -> list[T]:
    """Return things in an order that depends on a number alone.

    Args:
        things: The things.
        number: The number.

    Returns:
        All of them.
    """
    mixed = list(things)
    random.Random(number).shuffle(mixed)  # noqa: S311 - nobody gains by guessing it
    return mixed


def spread(values: Sequence[float]) -> list[float]:
    """Return the median of some values between their quartiles.

    Args:
        values: The values, at least one.

    Returns:
        First quartile, median and third quartile.
    """
    if len(values) == 1:
        values = [*values, *values]
    quartiles = statistics.quantiles(values, n=4, method="inclusive")
    return [round(value, _DIGITS) for value in quartiles]


def ratios(series: Sequence[float], base: Sequence[float]) -> list[float]:
    """Return by how much something took longer than something else in the same rounds.

    Args:
        series: Times of the one, by round.
        base: Times of the other, by round.

    Returns:
        First quartile, median and third quartile of the ratios within a round.
    """
    return spread([value / other for value, other in zip(series, base, strict=True)])


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return what most and what nearly all values are below.

    Args:
        values: The values, at least two.

    Returns:
        p50, p95 and p99.
    """
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {f"p{number}": round(cuts[number - 1], _DIGITS) for number in (50, 95, 99)}
