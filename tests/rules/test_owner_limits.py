"""How much one owner may hold unpaid or free, over all registrations for a function."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from tests.support.bookings import (
    age,
    book,
    import_catalogue,
    integrity,
    let_lapse,
    pay,
    start,
)
from tests.support.caller import (
    Caller,
    Connect,
    Connection,
    Document,
    Outcome,
    owner,
    service,
    staff,
    stranger,
)
from tests.support.example import (
    BANQUET,
    CEREMONY,
    CEREMONY_AND_BANQUET,
    COMMUNICATION,
    FUNCTION,
    MASONS,
    OWNER,
    STRANGER,
    WALTER,
    part,
    selection,
    tickets_of,
    updates_of,
    wizard_registration,
)
from tests.support.stored import rows


def offer(connection: Connection, catalogue: Document, **limits: int) -> None:
    """Put the example event on sale, without limits of capacity, and with these per owner."""
    for element in (*catalogue["events"], *catalogue["ticket_types"], *catalogue["packages"]):
        element["capacity"] = None
    catalogue["function"] |= limits
    import_catalogue(connection, catalogue)


def tickets(number: int, ticket_type: str = CEREMONY) -> dict[str, Document]:
    """Select so many tickets; a line has at most 1,000."""
    lines = {ticket_type: min(number, 1000), BANQUET: max(number - 1000, 0)}
    return {WALTER: selection(tickets={line: amount for line, amount in lines.items() if amount})}


def create(caller: Caller, registration_type: str = "individual", **more: object) -> str:
    """Create a registration with nothing selected, and return its id."""
    registration_id = str(uuid4())
    caller.call(
        "create_individual_registration_jsonb",
        p_registration_data=wizard_registration(registration_id, {WALTER})
        | {"registrationType": registration_type}
        | more,
    )
    return registration_id


def select(caller: Caller, registration_id: str, chosen: Document) -> Outcome:
    return caller.attempt(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=chosen
    )


def cancel(connection: Connection, registration_id: str) -> None:
    owner(connection).call("cancel_registration", p_registration_id=registration_id)


def give_up(connection: Connection, registration_id: str) -> None:
    assert select(owner(connection), registration_id, {WALTER: selection()}).sqlstate is None


def codes(refusal: Outcome) -> list[str]:
    return [issue["code"] for issue in refusal.issues]


# How many tickets


@pytest.mark.parametrize(
    ("registration_type", "limits", "most"),
    [
        ("individual", {}, 100),
        ("lodge", {}, 2000),
        ("delegations", {}, 2000),
        ("individual", {"max_held_per_owner": 3}, 3),
        ("lodges", {"max_held_per_owner": 3}, 3),
    ],
)
def test_owner_limit_of_tickets_held(
    event_db: Connection,
    catalogue: Document,
    registration_type: str,
    limits: dict[str, int],
    most: int,
) -> None:
    offer(event_db, catalogue, **limits)
    first, second = (create(owner(event_db), registration_type) for _ in range(2))
    half, rest = most // 2, most - most // 2
    assert select(owner(event_db), first, tickets(half)).sqlstate is None
    assert select(owner(event_db), second, tickets(rest)).sqlstate is None
    refusal = select(owner(event_db), second, tickets(rest + 1))
    (issue,) = refusal.issues
    assert (refusal.sqlstate, issue["code"], issue["path"]) == (
        "TK004",
        "owner_limit",
        "p_selections",
    )
    assert (issue["expected"], issue["actual"]) == (most, most + 1)
    # a quote says the same
    quote = owner(event_db).call(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=tickets(rest + 1),
        p_registration_id=second,
    )
    assert quote["issues"] == [issue]
    # fewer elsewhere, more here
    assert select(owner(event_db), first, {WALTER: selection()}).sqlstate is None
    assert select(owner(event_db), second, tickets(rest + 1)).sqlstate is None
    assert integrity(event_db) == []


def test_owner_limit_refuses_no_exchange(event_db: Connection, catalogue: Document) -> None:
    offer(event_db, catalogue)
    registration_id = book(event_db, tickets(4))
    # the organiser allows less than is held
    offer(event_db, catalogue, max_held_per_owner=2)

    def codes_of(selections: Document) -> list[str]:
        quote = owner(event_db).call(
            "quote_ticket_selections",
            p_function_id=FUNCTION,
            p_selections=selections,
            p_registration_id=registration_id,
        )
        refused = codes(select(owner(event_db), registration_id, selections))
        assert [issue["code"] for issue in quote["issues"]] == refused
        return refused

    assert codes_of(tickets(4, COMMUNICATION)) == []
    assert codes_of(tickets(5, COMMUNICATION)) == ["owner_limit"]
    assert codes_of(tickets(3)) == []
    assert codes_of(tickets(4)) == ["owner_limit"]
    let_lapse(event_db, registration_id)
    assert codes_of(tickets(3, COMMUNICATION)) == ["owner_limit"]
    assert codes_of(tickets(2, COMMUNICATION)) == []
    assert integrity(event_db) == []


@pytest.mark.parametrize(
    "ends",
    [
        let_lapse,
        pay,
        cancel,
        give_up,
    ],
    ids=["overdue", "paid", "cancelled", "given up"],
)
def test_owner_limit_counts_what_is_held_now(
    event_db: Connection, catalogue: Document, ends: Callable[[Connection, str], object]
) -> None:
    offer(event_db, catalogue, max_held_per_owner=4)
    first = book(event_db, tickets(4))
    second = create(owner(event_db))
    assert codes(select(owner(event_db), second, tickets(1))) == ["owner_limit"]
    ends(event_db, first)
    assert select(owner(event_db), second, tickets(4)).sqlstate is None
    # nor is an overdue hold renewed, or an expired one retaken, beyond it
    for released in (False, True):
        if released:
            service(event_db).call("release_expired_holds")
        again = select(owner(event_db), first, tickets(4))
        assert again.sqlstate in {"TK003", "TK004"}
        assert codes(again) in (["not_editable"], ["owner_limit"])


def test_owner_limit_counts_a_hold_until_its_second(
    event_db: Connection, catalogue: Document
) -> None:
    offer(event_db, catalogue, max_held_per_owner=3)
    # holds are looked up by the minute, and some of these end within the present one
    for seconds in (10, 30, 50):
        event_db.execute(
            """
            UPDATE ticketing.registrations
            SET hold_expires_at = clock_timestamp() + make_interval(secs => %s)
            WHERE registration_id = %s
            """,
            [seconds, book(event_db, tickets(1))],
        )
    assert codes(select(owner(event_db), create(owner(event_db)), tickets(1))) == ["owner_limit"]


def test_owner_limit_counts_free_tickets_for_good(
    event_db: Connection, catalogue: Document
) -> None:
    part(catalogue, COMMUNICATION)["price"] = 0
    offer(event_db, catalogue, max_held_per_owner=5)
    for _ in range(2):
        registration_id = book(event_db, tickets(2, COMMUNICATION))
        assert start(event_db, registration_id)["status"] == "completed"
    third = create(owner(event_db))
    for chosen in (tickets(2, COMMUNICATION), tickets(2)):
        (issue,) = select(owner(event_db), third, chosen).issues
        assert (issue["code"], issue["actual"]) == ("owner_limit", 6)
    assert select(owner(event_db), third, tickets(1)).sqlstate is None
    # other owners are not concerned
    book(event_db, tickets(5, COMMUNICATION), STRANGER)
    # until they are given back
    owner(event_db).call("cancel_registration", p_registration_id=registration_id)
    assert select(owner(event_db), third, tickets(3)).sqlstate is None


def test_owner_limit_counts_a_free_ticket_once(event_db: Connection, catalogue: Document) -> None:
    part(catalogue, COMMUNICATION)["price"] = 0
    offer(event_db, catalogue, max_held_per_owner=5)
    first = book(event_db, tickets(2, COMMUNICATION))
    second = book(event_db, tickets(1, COMMUNICATION))
    assert select(owner(event_db), second, tickets(3, COMMUNICATION)).sqlstate is None
    assert codes(select(owner(event_db), second, tickets(4, COMMUNICATION))) == ["owner_limit"]
    assert start(event_db, first)["status"] == "completed"
    assert codes(select(owner(event_db), second, tickets(4, COMMUNICATION))) == ["owner_limit"]


def test_owner_limit_counts_no_free_ticket_in_a_package_that_cost_something(
    event_db: Connection, catalogue: Document
) -> None:
    part(catalogue, COMMUNICATION)["price"] = 0
    part(catalogue, CEREMONY_AND_BANQUET)["price"] = 0
    offer(event_db, catalogue, max_held_per_owner=4)
    paid = {WALTER: selection({MASONS: 1})}
    for _ in range(4):
        pay(event_db, book(event_db, paid))
    registration_id = create(owner(event_db))
    assert select(owner(event_db), registration_id, paid).sqlstate is None
    # while it is not paid, all three tickets count
    assert codes(select(owner(event_db), create(owner(event_db)), tickets(2))) == ["owner_limit"]
    # and those of a free package count on
    pay(event_db, registration_id)
    start(event_db, book(event_db, {WALTER: selection({CEREMONY_AND_BANQUET: 2})}))
    assert codes(select(owner(event_db), create(owner(event_db)), tickets(1))) == ["owner_limit"]


def service_for_owner(connection: Connection) -> Caller:
    """Return a back end whose session still has the claims of the owner."""
    return Caller(connection, "service_role", OWNER)


@pytest.mark.parametrize("who", [staff, service, service_for_owner])
def test_owner_limits_bind_owners_only(
    event_db: Connection, catalogue: Document, who: Callable[[Connection], Caller]
) -> None:
    offer(event_db, catalogue, max_held_per_owner=2, max_open_registrations_per_owner=1)
    first, second = create(owner(event_db)), create(owner(event_db))
    for registration_id in (first, second):
        assert select(who(event_db), registration_id, tickets(50)).sqlstate is None
    # for themselves, too
    own = [create(staff(event_db)) for _ in range(2)]
    for registration_id in own:
        assert select(staff(event_db), registration_id, tickets(3)).sqlstate is None
    # who holds too much can still give up some, and changes nothing else
    assert codes(select(owner(event_db), first, tickets(51))) == ["owner_limit"]
    assert select(owner(event_db), first, tickets(50)).sqlstate is None
    assert select(owner(event_db), first, tickets(49)).sqlstate is None


def test_owner_limits_are_each_functions_own(event_db: Connection, catalogue: Document) -> None:
    offer(event_db, catalogue, max_held_per_owner=2, max_open_registrations_per_owner=1)
    book(event_db, tickets(2))
    other = stranger(event_db)
    assert select(other, create(other), tickets(2)).sqlstate is None


# How many registrations


def test_too_many_open_registrations_of_an_owner(event_db: Connection, catalogue: Document) -> None:
    offer(event_db, catalogue)
    held = [book(event_db, tickets(1)) for _ in range(19)]
    empty = create(owner(event_db))
    another = create(owner(event_db))
    refusal = select(owner(event_db), another, tickets(1))
    (issue,) = refusal.issues
    assert (refusal.sqlstate, issue["code"]) == ("TK004", "too_many_open_registrations")
    assert (issue["expected"], issue["actual"]) == (20, 21)
    quote = owner(event_db).call(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=tickets(1),
        p_attendees=[wizard_registration(str(uuid4()), {WALTER})["primaryAttendee"]],
    )
    assert codes(Outcome({}, issues=quote["issues"])) == ["too_many_open_registrations"]
    # what is paid, cancelled, or was left alone empty is not open
    age(event_db, empty, 24 * 60)
    assert select(owner(event_db), another, tickets(1)).sqlstate is None
    more = create(owner(event_db))
    for ends in (pay, cancel):
        assert codes(select(owner(event_db), more, tickets(1))) == ["too_many_open_registrations"]
        ends(event_db, held.pop())
        assert select(owner(event_db), more, tickets(1)).sqlstate is None
        more = create(owner(event_db))
    # in the open ones, tickets change as before
    assert select(owner(event_db), held[0], tickets(2)).sqlstate is None


@pytest.mark.parametrize("is_released", [False, True], ids=["overdue", "expired"])
def test_too_many_open_registrations_counts_no_hold_that_is_over(
    event_db: Connection, catalogue: Document, *, is_released: bool
) -> None:
    offer(event_db, catalogue, max_open_registrations_per_owner=2)
    over = [book(event_db, tickets(1)) for _ in range(2)]
    for registration_id in over:
        let_lapse(event_db, registration_id)
    if is_released:
        service(event_db).call("release_expired_holds")
    for _ in range(2):
        book(event_db, tickets(1))
    # nor does one of them hold again beyond the limit
    refusal = select(owner(event_db), over[0], tickets(1))
    assert codes(refusal) == ["too_many_open_registrations"]


def test_create_is_refused_beyond_the_limits_of_an_owner(
    event_db: Connection, catalogue: Document
) -> None:
    offer(event_db, catalogue, max_held_per_owner=2, max_open_registrations_per_owner=1)
    book(event_db, tickets(2))
    refusal = owner(event_db).refusal(
        "create_individual_registration_with_tickets",
        p_registration_data=wizard_registration(str(uuid4()), {WALTER}),
        p_tickets=tickets_of(tickets(1)),
        p_attendee_updates=updates_of(tickets(1)),
    )
    assert sorted(codes(refusal)) == ["owner_limit", "too_many_open_registrations"]
    assert {issue["path"] for issue in refusal.issues} == {"p_attendee_updates"}


# One account cannot take all there is, in any number of sessions


def test_one_owner_cannot_hold_a_whole_event(event_connect: Connect, catalogue: Document) -> None:
    db = event_connect(autocommit=True)
    part(catalogue, CEREMONY)["capacity"] = 600
    part(catalogue, COMMUNICATION).update(price=0, capacity=600)
    catalogue["function"]["max_held_per_owner"] = 30
    import_catalogue(db, catalogue)

    def take(number: int) -> None:
        connection = event_connect(autocommit=True)
        caller = Caller(connection, "authenticated", OWNER)
        for step in range(12):
            registration_id = create(caller)
            kind = COMMUNICATION if (number + step) % 2 else CEREMONY
            select(caller, registration_id, tickets(10, kind))
            caller.attempt("start_payment", p_registration_id=registration_id)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(take, range(4)))
    tickets_held = rows(db, "SELECT FROM ticketing.tickets WHERE owner_id = %s", OWNER)
    assert len(tickets_held) == 30
    assert integrity(db) == []
