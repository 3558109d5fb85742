"""Write the generated parts of the pages of docs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.rows import dict_row
from tools.generator.schemas import TYPES
from tools.generator.text import code, fill, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tools.generator.catalog import Api, Attribute, Row
    from tools.generator.shapes import Schema

TABLES: Final = """
SELECT c.oid, c.relname AS name, pg_catalog.obj_description(c.oid, 'pg_class') AS comment
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'ticketing'::pg_catalog.regnamespace AND c.relkind = 'r'
ORDER BY c.oid -- the order of the migrations
"""

COLUMNS: Final = """
SELECT
    a.attname AS name,
    pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
    NOT a.attnotnull AS is_nullable,
    CASE
        WHEN a.attidentity <> '' THEN 'identity'
        ELSE pg_catalog.pg_get_expr(d.adbin, d.adrelid)
    END AS default,
    pg_catalog.col_description(a.attrelid, a.attnum) AS comment
FROM pg_catalog.pg_attribute AS a
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

KEYS: Final = """
SELECT kind, name, about, definition
FROM (
    SELECT
        pg_catalog.strpos('puxfc', k.contype::text) AS place,
        k.conname::text AS name,
        pg_catalog.initcap(pg_catalog.split_part(d.definition, ' ', 1))
        || CASE WHEN k.contype IN ('p', 'f') THEN ' key' ELSE '' END AS kind,
        '' AS about,
        CASE
            WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid, TRUE)
            ELSE pg_catalog.substr(d.definition, pg_catalog.strpos(d.definition, '('))
        END AS definition
    FROM pg_catalog.pg_constraint AS k
    CROSS JOIN pg_catalog.pg_get_constraintdef(k.oid, TRUE) AS d (definition)
    WHERE k.conrelid = %(oid)s AND k.contype IN ('p', 'u', 'x', 'f', 'c')
    UNION ALL
    SELECT
        6,
        c.relname,
        CASE WHEN i.indisunique THEN 'Unique index' ELSE 'Index' END,
        '',
        pg_catalog.split_part(pg_catalog.pg_get_indexdef(c.oid), ' USING btree ', 2)
    FROM pg_catalog.pg_index AS i
    INNER JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = %(oid)s
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid
            AND k.contype IN ('p', 'u', 'x'))
    UNION ALL
    SELECT
        7,
        policyname,
        'Policy',
        pg_catalog.format(
            '%%s for `%%s` where ',
            pg_catalog.replace(cmd, 'ALL', 'Everything'),
            pg_catalog.array_to_string(roles, '`, `')
        ),
        coalesce(qual, with_check, 'true')
    FROM pg_catalog.pg_policies
    WHERE schemaname = 'ticketing' AND tablename = %(name)s
) AS key
ORDER BY place, name
"""

REFERENCES: Final = """
SELECT
    parent.relname AS parent,
    CASE WHEN bool_and(a.attnotnull) THEN '||' ELSE '|o' END AS many,
    child.relname AS child,
    k.conname AS name
FROM pg_catalog.pg_constraint AS k
INNER JOIN pg_catalog.pg_class AS child ON child.oid = k.conrelid
INNER JOIN pg_catalog.pg_class AS parent ON parent.oid = k.confrelid
INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY(k.conkey)
WHERE k.contype = 'f' AND child.relnamespace = 'ticketing'::pg_catalog.regnamespace
GROUP BY child.oid, child.relname, parent.relname, k.conname
ORDER BY child.oid, k.conname
"""

DOMAINS: Final = """
SELECT
    t.typname AS name,
    pg_catalog.format_type(t.typbasetype, t.typtypmod) AS base,
    pg_catalog.obj_description(t.oid, 'pg_type') AS comment
FROM pg_catalog.pg_type AS t
WHERE t.typnamespace = 'ticketing'::pg_catalog.regnamespace AND t.typtype = 'd'
ORDER BY t.typname
"""

REFUSED: Final = 'SELECT ticketing.import_catalogue(p_catalogue => \'{"events": "all"}\');'

SLUG: Final = "(-[a-z0-9]+)"
"""Part of the form of slugs, and of nothing else."""

LIMITS: Final = {
    "minimum": "at least",
    "maximum": "at most",
    "multipleOf": "a multiple of",
    "minLength": "length at least",
    "maxLength": "length at most",
}


