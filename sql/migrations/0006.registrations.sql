-- Registrations, their attendees, the tickets of these attendees with their holders, and payments.
--
-- owner_id is stored on registrations, attendees, tickets and holders alike, kept equal by
-- composite foreign keys: the rows of an owner are then found by index, and row security compares a
-- column instead of joining. When a registration gets another owner, the foreign keys pass it on.

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL ROLE ticketing_owner;

-- The states of a registration, as registrations_state_check and registrations_confirmation_check
-- list them. One list instead of a CHECK per column is easier to read, and cheaper: PostgreSQL
-- prepares the CHECKs for every statement that writes the table.
--
-- | status | payment_status | confirmation_number |
-- |---|---|---|
-- | draft, pending, expired | Unpaid | null |
-- | completed | Paid | set |
-- | cancelled | Unpaid | null |
-- | cancelled | Paid, Refunded | set |
--
-- Free space in each page keeps updated rows on their page (HOT).
CREATE TABLE ticketing.registrations (
    function_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    registration_type ticketing.registration_type NOT NULL,
    status text NOT NULL DEFAULT 'draft',
    payment_status text NOT NULL DEFAULT 'Unpaid',
    booking_contact ticketing.wizard_object,
    registration_data ticketing.wizard_object NOT NULL DEFAULT '{}',
    subtotal ticketing.amount NOT NULL DEFAULT 0,
    adjustment ticketing.adjustment NOT NULL DEFAULT 0,
    -- one digit more than either of its parts
    total numeric(13, 2) NOT NULL GENERATED ALWAYS AS (
        greatest(0.00, subtotal + adjustment)
    ) STORED,
    currency text NOT NULL,
    confirmation_number ticketing.confirmation_number,
    hold_expires_at ticketing.finite_time,
    held_since ticketing.finite_time,
    held_until ticketing.finite_time,
    hold_granted_until ticketing.finite_time,
    -- What is overdue is found by the minute: of the changes that renew a hold, few change this, so
    -- most updates add no index entry.
    hold_bucket timestamptz GENERATED ALWAYS AS (
        CASE
            WHEN status IN ('draft', 'pending')
                THEN pg_catalog.date_bin('1 minute', hold_expires_at, '2000-01-01 00:00+00')
        END
    ) STORED,
    is_open boolean NOT NULL GENERATED ALWAYS AS (status IN ('draft', 'pending')) STORED,
    cancellation_reason ticketing.reason,
    revision ticketing.counter NOT NULL DEFAULT 0,
    last_change_epoch bigint NOT NULL DEFAULT 0,
    last_change_transaction_id xid8 NOT NULL DEFAULT '0',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT registrations_pkey PRIMARY KEY (function_id, registration_id),
    -- referenced by attendees: they have the owner of their registration
    CONSTRAINT registrations_owner_key UNIQUE (function_id, registration_id, owner_id),
    CONSTRAINT registrations_confirmation_number_key UNIQUE (function_id, confirmation_number),
    -- also makes the currency that of the function, so currency needs no CHECK
    CONSTRAINT registrations_function_fkey FOREIGN KEY (function_id, currency)
    REFERENCES ticketing.functions (function_id, currency),
    CONSTRAINT registrations_state_check CHECK (
        (status || ' ' || payment_status) IN (
            'draft Unpaid', 'pending Unpaid', 'expired Unpaid', 'completed Paid',
            'cancelled Unpaid', 'cancelled Paid', 'cancelled Refunded'
        )
    ),
    CONSTRAINT registrations_confirmation_check CHECK (
        (payment_status = 'Unpaid') = (confirmation_number IS NULL)
    ),
    CONSTRAINT registrations_hold_check CHECK (
        hold_expires_at IS NULL
        OR (status IN ('draft', 'pending', 'expired') AND held_since IS NOT NULL)
    ),
    CONSTRAINT registrations_cancellation_reason_check CHECK (
        cancellation_reason IS NULL OR status = 'cancelled'
    )
) WITH (fillfactor = 80);

