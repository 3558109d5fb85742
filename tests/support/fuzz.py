"""Random requests to every RPC, and what must hold for all of them.

    python -m tests.support.fuzz --examples 5000 --seed 7

A request is a working call whose arguments have been changed at random (a value replaced, left out,
repeated, wrapped, moved), or one made up from scratch, sent by any role. In every case:

- a refusal has a documented SQLSTATE, names the arguments it is about, and has written nothing;
- any other error came before the call began, from a value that is not even of the argument's type;
- what succeeds leaves nothing for check_integrity() to find, and has made the tickets that it was
  given; what reads has written nothing.
"""

import argparse
import random
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.support.caller import Connection
from tests.support.example import ABSENT, Document
from tests.support.personas import MANAGER, PERSONAS, SERVICE, USER, VISITOR
from tests.support.postgrest import Person, PostgREST, Reply
from tests.support.requests import working_calls
from tests.support.stage import (
    CANCELLED,
    DRAFT,
    LAPSED,
    PAID,
    REGISTRATION,
    STRANGERS,
    Digest,
    set_stage,
)
from tests.support.stored import attendee_ids

from ticketing_client.embedded import run_server
from ticketing_client.migrate import migrate

# The service may call everything, so most of what happens happens to it.
SENDERS = (
    *[SERVICE] * 7,
    *[USER] * 3,
    *[MANAGER] * 2,
    PERSONAS["stranger"],
    PERSONAS["user without claims"],
    VISITOR,
)

ODD: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    1001,
    2**31,
    2**63,
    10**300,
    -(10**300),
    0.001,
    1e308,
    5e-324,
    -0.0,
    9999999999.99,
    "",
    " ",
    "0",
    "-1",
    "1.",
    "1.005",
    "9999999999.99",
    "1" + "0" * 20,
    "1." + "0" * 20_000,
    "1e400",
    "NaN",
    "Infinity",
    "-infinity",
    "now",
    "infinity",
    "2025-01-01",
    "2025-02-30T00:00:00Z",
    "2025-01-01T00:00:00Z",
    "9999-12-31T23:59:59+00:00",
    "2025-01-01T00:00:00+99:99",
    "$.a",
    "a.b[0]",
    "'; DROP TABLE ticketing.tickets; --",
    "%s %I %n$s",
    "\\",
    "\u202e\U0001f600\u0301",
    "x" * 3_000,
    ABSENT,
    "{" + ABSENT + "}",
    ABSENT.upper(),
    ABSENT.replace("-", ""),
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": {}},
    {"operator": "XOR", "rules": [{}]},
    {"operator": "OR", "rules": [{"type": "rank", "operator": "in", "value": ["GL"]}]},
    ["GL"] * 600,
)

Step: TypeAlias = tuple[list[str | int], Any]


@dataclass(frozen=True)
class Request:
    """A request and its sender.

    Attributes:
        person: The sender.
        rpc: The RPC.
        body: The arguments.
    """

    person: Person
    rpc: str
    body: Document


