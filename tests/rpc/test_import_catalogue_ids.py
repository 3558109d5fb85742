"""import_catalogue: what a document names by slugs, without ids."""

import json
from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from importlib.resources import files
from typing import Any
from uuid import UUID

import pytest
import yaml
from tests.support.bookings import import_catalogue, integrity
from tests.support.caller import Caller, Connection, anonymous, owner, service
from tests.support.example import ABSENT, OWNER, WALTER, Document
from tests.support.refusals import refused_import
from tests.support.stored import dump, rows

KINDS = {
    "events": ("event_id", "friday"),
    "ticket_types": ("ticket_type_id", "friday-ticket"),
    "packages": ("package_id", "both-days"),
    "pools": ("capacity_pool_id", "reduced"),
}
"""The key of the id of each kind, and a slug of the conference."""

IDS = {
    "events": "9f1f9e66-a1a5-86ad-810a-b14b9e973b40",
    "ticket_types": "d3eb216c-75ed-8554-af39-516fa30be304",
    "packages": "39da375c-e3f6-8ddf-bc90-e078d1563606",
    "pools": "04bb60a8-8dd5-869e-bdff-e56f90ec0110",
}
"""The ids that these slugs always have."""

TABLES = {
    "events": "ticketing.events",
    "ticket_types": "ticketing.ticket_types",
    "packages": "ticketing.packages",
    "pools": "ticketing.capacity_pools",
}

PATHS: dict[str, tuple[Callable[[Document], Any], Any, str]] = {
    "event": (lambda c: c["ticket_types"][1], "event_id", "ticket_types[1].event_id"),
    "ticket type in a package": (
        lambda c: c["packages"][0]["items"][1],
        "ticket_type_id",
        "packages[0].items[1].ticket_type_id",
    ),
    "ticket type in a pool": (
        lambda c: c["pools"][0]["ticket_type_ids"],
        0,
        "pools[0].ticket_type_ids[0]",
    ),
    "package in a pool": (lambda c: c["pools"][0]["package_ids"], 1, "pools[0].package_ids[1]"),
}
"""Every place of a reference: what it stands in, its key, its path."""

NOT_FOUND = {
    "event": "event_not_found",
    "ticket type in a package": "ticket_type_not_found",
    "ticket type in a pool": "ticket_type_not_found",
    "package in a pool": "package_not_found",
}


