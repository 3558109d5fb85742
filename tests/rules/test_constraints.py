"""The schema itself refuses what cannot be true, no matter who writes it: here a superuser.

Every constraint has cases below, and every case is a right row with one thing wrong. The case is
refused by exactly that constraint, on insert and on update, and is accepted as soon as the
constraint is gone: nothing else is wrong with it, and nothing else would have refused it.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any, LiteralString, NamedTuple, TypeAlias
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from tests.support.constraint_rows import (
    ABSENT,
    ATTENDEE,
    EMPTY_ATTENDEE,
    EMPTY_EVENT,
    EMPTY_FUNCTION,
    EMPTY_ORGANISATION,
    EMPTY_PACKAGE,
    EMPTY_POOL,
    EMPTY_REGISTRATION,
    EMPTY_TYPE,
    EVENT,
    FIRST_CLIENT_ID,
    FUNCTION,
    NEW,
    NEW_ATTENDEE,
    ORGANISATION,
    OTHER_ATTENDEE,
    OTHER_EVENT,
    OTHER_FUNCTION,
    OTHER_PACKAGE,
    OTHER_POOL,
    OTHER_REGISTRATION,
    OTHER_TICKET,
    OTHER_TYPE,
    OWNER,
    PACKAGE,
    PAYMENT,
    POOL,
    REGISTRATION,
    SECOND_ATTENDEE,
    SECOND_EVENT,
    SECOND_REGISTRATION,
    SPARE_TYPE,
    STRANGER,
    STRANGERS_ATTENDEE,
    STRANGERS_REGISTRATION,
    STRANGERS_TICKET,
    TICKET,
    TYPE,
    Connection,
    Row,
    delete,
    fill,
    insert,
    known_ids,
    update,
)

Cases: TypeAlias = Mapping[str, Row]

SQLSTATES = {"pkey": "23505", "key": "23505", "fkey": "23503", "excl": "23P01"}
"""By how the name of a constraint ends; the others are CHECKs."""
CHECK_VIOLATION = "23514"


def _each(column: str, *values: object) -> Cases:
    """One case for each value of a column."""
    return {f"{column}={value!r:.40}": {column: value} for value in values}


def _names(column: str) -> Cases:
    return _each(column, "", "n" * 201)


def _slugs() -> Cases:
    wrong = ("", "Upper", "-a", "a-", "a--b", "a b", "a_b", "\u00e4", "a\n", "\na", "a" * 101)
    return _each("slug", *wrong)


def _currencies() -> Cases:
    return _each("currency", "", "AU", "AUDD", "aud", "A1D", "AUD\n", "\u00c4UD")


def _amounts(column: str) -> Cases:
    return _each(column, "-0.01", "-9999999999.99", "NaN")


def _windows(starts: str, ends: str) -> Cases:
    start, second_later = "2026-05-15T08:00:00Z", "2026-05-15T08:00:01Z"
    return {
        "ends when it starts": {starts: start, ends: start},
        "ends before it starts": {starts: second_later, ends: start},
    }


def _open_windows(starts: str, ends: str) -> Cases:
    return {
        "no start": {starts: None},
        "no end": {ends: None},
        "one microsecond long": {starts: "2026-05-15T08:00Z", ends: "2026-05-15T08:00:00.000001Z"},
    }


def _rule(**changes: object) -> dict[str, object]:
    return {"type": "rank", "operator": "equals", "value": "MM"} | changes


def _without(key: str) -> dict[str, object]:
    return {name: value for name, value in _rule().items() if name != key}


MALFORMED_ELIGIBILITY: Mapping[str, Any] = {
    "a list": [],
    "a list of one": [{"rules": []}],
    "a string": "everyone",
    "a number": 1,
    "true": True,
    "JSON null": None,
    "empty": {},
    "an unknown key": {"rules": [], "rule": []},
    "no rules": {"operator": "AND"},
    "rules null": {"rules": None},
    "rules an object": {"rules": _rule()},
    "rules a string": {"rules": "everyone"},
    "operator XOR": {"operator": "XOR", "rules": []},
    "operator in small letters": {"operator": "and", "rules": []},
    "operator null": {"operator": None, "rules": []},
    "operator a list": {"operator": ["AND"], "rules": []},
    "a rule null": {"rules": [None]},
    "a rule that is a string": {"rules": ["rank"]},
    "a rule that is an empty list": {"rules": [[]]},
    "a rule inside a list": {"rules": [[_rule()]]},
    "a rule inside two lists": {"rules": [[[_rule()]]]},
    "an empty rule": {"rules": [{}]},
    "an unknown key in a rule": {"rules": [_rule(values=[])]},
    "a known key and a newline in a rule": {"rules": [_rule(**{"value\n": 1})]},
    "no type": {"rules": [_without("type")]},
    "type null": {"rules": [_rule(type=None)]},
    "type a number": {"rules": [_rule(type=1)]},
    "type a list": {"rules": [_rule(type=["rank"])]},
    "type empty": {"rules": [_rule(type="")]},
    "type too long": {"rules": [_rule(type="t" * 101)]},
    "no operator in a rule": {"rules": [_without("operator")]},
    "operator of a rule null": {"rules": [_rule(operator=None)]},
    "operator of a rule a list": {"rules": [_rule(operator=["equals"])]},
    "operator of a rule unknown": {"rules": [_rule(operator="like")]},
    "operator of a rule in capitals": {"rules": [_rule(operator="EQUALS")]},
    "operator of a rule with a newline": {"rules": [_rule(operator="equals\n")]},
    "no value": {"rules": [_without("value")]},
    "no value for in": {"rules": [_without("value") | {"operator": "in"}]},
    "in a string": {"rules": [_rule(operator="in", value="MM")]},
    "in null": {"rules": [_rule(operator="in", value=None)]},
    "not in an object": {"rules": [_rule(operator="not_in", value={"MM": True})]},
    "the second rule wrong": {"rules": [_rule(), _rule(operator="like")]},
    "the second rule inside a list": {"rules": [_rule(), [_rule()]]},
}

WELL_FORMED_ELIGIBILITY: Mapping[str, Any] = {
    "a fact with line breaks": {"rules": [_rule(type="\na\nb\n")]},
    "everyone": {"rules": []},
    "everyone, operator given": {"operator": "AND", "rules": []},
    "one rule": {"rules": [_rule()]},
    "any of two rules": {"operator": "OR", "rules": [_rule(), _rule(operator="not_equals")]},
    "in a list": {"rules": [_rule(operator="in", value=["MM", 1, None])]},
    "in an empty list": {"rules": [_rule(operator="not_in", value=[])]},
    "equal to a number": {"rules": [_rule(value=1)]},
    "equal to false": {"rules": [_rule(value=False)]},
    "equal to null": {"rules": [_rule(value=None)]},
    "equal to a list": {"rules": [_rule(value=["MM"])]},
    "equal to an empty list": {"rules": [_rule(value=[])]},
    "equal to an object": {"rules": [_rule(value={"a": 1})]},
    "a long type": {"rules": [_rule(type="t" * 100)]},
}


def _eligibility(documents: Mapping[str, Any]) -> Cases:
    return {what: {"eligibility": Jsonb(document)} for what, document in documents.items()}


_NO_MAXIMUM = {"max_per_attendee": None, "max_per_registration": None}
_LIMITS_OF_AN_ATTENDEE: Cases = {
    "zero": {"min_per_attendee": 0, "max_per_attendee": 0},
    "negative": {"min_per_attendee": 0, "max_per_attendee": -1},
    "less than the minimum": {"min_per_attendee": 3, "max_per_attendee": 2},
}
_LIMITS_OF_A_REGISTRATION: Cases = {
    "zero": {"min_per_attendee": 0, "max_per_registration": 0},
    "negative": {"min_per_attendee": 0, "max_per_registration": -1},
    "less than the minimum": {"min_per_attendee": 3, "max_per_registration": 2},
}
_MINIMA: Cases = {
    "negative": {"min_per_attendee": -1},
    "too large": {"min_per_attendee": 1001, **_NO_MAXIMUM},
}
_RIGHT_LIMITS: Cases = {
    "no limits": {"min_per_attendee": 0, **_NO_MAXIMUM},
    "at most one": {"min_per_attendee": 0, "max_per_attendee": 1, "max_per_registration": 1},
    "exactly two": {"min_per_attendee": 2, "max_per_attendee": 2, "max_per_registration": 2},
    "a thousand": {"min_per_attendee": 1000, **_NO_MAXIMUM},
}

_INDIVIDUAL = {"package_id": None, "package_number": None}
_ALONE = {"related_attendee_id": None}
_COMPLETED = {
    "status": "completed",
    "payment_status": "Paid",
    "confirmation_number": "IND-3",
    "hold_expires_at": None,
}
_CANCELLED = {"status": "cancelled", "hold_expires_at": None}
_CANCELLED_PAID = {**_COMPLETED, **_CANCELLED}


def _json(text: str) -> Jsonb:
    """JSON as written, also what Python would write otherwise."""
    return Jsonb(text, dumps=str)


_LONG_NUMBER_TEXTS = {
    text: text for text in ("1e30", "-1e30", "1e131071", "1e-31", "0e-16383", "1." + "0" * 31)
}
_DEEP_TEXTS = {"lists": "[" * 64 + "]" * 64, "objects": '{"a":' * 64 + "1" + "}" * 64}
_LONG_NUMBERS = {
    what: _json(f'{{"rules": [], "a": [{{"b": {text}}}]}}')
    for what, text in _LONG_NUMBER_TEXTS.items()
}
_DEEP = {what: _json(f'{{"rules": {text}}}') for what, text in _DEEP_TEXTS.items()}


def _ruled(text: str) -> object:
    """Return an eligibility with a rule on this value."""
    return _json(f'{{"rules": [{{"type": "rank", "operator": "equals", "value": {text}}}]}}')


_NO_OBJECTS = {"a list": Jsonb([]), "a string": Jsonb("A"), "JSON null": Jsonb(None)}

WRONG: Mapping[str, Mapping[str, Cases]] = {
    "organisations": {
        "organisations_pkey": {"id taken": {"organisation_id": ORGANISATION}},
        "organisations_slug_key": {"slug taken": {"slug": "grand-lodge"}},
        "organisations_slug_check": _slugs(),
        "organisations_name_check": _names("name"),
    },
    "organisation_members": {
        "organisation_members_pkey": {"a member already": {"organisation_id": ORGANISATION}},
        "organisation_members_organisation_fkey": {"of nothing": {"organisation_id": ABSENT}},
        "organisation_members_role_check": _each("role", "", "Owner", "buyer"),
    },
    "functions": {
        "functions_pkey": {
            "id taken, in another currency": {"function_id": FUNCTION, "currency": "NZD"}
        },
        "functions_currency_key": {"id taken": {"function_id": FUNCTION, "currency": "AUD"}},
        "functions_slug_key": {
            "slug taken": {"slug": "weekend"},
            "slug taken in another organisation": {"slug": "other-weekend"},
        },
        "functions_organisation_fkey": {"of no organisation": {"organisation_id": ABSENT}},
        "functions_slug_check": _slugs(),
        "functions_name_check": _names("name"),
        "functions_currency_check": _currencies(),
        "functions_timezone_check": _each("timezone", "", "z" * 65),
        "functions_status_check": _each("status", "", "Draft", "open"),
        "functions_dates_check": _windows("starts_at", "ends_at"),
        "functions_registration_window_check": _windows(
            "registration_opens_at", "registration_closes_at"
        ),
        "functions_selection_mode_check": _each("selection_mode", "", "both"),
        "functions_hold_minutes_check": {
            **_each("hold_minutes", 0, -1),
            "longer than a week": {"hold_minutes": 10081, "max_hold_minutes": 20000},
        },
        "functions_payment_minutes_check": _each("payment_minutes", 0, -1, 10081),
        "functions_max_held_per_owner_check": _each("max_held_per_owner", 0, -1, 1_000_001),
        "functions_max_open_registrations_per_owner_check": _each(
            "max_open_registrations_per_owner", 0, -1, 1_000_001
        ),
        "functions_max_hold_minutes_check": {
            "shorter than a hold": {"hold_minutes": 30, "max_hold_minutes": 29},
            "longer than a year": {"max_hold_minutes": 525601},
        },
        "finite_time_range": {
            **_each("changes_until", "infinity", "-infinity"),
            **_each("refunds_until", "infinity", "-infinity"),
        },
    },
    "events": {
        "events_pkey": {"id taken": {"function_id": FUNCTION, "event_id": EVENT}},
        "events_slug_excl": {"slug taken": {"function_id": FUNCTION, "slug": "dinner"}},
        "events_function_fkey": {"of nothing": {"function_id": ABSENT}},
        "events_slug_check": _slugs(),
        "events_title_check": _names("title"),
        "events_dates_check": _windows("starts_at", "ends_at"),
    },
    "ticket_types": {
        "ticket_types_pkey": {
            "id taken, in another event": {"ticket_type_id": TYPE, "event_id": SECOND_EVENT}
        },
        "ticket_types_event_key": {"id taken": {"ticket_type_id": TYPE, "event_id": EVENT}},
        "ticket_types_event_fkey": {
            "of nothing": {"event_id": ABSENT},
            "event of another function": {"event_id": OTHER_EVENT},
            "in a function without its event": {"function_id": OTHER_FUNCTION},
        },
        "ticket_types_slug_excl": {"slug taken": {"slug": "dinner"}},
        "ticket_types_slug_check": _slugs(),
        "ticket_types_name_check": _names("name"),
        "ticket_types_price_check": _amounts("price"),
        "ticket_types_sale_window_check": _windows("sale_starts_at", "sale_ends_at"),
        "ticket_types_min_per_attendee_check": _MINIMA,
        "ticket_types_max_per_attendee_check": _LIMITS_OF_AN_ATTENDEE,
        "ticket_types_max_per_registration_check": _LIMITS_OF_A_REGISTRATION,
        "eligibility_shape": _eligibility(MALFORMED_ELIGIBILITY),
        "bounded_json_levels": {
            value: {"eligibility": _ruled(text)} for value, text in _DEEP_TEXTS.items()
        },
        "bounded_json_numbers": {
            value: {"eligibility": _ruled(text)} for value, text in _LONG_NUMBER_TEXTS.items()
        },
    },
    "packages": {
        "packages_pkey": {"id taken": {"function_id": FUNCTION, "package_id": PACKAGE}},
        "packages_function_fkey": {"of nothing": {"function_id": ABSENT}},
        "packages_slug_excl": {"slug taken": {"function_id": FUNCTION, "slug": "evening"}},
        "packages_slug_check": _slugs(),
        "packages_name_check": _names("name"),
        "packages_price_check": _amounts("price"),
        "packages_registration_types_check": {
            "for none": {"registration_types": []},
            "singular": {"registration_types": ["individual"]},
            "one of two unknown": {"registration_types": ["individuals", "families"]},
            "one of two null": {"registration_types": ["individuals", None]},
            "null": {"registration_types": [None]},
            "more than there are": {"registration_types": ["individuals", "lodges"] * 2},
            "a list of lists": {"registration_types": [["individuals"], ["lodges"]]},
            "a list in a list": {"registration_types": [["individuals", "lodges"]]},
        },
        "packages_sale_window_check": _windows("sale_starts_at", "sale_ends_at"),
        "packages_min_per_attendee_check": _MINIMA,
        "packages_max_per_attendee_check": _LIMITS_OF_AN_ATTENDEE,
        "packages_max_per_registration_check": _LIMITS_OF_A_REGISTRATION,
        "eligibility_shape": _eligibility(MALFORMED_ELIGIBILITY),
        "bounded_json_levels": {
            value: {"eligibility": _ruled(text)} for value, text in _DEEP_TEXTS.items()
        },
        "bounded_json_numbers": {
            value: {"eligibility": _ruled(text)} for value, text in _LONG_NUMBER_TEXTS.items()
        },
    },
    "package_items": {
        "package_items_pkey": {"listed twice": {"package_id": PACKAGE, "ticket_type_id": TYPE}},
        "package_items_package_fkey": {
            "of nothing": {"package_id": ABSENT},
            "package of another function": {"package_id": OTHER_PACKAGE},
        },
        "package_items_ticket_type_fkey": {
            "nothing inside": {"ticket_type_id": ABSENT},
            "type of another function": {"ticket_type_id": OTHER_TYPE},
            "in a package of another function": {
                "function_id": OTHER_FUNCTION,
                "package_id": OTHER_PACKAGE,
            },
        },
        "package_items_quantity_check": _each("quantity", 0, -1, 1001),
    },
    "capacity_pools": {
        "capacity_pools_pkey": {"id taken": {"function_id": FUNCTION, "capacity_pool_id": POOL}},
        "capacity_pools_function_fkey": {"of nothing": {"function_id": ABSENT}},
        "capacity_pools_slug_excl": {"slug taken": {"function_id": FUNCTION, "slug": "hall"}},
        "pool_slug_shape": _slugs(),
        "pool_name_length": _names("name"),
        "pool_capacity_range": _each("capacity", -1, 10000001),
        "counter_range": {**_each("reserved", -1), **_each("sold", -1)},
        "capacity_pools_not_oversold": {
            "one reserved too many": {"reserved": 8},
            "one sold too many": {"sold": 7},
            "both too many": {"reserved": 10, "sold": 10},
            "capacity lowered below what is in use": {"capacity": 6},
            "capacity taken away": {"capacity": 0},
        },
    },
    "ticket_type_pools": {
        "ticket_type_pools_pkey": {
            "a member already": {"ticket_type_id": TYPE, "capacity_pool_id": POOL}
        },
        "ticket_type_pools_ticket_type_fkey": {
            "of nothing": {"ticket_type_id": ABSENT},
            "type of another function": {"ticket_type_id": OTHER_TYPE},
            "in a pool of another function": {
                "function_id": OTHER_FUNCTION,
                "capacity_pool_id": OTHER_POOL,
            },
        },
        "ticket_type_pools_capacity_pool_fkey": {
            "in nothing": {"capacity_pool_id": ABSENT},
            "pool of another function": {"capacity_pool_id": OTHER_POOL},
        },
    },
    "package_pools": {
        "package_pools_pkey": {
            "a member already": {"package_id": PACKAGE, "capacity_pool_id": POOL}
        },
        "package_pools_package_fkey": {
            "of nothing": {"package_id": ABSENT},
            "package of another function": {"package_id": OTHER_PACKAGE},
            "in a pool of another function": {
                "function_id": OTHER_FUNCTION,
                "capacity_pool_id": OTHER_POOL,
            },
        },
        "package_pools_capacity_pool_fkey": {
            "in nothing": {"capacity_pool_id": ABSENT},
            "pool of another function": {"capacity_pool_id": OTHER_POOL},
        },
    },
    "registrations": {
        "registrations_pkey": {
            "id taken, by another owner": {
                "function_id": FUNCTION,
                "registration_id": REGISTRATION,
                "owner_id": STRANGER,
            }
        },
        "registrations_owner_key": {
            "id taken": {"function_id": FUNCTION, "registration_id": REGISTRATION}
        },
        "registrations_confirmation_number_key": {
            "number taken": {**_COMPLETED, "function_id": FUNCTION, "confirmation_number": "IND-1"}
        },
        "registrations_function_fkey": {
            "for nothing": {"function_id": ABSENT},
            "currency not that of the function": {"currency": "NZD"},
            "function of another currency": {"function_id": OTHER_FUNCTION},
        },
        "registration_type_values": _each("registration_type", "", "individual", "Lodges"),
        "registrations_state_check": {
            "no status": {"status": "", "hold_expires_at": None},
            "unknown status": {"status": "open", "hold_expires_at": None},
            "status in capitals": {"status": "Draft", "hold_expires_at": None},
            "unknown payment status": {**_CANCELLED_PAID, "payment_status": "Free"},
            "payment status in small letters": {**_CANCELLED_PAID, "payment_status": "paid"},
            "both in the status": {
                **_CANCELLED_PAID,
                "status": "cancelled Paid",
                "payment_status": "",
                "cancellation_reason": None,
            },
            "completed and unpaid": {
                **_COMPLETED,
                "payment_status": "Unpaid",
                "confirmation_number": None,
            },
            "completed and refunded": {**_COMPLETED, "payment_status": "Refunded"},
            **{
                f"{status} and {payment_status}": {
                    "status": status,
                    "payment_status": payment_status,
                    "confirmation_number": "IND-3",
                }
                for status in ("draft", "pending", "expired")
                for payment_status in ("Paid", "Refunded")
            },
        },
        "registrations_confirmation_check": {
            "completed without a number": {**_COMPLETED, "confirmation_number": None},
            "draft with a number": {"status": "draft", "confirmation_number": "IND-3"},
            "pending with a number": {"status": "pending", "confirmation_number": "IND-3"},
            "expired with a number": {"status": "expired", "confirmation_number": "IND-3"},
            "cancelled, unpaid, with a number": {**_CANCELLED, "confirmation_number": "IND-3"},
            "cancelled, paid, without a number": {**_CANCELLED, "payment_status": "Paid"},
            "refunded without a number": {**_CANCELLED, "payment_status": "Refunded"},
        },
        "registrations_hold_check": {
            "completed": {**_COMPLETED, "hold_expires_at": "2026-05-01T10:30Z"},
            "cancelled": {**_CANCELLED, "hold_expires_at": "2026-05-01T10:30Z"},
            "held since never": {"held_since": None},
        },
        "finite_time_range": {
            case: changes
            for column in ("hold_expires_at", "hold_granted_until")
            for case, changes in _each(column, "infinity", "-infinity").items()
        },
        "registrations_cancellation_reason_check": {
            "draft": {"status": "draft", "cancellation_reason": "ill"},
            "pending": {"status": "pending", "cancellation_reason": "ill"},
            "expired": {"status": "expired", "cancellation_reason": "ill"},
            "completed": {**_COMPLETED, "cancellation_reason": "ill"},
        },
        "reason_length": {"too long": {**_CANCELLED, "cancellation_reason": "r" * 1001}},
        "wizard_object_shape": {
            f"{value} as {column}": {column: content}
            for column in ("booking_contact", "registration_data")
            for value, content in _NO_OBJECTS.items()
        },
        "bounded_json_levels": {
            f"{value} as {column}": {column: content}
            for column in ("booking_contact", "registration_data")
            for value, content in _DEEP.items()
        },
        "bounded_json_numbers": {
            f"{value} in {column}": {column: content}
            for column in ("booking_contact", "registration_data")
            for value, content in _LONG_NUMBERS.items()
        },
        "amount_range": _amounts("subtotal"),
        "adjustment_range": _each("adjustment", "NaN"),
        "confirmation_number_length": {
            "empty": {**_COMPLETED, "confirmation_number": ""},
            "too long": {**_COMPLETED, "confirmation_number": "1" * 51},
        },
        "counter_range": _each("revision", -1),
    },
    "registration_index": {
        "registration_index_pkey": {
            "twice": {"registration_id": REGISTRATION},
            "in another function": {
                "registration_id": REGISTRATION,
                "function_id": OTHER_FUNCTION,
            },
        },
    },
    "attendees": {
        "attendees_pkey": {
            "id taken, in another registration": {**_ALONE, "attendee_id": SECOND_ATTENDEE}
        },
        "attendees_registration_key": {"id taken": {**_ALONE, "attendee_id": ATTENDEE}},
        "attendees_client_attendee_key": {"client id": {"client_attendee_id": FIRST_CLIENT_ID}},
        "attendees_registration_fkey": {
            "of nothing": {**_ALONE, "registration_id": ABSENT},
            "owner not that of the registration": {**_ALONE, "owner_id": STRANGER},
            "registration of another owner": {**_ALONE, "registration_id": STRANGERS_REGISTRATION},
            "registration of another function": {**_ALONE, "registration_id": OTHER_REGISTRATION},
            "in another function": {**_ALONE, "function_id": OTHER_FUNCTION},
        },
        "attendees_related_attendee_fkey": {
            "no attendee": {"related_attendee_id": ABSENT},
            "of another registration": {"related_attendee_id": SECOND_ATTENDEE},
            "of another owner": {"related_attendee_id": STRANGERS_ATTENDEE},
            "of another function": {"related_attendee_id": OTHER_ATTENDEE},
            "left behind by a move": {"registration_id": SECOND_REGISTRATION},
        },
        "attendees_position_check": _each("position", -1),
        "attendees_related_attendee_check": {
            "the attendee itself": {"related_attendee_id": NEW_ATTENDEE}
        },
        "attendees_attendee_type_check": _each(
            "attendee_type", "", "1mason", "-mason", "ma son", "mason\n", "m\u00e4son", "m" * 51
        ),
        "wizard_object_shape": {
            value: {"attendee_data": content} for value, content in _NO_OBJECTS.items()
        },
        "bounded_json_levels": {
            value: {"attendee_data": content} for value, content in _DEEP.items()
        },
        "bounded_json_numbers": {
            value: {"attendee_data": content} for value, content in _LONG_NUMBERS.items()
        },
    },
    "tickets": {
        "tickets_pkey": {"id taken, by another attendee": {"ticket_id": TICKET}},
        "tickets_attendee_key": {"id taken": {"ticket_id": TICKET, "attendee_id": ATTENDEE}},
        "tickets_attendee_fkey": {
            "of no attendee": {"attendee_id": ABSENT},
            "of an attendee of another registration": {"attendee_id": SECOND_ATTENDEE},
            "of an attendee of another owner": {"attendee_id": STRANGERS_ATTENDEE},
            "of an attendee of another function": {"attendee_id": OTHER_ATTENDEE},
            "owner not that of the attendee": {"owner_id": STRANGER},
            "registration not that of the attendee": {"registration_id": SECOND_REGISTRATION},
            "registration and attendee of another owner": {
                "registration_id": STRANGERS_REGISTRATION,
                "attendee_id": STRANGERS_ATTENDEE,
            },
        },
        "tickets_ticket_type_fkey": {
            "of nothing": {**_INDIVIDUAL, "ticket_type_id": ABSENT},
            "event not that of its type": {**_INDIVIDUAL, "event_id": SECOND_EVENT},
            "event not that of its type, in a package": {"event_id": SECOND_EVENT},
            "event of another function": {**_INDIVIDUAL, "event_id": OTHER_EVENT},
            "type of another function": {**_INDIVIDUAL, "ticket_type_id": OTHER_TYPE},
            "type and event of another function": {
                **_INDIVIDUAL,
                "ticket_type_id": OTHER_TYPE,
                "event_id": OTHER_EVENT,
            },
        },
        "tickets_package_item_fkey": {
            "in nothing": {"package_id": ABSENT},
            "package of another function": {"package_id": OTHER_PACKAGE},
            "package without contents": {"package_id": EMPTY_PACKAGE},
            "type not in the package": {"ticket_type_id": EMPTY_TYPE},
        },
        "tickets_package_number_check": {
            "package without number": {"package_number": None},
            "number without package": {"package_id": None},
        },
        "tickets_package_number_range_check": _each("package_number", 0, -1),
        "tickets_price_paid_check": _amounts("price_paid"),
        "tickets_original_price_check": _amounts("original_price"),
        "tickets_individual_price_check": {
            "for less": {**_INDIVIDUAL, "price_paid": "39.99"},
            "for more": {**_INDIVIDUAL, "price_paid": "40.01"},
            "for nothing": {**_INDIVIDUAL, "price_paid": "0.00"},
            "at another list price": {**_INDIVIDUAL, "original_price": "50.00"},
        },
        "tickets_currency_check": _currencies(),
        "tickets_status_check": _each("status", "", "active", "Expired"),
        "tickets_payment_status_check": _each("payment_status", "", "paid", "Free"),
        "tickets_refunded_check": {"still active": {"payment_status": "Refunded"}},
    },
    "ticket_holders": {
        "ticket_holders_pkey": {
            "a holder already": {
                "ticket_id": STRANGERS_TICKET,
                "registration_id": STRANGERS_REGISTRATION,
                "owner_id": STRANGER,
                "attendee_id": STRANGERS_ATTENDEE,
            }
        },
        "ticket_holders_ticket_fkey": {
            "of nothing": {"ticket_id": ABSENT},
            "ticket of another function": {"ticket_id": OTHER_TICKET},
            "in a function without the ticket": {"function_id": OTHER_FUNCTION},
            "registration not that of the ticket": {"registration_id": SECOND_REGISTRATION},
            "attendee not that of the ticket": {"attendee_id": EMPTY_ATTENDEE},
            "owner not that of the ticket": {"owner_id": STRANGER},
        },
        "wizard_object_shape": {
            value: {"holder_data": content} for value, content in _NO_OBJECTS.items()
        },
        "bounded_json_levels": {
            value: {"holder_data": content} for value, content in _DEEP.items()
        },
        "bounded_json_numbers": {
            value: {"holder_data": content} for value, content in _LONG_NUMBERS.items()
        },
    },
    "payments": {
        "payments_pkey": {"id taken": {"payment_id": PAYMENT}},
        "payments_reference_key": {
            "reference taken": {"reference": "pi_1"},
            "reference taken, by a payment": {"kind": "refund", "reference": "pi_1"},
        },
        "payments_registration_fkey": {
            "for nothing": {"registration_id": ABSENT},
            "registration of another function": {"registration_id": OTHER_REGISTRATION},
        },
        "payments_provider_check": _each("provider", "", "p" * 51),
        "payments_provider_case_check": _each("provider", "Stripe", "stripE"),
        "payments_reference_check": _each("reference", "", "r" * 201),
        "payments_kind_check": _each("kind", "", "Payment", "gift"),
        "payments_amount_check": _amounts("amount"),
        "payments_refund_amount_check": {
            "nothing given back": {"kind": "refund", "amount": 0, "surcharge_amount": 0}
        },
        "payments_surcharge_amount_check": {
            **_amounts("surcharge_amount"),
            "more than the amount": {"amount": "3.00", "surcharge_amount": "3.01"},
        },
        "payments_ticket_ids_check": {
            "of a payment": {"ticket_ids": [TICKET]},
            "none in the list": {"kind": "refund", "ticket_ids": []},
            "null in the list": {"kind": "refund", "ticket_ids": [TICKET, None]},
        },
        "payments_amendment_hash_check": {
            "of a refund": {"kind": "refund", "amendment_hash": bytes(32)},
            **_each("amendment_hash", b"", bytes(31), bytes(33)),
        },
        "payments_paid_at_check": _each("paid_at", "infinity", "-infinity"),
        "payments_currency_check": _currencies(),
    },
    "ticket_changes": {
        "ticket_changes_pkey": {"recorded already": {"epoch": 1}},
        "ticket_change_values": _each("change", "", "Added", "changed"),
        "feed_epoch_range": _each("epoch", 0, -1),
        "counter_range": _each("revision", -1),
        "amount_range": _amounts("price_paid"),
    },
    "registration_changes": {
        "registration_changes_pkey": {
            "recorded already": {"registration_id": STRANGERS_REGISTRATION}
        },
        "registration_change_values": _each("change", "", "Amended", "added"),
        "feed_epoch_range": _each("epoch", 0, -1),
        "counter_range": _each("revision", -1),
        "reason_length": {"too long": {"reason": "r" * 1001}},
        "wizard_object_shape": {
            f"{value} as {column}": {column: content}
            for column in ("old_values", "new_values")
            for value, content in _NO_OBJECTS.items()
        },
        "bounded_json_levels": {
            f"{value} as {column}": {column: content}
            for column in ("old_values", "new_values")
            for value, content in _DEEP.items()
        },
        "bounded_json_numbers": {
            f"{value} in {column}": {column: content}
            for column in ("old_values", "new_values")
            for value, content in _LONG_NUMBERS.items()
        },
    },
}
"""By table and constraint: what is wrong, and the columns of `NEW` that make it so."""

IMPLIED = {
    "functions_currency_key": "functions_pkey",
    "ticket_types_event_key": "ticket_types_pkey",
    "registrations_owner_key": "registrations_pkey",
    "attendees_registration_key": "attendees_pkey",
    "tickets_attendee_key": "tickets_pkey",
    "pool_capacity_range": "capacity_pools_not_oversold",
    "payments_amount_check": "payments_surcharge_amount_check",
}
"""What breaks the first has to break the second as well; it is put aside to see the first."""

RIGHT: Mapping[str, Cases] = {
    "organisations": {
        **_each("slug", "a", "1", "a1-b2-c3", "a" * 100),
        **_each("name", "n", "n" * 200),
    },
    "organisation_members": {
        **_each("role", "owner", "admin", "staff"),
        "a colleague": {"organisation_id": ORGANISATION, "user_id": OWNER},
    },
    "functions": {
        **_each("slug", "a", "a" * 100),
        **_each("name", "n", "n" * 200),
        **_each("currency", "NZD"),
        **_each("timezone", "z", "z" * 64),
        **_each("status", "draft", "published", "closed"),
        **_each("selection_mode", "exclusive", "mixed"),
        **_each("payment_minutes", 1, 10080),
        **_open_windows("starts_at", "ends_at"),
        **_open_windows("registration_opens_at", "registration_closes_at"),
        "shortest hold": {"hold_minutes": 1, "max_hold_minutes": 1},
        "longest hold": {"hold_minutes": 10080, "max_hold_minutes": 10080},
        "renewed for a year": {"max_hold_minutes": 525600},
        "refunds after changes": {"changes_until": "2026-04-01T00:00Z"},
    },
    "events": {
        **_each("slug", "dinner"),
        **_each("title", "n", "n" * 200),
        **_open_windows("starts_at", "ends_at"),
        "an id of another function": {"event_id": EVENT},
    },
    "ticket_types": {
        **_each("slug", None, "a", "a1-b2", "a" * 100, "ball"),
        "a slug of an active one, inactive": {"slug": "dinner", "is_active": False},
        **_each("price", "0.00", "9999999999.99"),
        **_open_windows("sale_starts_at", "sale_ends_at"),
        **_RIGHT_LIMITS,
        **_eligibility(WELL_FORMED_ELIGIBILITY),
    },
    "packages": {
        **_each("slug", None, "a", "a1-b2", "a" * 100, "for-two"),
        "a slug of an active one, inactive": {
            "function_id": FUNCTION,
            "slug": "evening",
            "is_active": False,
        },
        **_each("price", "0.00", "9999999999.99"),
        **_open_windows("sale_starts_at", "sale_ends_at"),
        **_RIGHT_LIMITS,
        **_eligibility(WELL_FORMED_ELIGIBILITY),
        "for one": {"registration_types": ["delegations"]},
        "for all": {"registration_types": ["lodges", "delegations", "individuals"]},
    },
    "package_items": {
        **_each("quantity", 1, 1000),
        "in a second package": {"ticket_type_id": TYPE},
    },
    "capacity_pools": {
        **_each("slug", None, "a", "a1-b2", "a" * 100, "hall"),
        "sold out": {"reserved": 0, "sold": 10},
        "all held": {"reserved": 10, "sold": 0},
        "capacity lowered to what is in use": {"capacity": 7},
        "closed": {"capacity": 0, "reserved": 0, "sold": 0},
        "the largest": {"capacity": 10000000, "sold": 9999996},
    },
    "ticket_type_pools": {
        "a second pool": {"ticket_type_id": TYPE},
        "a second type": {"capacity_pool_id": POOL},
    },
    "package_pools": {
        "a second pool": {"package_id": PACKAGE},
        "a second package": {"capacity_pool_id": POOL},
    },
    "registrations": {
        **_each("registration_type", "individuals", "lodges", "delegations"),
        **_each("status", "draft", "pending", "expired"),
        **_each("subtotal", "0.00", "9999999999.99"),
        **_each("adjustment", "0.00", "9999999999.99", "-9999999999.99"),
        "the greatest total": {"subtotal": "9999999999.99", "adjustment": "9999999999.99"},
        **_each("revision", 0, 2147483647),
        **_each("hold_expires_at", None, "0001-01-01T00:00Z", "294276-12-31T23:59:59.999999Z"),
        "in the currency of another function": {"function_id": OTHER_FUNCTION, "currency": "NZD"},
        "completed": _COMPLETED,
        "completed with a number of another function": {
            **_COMPLETED,
            "confirmation_number": "IND-1",
        },
        "a long number": {**_COMPLETED, "confirmation_number": "1" * 50},
        "cancelled": _CANCELLED,
        "cancelled for a reason": {**_CANCELLED, "cancellation_reason": "ill"},
        "cancelled for a long reason": {**_CANCELLED, "cancellation_reason": "r" * 1000},
        "cancelled after it was paid": _CANCELLED_PAID,
        "refunded": {**_CANCELLED_PAID, "payment_status": "Refunded"},
    },
    "registration_index": {"of another function": {"function_id": OTHER_FUNCTION}},
    "attendees": {
        **_each("attendee_type", "m", "ladyPartner", "lady_partner-x", "m" * 50),
        **_each("position", 0, 2147483647),
        "related to no attendee": _ALONE,
        "a client id of another registration": {
            "registration_id": EMPTY_REGISTRATION,
            "client_attendee_id": FIRST_CLIENT_ID,
            **_ALONE,
        },
    },
    "tickets": {
        **_each("package_number", 1, 2147483647),
        **_each("price_paid", "0.00", "39.99", "40.01", "9999999999.99"),
        **_each("payment_status", "Unpaid", "Paid"),
        "individual": _INDIVIDUAL,
        "individual and free": {**_INDIVIDUAL, "price_paid": 0, "original_price": 0},
        "cancelled": {"status": "Cancelled"},
        "cancelled after it was paid": {"status": "Cancelled", "payment_status": "Paid"},
        "refunded": {"status": "Cancelled", "payment_status": "Refunded"},
    },
    "ticket_holders": {
        "of another ticket": {
            "function_id": OTHER_FUNCTION,
            "ticket_id": OTHER_TICKET,
            "registration_id": OTHER_REGISTRATION,
            "attendee_id": OTHER_ATTENDEE,
        },
    },
    "payments": {
        **_each("amendment_hash", None, b"\xff" * 32),
        **_each("paid_at", "0001-01-01T00:00Z", "294276-12-31T23:59:59.999999Z"),
        "all of it a surcharge": {"amount": "3.00", "surcharge_amount": "3.00"},
        "nothing": {"amount": 0, "surcharge_amount": 0},
        "a refund of a cent, of a ticket": {
            "kind": "refund",
            "amount": "0.01",
            "surcharge_amount": 0,
            "ticket_ids": [TICKET],
        },
        "a reference of another provider": {"provider": "paypal", "reference": "pi_1"},
        "a reference of another function": {"reference": "pi_2"},
    },
    "ticket_changes": {
        **_each("change", "added", "removed", "paid", "assigned", "cancelled", "refunded"),
        **_each("revision", 0, 2147483647),
        "of the next transaction": {"epoch": 1, "transaction_id": "701"},
    },
    "registration_changes": {
        **_each("change", "amended", "adjusted", "attendee_added", "attendee_updated"),
        **_each("change", "ticket_assigned", "transferred", "hold_extended"),
        **_each("revision", 0, 2147483647),
        "of another registration": {"registration_id": SECOND_REGISTRATION},
        "for a long reason": {"reason": "r" * 1000},
    },
}
"""Right rows on the very edge of wrong."""

OPTIONAL = {
    "functions": (
        "starts_at ends_at registration_opens_at registration_closes_at max_held_per_owner"
        " changes_until refunds_until"
    ),
    "events": "starts_at ends_at",
    "ticket_types": (
        "slug description sale_starts_at sale_ends_at max_per_attendee max_per_registration"
    ),
    "packages": (
        "slug description sale_starts_at sale_ends_at max_per_attendee max_per_registration"
    ),
    "registrations": (
        "booking_contact confirmation_number hold_expires_at held_since held_until"
        " hold_granted_until cancellation_reason"
    ),
    "attendees": "related_attendee_id title first_name last_name email phone",
    "capacity_pools": "slug",
    "tickets": "package_id package_number",
    "ticket_holders": "title email phone",
    "payments": "ticket_ids amendment_hash",
    "ticket_changes": "package_id actor_id",
    "registration_changes": "attendee_id ticket_id old_values new_values reason actor_id",
}
"""The columns that may be null, separated by spaces; no other may."""

CHANGES = ("ticket_changes", "registration_changes")
"""The tables to which rows are only added."""


FEED_EPOCH: Mapping[str, LiteralString] = {
    "feed_epoch_pkey": (
        "INSERT INTO ticketing_internal.feed_epoch (epoch, server_started_at) VALUES (2, now())"
    ),
    "feed_epoch_only_row": "UPDATE ticketing_internal.feed_epoch SET is_only_row = FALSE",
    "feed_epoch_epoch_positive": "UPDATE ticketing_internal.feed_epoch SET epoch = 0",
}
"""By constraint: what it forbids to do to the one row that is always there."""

_ALLOTMENT: LiteralString = """
INSERT INTO ticketing_internal.capacity_allotments
    (function_id, capacity_pool_id, allotment, available, sold)