CREATE INDEX registrations_function_idx ON ticketing.registrations (function_id, currency);
-- The second column makes the index as good as the primary key for finding one registration. Where
-- most owners have a single registration, PostgreSQL may choose either for a foreign key check, and
-- by owner_id alone it would read all rows of an owner who has thousands.
CREATE INDEX registrations_owner_idx ON ticketing.registrations (owner_id, registration_id);
-- Holds by their end, and the open registrations of an owner. No index has status itself, which
-- changes with each payment that is started and given up.
CREATE INDEX registrations_hold_idx ON ticketing.registrations (function_id, hold_bucket)
WHERE hold_bucket IS NOT NULL;
CREATE INDEX registrations_open_idx
ON ticketing.registrations (function_id, owner_id, hold_bucket)
WHERE is_open;

COMMENT ON TABLE ticketing.registrations IS 'Registrations: one booking each of attendees for a function.';
COMMENT ON COLUMN ticketing.registrations.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.registrations.registration_id IS
'Id of the registration, chosen by the client or generated.';
COMMENT ON COLUMN ticketing.registrations.owner_id IS 'User id of the owner (the JWT sub claim).';
COMMENT ON COLUMN ticketing.registrations.registration_type IS
'One of `individuals`, `lodges`, `delegations`.';
COMMENT ON COLUMN ticketing.registrations.status IS
'One of `draft`, `pending`, `completed`, `cancelled`, `expired`. draft: being edited; pending: payment started; completed:
paid; expired: the hold ended and its capacity was released.';
COMMENT ON COLUMN ticketing.registrations.payment_status IS 'One of `Unpaid`, `Paid`, `Refunded`.';
COMMENT ON COLUMN ticketing.registrations.booking_contact IS
'`BillingDetails`: The contact for the booking, as the wizard sent it.';
COMMENT ON COLUMN ticketing.registrations.registration_data IS
'The registration object as the wizard sent it, without its attendees.';
COMMENT ON COLUMN ticketing.registrations.subtotal IS
'Sum of `price_paid` of its active tickets; 0 once cancelled.';
COMMENT ON COLUMN ticketing.registrations.adjustment IS
'What is added to `subtotal`: negative for a discount, positive for a fee that is kept after a cancellation.';
COMMENT ON COLUMN ticketing.registrations.total IS
'Price of the registration, without surcharges: `subtotal` and `adjustment` together, or 0 if that is negative.';
COMMENT ON COLUMN ticketing.registrations.currency IS 'ISO 4217 code of its amounts: the currency of the function.';
COMMENT ON COLUMN ticketing.registrations.confirmation_number IS
'Confirmation number, issued once on completion; null before.';
COMMENT ON COLUMN ticketing.registrations.hold_expires_at IS
'Until when its unpaid tickets keep their capacity; null if it holds none.';
COMMENT ON COLUMN ticketing.registrations.held_since IS
'When it began to hold capacity, breaks of less than `hold_minutes` included; null if it never did.';
COMMENT ON COLUMN ticketing.registrations.held_until IS
'When it last gave up all of its tickets; null if it never did.';
COMMENT ON COLUMN ticketing.registrations.hold_granted_until IS
'Until when staff have granted it to hold tickets, whatever the limits of the function; null: no longer than these.';
COMMENT ON COLUMN ticketing.registrations.hold_bucket IS
'The minute in which its hold ends; null if it holds nothing.';
COMMENT ON COLUMN ticketing.registrations.is_open IS 'Whether its status is draft or pending.';
COMMENT ON COLUMN ticketing.registrations.cancellation_reason IS 'Cancellation reason; null if none was given.';
COMMENT ON COLUMN ticketing.registrations.revision IS
'Incremented by every change, so that concurrent edits (two browser tabs, say) are detected.';
COMMENT ON COLUMN ticketing.registrations.last_change_epoch IS
'Epoch of its last change in the change feed; 0 before the first.';
COMMENT ON COLUMN ticketing.registrations.last_change_transaction_id IS
'Transaction id under which its last change is recorded in the change feed.';
COMMENT ON COLUMN ticketing.registrations.created_at IS 'When the registration was created.';
COMMENT ON COLUMN ticketing.registrations.updated_at IS 'When the registration was last changed.';

