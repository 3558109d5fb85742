"""The pure part of the client: what is sent, how answers and refusals are read."""

import json
import pickle
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from ticketing_client import (
    AttendeeWithoutTickets,
    ExpandedTicket,
    InvalidPayload,
    Issue,
    PersistedTicket,
    QuoteAnswer,
    QuotedTicket,
    SelectionInvalid,
    TicketSelections,
    TransientError,
    UnexpectedAnswerError,
    calls,
    from_json,
    openapi,
    to_json,
)
from ticketing_client._call import Argument, Call, Identity, argument, optional
from ticketing_client.errors import RETRIES, pause_before_retry
from ticketing_client.models import Json

A, B, C = (UUID(int=number) for number in (10, 11, 12))
T = TypeVar("T")
WHEN = datetime(2025, 9, 20, 13, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Resumed:
    registration: Json


def sent(call: Call[Any], name: str) -> Any:  # noqa: ANN401 - any JSON
    value = call.params[name]
    assert isinstance(value, str)
    return json.loads(value)


# What is sent


def test_argument_is_sent_by_name_with_its_type() -> None:
    call = calls.persist_ticket_selections(A, {}, expected_revision=7)
    assert call.sql == (
        "SELECT ticketing.persist_ticket_selections("
        "p_registration_id => %(p_registration_id)s::uuid, "
        "p_selections => %(p_selections)s::jsonb, "
        "p_expected_revision => %(p_expected_revision)s::integer)::text"
    )
    assert call.params == {
        "p_registration_id": str(A),
        "p_selections": "{}",
        "p_expected_revision": 7,
    }


def test_optional_argument_not_given_is_not_sent() -> None:
    assert list(calls.quote_ticket_selections(A, {}).params) == ["p_function_id", "p_selections"]
    assert list(calls.create_individual_registration_with_tickets({}).params) == [
        "p_registration_data"
    ]


def test_empty_array_counts_as_given() -> None:
    assert calls.persist_attendee_tickets(A, [], []).params == {
        "p_registration_id": str(A),
        "p_tickets": "[]",
        "p_attendee_updates": "[]",
    }


@pytest.mark.parametrize("value", [A, str(A), str(A).upper(), A.hex])
def test_id_argument_is_a_uuid_or_its_text(value: UUID | str) -> None:
    assert calls.get_registration(value).params == {"p_registration_id": str(A)}


@pytest.mark.parametrize("value", ["abc", "", None, 7])
def test_id_argument_that_is_no_uuid_is_refused_by_name(value: Any) -> None:  # noqa: ANN401 - not only the right
    with pytest.raises(ValueError, match=f"registration_id must be a UUID, not {value!r}"):
        calls.get_registration(value)


@pytest.mark.parametrize(
    ("type_", "value", "sent_as"),
    [
        ("numeric", Decimal("1.10"), "1.10"),
        ("timestamp with time zone", WHEN, "2025-09-20 13:00:00+00:00"),
        ("boolean", True, "True"),
        ("integer", 7, 7),
    ],
)
def test_argument_of_another_type_is_sent_as_text(
    type_: LiteralString, value: object, sent_as: str | int
) -> None:
    assert optional("p_x", type_, value) == (Argument("p_x", type_, sent_as),)
    assert optional("p_x", type_, None) == ()


def test_time_argument_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="until must have a time zone"):
        argument("p_until", "timestamp with time zone", WHEN.replace(tzinfo=None))


def test_ids_amounts_times_and_collections_become_json() -> None:
    document = {
        "id": A,
        "price": Decimal("115.00"),
        "large": Decimal("1E+3"),
        "at": WHEN,
        "read_only": MappingProxyType({"items": (1, 2)}),
        "any_order": {3},
    }
    assert sent(calls.import_catalogue(document), "p_catalogue") == {
        "id": str(A),
        "price": "115.00",
        "large": "1000",
        "at": "2025-09-20T13:00:00+00:00",
        "read_only": {"items": [1, 2]},
        "any_order": [3],
    }


