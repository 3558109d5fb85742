"""Importing a catalogue: from one document, in place, without touching what is sold."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from tests.support.caller import (
    JSON_NULL,
    Caller,
    Connection,
    owner,
    service,
)
from tests.support.example import (
    ABSENT,
    ALL_EVENTS,
    BANQUET,
    BRUNCH,
    CEREMONY,
    COMMUNICATION,
    EVENTS,
    FUNCTION,
    HAROLD,
    INES,
    LADIES,
    LUNCHEON,
    MASONS,
    MEZZANINE,
    ORGANISATION,
    OWNER,
    RECEPTION,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    other_event,
    other_id,
    selection,
    tickets_of,
)
from tests.support.stored import (
    dump,
    pool_counters,
    rows,
)

REGISTRATION = "01974a10-0000-7000-8000-0000000000ff"
HALL = "01974a10-0000-7000-8000-0000000000e1"
TABLES = "01974a10-0000-7000-8000-0000000000e2"

CHOSEN: Mapping[str, Document] = {
    WALTER: selection({ALL_EVENTS: 1}),
    INES: selection({LADIES: 1}),
    TOMAS: selection(tickets={CEREMONY: 1, BANQUET: 1}),
    HAROLD: selection({MASONS: 1}),
}

Change: TypeAlias = Callable[[Document], object]
"""Changes a catalogue document."""


def part(catalogue: Document, element_id: str) -> Document:
    """Return the event, ticket type, package or pool of a catalogue with that id."""
    (found,) = (
        element
        for section, key in (
            ("events", "event_id"),
            ("ticket_types", "ticket_type_id"),
            ("packages", "package_id"),
            ("pools", "capacity_pool_id"),
        )
        for element in catalogue.get(section) or []
        if element[key] == element_id
    )
    document: Document = found
    return document


def drop(catalogue: Document, *element_ids: str) -> None:
    """Leave events, ticket types and packages out of a catalogue."""
    for section, key in (
        ("events", "event_id"),
        ("ticket_types", "ticket_type_id"),
        ("packages", "package_id"),
    ):
        catalogue[section] = [
            element for element in catalogue[section] if element[key] not in element_ids
        ]


def pool(pool_id: str, capacity: int, types: Sequence[str], packages: Sequence[str]) -> Document:
    """Return a shared pool."""
    return {
        "capacity_pool_id": pool_id,
        "name": "Shared",
        "capacity": capacity,
        "ticket_type_ids": list(types),
        "package_ids": list(packages),
    }


def load(db: Connection, catalogue: Document) -> Document:
    """Import a catalogue as the service."""
    return service(db).call("import_catalogue", p_catalogue=catalogue)


def refused(db: Connection, catalogue: object) -> tuple[str | None, list[tuple[str, str]]]:
    """Return the SQLSTATE and the issues of an import that must be refused."""
    refusal = service(db).refusal("import_catalogue", p_catalogue=catalogue)
    assert refusal.total == len(refusal.issues)
    return refusal.sqlstate, refusal.found


def inactive(db: Connection) -> set[str]:
    """Return the ids of all that is not on sale."""
    return {
        row["id"]
        for row in rows(
            db,
            """
            SELECT event_id::text AS id FROM ticketing.events WHERE NOT is_active
            UNION ALL
            SELECT ticket_type_id::text FROM ticketing.ticket_types WHERE NOT is_active
            UNION ALL
            SELECT package_id::text FROM ticketing.packages WHERE NOT is_active
            """,
        )
    }


@pytest.fixture
def sold(db: Connection, catalogue: Document, wizard_state: Document) -> None:
    """Put the example event on sale, and hold the tickets of the recorded wizard."""
    load(db, catalogue)
    owner(db).call(
        "create_individual_registration_with_tickets",
        p_registration_data=wizard_state["registration"] | {"registrationId": REGISTRATION},
        p_tickets=tickets_of(CHOSEN),
    )


# The document


def test_the_example_event_is_imported(db: Connection, catalogue: Document) -> None:
    answer = load(db, catalogue)
    assert answer == {
        "success": True,
        "function_id": FUNCTION,
        "events": 6,
        "ticket_types": 9,
        "packages": 5,
        "capacity_pools": 15,
        "deactivated": 0,
        "server_time": answer["server_time"],
    }
    assert rows(db, "SELECT organisation_id::text, slug, name FROM ticketing.organisations") == [
        catalogue["organisation"]
    ]
    (function,) = rows(db, "SELECT * FROM ticketing.functions")
    assert function == function | {
        "function_id": UUID(FUNCTION),
        "organisation_id": UUID(ORGANISATION),
        "slug": "grand-proclamation-2025",
        "name": "Grand Proclamation 2025",
        "currency": "AUD",
        "timezone": "Australia/Sydney",
        "status": "published",
        "registration_opens_at": None,
        "registration_closes_at": None,
        "selection_mode": "exclusive",
        "hold_minutes": 30,
        "payment_minutes": 30,
        "max_hold_minutes": 1440,
    }
    assert function["starts_at"].isoformat() == "2025-09-19T09:00:00+00:00"
    assert rows(
        db,
        """
        SELECT event_id::text, slug, title, is_active FROM ticketing.events ORDER BY starts_at
        """,
    ) == sorted(
        (
            {key: event[key] for key in ("event_id", "slug", "title")} | {"is_active": True}
            for event in catalogue["events"]
        ),
        key=lambda event: part(catalogue, event["event_id"])["starts_at"],
    )
    for type_ in rows(db, "SELECT * FROM ticketing.ticket_types"):
        given = part(catalogue, str(type_["ticket_type_id"]))
        assert type_ == type_ | {
            "event_id": UUID(given["event_id"]),
            "name": given["name"],
            "price": Decimal(given["price"]),
            "is_active": given["is_active"],
            "eligibility": given["eligibility"],
            "min_per_attendee": 0,
            "max_per_attendee": None,
            "max_per_registration": None,
        }
    for package in rows(db, "SELECT * FROM ticketing.packages"):
        given = part(catalogue, str(package["package_id"]))
        assert package == package | {
            "name": given["name"],
            "price": Decimal(given["price"]),
            "registration_types": given["registration_types"],
            "eligibility": given["eligibility"],
        }
        assert sorted(
            (item["id"], item["quantity"])
            for item in rows(
                db,
                """
                SELECT ticket_type_id::text AS id, quantity FROM ticketing.package_items
                WHERE package_id = %s
                """,
                package["package_id"],
            )
        ) == sorted((item["ticket_type_id"], item["quantity"]) for item in given["items"])


def test_capacities_make_pools(db: Connection, catalogue: Document) -> None:
    load(db, catalogue)
    assert pool_counters(db) == {
        element[key]: (element["capacity"], 0, 0)
        for section, key in (("events", "event_id"), ("ticket_types", "ticket_type_id"))
        for element in catalogue[section]
    }
    assert rows(
        db,
        """
        SELECT ticket_type_id::text, array_agg(capacity_pool_id::text ORDER BY capacity_pool_id)
            AS pools
        FROM ticketing.ticket_type_pools GROUP BY ticket_type_id ORDER BY ticket_type_id::text
        """,
    ) == [
        {
            "ticket_type_id": type_["ticket_type_id"],
            "pools": sorted([type_["ticket_type_id"], type_["event_id"]]),
        }
        for type_ in sorted(catalogue["ticket_types"], key=lambda t: str(t["ticket_type_id"]))
    ]
    assert rows(db, "SELECT * FROM ticketing.package_pools") == []


def test_everything_of_the_document_is_stored(db: Connection, catalogue: Document) -> None:
    catalogue["function"] |= {
        "registration_opens_at": "2025-01-01T00:00:00Z",
        "registration_closes_at": "2025-09-01T00:00:00+10:00",
        "selection_mode": "mixed",
        "hold_minutes": 10,
        "payment_minutes": 20,
        "max_hold_minutes": 100,
    }
    more = {
        "description": "Black tie",
        "sale_starts_at": "2025-02-01T00:00:00Z",
        "sale_ends_at": "2025-08-01T00:00:00Z",
        "min_per_attendee": 1,
        "max_per_attendee": 2,
        "max_per_registration": 8,
        "capacity": 40,
    }
    part(catalogue, BANQUET).update(more)
    part(catalogue, LADIES).update(more)
    catalogue["pools"] = [pool(HALL, 500, [CEREMONY, BANQUET], [LADIES])]
    assert load(db, catalogue)["capacity_pools"] == 17
    (function,) = rows(db, "SELECT * FROM ticketing.functions")
    assert function["registration_opens_at"].isoformat() == "2025-01-01T00:00:00+00:00"
    assert function["registration_closes_at"].isoformat() == "2025-08-31T14:00:00+00:00"
    assert function == function | {
        "selection_mode": "mixed",
        "hold_minutes": 10,
        "payment_minutes": 20,
        "max_hold_minutes": 100,
    }
    for row in rows(
        db,
        """
        SELECT description, sale_starts_at, sale_ends_at, min_per_attendee, max_per_attendee,
            max_per_registration
        FROM ticketing.ticket_types WHERE ticket_type_id = %s
        UNION ALL
        SELECT description, sale_starts_at, sale_ends_at, min_per_attendee, max_per_attendee,
            max_per_registration
        FROM ticketing.packages WHERE package_id = %s
        """,
        BANQUET,
        LADIES,
    ):
        assert row["sale_starts_at"].isoformat() == "2025-02-01T00:00:00+00:00"
        assert row["sale_ends_at"].isoformat() == "2025-08-01T00:00:00+00:00"
        assert row == row | {
            key: more[key] for key in more if key != "capacity" and "sale" not in key
        }
    assert rows(
        db,
        "SELECT package_id::text, capacity_pool_id::text FROM ticketing.package_pools"
        " ORDER BY capacity_pool_id::text",
    ) == [
        {"package_id": LADIES, "capacity_pool_id": HALL},
        {"package_id": LADIES, "capacity_pool_id": LADIES},
    ]
    assert {pool_counters(db)[id_][0] for id_ in (BANQUET, LADIES)} == {40}


COLUMNS: Mapping[str, tuple[str, set[str]]] = {
    "organisations": ("{properties,organisation}", set()),
    "functions": ("{properties,function}", {"organisation_id"}),
    "events": ("{properties,events,items}", {"function_id"}),
    "ticket_types": ("{properties,ticket_types,items}", {"function_id", "event_id"}),
    "packages": ("{properties,packages,items}", {"function_id"}),
    "package_items": (
        "{properties,packages,items,properties,items,items}",
        {"function_id", "package_id"},
    ),
}
"""By table: the path of its rows in the schema of the document, and the columns that only refer to
the rows above."""


@pytest.mark.parametrize("table", COLUMNS)
def test_every_column_is_a_key_of_the_document_and_updated(db: Connection, table: str) -> None:
    path, references = COLUMNS[table]
    (found,) = rows(
        db,
        """
        SELECT
            array_agg(attname::text) AS columns,
            array_agg(attname::text) FILTER (WHERE attnum = ANY (indkey)) AS key,
            ARRAY(
                SELECT jsonb_object_keys(
                    ticketing_internal.catalogue_schema() #> %s -> 'properties'
                )
            ) AS keys,
            pg_get_functiondef('ticketing_internal.save_catalogue'::regproc) AS source
        FROM pg_attribute
        INNER JOIN pg_index ON indrelid = attrelid AND indisprimary
        WHERE attrelid = %s::regclass AND attnum > 0
        """,
        path,
        f"ticketing.{table}",
    )
    columns = set(found["columns"]) - {"created_at", "updated_at"}
    # capacities make pools, and items are rows of their own
    assert set(found["keys"]) - {"capacity", "items"} | references == columns

    statement = found["source"].partition(f"INSERT INTO ticketing.{table}")[2]
    assigned = statement.partition("\n    SET")[2].partition("\n    WHERE")[0]
    updated = set(re.findall(r"(\w+) = (?:excluded|submitted)\.\1\b", assigned))
    assert updated - {"updated_at"} == columns - references - set(found["key"])


@pytest.mark.usefixtures("sold")
def test_the_same_again_changes_nothing(db: Connection, catalogue: Document) -> None:
    before = dump(db)
    unstamped = dump(db, without=["updated_at"])
    answer = load(db, catalogue)
    assert (answer["deactivated"], answer["capacity_pools"]) == (0, 15)
    after = dump(db)
    # the function alone says when it was last imported
    assert {table for table in after if after[table] != before[table]} == {"functions"}
    assert dump(db, without=["updated_at"]) == unstamped


def test_what_is_absent_and_what_is_null_is_the_same(db: Connection, catalogue: Document) -> None:
    load(db, catalogue)
    before = dump(db, without=["updated_at"])
    catalogue["pools"] = None
    for event in catalogue["events"]:
        event["is_active"] = None
    for element in (*catalogue["ticket_types"], *catalogue["packages"]):
        element |= {"description": None, "sale_starts_at": None, "max_per_attendee": None}
        if element["is_active"]:
            element["is_active"] = None
        if element["eligibility"] == {"rules": []}:
            element["eligibility"] = None
    catalogue["function"] |= {"payment_minutes": None, "registration_opens_at": None}
    load(db, catalogue)
    assert dump(db, without=["updated_at"]) == before


# Changes in place


@pytest.mark.usefixtures("sold")
def test_prices_change_in_place_and_not_under_those_who_hold(
    db: Connection, catalogue: Document
) -> None:
    tickets = dump(db)["tickets"]
    part(catalogue, CEREMONY)["price"] = "25.00"
    part(catalogue, LADIES)["price"] = "200.00"
    assert load(db, catalogue)["deactivated"] == 0
    assert dump(db)["tickets"] == tickets
    assert rows(
        db, "SELECT price FROM ticketing.ticket_types WHERE ticket_type_id = %s", CEREMONY
    ) == [{"price": Decimal("25.00")}]
    assert pool_counters(db)[BANQUET] == (480, 4, 0)
    answer = owner(db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={CEREMONY: 2, BANQUET: 1})},
    )
    assert sorted(row["price_paid"] for row in answer["tickets"]) == [20, 25, 115]


@pytest.mark.usefixtures("sold")
def test_names_and_times_change_in_place(db: Connection, catalogue: Document) -> None:
    catalogue["organisation"]["name"] = "The Lodge"
    catalogue["function"] |= {"name": "The Weekend", "slug": "the-weekend", "status": "closed"}
    part(catalogue, EVENTS[BRUNCH]).update(title="Brunch", starts_at="2025-09-20T11:00:00+10:00")
    part(catalogue, BRUNCH)["name"] = "Brunch for ladies"
    tickets = dump(db)["tickets"]
    load(db, catalogue)
    assert dump(db)["tickets"] == tickets
    assert rows(db, "SELECT name FROM ticketing.organisations") == [{"name": "The Lodge"}]
    assert rows(db, "SELECT name, slug, status FROM ticketing.functions") == [
        {"name": "The Weekend", "slug": "the-weekend", "status": "closed"}
    ]
    (event,) = rows(
        db,
        """
        SELECT event.title, event.starts_at, pool.name FROM ticketing.events AS event
        INNER JOIN ticketing.capacity_pools AS pool ON pool.capacity_pool_id = event.event_id
        WHERE event.event_id = %s
        """,
        EVENTS[BRUNCH],
    )
    # its pool is called after it
    assert (event["title"], event["name"]) == ("Brunch", "Brunch")
    assert event["starts_at"].isoformat() == "2025-09-20T01:00:00+00:00"
    assert rows(
        db, "SELECT name FROM ticketing.ticket_types WHERE ticket_type_id = %s", BRUNCH
    ) == [{"name": "Brunch for ladies"}]


@pytest.mark.usefixtures("sold")
def test_slugs_of_events_can_be_exchanged(db: Connection, catalogue: Document) -> None:
    first, second = (part(catalogue, EVENTS[type_]) for type_ in (BRUNCH, LUNCHEON))
    first["slug"], second["slug"] = second["slug"], first["slug"]
    load(db, catalogue)
    stored = {
        row["id"]: row["slug"]
        for row in rows(db, "SELECT event_id::text AS id, slug FROM ticketing.events")
    }
    assert stored == {event["event_id"]: event["slug"] for event in catalogue["events"]}


@pytest.mark.usefixtures("sold")
def test_what_the_document_no_longer_names_becomes_inactive(
    db: Connection, catalogue: Document
) -> None:
    before = dump(db, without=["is_active", "updated_at"])
    offered = inactive(db)
    drop(catalogue, EVENTS[BRUNCH], BRUNCH, LADIES)
    assert load(db, catalogue)["deactivated"] == 3
    assert dump(db, without=["is_active", "updated_at"]) == before
    assert inactive(db) - offered == {EVENTS[BRUNCH], BRUNCH, LADIES}
    # the capacity stays in use
    assert pool_counters(db)[BRUNCH] == (100, 1, 0)
    refusal = owner(db).refusal(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={INES: selection({LADIES: 2}), TOMAS: selection(tickets={BRUNCH: 1})},
    )
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [
        ("inactive", f"p_selections.{INES}.packages[0]"),
        ("inactive", f"p_selections.{INES}.packages[0].tickets[0]"),
        ("inactive", f"p_selections.{TOMAS}.individualTickets[0]"),
    ]
    # once more: nothing is left to deactivate
    assert load(db, catalogue)["deactivated"] == 0


@pytest.mark.usefixtures("sold")
def test_what_comes_back_is_active_again(db: Connection, catalogue: Document) -> None:
    before = dump(db, without=["updated_at"])
    brunch = part(catalogue, BRUNCH), part(catalogue, EVENTS[BRUNCH]), part(catalogue, LADIES)
    drop(catalogue, BRUNCH, EVENTS[BRUNCH], LADIES)
    load(db, catalogue)
    for section, element in zip(("ticket_types", "events", "packages"), brunch, strict=True):
        catalogue[section].append(element)
    load(db, catalogue)
    assert dump(db, without=["updated_at"]) == before


# Capacities


@pytest.mark.usefixtures("sold")
def test_a_capacity_below_what_is_in_use_is_refused(db: Connection, catalogue: Document) -> None:
    part(catalogue, BANQUET)["capacity"] = 3
    part(catalogue, EVENTS[BANQUET])["capacity"] = 0
    refusal = service(db).refusal("import_catalogue", p_catalogue=catalogue)
    assert refusal.sqlstate == "TK004"
    assert [
        (issue["code"], issue["path"], issue["expected"], issue["actual"], issue["name"])
        for issue in refusal.issues
    ] == [
        (
            "capacity_below_use",
            "p_catalogue.events[3].capacity",
            4,
            0,
            "Grand Proclamation Banquet",
        ),
        (
            "capacity_below_use",
            "p_catalogue.ticket_types[3].capacity",
            4,
            3,
            "Proclamation Banquet - Best Available",
        ),
    ]
    part(catalogue, BANQUET)["capacity"] = 4
    part(catalogue, EVENTS[BANQUET])["capacity"] = 4
    load(db, catalogue)
    assert pool_counters(db)[BANQUET] == (4, 4, 0)


@pytest.mark.usefixtures("sold")
def test_a_capacity_can_be_raised(db: Connection, catalogue: Document) -> None:
    for capacity in (1, 2):
        part(catalogue, BRUNCH)["capacity"] = capacity
        load(db, catalogue)
        assert pool_counters(db)[BRUNCH] == (capacity, 1, 0)
    owner(db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={BRUNCH: 1})},
    )
    assert pool_counters(db)[BRUNCH] == (2, 2, 0)


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize("absent", [True, False])
def test_without_a_capacity_there_is_no_pool(
    db: Connection, catalogue: Document, *, absent: bool
) -> None:
    for element_id in (BANQUET, EVENTS[BANQUET]):
        if absent:
            del part(catalogue, element_id)["capacity"]
        else:
            part(catalogue, element_id)["capacity"] = None
    assert load(db, catalogue)["capacity_pools"] == 13
    assert not {BANQUET, EVENTS[BANQUET]} & set(pool_counters(db))
    owner(db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={BANQUET: 600})},
    )
    # and with one again, it counts what was sold meanwhile
    part(catalogue, BANQUET)["capacity"] = 603
    load(db, catalogue)
    assert pool_counters(db)[BANQUET] == (603, 603, 0)


@pytest.mark.usefixtures("sold")
def test_a_new_pool_counts_what_is_held_already(db: Connection, catalogue: Document) -> None:
    part(catalogue, LADIES)["capacity"] = 5
    catalogue["pools"] = [pool(HALL, 11, [CEREMONY, BANQUET, RECEPTION], [ALL_EVENTS, LADIES])]
    load(db, catalogue)
    # four ceremonies, four banquets, a reception; and two packages
    assert pool_counters(db)[HALL] == (11, 11, 0)
    assert pool_counters(db)[LADIES] == (5, 1, 0)
    refusal = owner(db).refusal(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={CEREMONY: 2, BANQUET: 1})},
    )
    assert refusal.sqlstate == "TK005"


@pytest.mark.usefixtures("sold")
def test_a_type_that_enters_or_leaves_a_pool_is_counted_anew(
    db: Connection, catalogue: Document
) -> None:
    for types, packages, used in (
        ([CEREMONY], [], 4),
        ([CEREMONY, COMMUNICATION], [], 6),
        ([COMMUNICATION], [MASONS], 3),
        ([LUNCHEON, MEZZANINE], [], 1),
        ([], [ALL_EVENTS, LADIES, MASONS], 3),
        ([CEREMONY, BANQUET], [], 8),
    ):
        catalogue["pools"] = [
            pool(HALL, 100, types, packages),
            pool(TABLES, 50, [LUNCHEON], []),
        ]
        assert load(db, catalogue)["capacity_pools"] == 17
        assert pool_counters(db)[HALL] == (100, used, 0)
        assert pool_counters(db)[TABLES] == (50, 1, 0)
    catalogue["pools"][0]["capacity"] = 7
    sqlstate, issues = refused(db, catalogue)
    assert (sqlstate, issues) == (
        "TK004",
        [("capacity_below_use", "p_catalogue.pools[0].capacity")],
    )
    catalogue["pools"] = []
    assert load(db, catalogue)["capacity_pools"] == 15


@pytest.mark.usefixtures("sold")
def test_a_pool_too_small_for_what_would_enter_it_is_refused(
    db: Connection, catalogue: Document
) -> None:
    catalogue["pools"] = [pool(HALL, 3, [CEREMONY], [])]
    refusal = service(db).refusal("import_catalogue", p_catalogue=catalogue)
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [("capacity_below_use", "p_catalogue.pools[0].capacity")]
    assert (refusal.issues[0]["expected"], refusal.issues[0]["actual"]) == (4, 3)
    assert HALL not in pool_counters(db)


@pytest.mark.usefixtures("sold")
def test_the_counters_follow_sales_in_a_shared_pool(db: Connection, catalogue: Document) -> None:
    catalogue["pools"] = [pool(HALL, 11, [CEREMONY, BANQUET], [])]
    load(db, catalogue)
    refusal = owner(db).refusal(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={CEREMONY: 3, BANQUET: 3})},
    )
    assert refusal.sqlstate == "TK005"
    # one issue for each type that the small pool keeps out
    assert {
        issue["ticket_type_id"]: (issue["requested"], issue["available"])
        for issue in refusal.issues
    } == {CEREMONY: (4, 3), BANQUET: (4, 3)}
    owner(db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={CEREMONY: 3, BANQUET: 2})},
    )
    assert pool_counters(db)[HALL] == (11, 11, 0)


# What may not change any more


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize(
    "change",
    [
        lambda items: items.pop(),
        lambda items: items[0].update(quantity=2),
        lambda items: items.append({"ticket_type_id": LUNCHEON, "quantity": 1}),
        lambda items: items[0].update(ticket_type_id=LUNCHEON),
    ],
)
def test_the_contents_of_a_package_with_tickets_are_locked(
    db: Connection, catalogue: Document, change: Callable[[list[Document]], object]
) -> None:
    change(part(catalogue, LADIES)["items"])
    assert refused(db, catalogue) == (
        "TK004",
        [("contents_locked", "p_catalogue.packages[4].items")],
    )
    owner(db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={INES: selection()},
    )
    load(db, catalogue)
    assert sorted(
        (row["id"], row["quantity"])
        for row in rows(
            db,
            """
            SELECT ticket_type_id::text AS id, quantity FROM ticketing.package_items
            WHERE package_id = %s
            """,
            LADIES,
        )
    ) == sorted(
        (item["ticket_type_id"], item["quantity"]) for item in part(catalogue, LADIES)["items"]
    )


@pytest.mark.usefixtures("sold")
def test_the_order_of_the_contents_means_nothing(db: Connection, catalogue: Document) -> None:
    part(catalogue, LADIES)["items"].reverse()
    load(db, catalogue)


def test_a_ticket_type_stays_with_its_event(db: Connection, catalogue: Document) -> None:
    load(db, catalogue)
    part(catalogue, BRUNCH)["event_id"] = EVENTS[LUNCHEON]
    assert refused(db, catalogue) == (
        "TK004",
        [("event_locked", "p_catalogue.ticket_types[7].event_id")],
    )


def test_the_currency_is_locked_by_registrations(
    db: Connection, catalogue: Document, wizard_state: Document
) -> None:
    load(db, catalogue)
    catalogue["function"]["currency"] = "NZD"
    load(db, catalogue)
    assert rows(db, "SELECT currency FROM ticketing.functions") == [{"currency": "NZD"}]
    owner(db).call(
        "create_individual_registration_jsonb", p_registration_data=wizard_state["registration"]
    )
    catalogue["function"]["currency"] = "AUD"
    assert refused(db, catalogue) == (
        "TK004",
        [("currency_locked", "p_catalogue.function.currency")],
    )


def test_a_function_stays_with_its_organisation(db: Connection, catalogue: Document) -> None:
    load(db, catalogue)
    catalogue["organisation"] |= {"organisation_id": ABSENT, "slug": "another"}
    assert refused(db, catalogue) == (
        "TK004",
        [("organisation_locked", "p_catalogue.organisation.organisation_id")],
    )


def test_two_functions_are_apart(db: Connection, catalogue: Document) -> None:
    load(db, catalogue)
    first = dump(db)
    other = other_event(catalogue)
    # even with the same organisation and the same ids below the function
    other["organisation"] = catalogue["organisation"]
    for section in ("events", "ticket_types", "packages"):
        other[section] = catalogue[section]
    load(db, other)
    assert pool_counters(db) == pool_counters(db, other_id(FUNCTION))
    both = dump(db)
    for table, lines in first.items():
        assert set(lines) <= set(both[table])
    drop(other, BRUNCH, EVENTS[BRUNCH], LADIES)
    assert load(db, other)["deactivated"] == 3
    for table, lines in first.items():
        assert set(lines) <= set(dump(db)[table])


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
                starts_at="2025-09-22T00:00:00Z",
                registration_opens_at="2025-01-01T00:00:00Z",
                registration_closes_at="2025-01-01T00:00:00Z",
            ),
            part(c, EVENTS[BRUNCH]).update(ends_at="2025-09-20T10:15:00+10:00"),
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


def cases(table: Mapping[str, Any]) -> Any:  # noqa: ANN401 - pytest's own parameter sets
    """Return the rows of a table as test cases, called by their names."""
    return [pytest.param(*row, id=name) for name, row in table.items()]


def issues_of(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return issues from "code path", paths inside the document."""
    return sorted(
        (code, f"p_catalogue{'.' if path else ''}{path}")
        for code, _, path in (word.partition(" ") for word in words)
    )