-- The only table below functions that is not keyed by function_id: callers know only the id of
-- their registration. No foreign key is needed, because one transaction writes both rows.
CREATE TABLE ticketing.registration_index (
    registration_id uuid NOT NULL,
    function_id uuid NOT NULL,
    CONSTRAINT registration_index_pkey PRIMARY KEY (registration_id)
);

COMMENT ON TABLE ticketing.registration_index IS
'The function of each registration. Makes registration ids unique over all functions.';
COMMENT ON COLUMN ticketing.registration_index.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing.registration_index.function_id IS 'The function of the registration.';

-- A row of about 1 kB is rewritten whenever the selection of its attendee changes. Half of each
-- page is left free, so that most new versions stay on their page and need no index entries.
CREATE TABLE ticketing.attendees (
    function_id uuid NOT NULL,
    attendee_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    client_attendee_id uuid NOT NULL,
    position integer NOT NULL DEFAULT 0,
    attendee_type text NOT NULL,
    is_primary boolean NOT NULL DEFAULT FALSE,
    is_partner boolean NOT NULL DEFAULT FALSE,
    related_attendee_id uuid,
    title text,
    first_name text,
    last_name text,
    email text,
    phone text,
    attendee_data ticketing.wizard_object NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT attendees_pkey PRIMARY KEY (function_id, attendee_id),
    -- referenced by tickets and related attendees: they have the same registration and owner
    CONSTRAINT attendees_registration_key UNIQUE (
        function_id, registration_id, owner_id, attendee_id
    ),
    CONSTRAINT attendees_client_attendee_key UNIQUE (
        function_id, registration_id, client_attendee_id
    ),
    CONSTRAINT attendees_registration_fkey FOREIGN KEY (function_id, registration_id, owner_id)
    REFERENCES ticketing.registrations (function_id, registration_id, owner_id) ON UPDATE CASCADE,
    CONSTRAINT attendees_related_attendee_fkey
    FOREIGN KEY (function_id, registration_id, owner_id, related_attendee_id)
    REFERENCES ticketing.attendees (function_id, registration_id, owner_id, attendee_id)
    ON UPDATE CASCADE,
    CONSTRAINT attendees_position_check CHECK (position >= 0),
    CONSTRAINT attendees_related_attendee_check CHECK (related_attendee_id <> attendee_id),
    CONSTRAINT attendees_attendee_type_check CHECK (attendee_type ~ '^[A-Za-z][A-Za-z_-]{0,49}$')
) WITH (fillfactor = 50);

-- attendee_id for the same reason as in registrations_owner_idx
CREATE INDEX attendees_owner_idx ON ticketing.attendees (owner_id, attendee_id);
CREATE INDEX attendees_related_attendee_idx
ON ticketing.attendees (function_id, registration_id, owner_id, related_attendee_id)
WHERE related_attendee_id IS NOT NULL;

COMMENT ON TABLE ticketing.attendees IS 'Attendees: the people of a registration.';
COMMENT ON COLUMN ticketing.attendees.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.attendees.attendee_id IS 'Id of the attendee, generated.';
COMMENT ON COLUMN ticketing.attendees.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing.attendees.owner_id IS 'Owner of the registration.';
COMMENT ON COLUMN ticketing.attendees.client_attendee_id IS
'Id of the attendee in the wizard, unique in the registration. RPCs accept either id.';
COMMENT ON COLUMN ticketing.attendees.position IS 'Position in the list of the wizard, from 0 (the primary attendee).';
COMMENT ON COLUMN ticketing.attendees.attendee_type IS 'Type of the attendee, such as mason, guest or contact.';
COMMENT ON COLUMN ticketing.attendees.is_primary IS 'Whether this is the primary attendee of the registration.';
COMMENT ON COLUMN ticketing.attendees.is_partner IS 'Whether this is the partner of another attendee.';
COMMENT ON COLUMN ticketing.attendees.related_attendee_id IS
'The attendee whose partner or guest this is; null if none.';
COMMENT ON COLUMN ticketing.attendees.title IS 'Title.';
COMMENT ON COLUMN ticketing.attendees.first_name IS 'First name.';
COMMENT ON COLUMN ticketing.attendees.last_name IS 'Last name.';
COMMENT ON COLUMN ticketing.attendees.email IS 'E-mail address.';
COMMENT ON COLUMN ticketing.attendees.phone IS 'Phone number.';
COMMENT ON COLUMN ticketing.attendees.attendee_data IS
'`WizardAttendee`: The attendee object as the wizard sent it, plus `selected_tickets`: the selection of the attendee in
canonical form `{"packages": [{"packageId", "quantity", "tickets": [{"ticketId", "quantity"}]}], "individualTickets":
[{"ticketId", "quantity"}]}`.';
COMMENT ON COLUMN ticketing.attendees.created_at IS 'When the row was created.';
COMMENT ON COLUMN ticketing.attendees.updated_at IS 'When the row was last changed.';

