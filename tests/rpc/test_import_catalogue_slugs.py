"""import_catalogue: slugs of events, ticket types, packages and pools."""

from copy import deepcopy

import pytest
from tests.support.bookings import book, import_catalogue, integrity
from tests.support.caller import Connection, anonymous, service
from tests.support.example import (
    ABSENT,
    BANQUET,
    BRUNCH,
    CEREMONY,
    EVENTS,
    FUNCTION,
    HALL,
    LADIES,
    LUNCHEON,
    MASONS,
    RECEPTION,
    WALTER,
    Document,
    drop,
    part,
    pool,
    selection,
)
from tests.support.stored import pool_counters, rows

KINDS = {
    "events": (EVENTS[BRUNCH], EVENTS[LUNCHEON]),
    "ticket_types": (BRUNCH, LUNCHEON),
    "packages": (LADIES, MASONS),
    "pools": (HALL, ABSENT),
}
"""Two of each kind."""

TABLES = {
    "events": ("ticketing.events", "event_id"),
    "ticket_types": ("ticketing.ticket_types", "ticket_type_id"),
    "packages": ("ticketing.packages", "package_id"),
    "pools": ("ticketing.capacity_pools", "capacity_pool_id"),
}

NEW = "00000000-0000-4000-8000-00000000000b"


