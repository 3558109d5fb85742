"""Randomised histories of many sessions, and the proof that what came of them is right.

    python -m tests.support.histories --seed 7 --seconds 300

Sessions do everything that may be done, all at once, to few bookings that want little capacity:
create, change, pay, amend what is paid, cancel all of it or single tickets, refund, adjust, rename,
name holders, transfer, extend holds, let them run out, release them, change capacities, move ticket
types into and out of pools, repair, send requests twice, and kill each other's connections. Some of
them work at REPEATABLE READ and SERIALIZABLE, though catalogues are always imported at READ
COMMITTED.

A history is made of rounds. In each, every session takes steps that depend on the seed, the round
and the session alone; only how they interleave is new in every run. What the database acknowledged
goes into a ledger. After each round all sessions rest, and the ledger is compared with what is
stored:

- every revision of a registration was acknowledged exactly once, or is that of a call whose COMMIT
  got no reply; the tickets are those of the last acknowledgement that named their attendee;
- every acknowledged payment is there once, and there is none that no call made; what is due back
  is what the last acknowledgement said, and so are owner, adjustment, names and holders;
- check_integrity() finds nothing, and no pool holds more tickets than capacity, counted anew; both
  are watched during the rounds, too;
- the change feed, read all along, showed every change once and in order;
- no call got a SQLSTATE that is not documented for it, none a deadlock, and at READ COMMITTED none
  was asked to repeat, except where the capacity it needs is changing hands.
"""

import argparse
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, LiteralString

import psycopg
from psycopg import IsolationLevel
from tests.support.bookings import let_lapse, payment
from tests.support.caller import (
    Caller,
    Document,
    refused,
    service,
)
from tests.support.crowd import (
    BOAT,
    CONTENTS,
    DAY,
    EVENTS,
    FUNCTION,
    HALL,
    SEAT,
    SHARED,
    STAND,
    allow_allotments_of_small_pools,
    attendee_of,
    booking,
    catalogue,
    selection,
    ticket_arguments,
    uid,
)
from tests.support.example import OWNER, STRANGER

from ticketing_client.embedded import run_server
from ticketing_client.migrate import migrate

SESSIONS = 8
REGISTRATIONS = 16
"""How many registrations the sessions of a round share."""
ATTENDEES = 2
STEPS = 20
"""How many steps each session takes in a round."""
OPENING_STEPS = 2
"""How many of these create a registration without tickets, so that there is one to fight for."""
RETRIES = 100
"""How often a session repeats what it was asked to repeat before it gives up."""

ISOLATION = (
    IsolationLevel.READ_COMMITTED,
    IsolationLevel.READ_COMMITTED,
    IsolationLevel.REPEATABLE_READ,
    IsolationLevel.READ_COMMITTED,
    IsolationLevel.SERIALIZABLE,
    IsolationLevel.READ_COMMITTED,
)
"""The levels of the sessions, again and again."""

FOR_THE_SERVICE = {
    "complete_registration_payment",
    "record_refund",
    "adjust_registration",
    "transfer_registration",
    "extend_hold",
    "import_catalogue",
    "release_expired_holds",
    "repair_capacity",
}
"""The calls that owners may not make."""

READING = {"get_registration", "get_ticket_availability", "quote_ticket_selections"}
"""The calls that change nothing."""

CHANGING_HANDS = "Capacity is being changed by another transaction"

SELECTIONS = (
    selection(),
    selection(seat=1),
    selection(stand=1),
    selection(stand=3),
    selection(walk=1),
    selection(boat=1),
    selection(seat=1, boat=1),
    selection(day=1),
    selection(family=1),
    selection(day=2, boat=1),
    selection(family=1, walk=2),
)

ALLOWED: Mapping[str, Mapping[str, frozenset[str]]] = {
    rpc: {sqlstate: frozenset(codes.split()) for sqlstate, codes in refusals.items()}
    for rpc, refusals in {
        "create_individual_registration_with_tickets": {
            "TK002": "registration_not_found",
            "TK003": "not_editable",
            "TK005": "sold_out",
        },
        "persist_ticket_selections": {
            "TK002": "registration_not_found",
            "TK003": "not_editable",
            "TK005": "sold_out",
            "TK006": "revision_conflict",
        },
        "persist_attendee_tickets": {
            "TK002": "registration_not_found",
            "TK003": "not_editable",
            "TK005": "sold_out",
            "TK006": "revision_conflict",
        },
        "start_payment": {
            "TK002": "registration_not_found",
            "TK003": "not_editable",
            "TK004": "attendee_without_ticket sold_out",
            "TK005": "sold_out",
        },
        "complete_registration_payment": {
            "TK002": "registration_not_found",
            "TK003": "not_editable",
            "TK004": "registration_empty",
            "TK005": "sold_out",
            "TK007": "already_paid amount_mismatch reference_used",
        },
        "cancel_registration": {"TK002": "registration_not_found", "TK003": "refunds_ended"},
        "amend_registration": {
            "TK002": "registration_not_found",
            "TK003": "not_editable changes_ended",
            "TK004": "registration_empty refunds_ended sold_out",
            "TK005": "sold_out",
            "TK006": "revision_conflict",
            "TK007": "payment_required nothing_due amount_mismatch reference_used",
        },
        "cancel_tickets": {
            "TK002": "registration_not_found",
            "TK003": "not_editable changes_ended",
            "TK004": "registration_empty refunds_ended",
            "TK006": "revision_conflict",
        },
        "record_refund": {
            "TK002": "registration_not_found",
            "TK007": "not_refundable refund_too_large reference_used",
        },
        "update_attendees": {
            "TK002": "registration_not_found",
            "TK003": "not_editable changes_ended",
        },
        "assign_tickets": {
            "TK002": "registration_not_found",
            "TK003": "not_editable changes_ended",
            "TK004": "ticket_not_found ticket_cancelled",
        },
        "adjust_registration": {
            "TK002": "registration_not_found",
            "TK007": "payment_required",
        },
        "transfer_registration": {"TK002": "registration_not_found"},
        "extend_hold": {
            "TK002": "registration_not_found",
            "TK003": "not_editable",
            "TK005": "sold_out",
        },
        "quote_ticket_selections": {"TK002": "registration_not_found"},
        "import_catalogue": {"TK004": "capacity_below_use"},
        "get_registration": {"TK002": "registration_not_found"},
        "get_ticket_availability": {},
        "release_expired_holds": {},
        "repair_capacity": {},
    }.items()
}
"""The refusals that each call may meet in these histories, with the codes of their issues."""


