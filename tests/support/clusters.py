"""Servers and their copies: standbys and backups, and the end of a server."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from tests.support.sessions import wait_until

from ticketing_client.embedded import Server


@contextmanager
def reachable_folder() -> Generator[Path]:
    """Yield a folder that the servers' user can reach, in memory where there is some."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp creates a private folder in it
    with tempfile.TemporaryDirectory(
        prefix="ticketing-sql-", dir=memory if memory.is_dir() else None
    ) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _give_to_owner_of(data_dir: Path, folder: Path) -> None:
    owner = data_dir.stat()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)


def back_up(server: Server, folder: Path, *options: str) -> None:
    """Copy a running server into a new folder, as its user can run it.

    Args:
        server: The server.
        folder: The folder, which is not there yet.
        options: Options of pg_basebackup; `--write-recovery-conf` makes it a standby.
    """
    subprocess.run(
        [
            *(server.bin_dir / "pg_basebackup", "--dbname", server.url(), "--pgdata", folder),
            *("--checkpoint", "fast", "--no-sync", *options),
        ],
        capture_output=True,
        check=True,
    )
    for lock in folder.glob(".s.PGSQL.*"):
        lock.unlink()
    _give_to_owner_of(server.data_dir, folder)


def copy(backup: Path, folder: Path) -> Path:
    """Copy a backup, to start it more than once.

    Returns:
        The folder of the copy.
    """
    shutil.copytree(backup, folder)
    _give_to_owner_of(backup, folder)
    return folder


def recover(folder: Path) -> None:
    """Let the server of a backup start as after a recovery from its log: on a new timeline."""
    with (folder / "postgresql.auto.conf").open("a") as settings:
        settings.write("restore_command = 'false'\n")
    (folder / "recovery.signal").touch()
    _give_to_owner_of(folder, folder)


def catch_up(primary: Server, standby: Server) -> None:
    """Wait until a standby has all that its primary has."""
    with (
        psycopg.connect(primary.url(), autocommit=True) as ahead,
        psycopg.connect(standby.url(), autocommit=True) as behind,
    ):
        ((position,),) = ahead.execute("SELECT pg_current_wal_insert_lsn()").fetchall()

        def is_there() -> object:
            ((reached,),) = behind.execute(
                "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [position]
            ).fetchall()
            return reached

        wait_until(is_there, "the standby catches up")


def disconnect(standby: Server) -> None:
    """Let a standby receive nothing more."""
    with psycopg.connect(standby.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
        connection.execute("SELECT pg_reload_conf()")
        wait_until(
            lambda: not connection.execute("SELECT FROM pg_stat_wal_receiver").fetchall(),
            "the standby is alone",
        )


def promote(standby: Server) -> None:
    """Make a standby the primary, without a restart."""
    with psycopg.connect(standby.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_promote()")


def wait_for_primary(server: Server) -> None:
    """Wait until a server has recovered: it can be read before it can be written."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        wait_until(
            lambda: connection.execute("SELECT WHERE NOT pg_is_in_recovery()").fetchall(),
            "the recovery ends",
        )


def kill(server: Server) -> None:
    """Kill every process of a server, so that none can do anything any more."""
    postmaster = int((server.data_dir / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGSTOP)  # it starts no more of them
    processes = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True, text=True
    ).stdout
    children = [
        int(pid)
        for pid, parent in (line.split() for line in processes.splitlines())
        if int(parent) == postmaster
    ]
    assert len(children) > 2, "the checkpointer, two writers, and sessions"
    for pid in (*children, postmaster):
        os.kill(pid, signal.SIGKILL)
