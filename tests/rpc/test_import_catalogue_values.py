"""import_catalogue stores whatever its schema accepts, or refuses it with an issue."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from tests.support.bookings import import_catalogue
from tests.support.caller import Connection, service
from tests.support.example import (
    BRUNCH,
    EVENTS,
    FUNCTION,
    LADIES,
    ORGANISATION,
    Document,
    part,
)
from tests.support.payloads import is_valid
from tests.support.search import SEARCH
from tests.support.stored import rows

POOL = "00000000-0000-4000-8000-00000000000a"
RULES = [
    {"type": "rank", "operator": "in", "value": ["GL"]},
    {"type": "rank", "operator": "equals", "value": "GL"},
]
VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        [],
        {},
        [None],
        [[]],
        [{}],
        {"rules": []},
        {"operator": None, "rules": []},
    ),
    *(0, 1, 1000, 2000, 10_080, 10_000_000, -1, -0.0, 0.5, 115.1, 9_999_999_999.99, 1e29, 10**29),
    *("", " ", "x", "\n", "a\nb", "a\n", "\na", "\r", "\t", "\x7f", "\u0085", "\u2028", "\u2029"),
    *("\u00a0", "\ufeff", "\U0001f600", "\u0301", "\ud7ff", "\uffff", "\\", "$", "%s", '"', "'"),
    *("a-b", "x" * 64, "x" * 100, "\U0001f600" * 100, "x" * 200, "\n" * 100, "\U0001f600" * 200),
    *("0", "0.00", "9999999999.99", "115.100", "1e3", "-0", "NaN", "Infinity", "AUD", "JPY", "XXX"),
    *("AND", "OR", "equals", "in", "not_in", "draft", "closed", "mixed", "UTC", "utc", "EST5EDT"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+00:00", "2031-01-15T00:00:00-15:59"),
    *("4713-01-01 00:00:00+00 BC", "294276-12-31T23:59:59Z", "2031-12-31T23:59:60Z"),
    *("2031-01-15T24:00:00Z", "infinity", "now", "2031-01-15"),
    *(ORGANISATION, FUNCTION, BRUNCH, BRUNCH.upper(), "{" + BRUNCH + "}", LADIES, POOL),
    *(["individuals"], ["individuals"] * 2, ["lodges", None], [BRUNCH], [BRUNCH] * 2, ["x"]),
    *({"x": None}, [0, 1e29, "\n"], {"type": "a\nb", "operator": "equals", "value": 1}),
]
"""Values to put anywhere, of which the schema accepts some here and some there."""


@pytest.fixture
def full(catalogue: Document) -> Document:
    """A document with every key there is, and one of each kind."""
    catalogue["function"] |= {
        "registration_opens_at": "2030-01-01T00:00:00Z",
        "registration_closes_at": "2031-12-01T00:00:00Z",
        "selection_mode": "mixed",
        "hold_minutes": 30,
        "payment_minutes": 30,
        "max_hold_minutes": 1440,
        "changes_until": "2031-12-01T00:00:00Z",
        "refunds_until": "2031-11-01T00:00:00Z",
    }
    sellable = {
        "slug": "brunch",
        "description": "Brunch",
        "sale_starts_at": "2031-01-01T00:00:00Z",
        "sale_ends_at": "2031-02-01T00:00:00Z",
        "min_per_attendee": 0,
        "max_per_attendee": 2,
        "max_per_registration": 2,
        "eligibility": {"operator": "AND", "rules": RULES},
    }
    common = {"is_active": True, "capacity": 1000}
    return catalogue | {
        "events": [part(catalogue, EVENTS[BRUNCH]) | common],
        "ticket_types": [part(catalogue, BRUNCH) | common | sellable],
        "packages": [
            part(catalogue, LADIES)
            | common
            | sellable
            | {"items": [{"ticket_type_id": BRUNCH, "quantity": 1}]}
        ],
        "pools": [
            {
                "capacity_pool_id": POOL,
                "slug": "pool",
                "name": "Pool",
                "capacity": 1000,
                "ticket_type_ids": [BRUNCH],
                "package_ids": [LADIES],
            }
        ],
    }


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 - JSON
    """Yield the path of every value in a document."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield (*path, key)
        if isinstance(value[key], dict | list):
            yield from paths(value[key], (*path, key))


def with_value(document: Document, path: tuple[str | int, ...], value: object) -> Document:
    """Return a copy of a document with another value at a place."""
    changed: Any = deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return dict(changed)


@pytest.mark.long
def test_import_catalogue_stores_or_refuses_every_value_that_its_schema_accepts(
    db: Connection, full: Document
) -> None:
    """`SEARCH=50` tries all of them."""
    import_catalogue(db, full)
    choice = random.Random(SEARCH)  # noqa: S311 - for tests
    tried = 0
    for path in paths(full):
        accepted = [
            document
            for value in VALUES
            if is_valid("p_catalogue", json.dumps(document := with_value(full, path, value)))
        ]
        for document in choice.sample(accepted, min(2 * SEARCH, len(accepted))):
            with db.transaction(force_rollback=True):
                outcome = service(db).attempt("import_catalogue", p_catalogue=document)
            assert outcome.sqlstate in {None, "TK001", "TK004"}, (path, outcome)
            tried += 1
    assert tried > 50


@pytest.mark.parametrize("operator", [None, "OR"])
@pytest.mark.parametrize("fact", ["rank", "a\nb", "\n", "a\n", "\u2028", "x" * 100], ids=repr)
def test_import_catalogue_stores_every_rule_that_its_schema_accepts(
    db: Connection, full: Document, fact: str, operator: str | None
) -> None:
    rules = [{"type": fact, "operator": "equals", "value": {"kept": None}}]
    for id_ in (BRUNCH, LADIES):
        part(full, id_)["eligibility"] = {"operator": operator, "rules": rules}
    import_catalogue(db, full)
    stored = rows(
        db,
        """
        SELECT eligibility FROM ticketing.ticket_types WHERE ticket_type_id = %s
        UNION ALL
        SELECT eligibility FROM ticketing.packages WHERE package_id = %s
        """,
        BRUNCH,
        LADIES,
    )
    expected = {"rules": rules} if operator is None else {"operator": operator, "rules": rules}
    assert [row["eligibility"] for row in stored] == [expected] * 2