EARLIER, LATER = "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z"


# --- What sessions decide


@dataclass(frozen=True)
class Step:
    """One decision of a session, made before anything is known of the others.

    Attributes:
        kind: What to do.
        registration: To which registration.
        chosen: Selections by the number of the attendee.
        document: A catalogue to import.
        as_owner: Whether the owner calls; else the service.
        by_tickets: Whether to persist by tickets rather than by selections.
        is_careful: Whether to send the revision last seen.
        is_doubled: Whether to send the request twice at once.
        number: Which of several references, or whose connection to kill.
    """

    kind: str
    registration: str
    chosen: Mapping[int, Document] = field(default_factory=dict)
    document: Document = field(default_factory=dict, repr=False)
    as_owner: bool = False
    by_tickets: bool = False
    is_careful: bool = False
    is_doubled: bool = False
    number: int = 0


KINDS: Mapping[str, int] = {
    "create": 10,
    "persist": 46,
    "start": 6,
    "pay": 10,
    "pay at once": 4,
    "cancel": 4,
    "amend": 18,
    "cancel tickets": 5,
    "refund": 6,
    "adjust": 3,
    "update": 5,
    "assign": 5,
    "transfer": 2,
    "extend": 3,
    "expire": 12,
    "release": 3,
    "import": 6,
    "repair": 1,
    "read": 4,
    "kill": 2,
}


def registrations_of(round_number: int) -> list[str]:
    """Return the ids of the registrations that a round is about."""
    first = 0x10000 + round_number * REGISTRATIONS
    return [uid(first + number) for number in range(REGISTRATIONS)]


def steps(seed: int, round_number: int, session: int) -> Iterator[Step]:
    """Yield what a session does in a round; the same for the same arguments, always."""
    dice = random.Random(f"{seed}/{round_number}/{session}")  # noqa: S311 - no secret
    for position in range(STEPS):
        if position < OPENING_STEPS:
            turn = session * OPENING_STEPS + position
            yield Step("create", registrations_of(round_number)[turn % REGISTRATIONS])
            continue
        kind = dice.choices(list(KINDS), list(KINDS.values()))[0]
        yield Step(
            kind=kind,
            registration=dice.choice(registrations_of(round_number)),
            chosen={
                number: dice.choice(SELECTIONS)
                for number in dice.choice(
                    [range(ATTENDEES), range(ATTENDEES), range(ATTENDEES), [0], [1]]
                )
            },
            document=_some_catalogue(dice) if kind == "import" else {},
            as_owner=dice.random() < 0.5,
            by_tickets=dice.random() < 0.5,
            is_careful=dice.random() < 0.2,
            is_doubled=dice.random() < 0.15,
            number=dice.randrange(1000),
        )


def _some_catalogue(dice: random.Random) -> Document:
    capacities = {
        pool: dice.randint(least, least * 6)
        for pool, least in {HALL: 8, SEAT: 4, BOAT: 3, DAY: 2}.items()
        if dice.random() < 0.6
    }
    if dice.random() < 0.7:
        capacities[SHARED] = dice.randint(6, 30)
    return _changeable(
        catalogue(
            capacities,
            shared=[member for member in (*EVENTS, *CONTENTS) if dice.random() < 0.4],
            slug=dice.choice(["hot-function", "hotter-function"]),
        ),
        changes_until=dice.choice([LATER, LATER, EARLIER]),
        refunds_until=dice.choice([LATER, LATER, EARLIER]),
    )


def _changeable(document: Document, **deadlines: str) -> Document:
    """Return a catalogue with the deadlines of owners."""
    document["function"] |= deadlines
    return document


# --- What the database acknowledged


@dataclass(frozen=True)
class Holding:
    """What an answer said of an attendee.

    Attributes:
        revision: As of which revision.
        tickets: The tickets of this attendee and of the others named in the same call; None if it
            did not say.
        size: How many of them are of this attendee; None if it did not say.
    """

    revision: int
    tickets: frozenset[str] | None
    size: int | None


@dataclass(frozen=True)
class Stored:
    """What is stored of a registration.

    Attributes:
        revision: Its revision.
        status: Its status.
        confirmation_number: None before it is paid.
        tickets: Client's id of the attendee, and id, of each ticket in force, or that was until the
            registration was cancelled.
        payments: Reference, kind and amount of each payment.
        refund_due: What is due back.
        facts: Its owner and adjustment, and names of attendees and holders.
    """

    revision: int
    status: str
    confirmation_number: str | None
    tickets: list[tuple[str, str]]
    payments: list[tuple[str, str, str]]
    refund_due: Decimal
    facts: Document