@pytest.mark.parametrize(("change", "issues"), cases(BROKEN))
@pytest.mark.parametrize("is_new", [True, False])
def test_a_document_that_contradicts_itself_is_refused(
    db: Connection, catalogue: Document, change: Change, issues: list[str], *, is_new: bool
) -> None:
    if not is_new:
        load(db, catalogue)
    change(catalogue)
    sqlstate, found = refused(db, catalogue)
    assert sqlstate == "TK004"
    locked = [("event_locked", "p_catalogue.ticket_types[7].event_id")]
    moved = not is_new and part(catalogue, BRUNCH)["event_id"] == ABSENT
    assert found == sorted(issues_of(issues) + (locked if moved else []))


def test_slugs_of_others_are_taken(db: Connection, catalogue: Document) -> None:
    load(db, catalogue)
    other = other_event(catalogue)
    other["organisation"]["slug"] = catalogue["organisation"]["slug"]
    other["function"]["slug"] = catalogue["function"]["slug"]
    assert refused(db, other) == (
        "TK004",
        [
            ("slug_taken", "p_catalogue.function.slug"),
            ("slug_taken", "p_catalogue.organisation.slug"),
        ],
    )


def test_the_slug_of_an_event_that_was_left_out_is_taken(
    db: Connection, catalogue: Document
) -> None:
    load(db, catalogue)
    event = part(catalogue, EVENTS[BRUNCH])
    drop(catalogue, EVENTS[BRUNCH], BRUNCH, LADIES)
    catalogue["events"].append(event | {"event_id": ABSENT})
    assert refused(db, catalogue) == ("TK004", [("slug_taken", "p_catalogue.events[5].slug")])


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
                ("a lot", "NaN", True, -1, 10**400, [], {}, 0.001, "1.234"),
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
            c["function"].update(starts_at="soon", ends_at="2025-09-21"),
            c["events"][0].update(starts_at="2025-09-19T19:00:00", ends_at="infinity"),
            c["events"][1].update(starts_at="2025-02-30T19:00:00Z", ends_at=1758272400),
        ),
        [
            "invalid_value function.starts_at",
            "invalid_value function.ends_at",
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
            "missing_key pools[0].capacity_pool_id",
            "missing_key pools[0].name",
            "missing_key pools[0].capacity",
            "invalid_value pools[1].capacity",
            "invalid_type pools[1].ticket_type_ids",
            "invalid_type pools[1].package_ids[0]",
            "invalid_type pools[2]",
        ],
    ),
}


