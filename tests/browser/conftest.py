"""Chromium, and the wizard over the example service over a database of the test's own.

`make test-browser` runs these tests. They need Chromium: Debian's package, or another one whose
path is in the environment variable CHROMIUM.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TypeAlias

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright
from tests.conftest import EventDatabase
from tests.support.services import running, settings

from examples.wizard.server import create_app, example_event
from ticketing_client import Client

PHONE = ViewportSize(width=390, height=844)

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

expect.set_options(timeout=20_000)

Device: TypeAlias = Callable[[], BrowserContext]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.fail(
            "The browser tests need Chromium, which is not installed: install it (on Debian: "
            "apt-get install chromium), or set CHROMIUM to the path of its program.",
            pytrace=False,
        )
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def wizard_database(event_database: EventDatabase) -> Iterator[str]:
    """The URL of the wizard's database, for a superuser."""
    with event_database("wizard") as url, settings(url):
        with Client(url) as client:
            client.import_catalogue(example_event())
        yield url


@pytest.fixture(scope="module")
def wizard_url(wizard_database: str) -> Iterator[str]:
    """The URL of the running wizard."""
    del wizard_database
    with running(create_app()) as url:
        yield url


@pytest.fixture
def superuser(wizard_database: str) -> Iterator[psycopg.Connection[object]]:
    """A connection to the wizard's database that commits by itself."""
    with psycopg.connect(wizard_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def device(browser: Browser) -> Iterator[Device]:
    """A function that makes one more device: a browser with a storage of its own.

    Whatever fails in its pages without being handled fails the test.
    """
    devices: list[BrowserContext] = []
    faults: list[str] = []

    def open_device() -> BrowserContext:
        context = browser.new_context(viewport=PHONE, locale="en-AU")
        context.set_default_timeout(20_000)
        context.on("weberror", lambda event: faults.append(str(event.error)))
        devices.append(context)
        return context

    yield open_device
    for context in devices:
        context.close()
    assert faults == []


@pytest.fixture
def page(device: Device) -> Page:
    """A page of a new device."""
    return device().new_page()
