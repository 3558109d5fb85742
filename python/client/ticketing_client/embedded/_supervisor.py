"""Run one PostgreSQL server for the process that started this script, and end with that process.

`ticketing_client.embedded` runs this file with a `Request` as its only argument, in its own session
(so that Ctrl-C in the terminal does not reach it), and keeps its standard input open. The answer is
one line of JSON on standard output: `{"folder": ...}` when the server accepts connections, or
`{"error": ...}`. The server is stopped and a temporary folder deleted when standard input closes,
when a byte arrives there, or when the parent process has ended in any way.

Only the standard library is used, and all of it is imported before root privileges are dropped,
because the server's user may not be able to read the interpreter's folder.
"""

import ctypes
import errno
import fcntl
import json
import locale
import os
import pwd
import re
import secrets
import select
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

SOCKET_PORT = 5432  # of a server without TCP: names the socket only, in a folder of its own
OWNER = "owner.json"  # in the data folder of a running server: who runs it
_ADDRESS = "127.0.0.1"
_HBA = f"local all all trust\nhost all all {_ADDRESS}/32 scram-sha-256\n"
_SOCKET_BYTES = 103 if sys.platform == "darwin" else 107
_MEMORY = "/dev/shm"  # noqa: S108 - mkdtemp creates a private folder in it
_LOG = "server.log"
_UNFINISHED = ".initdb"
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_GIB = 1 << 30
_BUILTIN_LOCALES_SINCE = 17


@dataclass(frozen=True, slots=True)
class Request:
    """The server to start."""

    parent: int  # process id of the caller; the server ends with that process
    bin_dir: str  # folder of `postgres` and `initdb`
    version: int  # their major version
    folder: str | None  # absolute path of a persistent data folder; None for a temporary one
    settings: dict[str, str]
    port: int | None  # on which to listen at 127.0.0.1; None for the socket only
    command: str  # what the caller is called when another one finds the folder in use
    user: tuple[int, int] | None  # user and group to run as when called by root


class StartError(Exception):
    """The server cannot be started. The message is one sentence for the caller."""


def main() -> None:
    """Start the server described by the first argument, answer, wait and stop it."""
    request = Request(**json.loads(sys.argv[1]))
    for number in _STOP_SIGNALS:
        signal.signal(number, _leave)
    with ExitStack() as stack:
        try:
            answer = _start(request, stack)
        except StartError as error:
            _answer(error=str(error))
        except OSError as error:  # such as a full disk
            _answer(error=f"Using {request.folder or 'the temporary folder'} failed: {error}.")
        else:
            _answer(**answer)
            while os.getppid() == request.parent and not select.select([0], [], [], 1)[0]:
                pass


def _start(request: Request, stack: ExitStack) -> dict[str, str]:
    """Prepare the data folder, which also contains the socket, and start a server in it.

    The stack receives the clean-up steps. Returns the answer. Raises StartError.
    """
    folder = Path(request.folder) if request.folder else None
    if folder:
        _check_socket_path(request, folder, "choose a folder")
    if request.user:
        _give_up_root(*request.user, folder)
    os.umask(0o077)
    if folder:
        _make_or_check_folder(folder)
    else:
        folder = _scratch_folder()
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        _check_socket_path(request, folder, "set TMPDIR to a folder")
    stack.callback(os.close, _lock(folder))
    answer = {"folder": str(folder)}
    if request.port is not None:
        _check_port(request.port)  # before there are any data
    _initialise(request, folder)
    if request.port is not None:
        answer["password"] = _password(folder)
        (folder / "tcp_hba.conf").write_text(_HBA)
    owner = folder / OWNER
    owner.write_text(
        json.dumps({"pid": request.parent, "command": request.command, "port": request.port})
    )
    stack.callback(owner.unlink, missing_ok=True)
    server = _launch(request, folder)
    stack.callback(_stop, server)
    _await_ready(request, folder, server)
    return answer


def _check_socket_path(request: Request, folder: Path, remedy: str) -> None:
    path = folder / f".s.PGSQL.{request.port or SOCKET_PORT}"
    length = len(os.fsencode(path))
    if length > _SOCKET_BYTES:
        message = (
            f"The path of the server's socket, {path}, has {length} bytes and the system allows "
            f"{_SOCKET_BYTES}: {remedy} with a shorter path."
        )
        raise StartError(message)
    if "," in str(folder):
        message = (
            f"PostgreSQL's clients read the comma in {folder} as two hosts: {remedy} without one."
        )
        raise StartError(message)


