"""Payment needs a booking contact that can be reached."""

import pytest
from tests.support.bookings import book
from tests.support.caller import Connection, Document, Outcome, owner, service
from tests.support.example import CEREMONY, COMMUNICATION, WALTER, selection, wizard_registration


@pytest.fixture
def registration_id(db: Connection, catalogue: Document) -> str:
    """A registration with a ticket, ready to be paid but for its contact."""
    service(db).call("import_catalogue", p_catalogue=catalogue)
    return book(db, {WALTER: selection(tickets={COMMUNICATION: 1, CEREMONY: 1})})


def start_payment(db: Connection, registration_id: str, contact: Document | None) -> Outcome:
    """Give the registration a contact, and start its payment."""
    data = wizard_registration(registration_id, ()) | {"billingDetails": contact}
    owner(db).call("create_individual_registration_jsonb", p_registration_data=data)
    return owner(db).attempt("start_payment", p_registration_id=registration_id)


NAME = {"firstName": "Walter"}


@pytest.mark.parametrize(
    "email",
    [
        "walter.ashby+tickets@mail.example.org",
        " walter@example.org ",
        "o'hara@example.co.uk",
        "bücher@bücher.example",
    ],
)
def test_start_payment_accepts_plausible_email_address(
    db: Connection, registration_id: str, email: str
) -> None:
    started = start_payment(db, registration_id, NAME | {"emailAddress": email})
    assert started.answer["status"] == "pending"


@pytest.mark.parametrize(
    "email",
    [
        "ann",
        "ann@",
        "@example.org",
        "ann@example",
        "ann@.org",
        "ann@example.",
        "ann@example..org",
        "ann@home@example.org",
        "ann lee@example.org",
        "ann@exam\tple.org",
        "ann@example.org, bob@example.org",
    ],
)
def test_booking_contact_missing_for_implausible_email_address(
    db: Connection, registration_id: str, email: str
) -> None:
    refusal = start_payment(db, registration_id, NAME | {"emailAddress": email})
    (issue,) = refusal.issues
    assert (refusal.sqlstate, issue["code"]) == ("TK004", "booking_contact_missing")
    assert "emailAddress needs one @" in issue["message"]
    assert issue["actual"] == email
    assert issue["expected"] == ["emailAddress", "firstName", "lastName", "businessName"]


@pytest.mark.parametrize(
    ("contact", "keys"),
    [
        (None, ["emailAddress is missing", "a name is missing"]),
        ({}, ["emailAddress is missing", "a name is missing"]),
        (NAME, ["emailAddress is missing"]),
        (NAME | {"emailAddress": None}, ["emailAddress is missing"]),
        (NAME | {"emailAddress": " "}, ["emailAddress is missing"]),
        ({"emailAddress": "walter@example.org"}, ["a name is missing"]),
        ({"emailAddress": "walter@example.org", "firstName": " "}, ["a name is missing"]),
        ({"emailAddress": "ann"}, ["emailAddress needs one @", "a name is missing"]),
    ],
)
def test_booking_contact_missing_names_each_key_at_fault(
    db: Connection, registration_id: str, contact: Document | None, keys: list[str]
) -> None:
    (issue,) = start_payment(db, registration_id, contact).issues
    assert issue["code"] == "booking_contact_missing"
    faults = ("emailAddress is missing", "emailAddress needs one @", "a name is missing")
    assert [fault for fault in faults if fault in issue["message"]] == keys


@pytest.mark.parametrize("key", ["firstName", "lastName", "businessName"])
def test_start_payment_accepts_any_name_of_the_contact(
    db: Connection, registration_id: str, key: str
) -> None:
    contact = {key: "Lodge 1", "emailAddress": "lodge@example.org"}
    assert start_payment(db, registration_id, contact).answer["status"] == "pending"
