"""Check the rules of our SQL that need a parse of function bodies.

PostgreSQL looks up the names in a body only when it runs, and sqlfluff treats a ``$$`` body as a
string. This tool parses the body of every function below ``sql/functions`` with PostgreSQL's own
parser, and applies the rules at the end of this file to its queries and expressions. What the
catalogs of a migrated database can tell is asked in tests/house/test_catalogs.py. It prints
``file:line: rule: message`` for each violation.

A query that intentionally reads the rows of all functions (all tenants) says so on the line of the
table, or in a comment directly above it::

    FROM ticketing.tickets -- all functions: an audit looks at the whole database
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pglast
from pglast import ast, enums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
API = "ticketing"
INTERNAL = "ticketing_internal"
SCHEMAS = (API, INTERNAL, "pg_catalog")
TENANT_KEY = "function_id"
ALL_FUNCTIONS = re.compile(r"--.*\ball functions: \S")

OBJECT = re.compile(
    r"^CREATE (TABLE|VIEW|TYPE|DOMAIN) (\w+)\.(\w+)(.*?);$", re.MULTILINE | re.DOTALL
)
FUNCTION = re.compile(
    r"^CREATE OR REPLACE FUNCTION (\w+)\.(\w+)(.*?)^AS \$\$(.*?)^\$\$;", re.MULTILINE | re.DOTALL
)
OUR_TYPE = r"((?:ticketing|ticketing_internal)\.\w+)(?:%ROWTYPE)?(\s*\[\])?"

EXPRESSION = 2  # PL/pgSQL's parse mode of expressions; lower: queries, higher: assignments
QUERIES = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)
DYNAMIC = {"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"}
VARIABLES = {"PLpgSQL_var", "PLpgSQL_rec"}
PREDEFINED = {"found", "sqlstate", "sqlerrm"}
CLOCKS = {"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday"}
# the volatile built-ins that are likely in an UPDATE
VOLATILE = {"clock_timestamp", "gen_random_uuid", "nextval", "random", "timeofday"}
FORBIDDEN_CALLS = {
    "pg_notify": "its commit lock serialises writers",
    "pg_sleep": "a waiting transaction keeps its locks",
    "pg_sleep_for": "a waiting transaction keeps its locks",
    "pg_sleep_until": "a waiting transaction keeps its locks",
    "set_config": "settings are the caller's, or belong in the CREATE of the function",
}


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


def qualified(parts: Iterable[Any] | None) -> tuple[str, str]:
    """Return schema and name; the schema is empty when absent."""
    schema, name = ("", *names(parts))[-2:]
    return schema, name


class Query:
    """A parsed query or expression of a body, and the line of its first character in the file."""

    def __init__(self, text: str, line: int) -> None:
        """Parse the text; raises pglast.parser.ParseError."""
        self.text = text
        self.line = line
        self.nodes: list[Any] = list(walk(pglast.parse_sql(text)))

    def of(self, *kinds: type[ast.Node]) -> Iterator[Any]:
        """Yield the nodes of some kinds."""
        return (node for node in self.nodes if isinstance(node, kinds))

    def line_of(self, node: ast.Node) -> int:
        """Return the line in the file of a node, or of its first part with a location."""
        locations = (getattr(part, "location", None) for part in walk(node))
        offset = next((found for found in locations if isinstance(found, int)), 0)
        return self.line + self.text.count("\n", 0, offset)


class Finding(NamedTuple):
    """A violation of a rule."""

    path: Path
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        """Return the finding in the format of compilers."""
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


@dataclass(frozen=True)
class Function:
    """A function with the queries of its body, and what was found while reading it."""

    path: Path
    lines: list[str]
    schema: str
    name: str
    statement: str
    queries: list[Query] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def note(self, line: int, rule: str, message: str) -> None:
        """Record a finding."""
        self.findings.append(Finding(self.path, line, rule, message))

    def means_all_functions(self, line: int) -> bool:
        """Return whether a line, or a comment above it, contains ``-- all functions: why``."""
        while not ALL_FUNCTIONS.search(self.lines[line - 1]):
            line -= 1
            if not self.lines[line - 1].lstrip().startswith("--"):
                return False
        return True


@dataclass(frozen=True)
class Project:
    """The functions of the package, and the names that its SQL defines.

    Attributes:
        functions: All functions.
        volatility: Volatility of each function, by schema and name.
        types: Schema of each table, view, composite type and domain, by name.
        tenant_tables: Schema and name of the tables keyed by function_id and another column.

    """

    functions: list[Function] = field(default_factory=list)
    volatility: dict[tuple[str, str], str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    tenant_tables: set[tuple[str, str]] = field(default_factory=set)


# -- reading ---------------------------------------------------------------------------------------


def read_project(sql: Path) -> Project:
    """Read the SQL below a folder."""
    project = Project()
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(sql.rglob("*.sql"))}
    scalars = set[str]()
    for text in texts.values():
        for kind, schema, name, definition in OBJECT.findall(text):
            project.types[name] = schema
            if kind == "DOMAIN":
                scalars.add(f"{schema}.{name}")
            if f"PRIMARY KEY ({TENANT_KEY}, " in definition:
                project.tenant_tables.add((schema, name))
    for path, text in texts.items():
        for found in FUNCTION.finditer(text):
            schema, name, header, source = found.groups()
            volatility = re.search(r"^(?:STABLE|IMMUTABLE)$", header, re.MULTILINE)
            project.volatility[schema, name] = volatility[0] if volatility else "VOLATILE"
            function = Function(path, text.split("\n"), schema, name, found[0])
            line = text.count("\n", 0, found.start(4)) + 1
            try:
                if "\nLANGUAGE sql\n" in header:
                    function.queries.append(Query(source, line))
                else:
                    tree = pglast.parse_plpgsql(without_our_types(found[0], scalars))
                    read_tree(tree, source, line, function)
            except pglast.parser.ParseError as error:
                function.note(line, "unreadable", str(error.args[0]))
            project.functions.append(function)
    return project


def without_our_types(function: str, scalars: set[str]) -> str:
    """Rewrite types in the header and the declarations for PostgreSQL's PL/pgSQL parser.

    It has no catalog here: it knows the schemas pg_catalog and public alone, treats an unknown type
    as a row, and rejects arrays of rows.
    """

    def known(match: re.Match[str]) -> str:
        is_scalar = match[3] or match[2] in scalars
        return match[1] + ("text" if is_scalar else "public.a_row")

    header, body = function.split("AS $$", 1)
    header = re.sub(rf"(){OUR_TYPE}", known, header)
    body = re.sub(rf"(\b[vc]_\w+ (?:CONSTANT )?){OUR_TYPE}", known, body)
    return f"{header}AS $${body}"


def read_tree(tree: object, source: str, line: int, function: Function) -> None:
    """Collect the queries of a PL/pgSQL body that begins at a line of its file."""
    source = re.sub(r"\bPERFORM\b", " SELECT", source)  # as in the tree
    begins = [0, *(newline.end() for newline in re.finditer("\n", source))]
    for kind, node, number in walk_plpgsql("", tree, 1):
        at = begins[number - 1]
        if kind == "PLpgSQL_expr":
            text, mode = node["query"], node["parseMode"]
            # an INTO clause is blanked out with its line breaks: search for the text before it
            at = max(at, source.find(re.split(r"\n|\s{4}", text, maxsplit=1)[0], at))
            if mode < EXPRESSION:
                pairs = zip(text, source[at:], strict=False)
                text = "".join(there if there == "\n" else here for here, there in pairs)
            if mode > EXPRESSION:
                text = re.sub(r"^[^:=]*:?=", "", text)
            if mode >= EXPRESSION:
                text = f"SELECT {text}"
            function.queries.append(Query(text, line + source.count("\n", 0, at)))
        elif kind in DYNAMIC or "dynquery" in node:
            function.note(line + number - 1, "dynamic-sql", "write a static query, not EXECUTE")
        elif kind in VARIABLES and "lineno" in node and node["refname"] not in PREDEFINED:
            name = node["refname"]
            is_constant = re.compile(rf"\s*{name}\s+CONSTANT\b").match(source, at)
            if not name.startswith(("v_", "c_") if is_constant else "v_"):
                function.note(line + number - 1, "variables", f"name the variable v_{name}")


def walk_plpgsql(kind: str, node: object, line: int) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yield kind, attributes and line of the nodes of a PL/pgSQL tree, parents first."""
    if isinstance(node, list):
        for item in node:
            yield from walk_plpgsql(kind, item, line)
    elif isinstance(node, dict):
        line = node.get("lineno", line)
        yield kind, node, line
        for key, value in node.items():
            yield from walk_plpgsql(key, value, line)


