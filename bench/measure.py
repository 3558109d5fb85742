"""Measurement: everything that is compared takes turns in one loop.

Noise of the machine then affects all alike, and the reported ratio is that within a turn.
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
"""Milliseconds by name."""

WARM_UP: Final = 3
"""Turns that are not counted, because first calls compile and plan; never more than are counted."""

_DIGITS: Final = 3


def timed(work: Callable[[], object]) -> float:
    """Measure the duration of a call.

    Args:
        work: The function to call.

    Returns:
        Milliseconds.
    """
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def take_turns(rounds: int, turn: Callable[[int], Times]) -> dict[str, list[float]]:
    """Run everything that is compared once per round.

    Args:
        rounds: Number of counted rounds; a few warm-up rounds precede them.
        turn: Runs everything once; gets the number of the round, to vary the order.

    Returns:
        The times of the counted rounds, by name.
    """
    return take_turns_together({None: rounds}, lambda _, number: turn(number))[None]


def take_turns_together(
    rounds: Mapping[K, int], turn: Callable[[K, int], Times]
) -> dict[K, dict[str, list[float]]]:
    """Run several sets of comparisons interleaved.

    The rounds of each set are spread evenly over the whole time, so that a short load on the
    machine does not affect one set more than another.

    Args:
        rounds: Number of counted rounds by set; a few warm-up rounds precede them.
        turn: Runs everything of a set once; gets the set and the number of the round, to vary the
            order.

    Returns:
        By set, the times of the counted rounds, by name.
    """
    series: dict[K, dict[str, list[float]]] = {key: {} for key in rounds}
    warm_up = [
        (key, number) for key, count in rounds.items() for number in range(-min(WARM_UP, count), 0)
    ]
    counted = sorted(
        ((key, number) for key, count in rounds.items() for number in range(count)),
        key=lambda turn: (turn[1] + 0.5) / rounds[turn[0]],
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
    """Measure several variants, each several times in a row.

    The median counts: the first run finds the caches as the previous variant has left them.

    Args:
        groups: The work by name. The members of a group follow each other.
        number: The number of the round, which determines the order of the groups.

    Returns:
        Milliseconds by name.
    """
    return {
        name: statistics.median(timed(work) for work in row)
        for group in shuffled(groups, number)
        for name, row in group.items()
    }


def shuffled(items: Iterable[T], number: int) -> list[T]:
    """Return items in an order that depends only on a number.

    Args:
        items: The items.
        number: The number.

    Returns:
        All items.
    """
    mixed = list(items)
    random.Random(number).shuffle(mixed)  # noqa: S311 - no secret
    return mixed


def spread(values: Sequence[float]) -> list[float]:
    """Return median and quartiles of some values.

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
    """Return the ratios of two series of times within their rounds.

    Args:
        series: Times by round.
        base: Times to compare with, by round.

    Returns:
        First quartile, median and third quartile of the ratios within a round.
    """
    return spread([value / other for value, other in zip(series, base, strict=True)])


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return percentiles of some values.

    Args:
        values: The values, at least two.

    Returns:
        p50, p95 and p99.
    """
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {f"p{number}": round(cuts[number - 1], _DIGITS) for number in (50, 95, 99)}