def slugs(db: Connection, kind: str) -> dict[str, str]:
    """Return the slugs in use, by id."""
    table, key = TABLES[kind]
    active = "" if kind == "pools" else "AND is_active"
    return {
        row["id"]: row["slug"]
        for row in rows(
            db,
            f"SELECT {key}::text AS id, slug FROM {table} WHERE slug IS NOT NULL {active}",  # noqa: S608
        )
    }


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of what has slugs."""
    found: str = request.param
    return found


@pytest.fixture
def named(event_db: Connection, catalogue: Document, kind: str) -> Document:
    """A document in which two of a kind, and of each other kind, have the slugs one and two."""
    catalogue["pools"] = [pool(HALL, 900, [CEREMONY], []), pool(ABSENT, 900, [BANQUET], [])]
    for ids in KINDS.values():
        for id_, slug in zip(ids, ("one", "two"), strict=True):
            find(catalogue, id_)["slug"] = slug
    import_catalogue(event_db, catalogue)
    first, second = KINDS[kind]
    assert slugs(event_db, kind).items() >= {first: "one", second: "two"}.items()
    return catalogue


def find(catalogue: Document, id_: str) -> Document:
    """Return an element of a document, also a pool."""
    for element in catalogue.get("pools") or []:
        if element["capacity_pool_id"] == id_:
            found: Document = element
            return found
    return part(catalogue, id_)


def test_slugs_are_exchanged_by_one_document(
    event_db: Connection, named: Document, kind: str
) -> None:
    first, second = KINDS[kind]
    find(named, first)["slug"], find(named, second)["slug"] = "two", "one"
    import_catalogue(event_db, named)
    assert slugs(event_db, kind).items() >= {first: "two", second: "one"}.items()


def test_slug_of_what_is_dropped_is_free_in_the_same_document(
    event_db: Connection, named: Document, kind: str
) -> None:
    dropped, _ = KINDS[kind]
    key = TABLES[kind][1]
    new = deepcopy(find(named, dropped)) | {key: NEW}
    named[kind] = [element for element in named[kind] if element[key] != dropped]
    if kind == "events":
        drop(named, BRUNCH, LADIES)
        new["capacity"] = None
    elif kind == "ticket_types":
        drop(named, LADIES)
    named[kind].append(new)
    import_catalogue(event_db, named)
    assert slugs(event_db, kind)[NEW] == "one"
    assert dropped not in slugs(event_db, kind)
    assert integrity(event_db) == []


@pytest.mark.parametrize("kind", ["events", "ticket_types", "packages"], indirect=True)
def test_slug_is_free_where_what_has_it_is_inactive(
    event_db: Connection, named: Document, kind: str
) -> None:
    first, second = KINDS[kind]
    find(named, first)["is_active"] = False
    find(named, second)["slug"] = "one"
    import_catalogue(event_db, named)
    assert slugs(event_db, kind)[second] == "one"
    find(named, first)["is_active"] = True
    refusal = service(event_db).refusal("import_catalogue", p_catalogue=named)
    assert [code for code, _ in refusal.found] == ["slug_taken"]


def test_slug_taken_twice_in_a_document_is_an_issue(
    event_db: Connection, named: Document, kind: str
) -> None:
    first, second = KINDS[kind]
    find(named, second)["slug"] = "one"
    refusal = service(event_db).refusal("import_catalogue", p_catalogue=named)
    places = [f"p_catalogue.{kind}[{n}].slug" for n, _ in enumerate(named[kind])]
    assert refusal.sqlstate == "TK004"
    ((code, path),) = refusal.found
    assert code == "slug_taken"
    assert path in places
    assert slugs(event_db, kind).items() >= {first: "one", second: "two"}.items()


@pytest.mark.parametrize("slug", ["", "Upper", "a--b", "a\n", "\u00e4", "a" * 101, 7])
def test_slug_of_another_form_is_an_issue(
    event_db: Connection, named: Document, kind: str, slug: object
) -> None:
    find(named, KINDS[kind][0])["slug"] = slug
    refusal = service(event_db).refusal("import_catalogue", p_catalogue=named)
    ((code, path),) = refusal.found
    assert refusal.sqlstate == "TK001"
    assert code == ("invalid_type" if slug == 7 else "invalid_value")
    assert path.endswith(".slug")


@pytest.mark.parametrize("kind", ["ticket_types", "packages", "pools"], indirect=True)
def test_slug_ends_where_the_document_has_none(
    event_db: Connection, named: Document, kind: str
) -> None:
    first, second = KINDS[kind]
    find(named, first)["slug"] = None
    del find(named, second)["slug"]
    import_catalogue(event_db, named)
    assert slugs(event_db, kind) == {}


@pytest.mark.parametrize("kind", ["pools"], indirect=True)
def test_slug_of_a_pool_that_only_dropped_ticket_types_keep_is_free(
    event_db: Connection, named: Document
) -> None:
    book(event_db, {WALTER: selection(tickets={CEREMONY: 1})})
    drop(named, EVENTS[CEREMONY], CEREMONY, *(each["package_id"] for each in named["packages"]))
    named["pools"] = [find(named, ABSENT) | {"slug": "one"}]
    import_catalogue(event_db, named)
    assert pool_counters(event_db)[HALL] == (900, 1, 0)
    assert slugs(event_db, "pools") == {ABSENT: "one"}


@pytest.mark.parametrize("kind", ["pools"], indirect=True)
def test_slugs_of_pools_stay_where_the_document_leaves_the_pools(
    event_db: Connection, named: Document
) -> None:
    del named["pools"]
    import_catalogue(event_db, named)
    assert slugs(event_db, "pools") == {HALL: "one", ABSENT: "two"}


def test_slugs_are_those_of_one_function(event_db: Connection, named: Document, kind: str) -> None:
    (other,) = rows(event_db, "SELECT gen_random_uuid()::text AS id")
    named["function"] |= {"function_id": other["id"], "slug": "another"}
    import_catalogue(event_db, named)
    (count,) = rows(
        event_db,
        f"SELECT count(*) FROM {TABLES[kind][0]} WHERE slug = 'one'",  # noqa: S608
    )
    assert count == {"count": 2}


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("kind", ["events", "ticket_types", "packages"], indirect=True)
def test_slugs_are_shown_by_availability(event_db: Connection, kind: str) -> None:
    answer = anonymous(event_db).call("get_ticket_availability", p_function_id=FUNCTION)
    first, second = KINDS[kind]
    assert (part(answer, first)["slug"], part(answer, second)["slug"]) == ("one", "two")
    assert part(answer, RECEPTION)["slug"] is None
