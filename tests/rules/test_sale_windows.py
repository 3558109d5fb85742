"""Sale windows of ticket types and packages, registration windows, status of the function."""

import pytest
from tests.support.cases import Case, Scene, check, issue
from tests.support.workshop import EARLIER, LATER, one, pack, selected, single

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