@pytest.mark.parametrize(("change", "issues"), cases(SHAPES))
def test_a_document_of_another_shape_is_refused(
    db: Connection, catalogue: Document, change: Change, issues: list[str]
) -> None:
    change(catalogue)
    sqlstate, found = refused(db, catalogue)
    assert (sqlstate, found) == ("TK001", issues_of(issues))


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (None, "missing_key"),
        (JSON_NULL, "missing_key"),
        ([], "invalid_type"),
        ("x", "invalid_type"),
        (7, "invalid_type"),
        (True, "invalid_type"),
    ],
)
def test_what_is_no_document_is_refused(db: Connection, document: object, code: str) -> None:
    assert refused(db, document) == ("TK001", [(code, "p_catalogue")])


def test_eligibility_of_every_kind_is_stored(db: Connection, catalogue: Document) -> None:
    eligibility = {
        "operator": "OR",
        "rules": [
            RULE,
            {"type": "rank", "operator": "in", "value": ["GL", 7, None]},
            {"type": "rank", "operator": "not_in", "value": []},
            {"type": "firstTime", "operator": "not_equals", "value": False},
            {"type": "anything", "operator": "equals", "value": {"deep": [1]}},
        ],
    }
    part(catalogue, BRUNCH)["eligibility"] = eligibility
    load(db, catalogue)
    (row,) = rows(
        db, "SELECT eligibility FROM ticketing.ticket_types WHERE ticket_type_id = %s", BRUNCH
    )
    assert row["eligibility"] == eligibility


