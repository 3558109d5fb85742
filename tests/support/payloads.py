"""What JSON Schema says of the arguments of RPCs."""

import json
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias

from jsonschema_rs import Draft202012Validator
from tests.support.pages import ROOT
from tools.generator.text import camel

Schema: TypeAlias = dict[str, Any]


@cache
def definitions() -> Schema:
    """Return the definitions of docs/schemas/ticketing.schema.json."""
    text = (ROOT / "docs/schemas/ticketing.schema.json").read_text(encoding="utf-8")
    found: Schema = json.loads(text, parse_float=Decimal)["$defs"]
    return found


@cache
def validator(argument: str) -> Draft202012Validator:
    """Return the validator of an argument."""
    reference = {"$ref": f"#/$defs/{definition_of(argument)}", "$defs": definitions()}
    return Draft202012Validator(reference, validate_formats=True)


def definition_of(argument: str) -> str:
    return camel(argument.removeprefix("p_"))


def is_valid(argument: str, text: str) -> bool:
    """Ask JSON Schema."""
    return validator(argument).is_valid(json.loads(text, parse_float=Decimal))
