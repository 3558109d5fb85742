-- The answers of the RPCs: one type for each JSON object, whose attributes are the keys, in the
-- order in which documents and clients list them. JSON is made from rows of these types and arrays
-- of them, which takes PostgreSQL half the time of building an object for each row.
--
-- Comments of attributes are the reference of callers and the source of generated clients. One that
-- contains the word null says when the attribute is null; all others never are. "One of `a`, `b`."
-- lists all values. Amounts have exactly the decimals of their currency (see scale_amount).

CREATE TYPE ticketing_internal.attendee_ids AS (
    attendee_id uuid,
    client_attendee_id uuid
);
COMMENT ON TYPE ticketing_internal.attendee_ids IS 'Both ids of an attendee.';
COMMENT ON COLUMN ticketing_internal.attendee_ids.attendee_id IS
'Id of the attendee in the database.';
COMMENT ON COLUMN ticketing_internal.attendee_ids.client_attendee_id IS
'Id of the attendee in the wizard.';

CREATE TYPE ticketing_internal.attendee_without_tickets AS (
    attendee_id uuid,
    client_attendee_id uuid,
    name text
);
COMMENT ON TYPE ticketing_internal.attendee_without_tickets IS 'An attendee without a ticket.';
COMMENT ON COLUMN ticketing_internal.attendee_without_tickets.attendee_id IS
'The attendee: the id in the database, or that of the wizard until it is stored.';
COMMENT ON COLUMN ticketing_internal.attendee_without_tickets.client_attendee_id IS
'Id of the attendee in the wizard.';
COMMENT ON COLUMN ticketing_internal.attendee_without_tickets.name IS
'Display name of the attendee.';

CREATE TYPE ticketing_internal.persisted_ticket AS (
    ticket_id uuid,
    attendee_id uuid,
    ticket_type_id uuid,
    package_id uuid,
    price_paid numeric
);
COMMENT ON TYPE ticketing_internal.persisted_ticket IS
'A ticket in the answer of the calls that persist a selection.';
COMMENT ON COLUMN ticketing_internal.persisted_ticket.ticket_id IS
'The ticket; it keeps its id while it stays selected.';
COMMENT ON COLUMN ticketing_internal.persisted_ticket.attendee_id IS
'Id of the attendee in the database.';
COMMENT ON COLUMN ticketing_internal.persisted_ticket.ticket_type_id IS 'The ticket type.';
COMMENT ON COLUMN ticketing_internal.persisted_ticket.package_id IS
'The package that the ticket comes in; null: an individual ticket.';
COMMENT ON COLUMN ticketing_internal.persisted_ticket.price_paid IS
'The list price, or the share of the ticket in the price of its package.';

CREATE TYPE ticketing_internal.persist_answer AS (
    success boolean,
    registration_id uuid,
    revision integer,
    status text,
    tickets_created integer,
    tickets_removed integer,
    tickets_unchanged integer,
    attendees_updated integer,
    attendees_without_tickets ticketing_internal.attendee_without_tickets [],
    subtotal numeric,
    total numeric,
    currency text,
    hold_expires_at timestamptz,
    server_time timestamptz,
    tickets ticketing_internal.persisted_ticket []
);
COMMENT ON TYPE ticketing_internal.persist_answer IS
'What a call that persists selections has changed, and the state after it.';
COMMENT ON COLUMN ticketing_internal.persist_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.persist_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.persist_answer.revision IS
'Its revision after the call; the same as before if nothing changed.';
COMMENT ON COLUMN ticketing_internal.persist_answer.status IS
'Status of the registration. One of `draft`, `pending`, `expired`.';
COMMENT ON COLUMN ticketing_internal.persist_answer.tickets_created IS 'Number of tickets added.';
COMMENT ON COLUMN ticketing_internal.persist_answer.tickets_removed IS 'Number of tickets removed.';
COMMENT ON COLUMN ticketing_internal.persist_answer.tickets_unchanged IS
'Number of tickets of the listed attendees that stayed.';
COMMENT ON COLUMN ticketing_internal.persist_answer.attendees_updated IS
'Number of attendees whose `selected_tickets` changed.';
COMMENT ON COLUMN ticketing_internal.persist_answer.attendees_without_tickets IS
'The attendees of the registration without a ticket, in its order.';
COMMENT ON COLUMN ticketing_internal.persist_answer.subtotal IS
'Sum of the prices of all tickets of the registration.';
COMMENT ON COLUMN ticketing_internal.persist_answer.total IS 'The price of the registration.';
COMMENT ON COLUMN ticketing_internal.persist_answer.currency IS 'ISO 4217 code of its amounts.';
COMMENT ON COLUMN ticketing_internal.persist_answer.hold_expires_at IS
'Until when its tickets keep their capacity; null: it holds none.';
COMMENT ON COLUMN ticketing_internal.persist_answer.server_time IS
'Time of the database, to count down to `hold_expires_at` from.';
COMMENT ON COLUMN ticketing_internal.persist_answer.tickets IS
'The tickets of the listed attendees, in the order of the attendees.';

CREATE TYPE ticketing_internal.create_answer AS (
    success boolean,
    registration_id uuid,
    revision integer,
    status text,
    tickets_created integer,
    tickets_removed integer,
    tickets_unchanged integer,
    attendees_updated integer,
    attendees_without_tickets ticketing_internal.attendee_without_tickets [],
    subtotal numeric,
    total numeric,
    currency text,
    hold_expires_at timestamptz,
    server_time timestamptz,
    tickets ticketing_internal.persisted_ticket [],
    created boolean,
    "registrationId" uuid,
    "confirmationNumber" text,
    attendees ticketing_internal.attendee_ids []
);
COMMENT ON TYPE ticketing_internal.create_answer IS
'What creating or updating a registration has changed, and the state after it.';
COMMENT ON COLUMN ticketing_internal.create_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.create_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.create_answer.revision IS
'Its revision after the call; the same as before if nothing changed.';
COMMENT ON COLUMN ticketing_internal.create_answer.status IS
'Status of the registration. One of `draft`, `pending`, `expired`.';
COMMENT ON COLUMN ticketing_internal.create_answer.tickets_created IS 'Number of tickets added.';
COMMENT ON COLUMN ticketing_internal.create_answer.tickets_removed IS 'Number of tickets removed.';
COMMENT ON COLUMN ticketing_internal.create_answer.tickets_unchanged IS
'Number of tickets of the listed attendees that stayed.';
COMMENT ON COLUMN ticketing_internal.create_answer.attendees_updated IS
'Number of attendees whose `selected_tickets` changed.';
COMMENT ON COLUMN ticketing_internal.create_answer.attendees_without_tickets IS
'The attendees of the registration without a ticket, in its order.';
COMMENT ON COLUMN ticketing_internal.create_answer.subtotal IS
'Sum of the prices of all tickets of the registration.';
COMMENT ON COLUMN ticketing_internal.create_answer.total IS 'The price of the registration.';
COMMENT ON COLUMN ticketing_internal.create_answer.currency IS 'ISO 4217 code of its amounts.';
COMMENT ON COLUMN ticketing_internal.create_answer.hold_expires_at IS
'Until when its tickets keep their capacity; null: it holds none.';
COMMENT ON COLUMN ticketing_internal.create_answer.server_time IS
'Time of the database, to count down to `hold_expires_at` from.';
COMMENT ON COLUMN ticketing_internal.create_answer.tickets IS
'The tickets of the listed attendees, in the order of the attendees.';
COMMENT ON COLUMN ticketing_internal.create_answer.created IS
'Whether the registration is new; false: it was stored already, and is updated.';
COMMENT ON COLUMN ticketing_internal.create_answer."registrationId" IS
'The same as registration_id, by the name that the wizard uses.';
COMMENT ON COLUMN ticketing_internal.create_answer."confirmationNumber" IS
'Number for the buyer; null until the registration is completed.';
COMMENT ON COLUMN ticketing_internal.create_answer.attendees IS
'Both ids of every attendee, in the order of the wizard.';

