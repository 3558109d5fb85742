-- What the stages of the selection pipeline pass on: composite values and arrays of them, never
-- jsonb (an element costs 0.2 microseconds this way, and the types say what each stage knows).
-- docs/architecture.md follows one ticket through them.

CREATE TYPE ticketing_internal.access AS (
    function_id uuid,
    owner_id uuid
);
COMMENT ON TYPE ticketing_internal.access IS
'A registration that the caller may read and change: its function, and the owner that it had when this was decided.';

CREATE TYPE ticketing_internal.attendee AS (
    attendee_id uuid,
    client_attendee_id uuid,
    name text,
    attendee_type text,
    is_partner boolean,
    attendee_data jsonb,
    position integer
);
COMMENT ON TYPE ticketing_internal.attendee IS
'An attendee with the facts that rules look at; name: its first 200 characters; position: its index among the attendees of the registration. In a quote
without a registration both ids are the client''s.';

CREATE TYPE ticketing_internal.selection AS (
    attendee_ref uuid,
    selected_tickets jsonb,
    path text
);
COMMENT ON TYPE ticketing_internal.selection IS
'The selection of one attendee (named by either id), and its path in the arguments.';

CREATE TYPE ticketing_internal.selection_line AS (
    attendee_ref uuid,
    package_id uuid,
    ticket_type_id uuid,
    quantity integer,
    contents uuid [],
    path text,
    position integer
);
COMMENT ON TYPE ticketing_internal.selection_line IS
'One line of a selection: a package or a ticket type with its quantity; the other id is null. contents: the ticket types
that the caller lists in the package, null when none are listed. position: its index among all lines of the request.';

CREATE TYPE ticketing_internal.submitted_ticket AS (
    path text,
    ticket_id uuid,
    registration_id uuid,
    attendee_ref uuid,
    client_attendee_ref uuid,
    event_id uuid,
    ticket_type_id uuid,
    package_id uuid,
    price_paid numeric,
    original_price numeric,
    currency text,
    position integer
);
COMMENT ON TYPE ticketing_internal.submitted_ticket IS
'One element of p_tickets, to be compared with the plan.';

CREATE TYPE ticketing_internal.request AS (
    selections ticketing_internal.selection [],
    selection_lines ticketing_internal.selection_line [],
    expected_revision integer,
    claimed_subtotal numeric,
    is_resolved boolean,
    attendee_ids uuid [],
    submitted_tickets ticketing_internal.submitted_ticket [],
    inferred_lines ticketing_internal.selection_line [],
    lines ticketing_internal.selection_line [],
    is_amendment boolean,
    payment ticketing.payments,
    cancelled_ids uuid [],
    reason text
);
COMMENT ON TYPE ticketing_internal.request IS
'What a caller asks for. As sent: selections, their selection_lines, expected_revision and claimed_subtotal; of an amendment
(is_amendment) the payment, the tickets that it cancels by name (cancelled_ids) and its reason. Resolved by the evaluator: selection_lines by attendee_id; is_resolved (whether every selection is that of another attendee of the registration);
attendee_ids (the attendees that it decides about, in their order); submitted_tickets (p_tickets, once they had to be parsed);
inferred_lines (what the request leaves unsaid); lines (all lines in the order of the attendees, each package and ticket type once
per attendee).';

CREATE TYPE ticketing_internal.ticket_type_terms AS (
    ticket_type_id uuid,
    event_id uuid,
    event_starts_at timestamptz,
    name text,
    price numeric,
    is_active boolean,
    sale_starts_at timestamptz,
    sale_ends_at timestamptz,
    min_per_attendee integer,
    max_per_attendee integer,
    max_per_registration integer,
    eligibility jsonb
);
COMMENT ON TYPE ticketing_internal.ticket_type_terms IS
'A ticket type with what rules need of its event.';

CREATE TYPE ticketing_internal.planned_ticket AS (
    change text,
    ticket_id uuid,
    attendee_id uuid,
    event_id uuid,
    ticket_type_id uuid,
    package_id uuid,
    package_number integer,
    price_paid numeric,
    original_price numeric,
    is_partner_ticket boolean
);
COMMENT ON TYPE ticketing_internal.planned_ticket IS
'A ticket that is stored or should be. change: kept, retaken (stored, but its hold is over: judged as if added), added or
removed; in what is recorded any change of the change feed.';

CREATE TYPE ticketing_internal.expanded_package AS (
    ticket_type_ids uuid [],
    contents ticketing_internal.selected_ticket [],
    tickets ticketing_internal.planned_ticket []
);
COMMENT ON TYPE ticketing_internal.expanded_package IS
'The contents of one package in the order of the events: its ticket types, the same with their quantities, and ticket by
ticket with the share of each in the price of the package.';

CREATE TYPE ticketing_internal.catalogue AS (
    package_ids uuid [],
    packages ticketing.packages [],
    items ticketing.package_items [],
    expanded_packages ticketing_internal.expanded_package [],
    ticket_type_ids uuid [],
    ticket_types ticketing_internal.ticket_type_terms [],
    tickets ticketing_internal.planned_ticket [],
    is_complete boolean
);
COMMENT ON TYPE ticketing_internal.catalogue IS
'The part of a catalogue that a request is about. package_ids and ticket_type_ids are the indexes: a package is at the same
index in packages and expanded_packages, a ticket type in ticket_types and, as one ticket at its list price, in tickets.
is_complete: whether everything named was found.';

