"""The command: `python -m bench`, or `make bench`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from bench import effort as efforts
from bench.calls import measure_calls, measure_work
from bench.cold import measure_cold
from bench.growth import measure_growth
from bench.holds import measure_holds
from bench.persist import measure_persist
from bench.plots import write_plots
from bench.report import show, write_tables
from bench.server import benchmark_server, describe
from bench.throughput import measure_sell_out, measure_throughput

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bench.effort import Effort
    from bench.report import Results
    from bench.server import Document
    from ticketing_client.embedded import Server

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
RESULTS: Final = DOCS / "performance/results.json"
PAGE: Final = DOCS / "performance.md"

FOLDER: Final = Path("/var/tmp")  # noqa: S108 - a private folder is created in it
"""Kept across restarts, so it is on a disk."""

_WIDTH: Final = 140  # where there is no terminal

SECTIONS: Final[dict[str, Callable[[Server, Effort], Document]]] = {
    "persist": lambda server, effort: measure_persist(server, effort.persist_rounds),
    "calls": lambda server, effort: measure_calls(server, effort.call_rounds),
    "work": lambda server, effort: measure_work(server, effort.work_sizes),
    "throughput": lambda server, effort: measure_throughput(
        server,
        effort.clients,
        effort.throughput_calls,
        effort.throughput_rounds,
        effort.mixed_calls,
    ),
    "sell_out": lambda server, effort: measure_sell_out(server, effort.clients, effort.capacity),
    "growth": lambda server, effort: measure_growth(server, effort.stored, effort.growth_rounds),
    "holds": lambda server, effort: measure_holds(server, effort.holds, effort.hold_rounds),
    "cold": lambda server, effort: measure_cold(server, effort.cold_rounds),
}


def main() -> None:
    """Measure, print the results, and update docs/performance.md."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the cost of the calls; see docs/performance.md.",
    )
    parser.add_argument("--quick", action="store_true", help="a quick, less exact run")
    parser.add_argument(
        "--ten-million", action="store_true", help="growth also with ten million stored tickets"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=list(SECTIONS),
        help="measure only this section; may be repeated",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=FOLDER,
        help="a folder on the disk to measure; its data is deleted at the end (%(default)s)",
    )
    parser.add_argument(
        "--update-docs",
        action=argparse.BooleanOptionalAction,
        help="write docs/performance.md, plots and results; default: when everything is measured;"
        " with --only, all other sections stay as they are",
    )
    parser.add_argument(
        "--show", action="store_true", help="measure nothing; show the stored results"
    )
    arguments = parser.parse_args()
    # so that the data is deleted
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    everything = not (arguments.quick or arguments.only or arguments.show)
    update_docs = everything if arguments.update_docs is None else arguments.update_docs

    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    if arguments.show:
        results = stored_results()
    else:
        effort = efforts.QUICK if arguments.quick else efforts.FULL
        if arguments.ten_million:
            effort = efforts.with_ten_million(effort)
        results = measure(effort, arguments.folder, arguments.only or SECTIONS, console)
    show(results, console)
    if update_docs:
        if arguments.only:
            results = stored_results() | {name: results[name] for name in arguments.only}
        update(results)
        console.print(f"{PAGE.relative_to(DOCS.parent)}, its plots and its results are written.")


def measure(effort: Effort, folder: Path, sections: Collection[str], console: Console) -> Results:
    """Measure on a private server.

    Args:
        effort: How much to measure.
        folder: A folder on the disk to measure.
        sections: The sections to measure.
        console: The console for progress messages.

    Returns:
        The machine and the sections, by name.
    """
    with benchmark_server(folder, effort.stored[0]) as server:
        results: Results = {"machine": describe(server) | {"run": effort.name}}
        for name in SECTIONS:
            if name in sections:
                started = time.perf_counter()
                results[name] = SECTIONS[name](server, effort)
                console.print(f"{name}: {time.perf_counter() - started:.0f} s", style="dim")
    return results


def stored_results() -> Results:
    """Return the results that docs/performance.md shows.

    Returns:
        The machine and all sections, by name.
    """
    results: Results = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def update(results: Results) -> None:
    """Write the results, their plots and their tables into docs.

    Args:
        results: The machine and all sections, by name.
    """
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write_plots(results, RESULTS.parent)
    PAGE.write_text(write_tables(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


if __name__ == "__main__":
    main()
