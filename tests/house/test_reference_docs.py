"""The reference pages describe every call and code."""

import re
from pathlib import Path
from typing import Any

import psycopg
from tools.generator.pages import markdown

ROOT = Path(__file__).resolve().parents[2]

Connection = psycopg.Connection[Any]


def test_errors_page_documents_every_code_once(db: Connection) -> None:
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \| [^|]+ \|[^|]*\|$", page, re.MULTILINE)
    codes = db.execute("SELECT code FROM ticketing_internal.issue_codes()").fetchall()
    assert sorted(documented) == sorted(code for (code,) in codes)


def test_rpc_page_explains_every_parameter(db: Connection) -> None:
    page = (ROOT / "docs/rpc.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    functions = db.execute(
        "SELECT proname, coalesce(proargnames[1:pronargs], '{}') FROM pg_proc"
        " WHERE pronamespace = 'ticketing'::regnamespace"
    ).fetchall()
    assert sorted(sections.keys() - {"Answers"}) == sorted(name for name, _ in functions)
    for name, parameters in functions:
        explained = re.findall(r"^- (`p_.*?): ", sections[name], re.MULTILINE)
        assert re.findall(r"`(\w+)`", " ".join(explained)) == parameters


def test_markdown_of_comments_is_wrapped() -> None:
    comment = "What.\nMore.\n\n### Parameters\n- `p_one`: it\n  is.\n- `p_two`: so.\n### Retry\nIt."
    assert markdown(comment).split("\n") == [
        "What. More.",
        "",
        "### Parameters",
        "",
        "- `p_one`: it is.",
        "- `p_two`: so.",
        "",
        "### Retry",
        "",
        "It.",
    ]


def test_architecture_names_exist(db: Connection) -> None:
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
