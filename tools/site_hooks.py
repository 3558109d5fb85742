"""What the site needs besides MkDocs: links out of docs, and mermaid without another server."""

from __future__ import annotations

import importlib.util
import posixpath
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

UPWARDS: Final = re.compile(r"\[([^\]]+)\]\((\.\./[^)#\s]+)(#[^)\s]*)?\)")
"""A link that leaves the folder of its page."""


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


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Lead links out of docs to the repository, or leave their text while it has no address."""

    def lead(match: re.Match[str]) -> str:
        text, path, anchor = match.groups()
        from_root = posixpath.normpath(posixpath.join("docs", page.file.src_uri, "..", path))
        if from_root.startswith("docs/"):
            return match[0]
        if not config.repo_url:
            return text
        return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{from_root}{anchor or ''})"

    return UPWARDS.sub(lead, markdown)


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Load mermaid where there is a diagram."""
    if 'class="mermaid"' not in output:
        return output
    script = f'<script src="{get_relative_url(MERMAID, page.url)}"></script>'
    return output.replace("</head>", f"{script}</head>", 1)
