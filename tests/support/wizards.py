"""What a buyer does in the wizard, and sees there."""

import re
from uuid import uuid4

from playwright.sync_api import Locator, Page, expect

GRAND_LODGE = "United Grand Lodge of NSW & ACT"

PEOPLE, TICKETS, SUMMARY, PAYMENT, DONE = (
    "Who is coming?",
    "Choose tickets",
    "Is everything right?",
    "Payment",
    "Thank you, you are registered",
)
"""The headings of the steps."""


def expect_step(page: Page, heading: str, *, seconds: float = 20) -> None:
    """Wait until a step is shown."""
    expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible(timeout=seconds * 1000)


def new_email() -> str:
    """Return the e-mail address of a new buyer."""
    return f"{uuid4().hex[:12]}@example.org"


def sign_in(page: Page, url: str, email: str, button: str = "Start") -> None:
    """Open the wizard and sign in."""
    page.goto(url)
    page.get_by_label("Your e-mail address").fill(email, timeout=120_000)
    page.get_by_role("button", name=button, exact=True).click()


def name_person(page: Page, place: int, first: str, last: str, kind: str = "Guest") -> None:
    """Fill in a person, and for a mason the grand lodge."""
    person = page.locator("fieldset[data-attendee]").nth(place)
    person.get_by_label("First name").fill(first)
    person.get_by_label("Last name").fill(last)
    person.get_by_label("Comes as").select_option(label=kind)
    if kind == "Mason":
        person.get_by_label("Grand lodge").fill(GRAND_LODGE)


def register_walter_and_ines(page: Page, url: str, email: str) -> None:
    """Go to the choice of tickets for Walter, a mason, and Ines, a guest."""
    sign_in(page, url, email)
    name_person(page, 0, "Walter", "Ashby", "Mason")
    page.get_by_role("button", name="Add a person").click()
    name_person(page, 1, "Ines", "Ashby")
    go_on(page, TICKETS)


def offer(page: Page, person: str, name: str) -> Locator:
    """Return the box of a package or ticket for a person."""
    exactly = page.locator(".name", has_text=re.compile(f"^{re.escape(name)}$"))
    section = page.locator("section.person").filter(has=page.get_by_role("heading", name=person))
    return section.locator("li.offer").filter(has=exactly)


def choose(page: Page, person: str, name: str) -> None:
    """Select a package or ticket for a person."""
    offer(page, person, name).get_by_role("checkbox").check()


def go_on(page: Page, heading: str, button: str = "Continue") -> None:
    """Press the button of the step, and wait for the next one."""
    page.get_by_role("button", name=button, exact=True).click()
    expect_step(page, heading)


def pay(page: Page) -> str:
    """Go from the summary to the end, and return the confirmation number."""
    go_on(page, PAYMENT, "To payment")
    page.get_by_role("button", name="Pay $").click()
    expect_step(page, DONE)
    return page.locator("#confirmation").inner_text()