SELECT function_id, capacity_pool_id, 1, 2, -1 FROM ticketing.capacity_pools WHERE name = 'Hall'
"""

ALLOTMENTS: Mapping[str, LiteralString] = {
    "capacity_allotments_pkey": _ALLOTMENT,
    "capacity_allotments_capacity_pool_fkey": (
        "UPDATE ticketing_internal.capacity_allotments SET capacity_pool_id = function_id"
    ),
    "capacity_allotments_allotment_check": (
        "UPDATE ticketing_internal.capacity_allotments SET allotment = 0"
    ),
    "capacity_allotments_available_check": (
        "UPDATE ticketing_internal.capacity_allotments SET available = -1"
    ),
}
"""By constraint: what it forbids to do where the hall has one allotment."""


class Parent(NamedTuple):
    """A row that others can refer to, and a change of it that would leave them behind."""

    table: str
    key: Row
    moved: Row


class Reference(NamedTuple):
    """A right row of `child`, which alone keeps its parent from being deleted.

    The change of the parent is refused, or passed on to these columns of `child`. Where
    `is_deleted`, the deletion is passed on, too.
    """

    constraint: str
    child: str
    parent: Parent
    changes: Row | None = None
    passed_on: Row | None = None
    is_deleted: bool = False


_AN_ORGANISATION = Parent(
    "organisations", {"organisation_id": EMPTY_ORGANISATION}, {"organisation_id": ABSENT}
)
_A_FUNCTION = Parent("functions", {"function_id": EMPTY_FUNCTION}, {"function_id": ABSENT})
_AN_EVENT = Parent("events", {"event_id": EMPTY_EVENT}, {"event_id": ABSENT})
_A_TYPE = Parent("ticket_types", {"ticket_type_id": EMPTY_TYPE}, {"ticket_type_id": ABSENT})
_A_PACKAGE = Parent("packages", {"package_id": EMPTY_PACKAGE}, {"package_id": ABSENT})
_AN_ITEM = Parent(
    "package_items",
    {"package_id": PACKAGE, "ticket_type_id": SPARE_TYPE},
    {"ticket_type_id": EMPTY_TYPE},
)
_A_POOL = Parent("capacity_pools", {"capacity_pool_id": EMPTY_POOL}, {"capacity_pool_id": ABSENT})
_A_REGISTRATION = Parent(
    "registrations", {"registration_id": EMPTY_REGISTRATION}, {"registration_id": ABSENT}
)
_AN_ATTENDEE = Parent("attendees", {"attendee_id": EMPTY_ATTENDEE}, {"attendee_id": ABSENT})
_A_TICKET = Parent("tickets", {"ticket_id": TICKET}, {"ticket_id": ABSENT})

REFERENCES = [
    Reference("organisation_members_organisation_fkey", "organisation_members", _AN_ORGANISATION),
    Reference("functions_organisation_fkey", "functions", _AN_ORGANISATION),
    Reference("events_function_fkey", "events", _A_FUNCTION),
    Reference("ticket_types_event_fkey", "ticket_types", _AN_EVENT),
    Reference("packages_function_fkey", "packages", _A_FUNCTION),
    Reference("package_items_package_fkey", "package_items", _A_PACKAGE),
    Reference("package_items_ticket_type_fkey", "package_items", _A_TYPE),
    Reference("capacity_pools_function_fkey", "capacity_pools", _A_FUNCTION),
    Reference("ticket_type_pools_ticket_type_fkey", "ticket_type_pools", _A_TYPE),
    Reference("ticket_type_pools_capacity_pool_fkey", "ticket_type_pools", _A_POOL),
    Reference("package_pools_package_fkey", "package_pools", _A_PACKAGE),
    Reference("package_pools_capacity_pool_fkey", "package_pools", _A_POOL),
    Reference("registrations_function_fkey", "registrations", _A_FUNCTION),
    Reference(
        "registrations_function_fkey",
        "registrations",
        _A_FUNCTION._replace(moved={"currency": "NZD"}),
    ),
    Reference(
        "attendees_registration_fkey",
        "attendees",
        _A_REGISTRATION,
        {**_ALONE, "registration_id": EMPTY_REGISTRATION},
        passed_on={"registration_id": ABSENT},
    ),
    Reference(
        "attendees_registration_fkey",
        "attendees",
        _A_REGISTRATION._replace(moved={"owner_id": STRANGER}),
        {**_ALONE, "registration_id": EMPTY_REGISTRATION},
        passed_on={"owner_id": STRANGER},
    ),
    Reference(
        "attendees_related_attendee_fkey",
        "attendees",
        _AN_ATTENDEE,
        passed_on={"related_attendee_id": ABSENT},
    ),
    Reference("tickets_attendee_fkey", "tickets", _AN_ATTENDEE, passed_on={"attendee_id": ABSENT}),
    Reference(
        "tickets_attendee_fkey",
        "tickets",
        _AN_ATTENDEE._replace(moved={"registration_id": SECOND_REGISTRATION}),
        passed_on={"registration_id": SECOND_REGISTRATION},
    ),
    Reference(
        "ticket_holders_ticket_fkey",
        "ticket_holders",
        _A_TICKET,
        passed_on={"ticket_id": ABSENT},
        is_deleted=True,
    ),
    Reference(
        "tickets_ticket_type_fkey",
        "tickets",
        _A_TYPE,
        {**_INDIVIDUAL, "ticket_type_id": EMPTY_TYPE},
    ),
    Reference(
        "tickets_ticket_type_fkey",
        "tickets",
        _A_TYPE._replace(moved={"event_id": SECOND_EVENT}),
        {**_INDIVIDUAL, "ticket_type_id": EMPTY_TYPE},
    ),
    Reference("tickets_package_item_fkey", "tickets", _AN_ITEM),
    Reference("payments_registration_fkey", "payments", _A_REGISTRATION),
]


@pytest.fixture
def tables(db: Connection) -> Connection:
    """The baseline, at the hands of a superuser, whom neither rights nor row security bind."""
    fill(db)
    return db


@contextmanager
def _refused(db: Connection, sqlstate: str, constraint: str | None) -> Generator[None]:
    """Expect an error, and take back what led to it."""
    with pytest.raises(psycopg.Error) as caught, db.transaction():
        yield
    refusal = (caught.value.sqlstate, caught.value.diag.constraint_name)
    assert refusal == (sqlstate, constraint), caught.value


@contextmanager
def _named(what: str) -> Generator[None]:
    """Say in which case a test failed."""
    try:
        yield
    except Exception as error:
        error.add_note(f"case: {what}")
        raise


@contextmanager
def _without_constraint(db: Connection, table: str, constraint: str | None) -> Generator[None]:
    """Take a constraint away for a while, with the foreign keys that hang on it."""
    with db.transaction(force_rollback=True):
        if constraint is not None:
            domain = db.execute(
                """
                SELECT typ.typname
                FROM pg_catalog.pg_constraint AS con
                INNER JOIN pg_catalog.pg_type AS typ ON con.contypid = typ.oid
                WHERE con.connamespace = 'ticketing'::regnamespace AND con.conname = %s
                """,
                [constraint],
            ).fetchone()
            if domain:
                db.execute(
                    sql.SQL("ALTER DOMAIN ticketing.{} DROP CONSTRAINT {}").format(
                        sql.Identifier(domain[0]), sql.Identifier(constraint)
                    )
                )
            else:
                db.execute(
                    sql.SQL("ALTER TABLE ticketing.{} DROP CONSTRAINT {} CASCADE").format(
                        sql.Identifier(table), sql.Identifier(constraint)
                    )
                )
        yield


def _sqlstate(constraint: str) -> str:
    return SQLSTATES.get(constraint.rpartition("_")[2], CHECK_VIOLATION)


@pytest.mark.parametrize(
    ("table", "constraint", "cases"),
    [
        pytest.param(table, constraint, cases, id=f"{table}-{constraint}")
        for table, constraints in WRONG.items()
        for constraint, cases in constraints.items()
    ],
)
def test_constraint_refuses_wrong_rows(
    tables: Connection, table: str, constraint: str, cases: Cases
) -> None:
    sqlstate = _sqlstate(constraint)
    with _without_constraint(tables, table, IMPLIED.get(constraint)):
        for what, changes in cases.items():
            with _named(what), _refused(tables, sqlstate, constraint):
                insert(tables, table, changes)
        right = {"ctid": insert(tables, table)}
        for what, changes in cases.items():
            with _named(what), _refused(tables, sqlstate, constraint):
                update(tables, table, right, changes)
        with _without_constraint(tables, table, constraint):
            for what, changes in cases.items():
                with _named(what), tables.transaction(force_rollback=True):
                    assert update(tables, table, right, changes) == 1


@pytest.mark.parametrize(("table", "cases"), RIGHT.items(), ids=RIGHT)
def test_constraint_accepts_right_rows(tables: Connection, table: str, cases: Cases) -> None:
    for what, changes in cases.items():
        with _named(what), tables.transaction(force_rollback=True):
            insert(tables, table, changes)
    right = {"ctid": insert(tables, table)}
    for what, changes in cases.items():
        with _named(what), tables.transaction(force_rollback=True):
            assert update(tables, table, right, changes) == 1


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param(reference, id=f"{reference.constraint}: {', '.join(reference.parent.moved)}")
        for reference in REFERENCES
    ],
)
def test_foreign_key_keeps_referenced_row(tables: Connection, reference: Reference) -> None:
    constraint, child, (parent, key, moved), changes, passed_on, is_deleted = reference
    with tables.transaction(force_rollback=True):
        assert delete(tables, parent, key) == 1
    with tables.transaction(force_rollback=True):
        assert update(tables, parent, key, moved) == 1
    row = {**NEW[child], **(changes or {})}
    kept: dict[str, object] = {
        column: value for column, value in row.items() if isinstance(value, UUID)
    }
    insert(tables, child, changes)
    if is_deleted:
        with tables.transaction(force_rollback=True):
            assert delete(tables, parent, key) == 1
            assert delete(tables, child, kept) == 0
    else:
        with _refused(tables, _sqlstate(constraint), constraint):
            delete(tables, parent, key)
    if passed_on is None:
        with _refused(tables, _sqlstate(constraint), constraint):
            update(tables, parent, key, moved)
    else:
        with tables.transaction(force_rollback=True):
            assert update(tables, parent, key, moved) == 1
            assert delete(tables, child, {**kept, **passed_on}) == 1
    with _without_constraint(tables, child, constraint):
        assert delete(tables, parent, key) == 1


def test_foreign_keys_pass_on_another_owner(tables: Connection) -> None:
    for table in ("attendees", "tickets", "ticket_holders"):
        insert(tables, table)
    key = {"registration_id": REGISTRATION}
    assert update(tables, "registrations", key, {"owner_id": STRANGER}) == 1
    for table, count in {"attendees": 3, "tickets": 2, "ticket_holders": 1}.items():
        strangers, owners = ({**key, "owner_id": owner} for owner in (STRANGER, OWNER))
        assert update(tables, table, strangers, {"function_id": FUNCTION}) == count
        assert update(tables, table, owners, {"function_id": FUNCTION}) == 0


@pytest.mark.parametrize(
    ("subtotal", "adjustment", "total"),
    [
        ("50.00", "0.00", "50.00"),
        ("50.00", "-5.00", "45.00"),
        ("50.00", "-50.00", "0.00"),
        ("50.00", "-50.01", "0.00"),
        ("0.00", "30.00", "30.00"),
        ("9999999999.99", "9999999999.99", "19999999999.98"),
    ],
)
def test_total_is_subtotal_and_adjustment_but_never_negative(
    tables: Connection, subtotal: str, adjustment: str, total: str
) -> None:
    insert(tables, "registrations", {"subtotal": subtotal, "adjustment": adjustment})
    key = {"registration_id": NEW["registrations"]["registration_id"]}
    with _refused(tables, "428C9", None):
        update(tables, "registrations", key, {"total": total})
    assert delete(tables, "registrations", {**key, "total": total}) == 1


def test_not_null_on_all_but_optional_columns(tables: Connection) -> None:
    columns = tables.execute(
        """
        SELECT c.relname, a.attname
        FROM pg_catalog.pg_attribute AS a
        INNER JOIN pg_catalog.pg_class AS c ON a.attrelid = c.oid
        WHERE c.relnamespace = 'ticketing'::regnamespace
            AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attgenerated = ''
        """
    ).fetchall()
    optional = {(table, column) for table in OPTIONAL for column in OPTIONAL[table].split()}
    assert optional <= set(columns)
    assert {table for table, _ in columns} == NEW.keys()

    for table, column in set(columns) - optional:
        with pytest.raises(psycopg.errors.NotNullViolation) as caught, tables.transaction():
            insert(tables, table, {column: None})
        assert (caught.value.diag.table_name, caught.value.diag.column_name) == (table, column)
    for table in NEW:
        insert(tables, table, dict.fromkeys(OPTIONAL.get(table, "").split()))


def test_amount_columns_hold_whole_cents_only(tables: Connection) -> None:
    amounts = tables.execute(
        """
        SELECT c.relname, a.attname, t.typname, t.typtype
        FROM pg_catalog.pg_attribute AS a
        INNER JOIN pg_catalog.pg_class AS c ON a.attrelid = c.oid
        INNER JOIN pg_catalog.pg_type AS t ON a.atttypid = t.oid
        WHERE c.relnamespace = 'ticketing'::regnamespace
            AND c.relkind IN ('r', 'p') AND a.attgenerated = ''
            AND 'numeric'::regtype IN (t.oid, t.typbasetype)
        """
    ).fetchall()
    assert {name for _, _, name, _ in amounts} == {"numeric", "amount", "adjustment"}

    for table, column, name, kind in amounts:
        for value in ("Infinity", "-Infinity", "10000000000.00", "-10000000000.00"):
            with _refused(tables, "22003", None):
                insert(tables, table, {column: value})
        check = f"{name}_range" if kind == "d" else f"{table}_{column}_check"
        for value in ("NaN", "-0.01"):
            if (name, value) != ("adjustment", "-0.01"):
                with _refused(tables, CHECK_VIOLATION, check):
                    insert(tables, table, {column: value})


def test_counters_refuse_overflow(tables: Connection) -> None:
    with _refused(tables, "22003", None):
        insert(tables, "capacity_pools", {"reserved": 2147483647, "sold": 2147483647})


@pytest.mark.parametrize("table", CHANGES)
def test_change_id_is_always_generated(tables: Connection, table: str) -> None:
    row = {"ctid": insert(tables, table)}
    with _refused(tables, "428C9", None):
        update(tables, table, row, {"change_id": 7})


@pytest.mark.parametrize("table", CHANGES)
@pytest.mark.parametrize(
    "statement",
    ["UPDATE ticketing.{} SET revision = 2", "DELETE FROM ticketing.{}", "TRUNCATE ticketing.{}"],
)
def test_changes_cannot_be_rewritten_by_owner(
    tables: Connection, statement: LiteralString, table: str
) -> None:
    rewrite = sql.SQL(statement).format(sql.Identifier(table))
    with tables.transaction(force_rollback=True):
        tables.execute(rewrite)
    tables.execute("SET LOCAL ROLE ticketing_owner")
    insert(tables, table)
    with _refused(tables, "42501", None):
        tables.execute(rewrite)


@pytest.mark.parametrize(("constraint", "wrong"), FEED_EPOCH.items(), ids=FEED_EPOCH)
def test_feed_epoch_has_one_row(db: Connection, constraint: str, wrong: LiteralString) -> None:
    with _refused(db, _sqlstate(constraint), constraint):
        db.execute(wrong)
    assert db.execute("UPDATE ticketing_internal.feed_epoch SET epoch = epoch + 1").rowcount == 1
    db.execute(
        sql.SQL("ALTER TABLE ticketing_internal.feed_epoch DROP CONSTRAINT {}").format(
            sql.Identifier(constraint)
        )
    )
    assert db.execute(wrong).rowcount == 1


@pytest.mark.parametrize(("constraint", "wrong"), ALLOTMENTS.items(), ids=ALLOTMENTS)
def test_allotment_belongs_to_pool_and_is_never_below_zero(
    tables: Connection, constraint: str, wrong: LiteralString
) -> None:
    assert tables.execute(_ALLOTMENT).rowcount == 1
    with _refused(tables, _sqlstate(constraint), constraint):
        tables.execute(wrong)
    tables.execute(
        sql.SQL("ALTER TABLE ticketing_internal.capacity_allotments DROP CONSTRAINT {}").format(
            sql.Identifier(constraint)
        )
    )
    assert tables.execute(wrong).rowcount == 1


def test_eligibility_domain_leaves_null_to_the_column(db: Connection) -> None:
    assert db.execute("SELECT CAST(NULL AS ticketing.eligibility)").fetchone() == (None,)


def test_constraints_all_have_a_case(tables: Connection) -> None:
    # A constraint of a domain counts once for each table that has a column of that domain.
    constraints = tables.execute(
        """
        SELECT
            coalesce(nullif(con.conrelid, 0), att.attrelid)::regclass::text AS relation,
            con.conname,
            con.contype
        FROM pg_catalog.pg_constraint AS con
        -- a domain over a domain has the constraints of both
        LEFT JOIN pg_catalog.pg_type AS typ
            ON con.contypid <> 0 AND con.contypid IN (typ.oid, typ.typbasetype)
        LEFT JOIN pg_catalog.pg_attribute AS att
            ON att.atttypid = typ.oid
        LEFT JOIN pg_catalog.pg_class AS cls
            ON cls.oid = att.attrelid
        WHERE con.connamespace = 'ticketing'::regnamespace AND con.contype <> 'n'
            AND CASE con.conrelid WHEN 0 THEN cls.relkind = 'r' ELSE TRUE END
        """
    ).fetchall()
    sqlstates = {"c": CHECK_VIOLATION, "f": "23503", "p": "23505", "u": "23505", "x": "23P01"}
    stored = {
        (table.removeprefix("ticketing."), name, sqlstates[kind])
        for table, name, kind in constraints
    }
    assert stored == {
        (table, constraint, _sqlstate(constraint))
        for table, cases in WRONG.items()
        for constraint in cases
    }


def test_internal_constraints_all_have_a_case(db: Connection) -> None:
    constraints = db.execute(
        """
        SELECT conname FROM pg_catalog.pg_constraint
        WHERE connamespace = 'ticketing_internal'::regnamespace AND contype <> 'n'
        """
    ).fetchall()
    assert {name for (name,) in constraints} == FEED_EPOCH.keys() | ALLOTMENTS.keys()


def test_foreign_keys_all_keep_a_parent(tables: Connection) -> None:
    foreign_keys = tables.execute(
        """
        SELECT conname FROM pg_catalog.pg_constraint
        WHERE connamespace = 'ticketing'::regnamespace AND contype = 'f'
        """
    ).fetchall()
    assert {name for (name,) in foreign_keys} == {ref.constraint for ref in REFERENCES}


def test_unique_indexes_are_all_constraints(tables: Connection) -> None:
    lone = tables.execute(
        """
        SELECT i.indexrelid::regclass::text
        FROM pg_catalog.pg_index AS i
        INNER JOIN pg_catalog.pg_class AS c ON i.indrelid = c.oid
        WHERE c.relnamespace = 'ticketing'::regnamespace AND i.indisunique
            AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_constraint AS con WHERE con.conindid = i.indexrelid
            )
        """
    ).fetchall()
    assert lone == []


def test_wrong_references_name_rows_that_exist() -> None:
    """Of another function, registration or owner: not merely of nothing."""
    named = {
        value
        for constraints in WRONG.values()
        for changes in chain.from_iterable(cases.values() for cases in constraints.values())
        for value in changes.values()
        if isinstance(value, UUID)
    }
    assert named - known_ids() == {ABSENT}
