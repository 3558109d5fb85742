"""import_catalogue: capacities, and what may not change once tickets are held."""

from collections.abc import Callable, Mapping

import pytest
from tests.support.bookings import import_catalogue
from tests.support.caller import Connection, owner, service
from tests.support.example import (
    ABSENT,
    ALL_EVENTS,
    BANQUET,
    BRUNCH,
    CEREMONY,
    COMMUNICATION,
    EVENTS,
    HALL,
    INES,
    LADIES,
    LUNCHEON,
    MASONS,
    MEZZANINE,
    RECEPTION,
    REGISTRATION,
    TOMAS,
    Document,
    part,
    pool,
    selection,
)
from tests.support.refusals import refused_import
from tests.support.stored import pool_counters, rows

# Capacities


def test_import_catalogue_makes_pools_of_capacities(
    event_db: Connection, catalogue: Document
) -> None:
    assert pool_counters(event_db) == {
        element[key]: (element["capacity"], 0, 0)
        for section, key in (("events", "event_id"), ("ticket_types", "ticket_type_id"))
        for element in catalogue[section]
    }
    assert rows(
        event_db,
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
    assert rows(event_db, "SELECT * FROM ticketing.package_pools") == []


@pytest.mark.usefixtures("persisted")
def test_capacity_below_use_is_raised_for_a_smaller_capacity(
    event_db: Connection, catalogue: Document
) -> None:
    part(catalogue, BANQUET)["capacity"] = 3
    part(catalogue, EVENTS[BANQUET])["capacity"] = 0
    refusal = service(event_db).refusal("import_catalogue", p_catalogue=catalogue)
    assert refusal.sqlstate == "TK004"
    assert [
        (issue["code"], issue["path"], issue["expected"], issue["actual"], issue["item_name"])
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
    import_catalogue(event_db, catalogue)
    assert pool_counters(event_db)[BANQUET] == (4, 4, 0)


@pytest.mark.usefixtures("persisted")
def test_import_catalogue_raises_a_capacity(event_db: Connection, catalogue: Document) -> None:
    for capacity in (1, 2):
        part(catalogue, BRUNCH)["capacity"] = capacity
        import_catalogue(event_db, catalogue)
        assert pool_counters(event_db)[BRUNCH] == (capacity, 1, 0)
    owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={BRUNCH: 1})},
    )
    assert pool_counters(event_db)[BRUNCH] == (2, 2, 0)


def test_import_catalogue_makes_no_pool_without_a_capacity(
    db: Connection, catalogue: Document
) -> None:
    for element_id in (BANQUET, EVENTS[BANQUET]):
        del part(catalogue, element_id)["capacity"]
    assert import_catalogue(db, catalogue)["capacity_pools"] == 13
    assert not {BANQUET, EVENTS[BANQUET]} & set(pool_counters(db))


@pytest.mark.usefixtures("persisted")
def test_import_catalogue_ends_a_pool_whose_capacity_is_null(
    event_db: Connection, catalogue: Document
) -> None:
    catalogue["function"]["max_held_per_owner"] = 1000
    for element_id in (BANQUET, EVENTS[BANQUET]):
        part(catalogue, element_id)["capacity"] = None
    assert import_catalogue(event_db, catalogue)["capacity_pools"] == 13
    assert not {BANQUET, EVENTS[BANQUET]} & set(pool_counters(event_db))
    owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={BANQUET: 600})},
    )
    # and with one again, it counts what was sold meanwhile
    part(catalogue, BANQUET)["capacity"] = 603
    import_catalogue(event_db, catalogue)
    assert pool_counters(event_db)[BANQUET] == (603, 603, 0)


@pytest.mark.usefixtures("persisted")
def test_pool_counts_what_is_held_when_it_is_new(event_db: Connection, catalogue: Document) -> None:
    part(catalogue, LADIES)["capacity"] = 5
    catalogue["pools"] = [pool(HALL, 11, [CEREMONY, BANQUET, RECEPTION], [ALL_EVENTS, LADIES])]
    import_catalogue(event_db, catalogue)
    # four ceremonies, four banquets, a reception; and two packages
    assert pool_counters(event_db)[HALL] == (11, 11, 0)
    assert pool_counters(event_db)[LADIES] == (5, 1, 0)
    refusal = owner(event_db).refusal(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={CEREMONY: 2, BANQUET: 1})},
    )
    assert refusal.sqlstate == "TK005"


TABLES = "01974a10-0000-7000-8000-0000000000e2"


