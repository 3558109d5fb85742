"""Read the description of the API from a database with the package installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg.rows import class_row, dict_row
from tools.generator.issues import keys_of_codes
from tools.generator.shapes import Naming, Schema
from tools.generator.text import camel, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg

Row = dict[str, Any]

RPCS: Final = """
SELECT
    p.proname AS name,
    p.proretset AS returns_rows,
    p.provolatile = 's' AS is_read_only,
    pg_catalog.pg_get_function_result(p.oid) AS result,
    coalesce(pg_catalog.obj_description(p.oid, 'pg_proc'), '') AS comment,
    ARRAY(
        SELECT pg_catalog.jsonb_build_array(
            p.proargnames[n],
            pg_catalog.format_type(p.proargtypes[n - 1], NULL),
            pg_catalog.pg_get_function_arg_default(p.oid, n)
        )
        FROM pg_catalog.generate_series(1, p.pronargs) AS n
        ORDER BY n
    ) AS arguments,
    ARRAY(
        SELECT coalesce(r.rolname, 'PUBLIC')
        FROM pg_catalog.aclexplode(p.proacl) AS acl
        LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = acl.grantee
        WHERE acl.grantee <> p.proowner
        ORDER BY 1
    )::text [] AS granted
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = 'ticketing'::pg_catalog.regnamespace
ORDER BY p.proname
"""

ATTRIBUTES: Final = """
SELECT
    t.typname AS type_name,
    coalesce(pg_catalog.obj_description(t.oid, 'pg_type'), '') AS type_comment,
    a.attname AS name,
    CASE
        WHEN element.typnamespace = t.typnamespace THEN element.typname
        ELSE pg_catalog.format_type(coalesce(nullif(element.typbasetype, 0), element.oid), NULL)
    END AS type,
    attribute.typelem <> 0 AS is_array,
    coalesce(pg_catalog.col_description(a.attrelid, a.attnum), '') AS comment
FROM pg_catalog.pg_type AS t
INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.typrelid AND a.attnum > 0
INNER JOIN pg_catalog.pg_type AS attribute ON attribute.oid = a.atttypid
INNER JOIN pg_catalog.pg_type AS element
    ON element.oid = coalesce(nullif(attribute.typelem, 0), attribute.oid)
WHERE t.typnamespace = 'ticketing_internal'::pg_catalog.regnamespace
    AND t.typtype = 'c'
    AND NOT a.attisdropped
ORDER BY t.oid, a.attnum
"""

TABLES: Final = """
SELECT
    c.oid,
    c.relname AS name,
    pg_catalog.obj_description(c.oid, 'pg_class') AS comment,
    pg_catalog.has_table_privilege('service_role', c.oid, 'INSERT') AS is_writable
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'ticketing'::pg_catalog.regnamespace AND c.relkind = 'r'
ORDER BY c.relname
"""

# A domain may be based on another, but no deeper.
COLUMNS: Final = """
SELECT
    a.attname AS name,
    pg_catalog.format_type(
        coalesce(nullif(element.typelem, 0), nullif(base.typbasetype, 0), base.oid, t.oid), NULL
    ) AS type,
    element.typelem IS NOT NULL AS is_array,
    NOT a.attnotnull AS is_nullable,
    a.atthasdef OR a.attidentity <> '' AS has_default,
    coalesce(pg_catalog.col_description(a.attrelid, a.attnum), '') AS comment
FROM pg_catalog.pg_attribute AS a
INNER JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type AS base ON base.oid = t.typbasetype
LEFT JOIN pg_catalog.pg_type AS element ON element.oid = t.oid AND element.typcategory = 'A'
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