def parts(connection: psycopg.Connection[Any], api: Api) -> dict[str, dict[str, Iterator[str]]]:
    """Return the lines of every generated part, by page and name.

    Args:
        connection: A connection to the database, with an empty search path.
        api: The API.

    Returns:
        The lines between `<!-- begin name -->` and `<!-- end -->` of each page.

    """
    cursor = connection.cursor(row_factory=dict_row)
    return {
        "rpc.md": {
            "rpcs": rpcs(api),
            "calls": calls(api),
            "answers": answers(api),
            "arguments": arguments(api),
        },
        "errors.md": {
            "refusal": refusal(connection),
            "sqlstates": sqlstates(api),
            "problems": problems(api),
            "issue_codes": issue_codes(api),
        },
        "schema.md": {
            "diagram": diagram(cursor),
            "tables": tables(cursor),
            "types": types(cursor),
        },
        "security.md": {"callers": callers(api)},
        "catalogue.md": {"keys": catalogue_keys(api)},
    }


# -- docs/rpc.md and docs/security.md --------------------------------------------------------------


def rpcs(api: Api) -> Iterator[str]:
    """Yield the table of all RPCs."""
    yield from table(
        ["RPC", "what it does"],
        ([link(rpc.name), linked(rpc.summary.rstrip("."), api)] for rpc in api.rpcs),
    )


def callers(api: Api) -> Iterator[str]:
    """Yield the table of who may do what."""
    roles = sorted({role for rpc in api.rpcs for role in rpc.callers})
    yield from table(
        ["RPC", *(f"`{role}`" for role in roles)],
        (
            [link(rpc.name, "rpc.md"), *(rpc.callers.get(role, "–") for role in roles)]  # noqa: RUF001
            for rpc in api.rpcs
        ),
    )


def calls(api: Api) -> Iterator[str]:
    """Yield the section of each RPC."""
    for rpc in api.rpcs:
        parameters = ",".join(
            f"\n    {a.name} {plain(a.type)}{f' DEFAULT {plain(a.default)}' if a.default else ''}"
            for a in rpc.arguments
        )
        closing = "\n)" if parameters else ")"
        yield from section(
            f"## {rpc.name}",
            f"```sql\nticketing.{rpc.name}({parameters}{closing} RETURNS {plain(rpc.result)}\n```",
            "Read only, takes no locks." if rpc.is_read_only else "Writes.",
            linked(markdown(rpc.comment), api, rpc.name).replace(
                f"### Returns\n\n`{rpc.answer}`", f"### Returns\n\n[`{rpc.answer}`](#{rpc.answer})"
            ),
        )


def answers(api: Api) -> Iterator[str]:
    """Yield the section of each answer type."""
    for type_ in api.types:
        yield from section(f"### {type_.name}", fill(linked(type_.about, api)), "")
        yield from table(
            ["key", "type", "meaning"],
            (
                [f"`{a.name}`", attribute_type(a, api), linked(a.about, api)]
                for a in type_.attributes
            ),
        )


def attribute_type(attribute: Attribute, api: Api) -> str:
    """Return the type of a key of an answer, in words."""
    if attribute.is_any:
        text = "any JSON"
    elif attribute.type in TYPES:
        text = TYPES[attribute.type].word
    elif attribute.is_sent and attribute.type not in api.objects:
        text = f"[{attribute.type}](#json-arguments)"  # a whole argument, without a section
    else:
        text = f"[{attribute.type}](#{attribute.type.lower()})"
    if attribute.is_array:
        text = f"array of {text}"
    missing = ["null"] * attribute.is_nullable + ["absent"] * attribute.may_be_absent
    return " or ".join([text, *missing])


def arguments(api: Api) -> Iterator[str]:
    """Yield the table of the JSON arguments, and the section of each object in them."""
    yield from table(
        ["argument", "JSON"],
        ([f"`{name}`", describe(schema)] for name, schema in api.payloads.items()),
    )
    for name, schema in api.objects.items():
        if "properties" not in schema:
            about = schema.get("description") or f"{described_one(schema)}."
            yield from section(f"### {name}", fill(about))
            continue
        is_closed = schema.get("additionalProperties") is False
        others = "Other keys are refused." if is_closed else "Other keys are stored unchanged."
        yield from section(f"### {name}", others, "")
        yield from table(
            ["key", "JSON", "required", "default"],
            (
                [
                    f"`{key}`",
                    describe(value),
                    "yes" if key in schema.get("required", []) else "",
                    code(json.dumps(value["default"])) if "default" in value else "",
                ]
                for key, value in schema["properties"].items()
            ),
        )


