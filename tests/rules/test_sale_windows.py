"""Sale windows of ticket types and packages, registration windows, status of the function."""

from copy import deepcopy

import pytest
from tests.support.caller import Connection, Document, service
from tests.support.cases import Case, Scene, check, issue
from tests.support.workshop import (
    EARLIER,
    FUNCTION,
    LATER,
    REGISTRATION,
    WORKSHOP,
    Names,
    amend,
    one,
    pack,
    selected,
    single,
)

CASES = [
    Case(
        "a sale that has not begun says when it does",
        {"tomas": selected(one("fifty"))},
        issues=[
            issue(
                "not_yet_on_sale",
                ".tomas.individualTickets[0]",
                "tomas",
                ticket_type="fifty",
                expected=LATER,
            )
        ],
        given={"fifty": {"sale_starts_at": LATER}},
    ),
    Case(
        "a sale that is over says since when",
        {"tomas": selected(one("fifty"))},
        issues=[
            issue(
                "sale_ended",
                ".tomas.individualTickets[0]",
                "tomas",
                ticket_type="fifty",
                expected=EARLIER,
            )
        ],
        given={"fifty": {"sale_ends_at": EARLIER}},
    ),
    Case(
        "a sale that is on is no obstacle",
        {"tomas": selected(one("fifty"))},
        single("tomas", "fifty", "50.00"),
        given={"fifty": {"sale_starts_at": EARLIER, "sale_ends_at": LATER}},
    ),
    Case(
        "what is inside a package is on sale or the package is not",
        {"tomas": selected(pack("surcharge", contents=("fifty", "seventy")))},
        issues=[
            issue(
                "sale_ended",
                ".tomas.packages[0].tickets[1]",
                "tomas",
                ticket_type="seventy",
                package="surcharge",
                expected=EARLIER,
            )
        ],
        given={"seventy": {"sale_ends_at": EARLIER}},
    ),
    Case(
        "packages have windows of their own",
        {"tomas": selected(pack("surcharge")), "ines": selected(pack("free"))},
        issues=[
            issue(
                "not_yet_on_sale",
                ".tomas.packages[0]",
                "tomas",
                package="surcharge",
                expected=LATER,
            ),
            issue("sale_ended", ".ines.packages[0]", "ines", package="free", expected=EARLIER),
        ],
        given={"surcharge": {"sale_starts_at": LATER}, "free": {"sale_ends_at": EARLIER}},
    ),
    Case(
        "nothing is sold for an event that is over",
        {"tomas": selected(one("fifty"))},
        issues=[
            issue(
                "sale_ended",
                ".tomas.individualTickets[0]",
                "tomas",
                ticket_type="fifty",
                expected=EARLIER,
            )
        ],
        given={"sunday": {"starts_at": None, "ends_at": EARLIER}},
        function={"ends_at": LATER},
    ),
    Case(
        "nor after the function, where the end of the event is not known",
        {"tomas": selected(one("fifty"))},
        issues=[
            issue(
                "sale_ended",
                ".tomas.individualTickets[0]",
                "tomas",
                ticket_type="fifty",
                expected=EARLIER,
            )
        ],
        function={"ends_at": EARLIER},
    ),
    Case(
        "an event has its own end, whatever the function's",
        {"tomas": selected(one("fifty"))},
        single("tomas", "fifty", "50.00"),
        given={"sunday": {"starts_at": None, "ends_at": LATER}},
        function={"ends_at": EARLIER},
    ),
    Case(
        "a sale may go on after the event",
        {"tomas": selected(one("fifty"))},
        single("tomas", "fifty", "50.00"),
        given={
            "sunday": {"starts_at": None, "ends_at": EARLIER},
            "fifty": {"sale_ends_at": LATER},
        },
    ),
    Case(
        "a package is sold until the first of its events is over",
        {"tomas": selected(pack("uneven", contents=("nothing", "fifty", "seventy")))},
        issues=[
            issue(
                "sale_ended",
                ".tomas.packages[0].tickets[0]",
                "tomas",
                ticket_type="nothing",
                package="uneven",
                expected=EARLIER,
            )
        ],
        given={"saturday": {"starts_at": None, "ends_at": EARLIER}},
    ),
    Case(
        "registration may not be open yet",
        {"tomas": selected(one("fifty"))},
        issues=[issue("registration_not_open", "", expected=LATER)],
        function={"registration_opens_at": LATER},
    ),
    Case(
        "registration may be over",
        {"tomas": selected(one("fifty"))},
        issues=[issue("registration_closed", "", expected=EARLIER)],
        function={"registration_closes_at": EARLIER},
    ),
    Case(
        "a closed function sells nothing",
        {"tomas": selected(pack("free"))},
        issues=[issue("function_not_published", "")],
        function={"status": "closed"},
    ),
    Case(
        "nor does a draft",
        {"tomas": selected(pack("free"))},
        issues=[issue("function_not_published", "")],
        function={"status": "draft"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_sale_windows_open_and_close_what_they_are_about(scene: Scene) -> None:
    check(scene)


@pytest.mark.parametrize(
    ("timezone", "told"),
    [
        ("Australia/Sydney", "2999-01-01 11:00 (Australia/Sydney)"),
        ("America/New_York", "2998-12-31 19:00 (America/New_York)"),
        ("UTC", "2999-01-01 00:00 (UTC)"),
    ],
)
@pytest.mark.parametrize(
    ("code", "function", "ticket_type"),
    [
        ("registration_not_open", {"registration_opens_at": LATER}, {}),
        ("not_yet_on_sale", {}, {"sale_starts_at": LATER}),
    ],
)
def test_messages_tell_times_in_the_time_zone_of_the_function(  # noqa: PLR0917 - two matrices
    db: Connection,
    workshop: Names,
    timezone: str,
    told: str,
    code: str,
    function: Document,
    ticket_type: Document,
) -> None:
    document = deepcopy(WORKSHOP)
    document["function"] |= {"timezone": timezone} | function
    amend(document, workshop.ids({"fifty": ticket_type}))
    service(db).call("import_catalogue", p_catalogue=document)
    db.execute("SET LOCAL TimeZone = 'Asia/Tokyo'")
    quote = service(db).call(
        "quote_ticket_selections",
        p_function_id=FUNCTION,
        p_selections=workshop.ids({"tomas": selected(one("fifty"))}),
        p_registration_id=REGISTRATION,
    )
    (issue,) = quote["issues"]
    assert issue["code"] == code
    assert told in issue["message"]
