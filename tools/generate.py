"""Generate what says the same as the database, from a database with the package installed.

| files | from |
|---|---|
| parts of `docs/rpc.md` | signatures and COMMENTs of the RPCs, answer types, `payload_schema` |
| parts of `docs/errors.md` | `error_classes`, `issue_codes`, and what the RPCs raise |
| parts of `docs/schema.md` | tables, constraints, indexes and policies with their COMMENTs |
| a part of `docs/security.md` | the callers in the COMMENTs of the RPCs |
| a part of `docs/catalogue.md`, `catalogue.schema.json` | `catalogue_schema`, COMMENTs |
| `docs/schemas/*.json` | JSON Schema of arguments and answers, and OpenAPI of the calls |
| `typescript/src/database.d.ts` | the same, as TypeScript |
| `models`, `payloads`, `calls`, `_methods` of the Python client | the same, as Python |

`make generate` runs it. A test generates again and fails when a file is stale.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from tools.generator.catalog import read_api
from tools.generator.pages import parts
from tools.generator.python import modules
from tools.generator.schemas import catalogue_schema, json_schema, openapi
from tools.generator.typescript import declarations

try:
    from ticketing_client.embedded import run_server
    from ticketing_client.migrate import migrate
except (ImportError, SyntaxError) as error:
    sys.exit(
        "The generated files of the client cannot be imported, which this needs to start a server"
        f" ({error}). Restore them first: git checkout -- python/client/ticketing_client"
    )

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT: Final = Path(__file__).resolve().parent.parent

CLIENT: Final = "python/client/ticketing_client"

PART: Final = re.compile(r"(<!-- begin (\w+) -->)\n.*?(<!-- end -->)", re.DOTALL)


def render(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Generate all files.

    Args:
        connection: A superuser's connection to a database with the package installed, in a
            transaction; only its search path is changed, until the transaction ends.

    Returns:
        The text of each file by its path in the repository; Python is not formatted yet.

    """
    # so that every name outside pg_catalog is printed with its schema
    connection.execute("SELECT pg_catalog.set_config('search_path', '', true)")
    api = read_api(connection)
    pages = parts(connection, api)
    return {
        **{f"docs/{page}": with_parts(f"docs/{page}", found) for page, found in pages.items()},
        "docs/schemas/ticketing.schema.json": json_schema(api),
        "docs/schemas/openapi.json": openapi(api, ROOT),
        f"{CLIENT}/example/catalogue.schema.json": catalogue_schema(api),
        "typescript/src/database.d.ts": declarations(api),
        **{f"{CLIENT}/{name}": text for name, text in modules(api)},
    }


def with_parts(path: str, found: Mapping[str, Iterable[str]]) -> str:
    """Replace the generated parts of a page; the text outside of them is written by hand."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if sorted(name for _, name, _ in PART.findall(text)) != sorted(found):
        message = (
            f"{path} needs one <!-- begin name --> and <!-- end --> each for {', '.join(found)}"
        )
        raise ValueError(message)
    return PART.sub(lambda match: "\n".join([match[1], *found[match[2]], match[3]]), text)


def formatted(path: str, text: str) -> str:
    """Format a generated file as `make format` does."""
    if not path.endswith(".py"):
        return text
    return ruff(["format"], path, ruff(["check", "--fix", "--exit-zero"], path, text))


def ruff(command: list[str], path: str, text: str) -> str:
    """Pass a text through ruff as the file of that path."""
    result = subprocess.run(  # noqa: S603 - no input of others
        [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", path, "-"],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        message = f"ruff refuses {path}: {result.stderr}"
        raise ValueError(message)
    return result.stdout


def main() -> int:
    """Generate and write all files.

    Returns:
        0, the exit code.

    """
    with run_server() as server:
        migrate(server.url())
        with psycopg.connect(server.url()) as connection:
            files = render(connection)
    for name, unformatted in files.items():
        path, text = ROOT / name, formatted(name, unformatted)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            print(f"{name} is up to date")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"{name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
