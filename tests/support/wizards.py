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
    "My registration",
)
"""The headings of the steps."""

EXCHANGE = "Exchange tickets"
"""The heading of the choice of tickets once they are paid."""


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


def register_and_pay(page: Page, url: str, email: str) -> None:
    """Go to the paid registration of Walter, with the luncheon, and Ines, with a package."""
    register_walter_and_ines(page, url, email)
    choose(page, "Walter Ashby", "Farewell Cruise Luncheon")
    choose(page, "Ines Ashby", "Ladies Brunch, Ceremony & Banquet")
    go_on(page, SUMMARY)
    pay(page)


def person(page: Page, name: str) -> Locator:
    """Return the part of "My registration" about a person."""
    return page.locator(".receipt section").filter(has=page.get_by_role("heading", name=name))


def correct_name(page: Page, name: str, first: str) -> None:
    """Give a person another first name in "My registration"."""
    page.get_by_role("button", name=f"Correct the name of {name}").click()
    page.get_by_label("First name").fill(first)
    page.get_by_role("button", name="Save the name").click()


def exchange(page: Page, name: str, wanted: str) -> None:
    """Choose something else for a person than what is paid, and press the button of the step."""
    page.get_by_role("button", name=f"Exchange tickets of {name}").click()
    expect_step(page, EXCHANGE)
    choose(page, name, wanted)
    page.get_by_role("button", name="Exchange", exact=True).click()


def answer(page: Page, button: str) -> None:
    """Press a button of the dialog."""
    page.get_by_role("dialog").get_by_role("button", name=button).click()
