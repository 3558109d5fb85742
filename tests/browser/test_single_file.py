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
    PAYMENT,
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
    built = folder / "wizard.html"
    subprocess.run(
        ["node", "examples/wizard/build.mjs", folder / "all.sql", catalogue, built],
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
