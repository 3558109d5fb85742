"""Write JSON Schema of everything that is sent and answered, and OpenAPI of the calls."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any, Final

from tools.generator.shapes import argument_schema, camel, definitions, or_null

if TYPE_CHECKING:
    from pathlib import Path

    from tools.generator.catalog import Api, Argument, Rpc, Schema
    from tools.generator.shapes import Shapes

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
    "required": ["issues", "issues_total"],
    "properties": {
        "issues": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/Issue"},
            "maxItems": 100,
            "description": "The problems, at most 100.",
        },
        "issues_total": {"type": "integer", "description": "Number of problems."},
    },
}


def json_schema(api: Api, shapes: Shapes) -> str:
    """Return docs/schemas/ticketing.schema.json.

    Args:
        api: The API.
        shapes: Its named payloads.

    Returns:
        A JSON Schema document whose definitions are all arguments and answers.

    """
    return document(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "urn:ticketing-sql:ticketing",
            "title": "ticketing-sql",
            "description": "Every JSON argument and every answer of the RPCs, by name under $defs.",
            "$defs": definitions(api, shapes),
        }
    )


def openapi(api: Api, shapes: Shapes, root: Path) -> str:
    """Return docs/schemas/openapi.json.

    Args:
        api: The API.
        shapes: Its named payloads.
        root: The repository, of which the version is read.

    Returns:
        An OpenAPI document of the calls as PostgREST serves them.

    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    schemas = definitions(api, shapes) | {"Problem": PROBLEM, "ProblemDetails": PROBLEM_DETAILS}
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
            "paths": {
                f"/rpc/{rpc.name}": {"post": operation(api, shapes, rpc)} for rpc in api.rpcs
            },
            "components": {
                "schemas": dict(sorted(schemas.items())),
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
                },
            },
        }
    )
    return text.replace("#/$defs/", "#/components/schemas/")


def operation(api: Api, shapes: Shapes, rpc: Rpc) -> Schema:
    """Return the operation of an RPC."""
    answer: Schema = {"$ref": f"#/$defs/{camel(rpc.answer)}"}
    if rpc.returns_rows:
        answer = {"type": "array", "items": answer}
    refused = "\n".join(
        f"- `{outcome.sqlstate}` {outcome.name}" + (f": {when}" if when else "")
        for outcome, when in api.raised_by(rpc)
        if outcome.sqlstate != "42501"
    )
    responses = {"200": {"description": rpc.returns, "content": content(answer)}}
    problem = content({"$ref": "#/$defs/Problem"})
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
                    "properties": {a.name: sent(shapes, a) for a in rpc.arguments},
                }
            ),
        },
        "responses": responses,
        "security": [*([{}] if "anon" in rpc.callers else []), {"token": []}],
    }


def sent(shapes: Shapes, argument: Argument) -> Schema:
    """Return the schema of an argument in a request."""
    schema = argument_schema(shapes, argument.name, argument.type, argument.vocabulary)
    if not argument.is_required:
        schema = or_null(schema)
    return schema | {"description": argument.about}


def content(schema: Schema) -> dict[str, Any]:
    """Return the content of a request or response in JSON."""
    return {"application/json": {"schema": schema}}


def document(value: object) -> str:
    """Return a JSON document as it is committed."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
