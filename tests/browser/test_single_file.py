"""The wizard as one HTML file, from file://, without a network: `make wizard` has built it."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Device
from tests.support.example import document
from tests.support.pages import ROOT
from tests.support.wizards import (
    DONE,
    EXCHANGE,
    PAYMENT,
    SUMMARY,
    TICKETS,
    answer,
    choose,
    correct_name,
    exchange,
    expect_step,
    go_on,
    name_person,
    new_email,
    offer,
    pay,
    person,
    register_and_pay,
    register_walter_and_ines,
    sign_in,
)

pytestmark = pytest.mark.browser

PATIENCE = 120
"""Seconds for PostgreSQL to start in the page of a busy machine."""


@pytest.fixture(scope="module")
def file_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the file, built from the SQL and the example event of this folder."""
    assert document("catalogue")
    if not (ROOT / "examples/wizard/node_modules").exists():
        pytest.fail("The packages of the single file are not installed: run make wizard.")
    folder = tmp_path_factory.mktemp("wizard")
    subprocess.run([sys.executable, "-m", "tools.bundle", folder / "all.sql"], cwd=ROOT, check=True)
    catalogue = ROOT / "python/client/ticketing_client/example/catalogue.json"
    wizard = ROOT / "examples/wizard"
    built = folder / "wizard.html"
    subprocess.run(
        [
            "node",
            wizard / "build.mjs",
            folder / "all.sql",
            catalogue,
            wizard / "deadlines.json",
            built,
        ],
        cwd=ROOT,
        check=True,
    )
    return Path(built).as_uri()


@pytest.fixture
def page(device: Device) -> Page:
    """A page of a new device that has no network."""
    context = device()
    context.set_offline(True)
    return context.new_page()


def test_single_file_registers_without_a_network(page: Page, file_url: str) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    email = new_email()
    register_walter_and_ines(page, file_url, email)
    expect(offer(page, "Ines Ashby", "All Events")).to_contain_text("Contains Quarterly Comm")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("Walter Ashby has no ticket yet.")
    choose(page, "Walter Ashby", "All Events")
    choose(page, "Ines Ashby", "Ladies Brunch, Ceremony & Banquet")
    page.reload()
    expect_step(page, TICKETS, seconds=PATIENCE)
    go_on(page, SUMMARY)
    page.go_back()
    expect_step(page, TICKETS)
    page.go_forward()
    expect_step(page, SUMMARY)
    confirmation = pay(page)
    page.reload()
    expect_step(page, DONE, seconds=PATIENCE)
    expect(page.locator("#confirmation")).to_have_text(confirmation)
    assert {url for url in requests if not url.startswith(("file:", "data:", "blob:"))} == set()


def test_single_file_in_two_tabs(page: Page, file_url: str) -> None:
    sign_in(page, file_url, new_email())
    name_person(page, 0, "Clara", "Moss")
    go_on(page, TICKETS)
    second = page.context.new_page()
    second.goto(page.url)
    expect_step(second, TICKETS, seconds=PATIENCE)
    choose(page, "Clara Moss", "Farewell Cruise Luncheon")
    expect(
        offer(second, "Clara Moss", "Farewell Cruise Luncheon").get_by_role("checkbox")
    ).to_be_checked()
    page.close()  # the other tab takes over the database
    second.get_by_role("button", name="Continue", exact=True).click()
    expect_step(second, SUMMARY, seconds=PATIENCE)
    go_on(second, PAYMENT, "To payment")


def test_single_file_changes_what_is_paid(page: Page, file_url: str) -> None:
    register_and_pay(page, file_url, new_email())
    correct_name(page, "Ines Ashby", "Inez")
    expect(person(page, "Inez Ashby")).to_be_visible()
    exchange(page, "Walter Ashby", "All Events")
    answer(page, "Pay $205.00")
    expect_step(page, DONE)
    expect(page.locator(".receipt dl")).to_have_text("Paid $465.00")
    exchange(page, "Inez Ashby", "Ladies Brunch")
    expect(page.locator("#total")).to_have_text("Due back to you $135.00")
    answer(page, "Exchange")
    expect_step(page, DONE)
    page.get_by_role("button", name="Give up Ladies Brunch").click()
    answer(page, "Give it up")
    expect(page.locator(".receipt dl")).to_contain_text("Due back to you $185.00")
    page.reload()
    expect_step(page, DONE, seconds=PATIENCE)
    expect(person(page, "Inez Ashby")).to_contain_text("No ticket")
    page.get_by_role("button", name="Give up All Events").click()
    expect(page.get_by_role("alert")).to_contain_text("No ticket would be left")
    page.get_by_role("button", name="Cancel this registration").click()
    expect(page.get_by_role("dialog")).to_contain_text("$465.00 is due back to you then.")
    answer(page, "Cancel the registration")
    expect(page.locator(".lead")).to_contain_text("You get $465.00 back.")


def test_single_file_changes_what_is_paid_in_two_tabs(page: Page, file_url: str) -> None:
    register_and_pay(page, file_url, new_email())
    second = page.context.new_page()
    second.goto(page.url)
    expect_step(second, DONE, seconds=PATIENCE)
    page.get_by_role("button", name="Exchange tickets of Walter Ashby").click()
    choose(page, "Walter Ashby", "All Events")
    second.get_by_role("button", name="Exchange tickets of Walter Ashby").click()
    expect_step(second, EXCHANGE)
    expect(offer(second, "Walter Ashby", "All Events").get_by_role("checkbox")).to_be_checked()
    page.close()  # the other tab takes over the database
    second.get_by_role("button", name="Exchange", exact=True).click()
    answer(second, "Pay $205.00")
    expect_step(second, DONE, seconds=PATIENCE)
    expect(person(second, "Walter Ashby")).to_contain_text("All Events")


def test_single_file_after_the_deadline(page: Page, file_url: str) -> None:
    register_and_pay(page, file_url, new_email())
    page.get_by_role("button", name="Exchange tickets of Walter Ashby").click()
    choose(page, "Walter Ashby", "All Events")
    # PostgreSQL in the page has the clock of the page
    page.clock.set_fixed_time("2031-09-13T12:00:00+10:00")
    page.get_by_role("button", name="Exchange", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Changes ended")
    page.get_by_role("button", name="Back", exact=True).click()
    expect_step(page, DONE)
    expect(page.locator("#deadlines")).to_contain_text("Changes ended on 12 September 2031")
    expect(page.get_by_role("button", name="Exchange tickets")).to_have_count(0)
