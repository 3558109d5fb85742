"""What goes out: answers, problem documents, and the OpenAPI document."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ticketing_client import InvalidPayload, Issue, TicketingError, to_json

ROOT: Final = Path(__file__).parents[2]
RPCS: Final = json.loads((ROOT / "docs/schemas/openapi.json").read_text(encoding="utf-8"))
"""The RPCs and their schemas, which `make generate` writes from the database."""


def answer(value: object, status: int = 200) -> Response:
    """Answer with the JSON of the database."""
    return Response(to_json(value), status, media_type="application/json")


def problem(_: Request, error: Exception) -> Response:
    """Answer a refusal, of the database or of HTTP, with a problem document (RFC 9457)."""
    headers: Any = {}
    match error:
        case TicketingError():
            document, headers = error.to_problem(), error.http_headers
        case RequestValidationError():
            issues = tuple(
                Issue(
                    code="invalid_value",
                    path=".".join(map(str, fault["loc"][1:])),
                    message=fault["msg"],
                )
                for fault in error.errors()
            )
            message = "The request does not have the documented shape"
            document = InvalidPayload(message, "TK001", None, issues, len(issues)).to_problem()
        case psycopg.DataError():  # before the RPC begins: half a surrogate pair, the character NUL
            document = InvalidPayload(str(error), "TK001").to_problem()
        case psycopg.OperationalError():
            document, headers = (
                _document(503, "The database does not answer."),
                {"Retry-After": "5"},
            )
        case HTTPException():
            document, headers = _document(error.status_code, error.detail), error.headers
        case _:
            raise error
    return JSONResponse(
        document, document["status"], headers, media_type="application/problem+json"
    )


REFUSALS: Final = (
    TicketingError,
    RequestValidationError,
    psycopg.DataError,
    psycopg.OperationalError,
    HTTPException,
)


def _document(status: int, detail: str) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


def openapi(app: FastAPI) -> dict[str, Any]:
    """Describe the service: a route named after an RPC is described as the RPC is."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    document["components"]["schemas"] = RPCS["components"]["schemas"] | {"Problem": PROBLEM}
    refusal = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path in document["paths"].values():
        for operation in path.values():
            responses = operation["responses"]
            responses.pop("422", None)
            responses["default"] = {
                "description": "Refused.",
                "content": {"application/problem+json": refusal},
            }
            if rpc := RPCS["paths"].get(f"/rpc/{operation['operationId']}", {}).get("post"):
                operation |= {key: rpc[key] for key in ("summary", "description")}
                for status in responses.keys() - {"default"}:
                    responses[status] = rpc["responses"]["200"]
                if "requestBody" in operation:
                    operation["requestBody"]["content"] = _body(operation, rpc)
    return document


def _body(operation: dict[str, Any], rpc: dict[str, Any]) -> dict[str, Any]:
    """Return the body of an RPC, less the arguments that are in the path."""
    schema = rpc["requestBody"]["content"]["application/json"]["schema"]
    in_path = {f"p_{parameter['name']}" for parameter in operation.get("parameters", ())}
    properties = {name: s for name, s in schema["properties"].items() if name not in in_path}
    required = [name for name in schema["required"] if name not in in_path]
    return {
        "application/json": {"schema": schema | {"properties": properties, "required": required}}
    }


PROBLEM: Final = {
    "type": "object",
    "description": "A refusal (RFC 9457). Those of HTTP itself have the first four keys only.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "The problem in words."},
        "code": {"type": "string", "description": "The SQLSTATE."},
        "hint": {"type": ["string", "null"], "description": "The remedy."},
        "issues": {"type": "array", "items": {"$ref": "#/components/schemas/Issue"}},
        "issues_total": {"type": "integer"},
        "issues_truncated": {"type": "boolean"},
    },
}
