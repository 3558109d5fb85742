"""The plots of docs/performance.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from bench.bookings import WIZARD_TICKETS

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from bench.report import Results

_NAMES = {
    "ours": "one call",
    "client": "the Python client",
    "loop": "loop without checks",
    "application": "application code",
}


def write_plots(results: Results, folder: Path) -> None:
    """Draw the results.

    Args:
        results: The results of all sections.
        folder: The folder for persist.png, throughput.png and growth.png.
    """
    for name, draw in (
        ("persist", _draw_persist),
        ("throughput", _draw_throughput),
        ("growth", _draw_growth),
    ):
        figure = Figure(figsize=(7, 3.5), layout="constrained")
        draw(figure.subplots(), results[name])
        figure.savefig(folder / f"{name}.png", dpi=100)


def _draw_persist(axes: Axes, section: Results) -> None:
    """Draw each variant's ratio to the floor over the number of tickets."""
    for variant, label in _NAMES.items():
        points = [
            (size["tickets"], size["to_floor"][variant])
            for size in section["sizes"]
            if variant in size["to_floor"]
        ]
        _line(axes, points, label)
    tickets = [size["tickets"] for size in section["sizes"]]
    allowed = [1.5 + 0.5 / size["times"]["floor"][1] for size in section["sizes"]]
    axes.plot(tickets, allowed, color="black", linestyle=":", label="goal: 1.5 x + 0.5 ms")
    axes.set(xscale="log", yscale="log", xlabel="tickets in a persist", ylabel="ratio to the floor")
    _finish(axes, {number: f"{number:,}" for number in tickets if number != WIZARD_TICKETS})
    axes.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])


def _draw_throughput(axes: Axes, section: Results) -> None:
    """Draw calls per second over the number of clients."""
    rows = section["rows"]
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        points = [
            (row["clients"], row["calls_per_second"]) for row in rows if row["scenario"] == scenario
        ]
        _line(axes, points, scenario)
    axes.set(xscale="log", xlabel="clients", ylabel="calls per second")
    axes.set_ylim(bottom=0)
    _finish(axes, {row["clients"]: str(row["clients"]) for row in rows})


def _draw_growth(axes: Axes, section: Results) -> None:
    """Draw each call's ratio to the smallest database over the number of stored tickets."""
    stored = section["stored"]
    for row in section["rows"]:
        points = [(stored[0], [1, 1, 1])] + [
            (tickets, row["to_smallest"][str(tickets)]) for tickets in stored[1:]
        ]
        axes.plot(
            [x for x, _ in points],
            [y[1] for _, y in points],
            marker="o",
            markersize=3,
            linestyle="--" if row["call"] == "floor" else "-",
            label=row["call"],
        )
    axes.axhline(1.15, color="black", linestyle=":", label="goal")
    axes.set(xscale="log", xlabel="stored tickets", ylabel=f"ratio to {stored[0]:,} tickets")
    axes.set_ylim(bottom=0)
    _finish(axes, {tickets: f"{tickets:,}" for tickets in stored})


def _line(axes: Axes, points: list[tuple[int, Any]], label: str) -> None:
    """Draw medians as a line, with the quartiles as a band."""
    x = [position for position, _ in points]
    axes.plot(x, [values[1] for _, values in points], marker="o", markersize=4, label=label)
    axes.fill_between(
        x, [values[0] for _, values in points], [values[2] for _, values in points], alpha=0.15
    )


def _finish(axes: Axes, ticks: dict[int, str]) -> None:
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
