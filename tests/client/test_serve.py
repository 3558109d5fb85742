"""`ticketing serve`: a server for an afternoon, which says what to do next and stays."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

import ticketing_client
from ticketing_client import Client

pytestmark = pytest.mark.long

PACKAGES = Path(ticketing_client.__file__).parents[1]

Serve = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that root's server can reach."""
    with tempfile.TemporaryDirectory(prefix="ticketing-") as name:
        Path(name).chmod(0o755)
        yield Path(name) / "data"


@contextmanager
def ticketing(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run the command line; end it if the test has not."""
    with subprocess.Popen(
        [sys.executable, "-m", "ticketing_client.cli", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(PACKAGES), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_steps(process: subprocess.Popen[str]) -> str:
    """What it prints until it serves."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("END") or " catalogue load " in line:
            return "".join(lines)
    pytest.fail(process.communicate()[1])


def url_in(steps: str) -> str:
    """The URL to paste."""
    (url,) = re.findall(r"^export DATABASE_URL=(\S+)$", steps, re.MULTILINE)
    return str(url)


def stop(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """End it, and return the rest of what it prints."""
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out


def run(script: str) -> subprocess.CompletedProcess[str]:
    """Run lines that were pasted into a terminal."""
    return subprocess.run(
        ["sh", "-eu", "-c", script],
        env=os.environ | {"PYTHONPATH": str(PACKAGES)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_serve_prints_first_steps_that_run(folder: Path, free_port: int) -> None:
    with ticketing("serve", "--example", "--port", free_port, "--data-dir", folder) as process:
        steps = first_steps(process)
        assert [line for line in steps.splitlines() if len(line) > 80 and "/" not in line] == []
        assert f"listens at 127.0.0.1:{free_port}." in steps
        script = re.search(r"^export .*$", steps, re.MULTILINE)
        python = re.search(r"^\S+ - <<'END'$.*^END$", steps, re.MULTILINE | re.DOTALL)
        assert script is not None
        assert python is not None
        asked = run(f"{script[0]}\n{python[0]}")
        assert (asked.returncode, asked.stderr) == (0, "")
        assert re.search(r"^Ladies Brunch +50\.00 on_sale$", asked.stdout, re.MULTILINE)
        assert "\n\ngrand-proclamation-2031\n\n" in steps
        status = run(f"{script[0]}\n{sys.executable} -m ticketing_client.cli status")
        assert status.returncode == 0
        assert f"The data stay in {folder}" in stop(process, signal.SIGINT)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url_in(steps))


def test_serve_without_event_says_how_to_load_one(
    folder: Path, free_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ticketing("serve", "--port", free_port, "--data-dir", folder) as process:
        steps = first_steps(process)
        pasted = re.findall(r"^(?:export .*|\S+ catalogue .*)$", steps, re.MULTILINE)
        assert len(pasted) == 3
        script = "\n".join(pasted).replace(
            str(Path(sys.executable).parent / "ticketing"),
            f"{sys.executable} -m ticketing_client.cli",
        )
        loaded = run(script)
        assert (loaded.returncode, loaded.stderr) == (0, "")
        with psycopg.connect(url_in(steps)) as connection:
            counted = connection.execute("SELECT count(*) FROM ticketing.functions").fetchall()
        assert counted == [(1,)]
        stop(process, signal.SIGINT)


def test_serve_keeps_an_example_that_was_changed(folder: Path, free_port: int) -> None:
    arguments = ("serve", "--port", free_port, "--data-dir", folder)
    found = []
    for example in (["--example"], ["--example"], []):
        with ticketing(*arguments, *example) as process:
            steps = first_steps(process)
            with Client(url_in(steps)) as client:
                (event,) = re.findall(r'^event = "(.*)"$', steps, re.MULTILINE)
                catalogue = client.export_catalogue(event).catalogue
                found.append(catalogue["function"]["slug"])
                changed = {**catalogue["function"], "slug": "mine"}
                client.import_catalogue({**catalogue, "function": changed})
            stop(process, signal.SIGINT)
        assert f"\n\n{found[-1]}\n\n" in steps
    assert found == ["grand-proclamation-2031", "mine", "mine"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_keeps_data_and_url(folder: Path, free_port: int, number: signal.Signals) -> None:
    arguments = ("serve", "--port", free_port, "--data-dir", folder)
    with ticketing(*arguments) as process:
        first = first_steps(process)
        with psycopg.connect(url_in(first)) as connection:
            counted = connection.execute("SELECT count(*) FROM ticketing.functions").fetchall()
            connection.execute("CREATE TABLE mine ()")
        assert counted == [(0,)]
        stop(process, number)
    with ticketing(*arguments) as process:
        assert first_steps(process) == first
        with psycopg.connect(url_in(first)) as connection:
            connection.execute("TABLE mine")
        stop(process, number)


def test_serve_lets_psql_in_and_refuses_the_rest_by_name(folder: Path, free_port: int) -> None:
    with ticketing("serve", "--port", free_port, "--data-dir", folder) as process:
        first_steps(process)
        select = "SELECT current_database()"
        with ticketing("psql", "--data-dir", folder, "-XAtc", select) as psql:
            assert psql.communicate(timeout=60) == ("ticketing\n", "")
        for command in ("demo", "serve"):
            with ticketing(command, "--data-dir", folder) as other:
                _, err = other.communicate(timeout=60)
            assert other.returncode == 2
            assert f"{folder} is in use by `cli.py serve --port {free_port}" in err
            assert f"(process {process.pid}, port {free_port}): end that program" in err
        with ticketing("serve", "--port", free_port, "--data-dir", f"{folder}2") as other:
            _, err = other.communicate(timeout=60)
        assert other.returncode == 2
        assert err.startswith(
            f"ticketing: Port {free_port} of 127.0.0.1 is in use by another program"
        )
        assert list(Path(f"{folder}2").iterdir()) == []
        stop(process, signal.SIGINT)


def test_serve_says_that_its_server_has_ended(folder: Path, free_port: int) -> None:
    with ticketing("serve", "--port", free_port, "--data-dir", folder) as process:
        first_steps(process)
        os.kill(int((folder / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    message = f"ticketing: The server has ended: look at {folder}/server.log.\n"
    assert (process.returncode, err) == (2, message)
