"""A stage to call every RPC on, and the way in."""

import pytest
from tests.rpc.calls import Connection, Document

from .postgrest import PostgREST
from .stage import set_stage, working_calls


@pytest.fixture
def calls(db: Connection, catalogue: Document, wizard_state: Document) -> dict[str, Document]:
    """A call of every RPC that works, on a stage that is set for it."""
    set_stage(db, catalogue, wizard_state)
    return working_calls(db, catalogue, wizard_state)


@pytest.fixture
def api(db: Connection) -> PostgREST:
    """PostgREST, before the same database."""
    return PostgREST(db)
