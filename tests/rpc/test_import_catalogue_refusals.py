"""Documents that import_catalogue refuses."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import pytest
from tests.support.caller import JSON_NULL, Connection, service
from tests.support.example import (
    ABSENT,
    BRUNCH,
    CEREMONY,
    EVENTS,
    HALL,
    LADIES,
    LUNCHEON,
    MEZZANINE,
    ORGANISATION,
    Document,
    other_event,
    part,
    pool,
)
from tests.support.refusals import BIG, Shop, refused_import

Change: TypeAlias = Callable[[Document], object]
"""Changes a catalogue document."""


def issues_of(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return issues from "code path", paths inside the document."""
    return sorted(
        (code, f"p_catalogue{'.' if path else ''}{path}")
        for code, _, path in (word.partition(" ") for word in words)
    )


# Documents that contradict themselves or others

BROKEN: Mapping[str, tuple[Change, Sequence[str]]] = {
    "two events with an id": (
        lambda c: c["events"].append({"event_id": EVENTS[BRUNCH], "slug": "x", "title": "X"}),
        ["duplicate_id events[6].event_id"],
    ),
    "an event and a ticket type with an id": (
        lambda c: c["events"].append({"event_id": MEZZANINE, "slug": "x", "title": "X"}),
        ["duplicate_id ticket_types[6].ticket_type_id"],
    ),
    "two packages with an id": (
        lambda c: c["packages"].append(part(c, LADIES) | {"name": "Again"}),
        ["duplicate_id packages[5].package_id"],
    ),
    "a ticket type twice in a package": (
        lambda c: part(c, LADIES)["items"].append({"ticket_type_id": BRUNCH, "quantity": 1}),
        ["duplicate_id packages[4].items[3].ticket_type_id"],
    ),
    "a pool with the id of an event": (
        lambda c: c.update(pools=[pool(EVENTS[BRUNCH], 5, [], [])]),
        ["duplicate_id pools[0].capacity_pool_id"],
    ),
    "a ticket type of no event": (
        lambda c: part(c, BRUNCH).update(event_id=ABSENT),
        ["event_not_found ticket_types[7].event_id"],
    ),
    "a package of no ticket type": (
        lambda c: part(c, LADIES)["items"].append({"ticket_type_id": ABSENT, "quantity": 1}),
        ["ticket_type_not_found packages[4].items[3].ticket_type_id"],
    ),
    "a pool of what there is not": (
        lambda c: c.update(pools=[pool(HALL, 5, [CEREMONY, ABSENT], [LADIES, CEREMONY])]),
        [
            "ticket_type_not_found pools[0].ticket_type_ids[1]",
            "package_not_found pools[0].package_ids[1]",
        ],
    ),
    "two events with a slug": (
        lambda c: part(c, EVENTS[LUNCHEON]).update(slug="ladies-brunch"),
        ["slug_taken events[5].slug"],
    ),
    "windows that end before they start": (
        lambda c: (
            c["function"].update(
                starts_at="2031-09-22T00:00:00Z",
                registration_opens_at="2025-01-01T00:00:00Z",
                registration_closes_at="2025-01-01T00:00:00Z",
            ),
            part(c, EVENTS[BRUNCH]).update(ends_at="2031-09-20T10:15:00+10:00"),
            part(c, BRUNCH).update(
                sale_starts_at="2025-02-01T00:00:00+10:00", sale_ends_at="2025-01-31T00:00:00Z"
            ),
            part(c, LADIES).update(
                sale_starts_at="2025-02-01T00:00:00Z", sale_ends_at="2025-01-01T00:00:00Z"
            ),
        ),
        [
            "invalid_window function.ends_at",
            "invalid_window function.registration_closes_at",
            "invalid_window events[4].ends_at",
            "invalid_window ticket_types[7].sale_ends_at",
            "invalid_window packages[4].sale_ends_at",
        ],
    ),
    "maxima below minima": (
        lambda c: (
            part(c, BRUNCH).update(min_per_attendee=3, max_per_attendee=2),
            part(c, LADIES).update(min_per_attendee=2, max_per_registration=1),
            c["function"].update(hold_minutes=30, max_hold_minutes=29),
        ),
        [
            "invalid_limits ticket_types[7].max_per_attendee",
            "invalid_limits packages[4].max_per_registration",
            "invalid_limits function.max_hold_minutes",
        ],
    ),
    "a hold beyond the greatest by default": (
        lambda c: c["function"].update(hold_minutes=1441),
        ["invalid_limits function.max_hold_minutes"],
    ),
    "a time zone that there is not": (
        lambda c: c["function"].update(timezone="Australia/Sidney"),
        ["unknown_timezone function.timezone"],
    ),
    "several at once": (
        lambda c: (
            part(c, BRUNCH).update(event_id=ABSENT),
            part(c, LADIES)["items"].append({"ticket_type_id": ABSENT, "quantity": 1}),
            c["function"].update(timezone="UTC+25"),
        ),
        [
            "event_not_found ticket_types[7].event_id",
            "ticket_type_not_found packages[4].items[3].ticket_type_id",
            "unknown_timezone function.timezone",
        ],
    ),
}


