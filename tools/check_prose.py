"""Check the prose of the project: words to avoid, with the words to use instead.

Searches SQL, Python, Markdown, TOML and the Makefile for the words of the table below, as whole
words and in any case, also across a line break. Prints ``file:line: word: advice`` for each.

A word may stay where it is a name or a quotation; ``ALLOWED`` lists these cases with the reason.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent

SOURCES: Final = (
    *("CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "README.md", "pyproject.toml"),
    *("bench", "docs", "examples", "python", "sql", "tests", "tools"),
)
SUFFIXES: Final = frozenset({".css", ".html", ".js", ".md", ".mjs", ".py", ".sql", ".toml"})
FOREIGN: Final = "node_modules"

_PERSON: Final = "name the role: the caller, the owner, the user, the attendee"
_ANY: Final = "say any caller, any role, another transaction"
_ALL: Final = "say all callers, every role, all users"
_NONE: Final = "say no caller, no role, none"
_RELEASE: Final = "say expire, release or unlock"

ADVICE: Final = {
    "he": _PERSON,
    "him": _PERSON,
    "himself": _PERSON,
    "his": _PERSON,
    "she": _PERSON,
    "whoever": _ANY,
    "whomever": _ANY,
    "anybody": _ANY,
    "somebody": _ANY,
    "everybody": _ALL,
    "nobody": _NONE,
    "lest": "say so that ... not",
    "mend": "say correct or repair",
    "mended": "say corrected or repaired",
    "for ever": "say without limit or permanently",
    "for good": "say permanently",
    "let go": _RELEASE,
    "lets go": _RELEASE,
}

ALLOWED: Final = (
    # nobody is the name of an operating system user
    ("python/client/ticketing_client/embedded/_programs.py", '("postgres", "nobody")'),
    ("python/client/ticketing_client/embedded/_programs.py", "the users postgres and nobody"),
    ("tests/client/test_embedded.py", 'getpwnam("nobody")'),
    ("tests/client/test_embedded.py", "the user nobody"),
)

_GAP: Final = r"\s+(?:(?:--|#)\s+)?"  # also the start of a comment on the next line
_WORDS: Final = re.compile(
    rf"\b(?:{'|'.join(_GAP.join(words.split()) for words in sorted(ADVICE))})\b", re.IGNORECASE
)


class Finding(NamedTuple):
    """A word that was found.

    Attributes:
        path: The file, relative to the root.
        line: The line, counted from 1.
        word: The word, as in the table.

    """

    path: str
    line: int
    word: str

    def __str__(self) -> str:
        """Return the finding in the format of compilers, with the advice."""
        return f"{self.path}:{self.line}: {self.word}: {ADVICE[self.word]}"


def find_words(path: str, text: str) -> list[Finding]:
    """Find the words of the table in a text.

    Args:
        path: The file, relative to the root.
        text: Its content.

    Returns:
        The findings, in order.

    """
    for file, phrase in ALLOWED:
        if file == path:
            text = text.replace(phrase, "")
    return [
        Finding(
            path,
            text.count("\n", 0, match.start()) + 1,
            " ".join(re.findall(r"[a-z]+", match[0].lower())),
        )
        for match in _WORDS.finditer(text)
    ]


def sources(root: Path) -> Iterator[Path]:
    """Yield the files to check, in order.

    Args:
        root: The folder of the repository.

    Yields:
        Their paths; this tool is not among them, because its table contains the words.

    """
    for name in SOURCES:
        source = root / name
        paths = sorted(source.rglob("*")) if source.is_dir() else [source]
        for path in paths:
            is_text = path.is_file() and (path.suffix in SUFFIXES or path == source)
            is_ours = FOREIGN not in path.parts and path.name != Path(__file__).name
            if is_text and is_ours:
                yield path


def main() -> int:
    """Check the repository named on the command line, by default this one.

    Returns:
        0 when no word is found, 1 otherwise.

    """
    parser = argparse.ArgumentParser(description="Check the prose of the project.")
    parser.add_argument("root", nargs="?", type=Path, default=ROOT, help="default: this repository")
    root: Path = parser.parse_args().root
    findings = [
        finding
        for path in sources(root)
        for finding in find_words(
            path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        )
    ]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
