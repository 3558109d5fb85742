"""JavaScript of a page with a stand-in for supabase-js, on the database of `DATABASE_URL`.

The client itself is tested with real requests; here its calls are what the page shows.
"""

import json
import os

import psycopg
import quickjs
from tests.support.postgrest import Person, PostgREST

_STAND_IN = """
const printed = [];
const console = { log: (...values) => printed.push(values.join(" ")) };
const supabase = {
  schema: (schema) => ({
    rpc: async (name, values) => JSON.parse(send(schema, name, JSON.stringify(values))),
  }),
};
"""


def run_javascript(text: str) -> str:
    """Run a block in which `supabase` is a client for visitors.

    Args:
        text: The block; it may await.

    Returns:
        What it has printed with `console.log`.
    """
    context = quickjs.Context()
    context.add_callable("send", _send)
    context.eval(_STAND_IN)
    context.eval(
        "let failed = null;"
        f"(async () => {{ {text} }})().catch((error) => {{ failed = String(error); }})"
    )
    while context.execute_pending_job():
        pass
    assert context.eval("failed") is None, context.eval("failed")
    return str(context.eval('printed.map((line) => line + "\\n").join("")'))


def _send(schema: str, name: str, values: str) -> str:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        reply = PostgREST(connection, schema).post(Person("anon"), name, json.loads(values))
    key, other = ("data", "error") if reply.code is None else ("error", "data")
    return json.dumps({key: reply.body, other: None})
