"""Two tabs of one wizard, and a button pressed twice: no lost update, and nothing is doubled.

Every call is the owner's, as a browser makes it. Where two calls meet, one session holds its locks
until the other is seen waiting.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import psycopg
import pytest
from tests.support.bookings import integrity
from tests.support.caller import (
    Connect,
    Connection,
    Document,
    owner,
    refused,
    service,
)
from tests.support.crowd import (
    DAY,
    SEAT,
    STAND,
    attendee_of,
    booking,
    catalogue,
    pool,
    selection,
    ticket_arguments,
    uid,
)
from tests.support.sessions import PATIENCE, rivals

REGISTRATION = uid(0xA1)

Save: TypeAlias = Callable[..., Document]


def by_selections(tab: Connection, revision: int | None, *chosen: Document) -> Document:
    """Save what the first attendees choose, as the wizard holds it."""
    return owner(tab).call(
        "persist_ticket_selections",
        p_registration_id=REGISTRATION,
        p_selections={attendee_of(REGISTRATION, n): one for n, one in enumerate(chosen)},
        p_expected_revision=revision,
    )


def by_tickets(tab: Connection, revision: int | None, *chosen: Document) -> Document:
    """Save the same as rows."""
    return owner(tab).call(
        "persist_attendee_tickets",
        p_registration_id=REGISTRATION,
        p_expected_revision=revision,
        **ticket_arguments(REGISTRATION, dict(enumerate(chosen))),
    )


def by_booking(tab: Connection, revision: int | None, *chosen: Document) -> Document:
    """Save the same with the whole registration around it."""
    return owner(tab).call(
        "create_individual_registration_with_tickets",
        p_registration_data=booking(REGISTRATION, attendees=2),
        p_expected_revision=revision,
        **ticket_arguments(REGISTRATION, dict(enumerate(chosen))),
    )


saves = pytest.mark.parametrize("save", [by_selections, by_tickets, by_booking])


def seen(tab: Connection) -> Document:
    """Return the registration as a tab reads it, without the clock."""
    known = owner(tab).call("get_registration", p_registration_id=REGISTRATION)
    return {key: known[key] for key in known.keys() - {"hold_expires_at", "server_time"}}


def ids(answer: Document) -> list[str]:
    """Return the ids of the tickets in an answer, in an order of their own."""
    return sorted(ticket["ticket_id"] for ticket in answer["tickets"])


def conflict(save: Save, tab: Connection, revision: int, *chosen: Document) -> Document:
    """Save, hear that another request was quicker, and return what is said about it."""
    with pytest.raises(psycopg.Error) as refusal:
        save(tab, revision, *chosen)
    return said(refusal.value)


def said(error: psycopg.Error) -> Document:
    """Return the one issue of a revision conflict."""
    assert error.sqlstate == "TK006"
    [issue] = refused(error).issues
    assert issue["code"] == "revision_conflict"
    assert issue["path"] == "p_expected_revision"
    return issue


@pytest.fixture
def tab(connect: Connect) -> Iterator[Connection]:
    """The first tab of a registration with two attendees, which is not saved yet."""
    tab = connect(autocommit=True)
    service(tab).call("import_catalogue", p_catalogue=catalogue({SEAT: 10, STAND: 10, DAY: 5}))
    owner(tab).call(
        "create_individual_registration_jsonb",
        p_registration_data=booking(REGISTRATION, attendees=2),
    )
    yield tab
    assert integrity(tab) == []


@saves
def test_revision_conflict_for_the_second_of_two_tabs(
    connect: Connect, tab: Connection, save: Save
) -> None:
    other = connect(autocommit=True)
    revision = seen(tab)["revision"]
    assert seen(other)["revision"] == revision

    first = save(tab, revision, selection(seat=1), selection(day=1))
    assert first["revision"] == revision + 1
    stored = seen(tab)
    issue = conflict(save, other, revision, selection(stand=2), selection(day=1))
    assert (issue["expected"], issue["actual"]) == (revision, revision + 1)
    assert seen(other) == stored

    # it reads again, and may then save
    second = save(other, stored["revision"], selection(stand=2), selection(day=1))
    assert second["revision"] == revision + 2
    assert pool(tab, STAND) == (10, 2, 0)


@saves
def test_save_without_a_revision_replaces_what_another_tab_saved(
    connect: Connect, tab: Connection, save: Save
) -> None:
    save(tab, None, selection(seat=1))
    save(connect(autocommit=True), None, selection(stand=1))
    assert [ticket["ticket_type_id"] for ticket in seen(tab)["tickets"]] == [STAND]


@saves
def test_revision_conflict_for_a_revision_of_the_future(tab: Connection, save: Save) -> None:
    before = seen(tab)
    issue = conflict(save, tab, before["revision"] + 1, selection(seat=1))
    assert issue["actual"] == before["revision"]
    assert seen(tab) == before


@saves
def test_revision_conflict_comes_before_any_other_issue(
    connect: Connect, tab: Connection, save: Save
) -> None:
    revision = seen(tab)["revision"]
    save(tab, revision, selection(seat=1))
    # neither a broken rule nor missing capacity is worth telling now
    conflict(save, connect(autocommit=True), revision, selection(seat=11, day=6))


@saves
def test_save_repeated_after_a_lost_reply_gets_the_same_answer(
    connect: Connect, tab: Connection, save: Save
) -> None:
    revision = seen(tab)["revision"]
    chosen = (selection(seat=1), selection(day=2))
    lost = save(tab, revision, *chosen)
    stored = seen(tab)
    for _ in range(2):
        again = save(connect(autocommit=True), revision, *chosen)
        assert again["revision"] == lost["revision"]
        assert ids(again) == ids(lost)
        assert (again["tickets_created"], again["tickets_removed"]) == (0, 0)
        assert again["attendees_updated"] == 0
    assert seen(tab) == stored


@saves
def test_save_of_what_is_stored_succeeds_with_any_revision(
    connect: Connect, tab: Connection, save: Save
) -> None:
    # the other tab comes to what is stored by another way, and has seen neither revision
    revision = seen(tab)["revision"]
    by_selections(tab, revision, selection(stand=1), selection(seat=1))
    by_selections(tab, revision + 1, selection(seat=1), selection(day=2))
    assert save(connect(autocommit=True), revision, selection(seat=1), selection(day=2))["success"]


@saves
def test_revision_conflict_for_a_save_that_waited_for_another(
    connect: Connect, tab: Connection, save: Save
) -> None:
    revision = seen(tab)["revision"]
    with rivals(connect, 1) as (other,):
        with tab.transaction():
            save(tab, revision, selection(seat=1))
            waiting = other.start_waiting(save, revision, selection(stand=1))
        with pytest.raises(psycopg.Error) as refusal:
            waiting.result(PATIENCE)
    assert said(refusal.value)["actual"] == revision + 1
    assert [ticket["ticket_type_id"] for ticket in seen(tab)["tickets"]] == [SEAT]


@saves
def test_save_that_waited_for_a_rollback_succeeds(
    connect: Connect, tab: Connection, save: Save
) -> None:
    revision = seen(tab)["revision"]
    with rivals(connect, 1) as (other,):
        with tab.transaction(force_rollback=True):
            save(tab, revision, selection(seat=1))
            waiting = other.start_waiting(save, revision, selection(stand=1))
        assert waiting.result(PATIENCE)["revision"] == revision + 1
    assert [ticket["ticket_type_id"] for ticket in seen(tab)["tickets"]] == [STAND]
    assert pool(tab, SEAT) == (10, 0, 0)


@saves
@pytest.mark.parametrize("knows", [True, False], ids=["with revision", "without"])
def test_save_sent_twice_at_once_makes_one_set_of_tickets(
    connect: Connect, tab: Connection, save: Save, *, knows: bool
) -> None:
    revision = seen(tab)["revision"] if knows else None
    chosen = (selection(seat=2), selection(day=1))
    with rivals(connect, 1) as (again,):
        with tab.transaction():
            first = save(tab, revision, *chosen)
            waiting = again.start_waiting(save, revision, *chosen)
        second = waiting.result(PATIENCE)
    assert first["tickets_created"] == 4
    assert (second["tickets_created"], second["tickets_removed"]) == (0, 0)
    assert second["tickets_unchanged"] == 4
    assert second["revision"] == first["revision"]
    known = seen(tab)
    assert known["revision"] == first["revision"]
    assert ids(known) == ids(second) == ids(first)
    assert (pool(tab, SEAT), pool(tab, DAY)) == ((10, 3, 0), (5, 1, 0))
    history = tab.execute("SELECT change FROM ticketing.ticket_changes").fetchall()
    assert history == [("added",)] * 4


@saves
def test_save_sent_twice_at_once_is_made_once_when_the_first_fails(
    connect: Connect, tab: Connection, save: Save
) -> None:
    revision = seen(tab)["revision"]
    with rivals(connect, 1) as (again,):
        with tab.transaction(force_rollback=True):
            save(tab, revision, selection(seat=2))
            waiting = again.start_waiting(save, revision, selection(seat=2))
        assert waiting.result(PATIENCE)["tickets_created"] == 2
    assert len(seen(tab)["tickets"]) == 2
    assert pool(tab, SEAT) == (10, 2, 0)