REFERENCES: Final = """
SELECT
    k.conname AS name,
    parent.relname AS parent,
    ARRAY(
        SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS key (number, n)
        INNER JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = k.conrelid AND a.attnum = key.number
        ORDER BY key.n
    )::text [] AS columns,
    ARRAY(
        SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS key (number, n)
        INNER JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = k.confrelid AND a.attnum = key.number
        ORDER BY key.n
    )::text [] AS parent_columns,
    EXISTS (
        SELECT
        FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = k.conrelid AND i.indisunique AND i.indpred IS NULL
            AND i.indkey::smallint [] <@ k.conkey
    ) AS is_one_to_one
FROM pg_catalog.pg_constraint AS k
INNER JOIN pg_catalog.pg_class AS parent ON parent.oid = k.confrelid
WHERE k.conrelid = %s AND k.contype = 'f'
ORDER BY k.conname
"""


CATALOGUE_COLUMNS: Final = """
SELECT c.relname, a.attname, pg_catalog.col_description(c.oid, a.attnum)
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'ticketing'::pg_catalog.regnamespace AND NOT a.attisdropped
ORDER BY c.oid, a.attnum
"""

CATALOGUE_TABLES: Final = {
    "organisation": "organisations",
    "function": "functions",
    "pools": "capacity_pools",
    "items": "package_items",
}
"""The tables of objects of a catalogue that are not named like their key."""


@dataclass(frozen=True)
class Argument:
    """An argument of an RPC.

    Attributes:
        name: Its name, such as p_tickets.
        type: Its type in SQL.
        default: The expression of its default; None for a required argument.
        about: Its description in the comment of the RPC.
    """

    name: str
    type: str
    default: str | None
    about: str

    @property
    def parameter(self) -> str:
        """Its name in Python."""
        return self.name.removeprefix("p_")

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is None

    @property
    def default_value(self) -> int | str | None:
        """Its default, unless that means that there is none: null, an empty array or object."""
        literal = re.fullmatch(r"(\d+)|'([^'{}[\]]+)'::text", self.default or "")
        if literal is None:
            return None
        return int(literal[1]) if literal[1] else str(literal[2])

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """All values that it can have; empty without a vocabulary."""
        return vocabulary_of(self.about)


@dataclass(frozen=True)
class Outcome:
    """An SQLSTATE that RPCs raise."""

    sqlstate: str
    name: str
    message: str
    hint: str


@dataclass(frozen=True)
class Problem:
    """A kind of refusal, and what it is over HTTP.

    Attributes:
        sqlstate: Its SQLSTATE.
        name: Its name; of 42501 the code of its issue.
        http_status: Its HTTP status.
        http_headers: The headers of such a response.
        title: What all of its kind have in common, in words.
    """

    sqlstate: str
    name: str
    http_status: int
    http_headers: Mapping[str, str]
    title: str


@dataclass(frozen=True)
class IssueCode:
    """A code of an issue.

    Attributes:
        sqlstate: The SQLSTATE that it is raised with if it is the only issue.
        code: The code.
        meaning: Its meaning.
        keys: What such an issue can have beside code, path and message, in the order of the type.
    """

    sqlstate: str
    code: str
    meaning: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Rpc:
    """A function of schema ticketing.

    Attributes:
        name: Its name.
        arguments: Its arguments.
        answer: Name of the type of its answer, or of each row.
        returns_rows: Whether it returns a set of rows.
        is_read_only: Whether it is STABLE.
        result: Its result type in SQL.
        comment: The whole comment, Markdown.
        about: What it does: the comment up to its first heading.
        callers: The roles that may execute it, and on what: `### Callers`.
        returns: What follows the type under `### Returns`.
        refusals: The problems under `### Raises`, and when; empty when the name says it.
        retry: What a repeated call does.
    """

    name: str
    arguments: tuple[Argument, ...]
    answer: str
    returns_rows: bool
    is_read_only: bool
    result: str
    comment: str
    about: str
    callers: Mapping[str, str]
    returns: str
    refusals: tuple[tuple[Problem, str], ...]
    retry: str

    @property
    def summary(self) -> str:
        """The first sentence of what it does."""
        return re.split(r"(?<=[.:])\s", unwrap(self.about), maxsplit=1)[0].rstrip(":")


