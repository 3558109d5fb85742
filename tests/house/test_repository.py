"""The files around the package: what CI runs, what editors and commits keep, the metadata."""

import re
import shlex
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from tests.support.pages import ROOT

Document = dict[str, Any]

PROJECT: Document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOW: Document = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
PRE_COMMIT: Document = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))


def tracked() -> list[Path]:
    """The text files of the repository."""
    listed = subprocess.run(
        ["git", "grep", "--cached", "-I", "--name-only", "-e", ""],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def lint_commands() -> list[list[str]]:
    """The programs of `make lint`, with their arguments."""
    printed = subprocess.run(
        ["make", "--dry-run", "--silent", "lint"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line for line in printed.splitlines() if line.startswith(".venv/bin/")]
    return [shlex.split(line) for line in lines if " -m pip " not in line]


# -- CI


def test_workflow_runs_targets_of_the_makefile_only() -> None:
    steps = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    runs = [step["run"] for step in steps if "run" in step]
    assert runs
    for run in runs:
        match = re.fullmatch(r"make ([a-z-]+)( [A-Z]+=\S+| [A-Z]+=\$\{\{ [\w.]+ \}\})*", run)
        assert match is not None, run
        assert match[1] in targets(), run
    assert {run.split()[1] for run in runs} >= {"lint", "test-all", "site"}


def test_workflow_tests_all_versions_that_are_promised() -> None:
    matrix = WORKFLOW["jobs"]["test"]["strategy"]["matrix"]
    pythons = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert matrix["python"] == pythons
    assert PROJECT["requires-python"] == f">={pythons[0]}"
    operations = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    promised = re.search(r"^- PostgreSQL (\d+) to (\d+) ", operations, re.MULTILINE)
    assert promised is not None
    versions = range(int(promised[1]), int(promised[2]) + 1)
    assert matrix["postgresql"] == [str(version) for version in versions]


# -- Editors and commits


def test_files_are_as_editorconfig_says() -> None:
    config = ConfigParser()
    config.read_string("[top]\n" + (ROOT / ".editorconfig").read_text(encoding="utf-8"))
    every = config["*"]
    assert (every["charset"], every["end_of_line"]) == ("utf-8", "lf")
    assert every.getboolean("trim_trailing_whitespace")
    assert every.getboolean("insert_final_newline")
    texts = {path: path.read_bytes().decode("utf-8") for path in tracked()}
    assert len(texts) > 300
    assert [path for path, text in texts.items() if "\r" in text] == []
    assert [path for path, text in texts.items() if re.search(r"[ \t]$", text, re.MULTILINE)] == []
    assert [path for path, text in texts.items() if text and not text.endswith("\n")] == []


def test_pre_commit_runs_the_linters_of_the_makefile() -> None:
    (repository,) = PRE_COMMIT["repos"]
    assert repository["repo"] == "local"
    hooks = [shlex.split(hook["entry"]) for hook in repository["hooks"]]
    entries = [[word for word in hook if word != "--force-exclude"] for hook in hooks]
    commands = lint_commands()
    for command, entry in zip(commands, entries, strict=True):  # pre-commit adds the names of files
        assert command[: len(entry)] == entry


def test_pre_commit_accepts_its_configuration() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", ".pre-commit-config.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


# -- Metadata


def test_licence_is_in_the_metadata() -> None:
    assert PROJECT["license"] == "MIT"
    assert PROJECT["license-files"] == ["LICENSE"]
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n")
    installed = metadata.metadata("ticketing-sql")
    assert installed["License-Expression"] == "MIT"


def test_urls_are_addresses() -> None:
    """There is none yet; the first one takes its place in pyproject.toml."""
    for address in PROJECT["urls"].values():
        assert re.fullmatch(r"https://[\w.-]+/\S+", address), address


def test_extras_of_messages_and_docs_exist() -> None:
    mentioned = {
        extra
        for path in tracked()
        if path.suffix in {".md", ".py"}
        for extras in re.findall(r"pip install '\.\[([\w,]+)\]'", path.read_text(encoding="utf-8"))
        for extra in extras.split(",")
    }
    assert mentioned >= {"cli", "embedded"}
    assert mentioned <= PROJECT["optional-dependencies"].keys()


def test_no_page_and_no_message_installs_from_an_index() -> None:
    for path in tracked():
        if path.suffix in {".md", ".py"} and path != Path(__file__):
            assert not re.search(r"pip install ['\"]?ticketing", path.read_text("utf-8")), path
