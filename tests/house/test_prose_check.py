"""tools/check_prose.py finds the words of its table, on their lines, and nothing in plain text."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_prose.py"


def load_tool() -> ModuleType:
    """Import the tool, which is not part of the package."""
    spec = spec_from_file_location(TOOL.stem, TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tool = load_tool()


@pytest.mark.parametrize("word", tool.ADVICE)
def test_word_is_found_on_its_line(word: str) -> None:
    text = f"-- A first line.\n-- The caller, {word.capitalize()}.\n"
    assert tool.find_words("sql/a.sql", text) == [("sql/a.sql", 2, word)]


def test_phrase_is_found_across_a_line_break() -> None:
    phrase = next(word for word in tool.ADVICE if " " in word)
    text = "-- " + phrase.replace(" ", "\n-- ")
    assert tool.find_words("sql/a.sql", text) == [("sql/a.sql", 1, phrase)]


@pytest.mark.parametrize("text", ["The header is lent.", "the_history", "good", "her", "letter"])
def test_parts_of_words_are_not_found(text: str) -> None:
    assert tool.find_words("docs/a.md", text) == []


def test_allowed_phrase_is_allowed_in_its_file_only() -> None:
    file, phrase = tool.ALLOWED[0]
    assert tool.find_words(file, phrase) == []
    assert tool.find_words("docs/a.md", phrase) != []


@pytest.mark.parametrize(("word", "code"), [("the owner", 0), (next(iter(tool.ADVICE)), 1)])
def test_command_prints_file_line_and_advice(tmp_path: Path, word: str, code: int) -> None:
    page = tmp_path / "docs/a.md"
    page.parent.mkdir()
    page.write_text(f"# Holds\n\nThe hold of {word}.\n")
    run = subprocess.run(
        [sys.executable, TOOL, tmp_path], capture_output=True, text=True, check=False
    )
    expected = f"docs/a.md:3: {word}: {tool.ADVICE[word]}\n" if code else ""
    assert (run.returncode, run.stdout, run.stderr) == (code, expected, "")