@dataclass(frozen=True)
class Attribute:
    """A key of an answer.

    Attributes:
        name: The key.
        type: Name of its type in SQL, without schema; the element type of an array. An object that
            is also sent has the name of its JSON Schema, such as Eligibility.
        is_array: Whether it is an array.
        about: Its comment.
    """

    name: str
    type: str
    is_array: bool
    about: str

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """All values that a text can have; empty without a vocabulary."""
        return vocabulary_of(self.about)

    @property
    def is_sent(self) -> bool:
        """Whether it is an object that is also sent."""
        return self.type[:1].isupper()

    @property
    def is_any(self) -> bool:
        """Whether it is JSON of any kind, not only an object."""
        return self.type == "jsonb" and bool(re.search(r"\bany JSON\b", self.about, re.IGNORECASE))

    @property
    def may_be_absent(self) -> bool:
        """Whether the key may be missing."""
        return bool(re.search(r"\babsent\b", self.about))

    @property
    def is_nullable(self) -> bool:
        """Whether the value may be null."""
        return bool(re.search(r"\bnull\b", self.about))


@dataclass(frozen=True)
class AnswerType:
    """A composite type: one JSON object of an answer.

    Attributes:
        name: Its name in ticketing_internal.
        about: Its comment.
        attributes: Its keys.
    """

    name: str
    about: str
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        attribute: Its name, type and meaning.
        is_nullable: Whether it may be null.
        has_default: Whether a row may be inserted without it.
    """

    attribute: Attribute
    is_nullable: bool
    has_default: bool


@dataclass(frozen=True)
class Reference:
    """A foreign key.

    Attributes:
        name: Its name.
        parent: The table that it refers to.
        columns: Its columns.
        parent_columns: The columns that they refer to.
        is_one_to_one: Whether at most one row refers to a row of the parent.
    """

    name: str
    parent: str
    columns: tuple[str, ...]
    parent_columns: tuple[str, ...]
    is_one_to_one: bool


@dataclass(frozen=True)
class Table:
    """A table of schema ticketing.

    Attributes:
        name: Its name.
        about: Its comment.
        columns: Its columns.
        references: Its foreign keys.
        is_writable: Whether the service writes it directly; all other tables change through RPCs.
    """

    name: str
    about: str
    columns: tuple[Column, ...]
    references: tuple[Reference, ...]
    is_writable: bool


@dataclass(frozen=True)
class Api:
    """Everything that callers see of the package.

    Attributes:
        rpcs: The RPCs, by name.
        tables: The tables, by name.
        types: The types of which answers consist, each after those that it uses.
        payloads: JSON Schema of every jsonb argument, whose objects are references.
        objects: JSON Schema of these objects by name, each after those that it refers to.
        outcomes: The SQLSTATEs, by precedence.
        problems: What the refusals are over HTTP.
        issue_codes: The codes of issues.
        catalogue: JSON Schema of p_catalogue without references, with the meaning of every key.
    """

    rpcs: tuple[Rpc, ...]
    tables: tuple[Table, ...]
    types: tuple[AnswerType, ...]
    payloads: Mapping[str, Schema]
    objects: Mapping[str, Schema]
    outcomes: tuple[Outcome, ...]
    problems: tuple[Problem, ...]
    issue_codes: tuple[IssueCode, ...]
    catalogue: Schema


def read_api(connection: psycopg.Connection[Any]) -> Api:
    """Read the API of the package.

    Args:
        connection: A superuser's connection to a database with the package installed.

    Returns:
        The API.

    Raises:
        ValueError: When a comment does not have the documented form.

    """
    with connection.cursor(row_factory=class_row(Outcome)) as cursor:
        cursor.execute(
            "SELECT sqlstate, name, message, hint FROM ticketing_internal.error_classes()"
            " ORDER BY precedence, sqlstate"
        )
        outcomes = tuple(cursor)
    with connection.cursor(row_factory=class_row(Problem)) as cursor:
        problems = tuple(cursor.execute("SELECT * FROM ticketing_internal.http_problems()"))
    with connection.cursor(row_factory=dict_row) as rows:
        rpcs = tuple(read_rpc(row, problems) for row in rows.execute(RPCS).fetchall())
        types = read_types(rows.execute(ATTRIBUTES).fetchall())
        codes = rows.execute(
            "SELECT sqlstate, code, meaning FROM ticketing_internal.issue_codes() ORDER BY code"
        ).fetchall()
    keys, all_keys = keys_of_codes(), [each.name for each in types["issue"].attributes]
    issue_codes = tuple(
        IssueCode(**row, keys=tuple(key for key in all_keys if key in keys[row["code"]]))
        for row in codes
    )
    payloads, objects = read_payloads(
        connection, {a.name for rpc in rpcs for a in rpc.arguments if a.type == "jsonb"}
    )
    tables = tuple(read_tables(connection))
    used = tuple(in_use(rpcs, types))
    return Api(
        rpcs,
        tables,
        used,
        payloads,
        objects,
        outcomes,
        problems,
        issue_codes,
        read_catalogue(connection),
    )


def read_tables(connection: psycopg.Connection[Any]) -> Iterator[Table]:
    """Yield the tables."""
    with connection.cursor(row_factory=dict_row) as rows:
        for row in rows.execute(TABLES).fetchall():
            yield Table(
                name=row["name"],
                about=unwrap(row["comment"]),
                columns=tuple(
                    Column(read_attribute(column), column["is_nullable"], column["has_default"])
                    for column in rows.execute(COLUMNS, [row["oid"]]).fetchall()
                ),
                references=tuple(
                    Reference(
                        key["name"],
                        key["parent"],
                        tuple(key["columns"]),
                        tuple(key["parent_columns"]),
                        key["is_one_to_one"],
                    )
                    for key in rows.execute(REFERENCES, [row["oid"]]).fetchall()
                ),
                is_writable=row["is_writable"],
            )


def read_catalogue(connection: psycopg.Connection[Any]) -> Schema:
    """Return the JSON Schema of p_catalogue, with the comments of the columns that keys become."""
    (schema,) = connection.execute(
        "SELECT ticketing_internal.payload_schema('p_catalogue')"
    ).fetchone() or ({},)
    comments: dict[str, dict[str, str]] = {}
    for table, column, about in connection.execute(CATALOGUE_COLUMNS):
        comments.setdefault(table, {})[column] = about

    def described(each: Schema, key: str) -> Schema:
        if each.get("type") == "array":
            return each | {"items": described(each["items"], key)}
        if "properties" not in each:
            return each
        columns = comments.get(CATALOGUE_TABLES.get(key, key), {})
        inner = each["properties"]
        required = each.get("required", [])
        keys = [*(column for column in columns if column in inner), *required, *inner]
        return each | {
            "properties": {
                name: {"description": columns[name]} | described(inner[name], name)
                if name in columns
                else described(inner[name], name)
                for name in dict.fromkeys(keys)
            }
        }

    whole: Schema = described(schema, "")
    return whole


def read_payloads(
    connection: psycopg.Connection[Any], names: set[str]
) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the JSON Schemas of arguments, and of the objects that they refer to."""
    definitions, schemas = connection.execute(
        "SELECT ticketing_internal.schema_definitions(),"
        " array(SELECT ticketing_internal.payload_schema(name) FROM unnest(%s::text[]) AS name)",
        [sorted(names)],
    ).fetchone() or ({}, [])
    naming = Naming(definitions)
    payloads: dict[str, Schema] = {}
    for name, schema in zip(sorted(names), schemas, strict=True):
        if schema is None:
            message = f"payload_schema does not know {name}"
            raise ValueError(message)
        payloads[name] = naming.named(schema, camel(name.removeprefix("p_")))
    return payloads, naming.objects


