"""import_catalogue: a function from one document, in place, without touching what is sold."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

import pytest
from tests.support.bookings import import_catalogue
from tests.support.caller import Caller, Connection, owner, service
from tests.support.example import (
    ABSENT,
    BANQUET,
    BRUNCH,
    CEREMONY,
    EVENTS,
    FUNCTION,
    HALL,
    INES,
    LADIES,
    LUNCHEON,
    ORGANISATION,
    OWNER,
    REGISTRATION,
    STRANGER,
    TOMAS,
    Document,
    drop,
    other_event,
    other_id,
    part,
    pool,
    selection,
)
from tests.support.stored import dump, pool_counters, rows


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


# The document


def test_import_catalogue_stores_the_example_event(db: Connection, catalogue: Document) -> None:
    answer = import_catalogue(db, catalogue)
    assert answer == {
        "success": True,
        "function_id": FUNCTION,
        "events": 6,
        "ticket_types": 9,
        "packages": 5,
        "capacity_pools": 15,
        "deactivated": 0,
        "changes": answer["changes"],
        "warnings": [],
        "server_time": answer["server_time"],
    }
    assert {each["change"] for each in answer["changes"]} == {"added"}
    assert rows(db, "SELECT organisation_id::text, slug, name FROM ticketing.organisations") == [
        catalogue["organisation"]
    ]
    (function,) = rows(db, "SELECT * FROM ticketing.functions")
    assert function == function | {
        "function_id": UUID(FUNCTION),
        "organisation_id": UUID(ORGANISATION),
        "slug": "grand-proclamation-2031",
        "name": "Grand Proclamation 2031",
        "currency": "AUD",
        "timezone": "Australia/Sydney",
        "status": "published",
        "registration_opens_at": None,
        "registration_closes_at": None,
        "changes_until": None,
        "refunds_until": None,
        "selection_mode": "exclusive",
        "hold_minutes": 30,
        "payment_minutes": 30,
        "max_hold_minutes": 1440,
    }
    assert function["starts_at"].isoformat() == "2031-09-19T09:00:00+00:00"
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


def test_import_catalogue_stores_everything_of_the_document(
    db: Connection, catalogue: Document
) -> None:
    catalogue["function"] |= {
        "registration_opens_at": "2025-01-01T00:00:00Z",
        "registration_closes_at": "2025-09-01T00:00:00+10:00",
        "changes_until": "2025-09-02T00:00:00+10:00",
        "refunds_until": "2025-09-01T12:30:00.5-03:30",
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
    assert import_catalogue(db, catalogue)["capacity_pools"] == 17
    (function,) = rows(db, "SELECT * FROM ticketing.functions")
    assert function["registration_opens_at"].isoformat() == "2025-01-01T00:00:00+00:00"
    assert function["registration_closes_at"].isoformat() == "2025-08-31T14:00:00+00:00"
    assert function["changes_until"].isoformat() == "2025-09-01T14:00:00+00:00"
    assert function["refunds_until"].isoformat() == "2025-09-01T16:00:00.500000+00:00"
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


RULE: Document = {"type": "attendee_type", "operator": "equals", "value": "guest"}


def test_import_catalogue_stores_eligibility_of_every_kind(
    db: Connection, catalogue: Document
) -> None:
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
    import_catalogue(db, catalogue)
    (row,) = rows(
        db, "SELECT eligibility FROM ticketing.ticket_types WHERE ticket_type_id = %s", BRUNCH
    )
    assert row["eligibility"] == eligibility


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
def test_import_catalogue_reads_and_updates_every_column(db: Connection, table: str) -> None:
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


@pytest.mark.usefixtures("persisted")
def test_import_catalogue_again_changes_nothing(event_db: Connection, catalogue: Document) -> None:
    before = dump(event_db)
    unstamped = dump(event_db, without=["updated_at"])
    answer = import_catalogue(event_db, catalogue)
    assert (answer["deactivated"], answer["capacity_pools"]) == (0, 15)
    after = dump(event_db)
    # the function alone says when it was last imported
    assert {table for table in after if after[table] != before[table]} == {"functions"}
    assert dump(event_db, without=["updated_at"]) == unstamped


def test_import_catalogue_treats_null_like_an_absent_key(
    event_db: Connection, catalogue: Document
) -> None:
    before = dump(event_db, without=["updated_at"])
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
    import_catalogue(event_db, catalogue)
    assert dump(event_db, without=["updated_at"]) == before


def test_import_catalogue_keeps_two_functions_apart(
    event_db: Connection, catalogue: Document
) -> None:
    first = dump(event_db)
    other = other_event(catalogue)
    # even with the same organisation and the same ids below the function
    other["organisation"] = catalogue["organisation"]
    for section in ("events", "ticket_types", "packages"):
        other[section] = catalogue[section]
    import_catalogue(event_db, other)
    assert pool_counters(event_db) == pool_counters(event_db, other_id(FUNCTION))
    both = dump(event_db)
    for table, lines in first.items():
        assert set(lines) <= set(both[table])
    drop(other, BRUNCH, EVENTS[BRUNCH], LADIES)
    assert import_catalogue(event_db, other)["deactivated"] == 3
    for table, lines in first.items():
        assert set(lines) <= set(dump(event_db)[table])


# Sales that are over

OVER = "2020-03-01T12:00:00+11:00"
SINCE = "its sale ended on 2020-03-01 12:00 (Australia/Sydney)."
WITH = ", Ceremony & Banquet"


def end_events(catalogue: Document) -> None:
    """Move all events into the past."""
    for event in catalogue["events"]:
        event |= {"starts_at": "2020-03-01T10:00:00+11:00", "ends_at": OVER}


@pytest.mark.parametrize(
    ("change", "warnings"),
    [
        (
            lambda c: part(c, BRUNCH).update(sale_ends_at=OVER),
            [f"Ladies Brunch{rest} cannot be bought: {SINCE}" for rest in ("", WITH)],
        ),
        (
            lambda c: part(c, LADIES).update(sale_ends_at=OVER),
            [f"Ladies Brunch{WITH} cannot be bought: {SINCE}"],
        ),
        (lambda c: part(c, LADIES).update(sale_ends_at=OVER, is_active=False), []),
        (end_events, [f"Nothing of Grand Proclamation 2031 can be bought: {SINCE}"]),
        (
            lambda c: c["function"].update(registration_closes_at=OVER),
            [f"Nothing of Grand Proclamation 2031 can be bought: {SINCE}"],
        ),
        (
            lambda c: c["function"].update(registration_closes_at=OVER, status="closed"),
            [],
        ),
    ],
    ids=["ticket type", "package", "inactive", "all events", "registration", "closed"],
)
def test_import_catalogue_warns_of_a_sale_that_is_over(
    db: Connection,
    catalogue: Document,
    change: Callable[[Document], object],
    warnings: Sequence[str],
) -> None:
    change(catalogue)
    assert import_catalogue(db, catalogue)["warnings"] == warnings


def test_import_catalogue_warns_of_what_it_has_changed(db: Connection, catalogue: Document) -> None:
    import_catalogue(db, catalogue)
    brunch = next(e for e in catalogue["events"] if e["event_id"] == EVENTS[BRUNCH])
    brunch |= {"starts_at": "2020-03-01T10:00:00+11:00", "ends_at": OVER}
    assert len(import_catalogue(db, catalogue)["warnings"]) == 2
    # it has been said, as it would be of a sale that has ended in the meantime
    part(catalogue, LUNCHEON)["name"] = "Lunch"
    assert import_catalogue(db, catalogue)["warnings"] == []


# Until when what is paid may be changed

UNTIL, LATER = "2031-09-01T10:00:00+10:00", "2031-09-01T11:00:00+10:00"
"""Before the function, and an hour later."""
AFTER = "2031-09-21T05:00:01Z"
"""A second after its end."""
ENDS = "Grand Proclamation 2031, 2031-09-21 15:00 (Australia/Sydney)."
LATE = "2031-09-21 15:00 (Australia/Sydney)"


@pytest.mark.parametrize(
    ("function", "warnings"),
    [
        ({"changes_until": LATER, "refunds_until": UNTIL}, []),
        ({"changes_until": UNTIL, "refunds_until": UNTIL}, []),
        ({"changes_until": UNTIL}, []),
        # an owner who may change nothing may be allowed to cancel
        ({"refunds_until": UNTIL}, []),
        ({"changes_until": "2031-09-21T15:00:00+10:00"}, []),
        ({"changes_until": AFTER, "refunds_until": AFTER, "ends_at": None}, []),
        (
            {"changes_until": UNTIL, "refunds_until": LATER},
            [
                (
                    "After changes_until, 2031-09-01 10:00 (Australia/Sydney), what is paid can"
                    " only be cancelled as a whole: refunds_until, 2031-09-01 11:00"
                    " (Australia/Sydney), is later."
                )
            ],
        ),
        (
            {"changes_until": AFTER, "refunds_until": AFTER},
            [
                f"changes_until, {LATE}, is later than the end of {ENDS}",
                f"refunds_until, {LATE}, is later than the end of {ENDS}",
            ],
        ),
        (
            {"refunds_until": AFTER},
            [f"refunds_until, {LATE}, is later than the end of {ENDS}"],
        ),
    ],
    ids=[
        *("refunds first", "together", "changes only", "refunds only", "until the end", "no end"),
        *("refunds last", "after the end", "refunds after the end"),
    ],
)
def test_import_catalogue_warns_of_deadlines_that_contradict(
    db: Connection, catalogue: Document, function: Document, warnings: Sequence[str]
) -> None:
    catalogue["function"] |= function
    assert import_catalogue(db, catalogue)["warnings"] == warnings
    stored = rows(db, "SELECT changes_until, refunds_until FROM ticketing.functions")[0]
    assert {key: value is not None for key, value in stored.items()} == {
        key: key in function for key in ("changes_until", "refunds_until")
    }


@pytest.mark.parametrize("key", ["changes_until", "refunds_until"])
@pytest.mark.parametrize("ending", [None, "absent"])
def test_import_catalogue_changes_and_ends_a_deadline(
    db: Connection, catalogue: Document, key: str, ending: str | None
) -> None:
    def changes() -> list[tuple[str, list[str]]]:
        answer = import_catalogue(db, catalogue)
        return [(change["kind"], change["keys"]) for change in answer["changes"]]

    def value() -> object:
        (row,) = rows(db, "SELECT changes_until, refunds_until FROM ticketing.functions")
        return row[key] and row[key].isoformat()

    import_catalogue(db, catalogue)
    assert value() is None
    for until, stored in (
        (UNTIL, "2031-09-01T00:00:00+00:00"),
        (LATER, "2031-09-01T01:00:00+00:00"),
    ):
        catalogue["function"][key] = until
        assert changes() == [("function", [key])]
        assert value() == stored
    # the same point in time
    catalogue["function"][key] = "2031-08-31T21:30:00-03:30"
    assert changes() == []
    if ending is None:
        catalogue["function"][key] = None
    else:
        del catalogue["function"][key]
    assert changes() == [("function", [key])]
    assert value() is None


# Changes in place


@pytest.mark.usefixtures("persisted")
def test_import_catalogue_changes_prices_except_of_held_tickets(
    event_db: Connection, catalogue: Document
) -> None:
    tickets = dump(event_db)["tickets"]
    part(catalogue, CEREMONY)["price"] = "25.00"
    part(catalogue, LADIES)["price"] = "200.00"
    assert import_catalogue(event_db, catalogue)["deactivated"] == 0
    assert dump(event_db)["tickets"] == tickets
    assert rows(
        event_db, "SELECT price FROM ticketing.ticket_types WHERE ticket_type_id = %s", CEREMONY
    ) == [{"price": Decimal("25.00")}]
    assert pool_counters(event_db)[BANQUET] == (480, 4, 0)
    answer = owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={CEREMONY: 2, BANQUET: 1})},
    )
    assert sorted(row["price_paid"] for row in answer["tickets"]) == [20, 25, 115]


@pytest.mark.usefixtures("persisted")
def test_import_catalogue_changes_names_and_times(
    event_db: Connection, catalogue: Document
) -> None:
    catalogue["organisation"]["name"] = "The Lodge"
    catalogue["function"] |= {"name": "The Weekend", "slug": "the-weekend", "status": "closed"}
    part(catalogue, EVENTS[BRUNCH]).update(title="Brunch", starts_at="2031-09-20T11:00:00+10:00")
    part(catalogue, BRUNCH)["name"] = "Brunch for ladies"
    tickets = dump(event_db)["tickets"]
    import_catalogue(event_db, catalogue)
    assert dump(event_db)["tickets"] == tickets
    assert rows(event_db, "SELECT name FROM ticketing.organisations") == [{"name": "The Lodge"}]
    assert rows(event_db, "SELECT name, slug, status FROM ticketing.functions") == [
        {"name": "The Weekend", "slug": "the-weekend", "status": "closed"}
    ]
    (event,) = rows(
        event_db,
        """
        SELECT event.title, event.starts_at, pool.name FROM ticketing.events AS event
        INNER JOIN ticketing.capacity_pools AS pool ON pool.capacity_pool_id = event.event_id
        WHERE event.event_id = %s
        """,
        EVENTS[BRUNCH],
    )
    # its pool is called after it
    assert (event["title"], event["name"]) == ("Brunch", "Brunch")
    assert event["starts_at"].isoformat() == "2031-09-20T01:00:00+00:00"
    assert rows(
        event_db, "SELECT name FROM ticketing.ticket_types WHERE ticket_type_id = %s", BRUNCH
    ) == [{"name": "Brunch for ladies"}]


@pytest.mark.usefixtures("persisted")
def test_import_catalogue_exchanges_slugs_of_events(
    event_db: Connection, catalogue: Document
) -> None:
    first, second = (part(catalogue, EVENTS[type_]) for type_ in (BRUNCH, LUNCHEON))
    first["slug"], second["slug"] = second["slug"], first["slug"]
    import_catalogue(event_db, catalogue)
    stored = {
        row["id"]: row["slug"]
        for row in rows(event_db, "SELECT event_id::text AS id, slug FROM ticketing.events")
    }
    assert stored == {event["event_id"]: event["slug"] for event in catalogue["events"]}


@pytest.mark.usefixtures("persisted")
def test_import_catalogue_gives_the_slug_of_a_dropped_event_to_another(
    event_db: Connection, catalogue: Document
) -> None:
    dropped = part(catalogue, EVENTS[BRUNCH])
    dropped_type, package = part(catalogue, BRUNCH), part(catalogue, LADIES)
    drop(catalogue, EVENTS[BRUNCH], BRUNCH, LADIES)
    catalogue["events"].append(dropped | {"event_id": ABSENT, "capacity": None})
    import_catalogue(event_db, catalogue)
    assert stored_slugs(event_db, dropped["slug"]) == {ABSENT: True, EVENTS[BRUNCH]: False}
    # dropped in its turn, or with its slug given to one that was there before
    for taker in (OTHER, EVENTS[LUNCHEON]):
        drop(catalogue, ABSENT, OTHER)
        if taker == OTHER:
            catalogue["events"].append(dropped | {"event_id": OTHER, "capacity": None})
        else:
            part(catalogue, taker)["slug"] = dropped["slug"]
        import_catalogue(event_db, catalogue)
        stored = stored_slugs(event_db, dropped["slug"])
        assert [event for event, is_active in stored.items() if is_active] == [taker]
    # back on sale it needs a slug that is free
    catalogue["events"].append(dropped)
    catalogue["ticket_types"].append(dropped_type)
    catalogue["packages"].append(package)
    refusal = service(event_db).refusal("import_catalogue", p_catalogue=catalogue)
    assert [code for code, _ in refusal.found] == ["slug_taken"]
    dropped["slug"] = "brunch-again"
    import_catalogue(event_db, catalogue)
    assert stored_slugs(event_db, "brunch-again") == {EVENTS[BRUNCH]: True}


OTHER = "00000000-0000-4000-8000-000000000009"


def stored_slugs(db: Connection, slug: str) -> dict[str, bool]:
    """Return the events with a slug, and whether each is active."""
    return {
        row["id"]: row["is_active"]
        for row in rows(
            db,
            "SELECT event_id::text AS id, is_active FROM ticketing.events WHERE slug = %s",
            slug,
        )
    }


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


@pytest.mark.usefixtures("persisted")
def test_import_catalogue_deactivates_what_is_no_longer_named(
    event_db: Connection, catalogue: Document
) -> None:
    before = dump(event_db, without=["is_active", "updated_at"])
    offered = inactive(event_db)
    drop(catalogue, EVENTS[BRUNCH], BRUNCH, LADIES)
    assert import_catalogue(event_db, catalogue)["deactivated"] == 3
    assert dump(event_db, without=["is_active", "updated_at"]) == before
    assert inactive(event_db) - offered == {EVENTS[BRUNCH], BRUNCH, LADIES}
    # the capacity stays in use
    assert pool_counters(event_db)[BRUNCH] == (100, 1, 0)
    refusal = owner(event_db).refusal(
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
    assert import_catalogue(event_db, catalogue)["deactivated"] == 0


@pytest.mark.usefixtures("persisted")
def test_import_catalogue_activates_what_comes_back(
    event_db: Connection, catalogue: Document
) -> None:
    before = dump(event_db, without=["updated_at"])
    brunch = part(catalogue, BRUNCH), part(catalogue, EVENTS[BRUNCH]), part(catalogue, LADIES)
    drop(catalogue, BRUNCH, EVENTS[BRUNCH], LADIES)
    import_catalogue(event_db, catalogue)
    for section, element in zip(("ticket_types", "events", "packages"), brunch, strict=True):
        catalogue[section].append(element)
    import_catalogue(event_db, catalogue)
    assert dump(event_db, without=["updated_at"]) == before


# Who may


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_import_catalogue_is_for_owners_and_admins_of_the_organisation(
    event_db: Connection, catalogue: Document, role: str
) -> None:
    part(catalogue, BRUNCH)["price"] = "55.00"
    answer = enrol(event_db, role, OWNER).call("import_catalogue", p_catalogue=catalogue)
    assert answer["success"] is True
    # also another function of the organisation
    other = other_event(catalogue) | {"organisation": catalogue["organisation"]}
    assert Caller(event_db, "authenticated", OWNER).call("import_catalogue", p_catalogue=other)


def test_not_allowed_is_raised_for_every_other_caller(
    event_db: Connection, catalogue: Document
) -> None:
    other = other_event(catalogue)
    import_catalogue(event_db, other)
    strangers = other["organisation"]["organisation_id"]
    for caller in (
        enrol(event_db, "staff", OWNER),
        enrol(event_db, "owner", STRANGER, strangers),
        Caller(event_db, "authenticated", ABSENT),
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


def test_not_authenticated_is_raised_for_visitors(
    event_db: Connection, catalogue: Document
) -> None:
    for caller in (Caller(event_db, "authenticated"), Caller(event_db, "anon", OWNER)):
        documents: tuple[object, ...] = (catalogue, [], None)
        for document in documents:
            refusal = caller.refusal("import_catalogue", p_catalogue=document)
            assert refusal.found == [("not_authenticated", "p_catalogue")]


def test_not_allowed_is_raised_for_a_new_organisation(
    event_db: Connection, catalogue: Document
) -> None:
    admin = enrol(event_db, "admin", OWNER)
    refusal = admin.refusal("import_catalogue", p_catalogue=other_event(catalogue))
    assert refusal.sqlstate == "42501"
