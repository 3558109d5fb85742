"""The benchmark works from end to end, and the page about it says what it measured.

Nothing here looks at a time: these tests pass on a machine of any speed.
"""

import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from bench.__main__ import FOLDER, PAGE, SECTIONS, measure, stored_results
from bench.application import Application, SoldOutError
from bench.bookings import WIZARD_TICKETS, BookingOffice
from bench.effort import TINY
from bench.plots import write_plots
from bench.report import Results, goals, pages, show, write_tables
from bench.server import faults, install
from ticketing_client import calls

pytestmark = pytest.mark.long


VARIABLE = {
    "load_before",
    "waits",
    "times",
    "to_smallest",
    "application_to_ours",
    "application_to_client",
}
"""What depends on how long it took, or on how many sizes there are."""


@pytest.fixture(scope="module")
def results() -> Results:
    """What a run that measures next to nothing gives."""
    return measure(TINY, FOLDER, SECTIONS, Console(file=io.StringIO()))


def test_bench_measures_every_section_of_stored_results(results: Results) -> None:
    assert shape(results) == shape(stored_results())


def test_bench_leaves_integrity_intact(results: Results) -> None:
    checked = {name: section["faults"] for name, section in results.items() if "faults" in section}
    assert checked == dict.fromkeys(
        ["persist", "calls", "throughput", "sell_out", "holds", "cold"], 0
    )


def test_bench_sell_out_is_exact(results: Results) -> None:
    for row in results["sell_out"]["rows"]:
        assert row["stored"] == row["counted"] == row["capacity"] == TINY.capacity
        assert row["refused"] > 0
        assert row["failures"] == {"deadlock": 0, "serialization": 0}


def test_bench_judges_every_goal(results: Results) -> None:
    assert len(goals(results)) == len(goals(stored_results())) > len(SECTIONS)


def test_performance_page_shows_stored_results() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert write_tables(page, stored_results()) == page


def test_performance_page_has_markers_for_every_table(results: Results) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for table in pages(results):
        assert f"<!-- begin {table.name} -->" in page


def test_bench_reports_missed_goal(results: Results) -> None:
    slow = json.loads(json.dumps(results))
    for size in slow["persist"]["sizes"]:
        size["times"]["ours"] = [10 * time for time in size["times"]["floor"]]
        size["to_floor"]["ours"] = [10, 10, 10]
    missed = {goal.words for goal in goals(slow) if not goal.is_met}
    assert "persist of 500 tickets: at most 1.35 x floor" in missed
    assert "persist of 10 tickets: at most 1.5 x floor + 0.5 ms" in missed


def test_bench_prints_and_plots_results(results: Results, tmp_path: Path) -> None:
    output = io.StringIO()
    show(results, Console(file=output, width=200))
    assert all(table.title in output.getvalue() for table in pages(results))
    write_plots(results, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "growth.png",
        "persist.png",
        "throughput.png",
    ]


@pytest.fixture
def office(database_url: str) -> Iterator[BookingOffice]:
    """Prepares bookings in a database of this test's own."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        install(connection)
        yield BookingOffice(connection)
        assert faults(connection) == 0


@pytest.fixture
def application(database_url: str) -> Iterator[Application]:
    """The application code, over a connection of its own."""
    with closing(Application(database_url)) as opened:
        yield opened


@pytest.mark.parametrize("tickets", [1, 10, WIZARD_TICKETS, 50])
def test_application_stores_what_persist_would(
    office: BookingOffice, application: Application, tickets: int
) -> None:
    booking = office.of_size(tickets)
    stored = application.persist(booking)
    again = office.answer(booking.call)
    assert stored["tickets_created"] == again["tickets_unchanged"] == tickets
    assert again["tickets_created"] == again["tickets_removed"] == again["attendees_updated"] == 0
    assert float(stored["total"]) == again["total"]


def test_application_stores_difference(office: BookingOffice, application: Application) -> None:
    booking = office.guests(10)
    first = application.persist(booking)
    changed = application.persist(office.with_one_changed(booking))
    assert (changed["tickets_created"], changed["tickets_removed"]) == (1, 1)
    kept = [ticket for ticket in changed["tickets"] if ticket in first["tickets"]]
    assert (len(kept), len(changed["tickets"])) == (9, 10)
    again = application.persist(office.with_one_changed(booking))
    assert (again["tickets_created"], again["revision"]) == (0, changed["revision"])


def test_application_does_not_oversell(
    office: BookingOffice, application: Application, database_url: str
) -> None:
    application.persist(office.guests(4))
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE ticketing.capacity_pools SET capacity = reserved WHERE reserved > 0"
        )
    booking = office.guests(4)
    with pytest.raises(SoldOutError):
        application.persist(booking)
    assert office.answer(calls.get_registration(booking.registration_id))["tickets"] == []


def shape(value: object) -> object:
    """Return what a document is made of, without its numbers and without how many rows it has."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items() if key not in VARIABLE}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [shape(value[0])]
    return type(value).__name__