@pytest.mark.parametrize(
    "value",
    [
        object(),
        datetime(2025, 9, 20, 13, 0),  # noqa: DTZ001 - the point of it
        3j,
    ],
)
def test_json_argument_without_meaning_in_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be sent as JSON"):
        calls.import_catalogue({"key": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_argument_with_nan_or_infinity_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        calls.import_catalogue({"key": value})


def test_selections_are_keyed_by_ids() -> None:
    nothing: dict[str, Any] = {"packages": [], "individualTickets": []}
    for call in (
        calls.persist_ticket_selections(B, {A: nothing}),
        calls.persist_ticket_selections(B, {str(A): nothing}),
        calls.persist_ticket_selections(B, TicketSelections().nothing(A)),
    ):
        assert sent(call, "p_selections") == {str(A): nothing}


def test_json_argument_of_wrong_kind_is_left_to_the_database() -> None:
    wrong: Any = [{"attendee_id": str(A)}]
    assert sent(calls.persist_ticket_selections(B, wrong), "p_selections") == wrong
    wrong = {"attendee_id": str(A)}
    assert sent(calls.persist_attendee_tickets(B, wrong), "p_tickets") == wrong


def test_tickets_may_come_from_a_generator() -> None:
    call = calls.persist_attendee_tickets(A, ({"attendee_id": i} for i in (B, C)))
    assert sent(call, "p_tickets") == [{"attendee_id": str(B)}, {"attendee_id": str(C)}]


def test_identity_is_made_of_claims_or_an_id() -> None:
    assert Identity.of(A, "authenticated").claims == json.dumps({"sub": str(A)})
    assert json.loads(Identity.of({"sub": A, "role": "x"}, "x").claims) == {
        "sub": str(A),
        "role": "x",
    }
    assert Identity.of({}, "anon") == Identity("anon", "{}")
    with pytest.raises(ValueError, match="user must be a UUID, not 'walter'"):
        Identity.of("walter", "authenticated")


# How answers are read


def decoded(type_: type[T], answer: object) -> T:
    return Call("f", (), type_).decode(json.dumps(answer))


def test_answer_is_decoded_into_dataclasses() -> None:
    answer = {
        "ticket_id": str(A),
        "attendee_id": str(B),
        "ticket_type_id": str(C),
        "package_id": None,
        "price_paid": 115.00,
    }
    ticket = decoded(PersistedTicket, answer)
    assert ticket == PersistedTicket(
        ticket_id=str(A),
        attendee_id=str(B),
        ticket_type_id=str(C),
        package_id=None,
        price_paid=Decimal(115),
    )
    with pytest.raises(AttributeError):
        ticket.price_paid = Decimal(0)  # type: ignore[misc]


def test_amounts_are_exact() -> None:
    money = Call("f", (), Decimal)
    wizard = Call("f", (), Resumed)
    assert str(money.decode("115.10")) == "115.10"
    assert money.decode("0.07") == Decimal("0.07")
    assert money.decode("115") == Decimal(115)
    # the wizard's own numbers are the doubles of JavaScript, and json.dumps takes them
    found = wizard.decode('{"registration": {"a": [735.00, {"b": 2}]}}').registration
    assert json.dumps(found) == '{"a": [735.0, {"b": 2}]}'


def test_to_json_returns_the_json_of_the_answer() -> None:
    text = (
        f'{{"attendeeId":"{A}","eventId":"{B}","ticketTypeId":"{C}","packageId":null,'
        '"price":115.00,"isFromPackage":false,"quantity":2}'
    )
    ticket = Call("f", (), ExpandedTicket).decode(text)
    assert (ticket.attendee_id, ticket.is_from_package) == (str(A), False)
    assert to_json(ticket) == text
    assert to_json((ticket, ticket)) == f"[{text},{text}]"


def test_from_json_makes_the_call_of_the_same_arguments() -> None:
    body = r'{"p_tickets": [{"price_paid": 115.10, "status": "\\u0000"}], "p_expected_revision": 7}'
    made = from_json(calls.persist_attendee_tickets, body.encode(), A)
    tickets = [{"price_paid": 115.1, "status": r"\u0000"}]
    assert made == calls.persist_attendee_tickets(A, tickets, expected_revision=7)
    assert from_json(calls.check_integrity, "{}") == calls.check_integrity()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("", "Expecting value"),
        ("[]", "must be a JSON object"),
        ('{"p_tickets": NaN}', "not JSON compliant"),
        ('{"p_tickets": 1e400}', "not JSON compliant"),
        ('{"p_tickets": [{"a": 1, "a": 1}]}', "an object has the key 'a' twice"),
        ('{"p_tickets": "\\u0000"}', "NUL"),
        ('{"p_tickets": "\\ud800"}', "surrogates"),
        ('{"p_tickets": "\\\\\\u0000"}', "NUL"),
        (b'{"p_tickets": "\xff"}', "utf-8"),
        ('{"p_tickets": ' + "[" * 100_000 + "]" * 100_000 + "}", "recursion"),
        ('{"p_tickets": [], "p_expected_revision": "7"}', "expected_revision must be int, not str"),
        ('{"p_tickets": [], "p_expected_revision": true}', "must be int, not bool"),
        ('{"p_tickets": [], "p_expected_revision": 2147483648}', "must be an integer of 32 bits"),
    ],
)
def test_from_json_refuses_what_is_no_object_of_arguments(body: str | bytes, found: str) -> None:
    with pytest.raises(InvalidPayload, match=found) as refused:
        from_json(calls.persist_attendee_tickets, body, A)
    json.dumps(refused.value.to_problem(), ensure_ascii=False).encode()