@pytest.mark.usefixtures("persisted")
def test_pool_counts_anew_when_a_type_enters_or_leaves(
    event_db: Connection, catalogue: Document
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
        assert import_catalogue(event_db, catalogue)["capacity_pools"] == 17
        assert pool_counters(event_db)[HALL] == (100, used, 0)
        assert pool_counters(event_db)[TABLES] == (50, 1, 0)
    catalogue["pools"][0]["capacity"] = 7
    sqlstate, issues = refused_import(event_db, catalogue)
    assert (sqlstate, issues) == (
        "TK004",
        [("capacity_below_use", "p_catalogue.pools[0].capacity")],
    )
    catalogue["pools"] = []
    assert import_catalogue(event_db, catalogue)["capacity_pools"] == 15


@pytest.mark.usefixtures("persisted")
def test_capacity_below_use_is_raised_for_a_new_pool(
    event_db: Connection, catalogue: Document
) -> None:
    catalogue["pools"] = [pool(HALL, 3, [CEREMONY], [])]
    refusal = service(event_db).refusal("import_catalogue", p_catalogue=catalogue)
    assert refusal.sqlstate == "TK004"
    assert refusal.found == [("capacity_below_use", "p_catalogue.pools[0].capacity")]
    assert (refusal.issues[0]["expected"], refusal.issues[0]["actual"]) == (4, 3)
    assert HALL not in pool_counters(event_db)


@pytest.mark.usefixtures("persisted")
def test_pool_counts_sales_of_all_its_types(event_db: Connection, catalogue: Document) -> None:
    catalogue["pools"] = [pool(HALL, 11, [CEREMONY, BANQUET], [])]
    import_catalogue(event_db, catalogue)
    refusal = owner(event_db).refusal(
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
    owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={TOMAS: selection(tickets={CEREMONY: 3, BANQUET: 2})},
    )
    assert pool_counters(event_db)[HALL] == (11, 11, 0)


# What may not change any more

CONTENT_CHANGES: Mapping[str, Callable[[list[Document]], object]] = {
    "one thing less": lambda items: items.pop(),
    "another quantity": lambda items: items[0].update(quantity=2),
    "one thing more": lambda items: items.append({"ticket_type_id": LUNCHEON, "quantity": 1}),
    "another ticket type": lambda items: items[0].update(ticket_type_id=LUNCHEON),
}


@pytest.mark.usefixtures("persisted")
@pytest.mark.parametrize("change", CONTENT_CHANGES.values(), ids=CONTENT_CHANGES)
def test_contents_locked_is_raised_while_a_package_has_tickets(
    event_db: Connection, catalogue: Document, change: Callable[[list[Document]], object]
) -> None:
    change(part(catalogue, LADIES)["items"])
    assert refused_import(event_db, catalogue) == (
        "TK004",
        [("contents_locked", "p_catalogue.packages[4].items")],
    )
    owner(event_db).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={INES: selection()},
    )
    import_catalogue(event_db, catalogue)
    assert sorted(
        (row["id"], row["quantity"])
        for row in rows(
            event_db,
            """
            SELECT ticket_type_id::text AS id, quantity FROM ticketing.package_items
            WHERE package_id = %s
            """,
            LADIES,
        )
    ) == sorted(
        (item["ticket_type_id"], item["quantity"]) for item in part(catalogue, LADIES)["items"]
    )


@pytest.mark.usefixtures("persisted")
def test_import_catalogue_accepts_contents_in_another_order(
    event_db: Connection, catalogue: Document
) -> None:
    part(catalogue, LADIES)["items"].reverse()
    import_catalogue(event_db, catalogue)


def test_event_locked_is_raised_for_another_event(
    event_db: Connection, catalogue: Document
) -> None:
    part(catalogue, BRUNCH)["event_id"] = EVENTS[LUNCHEON]
    assert refused_import(event_db, catalogue) == (
        "TK004",
        [("event_locked", "p_catalogue.ticket_types[7].event_id")],
    )


def test_currency_locked_is_raised_once_there_are_registrations(
    event_db: Connection, catalogue: Document, wizard_state: Document
) -> None:
    catalogue["function"]["currency"] = "NZD"
    import_catalogue(event_db, catalogue)
    assert rows(event_db, "SELECT currency FROM ticketing.functions") == [{"currency": "NZD"}]
    owner(event_db).call(
        "create_individual_registration_jsonb", p_registration_data=wizard_state["registration"]
    )
    catalogue["function"]["currency"] = "AUD"
    assert refused_import(event_db, catalogue) == (
        "TK004",
        [("currency_locked", "p_catalogue.function.currency")],
    )


def test_organisation_locked_is_raised_for_another_organisation(
    event_db: Connection, catalogue: Document
) -> None:
    catalogue["organisation"] |= {"organisation_id": ABSENT, "slug": "another"}
    assert refused_import(event_db, catalogue) == (
        "TK004",
        [("organisation_locked", "p_catalogue.organisation.organisation_id")],
    )
