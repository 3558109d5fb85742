"""Write JSON Schema of everything that is sent and answered, and OpenAPI of the calls."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Final, NamedTuple

from tools.generator.shapes import Schema, conditions, or_null, reference, without
from tools.generator.text import camel

if TYPE_CHECKING:
    from pathlib import Path

    from tools.generator.catalog import AnswerType, Api, Argument, Attribute, Rpc


class SqlType(NamedTuple):
    """A type of SQL elsewhere: in JSON Schema, as a word, and in Python."""

    schema: Schema
    word: str
    answered: str
    sent: str


TYPES: Final = {
    "bigint": SqlType({"type": "integer"}, "integer", "int", "int"),
    "boolean": SqlType({"type": "boolean"}, "boolean", "bool", "bool"),
    "integer": SqlType({"type": "integer"}, "integer", "int", "int"),
    "jsonb": SqlType({"type": "object"}, "object", "Json", "Json"),
    "numeric": SqlType({"type": "number"}, "number", "Decimal", "Decimal | int | str"),
    "text": SqlType({"type": "string"}, "string", "str", "str"),
    "timestamp with time zone": SqlType(
        {"type": "string", "format": "date-time"}, "time", "datetime", "datetime | str"
    ),
    "uuid": SqlType({"type": "string", "format": "uuid"}, "UUID", "Id", "UUID | str"),
}

ABOUT: Final = (
    "Ticket selection for event registrations. PostgREST serves every function of schema ticketing"
    " as POST /rpc/<name>. A refused call has written nothing; its code is an SQLSTATE of the"
    " package, and its details list every problem."
)

PROBLEM: Final[Schema] = {
    "title": "Problem",
    "type": "object",
    "description": "A refused call.",
    "required": ["code", "message", "details", "hint"],
    "properties": {
        "code": {"type": "string", "description": "The SQLSTATE; branch on it."},
        "message": {"type": "string", "description": "The problem in words."},
        "details": {
            "anyOf": [
                {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": {"$ref": "#/components/schemas/ProblemDetails"},
                },
                {"type": "null"},
            ],
            "description": "Every problem, as JSON in a string; null for errors of PostgreSQL.",
        },
        "hint": {"type": ["string", "null"], "description": "The remedy."},
    },
}

PROBLEM_DETAILS: Final[Schema] = {
    "title": "ProblemDetails",
    "type": "object",
    "description": "The details of a refusal, parsed.",
    "required": ["issues", "issues_total", "issues_truncated"],
    "properties": {
        "issues": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/Issue"},
            "maxItems": 100,
            "description": "The problems, at most 100.",
        },
        "issues_total": {"type": "integer", "description": "Number of problems."},
        "issues_truncated": {
            "type": "boolean",
            "description": "Whether the search for problems stopped early.",
        },
    },
}


def json_schema(api: Api) -> str:
    """Return docs/schemas/ticketing.schema.json.

    Args:
        api: The API.

    Returns:
        A JSON Schema document whose definitions are all arguments and answers.

    """
    return document(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "urn:ticketing-sql:ticketing",
            "title": "ticketing-sql",
            "description": "Every JSON argument and every answer of the RPCs, by name under $defs.",
            "$defs": definitions(api),
        }
    )


def catalogue_schema(api: Api) -> str:
    """Return catalogue.schema.json, by which editors complete and check a catalogue.

    Args:
        api: The API.

    Returns:
        A JSON Schema document without references, since editors show no text beside one.

    """
    return document(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "$id": "urn:ticketing-sql:catalogue",
            "title": "Catalogue of an event function",
            **nullable(api.catalogue),
        }
    )


def nullable(schema: Schema) -> Schema:
    """Allow null for every key that is not required, where null means absent."""
    if "items" in schema:
        return schema | {"items": nullable(schema["items"])}
    if "properties" not in schema:
        return schema
    found: Schema = {}
    for key, inner in schema["properties"].items():
        value = nullable(inner)
        if key not in schema.get("required", []):
            if "enum" in value:
                value = value | {"enum": [*value["enum"], None]}
            if "type" in value:
                value = value | {"type": [value["type"], "null"]}
            elif "anyOf" in value:
                value = value | {"anyOf": [*value["anyOf"], {"type": "null"}]}
        found[key] = value
    return schema | {"properties": found} | conditions(schema)


def openapi(api: Api, root: Path) -> str:
    """Return docs/schemas/openapi.json.

    Args:
        api: The API.
        root: The repository, of which the version is read.

    Returns:
        An OpenAPI document of the calls as PostgREST serves them.

    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    schemas = definitions(api) | {"Problem": PROBLEM, "ProblemDetails": PROBLEM_DETAILS}
    text = document(
        {
            "openapi": "3.1.0",
            "info": {
                "title": project["name"],
                "version": project["version"],
                "summary": project["description"],
                "description": ABOUT,
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "paths": {f"/rpc/{rpc.name}": {"post": operation(api, rpc)} for rpc in api.rpcs},
            "components": {
                "schemas": dict(sorted(schemas.items())),
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
                },
            },
        }
    )
    return text.replace("#/$defs/", "#/components/schemas/")


