"""Name the objects inside the JSON Schemas of arguments, and describe answers as JSON Schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tools.generator.catalog import AnswerType, Api, Attribute, Schema

NAMES: Final = {
    "Attendee": "WizardAttendee",
    "AttendeeUpdateSelectedTickets": "Selection",
    "CataloguePackageEligibility": "Eligibility",
    "RegistrationDataBillingDetails": "BillingDetails",
    "SelectedPackageTicketTicketId": "EventTicketReference",
    "SelectionIndividualTicket": "SelectedTicket",
    "SelectionPackage": "SelectedPackage",
    "Ticket": "SubmittedTicket",
}
"""Objects whose own name says more than the argument and the keys that lead to them."""

SQL_TYPES: Final[Mapping[str, Schema]] = {
    "bigint": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "bool": {"type": "boolean"},
    "int4": {"type": "integer"},
    "int8": {"type": "integer"},
    "integer": {"type": "integer"},
    "jsonb": {"type": "object"},
    "numeric": {"type": "number"},
    "text": {"type": "string"},
    "timestamp with time zone": {"type": "string", "format": "date-time"},
    "timestamptz": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
}
"""JSON Schema of the types of SQL."""

PLAIN: Final = frozenset({"text", "flag"})
"""Definitions that say no more than their type."""


@dataclass(frozen=True)
class Shapes:
    """The JSON that callers send.

    Attributes:
        objects: JSON Schema of every definition by name, each after those that it refers to.
        arguments: JSON Schema of every argument.
    """

    objects: Mapping[str, Schema]
    arguments: Mapping[str, Schema]


class Naming:
    """Moves every object of a schema into a definition of its own."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        """Start with the values that several payloads have in common."""
        self.objects: dict[str, Schema] = {}
        self.seen: list[tuple[Schema, str]] = []
        for key, schema in sorted(definitions.items()):
            if key not in PLAIN:
                self.add(camel(key), schema, schema)

    def add(self, name: str, original: Schema, schema: Schema) -> Schema:
        """Define a schema and return a reference to it."""
        if name in self.objects:
            message = f"two objects are named {name}: name one of them in NAMES"
            raise ValueError(message)
        about = {"description": sentence(schema["title"])} if "title" in schema else {}
        self.objects[name] = {"title": name, **about, **without(schema, "title")}
        self.seen.append((original, name))
        return {"$ref": f"#/$defs/{name}"}

    def named(self, schema: Schema, name: str) -> Schema:
        """Return a schema whose objects are references; the same object has the same name."""
        for original, known in self.seen:
            if without(schema, "default") == original:
                default = {"default": schema["default"]} if "default" in schema else {}
                return {"$ref": f"#/$defs/{known}"} | default
        name = NAMES.get(name, name)
        if "anyOf" in schema:
            return schema | {"anyOf": [self.named(branch, name) for branch in schema["anyOf"]]}
        if schema.get("type") == "array" and "items" in schema:
            return schema | {"items": self.named(schema["items"], singular(name))}
        if "properties" in schema:
            required = schema.get("required", [])
            # jsonb keeps no order of keys
            keys = [*required, *sorted(schema["properties"].keys() - set(required))]
            inner = {key: self.named(schema["properties"][key], name + camel(key)) for key in keys}
            properties = {
                key: value if key in required or not value else or_null(value)
                for key, value in inner.items()
            }
            return self.add(name, without(schema, "default"), schema | {"properties": properties})
        if isinstance(schema.get("additionalProperties"), dict):
            value = self.named(schema["additionalProperties"], singular(name))
            return schema | {
                "propertyNames": self.named(schema["propertyNames"], ""),
                "additionalProperties": value,
            }
        return schema


def read_shapes(api: Api) -> Shapes:
    """Name everything in the payloads.

    Args:
        api: The API.

    Returns:
        The definitions, in which null is allowed for every key that is not required.

    """
    naming = Naming(api.definitions)
    arguments: dict[str, Schema] = {}
    for argument, schema in sorted(api.payloads.items()):
        if schema is None:
            message = f"payload_schema does not know {argument}"
            raise ValueError(message)
        arguments[argument] = naming.named(schema, camel(argument.removeprefix("p_")))
    return Shapes(naming.objects, arguments)


def definitions(api: Api, shapes: Shapes) -> dict[str, Schema]:
    """Return every definition of arguments and answers, by name.

    Args:
        api: The API.
        shapes: Its named payloads.

    Returns:
        JSON Schemas that refer to each other by `#/$defs/`.

    """
    found: dict[str, Schema] = dict(shapes.objects)
    arguments = {
        camel(argument.removeprefix("p_")): schema
        for argument, schema in shapes.arguments.items()
        if "$ref" not in schema
    }
    answers = {camel(type_.name): answer_schema(type_) for type_ in api.types}
    for name, schema in [*arguments.items(), *answers.items()]:
        if name in found:
            message = f"two objects are named {name}: name one of them in NAMES"
            raise ValueError(message)
        found[name] = {"title": name} | schema
    return dict(sorted(found.items()))


def answer_schema(type_: AnswerType) -> Schema:
    """Return the JSON Schema of an answer type."""
    return {
        "type": "object",
        "description": type_.about,
        "properties": {
            attribute.name: attribute_schema(attribute) for attribute in type_.attributes
        },
        "required": [a.name for a in type_.attributes if not a.may_be_absent],
    }


def attribute_schema(attribute: Attribute) -> Schema:
    """Return the JSON Schema of an attribute."""
    schema = dict(
        {}
        if attribute.is_any
        else SQL_TYPES.get(attribute.type, {"$ref": f"#/$defs/{camel(attribute.type)}"})
    )
    if attribute.vocabulary:
        schema["enum"] = list(attribute.vocabulary)
    if attribute.is_array:
        schema = {"type": "array", "items": schema}
    if attribute.is_nullable and schema:
        schema = or_null(schema)
    return schema | {"description": attribute.about}


def argument_schema(shapes: Shapes, name: str, type_: str, vocabulary: tuple[str, ...]) -> Schema:
    """Return the JSON Schema of an argument: a reference, when it is JSON."""
    if type_ != "jsonb":
        return SQL_TYPES[type_] | ({"enum": list(vocabulary)} if vocabulary else {})
    schema = shapes.arguments[name]
    return schema if "$ref" in schema else {"$ref": f"#/$defs/{camel(name.removeprefix('p_'))}"}


def or_null(schema: Schema) -> Schema:
    """Allow null as well."""
    default = {"default": schema["default"]} if "default" in schema else {}
    return {"anyOf": [without(schema, "default"), {"type": "null"}]} | default


def references(schema: Any) -> Iterator[str]:  # noqa: ANN401 - any part of a schema
    """Yield the names of the definitions that a schema refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def without(schema: Schema, key: str) -> Schema:
    """Return a copy of a schema without one keyword."""
    return {keyword: value for keyword, value in schema.items() if keyword != key}


def camel(name: str) -> str:
    """Return the name of a class: persist_answer and persistAnswer become PersistAnswer."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def snake(name: str) -> str:
    """Return the name of an attribute: confirmationNumber becomes confirmation_number."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def singular(name: str) -> str:
    """Return the name of one of several."""
    return name.removesuffix("s")


def sentence(text: str) -> str:
    """Return a text as a sentence."""
    return text[:1].upper() + text[1:].removesuffix(".") + "."
