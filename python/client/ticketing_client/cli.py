"""The command line: `ticketing`.

Exit codes: 0 success; 1 when `ticketing status` finds a difference, `ticketing doctor` or
`ticketing catalogue` finds a problem, or the user declines; 2 for wrong usage, a refusal or a
failure, with one sentence on standard error.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import metadata
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Final, NoReturn

import psycopg

try:
    import typer
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    from ticketing_client import (
        Client,
        ImportAnswer,
        InvalidPayload,
        TicketingError,
        UnexpectedAnswerError,
    )
    from ticketing_client._catalogue_file import (
        SCHEMA_NAME,
        CatalogueFile,
        CatalogueFileError,
        parse_catalogue,
        read_catalogue,
        schema,
        template,
        write_catalogue,
    )
    from ticketing_client._conninfo import checked_conninfo
    from ticketing_client.migrate import MigrationError, Status
    from ticketing_client.migrate import migrate as migrate_database
    from ticketing_client.migrate import rollback as roll_back_database
    from ticketing_client.migrate import status as compare_database
    from ticketing_client.migrate._connection import calling, reading
except ModuleNotFoundError as error:
    if (error.name or "").startswith("ticketing_client"):
        raise
    sys.exit(f"{error.name} is not installed. Run in a clone: pip install '.[cli]'")

__all__ = ["app", "main"]

_PIPE_WIDTH: Final = 200
"""Columns without a terminal: wide enough for whole names, which programs search for."""

_STEERING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and new line, and those that reverse the direction of writing."""
_REMEDY: Final = " Set DATABASE_URL (or PGHOST, PGDATABASE ...), or run `ticketing serve`."

_FACTS: Final = """
    SELECT current_setting('server_version'), current_user, (
        SELECT string_agg(login.rolname, ', ' ORDER BY login.rolname)
        FROM pg_roles AS login
        WHERE login.rolcanlogin AND NOT login.rolsuper
            AND pg_has_role(login.oid, 'ticketing_owner', 'MEMBER')
    ), (
        SELECT string_agg(login.rolname, ', ' ORDER BY login.rolname)
        FROM pg_roles AS login
        WHERE login.rolcanlogin AND NOT login.rolsuper
            AND pg_has_role(login.oid, 'service_role', 'MEMBER')
    )
"""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

catalogue = typer.Typer(no_args_is_help=True)
app.add_typer(
    catalogue, name="catalogue", help="Check, load and show what an event function sells."
)

DatabaseUrl = Annotated[
    str,
    typer.Option(
        help="`postgresql://` URL or `host=... dbname=...`. Missing parts come from the PG* "
        "environment variables. Other users of the machine see a password given here.",
        envvar="DATABASE_URL",
        show_default=False,
    ),
]
CatalogueArgument = Annotated[Path, typer.Argument(help="The catalogue, in YAML or JSON.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait for another runner.", min=0)]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the private server's data, made on first use.",
        show_default="a folder of this command below ~/.local/share/ticketing-sql",
        file_okay=False,
    ),
]
LockTimeout = Annotated[
    float,
    typer.Option(help="Seconds a statement may wait for a lock; 0 means no limit.", min=0),
]


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        app()
    except MigrationError as error:
        _fail(f"{error}{_REMEDY}" if _is_astray(error) else error)
    except (CatalogueFileError, UnexpectedAnswerError) as error:
        _fail(error)


def _is_astray(error: MigrationError) -> bool:
    """Tell whether no server was found, and none was named."""
    cause = error.__cause__
    is_named = any(os.environ.get(name) for name in ("DATABASE_URL", "PGHOST", "PGSERVICE"))
    is_named |= any(argument.startswith("--database-url") for argument in sys.argv)
    return isinstance(cause, psycopg.OperationalError) and not cause.sqlstate and not is_named


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            number = metadata.version("ticketing-sql")
        except metadata.PackageNotFoundError:
            number = "from a source tree that is not installed"
        typer.echo(f"ticketing-sql {number}")
        raise typer.Exit


