"""What the site needs besides MkDocs: links out of docs, and mermaid without another server."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).resolve().parent.parent

MERMAID: Final = "assets/mermaid.js"

OUTSIDE: Final = re.compile(r"\[([^\]]+)\]\((?:\.\./)+((?!\.\./)[^)#\s]+)(#[^)\s]*)?\)")
"""A link to a file outside of docs, which a reader of the site does not have."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the address of the repository from pyproject.toml, where it stands alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    config.repo_url = project["urls"].get("Repository")
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the mermaid of an installed package: the theme would load one from another server."""
    package = importlib.util.find_spec("mermaidx")  # not imported: that takes a second
    if package is None or package.origin is None:
        message = "mermaidx is not installed. Run: pip install '.[docs]'"
        raise PluginError(message)
    script = Path(package.origin).parent / "assets/mermaid.js"
    files.append(File.generated(config, MERMAID, abs_src_path=str(script)))
    return files


def on_page_markdown(markdown: str, config: MkDocsConfig, **_: object) -> str:
    """Lead links out of docs to the repository, or leave their text while it has no address."""

    def lead(match: re.Match[str]) -> str:
        text, path, anchor = match.groups()
        if not config.repo_url:
            return text
        return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{path}{anchor or ''})"

    return OUTSIDE.sub(lead, markdown)


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Load mermaid where there is a diagram."""
    if 'class="mermaid"' not in output:
        return output
    script = f'<script src="{get_relative_url(MERMAID, page.url)}"></script>'
    return output.replace("</head>", f"{script}</head>", 1)
