"""Words and paragraphs of what is generated."""

from __future__ import annotations

import re
import textwrap


def unwrap(text: str) -> str:
    """Return a text on one line."""
    return " ".join(text.split())


def fill(text: str, width: int = 100, continued: str = "") -> str:
    """Wrap a paragraph, or each item of a list."""
    return "\n".join(
        textwrap.fill(
            unwrap(block),
            width,
            subsequent_indent=continued or ("  " if block.startswith("- ") else ""),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for block in re.split(r"\n(?=- )", text)
    )


def code(text: str) -> str:
    """Return a code span, also for text with backticks."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def camel(name: str) -> str:
    """Return the name of a class: persist_answer and persistAnswer become PersistAnswer."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def snake(name: str) -> str:
    """Return the name of an attribute: confirmationNumber becomes confirmation_number."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def sentence(text: str) -> str:
    """Return a text as a sentence."""
    return text[:1].upper() + text[1:].removesuffix(".") + "."