@dataclass
class Record:
    """What is known of a registration.

    Attributes:
        is_created: Whether a call on it has succeeded.
        revisions: The revisions that answers have told.
        changes: Of each revision, how many answers said that they had made it.
        tickets: By attendee number, what was said last, more than once if in several
            answers of the same revision.
        unknown: How many calls ended without a reply to their COMMIT.
        statuses: The final statuses that answers have told.
        confirmation_numbers: The confirmation numbers that answers have told.
        payments: By reference, kind and amount of what is recorded for certain.
        possible_payments: By reference, kind and amount of what may be recorded.
        total: The total last seen.
        refunds_due: By revision, what answers said is due back.
        is_transferred: Whether the owner may be another one by now.
        facts: By name, the last value said, and as of which revision.
    """

    is_created: bool = False
    revisions: set[int] = field(default_factory=set)
    changes: Counter[int] = field(default_factory=Counter)
    tickets: dict[int, list[Holding]] = field(
        default_factory=lambda: {number: [] for number in range(ATTENDEES)}
    )
    unknown: int = 0
    statuses: set[str] = field(default_factory=set)
    confirmation_numbers: set[str] = field(default_factory=set)
    payments: dict[str, tuple[str, Decimal]] = field(default_factory=dict)
    possible_payments: dict[str, tuple[str, Decimal]] = field(default_factory=dict)
    total: Decimal = Decimal(0)
    refunds_due: dict[int, set[Decimal]] = field(default_factory=dict)
    is_transferred: bool = False
    facts: dict[str, tuple[int, set[str]]] = field(default_factory=dict)

    def acknowledge(self, rpc: str, step: Step, answer: Document, *, is_repeated: bool) -> None:
        """Write down what an answer says.

        Args:
            rpc: Who gave it.
            step: What was asked.
            answer: The answer.
            is_repeated: Whether it is about a payment that has been acknowledged already.
        """
        revision = answer["revision"]
        self.is_created = True
        self.revisions.add(revision)
        if rpc == "start_payment" and answer["status"] == "completed":
            self.revisions.add(revision - 1)  # it may have retaken capacity first
        changes = (
            "tickets_created",
            "tickets_removed",
            "tickets_cancelled",
            "tickets_assigned",
            "attendees_updated",
            "attendees_added",
        )
        is_changed = any(answer.get(change) for change in changes)
        self.changes[revision] += is_changed
        if "tickets_unchanged" in answer:
            named = frozenset(ticket["ticket_id"] for ticket in answer["tickets"])
            self._acknowledge_tickets(step, revision, named)
        elif rpc == "amend_registration" and not is_repeated:
            # a payment without a change is that of a call that got no reply, some time ago
            is_told = answer["payment_id"] is None or is_changed
            self._acknowledge_tickets(step, revision, None, is_told=is_told)
        if "total" in answer:
            self.total = Decimal(str(answer["total"]))
        if answer.get("status") in {"completed", "cancelled"}:
            self.statuses.add(answer["status"])
            if "refund_due" in answer:
                due = Decimal(str(answer["refund_due"]))
                self.refunds_due.setdefault(revision, set()).add(due)
        if answer.get("confirmation_number"):
            self.confirmation_numbers.add(answer["confirmation_number"])

    def _acknowledge_tickets(
        self, step: Step, revision: int, named: frozenset[str] | None, *, is_told: bool = True
    ) -> None:
        for number, chosen in step.chosen.items():
            size = _size(chosen) if is_told else None
            self.hold([number], Holding(revision, named, size))

    def hold(self, numbers: Iterable[int], holding: Holding) -> None:
        """Write down what attendees hold, unless more is known already.

        Args:
            numbers: Which attendees.
            holding: What was said of them.
        """
        for number in numbers:
            holdings = self.tickets[number]
            if holdings and holding.revision < holdings[0].revision:
                continue
            if holdings and holding.revision > holdings[0].revision:
                holdings.clear()
            holdings.append(holding)

    def say(self, fact: str, revision: int, value: object) -> None:
        """Write down a fact, unless something later is known.

        Args:
            fact: Its name.
            revision: As of which revision.
            value: What was said.
        """
        before, said = self.facts.get(fact, (0, set()))
        if revision >= before:
            self.facts[fact] = revision, {str(value)} | (said if revision == before else set())

    def compare(self, registration: str, stored: Stored) -> Iterator[str]:
        """Yield every difference from what is stored of the registration.

        Args:
            registration: Its id.
            stored: What is stored.
        """
        if self.revisions and max(self.revisions) > stored.revision:
            yield f"of revision {max(self.revisions)} only {stored.revision} is stored"
        missing = set(range(1, stored.revision + 1)) - self.revisions
        if len(missing) > self.unknown:
            yield f"no call made the revisions {sorted(missing)} of {stored.revision}"
        for revision, times in self.changes.items():
            if times > 1:
                yield f"revision {revision} was made {times} times"
        for number, holdings in self.tickets.items():
            owner = attendee_of(registration, number)
            held = {ticket for holder, ticket in stored.tickets if holder == owner}
            for holding in holdings:
                # a call without a reply may have changed them since
                is_certain = max(missing, default=0) < holding.revision
                named = held if holding.tickets is None else holding.tickets
                size = len(held) if holding.size is None else holding.size
                if is_certain and not (held <= named and len(held) == size):
                    yield f"attendee {number} holds {held}, not {holding}"
        if "cancelled" in self.statuses and stored.status != "cancelled":
            yield f"was cancelled and is {stored.status}"
        if "completed" in self.statuses and stored.status not in {"completed", "cancelled"}:
            yield f"was completed and is {stored.status}"
        yield from self._compare_facts(stored, max(missing, default=0))
        yield from self._compare_payments(stored)

    def _compare_facts(self, stored: Stored, unknown: int) -> Iterator[str]:
        for fact, (revision, said) in self.facts.items():
            # the holder of a ticket goes with it
            is_certain = unknown < revision and fact in stored.facts
            if is_certain and said != {stored.facts[fact]}:
                yield f"{fact} was {said} in revision {revision}, and is {stored.facts[fact]}"
        for revision, due in self.refunds_due.items():
            is_last = revision == stored.revision
            if len(due | ({stored.refund_due} if is_last else set())) > 1:
                yield f"of revision {revision} were due back {due}, and now {stored.refund_due}"

    def _compare_payments(self, stored: Stored) -> Iterator[str]:
        if self.confirmation_numbers - {stored.confirmation_number}:
            yield f"{self.confirmation_numbers} became {stored.confirmation_number}"
        if len([entry for entry, _, _ in stored.payments if entry.startswith("payment ")]) > 1:
            yield f"was paid more than once: {stored.payments}"
        entries = {reference: (kind, Decimal(paid)) for reference, kind, paid in stored.payments}
        if not self.payments.items() <= entries.items():
            yield f"of {self.payments} only {entries} are stored"
        if not entries.items() <= self.payments.items() | self.possible_payments.items():
            yield f"no call made all of {entries}"