def paths_of(document: Any) -> list[list[str | int]]:  # noqa: ANN401 - JSON
    """Return the path to every value inside of a JSON document, outer ones first."""
    found: list[list[str | int]] = []
    waiting: list[Step] = [([], document)]
    while waiting:
        path, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += [([*path, key], inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [([*path, number], inner) for number, inner in enumerate(value)]
        if path:
            found.append(path)
    return found


def at(document: Any, path: list[str | int]) -> Any:  # noqa: ANN401 - JSON
    """Return the value at a path."""
    for step in path:
        document = document[step]
    return document


class Requests:
    """Makes requests out of calls that work."""

    def __init__(self, calls: dict[str, Document], ids: list[str]) -> None:
        """Take what they are made of.

        Args:
            calls: A working call of every RPC.
            ids: Ids of what is there.
        """
        self._calls = calls
        # NUL is not even JSON to PostgreSQL, and has a test of its own
        text = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=30)
        scalars = (
            st.sampled_from(ODD)
            | st.sampled_from(ids)
            | st.integers(-(2**70), 2**70)
            | st.floats(allow_nan=False, allow_infinity=False)
            | text
        )
        self._values = scalars | st.recursive(
            scalars,
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.sampled_from(self._keys()) | text, inner, max_size=4)
            ),
            max_leaves=12,
        )

    def _keys(self) -> list[str]:
        """Return every key in the working calls."""
        paths = [path for call in self._calls.values() for path in paths_of(call)]
        return sorted({str(path[-1]) for path in paths if isinstance(path[-1], str)})

    def shares(self, examples: int) -> dict[str, int]:
        """Divide a number of examples among the RPCs: more for those that take documents."""
        weights = {
            rpc: 4 if any(len(path) > 1 for path in paths_of(call)) else 1
            for rpc, call in self._calls.items()
        }
        return {
            rpc: max(1, examples * weight // sum(weights.values()))
            for rpc, weight in weights.items()
        }

    def strategy(self, rpc: str) -> st.SearchStrategy[Request]:
        """Return the strategy that draws requests to an RPC."""
        changed = self._changed(rpc)
        return st.one_of(changed, changed, changed, self._made_up(rpc))

    def _changed(self, rpc: str) -> st.SearchStrategy[Request]:
        @st.composite
        def build(draw: st.DrawFn) -> Request:
            body = deepcopy(self._calls[rpc])
            for _ in range(draw(st.integers(1, 3))):
                self._change(draw, body)
            return Request(draw(st.sampled_from(SENDERS)), rpc, body)

        return build()

    def _made_up(self, rpc: str) -> st.SearchStrategy[Request]:
        @st.composite
        def build(draw: st.DrawFn) -> Request:
            drawn = draw(st.fixed_dictionaries(dict.fromkeys(self._calls[rpc], self._values)))
            body = {
                name: self._calls[rpc][name]
                if name.endswith("_id") and draw(st.booleans())
                else value
                for name, value in drawn.items()
            }
            return Request(draw(st.sampled_from(SENDERS)), rpc, body)

        return build()

    def _change(self, draw: st.DrawFn, body: Document) -> None:
        """Change one thing inside of the arguments, seldom one of them as a whole."""
        paths = paths_of(body)
        deeper = [path for path in paths if len(path) > 1]
        is_deep = draw(st.integers(0, 9)) > 0
        if deeper and is_deep:
            paths = deeper
        if not paths:
            return
        path: list[str | int] = draw(st.sampled_from(paths))
        parent: Any = at(body, path[:-1])
        last: Any = path[-1]
        match draw(st.integers(0, 9)):
            case 0 if len(path) > 1:
                del parent[last]
            case 1 if isinstance(parent, list):
                parent.insert(draw(st.integers(0, len(parent))), deepcopy(parent[last]))
            case 2 if isinstance(parent[last], dict):
                key = draw(st.sampled_from(self._keys()) | st.just("unknown"))
                parent[last][key] = deepcopy(draw(self._values))
            case 3:
                parent[last] = [parent[last]]
            case 4:
                parent[last] = deepcopy(at(body, draw(st.sampled_from(paths))))
            case 5 if isinstance(parent[last], (int, float, str)):
                parent[last] = str(parent[last])
            case _:
                parent[last] = deepcopy(draw(self._values))


class Fuzz:
    """Sends requests and judges what comes of them."""

    def __init__(self, db: Connection, calls: dict[str, Document]) -> None:
        """Learn what there is.

        Args:
            db: To the stage. A running transaction is joined.
            calls: A call of every RPC that works there.
        """
        self.calls = calls
        attendees = [
            *attendee_ids(db, REGISTRATION).values(),
            *attendee_ids(db, STRANGERS).values(),
        ]
        ids = [REGISTRATION, STRANGERS, CANCELLED, LAPSED, PAID, DRAFT, *attendees]
        self.requests = Requests(self.calls, ids)
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._db = db
        self.api = PostgREST(db)
        self._digest = Digest(db)
        self._arguments = {each.name: set(each.types) for each in self.api.routines}
        self.writers = {each.name for each in self.api.routines if each.is_volatile}
        self._documented = {
            code
            for (code,) in db.execute("SELECT sqlstate FROM ticketing_internal.error_classes()")
        }
        assert len(self._documented) > 5

    def run(self, examples: int, number: int | None = None) -> None:
        """Send many requests.

        Args:
            examples: How many, about.
            number: The seed to draw them by; without one they are the same every time.

        Raises:
            AssertionError: For one that comes to something that must not be, made as small as it
                goes.
        """

        for rpc, share in self.requests.shares(examples).items():

            @settings(
                max_examples=share,
                deadline=None,
                database=None,
                derandomize=number is None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            )
            @given(self.requests.strategy(rpc))
            def judge(request: Request) -> None:
                self.judge(request)

            (judge if number is None else seed(number)(judge))()

    def judge(self, request: Request) -> None:
        """Send a request and see that it comes to what it may.

        Args:
            request: The request; nothing of it is left afterwards.

        Raises:
            AssertionError: When it does not.
        """
        with self.api.posted(request.person, request.rpc, request.body) as reply:
            self.outcomes[request.rpc, reply.code or "success"] += 1
            if reply.code is None and request.rpc in self.writers:
                found = self._db.execute("SELECT * FROM ticketing.check_integrity()").fetchall()
                assert found == [], (request, found)
                tickets = request.body.get("p_tickets")
                if isinstance(tickets, list):
                    # each attendee named holds exactly the submitted tickets
                    assert len(reply.body["tickets"]) == len(tickets), request
            else:
                assert self._digest.changed() == [], request
            if reply.code in self._documented:
                self._judge_refusal(request, reply)
            elif reply.code not in {None, "PGRST202"}:
                arrival = self.api.arrival(request.rpc, request.body)
                assert reply.code == arrival, (request, reply)

    def _judge_refusal(self, request: Request, reply: Reply) -> None:
        body = reply.body
        if body["message"] == f"permission denied for function {request.rpc}":
            return
        assert body["message"], (request, reply)
        assert body["hint"], (request, reply)
        assert reply.issues, (request, reply)
        # each is about an argument of the call
        about = {path.split(".")[0].split("[")[0] for _, path in reply.issues}
        assert about <= self._arguments[request.rpc], (request, reply)

    def report(self) -> str:
        """Return a table of what requests came to, a line for each RPC."""
        lines = [f"{sum(self.outcomes.values())} requests"]
        for rpc in sorted({rpc for rpc, _ in self.outcomes}):
            results = sorted((code, n) for (name, code), n in self.outcomes.items() if name == rpc)
            lines.append(f"  {rpc}: " + ", ".join(f"{code} {number}" for code, number in results))
        return "\n".join(lines)


def main() -> None:
    """Send requests to a server of their own, and say what came of them."""
    parser = argparse.ArgumentParser(description="Send random requests.")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))  # noqa: S311
    parser.add_argument("--examples", type=int, default=2_000)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.examples} examples", flush=True)  # noqa: T201
    with run_server(settings={"fsync": "off"}) as server:
        migrate(server.url())
        with psycopg.connect(server.url(), autocommit=True) as db:
            set_stage(db)
            fuzz = Fuzz(db, working_calls(db))
            fuzz.run(arguments.examples, arguments.seed)
    print(fuzz.report())  # noqa: T201
    print("no fault: every refusal is a documented one, and what is stored adds up")  # noqa: T201


if __name__ == "__main__":
    main()