# -- comments --------------------------------------------------------------------------------------

HEADINGS: Final = ("Callers", "Parameters", "Returns", "Raises", "Retry")

ITEM: Final = re.compile(r"^- ((?:`\w+`(?:, | and )?)+):? ?(.*(?:\n(?!- ).*)*)", re.MULTILINE)

RAISED: Final = re.compile(r"^- `(\w+)` (\w+)(?:: )?(.*(?:\n(?!- ).*)*)", re.MULTILINE)


def read_rpc(row: Row, problems: tuple[Problem, ...]) -> Rpc:
    """Make an RPC of its row, with the parts of its comment."""

    def require(condition: object, fault: str) -> None:
        if not condition:
            message = f"the comment of {row['name']} {fault}"
            raise ValueError(message)

    about, *rest = re.split(r"^### (\w+)\n", row["comment"], flags=re.MULTILINE)
    sections = dict(zip(rest[::2], (text.strip() for text in rest[1::2]), strict=True))
    expected = [heading for heading in HEADINGS if heading != "Parameters" or row["arguments"]]
    require(rest[::2] == expected, f"needs the headings {', '.join(expected)}, in this order")
    callers = items(sections["Callers"])
    require(sorted(callers) == row["granted"], "does not list exactly the roles of its GRANT")
    parameters = items(sections.get("Parameters", ""))
    names = [name for name, _, _ in row["arguments"]]
    require(list(parameters) == names, "does not describe exactly its parameters, in their order")
    answer = re.match(r"`(\w+)`: (.*)", sections["Returns"], re.DOTALL)
    require(answer, "does not say `type`: under Returns")
    raised = RAISED.findall(sections["Raises"])
    by_name = {(problem.sqlstate, problem.name): problem for problem in problems}
    for state, name, _ in raised:
        require((state, name) in by_name, f"raises {state} {name}, not in http_problems")
    return Rpc(
        name=row["name"],
        arguments=tuple(
            Argument(name, type_, default, parameters[name])
            for name, type_, default in row["arguments"]
        ),
        answer=answer[1] if answer else "",
        returns_rows=row["returns_rows"],
        is_read_only=row["is_read_only"],
        result=row["result"],
        comment=row["comment"].strip(),
        about=about.strip(),
        callers=callers,
        returns=answer[2] if answer else "",
        refusals=tuple((by_name[state, name], unwrap(when)) for state, name, when in raised),
        retry=unwrap(sections["Retry"]),
    )


