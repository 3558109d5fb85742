"""Real answers against their JSON Schema."""

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias

from jsonschema_rs import Draft202012Validator
from tests.support.pages import ROOT

from ticketing_client import models

Schema: TypeAlias = dict[str, Any]


@cache
def openapi() -> Schema:
    """Return docs/schemas/openapi.json, in which answers have no other keys."""
    text = (ROOT / "docs/schemas/openapi.json").read_text(encoding="utf-8")
    document: Schema = json.loads(text)
    for name in models.__all__:
        document["components"]["schemas"][name]["additionalProperties"] = False
    return document


@cache
def _validator(rpc: str) -> Draft202012Validator:
    document = openapi()
    if rpc == "issue":
        schema = {"$ref": "#/components/schemas/Issue"}
    else:
        operation = document["paths"][f"/rpc/{rpc}"]["post"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return Draft202012Validator(
        schema | {"components": document["components"]}, validate_formats=True
    )


def faults(rpc: str, answer: object) -> Iterator[str]:
    """Yield every fault of an answer of an RPC, or of an "issue": its path and what is wrong."""
    for error in _validator(rpc).iter_errors(answer):
        path = "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in error.instance_path)
        yield f"${path}: {error.message}"


def checked(rpc: str, text: str) -> Any:  # noqa: ANN401 - any JSON
    """Parse an answer, which must be as documented.

    Args:
        rpc: The RPC.
        text: Its answer.

    Returns:
        The answer, with its numbers as they were written.

    Raises:
        AssertionError: When it is not as documented.
    """
    answer = json.loads(text, parse_float=Decimal)
    assert list(faults(rpc, answer)) == []
    return answer
