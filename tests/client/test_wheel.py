"""The wheel, in empty environments: it needs little to be imported, and brings all that it uses."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.support.pages import ROOT

pytestmark = pytest.mark.long

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


class Environment:
    """A virtual environment that has the wheel."""

    def __init__(self, folder: Path, *requirements: str) -> None:
        self.bin = folder / "bin"
        run(sys.executable, "-m", "venv", folder)
        run(self.bin / "python", "-m", "pip", "install", "--quiet", *requirements)


def run(*command: object, cwd: Path | None = None, database_url: str = "") -> str:
    """Run a program that must succeed, and return what it prints."""
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=ENVIRONMENT | {"DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with what the wheel requires, and the library that psycopg needs."""
    return Environment(tmp_path_factory.mktemp("bare"), str(wheel), "psycopg[binary]")


@pytest.fixture(scope="module")
def full(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with all that an application's developer uses."""
    return Environment(tmp_path_factory.mktemp("full"), f"{wheel}[testing]", "pytest-xdist")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that root's server can reach."""
    with tempfile.TemporaryDirectory(prefix="ticketing-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_client_is_imported_with_psycopg_and_msgspec_only(bare: Environment) -> None:
    listed = run(bare.bin / "python", "-m", "pip", "list", "--format", "freeze")
    assert {line.partition("==")[0].replace("_", "-") for line in listed.splitlines()} <= {
        "msgspec",
        "pip",
        "psycopg",
        "psycopg-binary",
        "setuptools",
        "ticketing-sql",
        "typing-extensions",
    }
    described = "from ticketing_client import openapi; print(openapi('Mine', {})['info']['title'])"
    assert run(bare.bin / "python", "-W", "error", "-c", described) == "Mine\n"


def test_command_without_its_packages_says_what_to_install(bare: Environment) -> None:
    result = subprocess.run(
        [bare.bin / "ticketing", "demo"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == "typer is not installed. Run in a clone: pip install '.[cli]'\n"


def test_demo_of_the_wheel_runs(full: Environment, folder: Path) -> None:
    printed = run(full.bin / "ticketing", "demo", "--data-dir", folder / "demo")
    assert re.search(r"^6\. Pay", printed, re.MULTILINE)
    count = "SELECT count(*) FROM ticketing.tickets"
    psql = (full.bin / "ticketing", "psql", "--data-dir", folder / "demo")
    assert run(*psql, "-X", "-At", "-c", count) == "15\n"


def test_server_of_the_wheel_serves(full: Environment, folder: Path, free_port: int) -> None:
    command = (full.bin / "ticketing", "serve", "--example", "--port", free_port)
    with subprocess.Popen(
        [str(part) for part in (*command, "--data-dir", folder / "serve")],
        env=ENVIRONMENT | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = next(
                line.partition("=")[2].strip()
                for line in process.stdout
                if line.startswith("export DATABASE_URL=")
            )
            with psycopg.connect(url) as connection:
                events = connection.execute("SELECT count(*) FROM ticketing.events").fetchall()
            assert events == [(6,)]
            conference = folder / "conference.yaml"
            run(full.bin / "ticketing", "catalogue", "template", conference)
            catalogue = (full.bin / "ticketing", "catalogue", "load", conference)
            assert run(*catalogue, database_url=url).startswith("Loaded:\n")
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
            assert process.returncode == 0
        finally:
            process.kill()


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_plugin_of_the_wheel_is_there(
    full: Environment, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "test_mine.py").write_text(
        "from ticketing_client import Client\n\n"
        "def test_client(ticketing_database_url, let_holds_lapse):\n"
        "    with Client(ticketing_database_url) as service:\n"
        "        assert service.check_integrity() == ()\n"
        "    assert let_holds_lapse() == 0\n"
    )
    printed = run(full.bin / "python", "-W", "error", "-m", "pytest", *options, cwd=tmp_path)
    assert "1 passed" in printed
