"""Check the rules of our SQL that PostgreSQL, sqlfluff and squawk cannot check.

PostgreSQL parses a function body only when it runs, and sqlfluff treats a ``$$`` body as a string.
This tool parses every statement below ``sql/functions`` and ``sql/migrations`` with PostgreSQL's
own parser, including every query and expression of PL/pgSQL bodies, and applies the rules at the
end of this file. It prints ``file:line: rule: message`` for each violation.

A query that intentionally reads the rows of all functions (all tenants) says so on the line of the
table, or in a comment directly above it::

    FROM ticketing.tickets -- all functions: an audit looks at the whole database
"""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pglast
from pglast import ast, enums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
API = "ticketing"
INTERNAL = "ticketing_internal"
CALLERS = {"anon", "authenticated"}
SCHEMAS = (API, INTERNAL, "pg_catalog")
TENANT_KEY = "function_id"
ALL_FUNCTIONS = re.compile(r"--.*\ball functions: \S")
SEARCH_PATH = ("pg_catalog", "pg_temp")

EXPRESSION = 2  # PL/pgSQL's parse mode of expressions; lower: queries, higher: assignments
QUERIES = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)
DYNAMIC = frozenset({"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"})
PREDEFINED = frozenset({"found", "sqlstate", "sqlerrm"})
CLOCKS = frozenset(
    {"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday"}
)
# the volatile built-ins that are likely in an UPDATE
VOLATILE = frozenset({"clock_timestamp", "gen_random_uuid", "nextval", "random", "timeofday"})
# statements that define a type, and their attribute with the name
TYPE_NAMES: dict[type[ast.Node], str] = {
    ast.CreateStmt: "relation",
    ast.ViewStmt: "view",
    ast.CompositeTypeStmt: "typevar",
    ast.CreateDomainStmt: "domainname",
    ast.CreateEnumStmt: "typeName",
}
FORBIDDEN_CALLS = {
    "pg_notify": "its commit lock serialises writers",
    "pg_sleep": "a waiting transaction keeps its locks",
    "pg_sleep_for": "a waiting transaction keeps its locks",
    "pg_sleep_until": "a waiting transaction keeps its locks",
    "set_config": "settings are the caller's, or belong in the CREATE of the function",
}


class Hit(NamedTuple):
    """A violation found by a rule: the character offset in the file, and the remedy."""

    offset: int
    message: str


class Finding(NamedTuple):
    """A finding in the report."""

    path: Path
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        """Return the finding in the format of compilers."""
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


class UnreadableError(Exception):
    """SQL that cannot be parsed, with the offset in its file."""

    def __init__(self, message: str, offset: int) -> None:
        """Store the message and the character offset."""
        super().__init__(message)
        self.offset = offset


def walk(node: object, skip: str = "") -> Iterator[Any]:
    """Yield the nodes of a syntax tree, parents first, without the attribute `skip`."""
    if isinstance(node, ast.Node):
        yield node
        for attribute in node:
            if attribute != skip:
                yield from walk(getattr(node, attribute), skip)
    elif isinstance(node, tuple):
        for item in node:
            yield from walk(item, skip)


def names(parts: Iterable[Any] | None) -> tuple[str, ...]:
    """Return the parts of a possibly qualified name, a star as ``*``."""
    return tuple(getattr(part, "sval", "*") for part in parts or ())


class Statement(NamedTuple):
    """A top-level statement: its tree, its offset in the file and its text."""

    node: Any
    offset: int
    sql: str


@dataclass(frozen=True)
class SqlFile:
    """One SQL file: its path and its text."""

    path: Path
    text: str

    @cached_property
    def query(self) -> Query:
        """All of the file, parsed; raises UnreadableError."""
        return Query(parse(self.text, 0), 0)

    def statements(self, kind: type[ast.Node]) -> Iterator[Statement]:
        """Yield the top-level statements of a kind."""
        raw: Any
        for raw in self.query.tree:
            if isinstance(raw.stmt, kind):
                # in the parser a statement begins directly after the previous semicolon
                end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(self.text)
                begin = skip_comments(self.text, raw.stmt_location)
                yield Statement(raw.stmt, begin, self.text[begin:end])

    def line(self, offset: int) -> int:
        """Return the line of a character, counted from 1."""
        return self.text.count("\n", 0, offset) + 1

    def means_all_functions(self, offset: int) -> bool:
        """Return whether this line, or a comment above it, contains ``-- all functions: why``."""
        above = self.text[:offset].split("\n")
        line = above.pop() + self.text[offset:].split("\n", 1)[0]
        while not ALL_FUNCTIONS.search(line):
            if not above or not above[-1].lstrip().startswith("--"):
                return False
            line = above.pop()
        return True


