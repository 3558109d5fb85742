"""The FastAPI example: each route, each status, and its OpenAPI document."""

import json
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from tests.support.example import (
    ABSENT,
    BANQUET,
    CEREMONY,
    COMMUNICATION,
    FUNCTION,
    INES,
    LADIES,
    MEZZANINE,
    OWNER,
    STRANGER,
    WALTER,
    Document,
    selection,
    tickets_of,
    updates_of,
    wizard_registration,
)
from tests.support.pages import ROOT
from tests.support.services import bearer, deliver, payment_event, signed

CHOSEN: Mapping[str, Document] = {
    WALTER: selection(tickets={CEREMONY: 1}),
    INES: selection({LADIES: 1}),
}
"""20.00 and 185.00."""


def persisting(chosen: Mapping[str, Document], **more: object) -> Document:
    """Return the body that makes the tickets of attendees those chosen."""
    return {"p_tickets": tickets_of(chosen), "p_attendee_updates": updates_of(chosen)} | more


def register(http: httpx.Client, chosen: Mapping[str, Document] = CHOSEN) -> str:
    """Register attendees of the wizard with what they choose, and return the id."""
    registration_id = str(uuid4())
    data = wizard_registration(registration_id, chosen)
    body = {"p_registration_data": data | {"subtotal": 0}} | persisting(chosen)
    answer = http.post("/registrations/individuals", json=body)
    assert answer.status_code == 201, answer.text
    return registration_id


def read(http: httpx.Client, registration_id: str) -> Document:
    """Return what the owner reads of a registration."""
    answer = http.get(f"/registrations/{registration_id}")
    assert answer.status_code == 200, answer.text
    found: Document = json.loads(answer.text, parse_float=Decimal)
    return found


def register_and_pay(http: httpx.Client) -> str:
    """Register with 205.00, pay it, and return the id."""
    registration_id = register(http)
    event = payment_event(registration_id, 20500, reference=f"pi_{registration_id}")
    assert deliver(http, event).json() == {"outcome": "recorded"}
    return registration_id


def amendment_event(
    registration_id: str, amount: int, change: Document, *, reference: str = "pi_difference"
) -> bytes:
    """Return the event of a payment for a change of what is paid."""
    event = json.loads(
        payment_event(registration_id, amount, reference=f"{reference} {registration_id}")
    )
    event["data"]["object"]["metadata"]["amendment"] = json.dumps(change)
    return json.dumps(event).encode()


DEARER: Document = {"p_selections": {WALTER: selection(tickets={BANQUET: 1})}}
"""115.00 instead of 20.00: 95.00 more."""


def start(http: httpx.Client, registration_id: str, **body: object) -> httpx.Response:
    """Start the payment of a registration."""
    return http.post(f"/registrations/{registration_id}/payment", json=body)


