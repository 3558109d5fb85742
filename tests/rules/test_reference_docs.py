"""The reference pages say what the database says, and every link of the documents leads somewhere.

The pages are written by `make docs`.
"""

import re
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, LiteralString

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = ["rpc.md", "errors.md", "schema.md"]

Connection = psycopg.Connection[Any]


def load_tool() -> ModuleType:
    """Import the generator, which is no part of the package."""
    path = ROOT / "tools/generate_reference.py"
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tool = load_tool()


@pytest.mark.parametrize("page", PAGES)
def test_page_is_what_the_database_says(page: str, db: Connection) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert tool.render(db)[page] == written, f"docs/{page} is stale: run `make docs`"


@pytest.mark.parametrize(
    ("page", "change"),
    [
        (
            "rpc.md",
            "COMMENT ON FUNCTION ticketing.get_registration(uuid) IS 'Another.'",
        ),
        ("rpc.md", "REVOKE EXECUTE ON FUNCTION ticketing.get_registration(uuid) FROM service_role"),
        ("rpc.md", "COMMENT ON COLUMN ticketing_internal.persist_answer.total IS 'Another.'"),
        ("rpc.md", "ALTER TYPE ticketing_internal.persist_answer RENAME ATTRIBUTE total TO price"),
        ("errors.md", "COMMENT ON FUNCTION ticketing.get_registration(uuid) IS '- `TK007` why'"),
        ("schema.md", "COMMENT ON COLUMN ticketing.tickets.status IS 'Another.'"),
        ("schema.md", "ALTER TABLE ticketing.tickets ALTER COLUMN status SET DEFAULT 'Cancelled'"),
        ("schema.md", "ALTER TABLE ticketing.tickets DROP CONSTRAINT tickets_status_check"),
        ("schema.md", "ALTER TABLE ticketing.payments DROP CONSTRAINT payments_registration_fkey"),
        ("schema.md", "DROP INDEX ticketing.tickets_owner_idx"),
        ("schema.md", "CREATE POLICY seen ON ticketing.tickets FOR SELECT USING (TRUE)"),
        ("schema.md", "COMMENT ON TABLE ticketing.tickets IS 'Another.'"),
    ],
)
def test_every_change_of_the_database_makes_its_page_stale(
    page: str, change: LiteralString, db: Connection
) -> None:
    before = tool.render(db)
    with db.transaction():
        db.execute("SET LOCAL check_function_bodies = off")
        db.execute(change)
    after = tool.render(db)
    assert page in [name for name in PAGES if before[name] != after[name]]


def test_every_code_that_an_issue_can_have_is_documented_once(db: Connection) -> None:
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", page, re.MULTILINE)
    codes = db.execute("SELECT code FROM ticketing_internal.issue_codes()").fetchall()
    assert sorted(documented) == sorted(code for (code,) in codes)


def test_every_call_and_each_of_its_parameters_is_explained(db: Connection) -> None:
    page = (ROOT / "docs/rpc.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    functions = db.execute(
        "SELECT proname, coalesce(proargnames[1:pronargs], '{}') FROM pg_proc"
        " WHERE pronamespace = 'ticketing'::regnamespace"
    ).fetchall()
    assert sorted(sections) == sorted(["Answers", *(name for name, _ in functions)])
    for name, parameters in functions:
        listed = re.search(r"^### Parameters\n(.*?)^### ", sections[name], re.MULTILINE | re.DOTALL)
        explained = re.findall(r"^- (.*?): ", listed[1] if listed else "", re.MULTILINE)
        assert re.findall(r"`(\w+)`", " ".join(explained)) == parameters


def test_shapes_names_and_codes_become_markdown() -> None:
    comment = (
        "p_tickets as in get_it: {a: [{b, c}]?, d\n(or e)}.\n\nParameters:\n"
        "- p_one: [{x}]? or\n  none\n- p_two: selectedTickets\n\nRaises TK004."
    )
    assert tool.prose(comment).split("\n") == [
        "`p_tickets` as in `get_it`: `{a: [{b, c}]?, d (or e)}`.",
        "",
        "Parameters:",
        "",
        "- `p_one`: `[{x}]?` or none",
        "- `p_two`: `selectedTickets`",
        "",
        "Raises [TK004](errors.md#tk004).",
    ]


def test_calls_answers_and_codes_become_links() -> None:
    comment = (
        "As `get_it` and\n`other`.\n\n### Returns\n`it_answer`: it, see `it_answer`.\n\n"
        "### Raises\n- `TK004` selection_invalid\n- `42501` why"
    )
    assert tool.markdown(comment, {"get_it"}).split("\n") == [
        "As [`get_it`](#get_it) and `other`.",
        "",
        "### Returns",
        "",
        "[`it_answer`](#it_answer): it, see `it_answer`.",
        "",
        "### Raises",
        "",
        "- [TK004](errors.md#tk004) selection_invalid",
        "- [42501](errors.md#42501) why",
    ]


def links(document: Path) -> Iterator[tuple[str, str]]:
    """Path and anchor of every link of a document that does not leave the repository."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith("https://"):
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(document: Path) -> list[str]:
    """The anchors that headings get on GitHub."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for path, anchor in links(document):
        target = document.parent / path if path else document
        assert target.exists(), f"{document.name} links to {path}"
        if anchor:
            assert anchor in anchors(target), f"{document.name} links to {path}#{anchor}"


def test_every_name_in_the_architecture_exists(db: Connection) -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:[a-z_]+/)?([a-z]+(?:_[a-z]+)+)(?:\.sql)?`", page))
    known = db.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace::regnamespace::text LIKE 'ticketing%'"
        " UNION SELECT relname FROM pg_class WHERE relnamespace::regnamespace::text = 'ticketing'"
        " UNION SELECT conname FROM pg_constraint"
        " UNION SELECT attname FROM pg_attribute"
        " UNION SELECT nspname FROM pg_namespace"
        " UNION SELECT typname FROM pg_type"
    ).fetchall()
    assert named > {"evaluate_selections", "take_capacity"}
    assert named - {name for (name,) in known} == set()
