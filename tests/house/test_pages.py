"""Every page: its blocks run, its links lead somewhere, and it has its place in the site."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tests.support.bookings
import tests.support.caller
import tests.support.example
from tests.conftest import Connection
from tests.support.bookings import book, every_state, payment
from tests.support.caller import Document, service
from tests.support.example import (
    CEREMONY,
    CEREMONY_AND_BANQUET,
    INES,
    LUNCHEON,
    WALTER,
    selection,
)
from tests.support.pages import (
    PICTURES,
    ROOT,
    blocks,
    pages,
    psql_of,
    python_of,
    rows,
    run_blocks,
    shell_of,
)
from tests.support.supabase import run_javascript
from tools.site_hooks import on_page_markdown

from ticketing_client.embedded import Server

RUN_HERE = ("docs/after-the-sale.md", "docs/quickstart.md", "docs/selections.md")
"""Pages whose blocks need the example event and nothing else."""

RUN_BY = {
    **dict.fromkeys(RUN_HERE, "tests/house/test_pages.py"),
    "CONTRIBUTING.md": "tests/house/test_pages.py",
    "README.md": "tests/client/test_readme.py",
    "docs/catalogue.md": "tests/client/test_catalogue_cli.py",
    "docs/operations.md": "tests/migrations/test_product.py",
    "docs/http.md": "tests/client/test_http_page.py",
    "docs/python.md": "tests/client/test_client.py",
    "docs/security.md": "tests/security/test_security_docs.py",
    "docs/supabase-js.md": "typescript/tests/docs.test.js",
    "docs/testing.md": "tests/client/test_pytest_plugin.py",
}
"""The test that runs the blocks of each page which has some."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def site_pages() -> list[Path]:
    return [page for page in pages() if page.is_relative_to(ROOT / "docs")]