def _give_up_root(user: int, group: int, folder: Path | None) -> None:
    """Switch to the server's user, after creating the data folder if only root can."""
    os.setgroups([])
    os.setgid(group)
    if folder:
        parent = next(path for path in folder.parents if path.exists())
        os.seteuid(user)
        reachable = os.access(parent, os.X_OK, effective_ids=True)
        os.seteuid(0)
        if reachable:
            os.umask(0o022)  # the server's user needs access to the new parents
            with suppress(FileExistsError):
                folder.mkdir(parents=True)
            if folder.is_dir() and folder.lstat().st_uid == 0 and not any(folder.iterdir()):
                os.chown(folder, user, group, follow_symlinks=False)
    os.setuid(user)


def _make_or_check_folder(folder: Path) -> None:
    user = _user_name(os.geteuid())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except (FileExistsError, NotADirectoryError):
        message = f"{folder} is not a folder: choose another folder for the data."
        raise StartError(message) from None
    except PermissionError:
        message = (
            f"User {user}, who runs the server, may not create or enter {folder}: "
            f"choose a folder that {user} can access."
        )
        raise StartError(message) from None
    if owner != os.geteuid():
        message = (
            f"{folder} belongs to user {_user_name(owner)}, but the server runs as {user}: "
            "choose another folder."
        )
        raise StartError(message)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _scratch_folder() -> Path:
    """Return a new folder, in memory when there is enough (ten times faster to fill)."""
    with suppress(OSError):  # /dev/shm is missing or not writable
        if shutil.disk_usage(_MEMORY).free > _GIB:
            return Path(tempfile.mkdtemp(prefix="ticketing-sql-", dir=_MEMORY))
    return Path(tempfile.mkdtemp(prefix="ticketing-sql-")).resolve()


def _lock(folder: Path) -> int:
    """Lock the folder for this process and return the file descriptor that holds the lock.

    Waits for a server that is being stopped because its caller was killed. Raises StartError when
    another process uses the folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _has_server(folder):
                return descriptor
        _pause()
    raise _in_use(folder, _owner(folder))


def _in_use(folder: Path, owner: str) -> StartError:
    message = (
        f"{folder} is in use by {owner}: end that program, or choose another folder (`--data-dir`)."
    )
    return StartError(message)


def _owner(folder: Path) -> str:
    """Return who uses a folder, for a message."""
    with suppress(OSError, ValueError):
        owner = json.loads((folder / OWNER).read_text())
        port = "" if owner["port"] is None else f", port {owner['port']}"
        return f"`{owner['command']}` (process {owner['pid']}{port})"
    return _foreign_server(folder)


def _foreign_server(folder: Path) -> str:
    """Return who uses a folder that this script has not locked, for a message."""
    with suppress(OSError, ValueError):
        process, _, _, port = (folder / "postmaster.pid").read_text().splitlines()[:4]
        return f"a PostgreSQL server of another program (process {process}, port {port})"
    return "another program"


def _check_port(port: int) -> None:
    """Raise StartError unless the server can listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        try:
            probe.bind((_ADDRESS, port))
        except OSError as error:
            in_use = error.errno == errno.EADDRINUSE
            reason = "is in use by another program" if in_use else f"is closed ({error.strerror})"
            message = f"Port {port} of {_ADDRESS} {reason}: choose another one (`--port`)."
            raise StartError(message) from None


def _password(folder: Path) -> str:
    """Return the superuser's password for TCP, which is made once and stays with the data."""
    file = folder / "password"
    with suppress(FileNotFoundError):
        if password := file.read_text().strip():  # empty after a full disk
            return password
    characters = string.ascii_letters + string.digits
    password = "".join(secrets.choice(characters) for _ in range(12))
    file.write_text(password + "\n")
    return password


def _has_server(folder: Path) -> bool:
    """Return whether a server without a supervisor runs in the folder; clean up after a dead one.

    PostgreSQL trusts the process id in its lock files even if, after a crash, the id belongs to
    another program or a zombie. The working directory of a server is its data folder.
    """
    lock_file = folder / "postmaster.pid"
    try:
        process = Path("/proc", str(int(lock_file.read_text().split()[0])))
    except (FileNotFoundError, ValueError, IndexError):
        return False
    if not Path("/proc/self/cwd").exists():
        return False  # unknown on this system: PostgreSQL decides when it starts
    try:
        if (process / "cwd").readlink() == folder:
            return True
    except PermissionError:
        return False
    except FileNotFoundError:
        pass
    for stale in (lock_file, *folder.glob(".s.PGSQL.*.lock")):
        stale.unlink()
    return False


