"""Name the objects inside the JSON Schemas of arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tools.generator.text import camel, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, Any]

NAMES: Final = {
    "Attendee": "WizardAttendee",
    "AttendeeUpdateSelectedTickets": "Selection",
    "CatalogueTicketTypeEligibility": "Eligibility",
    "Holder": "TicketAssignment",
    "RegistrationDataBillingDetails": "BillingDetails",
    "SelectedPackageTicketTicketId": "EventTicketReference",
    "SelectionIndividualTicket": "SelectedTicket",
    "SelectionPackage": "SelectedPackage",
    "Ticket": "SubmittedTicket",
    "TicketAssignmentHolder": "TicketHolder",
}
"""Objects whose own name says more than the argument and the keys that lead to them."""

PLAIN: Final = frozenset({"text", "flag"})
"""Definitions that say no more than their type."""


class Naming:
    """Moves every object of a schema into a definition of its own.

    Attributes:
        objects: The definitions by name, each after those that it refers to. Null is allowed for
            every key that is not required.
    """

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        """Start with the values that several payloads have in common."""
        self.objects: dict[str, Schema] = {}
        self._seen: list[tuple[Schema, str]] = []
        for key, schema in sorted(definitions.items()):
            if key not in PLAIN:
                self._add(camel(key), schema, schema)

    def named(self, schema: Schema, name: str) -> Schema:
        """Return a schema whose objects are references; the same object has the same name."""
        for original, known in self._seen:
            if without(schema, "default") == original:
                return reference(known) | default_of(schema)
        name = NAMES.get(name, name)
        if "anyOf" in schema:
            return schema | {"anyOf": [self.named(branch, name) for branch in schema["anyOf"]]}
        if schema.get("type") == "array" and "items" in schema:
            return schema | {"items": self.named(schema["items"], name.removesuffix("s"))}
        if "properties" in schema:
            required = schema.get("required", [])
            # jsonb keeps no order of keys
            keys = [*required, *sorted(schema["properties"].keys() - set(required))]
            inner = {key: self.named(schema["properties"][key], name + camel(key)) for key in keys}
            properties = {
                key: value if key in required or not value else or_null(value)
                for key, value in inner.items()
            }
            plain = without(schema, "default")
            nullable = plain | {"properties": properties} | conditions(plain)
            return self._add(name, plain, nullable) | default_of(schema)
        if isinstance(schema.get("additionalProperties"), dict):
            return schema | {
                "propertyNames": self.named(schema["propertyNames"], ""),
                "additionalProperties": self.named(
                    schema["additionalProperties"], name.removesuffix("s")
                ),
            }
        return schema

    def _add(self, name: str, original: Schema, schema: Schema) -> Schema:
        """Define a schema and return a reference to it."""
        if name in self.objects:
            message = f"two objects are named {name}: name one of them in NAMES"
            raise ValueError(message)
        about = {"description": sentence(schema["title"])} if "title" in schema else {}
        self.objects[name] = {"title": name, **about, **without(schema, "title")}
        self._seen.append((original, name))
        return reference(name)


def reference(name: str) -> Schema:
    """Return a reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def or_null(schema: Schema) -> Schema:
    """Allow null as well."""
    return {"anyOf": [without(schema, "default"), {"type": "null"}]} | default_of(schema)


def conditions(schema: Schema) -> Schema:
    """Return the conditions of a schema, for which null is as good as absent."""
    found: Schema = {}
    for keyword in ("if", "then", "else"):
        if keyword in schema:
            condition = schema[keyword]
            needed = {key: {"not": {"type": "null"}} for key in condition.get("required", [])}
            properties = needed | condition.get("properties", {})
            found[keyword] = condition | ({"properties": properties} if properties else {})
    return found


def default_of(schema: Schema) -> Schema:
    """Return only the default of a schema, if it has one."""
    return {"default": schema["default"]} if "default" in schema else {}


def without(schema: Schema, key: str) -> Schema:
    """Return a copy of a schema without one keyword."""
    return {keyword: value for keyword, value in schema.items() if keyword != key}
