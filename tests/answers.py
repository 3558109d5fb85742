"""Real answers against their JSON Schema."""

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator, FormatChecker
from tests.pages import ROOT

from ticketing_client import models

Schema: TypeAlias = dict[str, Any]

FORMATS = FormatChecker(["uuid", "date-time"])


@cache
def openapi() -> Schema:
    """Return docs/schemas/openapi.json, in which answers have no other keys."""
    text = (ROOT / "docs/schemas/openapi.json").read_text(encoding="utf-8")
    document: Schema = json.loads(text, parse_float=Decimal)
    for name in models.__all__:
        document["components"]["schemas"][name]["additionalProperties"] = False
    return document


@cache
def validator(rpc: str) -> Draft202012Validator:
    """Return the validator of the answers of an RPC, or of an issue."""
    document = openapi()
    if rpc == "issue":
        schema = {"$ref": "#/components/schemas/Issue"}
    else:
        operation = document["paths"][f"/rpc/{rpc}"]["post"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return Draft202012Validator(
        schema | {"components": document["components"]}, format_checker=FORMATS
    )


def faults(rpc: str, answer: object) -> Iterator[str]:
    """Yield every fault of an answer: its path and what is wrong."""
    for error in validator(rpc).iter_errors(answer):
        yield f"{error.json_path}: {error.message}"


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
