"""What the tests of rules share."""

import pytest
from tests.support.caller import Connection, Document, service
from tests.support.cases import Case, Scene, set_scene
from tests.support.workshop import FUNCTION, IDS, WORKSHOP, Names, create


@pytest.fixture
def db(event_db: Connection) -> Connection:
    """The connection of `event_db`: beside the workshop there is always another function."""
    return event_db


@pytest.fixture
def scene(db: Connection, catalogue: Document, wizard_state: Document, case: Case) -> Scene:
    """The circumstances of a case, ready for its selection."""
    return set_scene(db, catalogue, wizard_state, case)


@pytest.fixture
def workshop(db: Connection, wizard_state: Document) -> Names:
    """Put the workshop on sale and make the registration; return the names of both."""
    names = Names(IDS)
    service(db).call("import_catalogue", p_catalogue=WORKSHOP)
    for attendee in create(db, wizard_state["registration"], FUNCTION)["attendees"]:
        names.also(names.names(attendee["client_attendee_id"]), attendee["attendee_id"])
    return names
