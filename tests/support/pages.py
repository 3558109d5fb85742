"""Pages of the documentation: their blocks, and what runs them.

A block with a language is run by a test, or compared with what the block before it has printed.
Three kinds of blocks are illustrations, which nothing runs:

- one without a language: a tree of folders, a list of commands with their purpose;
- one below a line `<!-- not run: why -->`;
- one that `make generate` has written: it cannot say anything but the database.

`tests/house/test_pages.py` holds every page to this.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ticketing_client.embedded import Server

ROOT = Path(__file__).resolve().parents[2]

Shell: TypeAlias = Callable[[str], str]
Run: TypeAlias = Callable[[str], str]

PICTURES = frozenset({"mermaid"})
"""Languages of blocks that are drawn."""

OUTPUTS = frozenset({"text", "json"})
"""Languages of blocks that show what the block before them prints."""

_BLOCK = re.compile(
    r"^(?:(?P<indent> *)<!-- not run: (?P<reason>[^\n]+) -->\n)?"
    r"(?P<margin> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=margin)```$",
    re.MULTILINE | re.DOTALL,
)
_GENERATED = re.compile(r"<!-- begin \w+ -->\n.*?<!-- end -->", re.DOTALL)


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        language: The word behind the opening fence.
        text: The lines between the fences.
    """

    language: str
    text: str


def pages() -> list[Path]:
    """Return the files of all pages, those of the root included."""
    return [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    ]


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page that are no illustrations, in their order."""
    return [
        Block(
            found["language"], re.sub(f"^{found['margin']}", "", found["text"], flags=re.MULTILINE)
        )
        for found in _BLOCK.finditer(_GENERATED.sub("", page))
        if found["language"] and not found["reason"]
    ]


def run_blocks(page: str, doors: Mapping[str, Run]) -> int:
    """Run the blocks of a page in their order, and compare what they print with what it shows.

    Args:
        page: The text of the page.
        doors: What runs the blocks of a language, and returns what they print.

    Returns:
        How many blocks have shown what was printed.
    """
    printed = ""
    shown = 0
    for language, text in blocks(page):
        if language == "text":
            assert text in printed, f"not printed:\n{text}\nbut:\n{printed}"
            shown += 1
        elif language == "json":
            expected, answer = json.loads(text), json.loads(printed)
            assert {key: answer[key] for key in expected} == expected
            shown += 1
        elif language not in PICTURES:
            printed = doors[language](text)
    return shown


def python_of(page: Path, printed: Callable[[], str]) -> Run:
    """Make what runs the Python of a page, each block going on where the last one stopped.

    Args:
        page: The page, which errors name.
        printed: Returns what has been printed since it was called last.

    Returns:
        The function.
    """
    namespace: dict[str, Any] = {}

    def run(text: str) -> str:
        printed()
        exec(compile(text, page.name, "exec"), namespace)  # noqa: S102 - our own documentation
        return printed()

    return run


def shell_of(server: Server, folder: Path, programs: Mapping[str, str], cwd: Path = ROOT) -> Shell:
    """Make a function that runs commands and returns what they print.

    Args:
        server: The server whose `psql` it is.
        folder: An empty folder.
        programs: Further programs besides `psql` and `ticketing`: what their names stand for.
        cwd: The folder to run them in.

    Returns:
        The function. A command that fails, or says something on standard error, fails the test.
    """
    python = shlex.quote(sys.executable)
    for name, command in {
        "psql": f"{shlex.quote(str(server.bin_dir / 'psql'))} --no-psqlrc",
        "ticketing": f"{python} -m ticketing_client.cli",
        "curl": f"env PYTHONPATH={shlex.quote(_python_path())} {python} -m tests.support.curl",
        **programs,
    }.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        program.chmod(0o755)

    def run(commands: str) -> str:
        result = subprocess.run(
            ["sh", "-eu", "-c", commands],
            cwd=cwd,
            env=os.environ | {"PATH": os.pathsep.join([str(folder), os.environ["PATH"]])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, ""), result.stdout
        return "\n".join(line.rstrip() for line in result.stdout.splitlines()) + "\n"

    return run


def _python_path() -> str:
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def psql_of(shell: Shell) -> Run:
    """Make what runs the SQL of a page in psql, on the database of `DATABASE_URL`."""
    return lambda text: shell(f"psql -v ON_ERROR_STOP=1 \"$DATABASE_URL\" <<'SQL'\n{text}\nSQL")


def rows(page: str, first: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the table whose head begins with these cells."""
    table = page.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    for line in re.findall(r"^\| (.+) \|$", table, re.MULTILINE):
        if not line.startswith("---"):
            yield line.split(" | ")