CREATE TYPE ticketing_internal.rule_subject AS (
    position integer,
    subject_id uuid,
    package_key uuid,
    path text,
    attendee ticketing_internal.attendee,
    package_id uuid,
    ticket_type_id uuid,
    name text,
    is_active boolean,
    sale_starts_at timestamptz,
    sale_ends_at timestamptz,
    min_per_attendee integer,
    max_per_attendee integer,
    max_per_registration integer
);
COMMENT ON TYPE ticketing_internal.rule_subject IS
'A package or ticket type that a line amounts to, with the attendee (without data) who would hold it: what can be forbidden, off
sale, or too many. Its key is (position of the line, subject_id); ticket_type_id is null for a package itself; package_key is the package
that a ticket type comes in, or a nil UUID for an individual ticket.';

CREATE TYPE ticketing_internal.ticket_comparison AS (
    attendee_id uuid,
    package_key uuid,
    ticket_type_id uuid,
    expected_quantity bigint,
    submitted_quantity bigint,
    path text,
    position integer
);
COMMENT ON TYPE ticketing_internal.ticket_comparison IS
'How many tickets of a type an attendee would hold in a package (a nil UUID: individual tickets) by the plan and by the
submitted tickets; path and position of the first of these, null when there are none.';

CREATE TYPE ticketing_internal.positioned_issue AS (
    position integer,
    issue jsonb
);
COMMENT ON TYPE ticketing_internal.positioned_issue IS
'An issue and the position of what it is about, by which lists of issues are merged.';

CREATE TYPE ticketing_internal.capacity_change AS (
    capacity_pool_id uuid,
    reserved integer,
    sold integer
);
COMMENT ON TYPE ticketing_internal.capacity_change IS
'By how much a change moves the two counters of a pool; negative where capacity is freed.';

CREATE TYPE ticketing_internal.ledger AS (
    paid numeric,
    refunded numeric,
    surcharge_paid numeric,
    surcharge_refunded numeric,
    amount_due numeric,
    refund_due numeric
);
COMMENT ON TYPE ticketing_internal.ledger IS
'The money of a registration. paid, refunded, amount_due and refund_due are without surcharges.';

CREATE TYPE ticketing_internal.plan AS (
    tickets ticketing_internal.planned_ticket [],
    subtotal numeric
);
COMMENT ON TYPE ticketing_internal.plan IS
'Every ticket of a registration after a change, with those that it removes, in the order of the attendees; and what the tickets
that stay or come cost together.';

CREATE TYPE ticketing_internal.evaluation AS (
    selections ticketing_internal.selection [],
    lines ticketing_internal.selection_line [],
    tickets ticketing_internal.planned_ticket [],
    subtotal numeric,
    changes ticketing_internal.capacity_change [],
    may_be_short boolean,
    issues jsonb
);
COMMENT ON TYPE ticketing_internal.evaluation IS
'What a request amounts to: the canonical selection of every attendee it decides about (by attendee_id), their lines, the plan
and its subtotal, what it takes from the pools, whether capacity may be short, and all issues.';

CREATE TYPE ticketing_internal.amendment AS (
    issues jsonb,
    waived text [],
    ledger ticketing_internal.ledger
);
COMMENT ON TYPE ticketing_internal.amendment IS
'What an evaluation means for a registration that is paid: the issues that forbid it, the codes of those that do not, and the
ledger as it would be afterwards without a new payment.';

CREATE TYPE ticketing_internal.plan_summary AS (
    added integer,
    removed_ids uuid [],
    attendee_updates ticketing_internal.selection [],
    holders integer,
    tickets ticketing_internal.persisted_ticket []
);
COMMENT ON TYPE ticketing_internal.plan_summary IS
'What a plan changes: how many tickets are added, which are removed (null: none), the selections that differ from those stored
(null: none), how many attendees hold a ticket afterwards, and the tickets of the attendees decided about.';

CREATE TYPE ticketing_internal.planned_hold AS (
    is_living boolean,
    held_since timestamptz,
    held_until timestamptz,
    expires_at timestamptz,
    is_taken boolean,
    is_given_up boolean,
    available_at timestamptz
);
COMMENT ON TYPE ticketing_internal.planned_hold IS
'What a persist makes of a hold: is_living: whether it lives already; held_since, held_until and expires_at (hold_expires_at) as
stored then; is_taken: whether more tickets are held than before, or the hold begins or continues after it was over, so that
limits apply; is_given_up: whether the hold is used up and tickets are only removed; available_at: when tickets can be held again,
if the hold is used up.';

CREATE TYPE ticketing_internal.feed_cursor AS (
    epoch bigint,
    transaction_id xid8,
    change_id bigint
);
COMMENT ON TYPE ticketing_internal.feed_cursor IS
'A change of the change feed, in the order of the feed; what a cursor of get_ticket_changes says.';