def _initialise(request: Request, folder: Path) -> None:
    """Make sure that the folder contains a database cluster of the right version.

    A new cluster is created in a sub-folder and moved up, `PG_VERSION` last, so that an interrupted
    run is recognised and repeated.
    """
    version_file = folder / "PG_VERSION"
    unfinished = folder / _UNFINISHED
    if version_file.exists():
        version = version_file.read_text().strip()
        if version != str(request.version):
            message = (
                f"{folder} was made by PostgreSQL {version}, but {request.bin_dir} has "
                f"PostgreSQL {request.version}: delete the folder or choose another one, or set "
                f"PG_BIN to the programs of PostgreSQL {version}."
            )
            raise StartError(message)
        return
    contents = list(folder.iterdir())
    if contents and unfinished not in contents:
        message = (
            f"{folder} is neither empty nor a PostgreSQL data folder: "
            "choose another one, or empty it."
        )
        raise StartError(message)
    for path in contents:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    folder.chmod(0o700)
    _initdb(request, folder, unfinished)
    for path in sorted(unfinished.iterdir(), key=lambda path: path.name == version_file.name):
        path.rename(folder / path.name)
    unfinished.rmdir()


def _initdb(request: Request, folder: Path, new: Path) -> None:
    # Byte order, and Unicode's upper and lower case: the same on every version and machine.
    collation = ["--locale=C"]
    if request.version >= _BUILTIN_LOCALES_SINCE:
        collation += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    else:
        with suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
            collation += ["--lc-ctype=C.UTF-8"]
    run = subprocess.run(  # noqa: S603
        [
            f"{request.bin_dir}/initdb",
            f"--pgdata={new}",
            "--username=postgres",
            "--auth-local=trust",  # the folder of the socket is private
            "--auth-host=reject",  # replaced by tcp_hba.conf for a server with a port
            "--encoding=UTF8",
            *collation,
            "--no-instructions",
            *(["--no-sync"] if request.folder is None else []),
        ],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if run.returncode:
        raise StartError(_failure(request, folder, run.stdout))


def _launch(request: Request, folder: Path) -> subprocess.Popen[bytes]:
    quoted = str(folder).replace('"', '""')
    settings = request.settings | {
        "listen_addresses": "" if request.port is None else _ADDRESS,
        "port": str(request.port or SOCKET_PORT),
        "unix_socket_directories": f'"{quoted}"',
        "unix_socket_permissions": "0700",
    }
    if request.port is not None:
        settings |= {"hba_file": str(folder / "tcp_hba.conf")}
    command = [f"{request.bin_dir}/postgres", "-D", str(folder)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with (folder / _LOG).open("wb") as log:
        return subprocess.Popen(  # noqa: S603
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has a single thread
        )


def _die_with_parent() -> None:
    """Let Linux stop the server when this process is killed."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _environment() -> dict[str, str]:
    """Return the environment without variables that change the server or its messages."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return ours | {"LC_ALL": "C"}


def _await_ready(request: Request, folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None:
        with suppress(FileNotFoundError):
            lines = (folder / "postmaster.pid").read_text().splitlines()
            if lines[:1] == [str(server.pid)] and [line.strip() for line in lines[7:]] == ["ready"]:
                return
        if time.monotonic() > deadline:
            message = (
                f"The server on {folder} was not ready within a minute: "
                f"look at {folder / _LOG}, or start again when the machine is less busy."
            )
            raise StartError(message)
        _pause()
    log = (folder / _LOG).read_text(errors="replace")
    if re.search(r"FATAL: +lock file .* already exists", log):
        raise _in_use(folder, _foreign_server(folder))
    raise StartError(_failure(request, folder, log))


def _failure(request: Request, folder: Path, output: str) -> str:
    """Return the message for a failed program: its own last error."""
    errors = (
        re.findall(r"could not .*: (?:No space left on device|Disk quota exceeded)", output)
        or re.findall(r"\b(?:error|ERROR|FATAL|PANIC): .*", output)
        or output.splitlines()
        or ["it says nothing, as on a full disk"]
    )
    last = errors[-1].strip()
    more = f" (more in {folder / _LOG})" if request.folder and (folder / _LOG).exists() else ""
    return f"PostgreSQL {request.version} cannot start on {folder}: {last}{more}"


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server: fast shutdown, after a deadline immediate shutdown, finally SIGKILL."""
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    for number, patience in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, None)):
        server.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(patience)
            return


def _pause() -> None:
    """Wait briefly; exit when the caller has ended."""
    if select.select([0], [], [], 0.02)[0]:
        sys.exit(1)


def _leave(_number: int, _frame: object) -> None:
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(1)


def _answer(**answer: str) -> None:
    with suppress(BrokenPipeError):  # the caller has ended
        os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
