"""What prepares a new connection for its first calls.

PostgreSQL reads its catalogue, compiles functions and plans statements anew for each connection. A
first call therefore takes about ten times as long as a later one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ticketing_client.errors import SelectionInvalid, SoldOut, TransientError

if TYPE_CHECKING:
    from typing import LiteralString

WARM_UP: Final[LiteralString] = """\
SELECT
    ticketing.get_ticket_availability(offer.function_id),
    ticketing.quote_ticket_selections(offer.function_id, '{}'),
    ticketing.create_individual_registration_with_tickets(
        pg_catalog.jsonb_build_object(
            'functionId', offer.function_id, 'registrationType', 'individuals',
            'authUserId', offer.id,
            'primaryAttendee', pg_catalog.jsonb_build_object(
                'attendeeId', offer.id, 'attendeeType', 'guest'
            )
        ),
        pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object(
            'attendee_id', offer.id, 'event_id', offer.event_id,
            'ticket_type_id', offer.ticket_type_id
        ))
    )
FROM (
    SELECT ticket_type.*, pg_catalog.gen_random_uuid() AS id
    FROM ticketing.functions AS function
    INNER JOIN ticketing.ticket_types AS ticket_type
        ON ticket_type.function_id = function.function_id
    WHERE function.status = 'published' AND ticket_type.is_active
    ORDER BY function.starts_at DESC, ticket_type.eligibility -> 'rules' <> '[]'
    LIMIT 1
) AS offer;
"""
"""The calls of a buyer, for the latest published function, to be rolled back.

The creation comes last, so that it keeps capacity locked for the time of the ROLLBACK only.
"""

REFUSALS: Final = (SelectionInvalid, SoldOut, TransientError)
"""What does not matter: a refused call has prepared most of it."""
