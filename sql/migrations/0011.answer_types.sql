-- Parts of answers and of stored selections as types of their own, whose attributes are the keys:
-- PostgreSQL makes JSON of an array of rows in half the time that it takes to put together an
-- object for each.

SET LOCAL ROLE ticketing_owner;

CREATE TYPE ticketing_internal.saved_ticket AS (
    ticket_id uuid,
    attendee_id uuid,
    ticket_type_id uuid,
    package_id uuid,
    price_paid numeric
);
COMMENT ON TYPE ticketing_internal.saved_ticket IS
'A ticket as the calls that persist a selection answer it.';

CREATE TYPE ticketing_internal.selected_ticket AS (
    "ticketId" uuid,
    quantity bigint
);
COMMENT ON TYPE ticketing_internal.selected_ticket IS
'So many tickets of a type, as selected_tickets and the packages in it list them.';

CREATE TYPE ticketing_internal.selected_package AS (
    "packageId" uuid,
    quantity bigint,
    tickets ticketing_internal.selected_ticket []
);
COMMENT ON TYPE ticketing_internal.selected_package IS
'So many of a package, as selected_tickets lists them; tickets is what one is made of.';