# Who may


def enrol(db: Connection, role: str, user: str, organisation: str = ORGANISATION) -> Caller:
    """Return a user whom an organisation has given a role."""
    db.execute(
        """
        INSERT INTO ticketing.organisation_members (organisation_id, user_id, role)
        VALUES (%s, %s, %s)
        """,
        [organisation, user, role],
    )
    return Caller(db, "authenticated", user)


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_who_manages_the_organisation_may_import(
    db: Connection, catalogue: Document, role: str
) -> None:
    load(db, catalogue)
    part(catalogue, BRUNCH)["price"] = "55.00"
    answer = enrol(db, role, OWNER).call("import_catalogue", p_catalogue=catalogue)
    assert answer["success"] is True
    # also another function of the organisation
    other = other_event(catalogue) | {"organisation": catalogue["organisation"]}
    assert Caller(db, "authenticated", OWNER).call("import_catalogue", p_catalogue=other)


def test_no_other_caller_may_import(db: Connection, catalogue: Document) -> None:
    load(db, catalogue)
    other = other_event(catalogue)
    load(db, other)
    strangers = other["organisation"]["organisation_id"]
    for caller in (
        enrol(db, "staff", OWNER),
        enrol(db, "owner", STRANGER, strangers),
        Caller(db, "authenticated", ABSENT),
        Caller(db, "authenticated"),
    ):
        documents: tuple[object, ...] = (
            catalogue,
            # one's own organisation does not lead to the functions of others
            catalogue | {"organisation": other["organisation"]},
            # and what is wrong with the shape is not said
            {"organisation": {"organisation_id": ORGANISATION}},
            [],
            None,
        )
        for document in documents:
            refusal = caller.refusal("import_catalogue", p_catalogue=document)
            assert refusal.sqlstate == "42501"
            assert refusal.found == [("not_allowed", "p_catalogue.organisation.organisation_id")]


def test_an_admin_makes_no_organisations(db: Connection, catalogue: Document) -> None:
    load(db, catalogue)
    admin = enrol(db, "admin", OWNER)
    refusal = admin.refusal("import_catalogue", p_catalogue=other_event(catalogue))
    assert refusal.sqlstate == "42501"
