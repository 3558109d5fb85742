"""The shape of sql/: functions of a readable size, and pages that name what is there."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.conftest import Connection

REPOSITORY = Path(__file__).parents[2]
FUNCTIONS = REPOSITORY / "sql/functions"
INTERNAL = FUNCTIONS / "ticketing_internal"
ARCHITECTURE = REPOSITORY / "docs/architecture.md"
CONTRIBUTING = REPOSITORY / "CONTRIBUTING.md"

MAX_LINES = 200
MAX_PARAMETERS = 8

WIDE_FUNCTIONS: Mapping[str, str] = {
    "issue": "builds one JSON object of nine optional parts; callers name the ones they need",
}
"""Functions that may have more parameters, and why."""

SHAPES = {
    "evaluate/evaluate_selections.sql": (125, 15),
    "registration/persist_selections.sql": (170, 20),
}
"""Lines and local variables that the two central functions may have."""


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def locals_of(path: Path) -> list[str]:
    """Return the names that the function declares."""
    body = path.read_text(encoding="utf-8").partition("DECLARE\n")[2].partition("\nBEGIN\n")[0]
    return re.findall(r"^    ([cv]_[a-z_]+) ", body, re.MULTILINE)


def test_function_files_are_short() -> None:
    assert [str(path) for path in FUNCTIONS.rglob("*.sql") if lines_of(path) > MAX_LINES] == []


def test_functions_have_few_parameters(db: Connection) -> None:
    rows = db.execute(
        """
        SELECT p.proname
        FROM pg_proc AS p
        WHERE p.pronamespace IN ('ticketing'::regnamespace, 'ticketing_internal'::regnamespace)
            AND p.pronargs > %s
        """,
        [MAX_PARAMETERS],
    )
    assert {name for (name,) in rows} == WIDE_FUNCTIONS.keys()


@pytest.mark.parametrize("name", SHAPES)
def test_central_functions_read_as_their_steps(name: str) -> None:
    lines, variables = SHAPES[name]
    assert lines_of(INTERNAL / name) <= lines
    declared = locals_of(INTERNAL / name)
    assert "v_evaluation" in declared or "v_plan" in declared
    assert len(declared) <= variables


def test_architecture_names_every_folder() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    folders = {path.name for path in INTERNAL.iterdir()}
    assert [name for name in sorted(folders) if f"    {name}/ " not in text] == []


def test_architecture_names_files_that_exist() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_/0-9.]+/[a-z_0-9.]+\.sql)`", text)
    assert "evaluate/evaluate_selections.sql" in named
    roots = (REPOSITORY, FUNCTIONS, INTERNAL)
    assert [name for name in named if not any((root / name).is_file() for root in roots)] == []


def test_contributing_names_files_that_exist() -> None:
    named = set(
        re.findall(r"`((?!build/)[a-z_/0-9.]+\.(?:sql|py|md))`", CONTRIBUTING.read_text("utf-8"))
    )
    assert {"rules/find_issues.sql", "tests/support/requests.py"} < named
    roots = (REPOSITORY, INTERNAL)
    assert [name for name in named if not any((root / name).is_file() for root in roots)] == []


def test_architecture_names_constraints_that_exist(db: Connection) -> None:
    table = ARCHITECTURE.read_text(encoding="utf-8").partition("| constraint |")[2]
    named = re.findall(r"`([a-z_]+_(?:fkey|check|key|not_oversold))`", table)
    stored = {name for (name,) in db.execute("SELECT conname FROM pg_constraint")}
    assert "capacity_pools_not_oversold" in named
    assert [name for name in named if name not in stored] == []
