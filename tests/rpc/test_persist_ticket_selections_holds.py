"""How long persisted tickets keep their capacity, and who gets it afterwards."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from tests.support.bookings import (
    ONE,
    age,
    book,
    hold_of,
    import_catalogue,
    integrity,
    left,
    let_lapse,
    pay,
    stored,
)
from tests.support.caller import Caller, Connect, Connection, owner, service
from tests.support.example import (
    BANQUET,
    BRUNCH,
    CEREMONY,
    EVENTS,
    FUNCTION,
    HALL,
    LADIES,
    MASONS,
    REGISTRATION,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    part,
    pool,
    selection,
)
from tests.support.persisting import Persist, both_ways, persist_selections
from tests.support.stored import dump, held_tickets, pool_counters

CAPACITY = 3
TWO, THREE = ({WALTER: selection(tickets={CEREMONY: number})} for number in (2, 3))
BUYER = STRANGER


@pytest.fixture
def scarce(catalogue: Document) -> Document:
    """The catalogue of the example event with a capacity of three at the ceremony."""
    part(catalogue, CEREMONY)["capacity"] = CAPACITY
    catalogue["function"] |= {"hold_minutes": 20, "payment_minutes": 10, "max_hold_minutes": 60}
    return catalogue


GIVEN_UP = """
WITH given_up AS (
    SELECT ticket.*, gen_random_uuid() AS other_id
    FROM ticketing.tickets AS ticket, generate_series(1, %(number)s)
    WHERE ticket.registration_id = %(registration_id)s
), registration AS (
    INSERT INTO ticketing.registrations
        (function_id, registration_id, owner_id, registration_type, currency, status)
    SELECT function_id, other_id, other_id, 'individuals', currency, %(status)s FROM given_up
)
INSERT INTO ticketing.tickets (
    function_id, ticket_id, registration_id, owner_id, attendee_id, event_id, ticket_type_id,
    package_id, package_number, price_paid, original_price, currency, status
)
SELECT
    function_id, gen_random_uuid(), other_id, other_id, other_id, event_id, ticket_type_id,
    package_id, package_number, price_paid, original_price, currency,
    CASE %(status)s WHEN 'cancelled' THEN 'Cancelled' ELSE 'Active' END
