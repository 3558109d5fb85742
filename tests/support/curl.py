"""`curl` in the shell of a page: what PostgREST would answer, on the database of `DATABASE_URL`."""

import argparse
import json
import os
import sys
from urllib.parse import urlsplit

import psycopg
from tests.support.postgrest import Person, PostgREST


def main() -> int:
    """Send the request of the command line and print the body of the answer.

    Returns:
        0, the exit code.
    """
    parser = argparse.ArgumentParser(prog="curl")
    parser.add_argument("url")
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--show-error", action="store_true")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--data", required=True)
    request = parser.parse_args()
    headers = dict(header.split(": ") for header in request.header)
    assert headers["Content-Type"] == "application/json"
    head, _, name = urlsplit(request.url).path.rpartition("/")
    assert head.endswith("/rpc")
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        api = PostgREST(connection, headers["Content-Profile"])
        sys.stdout.write(api.post(Person("anon"), name, json.loads(request.data)).text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