CREATE TABLE ticketing.tickets (
    function_id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    attendee_id uuid NOT NULL,
    event_id uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    package_id uuid,
    package_number integer,
    price_paid numeric(12, 2) NOT NULL,
    original_price numeric(12, 2) NOT NULL,
    currency text NOT NULL,
    status text NOT NULL DEFAULT 'Active',
    payment_status text NOT NULL DEFAULT 'Unpaid',
    is_partner_ticket boolean NOT NULL DEFAULT FALSE,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT tickets_pkey PRIMARY KEY (function_id, ticket_id),
    -- referenced by holders: they have the registration, attendee and owner of their ticket
    CONSTRAINT tickets_attendee_key UNIQUE (
        function_id, registration_id, owner_id, attendee_id, ticket_id
    ),
    CONSTRAINT tickets_attendee_fkey
    FOREIGN KEY (function_id, registration_id, owner_id, attendee_id)
    REFERENCES ticketing.attendees (function_id, registration_id, owner_id, attendee_id)
    ON UPDATE CASCADE,
    CONSTRAINT tickets_ticket_type_fkey FOREIGN KEY (function_id, event_id, ticket_type_id)
    REFERENCES ticketing.ticket_types (function_id, event_id, ticket_type_id),
    CONSTRAINT tickets_package_item_fkey FOREIGN KEY (function_id, package_id, ticket_type_id)
    REFERENCES ticketing.package_items (function_id, package_id, ticket_type_id),
    CONSTRAINT tickets_package_number_check CHECK ((package_id IS NULL) = (package_number IS NULL)),
    CONSTRAINT tickets_package_number_range_check CHECK (package_number >= 1),
    CONSTRAINT tickets_price_paid_check CHECK (price_paid >= 0 AND price_paid <> 'NaN'),
    CONSTRAINT tickets_original_price_check CHECK (original_price >= 0 AND original_price <> 'NaN'),
    -- only the price allocation of a package may differ from list prices
    CONSTRAINT tickets_individual_price_check CHECK (
        package_id IS NOT NULL OR price_paid = original_price
    ),
    CONSTRAINT tickets_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT tickets_status_check CHECK (status IN ('Active', 'Cancelled')),
    CONSTRAINT tickets_payment_status_check CHECK (
        payment_status IN ('Unpaid', 'Paid', 'Refunded')
    ),
    CONSTRAINT tickets_refunded_check CHECK (payment_status <> 'Refunded' OR status = 'Cancelled')
);

CREATE INDEX tickets_ticket_type_idx ON ticketing.tickets (function_id, event_id, ticket_type_id);
CREATE INDEX tickets_package_item_idx ON ticketing.tickets (function_id, package_id, ticket_type_id)
WHERE package_id IS NOT NULL;
CREATE INDEX tickets_owner_idx ON ticketing.tickets (owner_id);
-- The free tickets of an owner, which count like unpaid ones. Without status: an update of an
-- indexed column adds an entry to every index of the table.
CREATE INDEX tickets_free_idx ON ticketing.tickets (function_id, owner_id)
WHERE price_paid = 0;

