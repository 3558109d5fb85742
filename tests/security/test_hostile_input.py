"""Hostile input does nothing, and is answered like any other wrong input.

Every case is judged as the fuzzer judges its requests: only documented SQLSTATEs, nothing written
by a refusal, everything that is stored twice still equal.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest
from tests.support.caller import Connection
from tests.support.example import (
    FUNCTION,
    OWNER,
    STRANGER,
    TOMAS,
    WALTER,
    Document,
)
from tests.support.fuzz import (
    Fuzz,
    Request,
    at,
    paths_of,
)
from tests.support.personas import MANAGER, SERVICE, USER, VISITOR
from tests.support.postgrest import Person, Raw
from tests.support.requests import without_registration
from tests.support.stage import REGISTRATION
from tests.support.stored import rows

INJECTION = "'); DROP TABLE ticketing.tickets CASCADE; SELECT pg_sleep(60); --"

TEXTS: Sequence[str] = (
    INJECTION,
    "' OR ''='",
    '"; DROP SCHEMA ticketing CASCADE; --',
    "$$; DROP ROLE ticketing_owner; $$",
    "\\'; COPY ticketing.tickets TO PROGRAM 'id'; --",
    "%s %I %L %1$s %",
    '$.issues[*] ? (@.code like_regex ".*")',
    "{}[]()*+?|^$\\d.",
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "\r\nSet-Cookie: role=service_role",
    "\u202eright to left\u202c, z\u0301a\u0308lgo, zero\u200b\ufeffwidth",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U00020000 \ufffd \uffff",
    "\x01\x1b[31m\x7f\x85",
    "NULL",
    "null",
    "NaN",
    "-Infinity",
    "\uff11\uff12",
    "x" * 5_000,
)


def nested(opening: str, depth: int, closing: str) -> Raw:
    """Return a value inside of so many others."""
    return Raw(opening * depth + "1" + closing * depth)


VALUES: Mapping[str, Raw] = {
    "NUL": Raw(r'"a\u0000b"'),
    "NUL in a key": Raw(r'{"\u0000": 1}'),
    "half a character": Raw(r'"\ud800"'),
    "two halves in the wrong order": Raw(r'"\udc00\ud800"'),
    "a number too large": Raw("1e400"),
    "a number far too small": Raw("-1e400"),
    "a number near nothing": Raw("1e-400"),
    "the largest number": Raw("1e131071"),
    "more than the largest number": Raw("1e131072"),
    "the smallest fraction": Raw("1e-16383"),
    "a thousand digits": Raw("9" * 1_000),
    "a thousand decimals": Raw("1." + "9" * 1_000),
    "minus zero": Raw("-0"),
    "minus zero with decimals": Raw("-0.00"),
    "an exponent": Raw("1E+0"),
    "a whole number with decimals": Raw("1.0"),
    "an octal number": Raw("017"),
    "NaN": Raw("NaN"),
    "Infinity": Raw("Infinity"),
    "NaN as text": Raw('"NaN"'),
    "Infinity as text": Raw('"-Infinity"'),
    "a large number as text": Raw('"1e400"'),
    "fullwidth digits": Raw('"\uff11\uff10"'),
    "true": Raw("true"),
    "null": Raw("null"),
    "an empty text": Raw('""'),
    "an empty array": Raw("[]"),
    "an empty object": Raw("{}"),
    "an array of arrays": Raw("[[]]"),
    "the same key twice": Raw('{"quantity": 1, "quantity": 1001, "rules": [], "rules": 1}'),
    "an empty key": Raw('{"": {"": [{"": null}]}}'),
    "ten levels of arrays": nested("[", 10, "]"),
    "a thousand levels of arrays": nested("[", 1_000, "]"),
    "ten thousand levels of arrays": nested("[", 10_000, "]"),
    "a thousand levels of objects": nested('{"packages":', 1_000, "}"),
    "ten thousand levels of objects": nested('{"packages":', 10_000, "}"),
    "many elements": Raw("[" + "{}," * 600 + "{}]"),
    "many keys": Raw("{" + ",".join(f'"{number}": 1' for number in range(300)) + "}"),
    "a long text": Raw(json.dumps("x" * 2_000_000)),
    "a long key": Raw(json.dumps({"x" * 500_000: 1})),
}

DATA = "p_registration_data"
CREATE = "create_individual_registration_with_tickets"

# Where to put them: as whole arguments, and inside of them where something reads on.
PATHS: Sequence[tuple[str, Sequence[str | int]]] = (
    ("persist_attendee_tickets", ["p_tickets"]),
    ("persist_attendee_tickets", ["p_tickets", 0, "price_paid"]),
    ("persist_attendee_tickets", ["p_tickets", 0, "currency"]),
    ("persist_attendee_tickets", ["p_attendee_updates"]),
    ("persist_attendee_tickets", ["p_attendee_updates", 0, "selected_tickets"]),
    ("persist_ticket_selections", ["p_selections"]),
    ("persist_ticket_selections", ["p_selections", TOMAS, "individualTickets", 0, "quantity"]),
    ("persist_ticket_selections", ["p_selections", WALTER, "packages", 0, "tickets"]),
    ("quote_ticket_selections", ["p_selections", TOMAS]),
    ("quote_ticket_selections", ["p_attendees"]),
    ("quote_ticket_selections", ["p_attendees", 0, "grand_lodge"]),
    (CREATE, [DATA]),
    (CREATE, [DATA, "primaryAttendee"]),
    (CREATE, [DATA, "primaryAttendee", "firstName"]),
    (CREATE, [DATA, "additionalAttendees"]),
    (CREATE, [DATA, "billingDetails"]),
    (CREATE, [DATA, "subtotal"]),
    (CREATE, [DATA, "whatever"]),
    (CREATE, ["p_tickets", 0, "price_paid"]),
    ("amend_registration", ["p_selections"]),
    ("amend_registration", ["p_selections", TOMAS, "individualTickets", 0, "ticketId"]),
    ("amend_registration", ["p_payment"]),
    ("cancel_tickets", ["p_ticket_ids"]),
    ("cancel_tickets", ["p_ticket_ids", 0]),
    ("complete_registration_payment", ["p_payment"]),
    ("complete_registration_payment", ["p_payment", "amount"]),
    ("complete_registration_payment", ["p_payment", "paid_at"]),
    ("record_refund", ["p_refund"]),
    ("record_refund", ["p_refund", "ticket_ids"]),
    ("import_catalogue", ["p_catalogue"]),
    ("import_catalogue", ["p_catalogue", "pools"]),
    ("import_catalogue", ["p_catalogue", "ticket_types", 0, "eligibility"]),
    ("import_catalogue", ["p_catalogue", "ticket_types", 0, "price"]),
    ("import_catalogue", ["p_catalogue", "ticket_types", 1, "eligibility", "rules", 0, "value"]),
    ("import_catalogue", ["p_catalogue", "function", "hold_minutes"]),
    ("get_ticket_changes", ["p_limit"]),
    ("get_ticket_changes", ["p_after"]),
)


@pytest.fixture
def fuzz(stage: Connection, calls: dict[str, Document]) -> Fuzz:
    """A judge of what happens on the stage."""
    return Fuzz(stage, calls)


def with_raw(call: Document, path: Sequence[str | int], value: Raw) -> Document:
    """Return a call with a value put at a path as it is."""
    marked = deepcopy(call)
    at(marked, list(path[:-1]))[path[-1]] = "\ue000"
    mark = json.dumps("\ue000")
    return {
        name: Raw(json.dumps(argument).replace(mark, value)) for name, argument in marked.items()
    }


def with_text(call: Document, path: Sequence[str | int], text: str) -> Document:
    """Return a call with a text put at a path."""
    changed = deepcopy(call)
    at(changed, list(path[:-1]))[path[-1]] = text
    return changed


def kinds_of_paths(document: Document) -> Iterator[list[str | int]]:
    """Yield a path to each text inside of the arguments, only one into lists of the same kind."""
    seen = set()
    for path in paths_of(document):
        kind = tuple("" if isinstance(step, int) or len(step) == 36 else step for step in path)
        if isinstance(at(document, path), str) and kind not in seen:
            seen.add(kind)
            yield path


def every_text(calls: dict[str, Document]) -> list[tuple[str, list[str | int]]]:
    """Return the RPC and the path of every kind of text inside of the working calls."""
    found = [(rpc, path) for rpc, call in calls.items() for path in kinds_of_paths(call)]
    assert len(found) > 200
    return found


def test_hostile_texts_are_only_texts(fuzz: Fuzz) -> None:
    """Each text somewhere, and at every fifth place one of them."""
    for number, (rpc, path) in enumerate(every_text(fuzz.calls)[::5]):
        text = TEXTS[number % len(TEXTS)]
        fuzz.judge(Request(SERVICE, rpc, with_text(fuzz.calls[rpc], path, text)))
    assert any(code == "success" for _, code in fuzz.outcomes)


@pytest.mark.long
@pytest.mark.parametrize("texts", [[INJECTION], TEXTS], ids=["an injection", "all kinds"])
def test_hostile_texts_are_only_texts_at_any_place(fuzz: Fuzz, texts: Sequence[str]) -> None:
    for number, (rpc, path) in enumerate(every_text(fuzz.calls)):
        text = texts[number % len(texts)]
        fuzz.judge(Request(SERVICE, rpc, with_text(fuzz.calls[rpc], path, text)))
    assert fuzz.outcomes["cancel_registration", "success"] > 0


def test_hostile_values_are_refused_or_kept(fuzz: Fuzz) -> None:
    """Each kind somewhere, and one at every place."""
    for number, value in enumerate(VALUES.values()):
        rpc, path = PATHS[number % len(PATHS)]
        fuzz.judge(Request(SERVICE, rpc, with_raw(fuzz.calls[rpc], path, value)))
    assert len(VALUES) > len(PATHS)


@pytest.mark.long
@pytest.mark.parametrize("kind", VALUES)
def test_hostile_values_are_refused_or_kept_at_any_place(fuzz: Fuzz, kind: str) -> None:
    for rpc, path in PATHS:
        fuzz.judge(Request(SERVICE, rpc, with_raw(fuzz.calls[rpc], path, VALUES[kind])))


def test_hostile_texts_are_stored_as_they_came(fuzz: Fuzz) -> None:
    for text in TEXTS:
        data: Any = deepcopy(fuzz.calls[CREATE][DATA])
        data["primaryAttendee"] |= {"firstName": text, "lastName": text, "notes": text, text: text}
        data["billingDetails"]["businessName"] = text
        data[text] = {text: [text]}
        with fuzz.api.posted(USER, CREATE, {DATA: data}) as reply:
            assert reply.code is None, (text, reply)
            read = fuzz.api.post(USER, "get_registration", {"p_registration_id": REGISTRATION}).body
        kept = read["registration"]
        assert kept["primaryAttendee"] == data["primaryAttendee"]
        assert kept["billingDetails"] == data["billingDetails"]
        assert kept[text] == data[text]
        assert read["attendees"][0]["first_name"] == text
        with fuzz.api.posted(
            USER, "cancel_registration", {"p_registration_id": REGISTRATION, "p_reason": text}
        ):
            (stored,) = rows(
                fuzz.api.connection,
                """
                SELECT cancellation_reason FROM ticketing.registrations WHERE registration_id = %s
                """,
                REGISTRATION,
            )
        assert stored["cancellation_reason"] == text[:1000]


# Other ways to write an id, and what is no id though it looks like one.
SAME = (str.upper, lambda ident: "{" + ident + "}", lambda ident: ident.replace("-", ""))
NONE = (
    lambda ident: ident.translate({ord("0"): "\uff10", ord("1"): "\uff11"}),
    lambda ident: f" {ident}",
    lambda ident: f"{ident}\n",
    lambda ident: f"{ident}\u200b",
    lambda ident: f"urn:uuid:{ident}",
    lambda ident: ident[:-1],
    lambda ident: ident.replace("a", "\u0430"),
    lambda ident: f"{ident}' OR true --",
)


def test_ids_are_the_same_in_every_notation(fuzz: Fuzz) -> None:
    call = fuzz.calls["persist_ticket_selections"]
    for write in SAME:
        chosen = {write(attendee): choice for attendee, choice in call["p_selections"].items()}
        written = {"p_registration_id": write(REGISTRATION), "p_selections": chosen}
        reply = fuzz.api.post(USER, "persist_ticket_selections", written)
        assert reply.code is None
        assert (reply.body["tickets_created"], reply.body["tickets_removed"]) == (0, 0)


def test_invalid_value_for_what_only_looks_like_an_id(fuzz: Fuzz) -> None:
    call = fuzz.calls["persist_ticket_selections"]
    for write in NONE:
        chosen = {write(attendee): choice for attendee, choice in call["p_selections"].items()}
        reply = fuzz.api.post(USER, "persist_ticket_selections", call | {"p_selections": chosen})
        assert (reply.code, {code for code, _ in reply.issues}) == ("TK001", {"invalid_value"})
        ident = write(REGISTRATION)
        reply = fuzz.api.post(USER, "get_registration", {"p_registration_id": ident})
        # no text of this kind becomes a uuid, so that the call does not begin
        assert reply.code == "22P02", ident


@pytest.mark.parametrize("zeros", [0, 18, 20_000])
@pytest.mark.parametrize(
    ("rpc", "path"),
    [
        ("persist_attendee_tickets", ["p_tickets", 0, "price_paid"]),
        ("persist_attendee_tickets", ["p_tickets", 0, "original_price"]),
        (CREATE, ["p_tickets", 0, "price_paid"]),
        ("complete_registration_payment", ["p_payment", "amount"]),
        ("complete_registration_payment", ["p_payment", "surcharge_amount"]),
        ("record_refund", ["p_refund", "amount"]),
        ("import_catalogue", ["p_catalogue", "ticket_types", 0, "price"]),
    ],
)
def test_amount_with_many_decimals_is_read_or_refused(
    fuzz: Fuzz, rpc: str, path: Sequence[str | int], zeros: int
) -> None:
    amount = f"{float(at(fuzz.calls[rpc], list(path))):.2f}" + "0" * zeros
    fuzz.judge(Request(SERVICE, rpc, with_text(fuzz.calls[rpc], path, amount)))
    outcome = "success" if zeros <= 2 else "TK001"
    assert {code for _, code in fuzz.outcomes} <= {"success", outcome}


# What no argument may exceed, and what is said of one that does.
LARGE = "x" * 1_200_000


@pytest.mark.parametrize(
    ("rpc", "argument", "value"),
    [
        ("persist_attendee_tickets", "p_tickets", [{"attendee_id": LARGE}]),
        ("persist_attendee_tickets", "p_attendee_updates", [{"attendee_id": LARGE}]),
        ("persist_ticket_selections", "p_selections", {LARGE: {}}),
        ("quote_ticket_selections", "p_selections", {TOMAS: LARGE}),
        ("quote_ticket_selections", "p_attendees", [{"attendeeId": LARGE}]),
        (CREATE, DATA, {"functionId": FUNCTION, "notes": LARGE, "authUserId": OWNER}),
        (CREATE, "p_tickets", [{"attendee_id": LARGE}]),
        ("amend_registration", "p_selections", {LARGE: {}}),
        ("amend_registration", "p_payment", {"reference": LARGE}),
        ("cancel_tickets", "p_ticket_ids", [LARGE]),
        ("complete_registration_payment", "p_payment", {"reference": LARGE}),
        ("record_refund", "p_refund", {"reference": LARGE}),
        ("import_catalogue", "p_catalogue", {"function": LARGE}),
    ],
)
def test_too_large_for_an_argument_beyond_a_mebibyte(
    fuzz: Fuzz, rpc: str, argument: str, value: object
) -> None:
    reply = fuzz.api.post(SERVICE, rpc, fuzz.calls[rpc] | {argument: value})
    assert (reply.code, ("too_large", argument) in reply.issues) == ("TK001", True)
    assert len(reply.body["details"]) < 2_000


MANY = 20_000


@pytest.mark.parametrize(
    ("person", "rpc", "path", "value"),
    [
        (USER, "persist_attendee_tickets", ["p_tickets", 0], {}),
        (USER, "persist_ticket_selections", ["p_selections"], {}),
        (VISITOR, "quote_ticket_selections", ["p_selections", TOMAS], {}),
        (USER, "amend_registration", ["p_selections", TOMAS], {}),
        (SERVICE, "amend_registration", ["p_payment"], {}),
        (USER, "cancel_tickets", ["p_ticket_ids", 0], []),
        (SERVICE, "complete_registration_payment", ["p_payment"], {}),
        (MANAGER, "import_catalogue", ["p_catalogue", "events"], []),
        pytest.param(USER, "persist_attendee_tickets", ["p_tickets"], [], marks=pytest.mark.long),
        pytest.param(
            USER,
            "persist_attendee_tickets",
            ["p_attendee_updates", 0, "selected_tickets"],
            {},
            marks=pytest.mark.long,
        ),
        pytest.param(USER, CREATE, ["p_tickets", 0], {}, marks=pytest.mark.long),
        pytest.param(USER, "import_catalogue", ["p_catalogue"], {}, marks=pytest.mark.long),
    ],
)
def test_many_mistakes_are_counted_within_the_timeout(
    fuzz: Fuzz, person: Person, rpc: str, path: Sequence[str | int], value: object
) -> None:
    """A mebibyte holds tens of thousands of them, which must not keep the server busy for long."""
    keys = {str(number): number for number in range(MANY)}
    rows_of_keys = [dict.fromkeys("abcdefghij", 1)] * (MANY // 20)
    wrong = Raw(json.dumps(keys if isinstance(value, dict) else rows_of_keys))
    working = fuzz.calls[rpc]
    call = with_raw(without_registration(working) if person == VISITOR else working, path, wrong)
    fuzz.api.connection.execute("SET LOCAL statement_timeout = '4s'")
    reply = fuzz.api.post(person, rpc, call)
    assert reply.code == ("42501" if (person, rpc) == (USER, "import_catalogue") else "TK001")


LONG = "x" * 200_000
LONG_VALUES = [LONG, {LONG: LONG}, [LONG] * 5]


def check_length(fuzz: Fuzz, rpc: str, path: Sequence[str | int], value: object) -> None:
    """Send a long value, and see that what is said of it is short."""
    changed = with_raw(fuzz.calls[rpc], path, Raw(json.dumps(value)))
    reply = fuzz.api.post(SERVICE, rpc, changed)
    if reply.code is not None:
        assert len(reply.body["details"]) < 20_000, (rpc, path)
        assert len(reply.body["message"]) < 1_000, (rpc, path)


# but for a number, which a text like this never becomes
PATHS_OF_TEXTS = [(rpc, path) for rpc, path in PATHS if path[-1] != "p_limit"]


def test_refusal_of_a_long_value_is_short(fuzz: Fuzz) -> None:
    for number, (rpc, path) in enumerate(PATHS_OF_TEXTS):
        check_length(fuzz, rpc, path, LONG_VALUES[number % len(LONG_VALUES)])


@pytest.mark.long
def test_refusal_of_a_long_value_is_short_at_any_place(fuzz: Fuzz) -> None:
    for rpc, path in PATHS_OF_TEXTS:
        for value in LONG_VALUES:
            check_length(fuzz, rpc, path, value)


def test_create_with_the_id_of_another_user_leaves_the_owner(fuzz: Fuzz) -> None:
    data = fuzz.calls[CREATE][DATA] | {"authUserId": STRANGER, "owner_id": STRANGER}
    with fuzz.api.posted(USER, CREATE, {DATA: data}) as reply:
        assert reply.code is None
        (stored,) = rows(
            fuzz.api.connection,
            """
            SELECT owner_id::text FROM ticketing.registrations WHERE registration_id = %s
            """,
            REGISTRATION,
        )
    assert stored["owner_id"] == OWNER