# -- rules -----------------------------------------------------------------------------------------

Hits: TypeAlias = "Iterator[tuple[ast.Node, str]]"


def check_tables_qualified(_: Function, query: Query, __: Project) -> Hits:
    """Require qualified table names, independent of the search path."""
    known = {cte.ctename for cte in query.of(ast.CommonTableExpr)}
    for locking in query.of(ast.LockingClause):
        known.update(table.relname for table in locking.lockedRels or ())
    for table in query.of(ast.RangeVar):
        if table.schemaname is None and table.relname not in known:
            yield table, f"write the schema of {table.relname}"
        elif table.schemaname not in (None, *SCHEMAS):
            yield table, f"use no table of the schema {table.schemaname}"


def check_functions_qualified(_: Function, query: Query, project: Project) -> Hits:
    """Require qualified names for calls of our functions; built-ins need no schema.

    The search path begins with pg_catalog, and functions are never looked up in pg_temp, so a bare
    name can only be a built-in. A test checks in the database that each is.
    """
    own = {name: schema for schema, name in project.volatility}
    for call in query.of(ast.FuncCall):
        schema, name = qualified(call.funcname)
        if not schema and name in own:
            yield call, f"write {own[name]}.{name}, or pg_catalog.{name}"
        elif schema and schema not in SCHEMAS:
            yield call, f"call no function of the schema {schema}"
        elif schema in (API, INTERNAL) and (schema, name) not in project.volatility:
            yield call, f"no file creates {schema}.{name}"