def definitions(api: Api) -> dict[str, Schema]:
    """Return every definition of arguments and answers, by name.

    Args:
        api: The API.

    Returns:
        JSON Schemas that refer to each other by `#/$defs/`.

    """
    found = dict(api.objects)
    arguments = {
        camel(name.removeprefix("p_")): schema
        for name, schema in api.payloads.items()
        if "$ref" not in schema
    }
    answers = {camel(type_.name): answer_schema(type_) for type_ in api.types}
    for name, schema in [*arguments.items(), *answers.items()]:
        if name in found:
            message = f"two objects are named {name}: name one of them in NAMES"
            raise ValueError(message)
        found[name] = {"title": name} | without(schema, "title")
    return dict(sorted(found.items()))


def answer_schema(type_: AnswerType) -> Schema:
    """Return the JSON Schema of an answer type."""
    return {
        "type": "object",
        "description": type_.about,
        "properties": {a.name: attribute_schema(a) for a in type_.attributes},
        "required": [a.name for a in type_.attributes if not a.may_be_absent],
    }


def attribute_schema(attribute: Attribute) -> Schema:
    """Return the JSON Schema of an attribute."""
    if attribute.is_any:
        return {"description": attribute.about}
    known = TYPES.get(attribute.type)
    schema = dict(known.schema) if known else reference(camel(attribute.type))
    if attribute.vocabulary:
        schema["enum"] = list(attribute.vocabulary)
    if attribute.is_array:
        schema = {"type": "array", "items": schema}
    if attribute.is_nullable:
        schema = or_null(schema)
    return schema | {"description": attribute.about}


def operation(api: Api, rpc: Rpc) -> Schema:
    """Return the operation of an RPC."""
    answer = reference(camel(rpc.answer))
    if rpc.returns_rows:
        answer = {"type": "array", "items": answer}
    refused = "\n".join(
        f"- `{problem.sqlstate}` {problem.name}" + (f": {when}" if when else "")
        for problem, when in rpc.refusals
        if problem.sqlstate != "42501"
    )
    needs_user = any(problem.name == "not_authenticated" for problem, _ in rpc.refusals)
    responses = {"200": {"description": rpc.returns, "content": content(answer)}}
    problem = content(reference("Problem"))
    if refused:
        responses["400"] = {"description": f"The call is refused.\n\n{refused}", "content": problem}
    responses["401"] = {"description": "`42501` without a token.", "content": problem}
    responses["403"] = {"description": "`42501` with a token.", "content": problem}
    responses["default"] = {"description": "An error of PostgreSQL.", "content": problem}
    return {
        "operationId": rpc.name,
        "summary": rpc.summary,
        "description": rpc.comment,
        "parameters": [
            {
                "name": "Content-Profile",
                "in": "header",
                "description": "The schema, unless it is the first one that PostgREST exposes.",
                "schema": {"type": "string", "const": "ticketing"},
            }
        ],
        "requestBody": {
            "required": any(argument.is_required for argument in rpc.arguments),
            "content": content(
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": [a.name for a in rpc.arguments if a.is_required],
                    "properties": {a.name: sent(api, a) for a in rpc.arguments},
                }
            ),
        },
        "responses": responses,
        "security": [*([] if needs_user or "anon" not in rpc.callers else [{}]), {"token": []}],
    }


def sent(api: Api, argument: Argument) -> Schema:
    """Return the schema of an argument in a request: a reference, when it is JSON."""
    schema = dict(TYPES[argument.type].schema)
    if argument.type == "jsonb":
        named = api.payloads[argument.name]
        schema = named if "$ref" in named else reference(camel(argument.parameter))
    elif argument.vocabulary:
        schema["enum"] = list(argument.vocabulary)
    if not argument.is_required:
        schema = or_null(schema)
    default = argument.default_value
    told = {} if default is None else {"default": default}
    return schema | {"description": argument.about} | told


def content(schema: Schema) -> Schema:
    """Return the content of a request or response in JSON."""
    return {"application/json": {"schema": schema}}


def document(value: Schema) -> str:
    """Return a JSON document as it is committed."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
