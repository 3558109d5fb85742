"""The page "My registration" in Chromium: what is paid is seen, corrected, exchanged, given up."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, Route, expect
from psycopg.sql import SQL, Identifier
from tests.browser.conftest import Device
from tests.support.example import BANQUET, FUNCTION
from tests.support.wizards import (
    DONE,
    EXCHANGE,
    SUMMARY,
    answer,
    choose,
    correct_name,
    exchange,
    expect_step,
    go_on,
    new_email,
    offer,
    person,
    register_and_pay,
    register_walter_and_ines,
    sign_in,
)

pytestmark = pytest.mark.browser

Superuser = psycopg.Connection[Any]

LADIES = "Ladies Brunch, Ceremony & Banquet"
LUNCHEON = "Farewell Cruise Luncheon"


@pytest.fixture
def email() -> str:
    """The address of a new buyer."""
    return new_email()


@pytest.fixture
def paid(page: Page, wizard_url: str, email: str) -> Page:
    """A page with a registration that is paid: 75.00 for Walter, 185.00 for Ines."""
    register_and_pay(page, wizard_url, email)
    return page


@contextmanager
def ended(superuser: Superuser, *deadlines: str) -> Iterator[None]:
    """Let deadlines of the event function be over."""
    move = SQL(
        "UPDATE ticketing.functions SET {deadline} = {deadline} + %s::interval"
        " WHERE function_id = %s"
    )
    moves = [move.format(deadline=Identifier(deadline)) for deadline in deadlines]
    for one in moves:
        superuser.execute(one, ["-10 years", FUNCTION])
    try:
        yield
    finally:
        for one in moves:
            superuser.execute(one, ["10 years", FUNCTION])


def stored(superuser: Superuser, page: Page, query: str) -> list[tuple[object, ...]]:
    """Return what a query says of the registration in the address of the page."""
    found = re.search(r"#/([0-9a-f-]{36})", page.url)
    assert found is not None
    return superuser.execute(query, [found[1]]).fetchall()


def payments(superuser: Superuser, page: Page) -> list[tuple[object, ...]]:
    """Return the amounts that were paid."""
    return stored(
        superuser,
        page,
        "SELECT payment.amount::text FROM ticketing.payments AS payment"
        " WHERE payment.registration_id = %s ORDER BY payment.created_at",
    )


def test_name_is_corrected(paid: Page, superuser: Superuser) -> None:
    paid.get_by_role("button", name="Correct the name of Ines Ashby").click()
    first = paid.get_by_label("First name")
    expect(first).to_be_focused()
    first.fill("Inez")
    paid.get_by_role("button", name="Keep it as it was").click()
    expect(person(paid, "Ines Ashby")).to_be_visible()
    paid.get_by_role("button", name="Correct the name of Ines Ashby").click()
    first.fill("")
    paid.get_by_role("button", name="Save the name").click()
    expect(first).to_have_accessible_description("Please enter a first name.")
    first.fill("Inez")
    paid.reload()  # what is entered is kept
    expect(first).to_have_value("Inez")
    paid.keyboard.press("Tab")
    first.press("Enter")
    expect(first).to_have_count(0)
    paid.reload()
    expect(person(paid, "Inez Ashby")).to_contain_text(LADIES)
    assert stored(
        superuser,
        paid,
        "SELECT attendee.first_name FROM ticketing.attendees AS attendee"
        " WHERE attendee.registration_id = %s ORDER BY attendee.position",
    ) == [("Walter",), ("Inez",)]


def test_dearer_exchange_is_paid(paid: Page, superuser: Superuser) -> None:
    confirmation = paid.locator("#confirmation").inner_text()
    exchange(paid, "Walter Ashby", "All Events")
    expect(paid.locator("#total")).to_have_text("To pay $205.00")
    dialog = paid.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Exchange the tickets?")
    expect(dialog).to_contain_text(f"Walter Ashby gives up {LUNCHEON}.")
    expect(dialog).to_contain_text("Walter Ashby gets All Events.")
    expect(dialog).not_to_contain_text("Ines Ashby")
    answer(paid, "Not yet")
    expect_step(paid, EXCHANGE)
    assert payments(superuser, paid) == [("260.00",)]
    paid.get_by_role("button", name="Exchange", exact=True).click()
    answer(paid, "Pay $205.00")
    expect_step(paid, DONE)
    expect(person(paid, "Walter Ashby")).to_contain_text("All Events")
    expect(person(paid, "Walter Ashby")).to_contain_text("$280.00")
    expect(paid.locator(".receipt dl")).to_have_text("Paid $465.00")
    paid.reload()
    expect(person(paid, "Walter Ashby")).to_contain_text("All Events")
    expect(paid.locator("#confirmation")).to_have_text(confirmation)
    assert payments(superuser, paid) == [("260.00",), ("205.00",)]


def test_cheaper_exchange_shows_what_is_due_back(paid: Page, superuser: Superuser) -> None:
    exchange(paid, "Ines Ashby", "Ladies Brunch")
    expect(paid.locator("#total")).to_have_text("Due back to you $135.00")
    expect(paid.get_by_role("dialog")).to_contain_text("$135.00 is due back to you then.")
    answer(paid, "Exchange")
    expect_step(paid, DONE)
    expect(person(paid, "Ines Ashby")).to_contain_text("$50.00")
    expect(paid.locator(".total")).to_contain_text("$125.00")
    expect(paid.locator(".receipt dl")).to_contain_text("Due back to you $135.00")
    assert payments(superuser, paid) == [("260.00",)]


def test_exchange_that_only_adds_or_gives_up_says_so(paid: Page) -> None:
    banquet = "Proclamation Banquet - Best Available"
    exchange(paid, "Walter Ashby", banquet)
    dialog = paid.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Add the tickets?")
    expect(dialog).to_contain_text(f"Walter Ashby gets {banquet}.")
    expect(dialog).not_to_contain_text("gives up")
    answer(paid, "Pay $115.00")
    expect_step(paid, DONE)
    expect(person(paid, "Walter Ashby")).to_contain_text(banquet)
    paid.get_by_role("button", name="Exchange tickets of Walter Ashby").click()
    for name in (LUNCHEON, banquet):
        offer(paid, "Walter Ashby", name).get_by_role("checkbox").uncheck()
    paid.get_by_role("button", name="Exchange", exact=True).click()
    expect(dialog.get_by_role("heading")).to_have_text("Give up the tickets?")
    expect(dialog).to_contain_text(f"Walter Ashby gives up {LUNCHEON}, {banquet}.")
    expect(dialog).to_contain_text("$190.00 is due back to you then.")
    answer(paid, "Give up")
    expect_step(paid, DONE)
    expect(person(paid, "Walter Ashby")).to_contain_text("No ticket")


def test_ticket_is_given_up_but_not_the_last(paid: Page, superuser: Superuser) -> None:
    paid.get_by_role("button", name=f"Give up {LADIES}").click()
    dialog = paid.get_by_role("dialog")
    expect(dialog).to_contain_text("$185.00 is due back to you then.")
    answer(paid, "Keep it")
    expect(person(paid, "Ines Ashby")).to_contain_text(LADIES)
    paid.get_by_role("button", name=f"Give up {LADIES}").click()
    answer(paid, "Give it up")
    expect(person(paid, "Ines Ashby")).to_contain_text("No ticket")
    expect(paid.locator(".receipt dl")).to_contain_text("Due back to you $185.00")
    paid.get_by_role("button", name=f"Give up {LUNCHEON}").click()
    expect(paid.get_by_role("alert")).to_contain_text("No ticket would be left")
    assert stored(
        superuser,
        paid,
        "SELECT ticket.status, count(*) FROM ticketing.tickets AS ticket"
        " WHERE ticket.registration_id = %s GROUP BY ticket.status ORDER BY ticket.status",
    ) == [("Active", 1), ("Cancelled", 3)]


def test_amount_due_back_pays_for_the_next_exchange(paid: Page, superuser: Superuser) -> None:
    paid.get_by_role("button", name=f"Give up {LADIES}").click()
    answer(paid, "Give it up")
    expect(person(paid, "Ines Ashby")).to_contain_text("No ticket")
    exchange(paid, "Ines Ashby", "Ceremony & Banquet")
    expect(paid.locator("#total")).to_have_text("Due back to you $50.00")
    answer(paid, "Add")
    expect_step(paid, DONE)
    expect(paid.locator(".receipt dl")).to_contain_text("Due back to you $50.00")
    assert payments(superuser, paid) == [("260.00",)]


def test_deadline_over_is_said(paid: Page, superuser: Superuser) -> None:
    said = "Changes ended"
    with ended(superuser, "changes_until", "refunds_until"):  # the page does not know it yet
        paid.get_by_role("button", name=f"Give up {LADIES}").click()
        expect(paid.get_by_role("alert")).to_contain_text(said)
        exchange(paid, "Walter Ashby", "All Events")
        expect(paid.get_by_role("alert")).to_contain_text(said)
        expect(paid.get_by_role("dialog")).to_have_count(0)
    paid.get_by_role("button", name="Back", exact=True).click()
    expect_step(paid, DONE)
    paid.reload()
    expect_step(paid, DONE)
    with ended(superuser, "changes_until", "refunds_until"):
        correct_name(paid, "Ines Ashby", "Inez")
        expect(paid.get_by_role("alert")).to_contain_text(said)
        paid.get_by_role("button", name="Keep it as it was").click()
        expect(person(paid, "Ines Ashby")).to_be_visible()
        expect(paid.locator("#deadlines")).to_contain_text("Changes ended on 12 September")
        assert paid.get_by_role("button", name=re.compile("Correct|Exchange|Give up")).count() == 0
    assert payments(superuser, paid) == [("260.00",)]


def test_deadline_of_refunds_over_leaves_dearer_exchanges(paid: Page, superuser: Superuser) -> None:
    with ended(superuser, "refunds_until"):
        paid.get_by_role("button", name=f"Give up {LADIES}").click()
        expect(paid.get_by_role("alert")).to_contain_text("Refunds ended")
        exchange(paid, "Ines Ashby", "Ladies Brunch")
        expect(paid.get_by_role("alert")).to_contain_text("Refunds ended")
        choose(paid, "Ines Ashby", LADIES)
        expect(paid.get_by_role("alert")).to_be_empty()
        choose(paid, "Walter Ashby", "All Events")
        paid.get_by_role("button", name="Exchange", exact=True).click()
        answer(paid, "Pay $205.00")
        expect_step(paid, DONE)
        expect(paid.locator("#deadlines")).to_contain_text("Refunds ended on 31 August")
        expect(paid.get_by_role("button", name="Cancel this registration")).to_have_count(0)


def test_sold_out_while_exchanging(paid: Page, superuser: Superuser) -> None:
    paid.get_by_role("button", name="Exchange tickets of Walter Ashby").click()
    banquet = "Proclamation Banquet - Best Available"
    choose(paid, "Walter Ashby", banquet)
    expect(paid.locator("#total")).to_have_text("To pay $115.00")
    paid.get_by_role("button", name="Exchange", exact=True).click()
    dialog = paid.get_by_role("dialog")
    expect(dialog).to_be_visible()
    superuser.execute(
        "UPDATE ticketing.capacity_pools SET capacity = reserved + sold"
        " WHERE capacity_pool_id = %s",
        [BANQUET],
    )
    try:
        answer(paid, "Pay $115.00")  # the last one has gone in the meantime
        expect(paid.get_by_role("alert")).to_contain_text(f"{banquet} is sold out")
        expect_step(paid, EXCHANGE)
        expect(offer(paid, "Walter Ashby", banquet)).to_contain_text("Sold out")
        assert payments(superuser, paid) == [("260.00",)]
    finally:
        superuser.execute(
            "UPDATE ticketing.capacity_pools SET capacity = 480 WHERE capacity_pool_id = %s",
            [BANQUET],
        )


def test_reload_keeps_an_exchange_and_back_drops_it(paid: Page) -> None:
    paid.get_by_role("button", name="Exchange tickets of Ines Ashby").click()
    expect(paid.get_by_role("heading", name="Ines Ashby")).to_be_focused()
    choose(paid, "Ines Ashby", "Ladies Brunch")
    paid.reload()
    expect_step(paid, EXCHANGE)
    expect(paid.locator("#total")).to_have_text("Due back to you $135.00")
    paid.go_back()
    expect_step(paid, DONE)
    paid.go_forward()
    expect_step(paid, EXCHANGE)
    ladies = offer(paid, "Ines Ashby", LADIES).get_by_role("checkbox")
    expect(ladies).to_be_checked()
    choose(paid, "Ines Ashby", "Ladies Brunch")
    expect(ladies).not_to_be_checked()
    paid.get_by_role("button", name="Back", exact=True).click()
    paid.get_by_role("button", name="Exchange tickets of Ines Ashby").click()
    expect(ladies).to_be_checked()
    paid.get_by_role("button", name="Exchange", exact=True).click()  # nothing to exchange
    expect_step(paid, DONE)


def test_second_tab_follows(paid: Page) -> None:
    second = paid.context.new_page()
    second.goto(paid.url)
    expect_step(second, DONE)
    correct_name(paid, "Ines Ashby", "Inez")
    expect(person(second, "Inez Ashby")).to_be_visible()
    exchange(second, "Inez Ashby", "Ladies Brunch")
    answer(second, "Exchange")
    expect_step(second, DONE)
    expect(paid.locator(".receipt dl")).to_contain_text("Due back to you $135.00")
    paid.get_by_role("button", name=f"Give up {LUNCHEON}").click()
    answer(paid, "Give it up")
    expect(second.locator(".receipt dl")).to_contain_text("Due back to you $210.00")


@pytest.mark.parametrize(
    ("remedy", "held"),
    [
        ("Keep what I see here", "Ladies Brunch"),
        ("Take what was saved there", LUNCHEON),
    ],
)
def test_change_on_another_device_has_a_remedy(
    paid: Page, device: Device, email: str, remedy: str, held: str
) -> None:
    other = device().new_page()
    sign_in(other, paid.url, email, "Continue")
    expect_step(other, DONE)
    exchange(paid, "Ines Ashby", "Ladies Brunch")
    exchange(other, "Ines Ashby", LUNCHEON)
    answer(other, "Exchange")
    expect_step(other, DONE)
    answer(paid, "Exchange")
    expect(paid.get_by_role("alert").first).to_contain_text("Changed on another device")
    paid.get_by_role("button", name=remedy).click()
    paid.get_by_role("button", name="Exchange", exact=True).click()
    if held == "Ladies Brunch":  # else there is nothing to exchange
        answer(paid, "Exchange")
    expect_step(paid, DONE)
    expect(person(paid, "Ines Ashby").locator("li")).to_have_count(1)
    expect(person(paid, "Ines Ashby").locator("li")).to_contain_text(held)


def test_name_is_kept_beside_what_another_device_has_changed(
    paid: Page, device: Device, email: str
) -> None:
    other = device().new_page()
    sign_in(other, paid.url, email, "Continue")
    exchange(other, "Ines Ashby", "Ladies Brunch")
    answer(other, "Exchange")
    expect_step(other, DONE)
    correct_name(paid, "Ines Ashby", "Inez")
    expect(paid.get_by_role("alert").first).to_contain_text("Changed on another device")
    paid.get_by_role("button", name="Keep what I see here").click()
    paid.get_by_role("button", name="Save the name").click()
    expect(paid.get_by_label("First name")).to_have_count(0)
    expect(person(paid, "Inez Ashby").locator("li")).to_have_count(1)
    expect(person(paid, "Inez Ashby").locator("li")).to_contain_text("Ladies Brunch")
    expect(paid.locator(".receipt dl")).to_contain_text("Due back to you $135.00")


def test_lost_reply_to_a_difference_charges_once(paid: Page, superuser: Superuser) -> None:
    lost: list[int] = []

    def handle(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch().status)
            route.abort()

    paid.route("**/difference", handle)
    exchange(paid, "Walter Ashby", "All Events")
    answer(paid, "Pay $205.00")
    expect_step(paid, DONE)
    assert lost == [200]
    assert payments(superuser, paid) == [("260.00",), ("205.00",)]


def test_signing_out_asks_about_an_exchange(paid: Page) -> None:
    paid.get_by_role("button", name="Exchange tickets of Walter Ashby").click()
    choose(paid, "Walter Ashby", "All Events")
    paid.get_by_role("button", name="Sign out").click()
    expect(paid.get_by_role("dialog")).to_contain_text("not saved yet")
    answer(paid, "Sign out")
    expect(paid.get_by_role("button", name="Start")).to_be_visible()


def test_discount_and_what_was_given_back_are_shown(paid: Page, superuser: Superuser) -> None:
    paid.get_by_role("button", name=f"Give up {LUNCHEON}").click()
    answer(paid, "Give it up")
    expect(paid.locator(".receipt dl")).to_contain_text("Due back to you $75.00")
    stored(superuser, paid, "SELECT ticketing.adjust_registration(%s, -10, 'goodwill')")
    stored(
        superuser,
        paid,
        """
        SELECT ticketing.record_refund(
            %s, '{"reference": "re_1", "amount": 75, "currency": "AUD"}'
        )
        """,
    )
    paid.reload()
    expect(paid.locator(".total")).to_contain_text("$175.00")
    amounts = paid.locator(".receipt dl > div")
    expect(amounts).to_have_text(
        [
            "Discount, in the total -$10.00",
            "Paid $260.00",
            "Given back $75.00",
            "Due back to you $10.00",
        ]
    )


def test_registration_that_is_paid_is_cancelled(paid: Page, superuser: Superuser) -> None:
    cancel = paid.get_by_role("button", name="Cancel this registration")
    cancel.click()
    expect(paid.get_by_role("dialog")).to_contain_text("$260.00 is due back to you then.")
    answer(paid, "Keep it")
    expect(cancel).to_be_focused()
    paid.get_by_role("button", name=f"Give up {LUNCHEON}").click()
    answer(paid, "Give it up")
    expect(person(paid, "Walter Ashby")).to_contain_text("No ticket")
    stored(superuser, paid, "SELECT ticketing.adjust_registration(%s, 20, 'kept')")
    cancel.click()
    expect(paid.get_by_role("dialog")).to_contain_text("$240.00 is due back to you then.")
    answer(paid, "Cancel the registration")
    expect_step(paid, "Cancelled")
    expect(paid.locator(".lead")).to_contain_text("You get $240.00 back.")


def test_registration_for_which_nothing_was_paid_is_cancelled_without_refunds(
    page: Page, wizard_url: str, email: str, superuser: Superuser
) -> None:
    with ended(superuser, "refunds_until"):
        register_walter_and_ines(page, wizard_url, email)
        choose(page, "Walter Ashby", LUNCHEON)
        choose(page, "Ines Ashby", LADIES)
        go_on(page, SUMMARY)
        stored(superuser, page, "SELECT ticketing.adjust_registration(%s, -260, 'guests')")
        page.reload()
        go_on(page, DONE, "To payment")
        page.get_by_role("button", name="Cancel this registration").click()
        expect(page.get_by_role("dialog")).to_contain_text("Nothing is due back to you then.")
        answer(page, "Cancel the registration")
        expect_step(page, "Cancelled")
