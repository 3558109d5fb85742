"""Who may hold what, by the facts of attendee and registration."""

from collections.abc import Sequence

import pytest
from tests.support.caller import Document
from tests.support.cases import Case, Scene, check, fact_missing, issue, not_eligible
from tests.support.workshop import (
    GL,
    IS_MASON,
    IS_OURS,
    MM,
    one,
    only,
    pack,
    rule,
    selected,
    single,
)


def for_three(name: str, rules: Document, *issues: Document, tickets: Sequence[str] = ()) -> Case:
    """Let Walter (rank GL), Tomas (of no rank) and Harold (rank MM) each choose a ticket."""
    names = ("walter", "tomas", "harold")
    return Case(
        name,
        {attendee: selected(one("fifty")) for attendee in tickets or names},
        [ticket for attendee in tickets for ticket in single(attendee, "fifty", "50.00")],
        issues=issues,
        given={"fifty": rules},
    )


CASES = [
    for_three(
        "equals: the fact is the value",
        only(GL),
        fact_missing("tomas", "rank"),
        not_eligible("harold", [GL], {"rank": "MM"}),
    ),
    for_three("equals admits an attendee whose fact is the value", only(GL), tickets=("walter",)),
    for_three(
        "not_equals: the fact is another value, and known",
        only(rule("rank", "not_equals", "GL")),
        not_eligible("walter", [rule("rank", "not_equals", "GL")], {"rank": "GL"}),
        fact_missing("tomas", "rank"),
    ),
    for_three(
        "not_equals lets others pass",
        only(rule("rank", "not_equals", "GL")),
        tickets=("harold",),
    ),
    for_three(
        "in: the fact is one of the values",
        only(rule("rank", "in", ["GL", "PM"])),
        fact_missing("tomas", "rank"),
        not_eligible("harold", [rule("rank", "in", ["GL", "PM"])], {"rank": "MM"}),
    ),
    for_three(
        "in lets each of them pass",
        only(rule("rank", "in", ["GL", "MM"])),
        tickets=("walter", "harold"),
    ),
    for_three(
        "not_in: the fact is none of the values, and known",
        only(rule("rank", "not_in", ["GL", "PM"])),
        not_eligible("walter", [rule("rank", "not_in", ["GL", "PM"])], {"rank": "GL"}),
        fact_missing("tomas", "rank"),
    ),
    for_three(
        "not_in admits others", only(rule("rank", "not_in", ["GL", "PM"])), tickets=("harold",)
    ),
    for_three(
        "in of an empty list admits no attendee whose fact is known",
        only(rule("rank", "in", [])),
        not_eligible("walter", [rule("rank", "in", [])], {"rank": "GL"}),
        fact_missing("tomas", "rank"),
        not_eligible("harold", [rule("rank", "in", [])], {"rank": "MM"}),
    ),
    for_three(
        "AND: one rule not met is enough to refuse, whatever else is unknown",
        only(IS_MASON, MM),
        not_eligible("walter", [MM], {"rank": "GL"}),
        not_eligible("tomas", [IS_MASON], {"attendee_type": "guest"}),
    ),
    for_three(
        "AND: every rule not met is said",
        only(rule("attendee_type", "equals", "guest"), rule("rank", "in", ["PM"])),
        not_eligible(
            "walter",
            [rule("attendee_type", "equals", "guest"), rule("rank", "in", ["PM"])],
            {"attendee_type": "mason", "rank": "GL"},
        ),
        fact_missing("tomas", "rank"),
        not_eligible(
            "harold",
            [rule("attendee_type", "equals", "guest"), rule("rank", "in", ["PM"])],
            {"attendee_type": "mason", "rank": "MM"},
        ),
    ),
    Case(
        "AND: every fact that is missing is said, once",
        {"tomas": selected(one("fifty"))},
        issues=[fact_missing("tomas", "grand_lodge"), fact_missing("tomas", "rank")],
        given={"fifty": only(GL, rule("rank", "not_equals", "MM"), IS_OURS)},
    ),
    Case(
        "AND is meant when nothing is said",
        {"harold": selected(one("fifty"))},
        issues=[not_eligible("harold", [GL], {"rank": "MM"})],
        given={"fifty": {"eligibility": {"rules": [IS_MASON, GL]}}},
    ),
    for_three(
        "OR: one rule met is enough, whatever else is unknown",
        only(GL, MM, rule("attendee_type", "equals", "guest"), operator="OR"),
        tickets=("walter", "tomas", "harold"),
    ),
    for_three(
        "OR: no rule met, and nothing that could still be",
        only(rule("rank", "equals", "PM"), rule("attendee_type", "equals", "ghost"), operator="OR"),
        not_eligible(
            "walter",
            [rule("rank", "equals", "PM"), rule("attendee_type", "equals", "ghost")],
            {"rank": "GL", "attendee_type": "mason"},
        ),
        fact_missing("tomas", "rank"),
        not_eligible(
            "harold",
            [rule("rank", "equals", "PM"), rule("attendee_type", "equals", "ghost")],
            {"rank": "MM", "attendee_type": "mason"},
        ),
    ),
    for_three(
        "no rules admit every attendee, with OR as with AND",
        only(operator="OR"),
        tickets=("walter", "tomas", "harold"),
    ),
    Case(
        "the type of the registration is a fact",
        {"tomas": selected(one("fifty"))},
        issues=[
            not_eligible(
                "tomas",
                [rule("registration_type", "in", ["lodges", "delegations"])],
                {"registration_type": "individuals"},
            )
        ],
        given={"fifty": only(rule("registration_type", "in", ["lodges", "delegations"]))},
    ),
    Case(
        "which a delegation has otherwise",
        {"tomas": selected(one("fifty"))},
        single("tomas", "fifty", "50.00"),
        given={"fifty": only(rule("registration_type", "in", ["lodges", "delegations"]))},
        registration={"registrationType": "delegation"},
    ),
    Case(
        "facts that the database keeps win over keys of the same name",
        {"tomas": selected(one("fifty"))},
        issues=[
            not_eligible(
                "tomas",
                [IS_MASON, rule("registration_type", "equals", "lodges")],
                {"attendee_type": "guest", "registration_type": "individuals"},
            )
        ],
        given={"fifty": only(IS_MASON, rule("registration_type", "equals", "lodges"))},
        facts={"tomas": {"attendee_type": "mason", "registration_type": "lodges"}},
    ),
    Case(
        "facts are compared as JSON: numbers by value",
        {"tomas": selected(one("fifty"))},
        single("tomas", "fifty", "50.00"),
        given={
            "fifty": only(
                rule("years", "equals", 3.0),
                rule("years", "not_equals", "3"),
                rule("firstTime", "equals", False),
                rule("diet", "in", [{"fish": True, "meat": False}, None]),
            )
        },
        facts={"tomas": {"years": 3, "diet": {"meat": False, "fish": True}}},
    ),
    Case(
        "and text is no number",
        {"tomas": selected(one("fifty"))},
        issues=[not_eligible("tomas", [rule("years", "equals", "3")], {"years": 3})],
        given={"fifty": only(rule("years", "equals", "3"))},
        facts={"tomas": {"years": 3}},
    ),
    Case(
        "a fact that is null is missing",
        {"tomas": selected(one("fifty"))},
        issues=[fact_missing("tomas", "years")],
        given={"fifty": only(rule("years", "in", [None]))},
        facts={"tomas": {"years": None}},
    ),
    Case(
        "what is only for some is so inside packages as well",
        {"harold": selected(pack("surcharge", contents=("seventy", "fifty")))},
        issues=[
            issue(
                "not_eligible",
                ".harold.packages[0].tickets[1]",
                "harold",
                ticket_type="fifty",
                package="surcharge",
                expected=[GL],
                actual={"rank": "MM"},
            ),
            issue(
                "fact_missing",
                ".harold.packages[0]",
                "harold",
                package="surcharge",
                expected="years",
            ),
        ],
        given={"fifty": only(GL), "surcharge": only(rule("years", "not_in", [0]))},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_eligibility_admits_exactly_those_who_meet_its_rules(scene: Scene) -> None:
    check(scene)