def check_types_qualified(_: Function, query: Query, project: Project) -> Hits:
    """Require qualified names for our types."""
    for type_ in query.of(ast.TypeName):
        schema, name = qualified(type_.names)
        if not schema and name in project.types:
            yield type_, f"write {project.types[name]}.{name}"


def check_statements(_: Function, query: Query, __: Project) -> Hits:
    """Require that bodies only read and write rows: no DDL, SET, NOTIFY or MERGE."""
    for raw in query.of(ast.RawStmt):
        if not isinstance(raw.stmt, QUERIES):
            kind = type(raw.stmt).__name__
            yield raw, f"a body may SELECT, INSERT, UPDATE and DELETE, not {kind}"


def check_calls(_: Function, query: Query, __: Project) -> Hits:
    """Refuse calls that wait, notify or change a setting."""
    for call in query.of(ast.FuncCall):
        name = names(call.funcname)[-1]
        if name in FORBIDDEN_CALLS:
            yield call, f"do not call {name}: {FORBIDDEN_CALLS[name]}"


def check_clock(function: Function, query: Query, _: Project) -> Hits:
    """Require the time as an argument of helpers: one time per call, which tests can choose."""
    if function.schema != INTERNAL:
        return
    for node in query.of(ast.FuncCall, ast.SQLValueFunction):
        name = names(node.funcname)[-1] if isinstance(node, ast.FuncCall) else node.op.name
        if name in CLOCKS or re.match("SVFOP_(CURRENT_|LOCAL)(DATE|TIME)", name):
            yield node, "take the time as an argument p_now"


def check_locks(_: Function, query: Query, __: Project) -> Hits:
    """Refuse FOR UPDATE: it also blocks inserts that refer to the row."""
    for locking in query.of(ast.LockingClause):
        if locking.strength == enums.LockClauseStrength.LCS_FORUPDATE:
            yield locking, "lock FOR NO KEY UPDATE"


def check_returning(_: Function, query: Query, __: Project) -> Hits:
    """Require bare columns in RETURNING: Citus rejects expressions, and a star is unclear."""
    for returning in query.of(ast.ReturningClause):
        for target in returning.exprs:
            if not isinstance(target.val, ast.ColumnRef) or "*" in names(target.val.fields):
                yield target, "let RETURNING list columns, one by one"


def check_where(_: Function, query: Query, __: Project) -> Hits:
    """Require a WHERE on UPDATE and DELETE: Supabase loads pg-safeupdate, which refuses others."""
    for stmt in query.of(ast.UpdateStmt, ast.DeleteStmt):
        if stmt.whereClause is None:
            yield stmt.relation, "name the rows in a WHERE, even when all are meant"


def check_volatile_update(_: Function, query: Query, project: Project) -> Hits:
    """Refuse volatile calls in an UPDATE, as Citus does: call them before, into variables."""
    volatile = {key for key, kind in project.volatility.items() if kind == "VOLATILE"}
    volatile |= {(schema, name) for schema in ("", "pg_catalog") for name in VOLATILE}
    for update in query.of(ast.UpdateStmt, ast.OnConflictClause):
        for call in walk(update, skip="withClause"):
            if isinstance(call, ast.FuncCall) and qualified(call.funcname) in volatile:
                yield call, f"call {names(call.funcname)[-1]} before the UPDATE, into a variable"


def check_function_id(function: Function, query: Query, project: Project) -> Hits:
    """Require that tables keyed by function_id are restricted by it, directly or by a join."""
    for level in query.of(ast.SelectStmt, ast.UpdateStmt, ast.DeleteStmt):
        for alias, table in unsettled_tables(level, project.tenant_tables):
            if not function.means_all_functions(query.line_of(table)):
                yield table, f"restrict {alias}.function_id, or write -- all functions: why"


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


RULES: dict[str, Callable[[Function, Query, Project], Hits]] = {
    "qualified-tables": check_tables_qualified,
    "qualified-functions": check_functions_qualified,
    "qualified-types": check_types_qualified,
    "statements": check_statements,
    "calls": check_calls,
    "clock": check_clock,
    "locks": check_locks,
    "returning": check_returning,
    "where": check_where,
    "volatile-update": check_volatile_update,
    "function-id": check_function_id,
}


def check(sql: Path) -> list[Finding]:
    """Apply all rules to the SQL below a folder and return the findings, in order."""
    project = read_project(sql)
    findings = {finding for function in project.functions for finding in function.findings}
    for function in project.functions:
        for query in function.queries:
            for rule, hits in RULES.items():
                findings.update(
                    Finding(function.path, query.line_of(node), rule, message)
                    for node, message in hits(function, query, project)
                )
    return sorted(findings)


def main() -> int:
    """Check our SQL, or that below the folder on the command line, and print the findings.

    Returns:
        0 without findings, 1 with findings, 2 when there is nothing to check.

    """
    sql = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "sql"
    if not any(sql.glob("functions/**/*.sql")):
        print(f"{sql}: contains no functions/**/*.sql; name the folder that does.")
        return 2
    findings = check(sql)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