class Ledger:
    """What all sessions were told, and every fault that they met."""

    def __init__(self) -> None:
        """Start empty."""
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.faults: list[str] = []
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}

    @contextmanager
    def changing(self, registration: str) -> Iterator[Record]:
        """Yield the record of a registration, which is ours meanwhile."""
        with self._lock:
            yield self._records.setdefault(registration, Record())

    def registrations(self) -> list[str]:
        """Return the registrations that any call has dealt with."""
        return list(self._records)

    def count(self, rpc: str, outcome: str) -> None:
        """Count what a call came to."""
        with self._lock:
            self.outcomes[rpc, outcome] += 1

    def fault(self, message: str) -> None:
        """Note something that must not be."""
        with self._lock:
            self.faults.append(message)

    def total(self, outcome: str) -> int:
        """Return how many calls came to something, whatever the RPC."""
        return sum(number for (_, key), number in self.outcomes.items() if key == outcome)


# --- Sessions


class LostConnectionError(Exception):
    """The connection went away; whether during COMMIT is the argument."""

    def __init__(self, *, at_commit: bool) -> None:
        """Remember whether the call may have been committed."""
        super().__init__(at_commit)
        self.at_commit = at_commit


class Session:
    """A session: its connection, its isolation level, what it does."""

    def __init__(self, url: str, ledger: Ledger, isolation: IsolationLevel) -> None:
        """Connect.

        Args:
            url: The database.
            ledger: Where everything is written down.
            isolation: Of its transactions.
        """
        self._url = url
        self._ledger = ledger
        self._isolation = isolation
        self._connection = self._connect()

    @property
    def pid(self) -> int:
        """The server process of its present connection."""
        return self._connection.info.backend_pid

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def take(self, step: Step, others: list["Session"]) -> None:
        """Do what a step says; what it comes to goes into the ledger.

        Args:
            step: What to do.
            others: Those of which a step of the kind "kill" chooses one.
        """
        actions: Mapping[str, Callable[[Step], object]] = {
            "create": self._create,
            "persist": self._persist,
            "start": self._start,
            "pay": self._start_and_pay,
            "pay at once": self._pay_at_once,
            "cancel": self._cancel,
            "amend": self._amend,
            "cancel tickets": self._cancel_tickets,
            "refund": self._refund,
            "adjust": self._adjust,
            "update": self._update_attendee,
            "assign": self._assign,
            "transfer": self._transfer,
            "extend": self._extend,
            "expire": self._expire,
            "release": self._release,
            "import": self._import,
            "repair": self._repair,
            "read": self._read,
        }
        if step.kind == "kill":
            self._kill(others[step.number % len(others)])
        else:
            actions[step.kind](step)

    # What steps say

    def _create(self, step: Step) -> None:
        answer = self._call(
            "create_individual_registration_with_tickets",
            step,
            p_registration_data=booking(step.registration, attendees=ATTENDEES),
            **ticket_arguments(step.registration, step.chosen),
        )
        for number in range(ATTENDEES):
            self._say(step, f"name of {attendee_of(step.registration, number)}", answer, "Guest")

    def _persist(self, step: Step) -> None:
        arguments: dict[str, object] = {"p_registration_id": step.registration}
        if step.by_tickets:
            arguments |= ticket_arguments(step.registration, step.chosen)
        else:
            arguments["p_selections"] = {
                attendee_of(step.registration, number): chosen
                for number, chosen in step.chosen.items()
            }
        with self._ledger.changing(step.registration) as record:
            if step.is_careful and record.revisions:
                arguments["p_expected_revision"] = max(record.revisions)
        self._call(
            "persist_attendee_tickets" if step.by_tickets else "persist_ticket_selections",
            step,
            **arguments,
        )

    def _start(self, step: Step) -> Document | None:
        return self._call("start_payment", step, p_registration_id=step.registration)

    def _start_and_pay(self, step: Step) -> None:
        answer = self._start(step)
        if answer is not None:
            self._pay(step, Decimal(str(answer["amount_due"])))

    def _pay_at_once(self, step: Step) -> None:
        with self._ledger.changing(step.registration) as record:
            total = record.total
        self._pay(step, total)

    def _pay(self, step: Step, due: Decimal) -> None:
        if due:  # else it has been completed, or nothing is known of it
            self._call(
                "complete_registration_payment",
                step,
                p_registration_id=step.registration,
                p_payment=payment(str(due), f"payment {step.registration} {step.number % 2}"),
            )

    def _cancel(self, step: Step) -> None:
        self._call("cancel_registration", step, p_registration_id=step.registration)

    def _amend(self, step: Step) -> None:
        """Quote and amend: with the payment that it takes, unless the owner calls."""
        self._pay_before(step)
        selections = {
            attendee_of(step.registration, number): chosen for number, chosen in step.chosen.items()
        }
        quote = self._call(
            "quote_ticket_selections",
            step,
            p_function_id=FUNCTION,
            p_selections=selections,
            p_registration_id=step.registration,
        )
        if quote is None:
            return
        arguments: dict[str, object] = {
            "p_registration_id": step.registration,
            "p_selections": selections,
        }
        if quote["amount_due"] and not step.as_owner:
            # some of them for several registrations of the round: one gets it
            subject = step.registration if step.number % 5 else step.registration[:-1]
            reference = f"change {subject} {step.number % 7}"
            arguments["p_payment"] = payment(str(quote["amount_due"]), reference)
        with self._ledger.changing(step.registration) as record:
            if step.is_careful and record.revisions:
                arguments["p_expected_revision"] = max(record.revisions)
        answer = self._call("amend_registration", step, **arguments)
        if answer is not None and "p_payment" in arguments and step.number % 3 == 0:
            # as if the reply had been lost: whatever has happened since, it must be answered
            again = self._call("amend_registration", step, **arguments)
            if again is None or again["payment_id"] != answer["payment_id"]:
                self._ledger.fault(f"{arguments} got {answer}, and then {again}")

    def _pay_before(self, step: Step) -> None:
        """Pay, mostly, where this has not been done: only what is paid can be amended."""
        if step.number % 4 and not self._statuses(step):
            everyone = {number: SELECTIONS[1 + number] for number in range(ATTENDEES)}
            self._persist(replace(step, chosen=everyone))
            self._start_and_pay(step)

    def _statuses(self, step: Step) -> set[str]:
        """Return the final statuses that are known of a registration."""
        with self._ledger.changing(step.registration) as record:
            return set(record.statuses)

    def _cancel_tickets(self, step: Step) -> None:
        """Cancel a ticket, or all packages of a kind that an attendee holds."""
        self._pay_before(step)
        seen = self._call("get_registration", step, p_registration_id=step.registration)
        if seen is None:
            return
        # a registration that is not paid has none that may be cancelled, and is refused
        tickets = [ticket for ticket in seen["tickets"] if ticket["status"] == "Active"]
        if not tickets:
            return
        kinds = sorted(
            {
                (
                    ticket["client_attendee_id"],
                    ticket["package_id"] or "",
                    "" if ticket["package_id"] else ticket["ticket_id"],
                )
                for ticket in tickets
            }
        )
        attendee, package, single = kinds[step.number % len(kinds)]

        def is_of(ticket: Document) -> bool:
            return (
                ticket["ticket_id"] == single
                if single
                else (ticket["client_attendee_id"], ticket["package_id"]) == (attendee, package)
            )

        answer = self._call(
            "cancel_tickets",
            step,
            p_registration_id=step.registration,
            p_ticket_ids=[ticket["ticket_id"] for ticket in tickets if is_of(ticket)],
            p_expected_revision=seen["revision"],
        )
        if answer is not None and answer["tickets_cancelled"]:
            kept = frozenset(
                ticket["ticket_id"]
                for ticket in tickets
                if ticket["client_attendee_id"] == attendee and not is_of(ticket)
            )
            with self._ledger.changing(step.registration) as record:
                record.hold(
                    [
                        number
                        for number in range(ATTENDEES)
                        if attendee == attendee_of(step.registration, number)
                    ],
                    Holding(answer["revision"], kept, len(kept)),
                )

    def _refund(self, step: Step) -> None:
        """Give back what is due back, or half of it, perhaps of all that was paid."""
        if step.number % 2 and "completed" in self._statuses(step):
            self._cancel(step)
        seen = self._call("get_registration", step, p_registration_id=step.registration)
        if seen is None or not seen["refund_due"]:
            return
        due = Decimal(str(seen["refund_due"]))
        amount = due if step.number % 3 else (due / 2).quantize(Decimal("0.01"))
        self._call(
            "record_refund",
            step,
            p_registration_id=step.registration,
            p_refund=payment(str(amount), f"refund {step.registration} {step.number % 5}"),
        )

    def _adjust(self, step: Step) -> None:
        amount = ("-20.00", "-5.50", "0.00", "3.00")[step.number % 4]
        answer = self._call(
            "adjust_registration",
            step,
            p_registration_id=step.registration,
            p_adjustment=Decimal(amount),
            p_reason="because",
        )
        self._say(step, "adjustment", answer, amount)

    def _update_attendee(self, step: Step) -> None:
        attendee = attendee_of(step.registration, step.number % ATTENDEES)
        name = f"Guest {step.number}"
        answer = self._call(
            "update_attendees",
            step,
            p_registration_id=step.registration,
            p_attendees=[{"attendeeId": attendee, "attendeeType": "guest", "firstName": name}],
        )
        self._say(step, f"name of {attendee}", answer, name)

    def _assign(self, step: Step) -> None:
        seen = self._call("get_registration", step, p_registration_id=step.registration)
        if seen is None or not seen["tickets"]:
            return
        ticket = seen["tickets"][step.number % len(seen["tickets"])]["ticket_id"]
        name = f"Holder {step.number}"
        answer = self._call(
            "assign_tickets",
            step,
            p_registration_id=step.registration,
            p_holders=[{"ticket_id": ticket, "holder": {"firstName": name, "lastName": "Lind"}}],
        )
        self._say(step, f"holder of {ticket}", answer, name)

    def _transfer(self, step: Step) -> None:
        """Give it to a stranger, or back; from now on its owner may not find it."""
        with self._ledger.changing(step.registration) as record:
            record.is_transferred = True
        new_owner = (OWNER, OWNER, STRANGER)[step.number % 3]
        answer = self._call(
            "transfer_registration",
            step,
            p_registration_id=step.registration,
            p_new_owner_id=new_owner,
        )
        self._say(step, "owner", answer, new_owner)

    def _extend(self, step: Step) -> None:
        self._call("extend_hold", step, p_registration_id=step.registration, p_until=LATER)

    def _say(self, step: Step, fact: str, answer: Document | None, value: str) -> None:
        if answer is not None:
            with self._ledger.changing(step.registration) as record:
                record.say(fact, answer["revision"], value)

    def _expire(self, step: Step) -> None:
        self._as_superuser(lambda connection: let_lapse(connection, step.registration))

    def _release(self, step: Step) -> None:
        self._call("release_expired_holds", step, p_limit=1 + step.number % 5)

    def _import(self, step: Step) -> None:
        self._call_at_read_committed("import_catalogue", step, p_catalogue=step.document)

    def _repair(self, step: Step) -> None:
        self._call_at_read_committed("repair_capacity", step)

    def _read(self, step: Step) -> None:
        self._call("get_registration", step, p_registration_id=step.registration)
        self._call("get_ticket_availability", step, p_function_id=FUNCTION)

    def _kill(self, victim: "Session") -> None:
        if victim is not self:
            self._as_superuser(
                lambda connection: connection.execute(
                    "SELECT pg_terminate_backend(%s)", [victim.pid]
                )
            )

    # Calling

    def _call_at_read_committed(self, rpc: LiteralString, step: Step, **arguments: object) -> None:
        """Call what refuses any other isolation level."""
        usual, self._isolation = self._isolation, IsolationLevel.READ_COMMITTED
        self._call(rpc, step, **arguments)
        self._isolation = usual

    def _call(self, rpc: LiteralString, step: Step, **arguments: object) -> Document | None:
        """Call until there is an answer or a refusal; the answer is None when there was none."""
        user = OWNER if step.as_owner and rpc not in FOR_THE_SERVICE else None
        with self._ledger.changing(step.registration) as record:
            known = record.is_created
        for _ in range(RETRIES):
            try:
                answer = self._attempt(rpc, user, arguments)
            except LostConnectionError as lost:
                self._ledger.count(rpc, "lost at commit" if lost.at_commit else "lost")
                if lost.at_commit and rpc not in READING:
                    with self._ledger.changing(step.registration) as record:
                        record.unknown += 1
                        record.possible_payments.update(_payments_in(arguments))
                self._connection = self._connect()
            except psycopg.Error as error:
                if not self._is_to_be_repeated(rpc, error):
                    self._judge(rpc, step, error, is_known=known)
                    return None
                time.sleep(random.uniform(0, 0.02))  # noqa: S311 - so that rivals do not meet again
            else:
                self._ledger.count(rpc, "success")
                if "revision" in answer:
                    with self._ledger.changing(step.registration) as record:
                        payments = dict(_payments_in(arguments))
                        is_repeated = bool(payments) and payments.items() <= record.payments.items()
                        record.acknowledge(rpc, step, answer, is_repeated=is_repeated)
                        record.payments.update(payments)
                return answer
        self._ledger.count(rpc, "gave up")
        return None

    def _attempt(
        self, rpc: LiteralString, user: str | None, arguments: Mapping[str, object]
    ) -> Document:
        caller = (
            Caller(self._connection, "authenticated", user) if user else service(self._connection)
        )
        at_commit = False
        try:
            self._connection.isolation_level = self._isolation
            with self._connection.transaction():
                answer = caller.call(rpc, **arguments)
                at_commit = True
        except psycopg.OperationalError as error:
            if self._is_lost(error):
                raise LostConnectionError(at_commit=at_commit) from error
            raise
        return answer

    def _as_superuser(self, action: Callable[[psycopg.Connection[Any]], object]) -> None:
        """Do something that is no call; it may come to nothing."""
        try:
            action(self._connection)
        except psycopg.OperationalError as error:
            if not self._is_lost(error):
                raise
            self._connection = self._connect()

    def _is_lost(self, error: psycopg.OperationalError) -> bool:
        """Tell whether the connection is gone; 57P01 and the like announce it."""
        return self._connection.closed or (error.sqlstate or "").startswith("57P")

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self._url, autocommit=True, options="-c lock_timeout=60s -c statement_timeout=60s"
        )

    def _is_to_be_repeated(self, rpc: LiteralString, error: psycopg.Error) -> bool:
        if error.sqlstate == "55P03" and rpc in {"import_catalogue", "repair_capacity"}:
            self._ledger.count(rpc, "lock timeout")
            return True
        if error.sqlstate != "40001":
            return False
        if error.diag.message_primary == CHANGING_HANDS:
            self._ledger.count(rpc, "changing hands")
        elif self._isolation == IsolationLevel.READ_COMMITTED:
            self._ledger.fault(f"{rpc} at READ COMMITTED: {error}")
        else:
            self._ledger.count(rpc, "serialization")
        return True

    def _judge(
        self, rpc: LiteralString, step: Step, error: psycopg.Error, *, is_known: bool
    ) -> None:
        """Decide whether a refusal is one that may be."""
        state = error.sqlstate or "none"
        self._ledger.count(rpc, state)
        if state not in ALLOWED[rpc]:
            self._ledger.fault(f"{rpc} of {step}: {state} {error.diag.message_primary}")
            return
        for issue in refused(error).issues:
            if issue["code"] not in ALLOWED[rpc][state]:
                self._ledger.fault(f"{rpc} of {step}: {issue}")
            if issue["code"] == "sold_out" and issue["available"] >= issue["requested"]:
                self._ledger.fault(
                    f"{rpc} of {step} was refused in spite of capacity left: {issue}"
                )
        with self._ledger.changing(step.registration) as record:
            # as the service, a create is for an owner, too
            is_lost = record.is_transferred and (step.as_owner or rpc.startswith("create_"))
        if state == "TK002" and is_known and not is_lost:
            self._ledger.fault(f"{rpc} does not find {step.registration}, which was acknowledged")


