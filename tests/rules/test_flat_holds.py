"""What a call reads does not grow with open, empty, overdue or released registrations.

Buffers and rows are counted, never time. The databases of the benchmark's section on holds serve
here with fewer registrations; docs/performance.md describes them.
"""

from pathlib import Path
from tempfile import gettempdir

import pytest
from tests.support.caller import Document

from bench.holds import READING_OVERDUE, measure_holds
from bench.server import benchmark_server

pytestmark = pytest.mark.long

SIZES = {
    "open": (300, 4_000),
    "empty": (300, 4_000),
    "overdue": (0, 2_000),
    # a third for each full pool; beyond 2,000 nothing more is read
    "released": (6_300, 10_000),
}

MOST = 1.3
"""How much more a call may read with many than with few."""

EACH_OVERDUE = 2
"""Rows that availability may read for each overdue hold: the hold and its ticket."""


@pytest.fixture(scope="module")
def measured() -> Document:
    """What each call reads, by kind of registration."""
    # nothing is timed, so nothing has to reach the disk
    with benchmark_server(Path(gettempdir()), 100, fsync="off", autovacuum="off") as server:
        return measure_holds(server, SIZES, 1)


@pytest.mark.parametrize("kind", SIZES)
def test_calls_read_as_much_with_few_holds_as_with_many(measured: Document, kind: str) -> None:
    rows = [row for row in measured["rows"] if row["kind"] == kind]
    assert {"availability", "quote", "create", "persist 1", "refused"} < {
        row["call"] for row in rows
    }
    grown = [
        f"{row['call']}: {unit} {few:g} -> {many:g}"
        for row in rows
        if not (kind == "overdue" and row["call"] in READING_OVERDUE)
        for unit in ("buffers", "rows")
        for few, many in [row[unit]]
        if many > MOST * few
    ]
    assert not grown, "\n".join(grown)


def test_availability_reads_each_overdue_hold_once(measured: Document) -> None:
    (rows,) = (
        row["rows"]
        for row in measured["rows"]
        if (row["kind"], row["call"]) == ("overdue", "availability")
    )
    few, many = rows
    assert many - few <= MOST * EACH_OVERDUE * SIZES["overdue"][1]


def test_fill_leaves_integrity_intact(measured: Document) -> None:
    assert measured["faults"] == 0