FROM given_up
"""
"""Store registrations of other owners with the tickets of one, without their attendees."""


def give_up(connection: Connection, registration_id: str, number: int, status: str) -> None:
    """Store so many registrations with the tickets of this one that are expired or cancelled."""
    connection.execute("SET LOCAL session_replication_role = replica")  # there are no attendees
    connection.execute(
        GIVEN_UP, {"number": number, "registration_id": registration_id, "status": status}
    )
    connection.execute("SET LOCAL session_replication_role = origin")
    connection.execute("ANALYZE ticketing.registrations, ticketing.tickets")


@pytest.fixture
def scarce_db(event_db: Connection, scarce: Document, request: pytest.FixtureRequest) -> Connection:
    """Put the example event with this capacity on sale."""
    import_catalogue(event_db, scarce)
    if number := getattr(request, "param", 0):
        registration_id = book(event_db, ONE, BUYER)
        give_up(event_db, registration_id, number, "expired")
        Caller(event_db, "authenticated", BUYER).call(
            "cancel_registration", p_registration_id=registration_id
        )
    return event_db


# what is overdue is looked for among all tickets of a pool, unless there are many
few_and_many = pytest.mark.parametrize("scarce_db", [0, 2001], indirect=True, ids=["few", "many"])


def now_of(answer: Document) -> datetime:
    """Return when an answer was given."""
    return datetime.fromisoformat(answer["server_time"])


# How long


def test_persist_renews_the_hold(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, ONE)
    for chosen in (ONE, TWO, ONE):
        scarce_db.execute(
            "UPDATE ticketing.registrations SET hold_expires_at = now() + interval '1 minute'"
        )
        answer = persist_selections(scarce_db, chosen, registration_id)
        assert hold_of(answer) == now_of(answer) + timedelta(minutes=20)
        assert stored(scarce_db, registration_id)["hold_expires_at"] == hold_of(answer)


def test_persist_never_shortens_a_hold(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, ONE)
    started = owner(scarce_db).call("start_payment", p_registration_id=registration_id)
    assert hold_of(started) == now_of(started) + timedelta(minutes=30)
    for chosen in (ONE, TWO):
        assert hold_of(persist_selections(scarce_db, chosen, registration_id)) == hold_of(started)


@both_ways
def test_persist_renews_the_hold_up_to_its_limit(
    scarce_db: Connection, registration: Document, persist_all: Persist
) -> None:
    registration["additionalAttendees"] = []
    owner(scarce_db).call("create_individual_registration_jsonb", p_registration_data=registration)
    began_at = now_of(persist_all(scarce_db, ONE))
    for passed, chosen in ((15, ONE), (30, TWO), (45, TWO), (59, ONE)):
        age(scarce_db, REGISTRATION, passed)
        answer = persist_all(scarce_db, chosen)
        until = min(
            now_of(answer) + timedelta(minutes=20), began_at + timedelta(minutes=60 - passed)
        )
        assert abs(hold_of(answer) - until) < timedelta(seconds=0.5)
        assert stored(scarce_db, REGISTRATION)["hold_expires_at"] == hold_of(answer)
        age(scarce_db, REGISTRATION, -passed)
    # a hold that a payment took beyond the limit is neither renewed nor shortened
    age(scarce_db, REGISTRATION, 55)
    started = owner(scarce_db).call("start_payment", p_registration_id=REGISTRATION)
    age(scarce_db, REGISTRATION, 10)
    for chosen in (TWO, TWO, ONE):
        answer = persist_all(scarce_db, chosen)
        assert hold_of(answer) == hold_of(started) - timedelta(minutes=10)


def hold_to_the_limit(connection: Connection) -> str:
    """Book, and renew the hold up to its limit, which is 15 minutes away then."""
    registration_id = book(connection, TWO)
    for _ in range(3):
        age(connection, registration_id, 15)
        persist_selections(connection, TWO, registration_id)
    return registration_id


@pytest.mark.parametrize("is_released", [False, True], ids=["overdue", "expired"])
@pytest.mark.parametrize(
    "chosen",
    [ONE, TWO, THREE, {WALTER: selection(tickets={BANQUET: 1})}],
    ids=["fewer", "the same", "more", "another"],
)
def test_hold_used_up_until_a_break(
    scarce_db: Connection, *, chosen: Document, is_released: bool
) -> None:
    registration_id = hold_to_the_limit(scarce_db)
    age(scarce_db, registration_id, 16)
    if is_released:
        service(scarce_db).call("release_expired_holds")
    ended_at = stored(scarce_db, registration_id)["hold_expires_at"]
    caller = owner(scarce_db)
    quote = caller.call(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=chosen,
        p_registration_id=registration_id,
    )
    if chosen is ONE:
        # tickets can always be given up; the others are free for all as before
        assert quote["valid"]
        answer = persist_selections(scarce_db, chosen, registration_id)
        assert hold_of(answer) == ended_at
        assert answer["tickets_removed"] == 1
        assert left(scarce_db, CEREMONY) == CAPACITY
        assert integrity(scarce_db) == []
        chosen = TWO
    before = dump(scarce_db)
    refusal = caller.refusal(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=chosen
    )
    (issue,) = refusal.issues
    assert (refusal.sqlstate, issue["code"]) == ("TK004", "hold_used_up")
    assert (issue["path"], issue["expected"]) == ("p_selections", 60)
    available_at = datetime.fromisoformat(issue["available_at"])
    assert available_at == ended_at + timedelta(minutes=20)
    # to the minute, and not before
    (told,) = re.findall(r"from (\S+ \S+) \(Australia/Sydney\)\.$", issue["message"])
    told_at = datetime.fromisoformat(told).replace(tzinfo=ZoneInfo("Australia/Sydney"))
    assert timedelta(0) < told_at - available_at <= timedelta(minutes=1)
    assert dump(scarce_db) == before
    if chosen is not TWO:
        assert [found["code"] for found in quote["issues"]] == ["hold_used_up"]
    assert [
        found["code"]
        for found in caller.refusal("start_payment", p_registration_id=registration_id).issues
    ] == ["hold_used_up"]

    # giving up all is possible too, and does not begin a new hold
    persist_selections(scarce_db, {WALTER: selection()}, registration_id)
    again = caller.refusal(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=ONE
    )
    assert again.issues[0]["available_at"] == issue["available_at"]
    age(scarce_db, registration_id, 20)
    answer = persist_selections(scarce_db, ONE, registration_id)
    assert hold_of(answer) == now_of(answer) + timedelta(minutes=20)


@pytest.mark.parametrize("is_released", [False, True], ids=["overdue", "expired"])
@pytest.mark.parametrize(
    "change",
    [
        {"price": 25},
        {"is_active": False},
        {"sale_ends_at": "2026-01-01T00:00:00Z"},
        {"capacity": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_tickets_are_given_up_once_the_hold_is_used_up(
    scarce_db: Connection, scarce: Document, change: Document, *, is_released: bool
) -> None:
    registration_id = hold_to_the_limit(scarce_db)
    tickets = held_tickets(scarce_db, registration_id)
    age(scarce_db, registration_id, 16)
    if is_released:
        service(scarce_db).call("release_expired_holds")
    part(scarce, CEREMONY).update(change)
    import_catalogue(scarce_db, scarce)
    book(scarce_db, {TOMAS: selection(tickets={BANQUET: 1})}, BUYER)
    quote = owner(scarce_db).call(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=ONE,
        p_registration_id=registration_id,
    )
    assert (quote["valid"], quote["subtotal"]) == (True, 20)
    answer = persist_selections(scarce_db, ONE, registration_id)
    assert (answer["tickets_removed"], answer["tickets_unchanged"]) == (1, 1)
    assert answer["subtotal"] == 20
    kept = held_tickets(scarce_db, registration_id)[WALTER]
    assert set(kept) < set(tickets[WALTER])
    assert integrity(scarce_db) == []
    # held anew it is judged by today's rules
    persist_selections(scarce_db, {WALTER: selection()}, registration_id)
    age(scarce_db, registration_id, 21)
    outcome = owner(scarce_db).attempt(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=ONE
    )
    if change.keys() & {"price", "capacity"}:
        assert outcome.answer["subtotal"] == change.get("price", 20)
    else:
        assert outcome.sqlstate == "TK004"


@pytest.mark.parametrize("pause", [0, 5, 19])
def test_persist_after_nothing_was_chosen_continues_the_hold(
    scarce_db: Connection, pause: int
) -> None:
    registration_id = book(scarce_db, ONE)
    began_at = hold_of(persist_selections(scarce_db, ONE, registration_id)) - timedelta(minutes=20)
    age(scarce_db, registration_id, 15)
    for _ in range(2):
        persist_selections(scarce_db, {WALTER: selection()}, registration_id)
        age(scarce_db, registration_id, pause)
        answer = persist_selections(scarce_db, ONE, registration_id)
    ends_at = began_at + timedelta(minutes=60 - 15 - 2 * pause)
    until = min(now_of(answer) + timedelta(minutes=20), ends_at)
    assert abs(hold_of(answer) - until) < timedelta(seconds=0.5)


@pytest.mark.parametrize("is_given_up", [True, False], ids=["given up", "overdue"])
@pytest.mark.parametrize("pause", [20, 60, 3 * 24 * 60])
def test_persist_after_a_break_begins_a_hold(
    scarce_db: Connection, pause: int, *, is_given_up: bool
) -> None:
    registration_id = book(scarce_db, ONE)
    age(scarce_db, registration_id, 10)
    if is_given_up:
        persist_selections(scarce_db, {WALTER: selection()}, registration_id)
    else:
        let_lapse(scarce_db, registration_id)
    age(scarce_db, registration_id, pause)
    began_at = now_of(persist_selections(scarce_db, ONE, registration_id))
    for passed in (15, 30, 45):
        age(scarce_db, registration_id, 15)
        answer = persist_selections(scarce_db, ONE, registration_id)
        until = min(
            now_of(answer) + timedelta(minutes=20), began_at + timedelta(minutes=60 - passed)
        )
        assert abs(hold_of(answer) - until) < timedelta(seconds=0.5)
    assert pool_counters(scarce_db)[CEREMONY] == (CAPACITY, 1, 0)


# Overdue


@few_and_many
def test_overdue_hold_gives_way_to_a_buyer(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, TWO)
    let_lapse(scarce_db, registration_id)
    tickets = held_tickets(scarce_db, registration_id)
    revision = stored(scarce_db, registration_id)["revision"]
    buyer = book(scarce_db, THREE, BUYER)
    assert pool_counters(scarce_db)[CEREMONY] == (CAPACITY, 3, 0)
    expired = stored(scarce_db, registration_id)
    # they stay chosen
    assert (expired["status"], expired["revision"]) == ("expired", revision)
    assert held_tickets(scarce_db, registration_id) == tickets
    seen = owner(scarce_db).call("get_registration", p_registration_id=registration_id)
    assert seen["status"] == "expired"
    assert len(seen["tickets"]) == 2
    assert stored(scarce_db, buyer)["status"] == "draft"


POOLS: Mapping[str, str | Document] = {
    "of a ticket type": CEREMONY,
    "of an event": EVENTS[CEREMONY],
    "of a package": MASONS,
    "of ticket types": pool(HALL, 2, [CEREMONY, BANQUET], []),
    "of packages": pool(HALL, 1, [], [MASONS, LADIES]),
    "of both": pool(HALL, 1, [BRUNCH], [MASONS]),
}
"""Pools with capacity for one package: that of an element of the catalogue, or a shared one."""


@pytest.mark.parametrize("scarce_pool", POOLS.values(), ids=POOLS)
def test_overdue_hold_gives_way_in_every_kind_of_pool(
    event_db: Connection, catalogue: Document, scarce_pool: str | Document
) -> None:
    if isinstance(scarce_pool, str):
        part(catalogue, scarce_pool)["capacity"] = 1
    else:
        catalogue["pools"] = [scarce_pool]
    import_catalogue(event_db, catalogue)
    chosen = {WALTER: selection({MASONS: 1})}
    registration_id = book(event_db, chosen)
    with pytest.raises(psycopg.Error) as caught:
        book(event_db, chosen, BUYER)
    assert caught.value.sqlstate == "TK005"
    let_lapse(event_db, registration_id)
    book(event_db, chosen, BUYER)
    assert stored(event_db, registration_id)["status"] == "expired"
    assert integrity(event_db) == []


@few_and_many
def test_hold_is_not_over_before_its_second(scarce_db: Connection) -> None:
    held = [book(scarce_db, ONE) for _ in range(CAPACITY)]
    # what is overdue is looked up by the minute, and some of these end within the present one
    for registration_id, seconds in zip(held, (10, 30, 50), strict=True):
        scarce_db.execute(
            """
            UPDATE ticketing.registrations
            SET hold_expires_at = clock_timestamp() + make_interval(secs => %s)
            WHERE registration_id = %s
            """,
            [seconds, registration_id],
        )
    assert left(scarce_db, CEREMONY) == 0
    assert service(scarce_db).call("release_expired_holds")["released"] == 0
    with pytest.raises(psycopg.Error) as caught:
        book(scarce_db, ONE, BUYER)
    assert caught.value.sqlstate == "TK005"


@few_and_many
def test_overdue_hold_expires_only_where_capacity_is_short(scarce_db: Connection) -> None:
    elsewhere = book(scarce_db, {WALTER: selection(tickets={BANQUET: 1})})
    registration_id = book(scarce_db, TWO)
    living = book(scarce_db, {TOMAS: selection(tickets={BANQUET: 1})})
    for overdue in (elsewhere, registration_id):
        let_lapse(scarce_db, overdue)

    # some capacity is left beside it
    book(scarce_db, ONE, BUYER)
    assert stored(scarce_db, registration_id)["status"] == "draft"
    book(scarce_db, ONE, BUYER)
    assert stored(scarce_db, registration_id)["status"] == "expired"
    # what holds none of the capacity that was short, or is not overdue, stays
    assert stored(scarce_db, elsewhere)["status"] == "draft"
    assert stored(scarce_db, living)["status"] == "draft"
    assert pool_counters(scarce_db)[CEREMONY] == (CAPACITY, 2, 0)
    assert pool_counters(scarce_db)[BANQUET] == (480, 2, 0)


@few_and_many
def test_overdue_hold_stays_when_the_buyer_is_refused(scarce_db: Connection) -> None:
    living = book(scarce_db, ONE)
    paid = book(scarce_db, ONE)
    pay(scarce_db, paid)
    overdue = book(scarce_db, ONE)
    let_lapse(scarce_db, overdue)
    before = dump(scarce_db)
    with pytest.raises(psycopg.Error) as caught:
        book(scarce_db, TWO, BUYER)
    assert caught.value.sqlstate == "TK005"
    # nor does a buyer who is refused all the same release anything
    assert dump(scarce_db) == before
    assert {stored(scarce_db, row)["status"] for row in (living, overdue)} == {"draft"}


@few_and_many
def test_overdue_hold_is_renewed_for_its_owner(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, TWO)
    let_lapse(scarce_db, registration_id)
    tickets = held_tickets(scarce_db, registration_id)
    revision = stored(scarce_db, registration_id)["revision"]
    # its own capacity is free for it, once
    request = {
        "p_registration_id": registration_id,
        "p_selections": {WALTER: selection(tickets={CEREMONY: CAPACITY + 1})},
    }
    caller = owner(scarce_db)
    quote = caller.call("quote_ticket_selections", p_function_id=FUNCTION, **request)
    for issues in (
        quote["issues"],
        caller.refusal("persist_ticket_selections", **request).issues,
    ):
        assert [(issue["requested"], issue["available"]) for issue in issues] == [(2, 1)]
    answer = persist_selections(scarce_db, THREE, registration_id)
    assert set(held_tickets(scarce_db, registration_id)[WALTER]) > set(tickets[WALTER])
    assert (answer["status"], answer["revision"]) == ("draft", revision + 1)
    assert pool_counters(scarce_db)[CEREMONY] == (CAPACITY, 3, 0)


@pytest.mark.parametrize("status", ["expired", "cancelled"])
@pytest.mark.parametrize(
    ("scarce_id", "chosen"),
    [(CEREMONY, ONE), (MASONS, {WALTER: selection({MASONS: 1})})],
    ids=["ticket type", "package"],
)
def test_refusal_costs_the_same_however_many_tickets_were_given_up(
    event_db: Connection, catalogue: Document, scarce_id: str, chosen: Document, status: str
) -> None:
    part(catalogue, scarce_id)["capacity"] = 1
    import_catalogue(event_db, catalogue)
    registration_id = book(event_db, chosen)
    buyer = json.dumps({WALTER: chosen[WALTER]})
    pages = []
    for _ in range(2):
        give_up(event_db, registration_id, 3000, status)
        for _ in range(2):
            ((plan,),) = event_db.execute(
                """
                EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
                SELECT ticketing.quote_ticket_selections(%s, %s, %s)
                """,
                [FUNCTION, buyer, json.dumps([{"attendeeId": WALTER, "attendeeType": "mason"}])],
            )
        pages.append(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])
    assert pages[1] <= pages[0] * 1.1
    assert left(event_db, scarce_id) == 0
    let_lapse(event_db, registration_id)
    book(event_db, chosen, BUYER)
    assert stored(event_db, registration_id)["status"] == "expired"


# Expired


def test_persist_of_an_expired_registration_takes_capacity_anew(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, TWO)
    let_lapse(scarce_db, registration_id)
    service(scarce_db).call("release_expired_holds")
    assert pool_counters(scarce_db)[CEREMONY] == (CAPACITY, 0, 0)
    tickets = held_tickets(scarce_db, registration_id)
    answer = owner(scarce_db).call(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=TWO
    )
    assert (answer["status"], answer["tickets_unchanged"]) == ("draft", 2)
    assert hold_of(answer) == now_of(answer) + timedelta(minutes=20)
    assert held_tickets(scarce_db, registration_id) == tickets
    assert pool_counters(scarce_db)[CEREMONY] == (CAPACITY, 2, 0)


@few_and_many
def test_persist_of_an_expired_registration_is_sold_out_without_capacity(
    scarce_db: Connection,
) -> None:
    registration_id = book(scarce_db, TWO)
    let_lapse(scarce_db, registration_id)
    book(scarce_db, TWO, BUYER)
    before = dump(scarce_db)
    refusal = owner(scarce_db).refusal(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=TWO
    )
    assert refusal.sqlstate == "TK005"
    (issue,) = refusal.issues
    assert (issue["code"], issue["ticket_type_id"]) == ("sold_out", CEREMONY)
    assert (issue["requested"], issue["available"]) == (2, 1)
    assert dump(scarce_db) == before
    # fewer will do
    owner(scarce_db).call(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=ONE
    )
    assert pool_counters(scarce_db)[CEREMONY] == (CAPACITY, 3, 0)


def test_persist_of_an_expired_registration_is_judged_by_todays_rules(
    scarce_db: Connection, scarce: Document
) -> None:
    registration_id = book(scarce_db, TWO)
    let_lapse(scarce_db, registration_id)
    service(scarce_db).call("release_expired_holds")
    for element in scarce["ticket_types"]:
        element["sale_ends_at"] = "2026-01-01T00:00:00Z"
    import_catalogue(scarce_db, scarce)
    refusal = owner(scarce_db).refusal(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=TWO
    )
    assert refusal.sqlstate == "TK004"
    assert {issue["code"] for issue in refusal.issues} == {"sale_ended"}


# Locked by another transaction


@pytest.fixture
def contested(event_connect: Connect, scarce: Document) -> tuple[Connection, str]:
    """Make a registration with two of three tickets overdue, its row locked by another session.

    Returns:
        A connection of a buyer, who would wait for five seconds at most, and the registration.
    """
    buyer = event_connect(autocommit=True, options="-c lock_timeout=5s")
    import_catalogue(buyer, scarce)
    registration_id = book(buyer, TWO)
    let_lapse(buyer, registration_id)
    event_connect().execute(
        "SELECT FROM ticketing.registrations WHERE registration_id = %s FOR UPDATE",
        [registration_id],
    )
    return buyer, registration_id


def test_overdue_hold_that_is_locked_keeps_no_buyer_waiting(
    contested: tuple[Connection, str],
) -> None:
    buyer, registration_id = contested
    # the capacity is on offer, but cannot be taken at this moment
    assert left(buyer, CEREMONY) == CAPACITY
    with pytest.raises(psycopg.errors.SerializationFailure) as caught:
        book(buyer, TWO, BUYER)
    assert caught.value.diag.message_hint
    assert stored(buyer, registration_id)["status"] == "draft"
    assert pool_counters(buyer)[CEREMONY] == (CAPACITY, 2, 0)
    # what is free is
    book(buyer, ONE, BUYER)
    # and releasing passes it by
    assert service(buyer).call("release_expired_holds")["released"] == 0
    assert integrity(buyer) == []


def test_overdue_hold_that_stays_locked_is_not_on_offer(contested: tuple[Connection, str]) -> None:
    buyer, registration_id = contested

    def attempts() -> int:
        for number in range(200):
            with pytest.raises(psycopg.Error) as caught:
                book(buyer, TWO, BUYER)
            if caught.value.sqlstate == "TK005":
                return number
            assert caught.value.sqlstate == "40001"
        return 200

    # told to repeat the call for a while, since most locks are short, and then the truth
    assert 20 < attempts() < 200
    assert left(buyer, CEREMONY) == 1
    assert integrity(buyer) == []
    book(buyer, ONE, BUYER)
    assert attempts() == 0
    assert stored(buyer, registration_id)["status"] == "draft"


def test_overdue_hold_is_on_offer_again_once_unlocked(
    event_connect: Connect, scarce: Document
) -> None:
    buyer = event_connect(autocommit=True)
    import_catalogue(buyer, scarce)
    registration_id = book(buyer, TWO)
    let_lapse(buyer, registration_id)
    locker = event_connect()
    with locker.transaction():
        # inside a savepoint that is released: another transaction id, the same lock
        locker.execute("SAVEPOINT inner_part")
        locker.execute(
            "SELECT FROM ticketing.registrations WHERE registration_id = %s FOR UPDATE",
            [registration_id],
        )
        locker.execute("RELEASE inner_part")
        for _ in range(150):
            buyer.execute("SELECT pg_current_xact_id()")
        assert left(buyer, CEREMONY) == 1
    assert left(buyer, CEREMONY) == CAPACITY
    book(buyer, THREE, BUYER)


def test_overdue_hold_that_is_locked_is_passed_over_for_another(
    event_connect: Connect, scarce: Document
) -> None:
    buyer = event_connect(autocommit=True, options="-c lock_timeout=5s")
    import_catalogue(buyer, scarce)
    locked, free = book(buyer, ONE), book(buyer, TWO)
    for registration_id in (locked, free):
        let_lapse(buyer, registration_id)
    event_connect().execute(
        "SELECT FROM ticketing.registrations WHERE registration_id = %s FOR UPDATE", [locked]
    )
    book(buyer, TWO, BUYER)
    assert (stored(buyer, locked)["status"], stored(buyer, free)["status"]) == ("draft", "expired")
    assert pool_counters(buyer)[CEREMONY] == (CAPACITY, 3, 0)
    assert integrity(buyer) == []