def _size(chosen: Document) -> int:
    """Return how many tickets a selection amounts to."""
    size = sum(
        line["quantity"] * sum(CONTENTS[line["packageId"]].values()) for line in chosen["packages"]
    )
    return int(size + sum(line["quantity"] for line in chosen["individualTickets"]))


def _payments_in(arguments: Mapping[str, object]) -> Iterator[tuple[str, tuple[str, Decimal]]]:
    """Yield what a call would record: reference, kind and amount."""
    for argument, kind in (("p_payment", "payment"), ("p_refund", "refund")):
        document = arguments.get(argument)
        if isinstance(document, dict):
            yield str(document["reference"]), (kind, Decimal(document["amount"]))


# --- The history


def _is_crowded(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether some pool has allotments."""
    query = "SELECT FROM ticketing_internal.capacity_allotments LIMIT 1"
    return connection.execute(query).rowcount == 1


OVERFULL: LiteralString = """
WITH held AS (
    SELECT ticket.*
    FROM ticketing.tickets AS ticket
    JOIN ticketing.registrations AS registration USING (function_id, registration_id)
    WHERE ticket.status = 'Active' AND registration.status IN ('draft', 'pending', 'completed')
)
SELECT pool.name, pool.capacity, taken.units
FROM ticketing.capacity_pools AS pool
CROSS JOIN LATERAL (
    SELECT (
        SELECT count(*)
        FROM held
        JOIN ticketing.ticket_type_pools AS membership USING (function_id, ticket_type_id)
        WHERE membership.capacity_pool_id = pool.capacity_pool_id
    ) + (
        SELECT count(DISTINCT (held.attendee_id, held.package_id, held.package_number))
        FROM held
        JOIN ticketing.package_pools AS membership USING (function_id, package_id)
        WHERE membership.capacity_pool_id = pool.capacity_pool_id
    ) AS units
) AS taken
WHERE taken.units > pool.capacity
"""
"""The pools with more tickets than capacity, counted without the counters."""

STORED: LiteralString = """
WITH cancelled AS (
    SELECT
        change.ticket_id,
        registration.status <> 'cancelled' OR change.revision < max(change.revision) OVER (
            PARTITION BY change.registration_id
        ) AS is_gone
    FROM ticketing.ticket_changes AS change
    JOIN ticketing.registrations AS registration USING (function_id, registration_id)
    WHERE change.change = 'cancelled' AND registration.registration_id = ANY(%(registrations)s)
)
SELECT
    registration.registration_id::text,
    registration.revision,
    registration.status,
    registration.confirmation_number,
    ARRAY(
        SELECT ARRAY[attendee.client_attendee_id::text, ticket.ticket_id::text]
        FROM ticketing.tickets AS ticket
        JOIN ticketing.attendees AS attendee USING (function_id, attendee_id)
        WHERE ticket.registration_id = registration.registration_id
            AND ticket.ticket_id NOT IN (
                SELECT cancelled.ticket_id FROM cancelled WHERE cancelled.is_gone
            )
    ),
    ARRAY(
        SELECT ARRAY[payment.reference, payment.kind, payment.amount::text]
        FROM ticketing.payments AS payment
        WHERE payment.registration_id = registration.registration_id
    ),
    (ticketing_internal.read_ledger(registration)).refund_due,
    jsonb_build_object('owner', registration.owner_id, 'adjustment', registration.adjustment::text)
    || (
        SELECT jsonb_object_agg('name of ' || attendee.client_attendee_id, attendee.first_name)
        FROM ticketing.attendees AS attendee
        WHERE attendee.registration_id = registration.registration_id
    )
    || (
        SELECT coalesce(jsonb_object_agg('holder of ' || holder.ticket_id, holder.first_name), '{}')
        FROM ticketing.ticket_holders AS holder
        WHERE holder.registration_id = registration.registration_id
    )
FROM ticketing.registrations AS registration
WHERE registration.registration_id = ANY(%(registrations)s)
"""


class Feed:
    """A reader of the change feed, which goes on from its cursor."""

    def __init__(self) -> None:
        """Begin at the beginning."""
        self.changes: list[int] = []
        self._cursor: str | None = None

    def read(self, connection: psycopg.Connection[Any]) -> None:
        """Read what is new, page by page."""
        while True:
            row = connection.execute(
                "SELECT ticketing.get_ticket_changes(%s, 97)", [self._cursor]
            ).fetchone()
            assert row is not None
            if not row[0]["changes"]:
                return
            self.changes += [change["change_id"] for change in row[0]["changes"]]
            self._cursor = row[0]["cursor"]


class History:
    """A history on a migrated database, which must hold nothing else."""

    def __init__(self, url: str, seed: int, sessions: int = SESSIONS) -> None:
        """Prepare; nothing is connected yet.

        Args:
            url: The database.
            seed: What all decisions follow from. With an odd one, small pools have allotments too.
            sessions: How many there are, beside those that send requests a second time.
        """
        self.ledger = Ledger()
        self.rounds = 0
        self.was_crowded = False
        self._url = url
        self._seed = seed
        self._sessions = sessions

    def run(self, seconds: float) -> list[str]:
        """Run rounds until the time is over, at least one.

        With an odd seed small pools can have allotments, but only once sessions meet there, which
        a busy machine prevents: then it goes on until they have, up to four times as long.

        Args:
            seconds: How long.

        Returns:
            Every fault found, most telling first.

        Raises:
            psycopg.OperationalError: When the server is gone.
        """
        start = time.monotonic()
        over = threading.Event()
        feed = Feed()
        with (
            psycopg.connect(self._url, autocommit=True) as connection,
            ThreadPoolExecutor(2 * self._sessions + 1) as threads,
            closing(_Crew(self._url, self.ledger, self._sessions)) as crew,
        ):
            crew.opening()
            if self._seed % 2:
                allow_allotments_of_small_pools(connection)
            watching = threads.submit(self._watch, feed, over)
            try:
                while not self.ledger.faults and (
                    self.rounds == 0 or time.monotonic() - start < seconds * self._patience
                ):
                    crew.round(threads, self._seed, self.rounds)
                    self.rounds += 1
                    self.verify(connection, registrations_of(self.rounds - 1))
                    self._check(connection)
                    if self.rounds > 1:
                        crew.clear(registrations_of(self.rounds - 2))
            finally:
                over.set()
            watching.result()
            self.verify(connection, self.ledger.registrations())
            self._check(connection)
            self._check_feed(connection, feed)
        return self.ledger.faults

    @property
    def _patience(self) -> int:
        return 4 if self._seed % 2 and not self.was_crowded else 1

    def verify(self, connection: psycopg.Connection[Any], registrations: list[str]) -> None:
        """Compare what is stored of registrations with the ledger; all sessions must be at rest.

        Args:
            connection: The superuser's.
            registrations: Their ids.
        """
        rows = connection.execute(STORED, {"registrations": registrations})
        stored = {row[0]: Stored(*row[1:]) for row in rows}
        for registration in registrations:
            with self.ledger.changing(registration) as record:
                faults = (
                    list(record.compare(registration, stored[registration]))
                    if registration in stored
                    else ["was acknowledged and is not there"] * record.is_created
                )
            for fault in faults:
                self.ledger.fault(f"{registration}: {fault}")

    def _check(self, connection: psycopg.Connection[Any]) -> None:
        """Look for what is wrong in the database itself."""
        for row in connection.execute("SELECT * FROM ticketing.check_integrity()"):
            self.ledger.fault(f"check_integrity: {row}")
        for row in connection.execute(OVERFULL):
            self.ledger.fault(f"over capacity: {row}")
        row = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        if row != (0,):
            self.ledger.fault(f"deadlocks: {row}")
        # an import puts everything back, so it is asked often
        self.was_crowded = self.was_crowded or _is_crowded(connection)

    def _check_feed(self, connection: psycopg.Connection[Any], feed: Feed) -> None:
        """See whether the reader has seen every change once and in order."""
        feed.read(connection)
        changes = connection.execute(
            """
            SELECT change_id FROM ticketing.ticket_changes
            ORDER BY epoch, transaction_id, change_id
            """
        ).fetchall()
        if [(change,) for change in feed.changes] != changes:
            self.ledger.fault(
                f"the feed showed {len(feed.changes)} changes, {len(set(feed.changes))} of them "
                f"different, and {len(changes)} are stored"
            )

    def _watch(self, feed: Feed, over: threading.Event) -> None:
        """Check again and again while the sessions are at work, a tenth of the time at most."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            pause = 0.0
            while not over.wait(pause) and not self.ledger.faults:
                began = time.monotonic()
                self._check(connection)
                feed.read(connection)
                pause = 9 * (time.monotonic() - began)


class _Crew:
    """All sessions of a history, and the twins that send their requests a second time."""

    def __init__(self, url: str, ledger: Ledger, size: int) -> None:
        levels = [ISOLATION[number % len(ISOLATION)] for number in range(size)]
        self._leads = [Session(url, ledger, level) for level in levels]
        # few, because a connection's first calls are slow
        self._twins = [Session(url, ledger, level) for level in levels[: max(1, size // 4)]]
        self._turns = [threading.Lock() for _ in self._twins]

    def close(self) -> None:
        for session in (*self._leads, *self._twins):
            session.close()

    def opening(self) -> None:
        """Put something on sale."""
        document = _changeable(
            catalogue({HALL: 16, SEAT: 8, BOAT: 6, DAY: 4, SHARED: 12}, shared=[STAND, BOAT]),
            changes_until=LATER,
            refunds_until=LATER,
        )
        self._leads[0].take(Step("import", uid(0), document=document), [])

    def round(self, threads: ThreadPoolExecutor, seed: int, number: int) -> None:
        """Let every session take its steps of a round, and wait for all."""
        runs = [
            threads.submit(self._steps, threads, position, steps(seed, number, position))
            for position in range(len(self._leads))
        ]
        for run in runs:
            run.result()

    def clear(self, registrations: list[str]) -> None:
        """Cancel registrations, so that others find capacity."""
        for registration in registrations:
            self._leads[0].take(Step("cancel", registration), [])

    def _steps(self, threads: ThreadPoolExecutor, position: int, taken: Iterator[Step]) -> None:
        sessions = [*self._leads, *self._twins]
        for step in taken:
            again = threads.submit(self._repeat, position, step) if step.is_doubled else None
            self._leads[position].take(step, sessions)
            if again is not None:
                again.result()

    def _repeat(self, position: int, step: Step) -> None:
        twin = position % len(self._twins)
        with self._turns[twin]:
            self._twins[twin].take(step, [self._leads[position]])


# --- The long run


def main() -> None:
    """Run a history on a server of its own, say what came of it, and fail when anything did."""
    parser = argparse.ArgumentParser(description="Run a randomised history of many sessions.")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))  # noqa: S311
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    arguments = parser.parse_args()
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of every connection killed
    print(f"seed {arguments.seed}, {arguments.sessions} sessions", flush=True)  # noqa: T201
    with run_server(settings={"fsync": "off", "max_connections": "200"}) as server:
        migrate(server.url())
        history = History(server.url(), arguments.seed, arguments.sessions)
        faults = history.run(arguments.seconds)
    print(report(history))  # noqa: T201
    if faults:
        raise SystemExit("\n".join([f"seed {arguments.seed}: {len(faults)} faults", *faults[:20]]))
    print("no fault: all that was acknowledged is stored, once, and all adds up")  # noqa: T201


def report(history: History) -> str:
    """Return a table of what calls came to.

    Args:
        history: One that has run.

    Returns:
        A line for each RPC.
    """
    outcomes = history.ledger.outcomes
    crowded = ", pools with allotments" if history.was_crowded else ""
    lines = [f"{history.rounds} rounds, {sum(outcomes.values())} attempts{crowded}"]
    for rpc in sorted({rpc for rpc, _ in outcomes}):
        results = sorted((key, n) for (name, key), n in outcomes.items() if name == rpc)
        lines.append(f"  {rpc}: " + ", ".join(f"{key} {number}" for key, number in results))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
