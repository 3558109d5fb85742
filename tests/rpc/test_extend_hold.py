"""extend_hold: tickets that are held for a bank transfer or an invoice."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

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
    start,
    stored,
)
from tests.support.caller import Caller, Connection, anonymous, owner, service, staff, stranger
from tests.support.example import (
    ABSENT,
    BANQUET,
    CEREMONY,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
    part,
    selection,
)
from tests.support.stored import dump, pool_counters, rows

As: TypeAlias = Callable[[Connection], Caller]
TWO = {WALTER: selection(tickets={CEREMONY: 2})}
START = datetime.fromisoformat("2031-09-19T19:00:00+10:00")


@pytest.fixture
def scarce_db(event_db: Connection, catalogue: Document) -> Connection:
    """The example event with two tickets for the ceremony, held for 20 minutes, at most 60."""
    part(catalogue, CEREMONY)["capacity"] = 2
    catalogue["function"] |= {"hold_minutes": 20, "payment_minutes": 10, "max_hold_minutes": 60}
    import_catalogue(event_db, catalogue)
    return event_db


def soon(**times: float) -> datetime:
    """Return a time from now on."""
    return datetime.now(UTC) + timedelta(**times)


def extend(caller: Caller, registration_id: str, until: datetime) -> Document:
    """Extend the hold of a registration."""
    return caller.call("extend_hold", p_registration_id=registration_id, p_until=until)


def read(connection: Connection, registration_id: str) -> Document:
    """Read a registration as its owner."""
    return owner(connection).call("get_registration", p_registration_id=registration_id)


def choose(
    connection: Connection, registration_id: str, chosen: Mapping[str, Document]
) -> Document:
    """Persist what an owner selects."""
    return owner(connection).call(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=chosen
    )


def changes(connection: Connection) -> list[Document]:
    """Return the recorded changes of registrations, in order."""
    return rows(
        connection,
        """
        SELECT change, revision, (old_values ->> 'hold_granted_until')::timestamptz AS before,
            (new_values ->> 'hold_granted_until')::timestamptz AS after, actor_id::text, actor_role
        FROM ticketing.registration_changes ORDER BY change_id
        """,
    )


# A living hold


@pytest.mark.parametrize("who", [staff, service])
@pytest.mark.parametrize("status", ["draft", "pending"])
def test_extend_hold_holds_until_then(scarce_db: Connection, who: As, status: str) -> None:
    registration_id = book(scarce_db, TWO)
    if status == "pending":
        start(scarce_db, registration_id)
    before = stored(scarce_db, registration_id)
    until = soon(days=14)
    caller = who(scarce_db)
    answer = extend(caller, registration_id, until)
    assert datetime.fromisoformat(answer.pop("server_time"))
    assert datetime.fromisoformat(answer.pop("hold_granted_until")) == until
    assert datetime.fromisoformat(answer.pop("hold_expires_at")) == until
    assert answer == {
        "success": True,
        "registration_id": registration_id,
        "status": status,
        "revision": before["revision"],
    }
    after = stored(scarce_db, registration_id)
    assert after == before | {"hold_granted_until": until, "hold_expires_at": until}
    seen = read(scarce_db, registration_id)
    assert datetime.fromisoformat(seen["hold_granted_until"]) == until
    assert changes(scarce_db) == [
        {
            "change": "hold_extended",
            "revision": before["revision"],
            "before": None,
            "after": until,
            "actor_id": caller.user_id,
            "actor_role": caller.role,
        }
    ]
    assert integrity(scarce_db) == []


def test_extend_hold_again_changes_nothing(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, TWO)
    until = soon(days=14)
    first = extend(service(scarce_db), registration_id, until)
    before = dump(scarce_db)
    again = extend(service(scarce_db), registration_id, until)
    assert again == first | {"server_time": again["server_time"]}
    assert dump(scarce_db) == before


def test_extend_hold_to_an_earlier_time_shortens_no_hold(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, TWO)
    late, early = soon(days=14), soon(days=7)
    extend(service(scarce_db), registration_id, late)
    answer = extend(service(scarce_db), registration_id, early)
    assert datetime.fromisoformat(answer["hold_granted_until"]) == early
    assert hold_of(answer) == late
    assert [(each["before"], each["after"]) for each in changes(scarce_db)] == [
        (None, late),
        (late, early),
    ]
    # nor does a time before the end of the hold as it is
    registration_id = book(scarce_db, {TOMAS: selection(tickets={BANQUET: 1})})
    held = read(scarce_db, registration_id)
    answer = extend(service(scarce_db), registration_id, soon(minutes=1))
    assert hold_of(answer) >= hold_of(held)


def test_extend_hold_survives_max_hold_minutes(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, TWO)
    until = soon(days=14)
    extend(service(scarce_db), registration_id, until)
    # a week later it still holds, also when other buyers want the capacity
    age(scarce_db, registration_id, 7 * 24 * 60)
    until = stored(scarce_db, registration_id)["hold_granted_until"]
    assert read(scarce_db, registration_id)["status"] == "draft"
    assert left(scarce_db, CEREMONY) == 0
    assert service(scarce_db).call("release_expired_holds")["released"] == 0
    other = book(scarce_db, {}, STRANGER)
    refusal = stranger(scarce_db).refusal(
        "persist_ticket_selections", p_registration_id=other, p_selections=ONE
    )
    assert refusal.sqlstate == "TK005"
    # and its owner may persist, start payment and pay, none of which shortens it
    assert hold_of(choose(scarce_db, registration_id, TWO)) == until
    assert hold_of(choose(scarce_db, registration_id, ONE)) == until
    assert hold_of(choose(scarce_db, registration_id, TWO)) == until
    assert hold_of(start(scarce_db, registration_id)) >= until
    assert pay(scarce_db, registration_id)["status"] == "completed"
    assert pool_counters(scarce_db)[CEREMONY] == (2, 0, 2)
    assert integrity(scarce_db) == []


def test_extend_hold_ends_at_its_time(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, TWO)
    extend(service(scarce_db), registration_id, soon(days=14))
    age(scarce_db, registration_id, 14 * 24 * 60)
    assert read(scarce_db, registration_id)["status"] == "expired"
    assert left(scarce_db, CEREMONY) == 2
    # it is used up now, as any other, until staff grant more
    refusal = owner(scarce_db).refusal(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=TWO
    )
    assert [code for code, _ in refusal.found] == ["hold_used_up"]
    assert service(scarce_db).call("release_expired_holds")["released"] == 1
    until = soon(days=1)
    answer = extend(service(scarce_db), registration_id, until)
    assert (answer["status"], hold_of(answer)) == ("draft", until)
    assert left(scarce_db, CEREMONY) == 0
    assert integrity(scarce_db) == []


def test_extend_hold_holds_other_tickets_too(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, TWO)
    until = soon(days=14)
    extend(service(scarce_db), registration_id, until)
    emptied = choose(scarce_db, registration_id, {WALTER: selection()})
    assert emptied["hold_expires_at"] is None
    assert left(scarce_db, CEREMONY) == 2
    age(scarce_db, registration_id, 61)
    until -= timedelta(minutes=61)
    chosen = choose(scarce_db, registration_id, {WALTER: selection(tickets={BANQUET: 1})})
    assert hold_of(chosen) == until
    assert integrity(scarce_db) == []


def test_extend_hold_of_what_holds_nothing_waits_for_tickets(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, {})
    until = soon(days=14)
    answer = extend(staff(scarce_db), registration_id, until)
    assert (answer["status"], answer["hold_expires_at"]) == ("draft", None)
    assert hold_of(choose(scarce_db, registration_id, TWO)) == until
    assert integrity(scarce_db) == []


# A hold that is over


@pytest.mark.parametrize("is_released", [False, True])
@pytest.mark.parametrize("is_used_up", [False, True])
@pytest.mark.parametrize("was_pending", [False, True])
def test_extend_hold_retakes_what_is_over(
    scarce_db: Connection, *, is_released: bool, is_used_up: bool, was_pending: bool
) -> None:
    registration_id = book(scarce_db, TWO)
    if was_pending:
        start(scarce_db, registration_id)
    if is_used_up:
        scarce_db.execute(
            "UPDATE ticketing.registrations SET held_since = held_since - interval '2 hours'"
        )
    let_lapse(scarce_db, registration_id)
    if is_released:
        assert service(scarce_db).call("release_expired_holds")["released"] == 1
    assert left(scarce_db, CEREMONY) == 2
    before = stored(scarce_db, registration_id)
    until = soon(days=14)
    answer = extend(staff(scarce_db), registration_id, until)
    assert hold_of(answer) == until
    assert answer["status"] == ("pending" if was_pending and not is_released else "draft")
    assert answer["revision"] == before["revision"] + (1 if is_released else 0)
    assert left(scarce_db, CEREMONY) == 0
    assert pool_counters(scarce_db)[CEREMONY] == (2, 2, 0)
    (change,) = changes(scarce_db)
    assert change["revision"] == answer["revision"]
    assert integrity(scarce_db) == []


@pytest.mark.parametrize("is_released", [False, True])
def test_sold_out_is_raised_when_a_hold_that_is_over_cannot_be_retaken(
    scarce_db: Connection, *, is_released: bool
) -> None:
    registration_id = book(scarce_db, TWO)
    let_lapse(scarce_db, registration_id)
    if is_released:
        service(scarce_db).call("release_expired_holds")
    book(scarce_db, ONE, STRANGER)
    before = dump(scarce_db)
    refusal = service(scarce_db).refusal(
        "extend_hold", p_registration_id=registration_id, p_until=soon(days=14)
    )
    assert refusal.sqlstate == "TK005"
    assert dump(scarce_db) == before


@pytest.mark.parametrize("is_released", [False, True])
def test_sale_ended_is_raised_when_a_hold_that_is_over_is_judged_again(
    scarce_db: Connection, catalogue: Document, *, is_released: bool
) -> None:
    registration_id, living = book(scarce_db, ONE), book(scarce_db, ONE, STRANGER)
    let_lapse(scarce_db, registration_id)
    if is_released:
        service(scarce_db).call("release_expired_holds")
    part(catalogue, CEREMONY)["sale_ends_at"] = "2025-01-01T00:00:00Z"
    import_catalogue(scarce_db, catalogue)
    refusal = service(scarce_db).refusal(
        "extend_hold", p_registration_id=registration_id, p_until=soon(days=14)
    )
    assert refusal.sqlstate == "TK004"
    assert [code for code, _ in refusal.found] == ["sale_ended"]
    assert stored(scarce_db, registration_id)["hold_granted_until"] is None
    # what is still held, is
    extend(service(scarce_db), living, soon(days=14))


# What is refused


def test_not_allowed_is_raised_for_an_owner_who_extends_a_hold(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, TWO)
    before = dump(scarce_db)
    for until in (soon(days=14), None):
        refusal = owner(scarce_db).refusal(
            "extend_hold", p_registration_id=registration_id, p_until=until
        )
        assert refusal.sqlstate == "42501"
        assert refusal.found == [("not_allowed", "p_registration_id")]
        assert "staff of the organisation" in refusal.message
    assert dump(scarce_db) == before


def test_extend_hold_of_a_stranger_finds_none(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, TWO)
    until = soon(days=14)
    refusal = stranger(scarce_db).refusal(
        "extend_hold", p_registration_id=registration_id, p_until=until
    )
    assert refusal.sqlstate == "TK002"
    assert refusal == stranger(scarce_db).refusal(
        "extend_hold", p_registration_id=ABSENT, p_until=until
    )
    refusal = anonymous(scarce_db).refusal(
        "extend_hold", p_registration_id=registration_id, p_until=until
    )
    assert refusal.found == [("not_authenticated", "p_registration_id")]


@pytest.mark.parametrize(
    ("until", "code"),
    [
        (None, "missing_key"),
        ("infinity", "invalid_value"),
        ("-infinity", "invalid_value"),
        ("now", "invalid_value"),
        ("yesterday", "invalid_value"),
        ("294276-12-31 23:59:59+00", "invalid_value"),
        (START + timedelta(microseconds=1), "invalid_value"),
    ],
)
def test_invalid_value_is_raised_for_a_time_until_which_nothing_can_be_held(
    scarce_db: Connection, until: object, code: str
) -> None:
    registration_id = book(scarce_db, TWO)
    before = dump(scarce_db)
    refusal = service(scarce_db).refusal(
        "extend_hold", p_registration_id=registration_id, p_until=until
    )
    assert (refusal.sqlstate, refusal.found) == ("TK001", [(code, "p_until")])
    (issue,) = refusal.issues
    if until is not None:
        assert datetime.fromisoformat(issue["expected"]) == START
    assert dump(scarce_db) == before


def test_extend_hold_is_possible_until_the_function_starts(
    scarce_db: Connection, catalogue: Document
) -> None:
    registration_id = book(scarce_db, TWO)
    assert hold_of(extend(service(scarce_db), registration_id, START)) == START
    # without a start there is no such limit
    catalogue["function"]["starts_at"] = None
    import_catalogue(scarce_db, catalogue)
    later = START + timedelta(days=1000)
    assert hold_of(extend(service(scarce_db), registration_id, later)) == later
    for endless in ("infinity", "10000-01-01 00:00+00"):
        refusal = service(scarce_db).refusal(
            "extend_hold", p_registration_id=registration_id, p_until=endless
        )
        assert refusal.found == [("invalid_value", "p_until")]
    assert start(scarce_db, registration_id)["status"] == "pending"
    assert integrity(scarce_db) == []


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_not_editable_is_raised_for_a_hold_of_what_holds_nothing_any_more(
    scarce_db: Connection, status: str
) -> None:
    registration_id = book(scarce_db, TWO)
    extend(service(scarce_db), registration_id, soon(days=14))
    if status == "completed":
        pay(scarce_db, registration_id)
    else:
        owner(scarce_db).call("cancel_registration", p_registration_id=registration_id)
    before = dump(scarce_db)
    refusal = service(scarce_db).refusal(
        "extend_hold", p_registration_id=registration_id, p_until=soon(days=15)
    )
    assert (refusal.sqlstate, refusal.found) == ("TK003", [("not_editable", "p_registration_id")])
    assert dump(scarce_db) == before


def test_extend_hold_is_not_bound_by_limits_per_owner(scarce_db: Connection) -> None:
    registration_id = book(scarce_db, TWO)
    let_lapse(scarce_db, registration_id)
    scarce_db.execute(
        """
        UPDATE ticketing.functions
        SET max_held_per_owner = 1, max_open_registrations_per_owner = 1
        """
    )
    book(scarce_db, {TOMAS: selection(tickets={BANQUET: 1})})
    refusal = owner(scarce_db).refusal(
        "persist_ticket_selections", p_registration_id=registration_id, p_selections=TWO
    )
    assert "owner_limit" in {code for code, _ in refusal.found}
    extend(staff(scarce_db), registration_id, soon(days=14))
    assert hold_of(choose(scarce_db, registration_id, TWO)) > soon(days=13)