@app.callback(help="Ticket selection for event registrations, enforced in PostgreSQL.")
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Handle the options before a command."""


@app.command()
def migrate(
    *, database_url: DatabaseUrl = "", wait: Wait = 60, lock_timeout: LockTimeout = 5
) -> None:
    """Install or upgrade: apply pending migrations, replace changed types, functions and views.

    Does nothing when the database is up to date. May run on several machines at once.
    """
    report = migrate_database(database_url, wait_seconds=wait, lock_timeout_seconds=lock_timeout)
    for name in report.applied:
        typer.echo(f"applied {name}")
    for count in _counted_by_kind(report.installed):
        typer.echo(f"installed {count}")
    for name in report.dropped:
        typer.echo(f"dropped {name}")
    if not (report.applied or report.installed or report.dropped):
        typer.echo("nothing to do: the database is up to date")


@app.command()
def status(*, database_url: DatabaseUrl = "") -> None:
    """List migrations and functions with their state. Exits with 1 unless all are up to date."""
    state = compare_database(database_url)
    _console().print(_status_table(state))
    if not state.up_to_date:
        raise typer.Exit(1)


@app.command()
def doctor(*, database_url: DatabaseUrl = "") -> None:
    """List privileges beyond what the package grants, with remedies. Exits with 1 if any.

    Changes nothing. Connect as the role that installed the package.
    """
    try:
        state = compare_database(database_url)
        if not state.up_to_date:
            _fail(
                f"{state.database} is not up to date and cannot be checked. Run: ticketing status"
            )
        with reading(database_url) as (connection, _):
            facts = connection.execute(_FACTS).fetchall()
            connection.execute("SET LOCAL ROLE ticketing_owner")
            findings = connection.execute(
                "SELECT finding, object, remedy FROM ticketing_internal.security_findings()"
            ).fetchall()
    except MigrationError as error:
        if isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
            _fail("Permission denied: connect as the role that installed, or as a superuser.")
        raise
    console = _console()
    console.print(_facts_table(state.database, *facts[0]))
    if findings:
        console.print(_findings_table(findings))
        raise typer.Exit(1)
    console.print("[green]nothing found[/]")


@app.command()
def rollback(
    *,
    to: Annotated[
        str | None,
        typer.Option(help="The last migration to keep: its number or name.", metavar="NAME"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Roll back all migrations.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    database_url: DatabaseUrl = "",
    wait: Wait = 60,
    lock_timeout: LockTimeout = 5,
) -> None:
    """Roll back migrations, newest first. The data in their tables is lost."""
    if everything == (to is not None):
        message = "give either --to NAME or --all"
        raise typer.BadParameter(message)
    if not yes:
        what = "everything" if to is None else f"all migrations after {to}"
        where = compare_database(database_url).database
        typer.confirm(f"Roll back {what} in {where} and lose the data?", abort=True)
    names = roll_back_database(
        database_url, to=to, wait_seconds=wait, lock_timeout_seconds=lock_timeout
    )
    for name in names:
        typer.echo(f"rolled back {name}")
    if not names:
        typer.echo("nothing to do: no such migration is applied")


@catalogue.command()
def check(file: CatalogueArgument, *, database_url: DatabaseUrl = "") -> None:
    """Say everything that is wrong with a catalogue, or what loading it would change.

    Imports it in a transaction that is rolled back. Exits with 1 if something is wrong.
    """
    answer = _import(read_catalogue(file), database_url, is_rolled_back=True)
    _say_changes(answer, "Loading it changes", "Loading it changes nothing")


@catalogue.command()
def load(file: CatalogueArgument, *, database_url: DatabaseUrl = "") -> None:
    """Create an event function with its catalogue, or update it. Tickets stay as they are.

    Exits with 1, and changes nothing, if something is wrong.
    """
    answer = _import(read_catalogue(file), database_url, is_rolled_back=False)
    _say_changes(answer, "Loaded", "Nothing to do: this is the catalogue already")
    typer.echo(f"function_id {answer.function_id}")


@catalogue.command()
def show(
    function: Annotated[str, typer.Argument(help="Slug or id of the event function.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Where to write it: JSON if the name ends in .json. Default: print it.",
            show_default=False,
        ),
    ] = None,
    *,
    database_url: DatabaseUrl = "",
) -> None:
    """Write the stored catalogue of an event function, to edit it and load it again."""
    _refuse_existing(file)
    with calling(database_url) as connection:
        found = connection.execute(
            "SELECT function_id FROM ticketing.functions WHERE %s IN (slug, function_id::text)",
            [function],
        ).fetchone()
        if not found:
            slugs = connection.execute("SELECT slug FROM ticketing.functions ORDER BY slug")
            names = ", ".join(slug for (slug,) in slugs)
            _fail(
                f"There is no event function {function}."
                + (f" There are: {names}." if names else " Load one: ticketing catalogue load FILE")
            )
        try:
            document = Client(connection).export_catalogue(found[0]).catalogue
        except TicketingError as error:
            _fail(error)
    _write(file, write_catalogue(file, document))


@catalogue.command(name="template")
def write_template(
    file: Annotated[
        Path, typer.Argument(help="The new file: JSON if its name ends in .json, else YAML.")
    ],
) -> None:
    """Write a small catalogue with comments, to begin with, and what editors check it by."""
    _refuse_existing(file)
    text = template()
    if file.suffix == ".json":
        text = write_catalogue(file, {"$schema": SCHEMA_NAME} | parse_catalogue(text, "").document)
    _write(file, text)
    _write(file.with_name(SCHEMA_NAME), schema())
    typer.echo(
        f"{file} is a small conference; change it, then run: ticketing catalogue check {file}"
    )
    typer.echo(f"{SCHEMA_NAME} beside it lets editors complete and check its keys")


@app.command()
def demo(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Show what comes after the first seven scenes, too.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Register four people for a real event, in seven scenes, on a private PostgreSQL server."""
    from ticketing_client.demo import demo as run_demo  # noqa: PLC0415 - needs extra packages

    with _needing_server():
        run_demo(data_dir, everything=everything)


