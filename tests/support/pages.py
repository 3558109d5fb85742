"""Pages of the documentation: their blocks, and a shell that runs the commands in them."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ticketing_client.embedded import Server

ROOT = Path(__file__).resolve().parents[2]

Shell: TypeAlias = Callable[[str], str]


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page, in their order."""
    return [
        Block(*block)
        for block in re.findall(r"^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    ]


def shell_of(server: Server, folder: Path, programs: Mapping[str, str]) -> Shell:
    """Make a function that runs commands in the repository and returns what they print.

    Args:
        server: The server whose `psql` it is.
        folder: An empty folder.
        programs: Further programs besides `psql` and `ticketing`: what their names stand for.

    Returns:
        The function. A command that fails, or says something on standard error, fails the test.
    """
    for name, command in {
        "psql": f"{shlex.quote(str(server.bin_dir / 'psql'))} --no-psqlrc",
        "ticketing": f"{shlex.quote(sys.executable)} -m ticketing_client.cli",
        **programs,
    }.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        program.chmod(0o755)

    def run(commands: str) -> str:
        result = subprocess.run(
            ["sh", "-eu", "-c", commands],
            cwd=ROOT,
            env=os.environ | {"PATH": os.pathsep.join([str(folder), os.environ["PATH"]])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, ""), result.stdout
        return "\n".join(line.rstrip() for line in result.stdout.splitlines()) + "\n"

    return run