def test_from_json_refuses_or_makes_a_call_at_every_depth() -> None:
    outcomes = set[bool]()
    for depth in range(800, 1001):
        body = '{"p_tickets": ' + "[" * depth + "]" * depth + "}"
        try:
            from_json(calls.persist_attendee_tickets, body, A)
            outcomes.add(True)
        except InvalidPayload:
            outcomes.add(False)
    assert outcomes  # nothing else was raised


def test_from_json_names_each_unknown_or_missing_argument() -> None:
    body = '{"tickets": [], "p_registration_id": 1}'
    with pytest.raises(InvalidPayload) as refused:
        from_json(calls.persist_attendee_tickets, body, A)
    assert [(issue.code, issue.path) for issue in refused.value.issues] == [
        ("unknown_key", "tickets"),
        ("unknown_key", "p_registration_id"),
        ("missing_key", "p_tickets"),
    ]
    with pytest.raises(InvalidPayload, match="registration_id must be a UUID, not 'x'"):
        from_json(calls.get_registration, "{}", "x")


def test_openapi_describes_arguments_where_the_route_has_them() -> None:
    described = openapi(
        "Mine",
        {
            "GET /f/{p_function_id}": calls.get_ticket_availability,
            "POST /r/{p_registration_id}": calls.persist_attendee_tickets,
        },
    )
    validate(described)
    reads, writes = (
        described["paths"][path] for path in ("/f/{p_function_id}", "/r/{p_registration_id}")
    )
    assert "requestBody" not in reads["get"]
    assert [(p["name"], p["in"], p["required"]) for p in reads["get"]["parameters"]] == [
        ("p_function_id", "path", True),
        ("p_registration_id", "query", False),
    ]
    schema = writes["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["p_tickets"]
    assert "p_registration_id" not in schema["properties"]
    problem = described["components"]["schemas"]["Problem"]
    assert problem["properties"].keys() == SelectionInvalid("", "TK004").to_problem().keys()


def test_times_keep_their_zone() -> None:
    found = decoded(datetime, "2025-09-20T23:00:00.123456+10:00")
    assert found == WHEN.replace(microsecond=123456)
    assert found.utcoffset() == timedelta(hours=10)


def test_answer_with_unknown_key_is_decoded() -> None:
    answer = {"attendee_id": str(A), "client_attendee_id": str(B), "name": "Walter", "age": 70}
    assert decoded(AttendeeWithoutTickets, answer) == AttendeeWithoutTickets(
        attendee_id=str(A), client_attendee_id=str(B), name="Walter"
    )


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"attendee_id": str(A), "client_attendee_id": str(B)},
        {"attendee_id": str(A), "client_attendee_id": str(B), "name": None},
        {"attendee_id": str(A), "client_attendee_id": str(B), "name": True},
        {"attendee_id": 1, "client_attendee_id": str(B), "name": "Walter"},
    ],
)
def test_answer_that_does_not_fit_is_an_unexpected_answer(answer: object) -> None:
    with pytest.raises(UnexpectedAnswerError, match="is not the one that this client"):
        decoded(AttendeeWithoutTickets, answer)


TEXT = st.text(max_size=5)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(TEXT, JSON_VALUES, max_size=3))
def test_wizard_objects_in_answers_stay_plain_json(document: dict[str, Any]) -> None:
    text = json.dumps({"registration": document})
    found = Call("f", (), Resumed).decode(text).registration
    assert json.dumps({"registration": found}) == text
    assert sent(calls.import_catalogue(document), "p_catalogue") == document


# How issues and refusals are read


def test_issue_has_what_a_screen_needs() -> None:
    answer = quote(
        {
            "code": "sold_out",
            "path": "p_tickets[3]",
            "message": "Only 1 of Ladies Brunch left; 2 requested.",
            "ticket_type_id": str(A),
            "requested": 2,
            "available": 1,
            "attendee_ids": [str(B), str(C)],
            "expected": 1.10,
            "colour": "red",
        }
    )
    (issue,) = answer.issues
    assert (issue.code, issue.path) == ("sold_out", "p_tickets[3]")
    assert issue.ticket_type_id == str(A)
    assert issue.attendee_ids == (str(B), str(C))
    assert (issue.requested, issue.available) == (2, 1)
    assert issue.expected == Decimal("1.10")
    assert (issue.attendee_id, issue.actual) == (None, None)