@dataclass(frozen=True)
class Query:
    """Parsed SQL, and the offset in its file of location 0 of the tree."""

    tree: tuple[ast.RawStmt, ...]
    start: int

    @cached_property
    def nodes(self) -> list[Any]:
        """All nodes of the tree, parents before children."""
        return list(walk(self.tree))

    def of(self, kind: type[ast.Node] | tuple[type[ast.Node], ...]) -> Iterator[Any]:
        """Yield the nodes of a kind."""
        return (node for node in self.nodes if isinstance(node, kind))

    def at(self, node: ast.Node) -> int:
        """Return the offset in the file of a node, or of its first part with a location."""
        locations = (getattr(part, "location", None) for part in walk(node))
        return self.start + next((found for found in locations if isinstance(found, int)), 0)


class Variable(NamedTuple):
    """A declared variable; a row has a composite type or is a record."""

    name: str
    offset: int
    is_row: bool


@dataclass(frozen=True)
class Body:
    """A parsed function body."""

    queries: list[Query] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    dynamic: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Function:
    """A function with its file and its parsed body."""

    file: SqlFile
    statement: Statement
    body: Body

    @property
    def schema(self) -> str:
        """The schema; empty when the name is not qualified."""
        return qualified(self.statement.node.funcname)[0]

    @property
    def name(self) -> str:
        """The name without its schema."""
        return qualified(self.statement.node.funcname)[1]

    def option(self, name: str) -> Any:  # noqa: ANN401
        """Return an option of its CREATE, None when absent."""
        return option(self.statement.node, name)

    def tables(self) -> Iterator[Hit]:
        """Yield the tables and views of ours in the body, with their offsets."""
        for query in self.body.queries:
            for table in query.of(ast.RangeVar):
                if table.schemaname in (API, INTERNAL):
                    yield Hit(query.at(table), f"{table.schemaname}.{table.relname}")