COMMENT ON TABLE ticketing.tickets IS
'Tickets: one admission each of an attendee to an event. A ticket removed before payment is deleted; `ticket_changes`
keeps its history.';
COMMENT ON COLUMN ticketing.tickets.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.tickets.ticket_id IS 'Id of the ticket, generated; stays the same while the ticket is kept.';
COMMENT ON COLUMN ticketing.tickets.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing.tickets.owner_id IS 'Owner of the registration.';
COMMENT ON COLUMN ticketing.tickets.attendee_id IS
'The attendee who has it, whom it admits unless it has a holder.';
COMMENT ON COLUMN ticketing.tickets.event_id IS 'The event of its ticket type.';
COMMENT ON COLUMN ticketing.tickets.ticket_type_id IS 'The ticket type.';
COMMENT ON COLUMN ticketing.tickets.package_id IS 'The package it is part of; null for an individual ticket.';
COMMENT ON COLUMN ticketing.tickets.package_number IS
'Number of that package among the attendee''s packages with the same `package_id`, from 1; null for an individual
ticket. Packages are added and removed as a whole, so that the prices of their tickets always add up to the package
price.';
COMMENT ON COLUMN ticketing.tickets.price_paid IS
'Price when it was added: the list price, or its part of the price allocation of its package.';
COMMENT ON COLUMN ticketing.tickets.original_price IS 'List price when it was added.';
COMMENT ON COLUMN ticketing.tickets.currency IS 'ISO 4217 code of its prices: the currency of the function.';
COMMENT ON COLUMN ticketing.tickets.status IS 'One of `Active`, `Cancelled`.';
COMMENT ON COLUMN ticketing.tickets.payment_status IS 'One of `Unpaid`, `Paid`, `Refunded`.';
COMMENT ON COLUMN ticketing.tickets.is_partner_ticket IS 'Whether its attendee is the partner of another attendee.';
COMMENT ON COLUMN ticketing.tickets.created_at IS 'When the ticket was added.';
COMMENT ON COLUMN ticketing.tickets.updated_at IS 'When the ticket was last changed.';

-- Most tickets admit their attendee. A ticket removed before payment takes its holder with it.
CREATE TABLE ticketing.ticket_holders (
    function_id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    attendee_id uuid NOT NULL,
    title text,
    first_name text NOT NULL,
    last_name text NOT NULL,
    email text,
    phone text,
    holder_data ticketing.wizard_object NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT ticket_holders_pkey PRIMARY KEY (function_id, ticket_id),
    CONSTRAINT ticket_holders_ticket_fkey
    FOREIGN KEY (function_id, registration_id, owner_id, attendee_id, ticket_id)
    REFERENCES ticketing.tickets (function_id, registration_id, owner_id, attendee_id, ticket_id)
    ON UPDATE CASCADE ON DELETE CASCADE
);

CREATE INDEX ticket_holders_ticket_idx
ON ticketing.ticket_holders (function_id, registration_id, owner_id, attendee_id, ticket_id);
CREATE INDEX ticket_holders_owner_idx ON ticketing.ticket_holders (owner_id, ticket_id);

COMMENT ON TABLE ticketing.ticket_holders IS
'Holders: the people whom tickets admit, where these are not their attendees.';
COMMENT ON COLUMN ticketing.ticket_holders.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.ticket_holders.ticket_id IS 'The ticket.';
COMMENT ON COLUMN ticketing.ticket_holders.registration_id IS 'The registration of the ticket.';
COMMENT ON COLUMN ticketing.ticket_holders.owner_id IS 'Owner of the registration.';
COMMENT ON COLUMN ticketing.ticket_holders.attendee_id IS 'The attendee of the ticket.';
COMMENT ON COLUMN ticketing.ticket_holders.title IS 'Title.';
COMMENT ON COLUMN ticketing.ticket_holders.first_name IS 'First name.';
COMMENT ON COLUMN ticketing.ticket_holders.last_name IS 'Last name.';
COMMENT ON COLUMN ticketing.ticket_holders.email IS 'E-mail address.';
COMMENT ON COLUMN ticketing.ticket_holders.phone IS 'Phone number.';
COMMENT ON COLUMN ticketing.ticket_holders.holder_data IS '`TicketHolder`: The holder object as it was sent.';
COMMENT ON COLUMN ticketing.ticket_holders.created_at IS 'When the row was created.';
COMMENT ON COLUMN ticketing.ticket_holders.updated_at IS 'When the row was last changed.';