CREATE TYPE ticketing_internal.update_attendees_answer AS (
    success boolean,
    registration_id uuid,
    revision integer,
    status text,
    attendees_added integer,
    attendees_updated integer,
    attendees ticketing_internal.attendee_ids [],
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.update_attendees_answer IS
'What updating attendees has changed.';
COMMENT ON COLUMN ticketing_internal.update_attendees_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.update_attendees_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.update_attendees_answer.revision IS
'Its revision after the call; the same as before if nothing changed.';
COMMENT ON COLUMN ticketing_internal.update_attendees_answer.status IS
'Status of the registration. One of `draft`, `pending`, `completed`, `expired`.';
COMMENT ON COLUMN ticketing_internal.update_attendees_answer.attendees_added IS
'Number of attendees added.';
COMMENT ON COLUMN ticketing_internal.update_attendees_answer.attendees_updated IS
'Number of attendees of whom a value changed.';
COMMENT ON COLUMN ticketing_internal.update_attendees_answer.attendees IS
'Both ids of the attendees of `p_attendees`, in its order.';
COMMENT ON COLUMN ticketing_internal.update_attendees_answer.server_time IS 'Time of the call.';

CREATE TYPE ticketing_internal.assign_answer AS (
    success boolean,
    registration_id uuid,
    revision integer,
    status text,
    tickets_assigned integer,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.assign_answer IS 'What assigning tickets has changed.';
COMMENT ON COLUMN ticketing_internal.assign_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.assign_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.assign_answer.revision IS
'Its revision after the call; the same as before if nothing changed.';
COMMENT ON COLUMN ticketing_internal.assign_answer.status IS
'Status of the registration. One of `draft`, `pending`, `completed`, `expired`.';
COMMENT ON COLUMN ticketing_internal.assign_answer.tickets_assigned IS
'Number of tickets whose holder changed.';
COMMENT ON COLUMN ticketing_internal.assign_answer.server_time IS 'Time of the call.';

CREATE TYPE ticketing_internal.expanded_ticket AS (
    "attendeeId" uuid,
    "eventId" uuid,
    "ticketTypeId" uuid,
    "packageId" uuid,
    price numeric,
    "isFromPackage" boolean,
    quantity integer
);
COMMENT ON TYPE ticketing_internal.expanded_ticket IS
'All tickets of one type for one attendee, individually or from one package.';
COMMENT ON COLUMN ticketing_internal.expanded_ticket."attendeeId" IS
'Id of the attendee in the wizard.';
COMMENT ON COLUMN ticketing_internal.expanded_ticket."eventId" IS 'The event.';
COMMENT ON COLUMN ticketing_internal.expanded_ticket."ticketTypeId" IS 'The ticket type.';
COMMENT ON COLUMN ticketing_internal.expanded_ticket."packageId" IS
'The package that the tickets come in; null: individual tickets.';
COMMENT ON COLUMN ticketing_internal.expanded_ticket.price IS
'List price of one ticket; tickets of the quote have the shares of a package.';
COMMENT ON COLUMN ticketing_internal.expanded_ticket."isFromPackage" IS
'Whether the tickets come in a package.';
COMMENT ON COLUMN ticketing_internal.expanded_ticket.quantity IS 'Number of tickets.';

CREATE TYPE ticketing_internal.quoted_ticket AS (
    attendee_id uuid,
    client_attendee_id uuid,
    event_id uuid,
    ticket_type_id uuid,
    package_id uuid,
    price_paid numeric,
    original_price numeric,
    currency text,
    status text,
    payment_status text,
    is_partner_ticket boolean
);
COMMENT ON TYPE ticketing_internal.quoted_ticket IS
'A full ticket of a quote; `persist_attendee_tickets` accepts it unchanged.';
COMMENT ON COLUMN ticketing_internal.quoted_ticket.attendee_id IS
'The attendee: the id in the database, or that of the wizard until it is stored.';
COMMENT ON COLUMN ticketing_internal.quoted_ticket.client_attendee_id IS
'Id of the attendee in the wizard.';
COMMENT ON COLUMN ticketing_internal.quoted_ticket.event_id IS 'The event.';
COMMENT ON COLUMN ticketing_internal.quoted_ticket.ticket_type_id IS 'The ticket type.';
COMMENT ON COLUMN ticketing_internal.quoted_ticket.package_id IS
'The package that the ticket comes in; null: an individual ticket.';
COMMENT ON COLUMN ticketing_internal.quoted_ticket.price_paid IS
'The list price, or the share of the ticket in the price of its package.';
COMMENT ON COLUMN ticketing_internal.quoted_ticket.original_price IS 'The list price.';
COMMENT ON COLUMN ticketing_internal.quoted_ticket.currency IS 'ISO 4217 code of both prices.';
COMMENT ON COLUMN ticketing_internal.quoted_ticket.status IS
'Status of the ticket. One of `Active`.';
COMMENT ON COLUMN ticketing_internal.quoted_ticket.payment_status IS
'Payment status of the ticket. One of `Unpaid`.';
COMMENT ON COLUMN ticketing_internal.quoted_ticket.is_partner_ticket IS
'Whether the attendee attends as a partner.';

-- No value has this type: the function issue builds the objects, in which most keys are absent.
CREATE TYPE ticketing_internal.issue AS (
    code text,
    path text,
    message text,
    attendee_id uuid,
    client_attendee_id uuid,
    attendee_name text,
    ticket_type_id uuid,
    package_id uuid,
    item_name text,
    expected jsonb,
    actual jsonb,
    requested integer,
    available integer,
    attendee_ids uuid [],
    available_at timestamptz
);
COMMENT ON TYPE ticketing_internal.issue IS
'One problem of a refused call or of a quote. Keys that do not apply are absent.';
COMMENT ON COLUMN ticketing_internal.issue.code IS 'Kind of problem, to branch on.';
COMMENT ON COLUMN ticketing_internal.issue.path IS
'Path of the value at fault, from the argument on, such as `p_tickets[3].price_paid`.';
COMMENT ON COLUMN ticketing_internal.issue.message IS 'The problem in words.';
COMMENT ON COLUMN ticketing_internal.issue.attendee_id IS
'The attendee concerned, by the id in the database; absent if none.';
COMMENT ON COLUMN ticketing_internal.issue.client_attendee_id IS
'The same attendee by the id in the wizard; absent if none.';
COMMENT ON COLUMN ticketing_internal.issue.attendee_name IS
'Display name of the attendee; absent if none.';
COMMENT ON COLUMN ticketing_internal.issue.ticket_type_id IS
'The ticket type concerned; absent if none.';
COMMENT ON COLUMN ticketing_internal.issue.package_id IS 'The package concerned; absent if none.';
COMMENT ON COLUMN ticketing_internal.issue.item_name IS
'Name of the ticket type concerned, else of the package, event function or pool; absent if none.';
COMMENT ON COLUMN ticketing_internal.issue.expected IS
'The expected value, any JSON; absent if the message says all.';
COMMENT ON COLUMN ticketing_internal.issue.actual IS
'The actual value, any JSON; absent if the message says all.';
COMMENT ON COLUMN ticketing_internal.issue.requested IS
'The requested capacity; absent unless it is too little.';
COMMENT ON COLUMN ticketing_internal.issue.available IS
'The remaining capacity; absent unless it is too little.';
COMMENT ON COLUMN ticketing_internal.issue.attendee_ids IS
'The attendees who share the problem; absent unless it concerns several.';
COMMENT ON COLUMN ticketing_internal.issue.available_at IS
'When tickets can be held again; absent unless the hold is used up.';

CREATE TYPE ticketing_internal.quote_answer AS (
    valid boolean,
    issues jsonb,
    expanded_tickets ticketing_internal.expanded_ticket [],
    tickets ticketing_internal.quoted_ticket [],
    attendees_without_tickets ticketing_internal.attendee_without_tickets [],
    subtotal numeric,
    total numeric,
    currency text,
    amount_due numeric,
    refund_due numeric,
    issues_total integer,
    issues_truncated boolean
);
COMMENT ON TYPE ticketing_internal.quote_answer IS
'Prices and problems of a selection; nothing is written.';
COMMENT ON COLUMN ticketing_internal.quote_answer.valid IS
'Whether persisting the selection now would be accepted; of a paid registration, amending it with the payment that is due.';
COMMENT ON COLUMN ticketing_internal.quote_answer.issues IS
'`issue`[]: The problems, at most 100, as an error would list them; empty if valid.';
COMMENT ON COLUMN ticketing_internal.quote_answer.expanded_tickets IS
'The tickets by attendee, package and ticket type.';
COMMENT ON COLUMN ticketing_internal.quote_answer.tickets IS
'The tickets of the listed attendees, one by one.';
COMMENT ON COLUMN ticketing_internal.quote_answer.attendees_without_tickets IS
'The attendees who would have no ticket.';
COMMENT ON COLUMN ticketing_internal.quote_answer.subtotal IS
'Price of all tickets that the registration would have.';
COMMENT ON COLUMN ticketing_internal.quote_answer.total IS
'The same with the adjustment of the registration.';
COMMENT ON COLUMN ticketing_internal.quote_answer.currency IS 'ISO 4217 code of its amounts.';
COMMENT ON COLUMN ticketing_internal.quote_answer.amount_due IS
'What would be due after amending a paid registration to the selection; null for what is not paid.';
COMMENT ON COLUMN ticketing_internal.quote_answer.refund_due IS
'What would be due back after it; null for what is not paid.';
COMMENT ON COLUMN ticketing_internal.quote_answer.issues_total IS
'Number of problems, including those not listed.';
COMMENT ON COLUMN ticketing_internal.quote_answer.issues_truncated IS
'Whether the search for problems stopped: there are at least issues_total.';

CREATE TYPE ticketing_internal.registration_attendee AS (
    attendee_id uuid,
    client_attendee_id uuid,
    attendee_type text,
    is_primary boolean,
    is_partner boolean,
    related_attendee_id uuid,
    title text,
    first_name text,
    last_name text,
    email text,
    phone text,
    attendee_data jsonb
);
COMMENT ON TYPE ticketing_internal.registration_attendee IS 'An attendee of a registration.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.attendee_id IS
'Id of the attendee in the database.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.client_attendee_id IS
'Id of the attendee in the wizard.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.attendee_type IS
'Kind of attendee, such as mason, guest or contact.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.is_primary IS
'Whether this is the primary attendee.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.is_partner IS
'Whether this is the partner of another attendee.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.related_attendee_id IS
'The attendee whose partner or guest this is; null if none.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.title IS
'Title, such as Mr or Dr; null if none.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.first_name IS
'First name; null if none.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.last_name IS 'Last name; null if none.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.email IS 'E-mail address; null if none.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.phone IS
'Telephone number; null if none.';
COMMENT ON COLUMN ticketing_internal.registration_attendee.attendee_data IS
'`WizardAttendee`: The attendee object of the wizard, with `selected_tickets`.';

CREATE TYPE ticketing_internal.registration_ticket AS (
    ticket_id uuid,
    attendee_id uuid,
    client_attendee_id uuid,
    event_id uuid,
    ticket_type_id uuid,
    package_id uuid,
    price_paid numeric,
    original_price numeric,
    currency text,
    status text,
    payment_status text,
    is_partner_ticket boolean,
    holder jsonb
);
COMMENT ON TYPE ticketing_internal.registration_ticket IS 'A stored ticket in full.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.ticket_id IS
'The ticket; it keeps its id while it stays selected.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.attendee_id IS
'Id of the attendee in the database.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.client_attendee_id IS
'Id of the attendee in the wizard.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.event_id IS 'The event.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.ticket_type_id IS 'The ticket type.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.package_id IS
'The package that the ticket comes in; null: an individual ticket.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.price_paid IS
'The list price, or the share of the ticket in the price of its package.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.original_price IS 'The list price.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.currency IS
'ISO 4217 code of both prices.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.status IS
'Status of the ticket. One of `Active`, `Cancelled`.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.payment_status IS
'Payment status of the ticket. One of `Unpaid`, `Paid`, `Refunded`.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.is_partner_ticket IS
'Whether the attendee attends as a partner.';
COMMENT ON COLUMN ticketing_internal.registration_ticket.holder IS
'`TicketHolder`: The person whom the ticket admits, as sent to `assign_tickets`; null: its attendee.';

CREATE TYPE ticketing_internal.registration_payment AS (
    payment_id uuid,
    kind text,
    reference text,
    provider text,
    amount numeric,
    surcharge_amount numeric,
    currency text,
    ticket_ids uuid [],
    paid_at timestamptz
);
COMMENT ON TYPE ticketing_internal.registration_payment IS
'A payment or refund of a registration.';
COMMENT ON COLUMN ticketing_internal.registration_payment.payment_id IS
'The payment or refund.';
COMMENT ON COLUMN ticketing_internal.registration_payment.kind IS
'Which of both. One of `payment`, `refund`.';
COMMENT ON COLUMN ticketing_internal.registration_payment.reference IS
'Its id at the payment provider.';
COMMENT ON COLUMN ticketing_internal.registration_payment.provider IS
'Name of the payment provider, in lower case.';
COMMENT ON COLUMN ticketing_internal.registration_payment.amount IS
'The amount, including the surcharge.';
COMMENT ON COLUMN ticketing_internal.registration_payment.surcharge_amount IS
'The part of the amount that is surcharge.';
COMMENT ON COLUMN ticketing_internal.registration_payment.currency IS
'ISO 4217 code of both amounts.';
COMMENT ON COLUMN ticketing_internal.registration_payment.ticket_ids IS
'The tickets that a refund names; null: it names none, or it is a payment.';
COMMENT ON COLUMN ticketing_internal.registration_payment.paid_at IS
'When it was paid, according to the provider, or the refund recorded.';

CREATE TYPE ticketing_internal.registration_answer AS (
    registration_id uuid,
    function_id uuid,
    registration_type text,
    status text,
    payment_status text,
    revision integer,
    registration jsonb,
    ticket_selections jsonb,
    attendees ticketing_internal.registration_attendee [],
    tickets ticketing_internal.registration_ticket [],
    attendees_without_tickets ticketing_internal.attendee_without_tickets [],
    payments ticketing_internal.registration_payment [],
    subtotal numeric,
    adjustment numeric,
    total numeric,
    paid numeric,
    refunded numeric,
    amount_due numeric,
    refund_due numeric,
    currency text,
    confirmation_number text,
    hold_expires_at timestamptz,
    hold_granted_until timestamptz,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.registration_answer IS
'All that a wizard needs to resume a registration on any device.';
COMMENT ON COLUMN ticketing_internal.registration_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.registration_answer.function_id IS 'The event function.';
COMMENT ON COLUMN ticketing_internal.registration_answer.registration_type IS
'Type of the registration. One of `individuals`, `lodges`, `delegations`.';
COMMENT ON COLUMN ticketing_internal.registration_answer.status IS
'Status as of now: expired if the hold is overdue. One of `draft`, `pending`, `completed`,
`cancelled`, `expired`.';
COMMENT ON COLUMN ticketing_internal.registration_answer.payment_status IS
'Payment status of the registration. One of `Unpaid`, `Paid`, `Refunded`.';
COMMENT ON COLUMN ticketing_internal.registration_answer.revision IS
'Its revision; every change increments it.';
COMMENT ON COLUMN ticketing_internal.registration_answer.registration IS
'`RegistrationData`: The registration object of the wizard; sent back unchanged, it changes nothing.';
COMMENT ON COLUMN ticketing_internal.registration_answer.ticket_selections IS
'`Selections`: The `ticketSelections` of the wizard; sent back unchanged, they change nothing.';
COMMENT ON COLUMN ticketing_internal.registration_answer.attendees IS
'Its attendees, in the order of the wizard.';
COMMENT ON COLUMN ticketing_internal.registration_answer.tickets IS
'All its tickets, in the order of the attendees.';
COMMENT ON COLUMN ticketing_internal.registration_answer.attendees_without_tickets IS
'Its attendees without a ticket.';
COMMENT ON COLUMN ticketing_internal.registration_answer.payments IS
'Its payments and refunds, the oldest first.';
COMMENT ON COLUMN ticketing_internal.registration_answer.subtotal IS
'Sum of the prices of its tickets in force; 0 once cancelled.';
COMMENT ON COLUMN ticketing_internal.registration_answer.adjustment IS
'What it costs more than its tickets; negative for a discount.';
COMMENT ON COLUMN ticketing_internal.registration_answer.total IS
'The price of the registration: `subtotal` and `adjustment` together, or 0 if that is negative.';
COMMENT ON COLUMN ticketing_internal.registration_answer.paid IS
'What was paid for it, without surcharges.';
COMMENT ON COLUMN ticketing_internal.registration_answer.refunded IS
'What was given back of that, without surcharges.';
COMMENT ON COLUMN ticketing_internal.registration_answer.amount_due IS
'What is still to be paid; 0 once cancelled.';
COMMENT ON COLUMN ticketing_internal.registration_answer.refund_due IS
'What is still to be given back: what was paid, less what was refunded and what the registration
costs.';
COMMENT ON COLUMN ticketing_internal.registration_answer.currency IS
'ISO 4217 code of its amounts.';
COMMENT ON COLUMN ticketing_internal.registration_answer.confirmation_number IS
'Number for the buyer; null until the registration is completed.';
COMMENT ON COLUMN ticketing_internal.registration_answer.hold_expires_at IS
'Until when its tickets keep their capacity; null: it holds none.';
COMMENT ON COLUMN ticketing_internal.registration_answer.hold_granted_until IS
'Until when staff have granted it to hold tickets; null: not beyond the limits of the function.';
COMMENT ON COLUMN ticketing_internal.registration_answer.server_time IS
'Time of the database, to count down to `hold_expires_at` from.';

CREATE TYPE ticketing_internal.function_availability AS (
    function_id uuid,
    slug text,
    name text,
    timezone text,
    status text,
    selection_mode text,
    starts_at timestamptz,
    ends_at timestamptz,
    registration_opens_at timestamptz,
    registration_closes_at timestamptz,
    changes_until timestamptz,
    refunds_until timestamptz
);
COMMENT ON TYPE ticketing_internal.function_availability IS
'The event function in an availability.';
COMMENT ON COLUMN ticketing_internal.function_availability.function_id IS 'The event function.';
COMMENT ON COLUMN ticketing_internal.function_availability.slug IS 'Name in URLs.';
COMMENT ON COLUMN ticketing_internal.function_availability.name IS 'Display name.';
COMMENT ON COLUMN ticketing_internal.function_availability.timezone IS
'IANA time zone in which its times are shown.';
COMMENT ON COLUMN ticketing_internal.function_availability.status IS
'A draft is visible to staff only, only published is on sale. One of `draft`, `published`,
`closed`.';
COMMENT ON COLUMN ticketing_internal.function_availability.selection_mode IS
'Whether an attendee holds packages or individual tickets, or both. One of `exclusive`, `mixed`.';
COMMENT ON COLUMN ticketing_internal.function_availability.starts_at IS
'Start of the function; null: not known.';
COMMENT ON COLUMN ticketing_internal.function_availability.ends_at IS
'End of the function; null: not known.';
COMMENT ON COLUMN ticketing_internal.function_availability.registration_opens_at IS
'Start of registration; null: already open.';
COMMENT ON COLUMN ticketing_internal.function_availability.registration_closes_at IS
'End of registration; null: no end.';
COMMENT ON COLUMN ticketing_internal.function_availability.changes_until IS
'Until when owners may change a paid registration: correct names, assign tickets, exchange tickets
without a refund; null: never.';
COMMENT ON COLUMN ticketing_internal.function_availability.refunds_until IS
'Until when owners may make a change of a paid registration that leaves a refund, and cancel it; null:
never.';

CREATE TYPE ticketing_internal.event_availability AS (
    event_id uuid,
    slug text,
    title text,
    starts_at timestamptz,
    ends_at timestamptz,
    is_active boolean,
    available integer
);
COMMENT ON TYPE ticketing_internal.event_availability IS
'An event with what its own pool has left.';
COMMENT ON COLUMN ticketing_internal.event_availability.event_id IS 'The event.';
COMMENT ON COLUMN ticketing_internal.event_availability.slug IS 'Name in URLs.';
COMMENT ON COLUMN ticketing_internal.event_availability.title IS 'Display name.';
COMMENT ON COLUMN ticketing_internal.event_availability.starts_at IS
'Start of the event; null: not known.';
COMMENT ON COLUMN ticketing_internal.event_availability.ends_at IS
'End of the event; null: not known.';
COMMENT ON COLUMN ticketing_internal.event_availability.is_active IS
'Whether its tickets can be added.';
COMMENT ON COLUMN ticketing_internal.event_availability.available IS
'Capacity left in its own pool; null: no limit.';

CREATE TYPE ticketing_internal.ticket_type_availability AS (
    ticket_type_id uuid,
    event_id uuid,
    slug text,
    name text,
    description text,
    price numeric,
    sale_starts_at timestamptz,
    sale_ends_at timestamptz,
    min_per_attendee integer,
    max_per_attendee integer,
    max_per_registration integer,
    eligibility jsonb,
    available integer,
    status text
);
COMMENT ON TYPE ticketing_internal.ticket_type_availability IS
'A ticket type with what is left of it.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.ticket_type_id IS 'The ticket type.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.event_id IS
'The event to which it admits.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.slug IS 'Name in URLs; null if none.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.name IS 'Display name.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.description IS
'Description for buyers; null if none.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.price IS 'List price of one ticket.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.sale_starts_at IS
'Start of sale; null: already started.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.sale_ends_at IS
'End of sale; null: the end of its event, or of the function if that is not known, or no end.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.min_per_attendee IS
'Minimum quantity of an attendee who has any.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.max_per_attendee IS
'Maximum quantity of an attendee; null: no limit.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.max_per_registration IS
'Maximum quantity of a registration; null: no limit.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.eligibility IS
'`Eligibility`: Eligibility rules `{operator, rules}`, as in the catalogue.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.available IS
'How many can be added now; null: no limit.';
COMMENT ON COLUMN ticketing_internal.ticket_type_availability.status IS
'Whether it can be added now. One of `on_sale`, `sold_out`, `not_yet`, `ended`, `inactive`.';

CREATE TYPE ticketing_internal.package_item AS (
    ticket_type_id uuid,
    quantity integer
);
COMMENT ON TYPE ticketing_internal.package_item IS 'A ticket type in a package.';
COMMENT ON COLUMN ticketing_internal.package_item.ticket_type_id IS 'The ticket type.';
COMMENT ON COLUMN ticketing_internal.package_item.quantity IS 'Its quantity in one package.';

CREATE TYPE ticketing_internal.package_availability AS (
    package_id uuid,
    slug text,
    name text,
    description text,
    price numeric,
    registration_types text [],
    sale_starts_at timestamptz,
    sale_ends_at timestamptz,
    min_per_attendee integer,
    max_per_attendee integer,
    max_per_registration integer,
    eligibility jsonb,
    items ticketing_internal.package_item [],
    available integer,
    status text
);
COMMENT ON TYPE ticketing_internal.package_availability IS 'A package with what is left of it.';
COMMENT ON COLUMN ticketing_internal.package_availability.package_id IS 'The package.';
COMMENT ON COLUMN ticketing_internal.package_availability.slug IS 'Name in URLs; null if none.';
COMMENT ON COLUMN ticketing_internal.package_availability.name IS 'Display name.';
COMMENT ON COLUMN ticketing_internal.package_availability.description IS
'Description for buyers; null if none.';
COMMENT ON COLUMN ticketing_internal.package_availability.price IS 'Price of one package.';
COMMENT ON COLUMN ticketing_internal.package_availability.registration_types IS
'Types of registration that may have it: individuals, lodges, delegations.';
COMMENT ON COLUMN ticketing_internal.package_availability.sale_starts_at IS
'Start of sale; null: already started.';
COMMENT ON COLUMN ticketing_internal.package_availability.sale_ends_at IS
'End of sale; null: that of the first of its ticket types.';
COMMENT ON COLUMN ticketing_internal.package_availability.min_per_attendee IS
'Minimum quantity of an attendee who has any.';
COMMENT ON COLUMN ticketing_internal.package_availability.max_per_attendee IS
'Maximum quantity of an attendee; null: no limit.';
COMMENT ON COLUMN ticketing_internal.package_availability.max_per_registration IS
'Maximum quantity of a registration; null: no limit.';
COMMENT ON COLUMN ticketing_internal.package_availability.eligibility IS
'`Eligibility`: Eligibility rules `{operator, rules}`, as in the catalogue.';
COMMENT ON COLUMN ticketing_internal.package_availability.items IS
'Its contents, in the order of the events.';
COMMENT ON COLUMN ticketing_internal.package_availability.available IS
'How many can be added now, as many as all its contents allow; null: no limit.';
COMMENT ON COLUMN ticketing_internal.package_availability.status IS
'Whether it can be added now. One of `on_sale`, `sold_out`, `not_yet`, `ended`, `inactive`.';

CREATE TYPE ticketing_internal.availability_answer AS (
    function ticketing_internal.function_availability,
    currency text,
    events ticketing_internal.event_availability [],
    ticket_types ticketing_internal.ticket_type_availability [],
    packages ticketing_internal.package_availability [],
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.availability_answer IS 'All that the selection step displays.';
COMMENT ON COLUMN ticketing_internal.availability_answer.function IS 'The event function.';
COMMENT ON COLUMN ticketing_internal.availability_answer.currency IS 'ISO 4217 code of all prices.';
COMMENT ON COLUMN ticketing_internal.availability_answer.events IS
'Its events, by start and title.';
COMMENT ON COLUMN ticketing_internal.availability_answer.ticket_types IS
'Its ticket types, by start of the event and name.';
COMMENT ON COLUMN ticketing_internal.availability_answer.packages IS 'Its packages, by name.';
COMMENT ON COLUMN ticketing_internal.availability_answer.server_time IS
'Time of the database during the call.';

CREATE TYPE ticketing_internal.start_payment_answer AS (
    success boolean,
    registration_id uuid,
    status text,
    amount_due numeric,
    currency text,
    confirmation_number text,
    revision integer,
    hold_expires_at timestamptz,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.start_payment_answer IS
'The amount due of a registration that passed all checks.';
COMMENT ON COLUMN ticketing_internal.start_payment_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.start_payment_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.start_payment_answer.status IS
'Status of the registration; completed if nothing is due. One of `pending`, `completed`.';
COMMENT ON COLUMN ticketing_internal.start_payment_answer.amount_due IS 'The amount to pay.';
COMMENT ON COLUMN ticketing_internal.start_payment_answer.currency IS
'ISO 4217 code of its amounts.';
COMMENT ON COLUMN ticketing_internal.start_payment_answer.confirmation_number IS
'Number for the buyer; null unless completed.';
COMMENT ON COLUMN ticketing_internal.start_payment_answer.revision IS
'Its revision after the call; every change increments it.';
COMMENT ON COLUMN ticketing_internal.start_payment_answer.hold_expires_at IS
'Until when its tickets keep their capacity; null: they are sold.';
COMMENT ON COLUMN ticketing_internal.start_payment_answer.server_time IS
'Time of the database, to count down to `hold_expires_at` from.';

CREATE TYPE ticketing_internal.payment_answer AS (
    success boolean,
    registration_id uuid,
    payment_id uuid,
    status text,
    payment_status text,
    confirmation_number text,
    revision integer,
    total numeric,
    currency text,
    paid_at timestamptz
);
COMMENT ON TYPE ticketing_internal.payment_answer IS 'A recorded payment and its registration.';
COMMENT ON COLUMN ticketing_internal.payment_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.payment_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.payment_answer.payment_id IS 'The payment.';
COMMENT ON COLUMN ticketing_internal.payment_answer.status IS
'Status of the registration, which may have been cancelled since. One of `completed`, `cancelled`.';
COMMENT ON COLUMN ticketing_internal.payment_answer.payment_status IS
'Payment status, Refunded if that happened since. One of `Paid`, `Refunded`.';
COMMENT ON COLUMN ticketing_internal.payment_answer.confirmation_number IS
'Number for the buyer; not guessable.';
COMMENT ON COLUMN ticketing_internal.payment_answer.revision IS
'Its revision after the call; every change increments it.';
COMMENT ON COLUMN ticketing_internal.payment_answer.total IS
'What was paid for the registration, without the surcharge.';
COMMENT ON COLUMN ticketing_internal.payment_answer.currency IS 'ISO 4217 code of its amounts.';
COMMENT ON COLUMN ticketing_internal.payment_answer.paid_at IS 'Time of the payment.';

CREATE TYPE ticketing_internal.cancel_answer AS (
    success boolean,
    registration_id uuid,
    status text,
    payment_status text,
    revision integer,
    tickets_cancelled integer,
    refund_due numeric,
    currency text,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.cancel_answer IS 'A cancelled registration.';
COMMENT ON COLUMN ticketing_internal.cancel_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.cancel_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.cancel_answer.status IS
'Status of the registration. One of `cancelled`.';
COMMENT ON COLUMN ticketing_internal.cancel_answer.payment_status IS
'Payment status of the registration; Paid until all that was paid is given back. One of `Unpaid`, `Paid`,
`Refunded`.';
COMMENT ON COLUMN ticketing_internal.cancel_answer.revision IS
'Its revision after the call; every change increments it.';
COMMENT ON COLUMN ticketing_internal.cancel_answer.tickets_cancelled IS
'Number of tickets cancelled; 0 if it was cancelled before.';
COMMENT ON COLUMN ticketing_internal.cancel_answer.refund_due IS
'What is to be given back.';
COMMENT ON COLUMN ticketing_internal.cancel_answer.currency IS 'ISO 4217 code of the amount.';
COMMENT ON COLUMN ticketing_internal.cancel_answer.server_time IS
'Time of the database during the call.';

CREATE TYPE ticketing_internal.amend_answer AS (
    success boolean,
    registration_id uuid,
    status text,
    payment_status text,
    confirmation_number text,
    revision integer,
    payment_id uuid,
    tickets_created integer,
    tickets_cancelled integer,
    subtotal numeric,
    adjustment numeric,
    total numeric,
    paid numeric,
    refunded numeric,
    amount_due numeric,
    refund_due numeric,
    currency text,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.amend_answer IS
'What a change of a paid registration has changed, and its money after it.';
COMMENT ON COLUMN ticketing_internal.amend_answer.success IS 'Always true.';
COMMENT ON COLUMN ticketing_internal.amend_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.amend_answer.status IS
'One of `draft`, `pending`, `completed`, `cancelled`, `expired`: `completed`, unless a payment is sent again later.';
COMMENT ON COLUMN ticketing_internal.amend_answer.payment_status IS
'One of `Unpaid`, `Paid`, `Refunded`: `Paid`, unless a payment is sent again later.';
COMMENT ON COLUMN ticketing_internal.amend_answer.confirmation_number IS
'Confirmation number; it stays the same.';
COMMENT ON COLUMN ticketing_internal.amend_answer.revision IS
'Its revision now; pass it as `p_expected_revision`.';
COMMENT ON COLUMN ticketing_internal.amend_answer.payment_id IS
'The payment that came with the change; null without one.';
COMMENT ON COLUMN ticketing_internal.amend_answer.tickets_created IS 'Tickets added, paid at once.';
COMMENT ON COLUMN ticketing_internal.amend_answer.tickets_cancelled IS 'Tickets that the call has cancelled.';
COMMENT ON COLUMN ticketing_internal.amend_answer.subtotal IS 'Sum of `price_paid` of its tickets in force.';
COMMENT ON COLUMN ticketing_internal.amend_answer.adjustment IS
'What is added to `subtotal`: negative for a discount.';
COMMENT ON COLUMN ticketing_internal.amend_answer.total IS
'Price of the registration, without surcharges.';
COMMENT ON COLUMN ticketing_internal.amend_answer.paid IS 'What was paid for it, without surcharges.';
COMMENT ON COLUMN ticketing_internal.amend_answer.refunded IS 'What was given back, without surcharges.';
COMMENT ON COLUMN ticketing_internal.amend_answer.amount_due IS
'What is still to be paid: 0, since a change comes with its payment.';
COMMENT ON COLUMN ticketing_internal.amend_answer.refund_due IS 'What is to be given back.';
COMMENT ON COLUMN ticketing_internal.amend_answer.currency IS 'ISO 4217 code of its amounts.';
COMMENT ON COLUMN ticketing_internal.amend_answer.server_time IS 'Time of the change.';

CREATE TYPE ticketing_internal.refund_answer AS (
    success boolean,
    registration_id uuid,
    payment_id uuid,
    status text,
    payment_status text,
    revision integer,
    amount numeric,
    surcharge_amount numeric,
    refund_due numeric,
    currency text
);
COMMENT ON TYPE ticketing_internal.refund_answer IS 'A recorded refund and its registration.';
COMMENT ON COLUMN ticketing_internal.refund_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.refund_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.refund_answer.payment_id IS
'The refund, a payment of kind refund.';
COMMENT ON COLUMN ticketing_internal.refund_answer.status IS
'Status of the registration. One of `completed`, `cancelled`.';
COMMENT ON COLUMN ticketing_internal.refund_answer.payment_status IS
'Payment status; Refunded once it is cancelled and all that was paid is given back. One of `Paid`,
`Refunded`.';
COMMENT ON COLUMN ticketing_internal.refund_answer.revision IS
'Its revision after the call; every change increments it.';
COMMENT ON COLUMN ticketing_internal.refund_answer.amount IS
'The refunded amount, including the surcharge.';
COMMENT ON COLUMN ticketing_internal.refund_answer.surcharge_amount IS
'The part of the amount that is surcharge.';
COMMENT ON COLUMN ticketing_internal.refund_answer.refund_due IS
'What is still to be given back of the registration, without surcharges.';
COMMENT ON COLUMN ticketing_internal.refund_answer.currency IS 'ISO 4217 code of its amounts.';

CREATE TYPE ticketing_internal.adjust_answer AS (
    success boolean,
    registration_id uuid,
    status text,
    payment_status text,
    revision integer,
    subtotal numeric,
    adjustment numeric,
    total numeric,
    paid numeric,
    refunded numeric,
    amount_due numeric,
    refund_due numeric,
    currency text,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.adjust_answer IS 'An adjusted registration and its money.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.status IS
'Status of the registration. One of `draft`, `completed`, `cancelled`, `expired`, `pending`.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.payment_status IS
'Payment status of the registration. One of `Unpaid`, `Paid`, `Refunded`.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.revision IS
'Its revision after the call; the same as before if nothing changed.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.subtotal IS
'Sum of the prices of its tickets in force; 0 once cancelled.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.adjustment IS
'What it costs more than its tickets; negative for a discount.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.total IS
'The price of the registration: `subtotal` and `adjustment` together, or 0 if that is negative.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.paid IS
'What was paid for it, without surcharges.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.refunded IS
'What was given back of that, without surcharges.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.amount_due IS
'What is still to be paid; 0 once completed or cancelled.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.refund_due IS 'What is still to be given back.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.currency IS 'ISO 4217 code of its amounts.';
COMMENT ON COLUMN ticketing_internal.adjust_answer.server_time IS 'Time of the database.';

CREATE TYPE ticketing_internal.transfer_answer AS (
    success boolean,
    registration_id uuid,
    owner_id uuid,
    revision integer,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.transfer_answer IS 'A registration and its new owner.';
COMMENT ON COLUMN ticketing_internal.transfer_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.transfer_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.transfer_answer.owner_id IS 'User id of its owner now.';
COMMENT ON COLUMN ticketing_internal.transfer_answer.revision IS
'Its revision after the call; the same as before if nothing changed.';
COMMENT ON COLUMN ticketing_internal.transfer_answer.server_time IS 'Time of the database.';

CREATE TYPE ticketing_internal.extend_hold_answer AS (
    success boolean,
    registration_id uuid,
    status text,
    revision integer,
    hold_granted_until timestamptz,
    hold_expires_at timestamptz,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.extend_hold_answer IS 'A registration that may hold its tickets longer.';
COMMENT ON COLUMN ticketing_internal.extend_hold_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.extend_hold_answer.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.extend_hold_answer.status IS
'Status of the registration; expired only if it has no tickets. One of `draft`, `pending`, `expired`.';
COMMENT ON COLUMN ticketing_internal.extend_hold_answer.revision IS
'Its revision after the call; the same as before unless it was expired.';
COMMENT ON COLUMN ticketing_internal.extend_hold_answer.hold_granted_until IS
'Until when it may hold tickets.';
COMMENT ON COLUMN ticketing_internal.extend_hold_answer.hold_expires_at IS
'Until when its tickets keep their capacity; null: it holds none.';
COMMENT ON COLUMN ticketing_internal.extend_hold_answer.server_time IS
'Time of the database, to count down to `hold_expires_at` from.';

CREATE TYPE ticketing_internal.release_answer AS (
    success boolean,
    released integer,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.release_answer IS 'What releasing expired holds has done.';
COMMENT ON COLUMN ticketing_internal.release_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.release_answer.released IS
'Number of registrations that became expired.';
COMMENT ON COLUMN ticketing_internal.release_answer.server_time IS
'Time of the database during the call.';

CREATE TYPE ticketing_internal.catalogue_change AS (
    change text,
    kind text,
    id uuid,
    slug text,
    name text,
    keys text []
);
COMMENT ON TYPE ticketing_internal.catalogue_change IS 'A change of a stored catalogue.';
COMMENT ON COLUMN ticketing_internal.catalogue_change.change IS
'What happened to it: it is new, differs, or is inactive now (a pool: gone). One of `added`, `changed`, `dropped`.';
COMMENT ON COLUMN ticketing_internal.catalogue_change.kind IS
'What it is. One of `organisation`, `function`, `event`, `ticket_type`, `package`, `pool`.';
COMMENT ON COLUMN ticketing_internal.catalogue_change.id IS 'Its id.';
COMMENT ON COLUMN ticketing_internal.catalogue_change.slug IS 'Its slug; null if none.';
COMMENT ON COLUMN ticketing_internal.catalogue_change.name IS 'Its name; the title of an event.';
COMMENT ON COLUMN ticketing_internal.catalogue_change.keys IS
'The keys of the document that differ now; empty for what is new, and for a pool that is gone.';

CREATE TYPE ticketing_internal.user_answer AS (
    user_id uuid
);
COMMENT ON TYPE ticketing_internal.user_answer IS 'Whom a token names.';
COMMENT ON COLUMN ticketing_internal.user_answer.user_id IS 'The id of the user.';

CREATE TYPE ticketing_internal.import_answer AS (
    success boolean,
    function_id uuid,
    events integer,
    ticket_types integer,
    packages integer,
    capacity_pools integer,
    deactivated integer,
    changes ticketing_internal.catalogue_change [],
    warnings text [],
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.import_answer IS 'What an import has stored.';
COMMENT ON COLUMN ticketing_internal.import_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.import_answer.function_id IS
'The event function created or updated.';
COMMENT ON COLUMN ticketing_internal.import_answer.events IS 'Number of events in the document.';
COMMENT ON COLUMN ticketing_internal.import_answer.ticket_types IS
'Number of ticket types in the document.';
COMMENT ON COLUMN ticketing_internal.import_answer.packages IS
'Number of packages in the document.';
COMMENT ON COLUMN ticketing_internal.import_answer.capacity_pools IS
'Number of capacity pools after the import.';
COMMENT ON COLUMN ticketing_internal.import_answer.deactivated IS
'Number of events, ticket types and packages that became inactive.';
COMMENT ON COLUMN ticketing_internal.import_answer.changes IS
'What is different now; empty if nothing.';
COMMENT ON COLUMN ticketing_internal.import_answer.warnings IS
'What is allowed but hardly ever meant, in words; empty if nothing.';
COMMENT ON COLUMN ticketing_internal.import_answer.server_time IS
'Time of the database during the call.';

CREATE TYPE ticketing_internal.export_answer AS (
    function_id uuid,
    catalogue jsonb,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.export_answer IS 'The stored catalogue of a function.';
COMMENT ON COLUMN ticketing_internal.export_answer.function_id IS 'The event function.';
COMMENT ON COLUMN ticketing_internal.export_answer.catalogue IS
'`Catalogue`: The `p_catalogue` of an import that changes nothing. It has the ids that do not follow from a slug.';
COMMENT ON COLUMN ticketing_internal.export_answer.server_time IS
'Time of the database during the call.';

CREATE TYPE ticketing_internal.ticket_change AS (
    epoch bigint,
    change_id bigint,
    change text,
    function_id uuid,
    registration_id uuid,
    revision integer,
    ticket_id uuid,
    attendee_id uuid,
    event_id uuid,
    ticket_type_id uuid,
    package_id uuid,
    price_paid numeric,
    actor_id uuid,
    actor_role text,
    changed_at timestamptz
);
COMMENT ON TYPE ticketing_internal.ticket_change IS 'A change of a ticket.';
COMMENT ON COLUMN ticketing_internal.ticket_change.epoch IS
'Epoch of the change. It rises after a failover or a restore: changes read earlier may be lost.';
COMMENT ON COLUMN ticketing_internal.ticket_change.change_id IS
'Number of the change, unique in its epoch.';
COMMENT ON COLUMN ticketing_internal.ticket_change.change IS
'What happened to the ticket. One of `added`, `removed`, `paid`, `assigned`, `cancelled`, `refunded`.';
COMMENT ON COLUMN ticketing_internal.ticket_change.function_id IS 'The event function.';
COMMENT ON COLUMN ticketing_internal.ticket_change.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing_internal.ticket_change.revision IS
'Revision of the registration after the change.';
COMMENT ON COLUMN ticketing_internal.ticket_change.ticket_id IS 'The ticket.';
COMMENT ON COLUMN ticketing_internal.ticket_change.attendee_id IS
'Id of the attendee in the database.';
COMMENT ON COLUMN ticketing_internal.ticket_change.event_id IS 'The event.';
COMMENT ON COLUMN ticketing_internal.ticket_change.ticket_type_id IS 'The ticket type.';
COMMENT ON COLUMN ticketing_internal.ticket_change.package_id IS
'The package that the ticket comes in; null: an individual ticket.';
COMMENT ON COLUMN ticketing_internal.ticket_change.price_paid IS
'Price of the ticket, in the currency of the function.';
COMMENT ON COLUMN ticketing_internal.ticket_change.actor_id IS
'The user who made the change; null: a service or a DBA without a user.';
COMMENT ON COLUMN ticketing_internal.ticket_change.actor_role IS
'The database role that made the change.';
COMMENT ON COLUMN ticketing_internal.ticket_change.changed_at IS 'Time of the change.';

CREATE TYPE ticketing_internal.ticket_changes_answer AS (
    changes ticketing_internal.ticket_change [],
    cursor text
);
COMMENT ON TYPE ticketing_internal.ticket_changes_answer IS 'A page of the change feed.';
COMMENT ON COLUMN ticketing_internal.ticket_changes_answer.changes IS
'The changes after `p_after`, in order.';
COMMENT ON COLUMN ticketing_internal.ticket_changes_answer.cursor IS
'Opaque cursor, the `p_after` of the next call; null: there are no changes yet.';

CREATE TYPE ticketing_internal.begin_feed_epoch_answer AS (
    success boolean,
    epoch bigint,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.begin_feed_epoch_answer IS 'The new epoch of the change feed.';
COMMENT ON COLUMN ticketing_internal.begin_feed_epoch_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.begin_feed_epoch_answer.epoch IS
'Epoch of the changes from now on; above all earlier ones.';
COMMENT ON COLUMN ticketing_internal.begin_feed_epoch_answer.server_time IS
'Time of the database during the call.';

CREATE TYPE ticketing_internal.repair_answer AS (
    success boolean,
    pools_repaired integer,
    server_time timestamptz
);
COMMENT ON TYPE ticketing_internal.repair_answer IS 'What recounting the capacity has corrected.';
COMMENT ON COLUMN ticketing_internal.repair_answer.success IS
'Always true: a refused call raises an error instead.';
COMMENT ON COLUMN ticketing_internal.repair_answer.pools_repaired IS
'Number of pools whose counters were corrected.';
COMMENT ON COLUMN ticketing_internal.repair_answer.server_time IS
'Time of the database during the call.';

CREATE TYPE ticketing_internal.integrity_problem AS (
    check_name text,
    function_id uuid,
    registration_id uuid,
    detail jsonb
);
COMMENT ON TYPE ticketing_internal.integrity_problem IS
'A row of `check_integrity`: a stored value that disagrees with another.';
COMMENT ON COLUMN ticketing_internal.integrity_problem.check_name IS
'The check that found it. One of `pool_counters`, `registration_totals`, `selected_tickets`,
`package_contents`, `registration_state`, `payments`, `registration_index`, `change_feed`,
`feed_order`.';
COMMENT ON COLUMN ticketing_internal.integrity_problem.function_id IS 'The event function.';
COMMENT ON COLUMN ticketing_internal.integrity_problem.registration_id IS
'The registration; null: it is not about one.';
COMMENT ON COLUMN ticketing_internal.integrity_problem.detail IS
'The stored value, and the value with which it should agree.';

-- Stored selections, which are answered as they are, in ticket_selections and attendee_data

CREATE TYPE ticketing_internal.selected_ticket AS (
    "ticketId" uuid,
    quantity bigint
);
COMMENT ON TYPE ticketing_internal.selected_ticket IS
'A ticket type with its quantity, in `selected_tickets` and in the packages listed there.';
COMMENT ON COLUMN ticketing_internal.selected_ticket."ticketId" IS 'The ticket type.';
COMMENT ON COLUMN ticketing_internal.selected_ticket.quantity IS 'The quantity.';

CREATE TYPE ticketing_internal.selected_package AS (
    "packageId" uuid,
    quantity bigint,
    tickets ticketing_internal.selected_ticket []
);
COMMENT ON TYPE ticketing_internal.selected_package IS
'A package with its quantity, in `selected_tickets`.';
COMMENT ON COLUMN ticketing_internal.selected_package."packageId" IS 'The package.';
COMMENT ON COLUMN ticketing_internal.selected_package.quantity IS 'The quantity.';
COMMENT ON COLUMN ticketing_internal.selected_package.tickets IS 'The contents of one package.';
