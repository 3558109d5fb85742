-- What the readers of JSON arguments return: typed rows, so that no later step parses JSON again.

CREATE TYPE ticketing_internal.submitted_attendee AS (
    position integer,
    attendee_ref uuid,
    attendee_type text,
    is_partner boolean,
    related_ref uuid,
    title text,
    first_name text,
    last_name text,
    email text,
    phone text,
    attendee_data jsonb
);
COMMENT ON TYPE ticketing_internal.submitted_attendee IS
'One of the wizard''s attendee objects: its position from 0, attendeeId, the attendee it is a partner or guest of
(related_ref), its columns, and the whole object as attendee_data.';

CREATE TYPE ticketing_internal.submitted_registration AS (
    function_id uuid,
    registration_id uuid,
    owner_id uuid,
    registration_type text,
    booking_contact jsonb,
    registration_data jsonb,
    subtotal numeric,
    attendees ticketing_internal.submitted_attendee []
);
COMMENT ON TYPE ticketing_internal.submitted_registration IS
'p_registration_data: registration_id is new if the client gave none, owner_id is authUserId, registration_type is
normalised to its plural, registration_data is the object without its attendees, and the primary attendee is the first
one.';

CREATE TYPE ticketing_internal.submitted_holder AS (
    position integer,
    ticket_id uuid,
    holder jsonb
);
COMMENT ON TYPE ticketing_internal.submitted_holder IS
'One element of p_holders: its position from 0, a ticket, and the person whom it admits (null: its attendee).';

CREATE TYPE ticketing_internal.submitted_pool AS (
    capacity_pool_id uuid,
    slug text,
    name text,
    capacity integer,
    path text,
    ticket_type_ids uuid [],
    package_ids uuid []
);
COMMENT ON TYPE ticketing_internal.submitted_pool IS
'A pool that a catalogue document describes, where the document states its capacity, and the ticket types and packages
that take capacity from it.';

CREATE TYPE ticketing_internal.submitted_catalogue AS (
    organisation ticketing.organisations,
    function ticketing.functions,
    events ticketing.events [],
    ticket_types ticketing.ticket_types [],
    packages ticketing.packages [],
    package_items ticketing.package_items [],
    pools ticketing_internal.submitted_pool []
);
COMMENT ON TYPE ticketing_internal.submitted_catalogue IS
'p_catalogue as the rows to store, defaults filled in, in the order of the document.';