@pytest.mark.parametrize("name", RUN_HERE)
def test_blocks_of_page_run_in_order(  # noqa: PLR0917 - fixtures
    name: str,
    server: Server,
    event_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", event_url)
    page = ROOT / name
    folder = tmp_path / "folder"
    folder.mkdir()
    shell = shell_of(server, tmp_path, {}, folder)
    doors = {
        "sh": shell,
        "sql": psql_of(shell),
        "python": python_of(page, lambda: capfd.readouterr().out),
        "js": run_javascript,
    }
    assert run_blocks(page.read_text(encoding="utf-8"), doors)


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_block_of_a_page_runs_or_is_an_illustration(page: Path) -> None:
    found = blocks(page.read_text(encoding="utf-8"))
    if {block.language for block in found} - PICTURES:
        test = (ROOT / RUN_BY[name_of(page)]).read_text(encoding="utf-8")
        assert page.name in test


def test_contributing_shows_a_test_that_passes(event_db: Connection) -> None:
    (text,) = (
        text
        for language, text in blocks((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
        if language == "python"
    )
    names = {
        **vars(tests.support.bookings),
        **vars(tests.support.caller),
        **vars(tests.support.example),
        "Connection": Connection,
    }
    exec(compile(text, "CONTRIBUTING.md", "exec"), names)  # noqa: S102 - our own documentation
    (test,) = re.findall(r"^def (\w+)", text, re.MULTILINE)
    names[test](event_db)


# -- Links


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Path and anchor of every link of a page that does not leave the repository."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith("https://"):
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(page: Path) -> list[str]:
    """The anchors that headings get on GitHub, and in the site."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {path}"
        assert target.is_relative_to(ROOT), f"{page.name} links to {path}"
        if anchor:
            assert anchor in anchors(target), f"{page.name} links to {path}#{anchor}"


# -- The site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site; a warning of MkDocs fails."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "https_proxy": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.long
def test_site_has_every_page_and_loads_nothing_from_another_server(site: Path) -> None:
    made = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert made == {"404.html"} | {
        page.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for page in site_pages()
    }
    assert (site / "search/search_index.js").stat().st_size > 100_000
    for name in made:
        page = (site / name).read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|link|iframe)\b[^>]*?(?:src|href)="(\w+:)?//', page)
        assert loaded == [], name
        if 'class="mermaid"' in page:
            assert re.search(r'<script src="(?:\.\./)*assets/mermaid.js">', page), name
    assert (site / "assets/mermaid.js").stat().st_size > 1_000_000


@pytest.mark.long
def test_site_keeps_the_links_between_its_pages(site: Path) -> None:
    for page in site_pages():
        made = site / page.relative_to(ROOT / "docs").with_suffix(".html")
        kept = set(re.findall(r'(?:href|src)="([^"]+)"', made.read_text(encoding="utf-8")))
        for path, anchor in links(page):
            if path and (page.parent / path).resolve().is_relative_to(ROOT / "docs"):
                target = re.sub(r"\.md$", ".html", path) + (f"#{anchor}" if anchor else "")
                assert target in kept, f"{page.name}: {target}"


@pytest.mark.parametrize(
    ("address", "expected"),
    [(None, "b"), ("https://host/o/r/", "[b](https://host/o/r/blob/main/bench/b.py)")],
)
def test_links_out_of_the_site_lead_to_the_repository(address: str | None, expected: str) -> None:
    config: Any = SimpleNamespace(repo_url=address)
    page: Any = SimpleNamespace(file=SimpleNamespace(src_uri="decisions/cells.md"))
    text = "[a](../rpc.md#x) [b](../../bench/b.py) [c](d.md)"
    shown = on_page_markdown(text, page=page, config=config)
    assert shown == f"[a](../rpc.md#x) {expected} [c](d.md)"


def test_index_leads_to_every_page() -> None:
    index = ROOT / "docs/index.md"
    named = {(index.parent / path).resolve() for path, _ in links(index)} | {index}
    inside = set(site_pages())
    assert {page for page in inside if page.parent.name != "decisions"} - named == set()
    decisions = ROOT / "docs/decisions/index.md"
    listed = {decisions.parent / path for path, _ in links(decisions)} | {decisions}
    assert {page for page in inside if page.parent == decisions.parent} == listed


# -- The diagrams of docs/concepts.md

CONCEPTS = (ROOT / "docs/concepts.md").read_text(encoding="utf-8")


def test_concepts_diagram_shows_foreign_keys_of_the_database(db: Connection) -> None:
    shown = set(re.findall(r"^    (\w+) (\|[|o])--o\{ (\w+) :", CONCEPTS, re.MULTILINE))
    stored = db.execute(
        """
        SELECT parent.relname, CASE WHEN bool_and(a.attnotnull) THEN '||' ELSE '|o' END,
            child.relname
        FROM pg_constraint AS k
        INNER JOIN pg_class AS child ON child.oid = k.conrelid
        INNER JOIN pg_class AS parent ON parent.oid = k.confrelid
        INNER JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY(k.conkey)
        WHERE k.contype = 'f' AND child.relnamespace = 'ticketing'::regnamespace
        GROUP BY k.oid, parent.relname, child.relname
        """
    ).fetchall()
    assert len(shown) > 10
    assert shown - set(stored) == set()


def test_concepts_diagram_shows_columns_of_the_database(db: Connection) -> None:
    shown = {
        (table, column, type_)
        for table, body in re.findall(r"^    (\w+) \{\n([^}]*)\}", CONCEPTS, re.MULTILINE)
        for type_, column in re.findall(r"^ +(\w+) (\w+)$", body, re.MULTILINE)
    }
    stored = db.execute(
        """
        SELECT c.relname, a.attname, coalesce(base.typname, t.typname), t.typname
        FROM pg_attribute AS a
        INNER JOIN pg_class AS c ON c.oid = a.attrelid
        INNER JOIN pg_type AS t ON t.oid = a.atttypid
        LEFT JOIN pg_type AS base ON base.oid = t.typbasetype
        WHERE c.relnamespace = 'ticketing'::regnamespace AND a.attnum > 0
        """
    ).fetchall()
    known = {
        (table, column, {"int4": "integer"}.get(name, name))
        for table, column, *names in stored
        for name in names
    }
    assert len(shown) > 20
    assert shown - known == set()


def test_concepts_diagram_shows_every_status_of_a_registration(db: Connection) -> None:
    shown = re.findall(r"^    (\w+) --> (\w+) : ", CONCEPTS, re.MULTILINE)
    (definition,) = db.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conname = 'registrations_state_check'"
    ).fetchone() or ("",)
    stored = set(re.findall(r"'([a-z]+) [A-Z]", definition))
    assert "expired" in stored
    assert {status for pair in shown for status in pair} == stored


# -- The money and the states of docs/after-the-sale.md

AFTER_THE_SALE = (ROOT / "docs/after-the-sale.md").read_text(encoding="utf-8")


def test_money_after_the_sale_is_what_calls_answer(event_db: Connection) -> None:
    booking = book(
        event_db,
        {
            WALTER: selection(tickets={CEREMONY: 1}),
            INES: selection({CEREMONY_AND_BANQUET: 1}),
        },
    )
    back_end = service(event_db)

    def active(attendee: str) -> list[str]:
        tickets = back_end.call("get_registration", p_registration_id=booking)["tickets"]
        return [
            ticket["ticket_id"]
            for ticket in tickets
            if ticket["client_attendee_id"] == attendee and ticket["status"] == "Active"
        ]

    steps: tuple[Callable[[], tuple[str, Document]] | None, ...] = (
        None,
        lambda: ("complete_registration_payment", {"p_payment": payment("155.00", "pi_1")}),
        lambda: (
            "amend_registration",
            {
                "p_selections": {WALTER: selection(tickets={LUNCHEON: 1})},
                "p_payment": payment("55.00", "pi_2"),
            },
        ),
        lambda: ("cancel_tickets", {"p_ticket_ids": active(WALTER)}),
        lambda: ("record_refund", {"p_refund": payment("75.00", "re_1")}),
        lambda: ("adjust_registration", {"p_adjustment": "-10.00", "p_reason": "goodwill"}),
        lambda: ("cancel_registration", {}),
        lambda: ("adjust_registration", {"p_adjustment": "25.00", "p_reason": "fee"}),
        lambda: ("record_refund", {"p_refund": payment("110.00", "re_2")}),
    )
    columns = re.findall(r"\w+", AFTER_THE_SALE.partition("\n| step |")[2].partition("\n")[0])
    assert columns == ["paid", "refunded", "total", "amount_due", "refund_due"]
    for step, (name, *shown) in zip(steps, rows(AFTER_THE_SALE, "step"), strict=True):
        if step:
            rpc, arguments = step()
            back_end.call(rpc, p_registration_id=booking, **arguments)
        stored = back_end.call("get_registration", p_registration_id=booking)
        assert [f"{stored[column]}" for column in columns] == shown, name


def test_states_after_the_sale_are_those_of_tickets(event_db: Connection) -> None:
    every_state(event_db)
    stored = event_db.execute(
        "SELECT DISTINCT format('%s, %s', status, payment_status) FROM ticketing.tickets"
    ).fetchall()
    shown = re.findall(r'^    state "(.+)" as \w+$', AFTER_THE_SALE, re.MULTILINE)
    assert {(state,) for state in shown} == set(stored)


def test_changes_after_the_sale_are_for_those_who_may_call() -> None:
    """The callers in the table are those in the comment of each call."""
    told = {
        "owner": "own registrations",
        "staff": "(?:staff|in which the caller is a member)",
        "admin": "in which the caller is owner or admin",
        "service": "`service_role`",
    }
    reference = (ROOT / "docs/rpc.md").read_text(encoding="utf-8")
    for _, call, callers, *_ in rows(AFTER_THE_SALE, "to | call | who | until when"):
        (name,) = re.findall(r"`(\w+)`", call)
        section = reference.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        described = section.partition("### Callers")[2].partition("### Parameters")[0]
        words = " ".join(described.split())
        allowed = {caller for caller, text in told.items() if re.search(text, words)}
        assert set(re.findall("|".join(told), callers)) == allowed, name


# -- The rule of blocks


def test_blocks_are_all_but_illustrations() -> None:
    page = """
```sh
one
```

```
a tree
```

<!-- not run: because -->
```sh
two
```

- in a list

  ```sql
  three
  ```

<!-- begin part -->
```sql
four
```
<!-- end -->

<!-- not run: because -->

```text
five
```
"""
    assert blocks(page) == [("sh", "one\n"), ("sql", "three\n"), ("text", "five\n")]
