"""The report: one set of tables for the terminal and for docs/performance.md.

It depends on the results only, so the stored JSON file always gives the same pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from rich.bar import Bar
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

Results: TypeAlias = dict[str, Any]
"""The measured sections by name, and the machine."""

FLOOR_FACTOR: Final = 1.5
FLOOR_EXTRA: Final = 0.5
FLOOR_FACTOR_AT_500: Final = 1.35
MOST_FOR_REPEAT: Final = 0.8
LEAST_FOR_APPLICATION: Final = 5
LEAST_FOR_HOT: Final = 0.85
MOST_FOR_GROWTH: Final = 1.15
MOST_PER_TICKET: Final = 1.25
MOST_LATENCY: Final = 200

_SIZES_OF_GOAL: Final = (1, 10, 50, 500)
_LEAST_PER_TICKET: Final = 50
_MILLION: Final = "1000000"
_BLOCK: Final = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_BAR_WIDTH: Final = 40


@dataclass(frozen=True, slots=True)
class Page:
    """A table.

    Attributes:
        name: Name of its marker in docs/performance.md.
        title: Heading in the terminal.
        columns: Headers; the first column is aligned left, all others right.
        rows: Cells.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal of the benchmark.

    Attributes:
        words: The condition.
        measured: The measured value.
        is_met: Whether the condition holds.
    """

    words: str
    measured: str
    is_met: bool


def show(results: Results, console: Console) -> None:
    """Print all tables, a plot of the persists, and the goals.

    Args:
        results: The results.
        console: The console to print to.
    """
    for page in pages(results):
        table = Table(
            *(
                Column(header, justify="left" if number == 0 else "right")
                for number, header in enumerate(page.columns)
            ),
            box=SIMPLE_HEAD,
        )
        for row in page.rows:
            table.add_row(*row)
        console.print(f"\n{page.title}", style="bold")
        console.print(table)
        if page.name == "ratios":
            console.print(_plot(results["persist"]))


def write_tables(text: str, results: Results) -> str:
    """Return a Markdown page with its tables replaced.

    Args:
        text: The page, with a pair of `<!-- begin name -->` and `<!-- end -->` for each table.
        results: The results of all sections.

    Returns:
        The page; text outside of these pairs is unchanged.

    Raises:
        KeyError: When the page has a marker for an unknown table.
    """
    tables = {
        page.name: "".join(f"{line}\n" for line in _markdown(page)) for page in pages(results)
    }
    return _BLOCK.sub(lambda match: f"{match[1]}{tables[match[2]]}{match[3]}", text)


def pages(results: Results) -> list[Page]:
    """Return the tables of all measured sections.

    Args:
        results: The results.

    Returns:
        The tables, the goals last.
    """
    makers: tuple[tuple[str, Callable[[Any], Page]], ...] = (
        ("machine", _machine_page),
        ("persist", _persist_page),
        ("persist", _ratios_page),
        ("work", _work_page),
        ("calls", _calls_page),
        ("throughput", _throughput_page),
        ("throughput", _waits_page),
        ("sell_out", _sell_out_page),
        ("mixed", _mixed_page),
        ("growth", _growth_page),
    )
    made = [maker(results[section]) for section, maker in makers if section in results]
    judged = [
        [goal.words, goal.measured, "yes" if goal.is_met else "no"] for goal in goals(results)
    ]
    if judged:
        made.append(Page("goals", "Goals", ["goal", "measured", "met"], judged))
    return made


def goals(results: Results) -> list[Goal]:
    """Compare the results with the goals.

    Args:
        results: The results.

    Returns:
        The goals of the measured sections. All numbers are medians.
    """
    judges: dict[str, Callable[[Any], Iterator[Goal]]] = {
        "persist": _persist_goals,
        "throughput": _throughput_goals,
        "sell_out": _sell_out_goals,
        "growth": _growth_goals,
        "mixed": _mixed_goals,
    }
    judged = [
        goal for name, judge in judges.items() if name in results for goal in judge(results[name])
    ]
    checked = {
        name: results[name]["faults"] for name in results if "faults" in _keys(results[name])
    }
    if checked:
        judged.append(
            Goal(
                "`check_integrity()` finds nothing afterwards",
                f"{sum(checked.values())} differences in {len(checked)} sections",
                not any(checked.values()),
            )
        )
    return judged


def _persist_goals(section: Results) -> Iterator[Goal]:
    sizes = {size["tickets"]: size for size in section["sizes"]}
    for tickets in _SIZES_OF_GOAL:
        times = sizes[tickets]["times"]
        floor, ours = times["floor"][1], times["ours"][1]
        allowed = FLOOR_FACTOR * floor + FLOOR_EXTRA
        yield Goal(
            f"persist of {_count(tickets)}: at most {FLOOR_FACTOR} x floor + {FLOOR_EXTRA} ms",
            f"{_ms(ours)} ms of {_ms(allowed)} allowed"
            f" ({sizes[tickets]['to_floor']['ours'][1]:.2f} x floor)",
            ours <= allowed,
        )
    ratio = sizes[500]["to_floor"]["ours"][1]
    yield Goal(
        f"persist of 500 tickets: at most {FLOOR_FACTOR_AT_500} x floor",
        f"{ratio:.2f} x",
        ratio <= FLOOR_FACTOR_AT_500,
    )
    worst = max(section["sizes"], key=lambda size: float(size["again_to_ours"][1]))
    ratio = worst["again_to_ours"][1]
    yield Goal(
        f"the same persist again: at most {MOST_FOR_REPEAT} of the first",
        f"{ratio:.2f} at worst, of {_count(worst['tickets'])}",
        ratio <= MOST_FOR_REPEAT,
    )
    ratio = sizes[13]["application_to_ours"][1]
    yield Goal(
        f"application code at 13 tickets: at least {LEAST_FOR_APPLICATION} x ours",
        f"{ratio:.2f} x; {sizes[13]['application_to_client'][1]:.2f} x the client",
        ratio >= LEAST_FOR_APPLICATION,
    )
    # per additional ticket: the fixed cost of a call would hide growth
    times = {tickets: size["times"]["ours"][1] for tickets, size in sizes.items()}
    each = {
        (few, many): (times[many] - times[few]) / (many - few)
        for few, many in pairwise(tickets for tickets in times if tickets >= _LEAST_PER_TICKET)
    }
    ratio = max(each.values()) / min(each.values())
    yield Goal(
        f"cost per additional ticket, {_LEAST_PER_TICKET} to {max(times):,}: constant within 25%",
        ", ".join(
            f"{_ms(1000 * cost)} µs from {few:,} to {many:,}" for (few, many), cost in each.items()
        )
        + f" ({ratio:.2f} x)",
        ratio <= MOST_PER_TICKET,
    )


def _throughput_goals(section: Results) -> Iterator[Goal]:
    rows = {(row["clients"], row["scenario"]): row for row in section["rows"]}
    ratio = rows[16, "hot type"]["to_spread"][1]
    yield Goal(
        f"hot type at 16 clients: at least {LEAST_FOR_HOT} of the calls per second of spread",
        f"{ratio:.2f}",
        ratio >= LEAST_FOR_HOT,
    )
    yield _no_failures("no deadlock and no 40001 in any of these runs", section["rows"])


def _sell_out_goals(section: Results) -> Iterator[Goal]:
    wrong = [row for row in section["rows"] if {row["stored"], row["counted"]} != {row["capacity"]}]
    yield Goal(
        "a sell-out is exact",
        "; ".join(
            f"{row['stored']:,} of {row['capacity']:,} sold to {_clients(row['clients'])}"
            for row in section["rows"]
        ),
        not wrong,
    )
    yield _no_failures("no deadlock and no 40001 in a sell-out", section["rows"])


def _growth_goals(section: Results) -> Iterator[Goal]:
    largest = _MILLION if _MILLION in map(str, section["stored"]) else str(section["stored"][-1])
    calls = [row for row in section["rows"] if row["call"] != "floor"]
    worst = max(calls, key=lambda row: float(row["to_smallest"][largest][1]))
    floor = next(row for row in section["rows"] if row["call"] == "floor")
    ratio, floor_ratio = (row["to_smallest"][largest][1] for row in (worst, floor))
    yield Goal(
        f"{int(largest):,} tickets stored against {section['stored'][0]:,}: at most "
        f"{MOST_FOR_GROWTH} x for every call",
        f"{ratio:.2f} x at worst, `{worst['call']}` (the floor {floor_ratio:.2f} x)",
        ratio <= MOST_FOR_GROWTH,
    )


def _mixed_goals(section: Results) -> Iterator[Goal]:
    for name, load in section["loads"].items():
        worst = max(load["rows"], key=lambda row: float(row["p99"]))
        yield Goal(
            f"mixed load of {section['clients']} clients, {name}: p99 of every call below"
            f" {MOST_LATENCY} ms",
            f"{_ms(worst['p99'])} ms at worst, {worst['call']}",
            worst["p99"] < MOST_LATENCY,
        )
    yield _no_failures(
        "no deadlock and no 40001 in the mixed loads", list(section["loads"].values())
    )


def _no_failures(words: str, rows: Sequence[Results]) -> Goal:
    deadlocks = sum(row["failures"]["deadlock"] for row in rows)
    repeats = sum(row["failures"]["serialization"] for row in rows)
    return Goal(words, f"{deadlocks} and {repeats}", deadlocks + repeats == 0)


def _machine_page(machine: Results) -> Page:
    rows = [
        ["run", machine["run"]],
        ["processor", f"{machine['processor']}, {machine['cores']} cores"],
        ["memory", f"{machine['memory_gib']} GiB"],
        ["system", machine["system"]],
        ["load average before the run", str(machine["load_before"])],
        ["PostgreSQL", machine["postgresql"]],
        ["Python", machine["python"]],
        *([name, value] for name, value in machine["settings"].items()),
    ]
    return Page("machine", "The machine and its settings", ["what", "value"], rows)


def _persist_page(section: Results) -> Page:
    variants = ("floor", "loop", "ours", "again", "client", "application")
    rows = [
        [
            f"{size['tickets']:,}",
            *(_ms(size["times"][name][1]) if name in size["times"] else "" for name in variants),
        ]
        for size in section["sizes"]
    ]
    columns = ["tickets", "floor", "loop", "ours", "ours again", "client", "application"]
    return Page("persist", "Persist: median milliseconds", columns, rows)


def _ratios_page(section: Results) -> Page:
    rows = [
        [
            f"{size['tickets']:,}",
            _spread(size["to_floor"]["ours"]),
            _spread(size["again_to_ours"]),
            _spread(size["to_floor"]["loop"]),
            _spread(size["client_to_ours"]),
            *(
                _spread(size[name]) if name in size else ""
                for name in ("application_to_ours", "application_to_client")
            ),
        ]
        for size in section["sizes"]
    ]
    columns = [
        "tickets",
        "ours / floor",
        "again / ours",
        "loop / floor",
        "client / ours",
        "application / ours",
        "application / client",
    ]
    return Page("ratios", "Persist: ratios within a round (quartiles)", columns, rows)


def _calls_page(section: Results) -> Page:
    rows = [
        [
            f"`{row['call']}`",
            _ms(row["raw"][1]),
            _ms(row["client"][1]),
            _spread(row["to_floor"]),
            _spread(row["client_to_raw"]),
        ]
        for row in section["calls"]
    ]
    title = f"Every call, compared with a floor of 13 tickets ({_ms(section['floor'][1])} ms)"
    columns = ["call", "ms", "client ms", "/ floor", "client / raw"]
    return Page("calls", title, columns, rows)


def _work_page(section: Results) -> Page:
    rows = [
        [
            f"{row['tickets']:,}",
            row["variant"],
            f"{row['buffers']:,}",
            f"{row['buffers'] / row['tickets']:,.1f}",
            f"{row['wal_bytes']:,}",
            f"{row['wal_bytes'] / row['tickets']:,.0f}",
            f"{row['wal_records']:,}",
        ]
        for row in section["rows"]
    ]
    columns = ["tickets", "call", "buffers", "per ticket", "WAL bytes", "per ticket", "WAL records"]
    return Page("work", "Buffers accessed and WAL written", columns, rows)


def _throughput_page(section: Results) -> Page:
    rows = [
        [
            str(row["clients"]),
            row["scenario"],
            _spread(row["calls_per_second"], digits=0),
            _spread(row["to_spread"]),
            str(row["failures"]["deadlock"]),
            str(row["failures"]["serialization"]),
        ]
        for row in section["rows"]
    ]
    columns = ["clients", "tickets", "calls per second", "/ spread", "deadlocks", "40001"]
    return Page("throughput", "Concurrent persists", columns, rows)


def _waits_page(section: Results) -> Page:
    rows = [
        [
            str(row["clients"]),
            row["scenario"],
            ", ".join(f"{wait} {100 * share:.0f}%" for wait, share in row["waits"].items()),
        ]
        for row in section["rows"]
    ]
    return Page("waits", "Wait events of active sessions", ["clients", "tickets", "share"], rows)


def _sell_out_page(section: Results) -> Page:
    rows = [
        [
            str(row["clients"]),
            f"{row['capacity']:,}",
            f"{row['stored']:,}",
            f"{row['counted']:,}",
            f"{row['bought']:,}",
            f"{row['refused']:,}",
            f"{row['calls_per_second']:,}",
            str(row["failures"]["deadlock"]),
            str(row["failures"]["serialization"]),
        ]
        for row in section["rows"]
    ]
    columns = [
        "clients",
        "capacity",
        "tickets stored",
        "counted",
        "purchases",
        "refused",
        "calls per second",
        "deadlocks",
        "40001",
    ]
    return Page("sell_out", "A sell-out", columns, rows)


def _mixed_page(section: Results) -> Page:
    rows = [
        [
            f"{name}: {load['asked_per_second'] or load['calls_per_second']} per second",
            row["call"],
            f"{row['calls']:,}",
            *(_ms(row[percentile]) for percentile in ("p50", "p95", "p99")),
        ]
        for name, load in section["loads"].items()
        for row in load["rows"]
    ]
    title = f"Mixed load of {section['clients']} clients"
    columns = ["load", "call", "transactions", "p50 ms", "p95 ms", "p99 ms"]
    return Page("mixed", title, columns, rows)


def _growth_page(section: Results) -> Page:
    stored = [str(tickets) for tickets in section["stored"]]
    rows = [
        [
            f"`{row['call']}`",
            *(_ms(row["times"][tickets][1]) for tickets in stored),
            *(_spread(row["to_smallest"][tickets]) for tickets in stored[1:]),
        ]
        for row in section["rows"]
    ]
    columns = [
        "call",
        *(f"ms at {int(tickets):,}" for tickets in stored),
        *(f"{int(tickets):,} / {int(stored[0]):,}" for tickets in stored[1:]),
    ]
    return Page("growth", "The same calls with more tickets stored", columns, rows)


def _plot(section: Results) -> Table:
    """Draw the ratio of each variant to the floor."""
    plot = Table("tickets", "", "x floor", "", box=SIMPLE_HEAD)
    most = max(size["to_floor"][name][1] for size in section["sizes"] for name in size["to_floor"])
    for size in section["sizes"]:
        label = f"{size['tickets']:,}"
        for name, ratio in size["to_floor"].items():
            bar = Bar(most, 0, ratio[1], width=_BAR_WIDTH)
            plot.add_row(label, name, f"{ratio[1]:.2f}", bar)
            label = ""
    return plot


def _markdown(page: Page) -> Iterator[str]:
    alignment = ["---", *("---:" for _ in page.columns[1:])]
    for cells in (page.columns, alignment, *page.rows):
        yield "| " + " | ".join(cells) + " |"


def _keys(section: object) -> Sequence[str]:
    return list(section) if isinstance(section, dict) else []


def _count(tickets: int) -> str:
    return "1 ticket" if tickets == 1 else f"{tickets:,} tickets"


def _clients(number: int) -> str:
    return "1 client" if number == 1 else f"{number} clients"


def _ms(value: float) -> str:
    """Format milliseconds with three digits."""
    for limit, digits in ((10, 2), (100, 1)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def _spread(quartiles: Sequence[float], digits: int = 2) -> str:
    """Format a median with its quartiles."""
    low, median, high = (f"{value:,.{digits}f}" for value in quartiles)
    return f"{median} ({low}–{high})"  # noqa: RUF001 - it is a range
