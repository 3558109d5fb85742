"""Write the whole product as one SQL file, for databases that `ticketing migrate` cannot reach.

    python -m tools.bundle [--forwarders] [FILE]

PGlite in a browser is one: it has no socket for the runner. Run the file in an empty database, as a
superuser or a role with CREATEROLE and CREATE on the database. It is one transaction; where the
product is installed already, it fails and changes nothing. The installation is not recorded: a
database that is to be upgraded some day is installed with `ticketing migrate` instead.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from ticketing_client.migrate._files import packaged_sql, read_files

ROOT: Final = Path(__file__).resolve().parent.parent

HEAD: Final = "-- ticketing-sql in one file, made by tools/bundle.py from the files it names."

REVOKE: Final = """\
-- whatever default privileges say
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ticketing, ticketing_internal FROM PUBLIC;
"""


def bundle(sql_dir: Path, *, forwarders: bool = False) -> str:
    """Join the SQL files in the order in which `ticketing migrate` runs them.

    Args:
        sql_dir: The folder with `migrations`, `types`, `functions` and `views`.
        forwarders: Whether to add the forwarders in schema public.

    Returns:
        SQL for an empty database, of PostgreSQL 15 or later.

    """
    files = read_files(sql_dir)
    owners = part(sql_dir / "check_owners.sql", sql_dir)
    return "\n".join(
        [
            HEAD,
            "BEGIN;",
            owners,
            *(
                # each begins as the role that installs, as under the runner
                f"RESET ROLE;\n{part(files.folder / f'{name}.sql', sql_dir)}"
                for name in files.migrations
            ),
            "RESET ROLE;",
            owners,  # again, now that the owner of everything exists
            "SET LOCAL ROLE ticketing_owner;",
            # bodies may name functions of files that come later
            "SET LOCAL check_function_bodies = off;",
            *(part(sql_dir / path, sql_dir) for path in files.replaceable),
            REVOKE,
            "COMMIT;",
            *([part(sql_dir / "forwarders/public.sql", sql_dir)] if forwarders else []),
        ]
    )


def part(path: Path, sql_dir: Path) -> str:
    """Return a file under its name."""
    return f"-- {path.relative_to(sql_dir).as_posix()}\n{path.read_text(encoding='utf-8')}"


def main() -> int:
    """Write the file.

    Returns:
        0, the exit code.

    """
    parser = argparse.ArgumentParser(prog="python -m tools.bundle", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "build/ticketing.sql")
    parser.add_argument("--forwarders", action="store_true", help="add them, in schema public")
    options = parser.parse_args()
    options.file.parent.mkdir(parents=True, exist_ok=True)
    text = bundle(packaged_sql(), forwarders=options.forwarders)
    options.file.write_text(text, encoding="utf-8")
    print(f"{options.file} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
