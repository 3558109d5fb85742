"""`ticketing catalogue`: check, load, show and template."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from jsonschema_rs import Draft7Validator
from tests.support.databases import database
from tests.support.pages import ROOT, blocks

from ticketing_client.cli import main
from ticketing_client.embedded import Server

MORE_TO_CHECK = "References, dates and limits are checked when these are right.\n"

EXAMPLES = files("ticketing_client").joinpath("example")

TEMPLATE = EXAMPLES.joinpath("conference.yaml").read_text("utf-8")


class Run(NamedTuple):
    """What a command came to."""

    code: object
    out: str
    err: str


Ticketing = Callable[..., Run]


@pytest.fixture
def ticketing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    database_url: str,
) -> Ticketing:
    """Return a function that runs `ticketing catalogue` in an empty folder, on a database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*arguments: str) -> Run:
        monkeypatch.setattr(sys, "argv", ["ticketing", "catalogue", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Run(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def conference(ticketing: Ticketing, tmp_path: Path) -> Path:
    """The file that the template is."""
    assert ticketing("template", "conference.yaml").code == 0
    return tmp_path / "conference.yaml"


def slugs(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT slug FROM ticketing.functions ORDER BY slug").fetchall()
        return [slug for (slug,) in found]


def line_of(text: str, part: str) -> int:
    """Return the line on which a part of a text stands."""
    return text[: text.index(part)].count("\n") + 1


# docs/catalogue.md


@pytest.mark.long
def test_page_builds_the_conference_step_by_step(
    tmp_path: Path, database_url: str, ticketing: Ticketing
) -> None:
    """Its YAML makes one file, its commands run in that folder, its texts are what they print."""
    program = tmp_path / "ticketing"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ticketing_client.cli "$@"\n')
    program.chmod(0o755)
    event, printed, texts = tmp_path / "event.yaml", "", 0
    page = (ROOT / "docs/catalogue.md").read_text("utf-8")
    for language, text in blocks(page):
        if language == "yaml":
            with event.open("a", encoding="utf-8") as file:
                file.write(f"{text}\n")
        elif language == "sh":
            run = subprocess.run(
                ["sh", "-c", text],
                cwd=tmp_path,
                env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert run.stderr == ""
            printed = run.stdout
        else:
            assert text in printed
            texts += 1
    assert texts == 4
    assert slugs(database_url) == ["data-days-2031"]
    # the page and the template are one conference
    (tmp_path / "template.yaml").write_text(TEMPLATE, "utf-8")
    assert ticketing("load", "template.yaml").code == 0
    assert ticketing("check", "event.yaml").out == "Loading it changes nothing.\n"


# template


def test_template_loads_as_it_is(ticketing: Ticketing, conference: Path, database_url: str) -> None:
    checked = ticketing("check", "conference.yaml")
    assert (checked.code, checked.err) == (0, "")
    assert "Loading it changes:\n  added   organisation Harbour Conferences" in checked.out
    assert slugs(database_url) == []
    loaded = ticketing("load", str(conference))
    assert (loaded.code, loaded.err) == (0, "")
    assert loaded.out.startswith("Loaded:\n  added   organisation Harbour Conferences")
    assert re.search(r"^function_id [0-9a-f-]{36}$", loaded.out, re.MULTILINE)
    assert slugs(database_url) == ["data-days-2031"]
    assert ticketing("load", "conference.yaml").out.startswith("Nothing to do")
    assert ticketing("check", "conference.yaml").out == "Loading it changes nothing.\n"


def test_template_in_json_is_the_same(ticketing: Ticketing, conference: Path) -> None:
    ticketing("load", str(conference))
    assert ticketing("template", "conference.json").code == 0
    document = json.loads(Path("conference.json").read_text("utf-8"))
    assert document["$schema"] == "catalogue.schema.json"
    assert ticketing("check", "conference.json").out == "Loading it changes nothing.\n"


def test_template_conforms_to_the_schema_beside_it(ticketing: Ticketing) -> None:
    ticketing("template", "conference.json")
    validator = Draft7Validator(json.loads(Path("catalogue.schema.json").read_text("utf-8")))
    document = json.loads(Path("conference.json").read_text("utf-8"))
    validator.validate(document)
    validator.validate(json.loads(EXAMPLES.joinpath("catalogue.json").read_text("utf-8")))
    document["events"][0]["titel"] = document["events"][0].pop("title")
    del document["ticket_types"][0]["slug"]
    found = sorted("/".join(map(str, e.instance_path)) for e in validator.iter_errors(document))
    assert set(found) == {"events/0", "ticket_types/0"}


def test_template_overwrites_nothing(ticketing: Ticketing, conference: Path) -> None:
    conference.write_text("mine", "utf-8")
    run = ticketing("template", "conference.yaml")
    assert (run.code, run.err) == (
        2,
        "ticketing: conference.yaml exists already; choose another name.\n",
    )
    assert conference.read_text("utf-8") == "mine"


# check


MISTAKES = {
    "a misspelt key": ("title: Friday", "titel: Friday", ["missing_key", "unknown_key"]),
    "a word for a price": ("price: 190.00", "price: much", ["invalid_value"]),
    "a slug that there is not": ("event_id: friday", "event_id: saturday", ["event_not_found"]),
    "a time without offset": ("09T17:00:00+02:00", "09T17:00:00", ["invalid_value"]),
    "an end before the start": ("09T17:00:00+02:00", "09T07:00:00+02:00", ["invalid_window"]),
    "a date": ("ends_at: 2031-05-09T17:00:00+02:00", "ends_at: 2031-05-09", ["invalid_value"]),
    "an unknown time zone": ("Europe/Berlin", "Europe/Atlantis", ["unknown_timezone"]),
    "yes for true": ("slug: friday\n", "slug: friday\n    is_active: yes\n", ["invalid_type"]),
    "an empty list": ("package_ids: [both-days-early,", "package_ids: [[],", ["invalid_type"]),
    "a fact of no form": ("operator: equals", "operator: is", ["invalid_value"]),
}
"""What is replaced by what in the template, and the issues."""


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("command", ["check", "load"])
def test_catalogue_says_the_line_of_each_mistake(
    ticketing: Ticketing, conference: Path, database_url: str, mistake: str, command: str
) -> None:
    right, wrong, codes = MISTAKES[mistake]
    assert TEMPLATE.count(right) == 1
    text = TEMPLATE.replace(right, wrong)
    conference.write_text(text, "utf-8")
    run = ticketing(command, "conference.yaml")
    assert run.code == 1
    found = re.findall(r"^conference.yaml:(\d+): (.+) \[(\w+)\]$", run.out + run.err, re.MULTILINE)
    assert sorted(code for _, _, code in found) == codes
    is_form = {"missing_key", "unknown_key", "invalid_value", "invalid_type"} >= set(codes)
    assert len(found) == len((run.out + run.err).splitlines()) - is_form
    assert (run.out + run.err).endswith(MORE_TO_CHECK) is is_form
    assert (run.err if command == "check" else run.out) == ""
    expected = line_of(text, wrong) + wrong.strip().count("\n")
    for line, words, code in found:
        # what is missing is said where it is missing
        assert int(line) == expected - (code == "missing_key")
        assert "p_catalogue" not in words
    assert slugs(database_url) == []


def test_check_says_all_in_the_order_of_the_file(ticketing: Ticketing, conference: Path) -> None:
    text = TEMPLATE
    for right, wrong in (
        ("event_id: friday", "event_id: saturday"),
        ("Europe/Berlin", "Europe/Atlantis"),
        ("09T17", "09T07"),
    ):
        text = text.replace(right, wrong)
    conference.write_text(text, "utf-8")
    run = ticketing("check", "conference.yaml")
    lines = [int(line) for line in re.findall(r"^conference.yaml:(\d+):", run.out, re.MULTILINE)]
    assert lines == sorted(lines)
    assert len(lines) == 3


def test_check_says_the_line_in_json(ticketing: Ticketing, tmp_path: Path) -> None:
    """With tabs, as JSON may have them, escapes, and all of it on one line."""
    ticketing("template", "conference.json")
    document = json.loads((tmp_path / "conference.json").read_text("utf-8"))
    document["events"][1]["titel"] = "Der \U0001f600 \t Tag / Köln"
    text = json.dumps(document, indent="\t")
    (tmp_path / "tabs.json").write_text(text, "utf-8")
    run = ticketing("check", "tabs.json")
    assert run.out.startswith(f"tabs.json:{line_of(text, 'titel')}: events[1] has an unknown key")
    (tmp_path / "line.json").write_text(
        json.dumps(document, separators=(",", ":")).replace("titel", "description"), "utf-8"
    )
    assert ticketing("check", "line.json").out.startswith("line.json:1: events[1] has an unknown")


def test_load_keeps_texts_as_written(
    ticketing: Ticketing, tmp_path: Path, database_url: str
) -> None:
    title = 'Der \U0001f600 \t "Tag" / Köln \\ no'
    ticketing("template", "conference.json")
    document = json.loads((tmp_path / "conference.json").read_text("utf-8"))
    document["events"][1]["title"] = title
    document["events"][2]["title"] = "no"
    (tmp_path / "conference.json").write_text(json.dumps(document), "utf-8")
    assert ticketing("load", "conference.json").code == 0
    with psycopg.connect(database_url) as connection:
        titles = connection.execute("SELECT title FROM ticketing.events").fetchall()
    assert {title for (title,) in titles} >= {title, "no"}
    ticketing("show", "data-days-2031", "again.yaml")
    assert ticketing("check", "again.yaml").out == "Loading it changes nothing.\n"


@pytest.mark.parametrize("code", ["\x1b[2J", "\x1b]0;title\x07", "\x9b2J", "\u202e"])
def test_nothing_in_a_catalogue_steers_the_terminal(
    ticketing: Ticketing, conference: Path, code: str
) -> None:
    """Neither a name, nor a key, nor one that stands there twice."""
    quoted = json.dumps(f"A{code}B")
    key = f"{quoted}: 1\n"
    for text in (
        TEMPLATE.replace("name: Workshop", f"name: {quoted}"),
        f"{TEMPLATE}\n{key}",
        f"{TEMPLATE}\n{key}{key}",
    ):
        conference.write_text(text, "utf-8")
        run = ticketing("check", "conference.yaml")
        said = run.out + run.err
        assert re.search(r"A\\[xu].*B", said)
        assert code[0] not in said


def test_load_keeps_prices_exact(ticketing: Ticketing, conference: Path, database_url: str) -> None:
    conference.write_text(TEMPLATE.replace("price: 190.00", "price: 9999999999.99"), "utf-8")
    assert ticketing("load", "conference.yaml").code == 0
    with psycopg.connect(database_url) as connection:
        (price,) = connection.execute("SELECT max(price)::text FROM ticketing.ticket_types")
    assert price == ("9999999999.99",)


def test_load_says_what_it_has_changed(ticketing: Ticketing, conference: Path) -> None:
    ticketing("load", "conference.yaml")
    text = TEMPLATE.replace("price: 190.00\n", "price: 195.00\n").replace(
        "capacity: 24", "capacity: 30"
    )
    before, _, _ = text.partition("  - slug: both-days-student")
    conference.write_text(f"{before}pools: []\n", "utf-8")
    run = ticketing("load", "conference.yaml")
    assert run.out.splitlines()[:-1] == [
        "Loaded:",
        "  changed event Query planning by hand (workshop): capacity",
        "  changed ticket type Thursday (thursday-ticket): price",
        "  dropped package Both days, student (both-days-student)",
        "  dropped pool Reduced price (reduced)",
    ]


def test_load_says_warnings(ticketing: Ticketing, conference: Path) -> None:
    conference.write_text(
        TEMPLATE.replace(
            "ticket_type_id: thursday-ticket\n        quantity: 1",
            "ticket_type_id: thursday-ticket\n        quantity: 2",
        ),
        "utf-8",
    )
    for command in "check", "load":
        run = ticketing(command, "conference.yaml")
        assert run.code == 0
        assert "  warning: Both days cannot be bought" in run.out


# show


def test_show_writes_what_can_be_loaded_again(ticketing: Ticketing, conference: Path) -> None:
    ticketing("load", str(conference))
    ticketing("load", str(EXAMPLES.joinpath("catalogue.json")))
    for function in "data-days-2031", "grand-proclamation-2031":
        printed = ticketing("show", function)
        assert (printed.code, printed.err) == (0, "")
        for name in f"{function}.yaml", f"{function}.json":
            assert ticketing("show", function, name).code == 0
            assert ticketing("check", name).out == "Loading it changes nothing.\n"
        assert Path(f"{function}.yaml").read_text("utf-8") == printed.out
    assert "price: 190.00\n" in ticketing("show", "data-days-2031").out
    assert "starts_at: 2031-05-09T09:00:00+02:00\n" in ticketing("show", "data-days-2031").out


def test_show_overwrites_nothing(ticketing: Ticketing, conference: Path) -> None:
    ticketing("load", "conference.yaml")
    run = ticketing("show", "data-days-2031", "conference.yaml")
    assert run == Run(2, "", "ticketing: conference.yaml exists already; choose another name.\n")
    assert conference.read_text("utf-8") == TEMPLATE


def test_show_takes_an_id(ticketing: Ticketing, conference: Path) -> None:
    loaded = ticketing("load", str(conference)).out
    by_id = ticketing("show", loaded.split()[-1])
    assert by_id.code == 0
    assert by_id == ticketing("show", "data-days-2031")


def test_show_of_no_function_says_which_there_are(ticketing: Ticketing, conference: Path) -> None:
    run = ticketing("show", "elsewhere")
    assert (run.code, run.out) == (2, "")
    assert run.err == (
        "ticketing: There is no event function elsewhere. Load one: ticketing catalogue load FILE\n"
    )
    ticketing("load", str(conference))
    assert "There are: data-days-2031." in ticketing("show", "elsewhere").err


# What fails with a sentence

FILES: dict[str, tuple[bytes, str]] = {
    "not YAML": (b"a: [1\nb: 2", "file.yaml:2: not YAML: "),
    "text with a colon": (
        b"name: Ladies: Brunch",
        "file.yaml:1: not YAML: mapping values are not allowed here; put text that contains ': '",
    ),
    "two documents": (b"a: 1\n---\nb: 2", "file.yaml:2: not YAML: "),
    "a key twice": (b"a: 1\nb: 2\na: 3", "file.yaml:3: a stands here twice."),
    "a key that is a list": (b"? [1]\n: 2", "file.yaml:1: a key must be a word."),
    "an alias of itself": (b"a: &a\n  b: *a", "file.yaml:1: an alias "),
    "a billion values": (
        b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + b"".join(
            b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 9)
        ),
        "an alias makes the file too large.",
    ),
    "nesting without end": (b"[" * 5000, "file.yaml"),
    "an unknown alias": (b"a: *b", "file.yaml:1: not YAML: found undefined alias"),
    "no text": (b"\xff\xfe\x00", "file.yaml is not a text file in UTF-8."),
    "a control character": (b"a: \x07", "file.yaml is not YAML: "),
    "nothing": (b"", "file.yaml has no catalogue: "),
    "a list": (b"- a", "file.yaml has no catalogue: "),
    "a word": (b"catalogue", "file.yaml has no catalogue: "),
    "far more than the database takes": (b"a: " + b"x" * 2**21, "file.yaml is larger than 2 MiB: "),
    "half of a character": (b'organisation: "\\ud800"', "ticketing: "),
    "a zero character": (b'organisation: "\\0"', "ticketing: "),
}


@pytest.mark.parametrize(("content", "sentence"), FILES.values(), ids=FILES)
def test_catalogue_file_that_is_none_gives_a_sentence(
    ticketing: Ticketing, tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "file.yaml").write_bytes(content)
    run = ticketing("check", "file.yaml")
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith("ticketing: ")
    assert run.err.count("\n") == 1
    assert sentence in run.err


def test_catalogue_file_of_huge_numbers_is_refused(ticketing: Ticketing, conference: Path) -> None:
    for number in "1e999999999", "9" * 5000, "0.0000000000000000000000000000000000001", "0x10":
        conference.write_text(TEMPLATE.replace("price: 190.00", f"price: {number}"), "utf-8")
        run = ticketing("check", "conference.yaml")
        assert (run.code, run.out.removesuffix(MORE_TO_CHECK).count("\n")) == (1, 1)
        assert "ticket_types[0].price" in run.out


@pytest.mark.parametrize(
    "arguments", [["load", "nowhere.yaml"], ["check", "."], ["template", "no/where.yaml"]]
)
def test_catalogue_file_that_cannot_be_opened_gives_a_sentence(
    ticketing: Ticketing, arguments: list[str]
) -> None:
    run = ticketing(*arguments)
    assert (run.code, run.out) == (2, "")
    assert re.fullmatch(rf"ticketing: {arguments[1]} cannot be \w+: [A-Z][a-z ]+\.\n", run.err)


@pytest.mark.parametrize("command", ["check", "load", "show"])
def test_catalogue_without_the_package_gives_a_sentence(
    ticketing: Ticketing, conference: Path, server: Server, command: str
) -> None:
    with database(server, "nothing_installed") as url:
        run = ticketing(command, str(conference), "--database-url", url)
    assert run == Run(
        2,
        "",
        "ticketing: The package is not installed in nothing_installed. Run: ticketing migrate\n",
    )


@pytest.mark.parametrize("command", ["check", "load", "show"])
def test_catalogue_without_a_server_gives_a_sentence(
    ticketing: Ticketing, conference: Path, command: str
) -> None:
    run = ticketing(command, str(conference), "--database-url", "postgresql://127.0.0.1:1/x")
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith("ticketing: connection failed")


@pytest.mark.parametrize("command", ["check", "load", "show"])
def test_catalogue_without_rights_gives_a_sentence(
    ticketing: Ticketing, conference: Path, database_url: str, command: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE nothing_granted LOGIN")
        try:
            url = database_url.replace("postgres@", "nothing_granted@")
            assert url != database_url
            run = ticketing(command, str(conference), "--database-url", url)
        finally:
            connection.execute("DROP ROLE nothing_granted")
    assert (run.code, run.out) == (2, "")
    assert "permission denied" in run.err.lower()
    assert "Traceback" not in run.err


def test_catalogue_without_yaml_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['yaml'] = None; from ticketing_client.cli import main; main()"
    )
    run: Any = subprocess.run(
        [sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr == "yaml is not installed. Run in a clone: pip install '.[cli]'\n"