@pytest.fixture
def conference() -> Document:
    """The conference of the package, all of whose entries have only slugs."""
    text = files("ticketing_client").joinpath("example/conference.yaml").read_text("utf-8")
    document: Document = json.loads(json.dumps(yaml.safe_load(text), default=str))
    document["pools"][0]["ticket_type_ids"] = ["workshop-seat"]
    return document


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The list of a catalogue."""
    found: str = request.param
    return found


def hashed(words: str, like: UUID) -> UUID:
    """Return the first bits of a hash, with version and variant of another UUID."""
    mask = (0xF << 76) | (0x3 << 62)
    bits = int.from_bytes(sha256(words.encode()).digest()[:16])
    return UUID(int=(bits & ~mask) | (like.int & mask))


def named(catalogue: Document, kind: str, slug: str) -> Document:
    """Return the entry with a slug."""
    (found,) = (each for each in catalogue[kind] if each.get("slug") == slug)
    entry: Document = found
    return entry


def ids(db: Connection, kind: str) -> dict[str, str]:
    """Return the ids of what is stored of a kind, by slug."""
    key = KINDS[kind][0]
    active = "" if kind == "pools" else "AND is_active"
    return {
        row["slug"]: row["id"]
        for row in rows(
            db,
            f"SELECT slug, {key}::text AS id FROM {TABLES[kind]} WHERE slug IS NOT NULL {active}",  # noqa: S608
        )
    }


def changes(answer: Document) -> list[tuple[str, str, str | None, list[str]]]:
    """Return what an import says it has changed."""
    return [
        (each["change"], each["kind"], each["slug"], each["keys"]) for each in answer["changes"]
    ]


def book_workshop(db: Connection, function_id: str) -> None:
    """Hold a seat of the workshop."""
    types = ids(db, "ticket_types")
    owner(db).call(
        "create_individual_registration_with_tickets",
        p_registration_data={
            "functionId": function_id,
            "registrationId": ABSENT,
            "primaryAttendee": {"attendeeId": WALTER, "attendeeType": "guest"},
        },
        p_tickets=[
            {
                "attendee_id": WALTER,
                "event_id": ids(db, "events")["workshop"],
                "ticket_type_id": types["workshop-seat"],
            }
        ],
    )


# Ids


def test_import_catalogue_without_ids_can_be_bought(db: Connection, conference: Document) -> None:
    function_id = import_catalogue(db, conference)["function_id"]
    answer = anonymous(db).call("get_ticket_availability", p_function_id=function_id)
    assert {each["slug"] for each in answer["ticket_types"]} == {
        "thursday-ticket",
        "friday-ticket",
        "workshop-seat",
    }
    student = ids(db, "packages")["both-days-student"]
    quote = anonymous(db).call(
        "quote_ticket_selections",
        p_function_id=function_id,
        p_selections={WALTER: {"packages": [{"packageId": student, "quantity": 1}]}},
        p_attendees=[{"attendeeId": WALTER, "attendeeType": "student"}],
    )
    assert (quote["valid"], len(quote["tickets"]), quote["subtotal"]) == (True, 2, 90)
    assert integrity(db) == []


def test_ids_of_slugs_are_the_same_in_every_database(
    db: Connection, conference: Document, kind: str
) -> None:
    """A constant: an id that changes with a release would make everything new."""
    answer = import_catalogue(db, conference)
    assert answer["function_id"] == "87815861-07b1-8a6e-a4bb-cfa3ff1d2172"
    _, slug = KINDS[kind]
    id_ = UUID(ids(db, kind)[slug])
    assert str(id_) == IDS[kind]
    assert (id_.version, id_.variant) == (8, "specified in RFC 4122")
    # as docs/catalogue.md says
    words = f"{kind} {answer['function_id']} {slug}"
    assert hashed(words, id_) == id_


def test_ids_of_slugs_differ_by_kind_and_function(db: Connection, conference: Document) -> None:
    for kind in ("events", "packages", "pools"):
        conference[kind][0]["slug"] = "same"
    conference["ticket_types"][0].update(slug="same", event_id="same")
    for package in conference["packages"]:
        package["items"][0]["ticket_type_id"] = "same"
    conference["pools"][0]["package_ids"] = ["same"]
    import_catalogue(db, conference)
    conference["function"]["slug"] = "another"
    import_catalogue(db, conference)
    same = [
        row["id"]
        for kind, table in TABLES.items()
        for row in rows(db, f"SELECT {KINDS[kind][0]} AS id FROM {table} WHERE slug = 'same'")  # noqa: S608
    ]
    assert len(set(same)) == len(same) == 8


def test_import_catalogue_without_ids_again_changes_nothing(
    db: Connection, conference: Document
) -> None:
    import_catalogue(db, conference)
    before = dump(db)
    answer = import_catalogue(db, conference)
    assert (answer["changes"], answer["deactivated"], answer["warnings"]) == ([], 0, [])
    assert dump(db).keys() == before.keys()


def test_ids_that_are_given_are_kept(db: Connection, conference: Document, kind: str) -> None:
    key, slug = KINDS[kind]
    named(conference, kind, slug)[key] = ABSENT
    import_catalogue(db, conference)
    assert ids(db, kind)[slug] == ABSENT


def test_slug_that_is_stored_means_what_has_it(
    db: Connection, conference: Document, kind: str
) -> None:
    key, slug = KINDS[kind]
    entry = named(conference, kind, slug)
    entry[key] = ABSENT
    import_catalogue(db, conference)
    del entry[key]
    answer = import_catalogue(db, conference)
    assert changes(answer) == []
    assert ids(db, kind)[slug] == ABSENT


@pytest.mark.parametrize("kind", ["ticket_types", "packages"], indirect=True)
def test_slug_of_what_was_dropped_brings_it_back(
    db: Connection, conference: Document, kind: str
) -> None:
    slug = "workshop-seat" if kind == "ticket_types" else "both-days"
    key, _ = KINDS[kind]
    conference["pools"][0]["ticket_type_ids"] = []
    named(conference, kind, slug)[key] = ABSENT
    import_catalogue(db, conference)
    without = deepcopy(conference)
    without[kind].remove(named(without, kind, slug))
    answer = import_catalogue(db, without)
    assert changes(answer) == [("dropped", kind[:-1], slug, ["is_active"])]
    del named(conference, kind, slug)[key]
    answer = import_catalogue(db, conference)
    assert changes(answer) == [("changed", kind[:-1], slug, ["is_active"])]
    assert ids(db, kind)[slug] == ABSENT


def test_slug_changes_where_the_id_is_given(
    db: Connection, conference: Document, kind: str
) -> None:
    """And the old slug is free for something else, whose id is another."""
    key, slug = KINDS[kind]
    import_catalogue(db, conference)
    id_ = ids(db, kind)[slug]
    entry = named(conference, kind, slug)
    new = deepcopy(entry)
    entry.update({key: id_, "slug": "renamed"})
    text = json.dumps(conference).replace(f'"{slug}"', '"renamed"')
    conference = json.loads(text)
    conference[kind].append(new)
    answer = import_catalogue(db, conference)
    assert ("changed", kind.rstrip("s"), "renamed", ["slug"]) in changes(answer)
    stored = ids(db, kind)
    assert stored["renamed"] == id_
    assert stored[slug] != id_
    # and once more, now without ids
    del named(conference, kind, "renamed")[key]
    assert changes(import_catalogue(db, conference)) == []
    assert ids(db, kind) == stored


def test_slug_that_differs_without_id_is_something_new(
    db: Connection, conference: Document
) -> None:
    function_id = import_catalogue(db, conference)["function_id"]
    book_workshop(db, function_id)
    seat = ids(db, "ticket_types")["workshop-seat"]
    text = json.dumps(conference).replace('"workshop-seat"', '"tutorial-seat"')
    answer = import_catalogue(db, json.loads(text))
    assert [each for each in changes(answer) if each[1] == "ticket_type"] == [
        ("added", "ticket_type", "tutorial-seat", []),
        ("dropped", "ticket_type", "workshop-seat", ["is_active"]),
    ]
    (warning,) = answer["warnings"]
    assert f"give it ticket_type_id: {seat}." in warning
    # without a ticket there is nothing to warn of
    answer = import_catalogue(db, json.loads(text.replace("friday-ticket", "second-day")))
    assert answer["warnings"] == []


def test_renaming_warning_names_the_entry_of_the_same_name(
    db: Connection, conference: Document
) -> None:
    book_workshop(db, import_catalogue(db, conference)["function_id"])
    conference = json.loads(json.dumps(conference).replace('"workshop-seat"', '"tutorial-seat"'))
    seat = named(conference, "ticket_types", "tutorial-seat")
    conference["ticket_types"].append(seat | {"slug": "another", "name": "Another"})
    (warning,) = import_catalogue(db, conference)["warnings"]
    assert "and Workshop (and 1 more) is new" in warning


def test_event_with_another_slug_is_told_to_state_its_id(
    db: Connection, conference: Document
) -> None:
    import_catalogue(db, conference)
    friday = ids(db, "events")["friday"]
    renamed = json.loads(json.dumps(conference).replace('"friday"', '"last-day"'))
    (issue,) = service(db).refusal("import_catalogue", p_catalogue=renamed).issues
    assert issue["code"] == "event_locked"
    assert f"give it event_id: {friday}." in issue["message"]
    named(renamed, "events", "last-day")["event_id"] = friday
    assert changes(import_catalogue(db, renamed)) == [("changed", "event", "last-day", ["slug"])]


# Organisation and function


@pytest.mark.parametrize(
    ("change", "count"),
    [
        (lambda _: None, 1),
        (lambda c: c["function"].update(name="Other Days"), 1),
        (lambda c: c["events"].append({"slug": "other", "title": "Other"}), 1),
        (
            lambda c: (
                c["function"].update(name="Other Days"),
                c["events"].append({"slug": "other", "title": "Other"}),
            ),
            0,
        ),
        (lambda c: c["function"].update(function_id=ABSENT), 0),
    ],
    ids=["all", "events", "name", "neither", "an id"],
)
def test_function_with_another_slug_is_a_second_one(
    db: Connection, conference: Document, change: Callable[[Document], object], count: int
) -> None:
    first = deepcopy(conference)
    function_id = import_catalogue(db, first)["function_id"]
    conference["function"]["slug"] = "data-days-31"
    change(conference)
    warnings = import_catalogue(db, conference)["warnings"]
    assert len(warnings) == count
    for warning in warnings:
        assert "and Data Days 2031 (data-days-2031) stays as it is" in warning
        assert f"give it function_id: {function_id}." in warning
    # it is new only once
    assert import_catalogue(db, conference)["warnings"] == []
    first["function"]["status"] = "closed"
    import_catalogue(db, first)
    conference["function"]["slug"] = "data-days-third"
    if count:
        named_second = import_catalogue(db, conference)["warnings"]
        assert not [warning for warning in named_second if function_id in warning]


def test_slug_of_an_organisation_means_what_has_it(
    event_db: Connection, catalogue: Document, conference: Document
) -> None:
    conference["organisation"] = {
        key: value for key, value in catalogue["organisation"].items() if key != "organisation_id"
    }
    answer = import_catalogue(event_db, conference)
    assert ("added", "function", "data-days-2031", []) in changes(answer)
    assert not [each for each in changes(answer) if each[1] == "organisation"]
    del catalogue["organisation"]["organisation_id"]
    del catalogue["function"]["function_id"]
    assert changes(import_catalogue(event_db, catalogue)) == []


def test_slug_of_a_function_of_another_organisation_is_taken(
    event_db: Connection, catalogue: Document, conference: Document
) -> None:
    conference["function"]["slug"] = catalogue["function"]["slug"]
    assert refused_import(event_db, conference) == (
        "TK004",
        [("slug_taken", "p_catalogue.function.slug")],
    )


@pytest.mark.parametrize("part", ["organisation", "function"])
def test_slug_of_what_has_been_renamed_means_something_new(
    db: Connection, conference: Document, part: str
) -> None:
    first = import_catalogue(db, conference)
    (organisation,) = rows(db, "SELECT organisation_id::text AS id FROM ticketing.organisations")
    renamed = deepcopy(conference)
    renamed["organisation"]["organisation_id"] = organisation["id"]
    renamed["function"]["function_id"] = first["function_id"]
    renamed[part]["slug"] = "renamed"
    assert changes(import_catalogue(db, renamed)) == [("changed", part, "renamed", ["slug"])]
    if part == "organisation":
        conference["function"]["slug"] = "another"
    answer = import_catalogue(db, conference)
    assert answer["function_id"] != first["function_id"]
    assert import_catalogue(db, conference)["function_id"] == answer["function_id"]


def test_import_catalogue_by_slugs_is_for_admins_of_the_organisation(
    db: Connection, conference: Document
) -> None:
    admin = Caller(db, "authenticated", OWNER)
    refusal = admin.refusal("import_catalogue", p_catalogue=conference)
    assert refusal.found == [("not_allowed", "p_catalogue.organisation.organisation_id")]
    import_catalogue(db, conference)
    before = dump(db)
    assert admin.refusal("import_catalogue", p_catalogue=conference) == refusal
    assert dump(db) == before
    db.execute(
        "INSERT INTO ticketing.organisation_members (organisation_id, user_id, role)"
        " SELECT organisation_id, %s, 'admin' FROM ticketing.organisations",
        [OWNER],
    )
    assert admin.call("import_catalogue", p_catalogue=conference)["changes"] == []


# References


@pytest.mark.parametrize("place", PATHS)
@pytest.mark.parametrize("slug", ["elsewhere", ABSENT], ids=["slug", "id"])
def test_reference_to_what_the_document_lacks_is_an_issue(
    db: Connection, conference: Document, place: str, slug: str
) -> None:
    inside, key, path = PATHS[place]
    inside(conference)[key] = slug
    refusal = service(db).refusal("import_catalogue", p_catalogue=conference)
    (issue,) = refusal.issues
    assert (issue["code"], issue["path"]) == (NOT_FOUND[place], f"p_catalogue.{path}")
    assert issue["actual"] == slug
    assert slug in issue["message"]


@pytest.mark.parametrize("place", PATHS)
def test_reference_by_id_or_slug_is_the_same(
    db: Connection, conference: Document, place: str
) -> None:
    import_catalogue(db, conference)
    inside, key, _ = PATHS[place]
    slug = inside(conference)[key]
    (id_,) = {id_ for kind in KINDS for name, id_ in ids(db, kind).items() if name == slug}
    inside(conference)[key] = id_.upper()
    assert changes(import_catalogue(db, conference)) == []


@pytest.mark.parametrize("place", PATHS)
@pytest.mark.parametrize("value", ["Friday", "a--b", "", "x" * 101, 7, {}])
def test_reference_of_another_form_is_an_issue(
    db: Connection, conference: Document, place: str, value: object
) -> None:
    inside, key, path = PATHS[place]
    inside(conference)[key] = value
    sqlstate, ((code, found),) = refused_import(db, conference)
    assert (sqlstate, found) == ("TK001", f"p_catalogue.{path}")
    assert code == ("invalid_value" if isinstance(value, str) else "invalid_type")


def test_reference_means_the_active_one_of_several(db: Connection, conference: Document) -> None:
    old = named(conference, "ticket_types", "workshop-seat") | {
        "ticket_type_id": ABSENT,
        "is_active": False,
    }
    conference["ticket_types"].insert(0, old)
    import_catalogue(db, conference)
    members = rows(db, "SELECT DISTINCT ticket_type_id::text AS id FROM ticketing.package_items")
    assert {"id": ABSENT} not in members
    conference["pools"][0]["ticket_type_ids"] = ["workshop-seat"]
    import_catalogue(db, conference)
    (pool,) = rows(
        db,
        "SELECT ticket_type_id::text AS id FROM ticketing.ticket_type_pools"
        " WHERE capacity_pool_id = %s",
        [ids(db, "pools")["reduced"]],
    )
    assert pool["id"] == ids(db, "ticket_types")["workshop-seat"] != ABSENT


def test_reference_to_several_inactive_ones_is_an_issue(
    db: Connection, conference: Document
) -> None:
    seat = named(conference, "ticket_types", "workshop-seat")
    seat["is_active"] = False
    conference["ticket_types"].append(seat | {"ticket_type_id": ABSENT})
    assert refused_import(db, conference) == (
        "TK004",
        [("ambiguous_slug", "p_catalogue.pools[0].ticket_type_ids[0]")],
    )


# Slugs that repeat, or are missing


def test_slug_of_two_without_ids_is_taken(db: Connection, conference: Document, kind: str) -> None:
    _, slug = KINDS[kind]
    conference[kind].append(deepcopy(named(conference, kind, slug)))
    last = len(conference[kind]) - 1
    assert refused_import(db, conference) == (
        "TK004",
        [("slug_taken", f"p_catalogue.{kind}[{last}].slug")],
    )


@pytest.mark.parametrize("kind", ["events", "ticket_types", "packages"], indirect=True)
def test_slug_of_an_inactive_one_without_id_is_a_duplicate(
    db: Connection, conference: Document, kind: str
) -> None:
    _, slug = KINDS[kind]
    conference[kind].append(named(conference, kind, slug) | {"is_active": False})
    last = len(conference[kind]) - 1
    assert refused_import(db, conference) == (
        "TK004",
        [("duplicate_id", f"p_catalogue.{kind}[{last}].slug")],
    )


@pytest.mark.parametrize("missing", [None, "absent"])
def test_slug_is_needed_where_there_is_no_id(
    db: Connection, conference: Document, kind: str, missing: str | None
) -> None:
    for entry in conference[kind]:
        if missing:
            del entry["slug"]
        else:
            entry["slug"] = None
    sqlstate, found = refused_import(db, conference)
    assert sqlstate == "TK001"
    assert found == [
        ("missing_key", f"p_catalogue.{kind}[{n}].slug") for n, _ in enumerate(conference[kind])
    ]


@pytest.mark.parametrize("value", ["catalogue.schema.json", None])
def test_schema_for_editors_is_ignored(
    db: Connection, conference: Document, value: str | None
) -> None:
    import_catalogue(db, conference)
    assert changes(import_catalogue(db, {"$schema": value} | conference)) == []


# Changes

CHANGES: dict[str, tuple[Callable[[Document], Any], tuple[str, str, str, list[str]]]] = {
    "a name of the organisation": (
        lambda c: c["organisation"].update(name="New"),
        ("changed", "organisation", "harbour-conferences", ["name"]),
    ),
    "the status of the function": (
        lambda c: c["function"].update(status="closed"),
        ("changed", "function", "data-days-2031", ["status"]),
    ),
    "the capacity of an event": (
        lambda c: c["events"][2].update(capacity=25),
        ("changed", "event", "workshop", ["capacity"]),
    ),
    "an unlimited event": (
        lambda c: c["events"][2].update(capacity=None),
        ("changed", "event", "workshop", ["capacity"]),
    ),
    "price and name of a ticket type": (
        lambda c: c["ticket_types"][0].update(price=1, name="New"),
        ("changed", "ticket_type", "thursday-ticket", ["name", "price"]),
    ),
    "the contents of a package": (
        lambda c: c["packages"][0]["items"].pop(),
        ("changed", "package", "both-days-early", ["items"]),
    ),
    "who shares a pool": (
        lambda c: c["pools"][0]["package_ids"].append("both-days"),
        ("changed", "pool", "reduced", ["package_ids"]),
    ),
    "a pool that ends": (lambda c: c.update(pools=[]), ("dropped", "pool", "reduced", [])),
    "a package that is dropped": (
        lambda c: c["packages"].pop(1),
        ("dropped", "package", "both-days", ["is_active"]),
    ),
    "a new event": (
        lambda c: c["events"].append({"slug": "dinner", "title": "Dinner"}),
        ("added", "event", "dinner", []),
    ),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_changes_of_an_import_are_listed(
    db: Connection,
    conference: Document,
    change: Callable[[Document], Any],
    expected: tuple[str, str, str, list[str]],
) -> None:
    import_catalogue(db, conference)
    change(conference)
    assert changes(import_catalogue(db, conference)) == [expected]