def items(section: str) -> dict[str, str]:
    """Return what a section says of each name at the beginning of an item."""
    return {
        name: unwrap(text)
        for names, text in ITEM.findall(section)
        for name in re.findall(r"`(\w+)`", names)
    }


def read_types(rows: list[Row]) -> dict[str, AnswerType]:
    """Return all composite types of ticketing_internal by name."""
    types: dict[str, AnswerType] = {}
    for row in rows:
        name, attribute = row["type_name"], read_attribute(row)
        before = types[name].attributes if name in types else ()
        types[name] = AnswerType(name, unwrap(row["type_comment"]), (*before, attribute))
    return types


def read_attribute(row: Row) -> Attribute:
    """Make an attribute of its row."""
    about, type_, is_array = unwrap(row["comment"]), row["type"], row["is_array"]
    # JSON names its type in the comment
    if type_ == "jsonb" and (named := re.match(r"`(\w+)`(\[\])?: (.*)", about)):
        type_, is_array, about = named[1], bool(named[2]), named[3]
    return Attribute(row["name"], type_, is_array, about)


def in_use(rpcs: tuple[Rpc, ...], types: Mapping[str, AnswerType]) -> Iterator[AnswerType]:
    """Yield the types of the answers, each once and after those that it uses."""
    seen: set[str] = set()

    def visit(name: str) -> Iterator[AnswerType]:
        if name in types and name not in seen:
            seen.add(name)
            for attribute in types[name].attributes:
                yield from visit(attribute.type)
            yield types[name]

    for rpc in rpcs:
        if rpc.answer not in types:
            message = f"{rpc.name} returns {rpc.answer}, which is no type of ticketing_internal"
            raise ValueError(message)
    for name in sorted({rpc.answer for rpc in rpcs}):
        yield from visit(name)


def vocabulary_of(about: str) -> tuple[str, ...]:
    """Return the values that a description lists as all there are."""
    listed = re.search(r"\b[Oo]ne of ((?:`\w+`(?:, )?)+)\.", about)
    return tuple(re.findall(r"`(\w+)`", listed[1])) if listed else ()