def quote(*issues: object) -> QuoteAnswer:
    nothing: dict[str, Any] = {
        key: [] for key in ("expanded_tickets", "tickets", "attendees_without_tickets")
    }
    answer = nothing | {
        "valid": False,
        "issues": issues,
        "issues_total": len(issues),
        "issues_truncated": False,
        "total": 0,
        "subtotal": 0,
        "currency": "AUD",
    }
    return decoded(QuoteAnswer, answer)


def refusal(number: int, total: int) -> SelectionInvalid:
    issues = tuple(
        Issue(code="c", path=f"p_tickets[{i}]", message=f"Wrong {i}.") for i in range(number)
    )
    return SelectionInvalid("The request breaks a rule", "TK004", "Correct it.", issues, total)


def test_error_prints_every_issue_and_hint() -> None:
    assert str(refusal(2, 5)).splitlines() == [
        "The request breaks a rule",
        "  at p_tickets[0]: Wrong 0.",
        "  at p_tickets[1]: Wrong 1.",
        "  and 3 more",
        "Correct it.",
    ]
    assert str(refusal(1, 1)).splitlines()[1] == "  at p_tickets[0]"
    assert str(refusal(0, 0)).splitlines() == ["The request breaks a rule", "Correct it."]


def test_error_survives_pickling() -> None:
    error = refusal(2, 5)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(copy) is SelectionInvalid
    assert (copy.args, str(copy), copy.issues) == (error.args, str(error), error.issues)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_transient_sqlstates_are_repeated(sqlstate: str) -> None:
    error = TransientError("Lost", sqlstate)
    for attempt in range(RETRIES):
        pause = pause_before_retry(error, attempt)
        assert pause is not None
        assert 0 <= pause <= 0.01 * 2**attempt
    assert pause_before_retry(error, RETRIES) is None


@pytest.mark.parametrize("sqlstate", ["55P03", "57014"])
def test_timeout_of_the_caller_is_not_repeated(sqlstate: str) -> None:
    assert pause_before_retry(TransientError("Late", sqlstate), 0) is None


# The builder


def test_selections_are_built_choice_by_choice() -> None:
    selections = TicketSelections().package(A, B).package(A, B, 2).ticket(C, B, 3).nothing(B)
    assert selections.to_json() == {
        str(A): {
            "packages": [
                {"packageId": str(B), "quantity": 1},
                {"packageId": str(B), "quantity": 2},
            ],
            "individualTickets": [],
        },
        str(C): {"packages": [], "individualTickets": [{"ticketId": str(B), "quantity": 3}]},
        str(B): {"packages": [], "individualTickets": []},
    }


def test_nothing_clears_earlier_selections() -> None:
    selections = TicketSelections().package(A, B).nothing(A).ticket(str(A), str(C))
    assert selections.to_json() == {
        str(A): {"packages": [], "individualTickets": [{"ticketId": str(C), "quantity": 1}]}
    }


def test_selections_are_copied_in_and_out(wizard_state: dict[str, Any]) -> None:
    original = wizard_state["ticketSelections"]
    before = json.dumps(original)
    attendee = next(iter(original))
    selections = TicketSelections.from_json(original).ticket(attendee, A)
    selections.to_json()[attendee]["packages"].clear()
    assert json.dumps(original) == before
    changed = selections.to_json()
    assert changed[attendee]["packages"] == original[attendee]["packages"]
    assert changed[attendee]["individualTickets"] == [{"ticketId": str(A), "quantity": 1}]


def test_null_and_absent_choices_can_be_added_to() -> None:
    for found in (None, {}, {"individualTickets": None}):
        selections = TicketSelections.from_json({str(A): found}).ticket(A, B)
        assert selections.to_json()[str(A)]["individualTickets"] == [
            {"ticketId": str(B), "quantity": 1}
        ]


@given(st.dictionaries(TEXT, JSON_VALUES, max_size=3))
def test_selections_of_any_form_come_back_as_they_were(document: dict[str, Any]) -> None:
    assert TicketSelections.from_json(document).to_json() == document


def test_quoted_ticket_is_sent_with_its_own_keys() -> None:
    ticket = QuotedTicket(
        attendee_id=str(A),
        client_attendee_id=str(B),
        event_id=str(C),
        ticket_type_id=str(C),
        package_id=None,
        price_paid=Decimal("1.10"),
        original_price=Decimal("2.20"),
        currency="AUD",
        status="Active",
        payment_status="Unpaid",
        is_partner_ticket=False,
    )
    (row,) = sent(calls.persist_attendee_tickets(A, [ticket]), "p_tickets")
    assert row["attendee_id"] == str(A)
    assert row["price_paid"] == "1.10"
    assert row["package_id"] is None