CREATE TABLE ticketing.payments (
    function_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    provider text NOT NULL,
    reference text NOT NULL,
    kind text NOT NULL,
    amount numeric(12, 2) NOT NULL,
    surcharge_amount numeric(12, 2) NOT NULL DEFAULT 0,
    currency text NOT NULL,
    ticket_ids uuid[],
    amendment_hash bytea,
    paid_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT payments_pkey PRIMARY KEY (function_id, payment_id),
    -- one payment cannot pay for two registrations
    CONSTRAINT payments_reference_key UNIQUE (function_id, provider, reference),
    CONSTRAINT payments_registration_fkey FOREIGN KEY (function_id, registration_id)
    REFERENCES ticketing.registrations (function_id, registration_id),
    CONSTRAINT payments_provider_check CHECK (length(provider) BETWEEN 1 AND 50),
    -- providers are compared without case
    CONSTRAINT payments_provider_case_check CHECK (provider = lower(provider COLLATE "C")),
    CONSTRAINT payments_reference_check CHECK (length(reference) BETWEEN 1 AND 200),
    CONSTRAINT payments_kind_check CHECK (kind IN ('payment', 'refund')),
    CONSTRAINT payments_amount_check CHECK (amount >= 0 AND amount <> 'NaN'),
    CONSTRAINT payments_refund_amount_check CHECK (kind = 'payment' OR amount > 0),
    CONSTRAINT payments_surcharge_amount_check CHECK (
        surcharge_amount BETWEEN 0 AND amount AND surcharge_amount <> 'NaN'
    ),
    CONSTRAINT payments_ticket_ids_check CHECK (
        ticket_ids IS NULL
        OR (
            kind = 'refund' AND cardinality(ticket_ids) > 0
            AND array_position(ticket_ids, NULL) IS NULL
        )
    ),
    CONSTRAINT payments_amendment_hash_check CHECK (
        amendment_hash IS NULL OR (kind = 'payment' AND length(amendment_hash) = 32)
    ),
    CONSTRAINT payments_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT payments_paid_at_check CHECK (isfinite(paid_at))
);

CREATE INDEX payments_registration_idx ON ticketing.payments (function_id, registration_id);

COMMENT ON TABLE ticketing.payments IS 'Payments and refunds of registrations, as reported by the payment provider.';
COMMENT ON COLUMN ticketing.payments.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.payments.payment_id IS 'Id of the payment or refund, generated.';
COMMENT ON COLUMN ticketing.payments.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing.payments.provider IS 'Name of the payment provider, in lower case.';
COMMENT ON COLUMN ticketing.payments.reference IS 'Id of the payment or refund at the provider.';
COMMENT ON COLUMN ticketing.payments.kind IS 'One of `payment`, `refund`.';
COMMENT ON COLUMN ticketing.payments.amount IS 'Amount, including the surcharge.';
COMMENT ON COLUMN ticketing.payments.surcharge_amount IS
'Part of the amount that is not for tickets: what the buyer paid on top (a card fee passed on), or got back of it.';
COMMENT ON COLUMN ticketing.payments.currency IS 'ISO 4217 code of both amounts.';
COMMENT ON COLUMN ticketing.payments.ticket_ids IS
'The tickets that a refund names, in order of id; null: none.';
COMMENT ON COLUMN ticketing.payments.amendment_hash IS
'SHA-256 of the selections that a payment amended its registration to; null: it amended nothing.';
COMMENT ON COLUMN ticketing.payments.paid_at IS 'When the money was paid, according to the provider.';
COMMENT ON COLUMN ticketing.payments.created_at IS 'When the row was created.';

ALTER TABLE ticketing.registrations ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.registration_index ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.attendees ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.tickets ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.ticket_holders ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.payments ENABLE ROW LEVEL SECURITY;