CATALOGUE_OBJECTS: Final = {
    "the document": (),
    "organisation": ("organisation",),
    "function": ("function",),
    "events": ("events", "items"),
    "ticket_types": ("ticket_types", "items"),
    "packages": ("packages", "items"),
    "items of a package": ("packages", "items", "items", "items"),
    "eligibility": ("packages", "items", "eligibility"),
    "rules of an eligibility": ("packages", "items", "eligibility", "rules", "items"),
    "pools": ("pools", "items"),
}
"""The objects of a catalogue, and where they stand in its schema."""


def catalogue_keys(api: Api) -> Iterator[str]:
    """Yield a table of the keys of each object of a catalogue."""
    for name, steps in CATALOGUE_OBJECTS.items():
        schema = api.catalogue
        for step in steps:
            schema = schema["items"] if "items" in schema else schema["properties"][step]
        yield from section(f"### {name}", "")
        required = schema.get("required", [])
        yield from table(
            ["key", "value", "default", "meaning"],
            (
                [
                    f"`{key}`{' (required)' if key in required else ''}",
                    in_words(value),
                    code(json.dumps(value["default"])) if "default" in value else "",
                    linked(unwrap(value.get("description", "")), api),
                ]
                for key, value in schema["properties"].items()
            ),
        )


def in_words(schema: Schema) -> str:
    """Return a JSON Schema in one word, if it is well known, or else those of its title."""
    if SLUG in schema.get("pattern", ""):
        return "slug"
    if schema.get("type") == "array":
        most = f"at most {schema['maxItems']:,}: " if "maxItems" in schema else ""
        return f"list of {most}{in_words(schema['items'])}"
    known = {"uuid": "UUID", "date-time": "time with its offset from UTC"}
    return schema.get("title") or known.get(schema.get("format", "")) or describe(schema)


def described_one(schema: Schema) -> str:
    """Return a JSON Schema as the beginning of a sentence."""
    words = describe(schema)
    known = {"uuid": "A UUID", "date-time": "A date and time with its offset from UTC"}
    return known.get(words) or f"{'An' if words[0] in 'aeio' else 'A'} {words}"


