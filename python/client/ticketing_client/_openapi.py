"""The OpenAPI document of a web service that serves RPCs."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ticketing_client._call import Call


def openapi(title: str, routes: Mapping[str, Callable[..., Call[Any]]]) -> dict[str, Any]:
    """Describe a service whose routes are calls, as the database describes them.

    Args:
        title: The name of the service.
        routes: By method and path, such as `POST /registrations/{p_registration_id}/tickets`, a
            function of ticketing_client.calls. Arguments are in the path, the others of a GET in
            the query, and those of other methods in the body, as from_json takes it.

    Returns:
        The OpenAPI document. Every answer is the RPC's, as to_json encodes it, and every refusal is
        a problem document (RFC 9457), as to_problem returns it.
    """
    document = _of_postgrest()
    rpcs, schemas = document["paths"], document["components"]["schemas"]
    schemas["Problem"] = _PROBLEM | {
        "properties": _PROBLEM["properties"] | schemas["ProblemDetails"]["properties"]
    }
    paths: dict[str, dict[str, Any]] = {}
    for route, rpc in routes.items():
        method, path = route.split()
        operation = rpcs[f"/rpc/{rpc.__name__}"]["post"]
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        in_path = re.findall(r"{(\w+)}", path)
        outside = list(body["properties"]) if method == "GET" else in_path
        operation["parameters"] = [
            {
                "name": name,
                "in": "path" if name in in_path else "query",
                "required": name in body["required"],
                "schema": body["properties"].pop(name),
            }
            for name in outside
        ]
        body["required"] = [name for name in body["required"] if name in body["properties"]]
        if method == "GET":
            del operation["requestBody"]
        operation["responses"] = {"2XX": operation["responses"]["200"], "default": _REFUSED}
        paths.setdefault(path, {})[method.lower()] = operation
    info = {"title": title, "version": document["info"]["version"]}
    return document | {"info": info, "paths": paths}


def _of_postgrest() -> dict[str, Any]:
    """Read the document that is generated from the database: in the wheel, or in the repository."""
    package = Path(__file__).resolve().parent
    packed = package / "openapi.json"
    path = packed if packed.exists() else package.parents[2] / "docs/schemas/openapi.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


_TEXT = {"type": "string"}

_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "description": "A refusal (RFC 9457).",
    "required": ["title", "status", "detail"],
    "properties": {
        "type": _TEXT | {"format": "uri-reference", "description": "The kind of refusal."},
        "title": _TEXT | {"description": "The kind in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": _TEXT | {"description": "The problem in words."},
        "code": _TEXT | {"description": "The SQLSTATE; branch on it."},
        "hint": {"type": ["string", "null"], "description": "The remedy."},
    },
}

_REFUSED = {
    "description": "Refused.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
