"""JSON Schema and the database judge every document alike, with the differences listed here.

`SEARCH=30` tries 9,000 documents.
"""

import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import psycopg
import pytest
from tests.support.payloads import definition_of, definitions, is_valid, validator
from tests.support.search import SEARCH
from tools.generator.catalog import read_api

Connection: TypeAlias = psycopg.Connection[Any]
Schema: TypeAlias = dict[str, Any]

MUTATIONS = 300 * SEARCH

UUIDS = [f"01974a10-0000-7000-8000-00000000000{n}" for n in range(4)]
TIMES = ["2025-09-19T19:00:00+10:00", "2025-09-19T09:00:00Z", "2024-02-29T23:59:59.5-03:30"]
TEXTS = ["AUD", "grand-lodge", "mason", "115.10"]

# Values put anywhere: of every type, and on both sides of every limit.
VALUES: list[Any] = [
    *(None, True, {}, [], [None], {"colour": "red"}, {"event_ticket_id": UUIDS[0]}),
    *(0, 1, -1, 2, 499, 1000, 1001, 2001, 10_080, 10_081, 525_601, 10_000_000, 10_000_001),
    *(0.5, 115.1, 0.001, -0.01, 9_999_999_999.99, 10_000_000_000),
    *("", "x", "aud", "A-B", "a--b", "Active", "Paid", "draft", "OR", "in", "0.123", "1.100", "-1"),
    *("é" * 50, "é" * 51, "x" * 100, "x" * 101, "x" * 200, "x" * 201, "lodges", "lodge", "none"),
    *("2025-02-30T00:00:00Z", "2025-09-19", "2025-09-19T19:00:00", "not-a-uuid", UUIDS[0].upper()),
    *(*UUIDS, *TIMES, *TEXTS),
]


def is_accepted(db: Connection, argument: str, text: str) -> bool:
    """Ask the database."""
    row = db.execute(
        "SELECT ticketing_internal.payload_issues(%s, %s::jsonb) = '[]'", [argument, text]
    ).fetchone()
    return row == (True,)


class Documents:
    """Makes documents from a schema at random, and changes them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - for tests

    def document(self, schema: Schema) -> Any:  # noqa: ANN401, C901, PLR0911, PLR0912 - every type
        """Return a valid document."""
        if "$ref" in schema:
            return self.document(definitions()[schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return self.document(self.random.choice(schema["anyOf"]))
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                required = schema.get("required", [])
                found = {
                    key: self.document(value)
                    for key, value in schema.get("properties", {}).items()
                    if key in required or self.random.random() < 0.7
                }
                if found.get("operator") in {"in", "not_in"}:
                    found["value"] = ["mason"]
                # what has no id needs a slug
                for key in schema.get("else", {}).get("required", []):
                    if all(found.get(name) is None for name in schema["if"]["required"]):
                        found[key] = self.random.choice(["grand-lodge", "mason"])
                if isinstance(schema.get("additionalProperties"), dict):
                    for key in UUIDS[: self.random.randint(0, 3)]:
                        found[key] = self.document(schema["additionalProperties"])
                return found
            case "array":
                least = schema.get("minItems", 0)
                return [
                    self.document(schema["items"]) for _ in range(self.random.randint(least, 3))
                ]
            case "string":
                return self.random.choice(list(texts_for(schema)))
            case "integer":
                return schema.get("minimum", 0)
            case "number":
                return 115.1
            case "boolean":
                return True
            case "null":
                return None
        return "any"

    def changed(self, document: Any) -> Any:  # noqa: ANN401 - any JSON
        """Return a copy with one change: a value, a key, or the number of items."""
        root = [copy.deepcopy(document)]
        container, key = self.random.choice(list(places(root)))
        value = container[key]
        kind = self.random.random()
        if kind < 0.15 and isinstance(container, dict):
            del container[key]
        elif kind < 0.25 and isinstance(value, dict):
            value[self.random.choice(["colour", "", "title", *UUIDS])] = self.random.choice(VALUES)
        elif kind < 0.28 and isinstance(value, list) and value:
            value *= 600
        else:
            container[key] = self.random.choice(VALUES)
        return root[0]


def texts_for(schema: Schema) -> Iterator[str]:
    """Yield texts that a schema allows."""
    match schema.get("format"):
        case "uuid":
            yield from UUIDS
        case "date-time":
            yield from TIMES
        case _:
            for text in TEXTS:
                if re.search(schema.get("pattern", ""), text):
                    yield text


def places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - any JSON
    """Yield every container in a document with each of its keys or indexes."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def is_known_difference(document: Any) -> bool:  # noqa: ANN401 - any JSON
    """Return whether a rule of eligibility has the value null."""
    return any(
        key == "value" and container[key] is None
        for container, key in places([document])
        if isinstance(container, dict)
    )


def test_json_schema_agrees_with_database(db: Connection) -> None:
    arguments = sorted(read_api(db).payloads)
    documents = Documents(seed=MUTATIONS)
    verdicts: dict[str, set[bool]] = {argument: set() for argument in arguments}
    for number in range(MUTATIONS):
        argument = arguments[number % len(arguments)]
        document = documents.document(definitions()[definition_of(argument)])
        assert is_valid(argument, json.dumps(document)), document
        for _ in range(number // len(arguments) % 4):
            document = documents.changed(document)
        if document is None or is_known_difference(document):
            continue
        text = json.dumps(document)
        verdict = is_valid(argument, text)
        verdicts[argument].add(verdict)
        assert is_accepted(db, argument, text) is verdict, (argument, text[:2000])
    assert set(map(frozenset, verdicts.values())) == {frozenset({True, False})}


# The differences


def test_integer_with_decimals_is_accepted_by_json_schema_only(db: Connection) -> None:
    selections = {UUIDS[0]: {"individualTickets": [{"ticketId": UUIDS[1], "quantity": 1000.0}]}}
    assert validator("p_selections").is_valid(selections)
    assert not is_accepted(db, "p_selections", json.dumps(selections))


def test_null_in_a_rule_of_eligibility_is_accepted_by_json_schema_only(
    db: Connection, catalogue: Schema
) -> None:
    rule = {"type": "rank", "operator": "equals", "value": None}
    catalogue["packages"][0]["eligibility"] = {"rules": [rule]}
    assert is_valid("p_catalogue", json.dumps(catalogue))
    assert not is_accepted(db, "p_catalogue", json.dumps(catalogue))


@pytest.mark.parametrize(
    "payment",
    [
        {"paid_at": "2025-09-19 19:00:00+10"},
        {"paid_at": "2025-09-19T19:00+10"},
    ],
)
def test_other_spelling_of_a_time_is_accepted_by_the_database_only(
    db: Connection, payment: Schema
) -> None:
    payment = {"reference": "p1", "amount": 1, "currency": "AUD"} | payment
    assert not is_valid("p_payment", json.dumps(payment))
    assert is_accepted(db, "p_payment", json.dumps(payment))


def test_other_spelling_of_an_id_is_accepted_by_the_database_only(db: Connection) -> None:
    attendees = [{"attendeeId": UUIDS[0].replace("-", ""), "attendeeType": "mason"}]
    assert not is_valid("p_attendees", json.dumps(attendees))
    assert is_accepted(db, "p_attendees", json.dumps(attendees))