@dataclass
class Project:
    """The SQL of the package and the names it defines.

    Attributes:
        volatility: volatility of each function, by schema and name.
        types: schema of each table, view, composite type, domain and enum, by name.
        scalars: the domains and enums, qualified with a dot.
        tenant_tables: schema and name of the tables keyed by function_id and another column.
        policy_functions: schema and name of the functions that policies call.
        findings: findings for statements that cannot be parsed.

    """

    migrations: list[SqlFile] = field(default_factory=list)
    function_files: list[SqlFile] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    bodies: list[tuple[SqlFile, Body]] = field(default_factory=list)
    volatility: dict[tuple[str, str], str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    scalars: set[str] = field(default_factory=set)
    tenant_tables: set[tuple[str, str]] = field(default_factory=set)
    policy_functions: set[tuple[str, str]] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def define(self, file: SqlFile) -> None:
        """Record the names that a file defines."""
        for node in file.query.nodes:
            if isinstance(node, ast.CreateFunctionStmt):
                volatility = option(node, "volatility") or "volatile"
                self.volatility[qualified(node.funcname)] = volatility
            if isinstance(node, ast.CreatePolicyStmt):
                calls = (part for part in walk(node) if isinstance(part, ast.FuncCall))
                self.policy_functions.update(qualified(call.funcname) for call in calls)
            if type(node) in TYPE_NAMES:
                type_ = getattr(node, TYPE_NAMES[type(node)])
                is_scalar = isinstance(type_, tuple)
                schema, name = qualified(type_) if is_scalar else (type_.schemaname, type_.relname)
                self.types[name] = schema
                if is_scalar:
                    self.scalars.add(f"{schema}.{name}")
                if is_tenant_table(node):
                    self.tenant_tables.add((schema, name))

    @contextmanager
    def noting_unreadable(self, file: SqlFile) -> Iterator[None]:
        """Turn an UnreadableError within the block into a finding."""
        try:
            yield
        except UnreadableError as error:
            finding = Finding(file.path, file.line(error.offset), "unreadable", str(error))
            self.findings.append(finding)

    def unqualified_calls(self) -> set[str]:
        """Return the functions that bodies call by a bare name; all must be built-in."""
        return {
            call.funcname[0].sval
            for _, body in self.bodies
            for query in body.queries
            for call in query.of(ast.FuncCall)
            if len(call.funcname) == 1
        }


def qualified(parts: Iterable[Any] | None) -> tuple[str, str]:
    """Return schema and name; the schema is empty when absent."""
    schema, name = ("", *names(parts))[-2:]
    return schema, name


def option(stmt: Any, name: str) -> Any:  # noqa: ANN401
    """Return an option of CREATE FUNCTION or DO: a string, a boolean or a node; None if absent."""
    options: tuple[Any, ...] = getattr(stmt, "options", None) or getattr(stmt, "args", None) or ()
    for item in options:
        if item.defname == name:
            value = item.arg[0] if isinstance(item.arg, tuple) else item.arg
            return getattr(value, "sval", getattr(value, "boolval", value))
    return None


def is_tenant_table(stmt: Any) -> bool:  # noqa: ANN401
    """Return whether this creates a table keyed by function_id and more, or without a key."""
    elements: tuple[Any, ...] = getattr(stmt, "tableElts", None) or ()
    keys = [
        names(element.keys)
        for element in elements
        if isinstance(element, ast.Constraint)
        and element.contype == enums.ConstrType.CONSTR_PRIMARY
    ]
    return any(getattr(element, "colname", None) == TENANT_KEY for element in elements) and (
        not keys or (keys[0][0] == TENANT_KEY and len(keys[0]) > 1)
    )


# -- reading ---------------------------------------------------------------------------------------


def skip_comments(text: str, offset: int) -> int:
    """Return the offset of the first SQL at or after an offset."""
    blank = re.compile(r"(?:\s|--[^\n]*|/\*.*?\*/)*", re.DOTALL).match(text, offset)
    return blank.end() if blank else offset


def parse(sql: str, start: int) -> tuple[ast.RawStmt, ...]:
    """Parse SQL that begins at an offset of its file; raises UnreadableError."""
    try:
        return pglast.parse_sql(sql)
    except pglast.parser.ParseError as error:
        message, location = (*error.args, None)[:2]
        raise UnreadableError(str(message), start + (location or 0)) from error


def mask(sql: str, scalars: set[str]) -> str:
    """Rewrite our names for PostgreSQL's PL/pgSQL parser, which has no catalog here.

    Without a catalog it knows only the schemas pg_catalog and public, treats every other type as a
    row, and rejects arrays of rows. Line breaks are kept; `unmask` reverses the rewriting.
    """

    def scalar(match: re.Match[str]) -> str:
        is_scalar = match[2] or match[1] in scalars
        return f"pg_catalog.text/*{match[0]}*/" if is_scalar else match[0]

    sql = re.sub(rf"\b((?:{API}|{INTERNAL})\.\w+)\b(\s*\[\])?", scalar, sql)
    sql = re.sub(rf"(?<!/\*)\b({API}|{INTERNAL})\.", r"public.\1__", sql)
    return re.sub(r"(%rowtype)\b", r"/*\1*/", sql, flags=re.IGNORECASE)


def unmask(sql: str) -> str:
    """Reverse `mask`."""
    sql = re.sub(rf"\bpublic\.({API}|{INTERNAL})__", r"\1.", sql)
    return re.sub(rf"pg_catalog\.text/\*((?:{API}|{INTERNAL})\..*?)\*/", r"\1", sql)


def read_body(statement: Statement, scalars: set[str]) -> Body:
    """Parse the body of a CREATE FUNCTION or DO.

    Args:
        statement: the whole statement.
        scalars: qualified names of our scalar types.

    Returns:
        The queries and expressions of the body, its variables and its dynamic statements.

    Raises:
        UnreadableError: the body, or a query in it, cannot be parsed.

    """
    source = option(statement.node, "as")
    language = option(statement.node, "language") or "plpgsql"
    begin = statement.sql.find(f"$${source}$$")
    if begin < 0 or language not in ("plpgsql", "sql"):
        message = "write the body in plpgsql or sql and between $$ marks, so that it can be checked"
        raise UnreadableError(message, statement.offset)
    start = statement.offset + begin + len("$$")
    if language == "sql":
        return Body([Query(parse(source, start), start)])
    try:
        tree = pglast.parse_plpgsql(mask(statement.sql, scalars))
    except pglast.parser.ParseError as error:
        raise UnreadableError(str(error.args[0]), start) from error
    return read_plpgsql(tree, source, start)


def read_plpgsql(tree: list[dict[str, Any]], source: str, start: int) -> Body:
    """Collect queries and variables from the tree of a body that begins at an offset of its file.

    Raises:
        UnreadableError: a query in it cannot be parsed.

    """
    body = Body()
    # the tree contains PERFORM as SELECT
    source = re.sub(r"\bPERFORM\b", " SELECT", source, flags=re.IGNORECASE)
    lines = [0, *(newline.end() for newline in re.finditer("\n", source))]

    def visit(kind: str, node: object, at: int) -> None:
        if isinstance(node, list):
            for item in node:
                visit(kind, item, at)
        if not isinstance(node, dict):
            return
        if "lineno" in node:
            at = lines[node["lineno"] - 1]
            if kind in ("PLpgSQL_var", "PLpgSQL_rec") and node["refname"] not in PREDEFINED:
                is_row = kind == "PLpgSQL_rec"
                body.variables.append(Variable(node["refname"], start + at, is_row))
        if kind in DYNAMIC or "dynquery" in node:
            body.dynamic.append(start + at)
        if kind == "PLpgSQL_expr":
            text = unmask(node["query"])
            # an INTO clause is blanked out: search for the text before it
            found = source.find(re.split(r"\n|\s{4}", text, maxsplit=1)[0], at)
            body.queries.append(read_query(text, node["parseMode"], start + max(at, found)))
        for key, value in node.items():
            visit(key, value, at)

    visit("", tree, 0)
    return body


def read_query(text: str, mode: int, start: int) -> Query:
    """Parse a query, expression or assignment of a body; raises UnreadableError."""
    if mode < EXPRESSION:
        return Query(parse(text, start), start)
    if mode > EXPRESSION:
        text = re.sub(r"^[^:=]*:?=", lambda target: " " * len(target[0]), text)
    start -= len("SELECT ")
    return Query(parse(f"SELECT {text}", start), start)


def read_project(sql: Path) -> Project:
    """Read the migrations and functions below a folder.

    Statements that cannot be parsed appear only in the findings of the project.
    """
    project = Project()
    for folder, files in (
        ("migrations", project.migrations),
        ("types", project.migrations),
        ("functions", project.function_files),
    ):
        for path in sorted((sql / folder).rglob("*.sql")):
            file = SqlFile(path, path.read_text(encoding="utf-8"))
            with project.noting_unreadable(file):
                project.define(file)
                files.append(file)
    for file in (*project.migrations, *project.function_files):
        for kind in (ast.CreateFunctionStmt, ast.DoStmt):
            for statement in file.statements(kind):
                with project.noting_unreadable(file):
                    body = read_body(statement, project.scalars)
                    project.bodies.append((file, body))
                    if kind is ast.CreateFunctionStmt:
                        project.functions.append(Function(file, statement, body))
    return project


# -- rules for files -------------------------------------------------------------------------------


def check_functions_live_once(file: SqlFile) -> Iterator[Hit]:
    """Require that migrations create no function: sql/functions is the only source."""
    for function in file.statements(ast.CreateFunctionStmt):
        name = ".".join(names(function.node.funcname))
        yield Hit(function.offset, f"move {name} to sql/functions, which is installed afterwards")


def check_header(file: SqlFile) -> Iterator[Hit]:
    """Require that a file begins with a comment on what its function guarantees."""
    if not re.match(r"-- \S", file.text):
        yield Hit(0, "begin the file with a comment: what it guarantees, its locks, its errors")


def check_one_function(file: SqlFile) -> Iterator[Hit]:
    """Require one function per file, named after it, with its comment and grants.

    The file is in the folder of its schema or in a folder of a stage below it. Names are unique in
    a schema, so that comments and grants need no argument lists.
    """
    functions = list(file.statements(ast.CreateFunctionStmt))
    if len(functions) != 1:
        yield Hit(0, f"create one function per file; found {len(functions)}")
    for function in functions:
        schema, name = qualified(function.node.funcname)
        folder = next((parent for parent in file.path.parents[:2] if parent.name == schema), None)
        if folder is None or file.path.stem != name:
            yield Hit(function.offset, f"{schema}.{name} belongs in {schema}/**/{name}.sql")
        elif len(list(folder.rglob(f"{name}.sql"))) > 1:
            yield Hit(function.offset, f"{schema}.{name} has two files; names are unique")
        if not function.node.replace:
            yield Hit(function.offset, "write CREATE OR REPLACE, so that it can be installed again")
    for statement in file.statements(ast.Node):
        if not isinstance(statement.node, (ast.CreateFunctionStmt, ast.CommentStmt, ast.GrantStmt)):
            kind = type(statement.node).__name__
            yield Hit(statement.offset, f"only comment and grants belong in its file, not {kind}")
        for target in walk(statement.node):
            if isinstance(target, ast.ObjectWithArgs) and not target.args_unspecified:
                yield Hit(statement.offset, "leave out the argument list: names are unique")


# -- rules for functions ---------------------------------------------------------------------------


def check_search_path(function: Function, _: Project) -> Iterator[Hit]:
    """Require the pinned search path in the CREATE: CREATE OR REPLACE drops an ALTER."""
    paths = [
        names(value.val for value in item.arg.args or ())
        for item in function.statement.node.options
        if item.defname == "set" and item.arg.name == "search_path"
    ]
    if paths != [SEARCH_PATH]:
        yield Hit(function.statement.offset, f"add SET search_path = {', '.join(SEARCH_PATH)}")


def check_comment(function: Function, _: Project) -> Iterator[Hit]:
    """Require a COMMENT: the reference documentation is generated from it."""
    if not any(
        comment.node.comment and qualified(comment.node.object.objname)[1] == function.name
        for comment in function.file.statements(ast.CommentStmt)
        if isinstance(comment.node.object, ast.ObjectWithArgs)
    ):
        yield Hit(function.statement.offset, "add COMMENT ON FUNCTION")


def check_grants(function: Function, project: Project) -> Iterator[Hit]:
    """Require grants on RPCs to some role, none on helpers to callers, none to PUBLIC.

    PUBLIC has nothing to begin with: default privileges and the installer see to that.

    A policy runs with the privileges of the role that reads the table, so the functions that it
    calls are granted to that role.
    """
    granted = set[str]()
    for grant in function.file.statements(ast.GrantStmt):
        if any(qualified(item.objname)[1] == function.name for item in grant.node.objects):
            roles = {role.rolename or "public" for role in grant.node.grantees}
            if grant.node.is_grant:
                granted.update(roles)
            else:
                yield Hit(grant.offset, "leave out REVOKE: PUBLIC has nothing to begin with")
    offset = function.statement.offset
    if "public" in granted:
        yield Hit(offset, "grant PUBLIC nothing")
    if function.schema == API and not granted:
        yield Hit(offset, "add GRANT EXECUTE to the roles that may call it")
    is_called_by_policy = (function.schema, function.name) in project.policy_functions
    if function.schema == INTERNAL and granted & CALLERS and not is_called_by_policy:
        yield Hit(offset, f"grant nothing in {INTERNAL} to callers; call it from an RPC")


def check_definer(function: Function, project: Project) -> Iterator[Hit]:
    """Require SECURITY DEFINER for RPCs that use internals; else only functions of policies may."""
    is_definer = bool(function.option("security"))
    is_called_by_policy = (function.schema, function.name) in project.policy_functions
    if function.schema != API and is_definer and not is_called_by_policy:
        yield Hit(function.statement.offset, f"use SECURITY DEFINER only for RPCs in {API}")
    reaches_inside = any(
        names(call.funcname)[0] == INTERNAL
        for query in function.body.queries
        for call in query.of(ast.FuncCall)
    ) or any(function.tables())
    if function.schema == API and reaches_inside and not is_definer:
        yield Hit(
            function.statement.offset,
            "add SECURITY DEFINER: callers may not use internals",
        )


def check_sql_tables(function: Function, _: Project) -> Iterator[Hit]:
    """Require plpgsql for functions that access tables: Citus cannot plan SQL functions."""
    if function.option("language") == "sql":
        for table in function.tables():
            yield Hit(table.offset, f"write a function that accesses {table.message} in plpgsql")


def check_variables(function: Function, project: Project) -> Iterator[Hit]:
    """Require names unlike columns: p_ arguments, r_ results, v_ variables, c_ constants."""
    query = function.file.query
    for parameter in function.statement.node.parameters or ():
        is_result = parameter.mode == enums.FunctionParameterMode.FUNC_PARAM_OUT
        is_column = parameter.mode == enums.FunctionParameterMode.FUNC_PARAM_TABLE
        prefix = "r_" if is_result else "p_"
        if not is_column and not (parameter.name or "").startswith(prefix):
            yield Hit(query.at(parameter), f"name the argument {prefix}{parameter.name or '...'}")
    for variable in function.body.variables:
        declaration = re.compile(rf"\b{variable.name}\s+(constant\s+)?([\w.]+)", re.IGNORECASE)
        declared = declaration.search(function.file.text, variable.offset)
        is_constant = declared is not None and declared[1] is not None
        if not variable.name.startswith(("v_", "c_") if is_constant else "v_"):
            yield Hit(variable.offset, f"name the variable v_{variable.name}")
        if variable.is_row and declared and declared[2] in project.types:
            yield Hit(variable.offset, f"write {project.types[declared[2]]}.{declared[2]}")


def check_dynamic_sql(function: Function, _: Project) -> Iterator[Hit]:
    """Require static queries, so that readers and this tool can see them."""
    for offset in function.body.dynamic:
        yield Hit(offset, "write a static query instead of EXECUTE")


# -- rules for queries, in bodies and in migrations ------------------------------------------------


def check_tables_qualified(query: Query, _: Project) -> Iterator[Hit]:
    """Require qualified table names, independent of the search path."""
    known = {cte.ctename for cte in query.of(ast.CommonTableExpr)}
    for locking in query.of(ast.LockingClause):
        known.update(table.relname for table in locking.lockedRels or ())
    for table in query.of(ast.RangeVar):
        if table.schemaname is None and table.relname not in known:
            yield Hit(query.at(table), f"write the schema of {table.relname}")
        elif table.schemaname not in (None, *SCHEMAS):
            yield Hit(query.at(table), f"use no table of the schema {table.schemaname}")


def check_functions_qualified(query: Query, project: Project) -> Iterator[Hit]:
    """Require qualified names for calls of our functions; built-ins need no schema.

    The search path begins with pg_catalog, and functions are never looked up in pg_temp, so a bare
    name can only be a built-in. A test checks in the database that each is.
    """
    own = {name: schema for schema, name in project.volatility}
    for call in query.of(ast.FuncCall):
        schema, name = qualified(call.funcname)
        if not schema and name in own:
            yield Hit(query.at(call), f"write {own[name]}.{name}, or pg_catalog.{name}")
        elif schema and schema not in SCHEMAS:
            yield Hit(query.at(call), f"call no function of the schema {schema}")
        elif schema in (API, INTERNAL) and (schema, name) not in project.volatility:
            yield Hit(query.at(call), f"no file creates {schema}.{name}")


def check_types_qualified(query: Query, project: Project) -> Iterator[Hit]:
    """Require qualified names for our types."""
    for type_ in query.of(ast.TypeName):
        schema, name = qualified(type_.names)
        if not schema and name in project.types:
            yield Hit(query.at(type_), f"write {project.types[name]}.{name}")


def check_set_null(query: Query, _: Project) -> Iterator[Hit]:
    """Refuse ON DELETE SET NULL: it would also null function_id, and Citus does not support it."""
    for key in query.of(ast.Constraint):
        if key.fk_del_action in ("n", "d"):
            yield Hit(query.at(key), "let the foreign key refuse or cascade")


# -- rules for queries in bodies -------------------------------------------------------------------


def check_statements(_: Function, query: Query, __: Project) -> Iterator[Hit]:
    """Require that bodies only read and write rows: no DDL, SET, NOTIFY or MERGE."""
    for raw in query.tree:
        if not isinstance(raw.stmt, QUERIES):
            kind = type(raw.stmt).__name__
            yield Hit(query.start, f"a body may SELECT, INSERT, UPDATE and DELETE, not {kind}")


def check_calls(_: Function, query: Query, __: Project) -> Iterator[Hit]:
    """Refuse calls that wait, notify or change a setting."""
    for call in query.of(ast.FuncCall):
        name = names(call.funcname)[-1]
        if name in FORBIDDEN_CALLS:
            yield Hit(query.at(call), f"do not call {name}: {FORBIDDEN_CALLS[name]}")


def check_clock(function: Function, query: Query, _: Project) -> Iterator[Hit]:
    """Require the time as an argument of helpers: one time per call, which tests can choose."""
    if function.schema != INTERNAL:
        return
    for node in query.of((ast.FuncCall, ast.SQLValueFunction)):
        name = names(node.funcname)[-1] if isinstance(node, ast.FuncCall) else node.op.name
        if name in CLOCKS or re.match("SVFOP_(CURRENT_|LOCAL)(DATE|TIME)", name):
            yield Hit(query.at(node), "take the time as an argument p_now")


def check_locks(_: Function, query: Query, __: Project) -> Iterator[Hit]:
    """Refuse FOR UPDATE: it also blocks inserts that refer to the row."""
    for locking in query.of(ast.LockingClause):
        if locking.strength == enums.LockClauseStrength.LCS_FORUPDATE:
            yield Hit(query.at(locking), "lock FOR NO KEY UPDATE")


def check_returning(_: Function, query: Query, __: Project) -> Iterator[Hit]:
    """Require bare columns in RETURNING: Citus rejects expressions, and a star is unclear."""
    for returning in query.of(ast.ReturningClause):
        for target in returning.exprs:
            bare = isinstance(target.val, ast.ColumnRef) and names(target.val.fields)[-1] != "*"
            if not bare:
                yield Hit(query.at(target), "let RETURNING list columns, one by one")


def check_volatile_update(_: Function, query: Query, project: Project) -> Iterator[Hit]:
    """Refuse volatile calls in an UPDATE, as Citus does: call them before, into variables."""
    for update in query.of((ast.UpdateStmt, ast.OnConflictClause)):
        for call in walk(update, skip="withClause"):
            if isinstance(call, ast.FuncCall):
                schema, name = qualified(call.funcname)
                if (name in VOLATILE and schema in ("", "pg_catalog")) or project.volatility.get(
                    (schema, name)
                ) == "volatile":
                    yield Hit(query.at(call), f"call {name} before the UPDATE, into a variable")


def check_function_id(function: Function, query: Query, project: Project) -> Iterator[Hit]:
    """Require that tables keyed by function_id are restricted by it, directly or by a join."""
    for level in query.of((ast.SelectStmt, ast.UpdateStmt, ast.DeleteStmt)):
        for alias, table in unsettled_tables(level, project.tenant_tables):
            if not function.file.means_all_functions(query.at(table)):
                advice = f"restrict {alias}.function_id, or write -- all functions: why"
                yield Hit(query.at(table), advice)


def unsettled_tables(level: Any, tenant: set[tuple[str, str]]) -> list[tuple[str, Any]]:  # noqa: ANN401
    """Return the tenant tables of one query level that are not restricted by function_id.

    Args:
        level: a SELECT, UPDATE or DELETE; those inside it are levels of their own.
        tenant: schema and name of the tables keyed by function_id.

    Returns:
        Alias and RangeVar of each table whose function_id no equality in WHERE, ON or USING
        connects, directly or through other tables, with a value from outside.

    """
    tables: dict[str, Any] = {}
    conditions = [getattr(level, "whereClause", None)]
    equal: list[set[str]] = []  # groups of tables with equal function_id; "" is any other value

    def add(item: Any) -> set[str]:  # noqa: ANN401
        if isinstance(item, ast.JoinExpr):
            sides = add(item.larg) | add(item.rarg)
            conditions.append(item.quals)
            if TENANT_KEY in names(item.usingClause):
                equal.append(sides)
            return sides
        if not isinstance(item, ast.RangeVar) or (item.schemaname, item.relname) not in tenant:
            return {""}
        alias = str(item.alias.aliasname if item.alias else item.relname)
        tables[alias] = item
        return {alias}

    if isinstance(level, (ast.UpdateStmt, ast.DeleteStmt)):
        add(level.relation)
    sources = level.usingClause if isinstance(level, ast.DeleteStmt) else level.fromClause
    for item in sources or ():
        add(item)
    for left, right in (pair for condition in conditions for pair in equalities(condition)):
        equal.append(tables_keyed(left, tables) | tables_keyed(right, tables))
    settled = {""}
    while grown := set[str]().union(*(group for group in equal if group & settled)) - settled:
        settled |= grown
    return [(alias, table) for alias, table in tables.items() if alias not in settled]


def equalities(condition: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401
    """Yield the pairs that a condition requires to be equal; rows are compared by column."""
    left, right = None, None
    if isinstance(condition, ast.BoolExpr) and condition.boolop == enums.BoolExprType.AND_EXPR:
        for part in condition.args or ():
            yield from equalities(part)
    elif isinstance(condition, ast.SubLink):
        left = condition.testexpr
    elif isinstance(condition, ast.A_Expr) and names(condition.name)[-1] == "=":
        left, right = condition.lexpr, condition.rexpr
    if isinstance(left, ast.RowExpr):
        columns = right.args if isinstance(right, ast.RowExpr) else ()
        yield from zip_longest(left.args or (), columns or ())
    elif left is not None:
        yield left, right


def tables_keyed(side: Any, tables: dict[str, Any]) -> set[str]:  # noqa: ANN401
    """Return the tables whose function_id is this expression; {""} for any other expression."""
    match names(side.fields) if isinstance(side, ast.ColumnRef) else ():
        case (alias, key) if key == TENANT_KEY and alias in tables:
            return {alias}
        case (key,) if key == TENANT_KEY:
            return set(tables)
        case _:
            return {""}


# -- the table of rules ----------------------------------------------------------------------------

MIGRATION_RULES: dict[str, Callable[[SqlFile], Iterator[Hit]]] = {
    "functions-live-once": check_functions_live_once,
}
FILE_RULES: dict[str, Callable[[SqlFile], Iterator[Hit]]] = {
    "header": check_header,
    "one-function": check_one_function,
}
FUNCTION_RULES: dict[str, Callable[[Function, Project], Iterator[Hit]]] = {
    "search-path": check_search_path,
    "comment": check_comment,
    "grants": check_grants,
    "definer": check_definer,
    "sql-tables": check_sql_tables,
    "variables": check_variables,
    "dynamic-sql": check_dynamic_sql,
}
QUERY_RULES: dict[str, Callable[[Query, Project], Iterator[Hit]]] = {
    "qualified-tables": check_tables_qualified,
    "qualified-functions": check_functions_qualified,
    "qualified-types": check_types_qualified,
    "set-null": check_set_null,
}
BODY_RULES: dict[str, Callable[[Function, Query, Project], Iterator[Hit]]] = {
    "statements": check_statements,
    "calls": check_calls,
    "clock": check_clock,
    "locks": check_locks,
    "returning": check_returning,
    "volatile-update": check_volatile_update,
    "function-id": check_function_id,
}


def check(sql: Path) -> list[Finding]:
    """Apply all rules to the SQL below a folder.

    Args:
        sql: the folder of ``migrations`` and ``functions``.

    Returns:
        The findings, in the order of files and lines.

    """
    project = read_project(sql)
    findings = set(project.findings)

    def note(file: SqlFile, rule: str, hits: Iterator[Hit]) -> None:
        findings.update(Finding(file.path, file.line(at), rule, text) for at, text in hits)

    for file, rules in [
        *((file, MIGRATION_RULES) for file in project.migrations),
        *((file, FILE_RULES) for file in project.function_files),
    ]:
        for rule, check_file in rules.items():
            note(file, rule, check_file(file))
    queries = [(file, file.query) for file in (*project.migrations, *project.function_files)]
    queries += [(file, query) for file, body in project.bodies for query in body.queries]
    for file, query in queries:
        for rule, check_query in QUERY_RULES.items():
            note(file, rule, check_query(query, project))
    for function in project.functions:
        for rule, check_function in FUNCTION_RULES.items():
            note(function.file, rule, check_function(function, project))
        for rule, check_body in BODY_RULES.items():
            for query in function.body.queries:
                note(function.file, rule, check_body(function, query, project))
    return sorted(findings)


def main() -> int:
    """Check the folder named on the command line, by default ours, and print the findings.

    Returns:
        0 without findings, 1 with findings, 2 when there is nothing to check.

    """
    parser = argparse.ArgumentParser(description="Check the rules of our SQL.")
    parser.add_argument("sql", nargs="?", type=Path, default=ROOT / "sql", help="default: ./sql")
    sql = parser.parse_args().sql
    if not any(sql.glob("functions/**/*.sql")):
        print(f"{sql}: contains no functions/**/*.sql; name the folder that does.")
        return 2
    findings = check(sql)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
