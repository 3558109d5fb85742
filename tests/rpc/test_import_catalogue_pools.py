"""import_catalogue: pools and their limits while there are tickets."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import pytest
from tests.support.bookings import import_catalogue, integrity, let_lapse, pay
from tests.support.caller import Caller, Connection, Document, anonymous, service
from tests.support.crowd import (
    BOAT,
    DAY,
    FAMILY,
    FUNCTION,
    GARDEN,
    HALL,
    ORGANISATION,
    SEAT,
    SHARED,
    STAND,
    WALK,
    buy,
    catalogue,
    pool,
    selection,
    uid,
)
from tests.support.example import OWNER, drop, part

FIRST, SECOND, THIRD, FOURTH = (uid(0xA1 + number) for number in range(4))

Change: TypeAlias = Callable[[Document], object]


def left(db: Connection, element_id: str) -> int | None:
    """Return how many of an event, ticket type or package a visitor finds left."""
    answer = anonymous(db).call("get_ticket_availability", p_function_id=FUNCTION)
    available: int | None = part(answer, element_id)["available"]
    return available


def sell(db: Connection, registration: str, **chosen: int) -> None:
    """Sell so many of each, by lower-case name."""
    buy(db, registration, selection(**chosen))
    pay(db, registration)


def refused_sale(db: Connection, registration: str, **chosen: int) -> str:
    """Return the SQLSTATE with which a purchase is refused."""
    with pytest.raises(Exception, match="left") as refusal:
        buy(db, registration, selection(**chosen))
    return str(getattr(refusal.value, "sqlstate", None))


def without(*element_ids: str) -> Change:
    """Leave elements out of a document, and out of its pools."""

    def change(document: Document) -> None:
        drop(document, *element_ids)
        leave(document, *element_ids)

    return change


def leave(document: Document, *element_ids: str) -> None:
    """Take ticket types and packages out of the shared pools of a document."""
    for shared in document["pools"]:
        for key in ("ticket_type_ids", "package_ids"):
            shared[key] = [each for each in shared[key] if each not in element_ids]


def inactive(element_id: str, *members: str) -> Change:
    """Make an element inactive, and take what is no longer sold out of the pools."""

    def change(document: Document) -> None:
        part(document, element_id)["is_active"] = False
        leave(document, *(members or (element_id,)))

    return change


# What is no longer sold

NO_LONGER_SOLD: Mapping[str, tuple[Sequence[str], Document, Change, str]] = {
    # members of the pool, what is bought, the change, and what is still sold from the pool
    "a ticket type is left out": ([SEAT, STAND], {"seat": 7}, without(SEAT, DAY), "stand"),
    "a ticket type is inactive": ([SEAT, STAND], {"seat": 7}, inactive(SEAT), "stand"),
    "an event is left out": (
        [WALK, BOAT, STAND],
        {"walk": 4, "boat": 3},
        without(GARDEN, WALK, BOAT, DAY, FAMILY),
        "stand",
    ),
    "an event is inactive": (
        [WALK, BOAT, STAND],
        {"walk": 4, "boat": 3},
        inactive(GARDEN, WALK, BOAT),
        "stand",
    ),
    "a package is left out": ([DAY, STAND], {"day": 7}, without(DAY), "stand"),
    "a package is inactive": ([FAMILY, SEAT], {"family": 7}, inactive(FAMILY), "seat"),
    "what is in a package is left out": (
        [SEAT, STAND],
        {"day": 7},
        without(SEAT, DAY),
        "stand",
    ),
}


@pytest.mark.parametrize("is_paid", [True, False], ids=["sold", "held"])
@pytest.mark.parametrize(
    ("members", "bought", "change", "other"), NO_LONGER_SOLD.values(), ids=NO_LONGER_SOLD
)
def test_pool_goes_on_counting_what_is_no_longer_sold(
    db: Connection,
    members: Sequence[str],
    bought: Mapping[str, int],
    change: Change,
    other: str,
    *,
    is_paid: bool,
) -> None:
    import_catalogue(db, catalogue({SHARED: 12}, shared=members))
    buy(db, FIRST, selection(**bought))
    if is_paid:
        pay(db, FIRST)
    document = catalogue({SHARED: 12}, shared=members)
    change(document)
    for _ in range(2):  # an import that repeats the document changes nothing
        import_catalogue(db, document)
        assert left(db, {"stand": STAND, "seat": SEAT}[other]) == 5
        assert pool(db, SHARED) == ((12, 0, 7) if is_paid else (12, 7, 0))
    assert refused_sale(db, SECOND, **{other: 6}) == "TK005"
    buy(db, SECOND, selection(**{other: 5}))
    assert integrity(db) == []
    part(document, SHARED)["capacity"] = 11
    refusal = service(db).refusal("import_catalogue", p_catalogue=document)
    assert refusal.found == [("capacity_below_use", "p_catalogue.pools[0].capacity")]
    assert refusal.issues[0]["expected"] == 12


def test_pool_that_was_ended_meanwhile_counts_what_is_no_longer_sold(db: Connection) -> None:
    both = catalogue({SHARED: 12}, shared=[SEAT, STAND])
    import_catalogue(db, both)
    sell(db, FIRST, seat=7)
    document = catalogue({SHARED: 12}, shared=[STAND])
    drop(document, SEAT, DAY)
    import_catalogue(db, document | {"pools": []})
    assert left(db, STAND) is None
    sell(db, SECOND, stand=2)
    import_catalogue(db, document)
    assert left(db, STAND) == 3
    assert pool(db, SHARED) == (12, 0, 9)
    assert integrity(db) == []
    # back on sale, it shares the pool again
    import_catalogue(db, both)
    assert (left(db, SEAT), left(db, STAND)) == (3, 3)


def test_pool_is_left_by_what_is_no_longer_sold_once_it_has_no_tickets(db: Connection) -> None:
    import_catalogue(db, catalogue({SHARED: 12}, shared=[SEAT, STAND]))
    sell(db, FIRST, seat=7)
    document = catalogue({SHARED: 12}, shared=[STAND])
    drop(document, SEAT, DAY)
    import_catalogue(db, document)
    assert left(db, STAND) == 5
    service(db).call("cancel_registration", p_registration_id=FIRST)
    assert left(db, STAND) == 12
    document["pools"][0]["ticket_type_ids"] = [WALK]
    import_catalogue(db, document)
    assert (left(db, STAND), left(db, WALK)) == (None, 12)
    import_catalogue(db, document | {"pools": []})
    assert db.execute("SELECT FROM ticketing.capacity_pools").fetchall() == []


def test_pool_counts_what_is_sold_again_as_the_document_says(db: Connection) -> None:
    document = catalogue({SHARED: 12}, shared=[SEAT, STAND])
    import_catalogue(db, document)
    sell(db, FIRST, seat=7, stand=1)
    smaller = catalogue({SHARED: 12}, shared=[STAND])
    drop(smaller, SEAT, DAY)
    import_catalogue(db, smaller)
    assert left(db, STAND) == 4
    # active, but not in the pool: its tickets no longer count there, and the answer says so
    (warning,) = import_catalogue(db, catalogue({SHARED: 12}, shared=[STAND]))["warnings"]
    assert warning == "Seat leaves the pool Shared, where its tickets no longer count."
    assert (left(db, SEAT), left(db, STAND)) == (None, 11)
    assert import_catalogue(db, document)["warnings"] == []
    assert (left(db, SEAT), left(db, STAND)) == (4, 4)


def test_event_with_a_capacity_again_counts_what_is_no_longer_sold(db: Connection) -> None:
    import_catalogue(db, catalogue({HALL: 12}))
    sell(db, FIRST, seat=7)
    for capacity, expected in ((12, 5), (None, None), (20, 13)):
        document = catalogue({} if capacity is None else {HALL: capacity})
        drop(document, SEAT, DAY)
        import_catalogue(db, document)
        assert left(db, STAND) == expected
        assert left(db, HALL) == expected
    assert pool(db, HALL) == (20, 0, 7)
    assert integrity(db) == []


def test_check_integrity_sees_a_pool_oversold_by_what_is_no_longer_sold(db: Connection) -> None:
    import_catalogue(db, catalogue({SHARED: 12}, shared=[SEAT, STAND]))
    sell(db, FIRST, seat=7)
    document = catalogue({SHARED: 12}, shared=[STAND])
    drop(document, SEAT, DAY)
    import_catalogue(db, document)
    # as if its tickets had been forgotten, and the pool sold once more
    db.execute("UPDATE ticketing.capacity_pools SET sold = 0")
    sell(db, SECOND, stand=12)
    (fault,) = integrity(db)
    assert fault["check_name"] == "pool_counters"
    assert fault["detail"]["counted"] == {"reserved": 0, "sold": 19}
    assert fault["detail"]["capacity"] == 12


# Overdue holds


@pytest.mark.parametrize("pool_id", [SEAT, HALL, SHARED], ids=["own", "event's", "shared"])
@pytest.mark.parametrize("caller", ["service", "admin"])
@pytest.mark.parametrize("moves", [False, True], ids=["same members", "other members"])
def test_import_catalogue_accepts_a_capacity_that_only_overdue_holds_exceed(
    db: Connection, pool_id: str, caller: str, *, moves: bool
) -> None:
    import_catalogue(db, catalogue({pool_id: 8}, shared=[SEAT]))
    sell(db, FIRST, seat=3)
    for registration, quantity in ((SECOND, 3), (THIRD, 1)):
        buy(db, registration, selection(seat=quantity))
        let_lapse(db, registration)
    db.execute(
        "INSERT INTO ticketing.organisation_members VALUES (%s, %s, 'admin')", [ORGANISATION, OWNER]
    )
    importer = service(db) if caller == "service" else Caller(db, "authenticated", OWNER)
    shared = [SEAT, STAND] if moves else [SEAT]
    document = catalogue({pool_id: 2}, shared=shared)
    refusal = importer.refusal("import_catalogue", p_catalogue=document)
    assert [issue["code"] for issue in refusal.issues] == ["capacity_below_use"]
    # what can be freed has been: the sold tickets are in the way
    assert (refusal.issues[0]["expected"], refusal.issues[0]["actual"]) == (3, 2)
    for capacity in (4, 3):
        document = catalogue({pool_id: capacity}, shared=shared)
        importer.call("import_catalogue", p_catalogue=document)
        assert left(db, SEAT) == capacity - 3
        assert integrity(db) == []
    assert refused_sale(db, FOURTH, seat=1) == "TK005"


def test_import_catalogue_expires_no_more_overdue_holds_than_it_needs(db: Connection) -> None:
    import_catalogue(db, catalogue({SEAT: 8, STAND: 8}))
    for registration, chosen in (
        (FIRST, {"seat": 4}),
        (SECOND, {"seat": 3}),
        (THIRD, {"stand": 2}),
    ):
        buy(db, registration, selection(**chosen))
    for registration in (FIRST, THIRD):
        let_lapse(db, registration)
    import_catalogue(db, catalogue({SEAT: 5, STAND: 5}))
    statuses = dict(
        db.execute("SELECT registration_id::text, status FROM ticketing.registrations").fetchall()
    )
    assert statuses == {FIRST: "expired", SECOND: "draft", THIRD: "draft"}
    assert (left(db, SEAT), left(db, STAND)) == (2, 5)
    # a hold that lives does count
    refusal = service(db).refusal("import_catalogue", p_catalogue=catalogue({SEAT: 2, STAND: 5}))
    assert refusal.issues[0]["expected"] == 3


def test_repair_capacity_counts_overdue_holds_as_free(db: Connection) -> None:
    import_catalogue(db, catalogue({SEAT: 8}))
    sell(db, FIRST, seat=3)
    buy(db, SECOND, selection(seat=4))
    db.execute("UPDATE ticketing.capacity_pools SET capacity = 4, reserved = 0")
    assert service(db).refusal("repair_capacity").found == [("capacity_below_use", "p_function_id")]
    let_lapse(db, SECOND)
    service(db).call("repair_capacity")
    assert pool(db, SEAT) == (4, 0, 3)
    assert left(db, SEAT) == 1
    assert integrity(db) == []


# What a document does not mention


@pytest.mark.parametrize("element_id", [HALL, SEAT, DAY])
def test_import_catalogue_without_a_capacity_leaves_the_limit(
    db: Connection, element_id: str
) -> None:
    import_catalogue(db, catalogue({element_id: 12}))
    sell(db, FIRST, day=7)
    document = catalogue({})
    for section in ("events", "ticket_types", "packages"):
        for element in document[section]:
            del element["capacity"]
    answer = import_catalogue(db, document)
    assert (answer["warnings"], answer["capacity_pools"]) == ([], 1)
    assert left(db, element_id) == 5
    assert left(db, WALK) is None
    part(document, element_id)["capacity"] = None
    answer = import_catalogue(db, document)
    name = {HALL: "hall", SEAT: "Seat", DAY: "Day"}[element_id]
    warning = f"The capacity of {name} no longer limits anything; it has tickets."
    assert answer["warnings"] == [warning]
    assert answer["capacity_pools"] == 0
    assert left(db, element_id) is None
    # a limit that is gone is not news
    assert import_catalogue(db, document)["warnings"] == []


def test_import_catalogue_without_a_capacity_counts_new_ticket_types_of_the_event(
    db: Connection,
) -> None:
    fewer = catalogue({HALL: 12})
    drop(fewer, SEAT, DAY)
    import_catalogue(db, fewer)
    document = catalogue({})
    del part(document, HALL)["capacity"]
    part(document, HALL)["title"] = "Great hall"
    import_catalogue(db, document)
    sell(db, FIRST, seat=7)
    assert (left(db, SEAT), left(db, STAND), left(db, HALL)) == (5, 5, 5)
    assert db.execute("SELECT name FROM ticketing.capacity_pools").fetchall() == [("Great hall",)]


def test_import_catalogue_without_pools_leaves_the_shared_ones(db: Connection) -> None:
    import_catalogue(db, catalogue({SHARED: 12}, shared=[SEAT, STAND, FAMILY]))
    sell(db, FIRST, seat=7)
    document = catalogue({})
    del document["pools"]
    for gone in ((), (SEAT, DAY), (FAMILY,)):
        drop(document, *gone)
        answer = import_catalogue(db, document)
        assert (answer["warnings"], answer["capacity_pools"]) == ([], 1)
        assert left(db, STAND) == 5
    assert pool(db, SHARED) == (12, 0, 7)


@pytest.mark.parametrize("pools", [None, []], ids=["null", "[]"])
@pytest.mark.parametrize("bought", [0, 7], ids=["without tickets", "with tickets"])
def test_import_catalogue_ends_the_shared_pools_and_warns_while_there_are_tickets(
    db: Connection, pools: object, bought: int
) -> None:
    import_catalogue(db, catalogue({SHARED: 12}, shared=[SEAT, STAND]))
    if bought:
        sell(db, FIRST, seat=bought)
    answer = import_catalogue(db, catalogue({}) | {"pools": pools})
    assert (left(db, SEAT), left(db, STAND), answer["capacity_pools"]) == (None, None, 0)
    warning = "The capacity of Shared no longer limits anything; it has tickets."
    assert answer["warnings"] == ([warning] if bought else [])