@pytest.mark.parametrize(("change", "issues"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "imported before"])
def test_import_catalogue_refuses_a_document_that_contradicts_itself(
    db: Connection,
    event_db: Connection,
    catalogue: Document,
    change: Change,
    issues: list[str],
    *,
    is_new: bool,
) -> None:
    change(catalogue)
    sqlstate, found = refused_import(db if is_new else event_db, catalogue)
    assert sqlstate == "TK004"
    assert found == issues_of(issues)


def test_slug_taken_is_raised_for_slugs_of_others(
    event_db: Connection, catalogue: Document
) -> None:
    other = other_event(catalogue)
    other["organisation"]["slug"] = catalogue["organisation"]["slug"]
    other["function"]["slug"] = catalogue["function"]["slug"]
    assert refused_import(event_db, other) == (
        "TK004",
        [
            ("slug_taken", "p_catalogue.function.slug"),
            ("slug_taken", "p_catalogue.organisation.slug"),
        ],
    )


# Documents of another shape

RULE: Document = {"type": "attendee_type", "operator": "equals", "value": "guest"}


SHAPES: Mapping[str, tuple[Change, Sequence[str]]] = {
    "without its parts": (
        lambda c: c.clear(),
        [
            f"missing_key {key}"
            for key in ("organisation", "function", "events", "ticket_types", "packages")
        ],
    ),
    "with arrays for objects and objects for arrays": (
        lambda c: c.update(organisation=[], function=[], events={}, ticket_types="", packages=7),
        [
            f"invalid_type {key}"
            for key in ("organisation", "function", "events", "ticket_types", "packages")
        ],
    ),
    "with unknown keys": (
        lambda c: (
            c.update(venue="Sydney"),
            c["organisation"].update(venue="Sydney"),
            c["function"].update(organisation_id=ORGANISATION),
            c["events"][0].update(venue="Sydney"),
            c["ticket_types"][0].update(reserved=0),
            c["packages"][0].update(sold=0),
            c["packages"][0]["items"][0].update(price=1),
            c.update(pools=[pool(HALL, 1, [], []) | {"sold": 0}]),
        ),
        [
            "unknown_key venue",
            "unknown_key organisation.venue",
            "unknown_key function.organisation_id",
            "unknown_key events[0].venue",
            "unknown_key ticket_types[0].reserved",
            "unknown_key packages[0].sold",
            "unknown_key packages[0].items[0].price",
            "unknown_key pools[0].sold",
        ],
    ),
    "with nulls": (
        lambda c: (
            c["events"].append(None),
            c["ticket_types"][0].update(price=None, name=None),
            c["packages"][0].update(items=None),
        ),
        [
            "invalid_type events[6]",
            "missing_key ticket_types[0].price",
            "missing_key ticket_types[0].name",
            "missing_key packages[0].items",
        ],
    ),
    "with ids, slugs and names that are none": (
        lambda c: (
            c["organisation"].update(slug="Grand Lodge", name=""),
            c["function"].update(slug="a--b", currency="aud", name="x" * 201),
            c["events"][0].update(event_id="x", slug="-"),
            c["ticket_types"][0].update(event_id=7),
        ),
        [
            "invalid_value organisation.slug",
            "invalid_value organisation.name",
            "invalid_value function.slug",
            "invalid_value function.currency",
            "invalid_value function.name",
            "invalid_value events[0].event_id",
            "invalid_value events[0].slug",
            "invalid_type ticket_types[0].event_id",
        ],
    ),
    "with prices that are none": (
        lambda c: [
            type_.update(price=price)
            for type_, price in zip(
                c["ticket_types"],
                ("a lot", "NaN", True, -1, 10**29, [], {}, 0.001, "1.234"),
                strict=True,
            )
        ],
        [
            f"{code} ticket_types[{n}].price"
            for n, code in enumerate(
                ["invalid_value"] * 2
                + ["invalid_type"]
                + ["invalid_value"] * 2
                + ["invalid_type"] * 2
                + ["invalid_value"] * 2
            )
        ],
    ),
    "with numbers that are out of range": (
        lambda c: (
            c["function"].update(hold_minutes=0, payment_minutes=1.5, max_hold_minutes="60"),
            c["events"][0].update(capacity=-1),
            c["events"][1].update(capacity=10_000_001),
            c["ticket_types"][0].update(capacity="200", max_per_attendee=0),
            c["packages"][0]["items"][0].update(quantity=0),
            c["packages"][0]["items"][1].update(quantity=1001),
            c["packages"][1].update(items=[]),
        ),
        [
            "invalid_value function.hold_minutes",
            "invalid_type function.payment_minutes",
            "invalid_type function.max_hold_minutes",
            "invalid_value events[0].capacity",
            "invalid_value events[1].capacity",
            "invalid_type ticket_types[0].capacity",
            "invalid_value ticket_types[0].max_per_attendee",
            "invalid_value packages[0].items[0].quantity",
            "invalid_value packages[0].items[1].quantity",
            "invalid_value packages[1].items",
        ],
    ),
    "with times that are none": (
        lambda c: (
            c["function"].update(
                starts_at="soon",
                ends_at="2025-09-21",
                changes_until="infinity",
                refunds_until="2025-09-01T10:00:00",
            ),
            c["events"][0].update(starts_at="2025-09-19T19:00:00", ends_at="infinity"),
            c["events"][1].update(starts_at="2025-02-30T19:00:00Z", ends_at=1758272400),
        ),
        [
            "invalid_value function.starts_at",
            "invalid_value function.ends_at",
            "invalid_value function.changes_until",
            "invalid_value function.refunds_until",
            "invalid_value events[0].starts_at",
            "invalid_value events[0].ends_at",
            "invalid_value events[1].starts_at",
            "invalid_type events[1].ends_at",
        ],
    ),
    "with words that are not in the list": (
        lambda c: (
            c["function"].update(status="open", selection_mode="both"),
            c["packages"][0].update(registration_types=["individual"]),
            c["packages"][1].update(registration_types=[]),
        ),
        [
            "invalid_value function.status",
            "invalid_value function.selection_mode",
            "invalid_value packages[0].registration_types[0]",
            "invalid_value packages[1].registration_types",
        ],
    ),
    "with eligibility that is no rule": (
        lambda c: [
            type_.update(eligibility=eligibility)
            for type_, eligibility in zip(
                c["ticket_types"],
                (
                    [],
                    {},
                    {"rules": {}},
                    {"rules": [], "operator": "XOR"},
                    {"rules": [], "unless": True},
                    {"rules": [None]},
                    {"rules": [{key: RULE[key] for key in ("type", "operator")}]},
                    {"rules": [RULE | {"operator": "like"}]},
                    {"rules": [RULE, RULE | {"operator": "in", "value": "guest"}]},
                ),
                strict=True,
            )
        ],
        [
            "invalid_type ticket_types[0].eligibility",
            "missing_key ticket_types[1].eligibility.rules",
            "invalid_type ticket_types[2].eligibility.rules",
            "invalid_value ticket_types[3].eligibility.operator",
            "unknown_key ticket_types[4].eligibility.unless",
            "invalid_type ticket_types[5].eligibility.rules[0]",
            "missing_key ticket_types[6].eligibility.rules[0].value",
            "invalid_value ticket_types[7].eligibility.rules[0].operator",
            "invalid_type ticket_types[8].eligibility.rules[1].value",
        ],
    ),
    "with pools that are none": (
        lambda c: c.update(
            pools=[
                {},
                pool(HALL, -1, [], []) | {"ticket_type_ids": CEREMONY, "package_ids": [None]},
                7,
            ]
        ),
        [
            "missing_key pools[0].slug",
            "missing_key pools[0].name",
            "missing_key pools[0].capacity",
            "invalid_value pools[1].capacity",
            "invalid_type pools[1].ticket_type_ids",
            "invalid_type pools[1].package_ids[0]",
            "invalid_type pools[2]",
        ],
    ),
}