def describe(schema: Schema) -> str:
    """Return a JSON Schema in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        branches = [describe(branch) for branch in schema["anyOf"] if branch != {"type": "null"}]
        return " or ".join(branches)
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        most = f"at most {schema['maxItems']:,} of " if "maxItems" in schema else ""
        return f"array: {most}{describe(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        key, value = schema["propertyNames"], schema["additionalProperties"]
        return f"object: {describe(value)} by {describe(key)}"
    limits = [f"{words} {schema[key]:,}" for key, words in LIMITS.items() if key in schema]
    limits += [f"form {code(schema['pattern'])}"] if "pattern" in schema else []
    return ", ".join([schema.get("format") or schema.get("type", "any JSON"), *limits])


# -- docs/errors.md --------------------------------------------------------------------------------


def refusal(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """Yield an example of a refusal, from a real call."""
    try:
        with connection.transaction():
            connection.execute(REFUSED)
    except psycopg.Error as error:
        detail = json.loads(error.diag.message_detail or "{}")
        issues = ",\n".join(f"    {json.dumps(issue)}" for issue in detail["issues"])
        yield f"```text\n{REFUSED}\n"
        yield f"SQLSTATE  {error.sqlstate}"
        yield f"MESSAGE   {error.diag.message_primary}"
        yield f"HINT      {error.diag.message_hint}"
        yield f'DETAIL    {{\n  "issues": [\n{issues}\n  ],'
        yield f'  "issues_total": {detail["issues_total"]},'
        yield f'  "issues_truncated": {json.dumps(detail["issues_truncated"])}\n}}\n```'
    else:
        message = "the example call was not refused"
        raise AssertionError(message)


def sqlstates(api: Api) -> Iterator[str]:
    """Yield the table of SQLSTATEs."""
    yield from table(
        ["SQLSTATE", "name", "message", "hint"],
        (
            [f"[{o.sqlstate}](#{o.sqlstate.lower()})", f"`{o.name}`", o.message, o.hint]
            for o in api.outcomes
        ),
    )


def problems(api: Api) -> Iterator[str]:
    """Yield the table of what refusals are over HTTP."""
    yield from table(
        ["HTTP", "SQLSTATE", "name", "title", "headers"],
        (
            [
                str(each.http_status),
                linked(f"`{each.sqlstate}`", api).strip("`"),
                f"`{each.name}`",
                each.title,
                ", ".join(f"`{name}: {value}`" for name, value in each.http_headers.items()),
            ]
            for each in api.problems
        ),
    )


def issue_codes(api: Api) -> Iterator[str]:
    """Yield the section of each SQLSTATE, with its issue codes."""
    for outcome in api.outcomes:
        raisers = [
            link(rpc.name, "rpc.md")
            for rpc in api.rpcs
            if any(problem.sqlstate == outcome.sqlstate for problem, _ in rpc.refusals)
        ]
        raised_by = ", ".join(raisers) or "no RPC of this version"
        yield from section(
            f"### {outcome.sqlstate}", fill(f"`{outcome.name}`, raised by {raised_by}.")
        )
        rows = [
            [
                f"`{issue.code}`",
                linked(issue.meaning, api, page="rpc.md"),
                ", ".join(f"`{key}`" for key in issue.keys),
            ]
            for issue in api.issue_codes
            if issue.sqlstate == outcome.sqlstate
        ]
        if rows:
            yield ""
            yield from table(["code", "meaning", "keys"], rows)


# -- docs/schema.md --------------------------------------------------------------------------------


def diagram(cursor: psycopg.Cursor[Row]) -> Iterator[str]:
    """Yield the tables and foreign keys as a diagram."""
    yield "```mermaid\nerDiagram"
    for row in cursor.execute(TABLES).fetchall():
        yield f"    {row['name']}"
    for row in cursor.execute(REFERENCES).fetchall():
        label = row["name"].removeprefix(f"{row['child']}_").removesuffix("_fkey")
        yield f"    {row['parent']} {row['many']}--o{{ {row['child']} : {label}"
    yield "```"


def tables(cursor: psycopg.Cursor[Row]) -> Iterator[str]:
    """Yield the section of each table."""
    for row in cursor.execute(TABLES).fetchall():
        yield from section(f"## {row['name']}", markdown(row["comment"]), "")
        yield from table(
            ["column", "type", "null", "default", "meaning"],
            (
                [
                    f"`{column['name']}`",
                    plain(column["type"]).removeprefix("ticketing."),
                    "yes" if column["is_nullable"] else "",
                    code(plain(column["default"])) if column["default"] else "",
                    unwrap(column["comment"]),
                ]
                for column in cursor.execute(COLUMNS, [row["oid"]]).fetchall()
            ),
        )
        yield ""
        for key in cursor.execute(KEYS, row).fetchall():
            definition = plain(key["definition"]).replace("REFERENCES ticketing.", "REFERENCES ")
            yield f"- {key['kind']} `{key['name']}`: {key['about']}{code(definition)}"


def types(cursor: psycopg.Cursor[Row]) -> Iterator[str]:
    """Yield the section of each domain."""
    for row in cursor.execute(DOMAINS).fetchall():
        yield from section(
            f"### {row['name']}", fill(f"A checked `{row['base']}`. {row['comment']}")
        )


# -- Markdown --------------------------------------------------------------------------------------


def section(*blocks: str) -> Iterator[str]:
    """Yield blocks, such as a heading and paragraphs, each after an empty line."""
    for block in blocks:
        yield f"\n{block}" if block else ""


def table(headers: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    for cells in [headers, ["---"] * len(headers), *rows]:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def plain(sql: str) -> str:
    """Make deparsed SQL readable: no needless casts, IN and BETWEEN instead of arrays and ANDs."""
    sql = re.sub(r"('(?:[^']|'')*'|\bNULL|\b[0-9]+)::[a-z]+(\[\])?", r"\1", unwrap(sql))
    sql = re.sub(r"= ANY \(ARRAY\[(.*?)\]\)", r"IN (\1)", sql)
    sql = re.sub(r"(\S+) >= (\S+) AND \1 <= (\S+)", r"\1 BETWEEN \2 AND \3", sql)
    return sql.replace("timestamp with time zone", "timestamptz")


def link(name: str, page: str = "") -> str:
    """Return a link to an RPC."""
    return f"[`{name}`]({page}#{name})"


def markdown(comment: str) -> str:
    """Wrap the paragraphs and list items of a comment that is Markdown."""
    blocks = re.split(r"\n\n+|(?<=\n)(?=#)|^(#.*)\n", comment, flags=re.MULTILINE)
    return "\n\n".join(fill(block) for block in blocks if block and block.strip())


def linked(text: str, api: Api, section: str = "", page: str = "") -> str:
    """Link the names in backticks of RPCs, on that page, and SQLSTATEs to their sections."""

    def target(match: re.Match[str]) -> str:
        name = match[1]
        if name != section and any(rpc.name == name for rpc in api.rpcs):
            return link(name, page)
        if re.fullmatch("TK[0-9]{3}|42501", name):
            return f"[{name}](errors.md#{name.lower()})"
        return match[0]

    return re.sub(r"(?<!\[)`(\w+)`", target, text)
