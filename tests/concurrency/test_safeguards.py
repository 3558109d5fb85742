"""docs/concurrency.md names every safeguard, and the test that fails without it."""

import re
from pathlib import Path

from tests.support.pages import ROOT
from tests.support.safeguards import SAFEGUARDS

GUARDS = re.compile(r"^@guards\(([^)]+)\)\ndef (test_\w+)", re.MULTILINE)


def test_safeguards_are_documented_with_the_tests_that_guard_them() -> None:
    page = (ROOT / "docs/concurrency.md").read_text(encoding="utf-8")
    table = page.partition("| removed safeguard |")[2].partition("\n\n")[0].splitlines()[2:]
    documented = {tuple(row.replace("`", "").strip("| ").split(" | ")) for row in table}
    guarded = {
        (name, test)
        for file in Path(__file__).parent.glob("test_*.py")
        for names, test in GUARDS.findall(file.read_text(encoding="utf-8"))
        for name in re.findall(r'"([^"]+)"', names)
    }
    assert documented == guarded
    assert {name for name, _ in guarded} == set(SAFEGUARDS)
