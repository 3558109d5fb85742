"""The wizard in Chromium, over the FastAPI service, over a real server."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from tests.browser.conftest import Device
from tests.support.example import BANQUET, BRUNCH
from tests.support.wizards import (
    DONE,
    PAYMENT,
    PEOPLE,
    SUMMARY,
    TICKETS,
    choose,
    expect_step,
    go_on,
    name_person,
    new_email,
    offer,
    pay,
    register_walter_and_ines,
    sign_in,
)

pytestmark = pytest.mark.browser

Superuser = psycopg.Connection[Any]


@pytest.fixture
def email() -> str:
    """The address of a new buyer."""
    return new_email()


@contextmanager
def capacity(superuser: Superuser, pool: str, left: int) -> Iterator[None]:
    """Leave so much in a pool."""
    row = superuser.execute(
        "SELECT capacity FROM ticketing.capacity_pools WHERE capacity_pool_id = %s", [pool]
    ).fetchone()
    assert row is not None
    superuser.execute(
        "UPDATE ticketing.capacity_pools SET capacity = reserved + sold + %s"
        " WHERE capacity_pool_id = %s",
        [left, pool],
    )
    yield
    superuser.execute(
        "UPDATE ticketing.capacity_pools SET capacity = %s WHERE capacity_pool_id = %s",
        [row[0], pool],
    )


def tickets_of(superuser: Superuser, page: Page) -> list[tuple[str, str]]:
    """Return who holds which ticket type of the registration in the address of the page."""
    found = re.search(r"#/([0-9a-f-]{36})", page.url)
    assert found is not None
    return superuser.execute(
        "SELECT attendee.first_name, type.name FROM ticketing.tickets AS ticket"
        " JOIN ticketing.attendees AS attendee USING (function_id, attendee_id)"
        " JOIN ticketing.ticket_types AS type USING (function_id, ticket_type_id)"
        " WHERE ticket.registration_id = %s AND ticket.status = 'Active' ORDER BY 1, 2",
        [found[1]],
    ).fetchall()


LADIES = [
    ("Ines", "Grand Proclamation Ceremony"),
    ("Ines", "Ladies Brunch"),
    ("Ines", "Proclamation Banquet - Best Available"),
]
LUNCHEON = ("Walter", "Farewell Cruise Luncheon")


def choose_for_both(page: Page) -> None:
    """Choose the luncheon for Walter, and the package with the brunch for Ines."""
    choose(page, "Walter Ashby", "Farewell Cruise Luncheon")
    choose(page, "Ines Ashby", "Ladies Brunch, Ceremony & Banquet")


def test_complete_registration(
    page: Page, wizard_url: str, email: str, superuser: Superuser
) -> None:
    register_walter_and_ines(page, wizard_url, email)
    expect(page.locator("#total")).to_have_text("Nothing chosen yet")
    choose_for_both(page)
    expect(page.locator("#total")).to_contain_text("$260.00")
    go_on(page, SUMMARY)
    expect(page.locator(".receipt")).to_contain_text("Ladies Brunch, Ceremony & Banquet")
    confirmation = pay(page)
    assert superuser.execute(
        "SELECT status, total::text FROM ticketing.registrations WHERE confirmation_number = %s",
        [confirmation],
    ).fetchall() == [("completed", "260.00")]
    assert tickets_of(superuser, page) == [*LADIES, LUNCHEON]
    # the provider has called the webhook twice
    assert superuser.execute(
        "SELECT count(*) FROM ticketing.payments JOIN ticketing.registrations"
        " USING (function_id, registration_id) WHERE confirmation_number = %s",
        [confirmation],
    ).fetchone() == (1,)


def test_continue_says_who_has_no_ticket(page: Page, wizard_url: str, email: str) -> None:
    register_walter_and_ines(page, wizard_url, email)
    choose(page, "Walter Ashby", "Ladies Brunch")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("Ines Ashby has no ticket yet.")
    expect(page.get_by_role("heading", name="Ines Ashby")).to_be_focused()
    expect_step(page, TICKETS)


def test_names_are_asked_for_beside_their_fields(page: Page, wizard_url: str, email: str) -> None:
    sign_in(page, wizard_url, email)
    page.get_by_role("button", name="Continue").click()
    first = page.get_by_label("First name")
    expect(first).to_be_focused()
    expect(first).to_have_accessible_description("Please enter a first name.")


def test_what_is_not_for_an_attendee_says_why(page: Page, wizard_url: str, email: str) -> None:
    register_walter_and_ines(page, wizard_url, email)
    communication = offer(page, "Ines Ashby", "Quarterly Communication")
    expect(communication.get_by_role("checkbox")).to_be_disabled()
    expect(communication).to_contain_text("Only for those who come as Mason")
    expect(offer(page, "Ines Ashby", "All Events")).to_contain_text("Contains Quarterly Comm")
    expect(offer(page, "Walter Ashby", "All Events").get_by_role("checkbox")).to_be_enabled()
    expect(page.get_by_text("Lodge Package")).to_have_count(0)


def test_back_and_forward_lose_and_double_nothing(
    page: Page, wizard_url: str, email: str, superuser: Superuser
) -> None:
    register_walter_and_ines(page, wizard_url, email)
    choose_for_both(page)
    go_on(page, SUMMARY)
    before = tickets_of(superuser, page)
    for _ in range(2):
        page.go_back()
        expect_step(page, TICKETS)
        page.go_back()
        expect_step(page, PEOPLE)
        page.go_forward()
        expect_step(page, TICKETS)
        page.go_forward()
        expect_step(page, SUMMARY)
    assert tickets_of(superuser, page) == before == [*LADIES, LUNCHEON]
    page.get_by_role("button", name="Back", exact=True).click()
    expect_step(page, TICKETS)
    expect(
        offer(page, "Ines Ashby", "Ladies Brunch, Ceremony & Banquet").get_by_role("checkbox")
    ).to_be_checked()


def test_forward_saves_what_has_changed(
    page: Page, wizard_url: str, email: str, superuser: Superuser
) -> None:
    register_walter_and_ines(page, wizard_url, email)
    choose_for_both(page)
    go_on(page, SUMMARY)
    page.go_back()
    expect_step(page, TICKETS)
    offer(page, "Ines Ashby", "Ladies Brunch, Ceremony & Banquet").get_by_role("checkbox").uncheck()
    page.go_forward()  # Ines has nothing: it stays
    expect(page.get_by_role("alert")).to_contain_text("Ines Ashby has no ticket yet.")
    expect_step(page, TICKETS)
    choose(page, "Ines Ashby", "Farewell Cruise Luncheon")
    go_on(page, SUMMARY)
    assert tickets_of(superuser, page) == [("Ines", LUNCHEON[1]), LUNCHEON]


def test_reload_keeps_what_is_not_saved(page: Page, wizard_url: str, email: str) -> None:
    sign_in(page, wizard_url, email)
    name_person(page, 0, "Walter", "Ashby", "Mason")
    page.reload()
    expect(page.get_by_label("First name")).to_have_value("Walter")
    expect(page.get_by_label("Grand lodge")).to_have_value(re.compile("United"))
    go_on(page, TICKETS)
    choose(page, "Walter Ashby", "Ceremony & Banquet")
    page.reload()
    expect_step(page, TICKETS)
    expect(page.locator("#total")).to_contain_text("$135.00")
    go_on(page, SUMMARY)
    page.reload()
    expect_step(page, SUMMARY)
    go_on(page, PAYMENT, "To payment")
    page.reload()
    expect_step(page, PAYMENT)
    page.get_by_role("button", name="Pay $135.00").click()
    expect_step(page, DONE)
    page.reload()
    expect_step(page, DONE)


def test_second_tab_shows_and_saves_the_same(
    page: Page, wizard_url: str, email: str, superuser: Superuser
) -> None:
    register_walter_and_ines(page, wizard_url, email)
    second = page.context.new_page()
    second.goto(page.url)
    expect_step(second, TICKETS)
    choose(page, "Walter Ashby", "Farewell Cruise Luncheon")
    walters = offer(second, "Walter Ashby", "Farewell Cruise Luncheon").get_by_role("checkbox")
    expect(walters).to_be_checked()
    choose(second, "Ines Ashby", "Ladies Brunch, Ceremony & Banquet")
    go_on(page, SUMMARY)
    go_on(second, SUMMARY)
    assert tickets_of(superuser, page) == [*LADIES, LUNCHEON]
    pay(second)
    expect_step(page, DONE)  # the first tab hears of it


def open_elsewhere(device: Device, page: Page, email: str) -> Page:
    """Open the registration of a page on another device."""
    other = device().new_page()
    sign_in(other, page.url, email, "Continue")
    return other


def test_another_device_resumes(page: Page, device: Device, wizard_url: str, email: str) -> None:
    register_walter_and_ines(page, wizard_url, email)
    choose_for_both(page)
    go_on(page, SUMMARY)
    other = open_elsewhere(device, page, email)
    expect_step(other, SUMMARY)
    expect(other.locator(".receipt")).to_contain_text("$260.00")
    pay(other)
    page.reload()
    expect_step(page, DONE)


def test_another_buyer_does_not_find_the_registration(
    page: Page, device: Device, wizard_url: str, email: str
) -> None:
    register_walter_and_ines(page, wizard_url, email)
    other = open_elsewhere(device, page, new_email())
    expect(other.get_by_role("alert")).to_contain_text("no such registration for this e-mail")


@pytest.mark.parametrize(
    ("remedy", "held"),
    [
        ("Keep what I see here", [*LADIES, LUNCHEON]),
        ("Take what was saved there", [("Ines", LUNCHEON[1]), ("Walter", "Ladies Brunch")]),
    ],
)
def test_conflict_with_another_device_has_a_remedy(  # noqa: PLR0917 - fixtures
    page: Page,
    device: Device,
    wizard_url: str,
    email: str,
    superuser: Superuser,
    remedy: str,
    held: list[tuple[str, str]],
) -> None:
    register_walter_and_ines(page, wizard_url, email)
    other = open_elsewhere(device, page, email)
    expect_step(other, TICKETS)
    choose(other, "Walter Ashby", "Ladies Brunch")
    choose(other, "Ines Ashby", "Farewell Cruise Luncheon")
    go_on(other, SUMMARY)
    choose_for_both(page)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert").first).to_contain_text("Changed on another device")
    page.get_by_role("button", name=remedy).click()
    go_on(page, SUMMARY)
    assert tickets_of(superuser, page) == held


def test_signing_out_leaves_nothing_in_the_browser(page: Page, wizard_url: str, email: str) -> None:
    sign_in(page, wizard_url, email)
    name_person(page, 0, "Walter", "Ashby", "Mason")
    page.get_by_role("button", name="Sign out").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("not saved yet")
    dialog.get_by_role("button", name="Stay").click()
    go_on(page, TICKETS)
    page.get_by_role("button", name="Sign out").click()  # saved: nothing to ask
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    expect(page.get_by_role("button", name="Continue it")).to_have_count(0)
    assert page.evaluate("JSON.stringify(localStorage)") == "{}"


def lose_reply(context: BrowserContext, path: str, times: int) -> list[int]:
    """Deliver requests to a path, and lose their replies, so many times."""
    lost: list[int] = []

    def handle(route: Route) -> None:
        if len(lost) < times and route.request.method == "POST":
            lost.append(route.fetch().status)
            route.abort()
        else:
            route.continue_()

    context.route(path, handle)
    return lost


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("path", ["**/registrations/individuals", "**/tickets"])
def test_lost_reply_is_repeated_and_doubles_nothing(  # noqa: PLR0917 - fixtures
    page: Page, wizard_url: str, email: str, superuser: Superuser, path: str, times: int
) -> None:
    lost = lose_reply(page.context, path, times)
    sign_in(page, wizard_url, email)
    name_person(page, 0, "Walter", "Ashby", "Mason")
    page.get_by_role("button", name="Continue").click()
    if times == 4 and "individuals" in path:  # it has given up; the buyer tries again
        expect(page.get_by_role("alert")).to_contain_text("does not answer")
        page.get_by_role("button", name="Continue").click()
    expect_step(page, TICKETS)
    choose(page, "Walter Ashby", "Farewell Cruise Luncheon")
    page.get_by_role("button", name="Continue").click()
    if times == 4 and "tickets" in path:
        expect(page.get_by_role("alert")).to_contain_text("What you have entered is kept")
        page.reload()  # instead of trying again
        go_on(page, SUMMARY)
    expect_step(page, SUMMARY)
    assert len(lost) == times
    assert tickets_of(superuser, page) == [LUNCHEON]


def test_lost_reply_to_a_payment_charges_once(page: Page, wizard_url: str, email: str) -> None:
    lost = lose_reply(page.context, "**/development/pay/*", 1)
    sign_in(page, wizard_url, email)
    name_person(page, 0, "Walter", "Ashby", "Mason")
    go_on(page, TICKETS)
    choose(page, "Walter Ashby", "Farewell Cruise Luncheon")
    go_on(page, SUMMARY)
    with page.expect_response("**/development/pay/*") as repeated:
        pay(page)
    assert len(lost) == 1
    assert repeated.value.json() == {"outcome": "recorded"}


def test_service_that_does_not_answer_is_said(page: Page, wizard_url: str) -> None:
    page.route("**/availability", lambda route: route.abort())
    page.goto(wizard_url)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")


def test_type_that_does_not_allow_what_is_held(
    page: Page, wizard_url: str, email: str, superuser: Superuser
) -> None:
    register_walter_and_ines(page, wizard_url, email)
    choose(page, "Walter Ashby", "All Events")
    choose(page, "Ines Ashby", "Ladies Brunch, Ceremony & Banquet")
    go_on(page, SUMMARY)
    for _ in range(2):
        page.get_by_role("button", name="Back", exact=True).click()
    expect_step(page, PEOPLE)
    walter = page.locator("fieldset[data-attendee]").first
    walter.get_by_label("Comes as").select_option(label="Guest")
    page.get_by_role("button", name="Continue").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Walter Ashby gives up All Events.")
    expect(dialog).not_to_contain_text("Ines")
    dialog.get_by_role("button", name="Keep it as it was").click()
    expect(walter.get_by_label("Comes as")).to_have_value("mason")

    walter.get_by_label("Comes as").select_option(label="Guest")
    page.get_by_role("button", name="Continue").click()
    dialog.get_by_role("button", name="Change, and give up these tickets").click()
    expect_step(page, TICKETS)
    assert tickets_of(superuser, page) == LADIES
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("Walter Ashby has no ticket yet.")


def test_sold_out_while_choosing(
    page: Page, wizard_url: str, email: str, superuser: Superuser
) -> None:
    register_walter_and_ines(page, wizard_url, email)
    choose(page, "Walter Ashby", "Ladies Brunch")
    choose(page, "Ines Ashby", "Ladies Brunch")
    with capacity(superuser, BRUNCH, 1):
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("Only 1 of Ladies Brunch left")
        expect(offer(page, "Walter Ashby", "Ladies Brunch")).to_contain_text("Only 1 left")
        assert tickets_of(superuser, page) == []
        offer(page, "Walter Ashby", "Ladies Brunch").get_by_role("checkbox").uncheck()
        choose(page, "Walter Ashby", "Farewell Cruise Luncheon")
        go_on(page, SUMMARY)
    with capacity(superuser, BANQUET, 0):
        page.get_by_role("button", name="Back", exact=True).click()
        banquet = offer(page, "Walter Ashby", "Proclamation Banquet - Best Available")
        expect(banquet).to_contain_text("Sold out")
        expect(banquet.get_by_role("checkbox")).to_be_disabled()
    assert tickets_of(superuser, page) == [("Ines", "Ladies Brunch"), LUNCHEON]


def test_hold_that_is_over_is_said_and_taken_again(
    page: Page, wizard_url: str, email: str, superuser: Superuser
) -> None:
    register_walter_and_ines(page, wizard_url, email)
    choose_for_both(page)
    go_on(page, SUMMARY)
    expect(page.locator("#hold")).to_contain_text("Kept for you until")
    superuser.execute(
        "UPDATE ticketing.registrations SET held_since = held_since - interval '1 hour',"
        " hold_expires_at = clock_timestamp() - interval '1 second'"
        " WHERE registration_id = %s",
        [re.search(r"#/([0-9a-f-]{36})", page.url)[1]],  # type: ignore[index]
    )
    page.reload()
    expect(page.locator("#hold")).to_contain_text("The time for these tickets is over")
    pay(page)
    assert tickets_of(superuser, page) == [*LADIES, LUNCHEON]


def test_cancellation(page: Page, wizard_url: str, email: str, superuser: Superuser) -> None:
    register_walter_and_ines(page, wizard_url, email)
    choose_for_both(page)
    go_on(page, SUMMARY)
    page.get_by_role("button", name="Cancel this registration").click()
    page.get_by_role("button", name="Cancel the registration").click()
    expect_step(page, "Cancelled")
    assert tickets_of(superuser, page) == []


def test_keyboard_alone_registers(page: Page, wizard_url: str, email: str) -> None:
    page.goto(wizard_url)
    page.get_by_label("Your e-mail address").focus()
    page.keyboard.type(email)
    page.keyboard.press("Enter")
    expect_step(page, PEOPLE)
    page.keyboard.press("Tab")
    for name in ("Clara", "Moss"):
        page.keyboard.type(name)
        page.keyboard.press("Tab")
    page.get_by_label("Last name").focus()
    page.keyboard.press("Enter")
    expect_step(page, TICKETS)
    page.get_by_label(re.compile("Farewell Cruise Luncheon")).focus()
    page.keyboard.press("Space")
    expect(page.get_by_label(re.compile("Farewell Cruise Luncheon"))).to_be_focused()
    page.get_by_role("button", name="Continue").focus()
    page.keyboard.press("Enter")
    expect_step(page, SUMMARY)


def test_names_are_shown_as_text(page: Page, wizard_url: str, email: str) -> None:
    name = "<img src=x onerror=\"document.title='run'\">\"'&"
    sign_in(page, wizard_url, email)
    name_person(page, 0, name, "Ashby", "Mason")
    go_on(page, TICKETS)
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert page.locator("main img").count() == 0


def test_address_chooses_a_function_and_no_other_path(page: Page, wizard_url: str) -> None:
    with page.expect_request("**/availability*") as sent:
        page.goto(f"{wizard_url}/?function=../development/pay/x%3F")
    assert sent.value.url == f"{wizard_url}/functions/..%2Fdevelopment%2Fpay%2Fx%3F/availability"
    expect(page.get_by_role("alert")).to_be_visible()