@app.command()
def serve(
    *,
    port: Annotated[
        int, typer.Option(help="Port at 127.0.0.1 to listen on.", min=1024, max=65535)
    ] = 15432,
    example: Annotated[
        bool, typer.Option("--example", help="Load the example event, unless it is there.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Run a private PostgreSQL server with the package installed, until Ctrl-C.

    It listens at 127.0.0.1 only, and asks for the password in the URL that it prints. The data, the
    password and so the URL are the same at the next run.
    """
    from ticketing_client.serve import serve as run_serve  # noqa: PLC0415 - needs extra packages

    with _needing_server():
        run_serve(data_dir, port=port, example=example)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context, *, data_dir: DataDir = None) -> None:
    """Open in psql the database of DATABASE_URL, of a running `ticketing serve`, or of the demo.

    The first that there is; `--data-dir` comes before them. All other arguments are passed to psql.
    """
    from ticketing_client.embedded import (  # noqa: PLC0415 - not for every platform
        default_data_dir,
        find_server,
        run_server,
    )

    with _needing_server(), ExitStack() as stack:
        url = os.environ.get("DATABASE_URL")
        if url and data_dir is None:
            _run_psql(_psql_program(), context.args, *_place_of(url))
        option = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
        if data_dir is None:
            served = default_data_dir("serve")
            data_dir = served if find_server(served) else default_data_dir("demo")
        missing = (
            f"There is no database in {data_dir} yet. "
            f"Run: ticketing demo{option}, or: ticketing serve{option}"
        )
        if not os.path.exists(data_dir / "PG_VERSION"):  # noqa: PTH110 - may be inaccessible
            _fail(missing)
        server = find_server(data_dir) or stack.enter_context(run_server(data_dir))
        with psycopg.connect(server.url()) as connection:
            databases = connection.execute(
                "SELECT datname FROM pg_database WHERE datname ^@ 'ticketing' ORDER BY datname"
            ).fetchall()
        if not databases:
            _fail(missing)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        name = databases[0][0]
        place = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": server.user}
        environment = ours | place | {"PGDATABASE": name}
        _run_psql(server.bin_dir / "psql", context.args, environment, f"{name} in {data_dir}")


def _psql_program() -> Path:
    """Find psql: that of the machine, or else that of the private server."""
    from ticketing_client.embedded import _programs  # noqa: PLC0415 - see psql

    found = shutil.which("psql")
    return Path(found) if found else _programs.find_programs(_programs.server_user())[0] / "psql"


def _place_of(url: str) -> tuple[dict[str, str], str]:
    """Return the environment in which psql opens a database, and what to call the database.

    Other users of the machine would see a password among the arguments.
    """
    try:
        options = psycopg.pq.Conninfo.parse(checked_conninfo(url).encode())
    except psycopg.ProgrammingError as error:
        _fail(error)
    named = {
        option.envvar.decode(): option.val.decode()
        for option in options
        if option.envvar and option.val
    }
    # a service of the environment would come before the parts of the URL
    environment = {name: value for name, value in os.environ.items() if name != "PGSERVICE"} | named
    name, host = (environment.get(each) for each in ("PGDATABASE", "PGHOST"))
    return environment, f"{name or 'the default database'} at {host or 'the default host'}"


def _run_psql(program: Path, arguments: list[str], env: dict[str, str], place: str) -> NoReturn:
    """Run psql, say to people which database it opens, and exit with its code."""
    if not program.exists():
        _fail(f"There is no psql in {program.parent}: set PG_BIN to a folder that has one.")
    if sys.stdin.isatty():
        typer.echo(f"Opening the database {place}.", err=True)
    # Ctrl-C is for psql, which cancels the query; this process may have a server to stop.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = subprocess.run([str(program), *arguments], env=env, check=False).returncode  # noqa: S603
    finally:
        signal.signal(signal.SIGINT, handler)
    raise typer.Exit(code)


def _import(file: CatalogueFile, database_url: str, *, is_rolled_back: bool) -> ImportAnswer:
    """Import a catalogue, or exit with all that is wrong with it."""
    try:
        with calling(database_url) as connection:
            answer = Client(connection).import_catalogue(file.document)
            if is_rolled_back:
                connection.rollback()
            return answer
    except TicketingError as error:
        if not error.issues:
            _fail(error)
        say = partial(typer.echo, err=not is_rolled_back)
        for line, issue in sorted(
            ((file.line(issue.path), issue) for issue in error.issues), key=itemgetter(0)
        ):
            has_path = "p_catalogue" in issue.message
            message = issue.message if has_path else f"{issue.path}: {issue.message}"
            message = message.replace("p_catalogue.", "").replace("p_catalogue", "the catalogue")
            say(_shown(f"{file.name}:{line}: {message} [{issue.code}]"))
        if error.issues_total > len(error.issues):
            more = error.issues_total - len(error.issues)
            say(f"and {more} more")
        if isinstance(error, InvalidPayload):
            say("References, dates and limits are checked when these are right.")
        raise typer.Exit(1) from None


def _say_changes(answer: ImportAnswer, heading: str, nothing: str) -> None:
    """Say what is added, changed and dropped, and what is odd."""
    typer.echo(f"{heading}:" if answer.changes else f"{nothing}.")
    for change in answer.changes:
        kind = change.kind.replace("_", " ")
        slug = f" ({change.slug})" if change.slug else ""
        keys = f": {', '.join(change.keys)}" if change.change == "changed" else ""
        typer.echo(_shown(f"  {change.change:<7} {kind} {change.name}{slug}{keys}"))
    for warning in answer.warnings:
        typer.echo(_shown(f"  warning: {warning}"))


def _shown(text: str) -> str:
    """Return a text with what would steer the terminal escaped: names are those of other people."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _refuse_existing(file: Path | None) -> None:
    """Exit with a message if a file that is to be written exists."""
    if file and file.exists():
        _fail(f"{file} exists already; choose another name.")


def _write(file: Path | None, text: str) -> None:
    """Write a file, or standard output."""
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        _fail(f"{file} cannot be written: {error.strerror}.")


@contextmanager
def _needing_server() -> Generator[None]:
    """Print errors of the private server as one sentence."""
    from ticketing_client.embedded import EmbeddedServerError  # noqa: PLC0415 - see psql

    try:
        yield
    except EmbeddedServerError as error:
        _fail(error)


def _console() -> Console:
    console = Console()
    if not (console.is_terminal or "COLUMNS" in os.environ):
        console.width = _PIPE_WIDTH
    return console


def _status_table(state: Status) -> Table:
    """Draw the comparison: every migration, and the types, functions and views that differ."""
    name_column = Column("migration or file", overflow="fold")
    table = Table(name_column, "state", title=state.database, title_justify="left")
    for name in sorted({*state.applied, *state.pending}):
        if name in state.edited:
            table.add_row(name, "[red]applied, file edited afterwards[/]")
        elif name in state.unknown:
            table.add_row(name, "[red]applied, unknown to this version[/]")
        elif name in state.pending:
            table.add_row(name, "[yellow]pending[/]")
        else:
            table.add_row(name, "[green]applied[/]")
    table.add_section()
    for path in state.files_pending:
        table.add_row(path, "[yellow]pending[/]")
    for name in state.orphaned:
        table.add_row(name, "[yellow]orphaned: migrate drops it[/]")
    for count in _counted_by_kind(set(state.files) - set(state.files_pending)):
        table.add_row(count, "[green]installed[/]")
    return table


def _facts_table(
    database: str, version: str, role: str, owners: str | None, services: str | None
) -> Table:
    """Draw the facts about the installation."""
    table = Table("fact", Column("value", overflow="fold"), title=database, title_justify="left")
    table.add_row("server", f"PostgreSQL {version}")
    table.add_row("connected as", escape(role))
    table.add_row("schema to expose", "ticketing")
    table.add_row("never to expose", "ticketing_internal, ticketing_install")
    table.add_row("logins in ticketing_owner", escape(owners or "superusers only"))
    table.add_row("logins in service_role", escape(services or "superusers only"))
    return table


def _findings_table(findings: Iterable[tuple[str, str, str]]) -> Table:
    """Draw the findings with their remedies."""
    columns = [Column(name, overflow="fold") for name in ("finding", "where", "remedy")]
    table = Table(*columns, show_lines=True)
    for finding in findings:
        table.add_row(*(escape(text) for text in finding))
    return table


def _counted_by_kind(paths: Iterable[str]) -> list[str]:
    """Count files by the folder they are in: `1 file of types`, `2 functions`."""
    counts = Counter(path.partition("/")[0] for path in paths)
    nouns = {
        "types": ("file of types", "files of types"),
        "functions": ("function", "functions"),
        "views": ("view", "views"),
    }
    return [
        f"{counts[kind]} {one if counts[kind] == 1 else many}"
        for kind, (one, many) in nouns.items()
        if counts[kind]
    ]


def _fail(reason: object) -> NoReturn:
    """Exit with a message on standard error."""
    typer.echo(_shown(f"ticketing: {reason}"), err=True)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