@pytest.mark.parametrize(("change", "issues"), SHAPES.values(), ids=SHAPES)
def test_import_catalogue_refuses_a_document_of_another_shape(
    db: Connection, catalogue: Document, change: Change, issues: list[str]
) -> None:
    change(catalogue)
    sqlstate, found = refused_import(db, catalogue)
    assert (sqlstate, found) == ("TK001", issues_of(issues))


NO_DOCUMENTS: Mapping[str, tuple[object, str]] = {
    "null of SQL": (None, "missing_key"),
    "null of JSON": (JSON_NULL, "missing_key"),
    "an array": ([], "invalid_type"),
    "a string": ("x", "invalid_type"),
    "a number": (7, "invalid_type"),
    "true": (True, "invalid_type"),
}


@pytest.mark.parametrize(("document", "code"), NO_DOCUMENTS.values(), ids=NO_DOCUMENTS)
def test_import_catalogue_refuses_what_is_no_document(
    db: Connection, document: object, code: str
) -> None:
    assert refused_import(db, document) == ("TK001", [(code, "p_catalogue")])


def test_import_catalogue_refuses_a_document_of_10_mb(shop: Shop) -> None:
    refusal = shop.refused(
        "import_catalogue", {"p_catalogue": {"events": BIG}}, service(shop.connection)
    )
    assert refusal.sqlstate == "TK001"
    assert refusal.found == [("too_large", "p_catalogue")]