def codes(answer: httpx.Response) -> tuple[int, str | None, list[str]]:
    """Return the status, the code and the issue codes of a problem document."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"]
    return (
        answer.status_code,
        problem.get("code"),
        [issue["code"] for issue in problem.get("issues", ())],
    )


# What works


def test_registration_goes_from_creation_to_payment(http: httpx.Client) -> None:
    registration_id = register(http)
    started = start(http, registration_id, p_expected_revision=1)
    assert started.status_code == 200
    assert started.json()["amount_due"] == 205
    event = payment_event(registration_id, 20500, reference=f"pi_{registration_id}")
    assert deliver(http, event).json() == {"outcome": "recorded"}
    found = read(http, registration_id)
    assert (found["status"], found["paid"]) == ("completed", Decimal("205.00"))


def test_creation_of_the_same_registration_updates_it(http: httpx.Client) -> None:
    registration_id = register(http)
    body = {"p_registration_data": wizard_registration(registration_id, [])}
    again = http.post("/registrations/individuals", json=body)
    assert (again.status_code, again.json()["created"]) == (200, False)


def test_tickets_are_replaced_and_a_repetition_changes_nothing(http: httpx.Client) -> None:
    registration_id = register(http)
    body = persisting({INES: selection(tickets={BANQUET: 1})}, p_expected_revision=1)
    path = f"/registrations/{registration_id}/tickets"
    first, second = (http.post(path, json=body) for _ in range(2))
    assert (first.json()["tickets_created"], first.json()["tickets_removed"]) == (1, 3)
    assert (second.status_code, second.json()["tickets_created"]) == (200, 0)
    assert second.json()["revision"] == first.json()["revision"] == 2


def test_amounts_have_their_decimals(http: httpx.Client) -> None:
    assert '"total":205.00' in http.get(f"/registrations/{register(http)}").text.replace(" ", "")


def test_visitors_see_what_is_on_sale_and_what_it_costs(visitor: httpx.Client) -> None:
    offered = visitor.get(f"/functions/{FUNCTION}/availability").json()
    assert {one["ticket_type_id"] for one in offered["ticket_types"]} >= {CEREMONY, BANQUET}
    body = {
        "p_selections": CHOSEN,
        "p_attendees": [
            {"attendeeId": WALTER, "attendeeType": "mason"},
            {"attendeeId": INES, "attendeeType": "guest"},
        ],
    }
    quote = visitor.post(f"/functions/{FUNCTION}/quote", json=body).json()
    assert (quote["valid"], quote["subtotal"]) == (True, 205)


def test_availability_counts_the_capacity_of_the_registration_as_free(http: httpx.Client) -> None:
    path = f"/functions/{FUNCTION}/availability"
    registration_id = register(http)

    def left(**query: str) -> int:
        offered = http.get(path, params=query).json()["ticket_types"]
        return int(next(one["available"] for one in offered if one["ticket_type_id"] == CEREMONY))

    assert left(p_registration_id=registration_id) == left() + 2


def test_cancellation_frees_the_tickets(http: httpx.Client) -> None:
    registration_id = register(http)
    path = f"/registrations/{registration_id}/cancel"
    answer = http.post(path, json={"p_reason": "ill"})
    assert answer.json()["tickets_cancelled"] == 4
    assert read(http, registration_id)["status"] == "cancelled"


# What is paid


def test_names_of_what_is_paid_are_corrected(http: httpx.Client) -> None:
    registration_id = register_and_pay(http)
    walter = {"attendeeId": WALTER, "attendeeType": "mason", "firstName": "Wally"}
    path = f"/registrations/{registration_id}/attendees"
    answer = http.post(path, json={"p_attendees": [walter]})
    assert (answer.status_code, answer.json()["attendees_updated"]) == (200, 1)
    assert read(http, registration_id)["attendees"][0]["first_name"] == "Wally"


def test_cheaper_tickets_leave_a_refund(http: httpx.Client) -> None:
    registration_id = register_and_pay(http)
    body = {"p_selections": {INES: selection(tickets={CEREMONY: 1})}}
    answer = http.post(f"/registrations/{registration_id}/amendment", json=body)
    assert (answer.status_code, answer.json()["refund_due"]) == (200, 165)


def test_tickets_that_are_given_up_leave_a_refund(http: httpx.Client) -> None:
    registration_id = register_and_pay(http)
    given_up = [
        ticket["ticket_id"]
        for ticket in read(http, registration_id)["tickets"]
        if ticket["client_attendee_id"] == WALTER
    ]
    path = f"/registrations/{registration_id}/tickets/cancel"
    answers = [http.post(path, json={"p_ticket_ids": given_up}).json() for _ in range(2)]
    assert [(answer["tickets_cancelled"], answer["refund_due"]) for answer in answers] == [
        (1, 20),
        (0, 20),
    ]


def test_dearer_tickets_need_a_payment_and_only_the_service_records_it(http: httpx.Client) -> None:
    registration_id = register_and_pay(http)
    path = f"/registrations/{registration_id}/amendment"
    answer = http.post(path, json=DEARER)
    assert codes(answer) == (409, "TK007", ["payment_required"])
    assert answer.json()["issues"][0]["expected"] == 95
    payment = {"reference": "mine", "amount": 95, "currency": "AUD"}
    answer = http.post(path, json=DEARER | {"p_payment": payment})
    assert codes(answer) == (403, "42501", ["not_allowed"])


# The webhook


def test_webhook_twice_records_the_payment_once(http: httpx.Client) -> None:
    registration_id = register(http)
    start(http, registration_id)
    event = payment_event(registration_id, 20500, reference=f"pi_{registration_id}")
    outcomes = [deliver(http, event).json()["outcome"] for _ in range(3)]
    assert outcomes == ["recorded"] * 3
    assert read(http, registration_id)["paid"] == Decimal("205.00")


def test_webhook_before_and_after_other_events_of_the_payment(http: httpx.Client) -> None:
    """The provider keeps no order, and the buyer may pay before the page knows that it began."""
    registration_id = register(http)
    reference = f"pi_{registration_id}"
    late = payment_event(registration_id, 0, reference=reference, kind="payment_intent.created")
    failed = payment_event(
        registration_id, 0, reference=reference, kind="payment_intent.payment_failed"
    )
    paid = payment_event(registration_id, 20500, reference=reference)
    outcomes = [deliver(http, event).json()["outcome"] for event in (paid, failed, late)]
    assert outcomes == ["recorded", "ignored", "ignored"]
    assert read(http, registration_id)["status"] == "completed"


@pytest.mark.parametrize(
    ("amount", "reason"),
    [(20400, "amount"), (1, "amount")],
)
def test_webhook_with_another_amount_gives_it_back(
    http: httpx.Client, amount: int, reason: str
) -> None:
    registration_id = register(http)
    answer = deliver(http, payment_event(registration_id, amount, reference="pi_wrong")).json()
    assert answer["outcome"] == "to_refund"
    assert reason in answer["reason"].lower() or str(amount // 100) in answer["reason"]
    assert read(http, registration_id)["status"] == "draft"


def test_webhook_of_a_second_payment_gives_it_back(http: httpx.Client) -> None:
    registration_id = register(http)
    for reference, outcome in (("first", "recorded"), ("second", "to_refund")):
        event = payment_event(registration_id, 20500, reference=f"{reference} {registration_id}")
        assert deliver(http, event).json()["outcome"] == outcome


def test_webhook_for_a_cancelled_or_unknown_registration_gives_it_back(http: httpx.Client) -> None:
    cancelled = register(http)
    http.post(f"/registrations/{cancelled}/cancel", json={})
    for registration_id in (cancelled, ABSENT, "of another system"):
        event = payment_event(registration_id, 20500, reference=f"late {registration_id}")
        assert deliver(http, event).json()["outcome"] == "to_refund"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Stripe-Signature": "nonsense"},
        {"Stripe-Signature": "t=,v1="},
        {"Stripe-Signature": "t=1,t=2,v1=é".encode()},
        signed(b"{}", secret="another secret"),
        signed(b"{}", age=301),
        signed(b'{"other": "body"}'),
    ],
)
def test_webhook_without_a_valid_signature_is_refused(
    http: httpx.Client, headers: Mapping[str, str]
) -> None:
    answer = http.post("/webhooks/payments", content=b"{}", headers=headers)
    assert codes(answer) == (400, None, [])


def test_webhook_accepts_one_of_several_signatures(http: httpx.Client) -> None:
    """While its secret is being changed, the provider signs with both."""
    event = payment_event(ABSENT, 1, reference="pi_rotated", kind="payment_intent.created")
    header = signed(event)["Stripe-Signature"]
    time_, _, signature = header.partition(",")
    headers = {"Stripe-Signature": f"{time_},v1=old,v0=older, {signature}"}
    answer = http.post("/webhooks/payments", content=event, headers=headers)
    assert answer.json() == {"outcome": "ignored"}


def test_webhook_twice_exchanges_for_dearer_tickets_once(http: httpx.Client) -> None:
    registration_id = register_and_pay(http)
    revision = read(http, registration_id)["revision"]
    event = amendment_event(registration_id, 9500, DEARER | {"p_expected_revision": revision})
    outcomes = [deliver(http, event).json()["outcome"] for _ in range(3)]
    found = read(http, registration_id)
    assert outcomes == ["recorded"] * 3
    assert (found["paid"], found["total"], found["revision"]) == (
        Decimal("300.00"),
        Decimal("300.00"),
        revision + 1,
    )


@pytest.mark.parametrize(
    ("amount", "revision", "reason"),
    [(9400, None, "95.00"), (9500, 1, "revision")],
)
def test_webhook_that_cannot_exchange_gives_the_payment_back(
    http: httpx.Client, amount: int, revision: int | None, reason: str
) -> None:
    registration_id = register_and_pay(http)
    change = DEARER | {"p_expected_revision": revision}
    answer = deliver(http, amendment_event(registration_id, amount, change)).json()
    assert answer["outcome"] == "to_refund"
    assert reason in answer["reason"].lower()
    assert read(http, registration_id)["paid"] == Decimal("205.00")


# What is refused


@pytest.mark.parametrize(
    ("body", "issues"),
    [
        ({"p_tickets": [], "p_ticket": []}, ["unknown_key"]),
        ({"p_tickets": [], "p_registration_id": ABSENT}, ["unknown_key"]),
        ({}, ["missing_key"]),
        ({"tickets": []}, ["unknown_key", "missing_key"]),
        ({"p_tickets": [], "p_expected_revision": "1"}, []),
        ({"p_tickets": [], "p_expected_revision": True}, []),
        ({"p_tickets": [], "p_expected_revision": {}}, []),
        ({"p_tickets": {}}, ["invalid_type"]),
        ({"p_tickets": [{"attendee": WALTER}]}, ["missing_key"] * 3 + ["unknown_key"]),
        ([], []),
    ],
)
def test_malformed_body_is_refused(http: httpx.Client, body: object, issues: list[str]) -> None:
    path = f"/registrations/{register(http)}/tickets"
    answer = http.post(path, json=body)
    assert codes(answer) == (400, "TK001", issues)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        '{"p_tickets": NaN}',
        '{"p_tickets": [], "p_tickets": []}',
        '{"p_tickets": [{"ticket_id": 1, "ticket_id": 2}]}',
        '{"p_tickets": [], "\\ud800": 1}',
        '{"p_tickets": [], "\\u0000": 1}',
        '{"p_tickets": 1e400}',
        '{"p_tickets": "\\u0000"}',
        '{"p_tickets": "\\ud800"}',
        '{"p_tickets": [], "p_expected_revision": 99999999999999999999}',
        '{"p_tickets": [], "p_expected_revision": ' + "9" * 5000 + "}",
        '{"p_tickets": ',
        '{"p_tickets": "\udcff"}',
        *(
            '{"p_tickets": ' + "[" * depth + "]" * depth + "}"
            for depth in (60, 300, 900, 1000, 3000, 100_000)
        ),
    ],
)
def test_what_is_no_json_for_the_database_is_refused(http: httpx.Client, text: str) -> None:
    path = f"/registrations/{register(http)}/tickets"
    body = text.encode(errors="surrogateescape")
    answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
    assert codes(answer)[:2] == (400, "TK001")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_body_of_another_type_is_refused(http: httpx.Client, kind: str) -> None:
    path = f"/registrations/{register(http)}/tickets"
    answer = http.post(path, content=b'{"p_tickets": []}', headers={"Content-Type": kind})
    assert codes(answer) == (415, None, [])


def test_text_that_no_database_stores_is_refused(http: httpx.Client) -> None:
    path = f"/registrations/{register(http)}/cancel"
    for reason in ("\\u0000", "\\ud800"):
        body = f'{{"p_reason": "{reason}"}}'.encode()
        answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert codes(answer) == (400, "TK001", [])


@pytest.mark.parametrize("registration_id", ["1", "null", "%00", ABSENT + "0"])
def test_path_that_is_no_uuid_is_refused(http: httpx.Client, registration_id: str) -> None:
    answer = http.get(f"/registrations/{registration_id}")
    assert codes(answer) == (400, "TK001", [])
    assert answer.json()["detail"].startswith("registration_id must be a UUID")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 10},
        {"exp": None},
        {"aud": "another service"},
        {"sub": None},
    ],
)
def test_token_that_is_not_valid_here_is_refused(
    http: httpx.Client, claims: Mapping[str, Any]
) -> None:
    answer = http.get(f"/registrations/{ABSENT}", headers=bearer(OWNER, **claims))
    assert codes(answer)[0] == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_token_of_another_issuer_is_refused(http: httpx.Client) -> None:
    header, payload, _ = bearer(OWNER)["Authorization"].split(".")
    answer = http.get(
        f"/registrations/{ABSENT}", headers={"Authorization": f"{header}.{payload}.x"}
    )
    assert codes(answer)[0] == 401


def test_role_in_a_token_gives_no_rights(http: httpx.Client) -> None:
    path = f"/registrations/{register(http)}"
    answer = http.get(path, headers=bearer(STRANGER, role="service_role"))
    assert codes(answer) == (404, "TK002", ["registration_not_found"])


def test_creation_without_a_token_is_refused(visitor: httpx.Client) -> None:
    body = {"p_registration_data": wizard_registration(str(uuid4()), [])}
    answer = visitor.post("/registrations/individuals", json=body)
    assert codes(answer) == (401, "42501", ["not_authenticated"])
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_registration_of_another_user_is_not_found(http: httpx.Client) -> None:
    registration_id = register(http)
    for method, path in (
        ("GET", ""),
        ("POST", "/tickets"),
        ("POST", "/payment"),
        ("POST", "/cancel"),
        ("POST", "/attendees"),
        ("POST", "/amendment"),
        ("POST", "/tickets/cancel"),
    ):
        bodies: dict[str, Document] = {
            "/tickets": {"p_tickets": []},
            "/attendees": {"p_attendees": [{"attendeeId": WALTER, "attendeeType": "mason"}]},
            "/amendment": DEARER,
            "/tickets/cancel": {"p_ticket_ids": [ABSENT]},
        }
        body = bodies.get(path, {})
        answer = http.request(
            method,
            f"/registrations/{registration_id}{path}",
            json=body if method == "POST" else None,
            headers=bearer(STRANGER),
        )
        assert codes(answer) == (404, "TK002", ["registration_not_found"])


def test_function_that_is_not_there_is_not_found(http: httpx.Client) -> None:
    answer = http.get(f"/functions/{ABSENT}/availability")
    assert codes(answer) == (404, "TK008", ["function_not_found"])


def test_paid_registration_is_not_editable(http: httpx.Client) -> None:
    registration_id = register_and_pay(http)
    answer = http.post(f"/registrations/{registration_id}/tickets", json=persisting({}))
    assert codes(answer) == (409, "TK003", ["not_editable"])


def test_rules_are_refused_with_the_path_in_the_body(http: httpx.Client) -> None:
    registration_id = register(http)
    chosen = {INES: selection(tickets={COMMUNICATION: 1, MEZZANINE: 1})}
    answer = http.post(f"/registrations/{registration_id}/tickets", json=persisting(chosen))
    status, code, issues = codes(answer)
    assert (status, code, sorted(issues)) == (422, "TK004", ["inactive", "not_eligible"])
    assert {issue["attendee_name"] for issue in answer.json()["issues"]} == {"Ines Ashby"}


def test_sold_out_is_a_conflict(http: httpx.Client, superuser: psycopg.Connection[object]) -> None:
    registration_id = register(http, {WALTER: selection(tickets={BANQUET: 1})})
    superuser.execute(
        "UPDATE ticketing.capacity_pools SET capacity = reserved + sold"
        " WHERE capacity_pool_id = %s",
        [BANQUET],
    )
    try:
        chosen = {WALTER: selection(tickets={BANQUET: 2})}
        answer = http.post(f"/registrations/{registration_id}/tickets", json=persisting(chosen))
        assert codes(answer) == (409, "TK005", ["sold_out"])
        (issue,) = answer.json()["issues"]
        assert (issue["available"], issue["item_name"]) == (
            0,
            "Proclamation Banquet - Best Available",
        )
    finally:
        superuser.execute(
            "UPDATE ticketing.capacity_pools SET capacity = 480 WHERE capacity_pool_id = %s",
            [BANQUET],
        )


def test_revision_of_another_tab_is_a_conflict(http: httpx.Client) -> None:
    registration_id = register(http)
    chosen = {INES: selection(tickets={BANQUET: 1})}
    answer = http.post(
        f"/registrations/{registration_id}/tickets",
        json=persisting(chosen, p_expected_revision=7),
    )
    assert codes(answer) == (409, "TK006", ["revision_conflict"])


def test_lock_that_another_transaction_keeps_is_to_be_tried_again(
    http: httpx.Client, superuser: psycopg.Connection[object]
) -> None:
    registration_id = register(http)
    with superuser.transaction():
        superuser.execute(
            "SELECT FROM ticketing.registrations WHERE registration_id = %s FOR UPDATE",
            [registration_id],
        )
        answer = http.post(f"/registrations/{registration_id}/tickets", json=persisting({}))
    assert codes(answer) == (503, "55P03", [])
    assert answer.headers["Retry-After"]


def test_unknown_path_and_method_are_problems_too(http: httpx.Client) -> None:
    assert codes(http.get("/nothing"))[0] == 404
    assert codes(http.delete(f"/registrations/{ABSENT}"))[0] == 405


# The OpenAPI document


def test_openapi_is_valid_and_described_by_the_database(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    validate(document)
    generated = json.loads((ROOT / "docs/schemas/openapi.json").read_text(encoding="utf-8"))
    named = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }
    assert named.keys() <= {path.removeprefix("/rpc/") for path in generated["paths"]}
    tickets = named["persist_attendee_tickets"]
    body = tickets["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["p_tickets"]
    assert body["properties"].keys() == {"p_tickets", "p_attendee_updates", "p_expected_revision"}
    assert body["properties"]["p_tickets"]["$ref"] == "#/components/schemas/Tickets"
    answer = tickets["responses"]["2XX"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/PersistAnswer"}
    amendment = named["amend_registration"]
    body = amendment["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["p_selections"]["$ref"] == "#/components/schemas/Selections"
    answer = amendment["responses"]["2XX"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/AmendAnswer"}
    assert named.keys() >= {"update_attendees", "cancel_tickets"}


@pytest.mark.long
def test_no_request_gets_a_server_error(http: httpx.Client, service_url: str) -> None:
    """Schemathesis makes requests of the document, right and wrong ones."""
    registration_id = register(http)
    schema = schemathesis.openapi.from_url(f"{service_url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == 10
    for operation in operations:

        @hypothesis_settings(max_examples=60, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE))
        def send(case: schemathesis.Case[Any]) -> None:
            if "p_registration_id" in case.path_parameters:
                case.path_parameters["p_registration_id"] = registration_id
            case.call_and_validate(headers=dict(http.headers), checks=[not_a_server_error])

        send()
