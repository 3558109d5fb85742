"""The report: one set of tables for the terminal and for docs/performance.md.

It depends on the results only, so the stored JSON file always gives the same pages.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.holds import READING_OVERDUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

Results: TypeAlias = dict[str, Any]
"""The measured sections by name, and the machine; or a section, or a row of one."""

Column: TypeAlias = "tuple[str, Callable[[Results], str]]"
"""Header of a column, and what it shows of a row."""

FLOOR_FACTOR: Final = 1.5
FLOOR_EXTRA: Final = 0.5
FLOOR_FACTOR_AT_500: Final = 1.35
MOST_FOR_REPEAT: Final = 0.8
MOST_FOR_SHUFFLED: Final = 1.1
LEAST_FOR_APPLICATION: Final = 3
LEAST_FOR_HOT: Final = 0.85
MOST_FOR_GROWTH: Final = 1.15
MOST_PER_TICKET: Final = 1.25
MOST_LATENCY: Final = 200
MOST_FOR_HOLDS: Final = 1.3
MOST_PER_OVERDUE: Final = 2
MOST_FOR_FIRST: Final = 12
MOST_FOR_WARMED: Final = 3
MOST_FOR_AMENDMENT: Final = 1.5

_SIZES_OF_GOAL: Final = (1, 10, 50, 500)
_LEAST_PER_TICKET: Final = 50
_MILLION: Final = "1000000"
_EXCEPT: Final = f" but {' and '.join(f'`{call}`' for call in READING_OVERDUE)}"
_BLOCK: Final = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Page(NamedTuple):
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


class Goal(NamedTuple):
    """A goal of the benchmark: the condition, the measured value, and whether it holds."""

    words: str
    measured: str
    is_met: bool


def show(results: Results, console: Console) -> None:
    """Print all tables.

    Args:
        results: The results.
        console: The console to print to.
    """
    for page in pages(results):
        table = Table(box=SIMPLE_HEAD)
        for number, header in enumerate(page.columns):
            table.add_column(header, justify="right" if number else "left")
        for row in page.rows:
            table.add_row(*row)
        console.print(f"\n{page.title}", style="bold")
        console.print(table)


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
    """Return the tables of all measured sections, the goals last."""
    makers: tuple[tuple[str, Callable[[Any], Page]], ...] = (
        ("machine", _machine_page),
        ("persist", _persist_page),
        ("persist", _ratios_page),
        ("work", _work_page),
        ("calls", _calls_page),
        ("throughput", _throughput_page),
        ("throughput", _waits_page),
        ("throughput", _mixed_page),
        ("sell_out", _sell_out_page),
        ("growth", _growth_page),
        ("holds", _holds_page),
        ("cold", _cold_page),
    )
    made = [maker(results[section]) for section, maker in makers if section in results]
    judged = [(words, value, "yes" if met else "no") for words, value, met in goals(results)]
    return [*made, Page("goals", "Goals", ("goal", "measured", "met"), judged)]


def goals(results: Results) -> list[Goal]:
    """Compare the results of the measured sections with the goals; all numbers are medians."""
    judges: dict[str, Callable[[Any], Iterator[Goal]]] = {
        "persist": _persist_goals,
        "calls": _calls_goals,
        "throughput": _throughput_goals,
        "sell_out": _sell_out_goals,
        "growth": _growth_goals,
        "holds": _holds_goals,
        "cold": _cold_goals,
    }
    judged = [
        goal for name, judge in judges.items() if name in results for goal in judge(results[name])
    ]
    checked = [section["faults"] for section in results.values() if "faults" in section]
    if checked:
        judged.append(
            Goal(
                "`check_integrity()` finds nothing afterwards",
                f"{sum(checked)} differences in {len(checked)} sections",
                not any(checked),
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
    for words, name, most in (
        ("the same persist again: at most {} of the first", "again_to_ours", MOST_FOR_REPEAT),
        (
            "tickets in another order: at most {} x the same in order",
            "shuffled_to_ours",
            MOST_FOR_SHUFFLED,
        ),
    ):
        worst = max(section["sizes"], key=lambda size: float(size[name][1]))
        ratio = worst[name][1]
        yield Goal(
            words.format(most),
            f"{ratio:.2f} at worst, of {_count(worst['tickets'])}",
            ratio <= most,
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


def _calls_goals(section: Results) -> Iterator[Goal]:
    ratio = section["amend_to_select"][1]
    yield Goal(
        f"amendment of 1 in 50 tickets: at most {MOST_FOR_AMENDMENT} x the same persist",
        f"{ratio:.2f} x",
        ratio <= MOST_FOR_AMENDMENT,
    )


def _throughput_goals(section: Results) -> Iterator[Goal]:
    rows = {(row["clients"], row["scenario"]): row for row in section["rows"]}
    ratio = rows[16, "hot type"]["to_spread"][1]
    yield Goal(
        f"hot type at 16 clients: at least {LEAST_FOR_HOT} of the calls per second of spread",
        f"{ratio:.2f}",
        ratio >= LEAST_FOR_HOT,
    )
    mixed = section["mixed"]
    worst = max(mixed["rows"], key=lambda row: float(row["p99"]))
    yield Goal(
        f"mixed calls of {mixed['clients']} clients: p99 of each below {MOST_LATENCY} ms",
        f"{_ms(worst['p99'])} ms at worst, {worst['call']}",
        worst["p99"] < MOST_LATENCY,
    )
    yield _no_failures("no deadlock and no 40001 in any of these runs", [*section["rows"], mixed])


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


def _holds_goals(section: Results) -> Iterator[Goal]:
    kinds = {
        "open": "{} open holds against {}",
        "empty": "{} empty drafts against {}",
        "overdue": "{} overdue holds against {}",
        "released": "{} released holds of full pools against {}",
    }
    for kind, words in kinds.items():
        rows = [row for row in section["rows"] if row["kind"] == kind and not _reads_overdue(row)]
        few, many = rows[0]["counts"]
        ratio, unit, call = max(
            (_growth(row, unit), unit, row["call"]) for row in rows for unit in ("buffers", "rows")
        )
        yield Goal(
            f"{words.format(f'{many:,}', f'{few:,}')}: at most {MOST_FOR_HOLDS} x the buffers and "
            f"rows of every call{_EXCEPT if kind == 'overdue' else ''}",
            f"{ratio:.2f} x at worst, {unit} of `{call}`",
            ratio <= MOST_FOR_HOLDS,
        )
    paid = next(row for row in section["rows"] if _reads_overdue(row))
    (few, many), (before, after) = paid["counts"], paid["ms"]
    cost = 1000 * (after - before) / (many - few)
    yield Goal(
        f"`{paid['call']}`: at most {MOST_PER_OVERDUE} µs for each overdue hold",
        f"{cost:.2f} µs",
        cost <= MOST_PER_OVERDUE,
    )


def _cold_goals(section: Results) -> Iterator[Goal]:
    rows = {row["call"]: row for row in section["rows"]}
    ratio = rows["persist"]["first_to_later"][1]
    yield Goal(
        f"the first persist of a connection, of 1 ticket: at most {MOST_FOR_FIRST} x a later one",
        f"{ratio:.1f} x",
        ratio <= MOST_FOR_FIRST,
    )
    worst = max(section["rows"], key=lambda row: float(row["warmed_to_later"][1]))
    ratio = worst["warmed_to_later"][1]
    yield Goal(
        f"the first call of a warmed connection: at most {MOST_FOR_WARMED} x a later one",
        f"{ratio:.1f} x at worst, `{worst['call']}`",
        ratio <= MOST_FOR_WARMED,
    )


def _reads_overdue(row: Results) -> bool:
    return row["kind"] == "overdue" and row["call"] in READING_OVERDUE


def _growth(row: Results, unit: str) -> float:
    few, many = row[unit]
    return float(many / few)


def _no_failures(words: str, rows: Sequence[Results]) -> Goal:
    deadlocks = sum(row["failures"]["deadlock"] for row in rows)
    repeats = sum(row["failures"]["serialization"] for row in rows)
    return Goal(words, f"{deadlocks} and {repeats}", deadlocks + repeats == 0)


def _page(name: str, title: str, rows: Sequence[Results], columns: Sequence[Column]) -> Page:
    """Return a table of what each column shows of each row."""
    cells = [[show_cell(row) for _, show_cell in columns] for row in rows]
    return Page(name, title, [header for header, _ in columns], cells)


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
    headers = {"again": "ours again"}

    def median(variant: str) -> Column:
        return headers.get(
            variant, variant
        ), lambda row: _ms(row["times"][variant][1]) if variant in row["times"] else ""

    title = "Persist: median milliseconds"
    return _page("persist", title, section["sizes"], [_TICKETS, *map(median, variants)])


def _ratios_page(section: Results) -> Page:
    columns: list[Column] = [
        _TICKETS,
        ("ours / floor", lambda row: _spread(row["to_floor"]["ours"])),
        ("again / ours", lambda row: _spread(row["again_to_ours"])),
        ("shuffled / ours", lambda row: _spread(row["shuffled_to_ours"])),
        ("loop / floor", lambda row: _spread(row["to_floor"]["loop"])),
        ("client / ours", lambda row: _spread(row["client_to_ours"])),
        ("application / ours", lambda row: _spread(row.get("application_to_ours"))),
        ("application / client", lambda row: _spread(row.get("application_to_client"))),
    ]
    title = "Persist: ratios within a round (quartiles)"
    return _page("ratios", title, section["sizes"], columns)


def _calls_page(section: Results) -> Page:
    title = f"Every call, compared with a floor of 13 tickets ({_ms(section['floor'][1])} ms)"
    columns: list[Column] = [
        _CALL,
        ("ms", lambda row: _ms(row["raw"][1])),
        ("client ms", lambda row: _ms(row["client"][1])),
        ("/ floor", lambda row: _spread(row["to_floor"])),
        ("client / raw", lambda row: _spread(row["client_to_raw"])),
    ]
    return _page("calls", title, section["calls"], columns)


def _work_page(section: Results) -> Page:
    columns: list[Column] = [
        _TICKETS,
        ("call", lambda row: str(row["variant"])),
        ("buffers", _number("buffers")),
        ("per ticket", lambda row: f"{row['buffers'] / row['tickets']:,.1f}"),
        ("WAL bytes", _number("wal_bytes")),
        ("per ticket", lambda row: f"{row['wal_bytes'] / row['tickets']:,.0f}"),
        ("WAL records", _number("wal_records")),
    ]
    return _page("work", "Buffers accessed and WAL written", section["rows"], columns)


def _throughput_page(section: Results) -> Page:
    columns: list[Column] = [
        ("clients", _number("clients")),
        ("tickets", lambda row: str(row["scenario"])),
        ("calls per second", lambda row: _spread(row["calls_per_second"], digits=0)),
        ("/ spread", lambda row: _spread(row["to_spread"])),
        *_FAILURES,
    ]
    return _page("throughput", "Concurrent persists", section["rows"], columns)


def _waits_page(section: Results) -> Page:
    def shares(row: Results) -> str:
        return ", ".join(f"{wait} {100 * share:.0f}%" for wait, share in row["waits"].items())

    columns: list[Column] = [
        ("clients", _number("clients")),
        ("tickets", lambda row: str(row["scenario"])),
        ("share", shares),
    ]
    return _page("waits", "Wait events of active sessions", section["rows"], columns)


def _mixed_page(section: Results) -> Page:
    mixed = section["mixed"]
    title = f"Mixed calls of {mixed['clients']} clients, {mixed['calls_per_second']:,} per second"
    columns: list[Column] = [
        ("call", lambda row: str(row["call"])),
        ("transactions", _number("calls")),
        ("p50 ms", lambda row: _ms(row["p50"])),
        ("p95 ms", lambda row: _ms(row["p95"])),
        ("p99 ms", lambda row: _ms(row["p99"])),
    ]
    return _page("mixed", title, mixed["rows"], columns)


def _sell_out_page(section: Results) -> Page:
    columns: list[Column] = [
        ("clients", _number("clients")),
        ("capacity", _number("capacity")),
        ("tickets stored", _number("stored")),
        ("counted", _number("counted")),
        ("purchases", _number("bought")),
        ("refused", _number("refused")),
        ("calls per second", _number("calls_per_second")),
        *_FAILURES,
    ]
    return _page("sell_out", "A sell-out", section["rows"], columns)


def _growth_page(section: Results) -> Page:
    first, *others = stored = list(map(str, section["stored"]))

    def time(tickets: str) -> Column:
        return f"ms at {int(tickets):,}", lambda row: _ms(row["times"][tickets][1])

    def ratio(tickets: str) -> Column:
        header = f"{int(tickets):,} / {int(first):,}"
        return header, lambda row: _spread(row["to_smallest"][tickets])

    title = "The same calls with more tickets stored"
    return _page("growth", title, section["rows"], [_CALL, *map(time, stored), *map(ratio, others)])


def _holds_page(section: Results) -> Page:
    def both(unit: str) -> Column:
        return unit, lambda row: " → ".join(f"{value:,.0f}" for value in row[unit])

    def ratio(unit: str) -> Column:
        return "x", lambda row: f"{_growth(row, unit):.2f}"

    columns: list[Column] = [
        ("registrations", lambda row: str(row["kind"])),
        ("how many", both("counts")[1]),
        _CALL,
        both("buffers"),
        ratio("buffers"),
        both("rows"),
        ratio("rows"),
        ("ms", lambda row: " → ".join(map(_ms, row["ms"]))),
    ]
    title = "What each call reads with few and with many open, empty or overdue registrations"
    return _page("holds", title, section["rows"], columns)


def _cold_page(section: Results) -> Page:
    def time(state: str) -> Column:
        return f"{state} ms", lambda row: _ms(row["times"][state][1])

    columns: list[Column] = [
        _CALL,
        *map(time, ("first", "warmed", "later")),
        ("first / later", lambda row: _spread(row["first_to_later"], digits=1)),
        ("warmed / later", lambda row: _spread(row["warmed_to_later"], digits=1)),
    ]
    title = f"First calls of a connection; warming one takes {_ms(section['warming'][1])} ms"
    return _page("cold", title, section["rows"], columns)


def _markdown(page: Page) -> Iterator[str]:
    alignment = ["---", *("---:" for _ in page.columns[1:])]
    for cells in (page.columns, alignment, *page.rows):
        yield "| " + " | ".join(cells) + " |"


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


def _spread(quartiles: Sequence[float] | None, digits: int = 2) -> str:
    """Format a median with its quartiles; nothing when it was not measured."""
    if quartiles is None:
        return ""
    low, median, high = (f"{value:,.{digits}f}" for value in quartiles)
    return f"{median} ({low}–{high})"  # noqa: RUF001 - it is a range


def _number(name: str) -> Callable[[Results], str]:
    return lambda row: f"{row[name]:,}"


_TICKETS: Final[Column] = ("tickets", _number("tickets"))
_CALL: Final[Column] = ("call", lambda row: f"`{row['call']}`")
_FAILURES: Final[tuple[Column, ...]] = (
    ("deadlocks", lambda row: str(row["failures"]["deadlock"])),
    ("40001", lambda row: str(row["failures"]["serialization"])),
)
