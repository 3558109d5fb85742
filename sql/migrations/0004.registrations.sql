-- Bookings: registrations, their attendees, the tickets these hold, and the money for them.
--
-- owner_id stands on registrations, attendees and tickets alike and is kept equal by the composite
-- foreign keys: "my rows" is then an index lookup, and row security compares a column instead of
-- joining.

SET LOCAL ROLE ticketing_owner;

CREATE TABLE ticketing.registrations (
    function_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    registration_type text NOT NULL,
    status text NOT NULL DEFAULT 'draft',
    payment_status text NOT NULL DEFAULT 'Unpaid',
    booking_contact jsonb,
    registration_data jsonb NOT NULL DEFAULT '{}',
    subtotal numeric(12, 2) NOT NULL DEFAULT 0,
    total numeric(12, 2) NOT NULL DEFAULT 0,
    currency text NOT NULL,
    confirmation_number text,
    hold_expires_at timestamptz,
    cancellation_reason text,
    revision integer NOT NULL DEFAULT 0,
    last_change_epoch integer NOT NULL DEFAULT 0,
    last_change_transaction_id xid8 NOT NULL DEFAULT '0',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT registrations_pkey PRIMARY KEY (function_id, registration_id),
    -- what attendees and payments refer to, so that they can only have the owner of their
    -- registration
    CONSTRAINT registrations_owner_key UNIQUE (function_id, registration_id, owner_id),
    CONSTRAINT registrations_confirmation_number_key UNIQUE (function_id, confirmation_number),
    CONSTRAINT registrations_function_fkey FOREIGN KEY (function_id, currency)
    REFERENCES ticketing.functions (function_id, currency),
    CONSTRAINT registrations_registration_type_check
    CHECK (registration_type IN ('individuals', 'lodges', 'delegations')),
    CONSTRAINT registrations_status_check
    CHECK (status IN ('draft', 'pending', 'completed', 'cancelled', 'expired')),
    CONSTRAINT registrations_payment_status_check CHECK (
        payment_status IN ('Unpaid', 'Paid', 'Refunded')
    ),
    -- paid is what completed means; only what was paid and then cancelled can be refunded
    CONSTRAINT registrations_completed_check CHECK (
        CASE status
            WHEN 'completed' THEN payment_status = 'Paid' AND confirmation_number IS NOT NULL
            WHEN 'cancelled' THEN (payment_status = 'Unpaid') = (confirmation_number IS NULL)
            ELSE payment_status = 'Unpaid' AND confirmation_number IS NULL
        END
    ),
    CONSTRAINT registrations_hold_check CHECK (
        hold_expires_at IS NULL OR status IN ('draft', 'pending', 'expired')
    ),
    CONSTRAINT registrations_hold_expires_at_check CHECK (isfinite(hold_expires_at)),
    CONSTRAINT registrations_cancellation_reason_check
    CHECK (cancellation_reason IS NULL OR status = 'cancelled'),
    CONSTRAINT registrations_booking_contact_check CHECK (jsonb_typeof(booking_contact) = 'object'),
    CONSTRAINT registrations_registration_data_check CHECK (
        jsonb_typeof(registration_data) = 'object'
    ),
    CONSTRAINT registrations_subtotal_check CHECK (subtotal >= 0 AND subtotal <> 'NaN'),
    CONSTRAINT registrations_total_check CHECK (total >= 0 AND total <> 'NaN'),
    CONSTRAINT registrations_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT registrations_confirmation_number_check CHECK (
        length(confirmation_number) BETWEEN 1 AND 50
    ),
    CONSTRAINT registrations_revision_check CHECK (revision >= 0)
) WITH (fillfactor = 80);

CREATE INDEX registrations_function_idx ON ticketing.registrations (function_id, currency);
CREATE INDEX registrations_owner_idx ON ticketing.registrations (owner_id);
-- Who might hold places unpaid. hold_expires_at is not in it: every persist renews it, and an
-- update of an indexed column costs an entry in every index of the table.
CREATE INDEX registrations_unpaid_idx ON ticketing.registrations (function_id, registration_id)
WHERE status IN ('draft', 'pending');

COMMENT ON TABLE ticketing.registrations IS 'One booking of attendees for a function.';
COMMENT ON COLUMN ticketing.registrations.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.registrations.registration_id IS 'Id of the registration, chosen by the client or made here.';
COMMENT ON COLUMN ticketing.registrations.owner_id IS 'The user whose registration it is: the sub claim of his requests.';
COMMENT ON COLUMN ticketing.registrations.registration_type IS 'individuals, lodges or delegations.';
COMMENT ON COLUMN ticketing.registrations.status IS
'draft (being edited), pending (payment started), completed (paid), cancelled, or expired (its hold ran out).';
COMMENT ON COLUMN ticketing.registrations.payment_status IS 'Unpaid, Paid or Refunded.';
COMMENT ON COLUMN ticketing.registrations.booking_contact IS
'Whom to write to: the billingDetails of the wizard, as it sent them.';
COMMENT ON COLUMN ticketing.registrations.registration_data IS
'The registration object of the wizard without its attendees, as it sent it.';
COMMENT ON COLUMN ticketing.registrations.subtotal IS
'Sum of price_paid of its active tickets; of a cancelled one, what it was before.';
COMMENT ON COLUMN ticketing.registrations.total IS 'What is due for it, without the fees of a payment provider.';
COMMENT ON COLUMN ticketing.registrations.currency IS 'ISO 4217 code of its amounts: the currency of the function.';
COMMENT ON COLUMN ticketing.registrations.confirmation_number IS 'Issued once, when it completes.';
COMMENT ON COLUMN ticketing.registrations.hold_expires_at IS
'Until when its unpaid tickets keep their places; null when it holds none.';
COMMENT ON COLUMN ticketing.registrations.cancellation_reason IS
'Why it was cancelled, as far as somebody said so.';
COMMENT ON COLUMN ticketing.registrations.revision IS 'Goes up by one with every change, so that two tabs notice each other.';
COMMENT ON COLUMN ticketing.registrations.last_change_epoch IS
'Epoch of its last change in the change feed; 0 before the first.';
COMMENT ON COLUMN ticketing.registrations.last_change_transaction_id IS
'Transaction that its last change stands under in the change feed.';
COMMENT ON COLUMN ticketing.registrations.created_at IS 'When it was made.';
COMMENT ON COLUMN ticketing.registrations.updated_at IS 'When it was last changed.';

-- Keyed by the registration alone, as nothing else here: callers know only that id. It refers to
-- nothing, since its row and that of the registration are written by one statement after the other
-- in one transaction.
CREATE TABLE ticketing.registration_index (
    registration_id uuid NOT NULL,
    function_id uuid NOT NULL,
    CONSTRAINT registration_index_pkey PRIMARY KEY (registration_id)
);

COMMENT ON TABLE ticketing.registration_index IS
'In which function a registration is; makes the registration id unique over all functions.';
COMMENT ON COLUMN ticketing.registration_index.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing.registration_index.function_id IS 'Its function.';

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
    attendee_data jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT attendees_pkey PRIMARY KEY (function_id, attendee_id),
    -- what tickets refer to, so that they can only be of an attendee of the same registration and
    -- owner
    CONSTRAINT attendees_registration_key UNIQUE (
        function_id, registration_id, owner_id, attendee_id
    ),
    CONSTRAINT attendees_client_attendee_key UNIQUE (
        function_id, registration_id, client_attendee_id
    ),
    CONSTRAINT attendees_registration_fkey FOREIGN KEY (function_id, registration_id, owner_id)
    REFERENCES ticketing.registrations (function_id, registration_id, owner_id),
    CONSTRAINT attendees_related_attendee_fkey
    FOREIGN KEY (function_id, registration_id, owner_id, related_attendee_id)
    REFERENCES ticketing.attendees (function_id, registration_id, owner_id, attendee_id),
    CONSTRAINT attendees_position_check CHECK (position >= 0),
    CONSTRAINT attendees_related_attendee_check CHECK (related_attendee_id <> attendee_id),
    CONSTRAINT attendees_attendee_type_check CHECK (attendee_type ~ '^[A-Za-z][A-Za-z_-]{0,49}$'),
    CONSTRAINT attendees_attendee_data_check CHECK (jsonb_typeof(attendee_data) = 'object')
) WITH (fillfactor = 80);

CREATE INDEX attendees_owner_idx ON ticketing.attendees (owner_id);
CREATE INDEX attendees_related_attendee_idx
ON ticketing.attendees (function_id, registration_id, owner_id, related_attendee_id)
WHERE related_attendee_id IS NOT NULL;

COMMENT ON TABLE ticketing.attendees IS 'The people of a registration.';
COMMENT ON COLUMN ticketing.attendees.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.attendees.attendee_id IS 'Id of the attendee, made here.';
COMMENT ON COLUMN ticketing.attendees.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing.attendees.owner_id IS 'Owner of the registration.';
COMMENT ON COLUMN ticketing.attendees.client_attendee_id IS
'The id that the wizard uses for the attendee, unique in the registration; the RPCs accept either id.';
COMMENT ON COLUMN ticketing.attendees.position IS 'Its place in the list of the wizard, from 0: the primary attendee.';
COMMENT ON COLUMN ticketing.attendees.attendee_type IS 'What kind of attendee: mason, guest, contact and so on.';
COMMENT ON COLUMN ticketing.attendees.is_primary IS 'Whether it is the primary attendee of the registration.';
COMMENT ON COLUMN ticketing.attendees.is_partner IS 'Whether it attends as the partner of another attendee.';
COMMENT ON COLUMN ticketing.attendees.related_attendee_id IS
'The attendee whose partner or guest this one is; null when of nobody.';
COMMENT ON COLUMN ticketing.attendees.title IS 'Title of the person.';
COMMENT ON COLUMN ticketing.attendees.first_name IS 'First name of the person.';
COMMENT ON COLUMN ticketing.attendees.last_name IS 'Last name of the person.';
COMMENT ON COLUMN ticketing.attendees.email IS 'Mail address of the person.';
COMMENT ON COLUMN ticketing.attendees.phone IS 'Telephone number of the person.';
COMMENT ON COLUMN ticketing.attendees.attendee_data IS
'The attendee object of the wizard, as it sent it, with selected_tickets: what the attendee has chosen, in its
canonical form {"packages": [{"packageId", "quantity", "tickets": [{"ticketId", "quantity"}]}], "individualTickets":
[{"ticketId", "quantity"}]}.';
COMMENT ON COLUMN ticketing.attendees.created_at IS 'When the row was made.';
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
    CONSTRAINT tickets_attendee_fkey FOREIGN KEY (
        function_id, registration_id, owner_id, attendee_id
    )
    REFERENCES ticketing.attendees (function_id, registration_id, owner_id, attendee_id),
    CONSTRAINT tickets_ticket_type_fkey FOREIGN KEY (function_id, event_id, ticket_type_id)
    REFERENCES ticketing.ticket_types (function_id, event_id, ticket_type_id),
    CONSTRAINT tickets_package_item_fkey FOREIGN KEY (function_id, package_id, ticket_type_id)
    REFERENCES ticketing.package_items (function_id, package_id, ticket_type_id),
    CONSTRAINT tickets_package_number_check CHECK ((package_id IS NULL) = (package_number IS NULL)),
    CONSTRAINT tickets_package_number_range_check CHECK (package_number >= 1),
    CONSTRAINT tickets_price_paid_check CHECK (price_paid >= 0 AND price_paid <> 'NaN'),
    CONSTRAINT tickets_original_price_check CHECK (original_price >= 0 AND original_price <> 'NaN'),
    -- only a package sells for less or more than the list prices
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

CREATE INDEX tickets_attendee_idx ON ticketing.tickets (
    function_id, registration_id, owner_id, attendee_id
);
CREATE INDEX tickets_ticket_type_idx ON ticketing.tickets (function_id, event_id, ticket_type_id);
CREATE INDEX tickets_package_item_idx ON ticketing.tickets (function_id, package_id, ticket_type_id)
WHERE package_id IS NOT NULL;
CREATE INDEX tickets_owner_idx ON ticketing.tickets (owner_id);

COMMENT ON TABLE ticketing.tickets IS
'One admission each of an attendee. What a persist takes back before payment is deleted (ticket_changes remembers it).';
COMMENT ON COLUMN ticketing.tickets.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.tickets.ticket_id IS 'Id of the ticket, made here; it stays while the ticket is chosen.';
COMMENT ON COLUMN ticketing.tickets.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing.tickets.owner_id IS 'Owner of the registration.';
COMMENT ON COLUMN ticketing.tickets.attendee_id IS 'Whom it admits.';
COMMENT ON COLUMN ticketing.tickets.event_id IS 'The event: that of its type.';
COMMENT ON COLUMN ticketing.tickets.ticket_type_id IS 'What was chosen.';
COMMENT ON COLUMN ticketing.tickets.package_id IS 'The package it came in; null for an individual ticket.';
COMMENT ON COLUMN ticketing.tickets.package_number IS
'Which of the attendee''s packages of that kind it came in, from 1; null for an individual ticket. A package comes and
goes as a whole, so that the prices of its tickets always add up to its price.';
COMMENT ON COLUMN ticketing.tickets.price_paid IS
'What it costs: the list price, or its share of the price of its package, when it was added.';
COMMENT ON COLUMN ticketing.tickets.original_price IS 'The list price when it was added.';
COMMENT ON COLUMN ticketing.tickets.currency IS 'ISO 4217 code of its prices: the currency of the function.';
COMMENT ON COLUMN ticketing.tickets.status IS 'Active or Cancelled.';
COMMENT ON COLUMN ticketing.tickets.payment_status IS 'Unpaid, Paid or Refunded.';
COMMENT ON COLUMN ticketing.tickets.is_partner_ticket IS 'Whether its attendee attends as a partner.';
COMMENT ON COLUMN ticketing.tickets.created_at IS 'When it was added.';
COMMENT ON COLUMN ticketing.tickets.updated_at IS 'When it was last changed.';

CREATE TABLE ticketing.payments (
    function_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    provider text NOT NULL,
    reference text NOT NULL,
    kind text NOT NULL,
    amount numeric(12, 2) NOT NULL,
    fee_amount numeric(12, 2) NOT NULL DEFAULT 0,
    currency text NOT NULL,
    paid_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT payments_pkey PRIMARY KEY (function_id, payment_id),
    -- a reference of a provider is used once, so that one payment cannot pay for two registrations
    CONSTRAINT payments_reference_key UNIQUE (function_id, provider, reference),
    CONSTRAINT payments_registration_fkey FOREIGN KEY (function_id, registration_id)
    REFERENCES ticketing.registrations (function_id, registration_id),
    CONSTRAINT payments_provider_check CHECK (length(provider) BETWEEN 1 AND 50),
    CONSTRAINT payments_reference_check CHECK (length(reference) BETWEEN 1 AND 200),
    CONSTRAINT payments_kind_check CHECK (kind IN ('payment', 'refund')),
    CONSTRAINT payments_amount_check CHECK (amount >= 0 AND amount <> 'NaN'),
    CONSTRAINT payments_fee_amount_check CHECK (
        fee_amount BETWEEN 0 AND amount AND fee_amount <> 'NaN'
    ),
    CONSTRAINT payments_currency_check CHECK (currency ~ '^[A-Z]{3}$')
);

CREATE INDEX payments_registration_idx ON ticketing.payments (function_id, registration_id);

COMMENT ON TABLE ticketing.payments IS 'Money received for and given back to registrations, as the provider reported it.';
COMMENT ON COLUMN ticketing.payments.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.payments.payment_id IS 'Id of the payment, made here.';
COMMENT ON COLUMN ticketing.payments.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing.payments.provider IS 'Who moved the money.';
COMMENT ON COLUMN ticketing.payments.reference IS 'The provider''s id of the payment.';
COMMENT ON COLUMN ticketing.payments.kind IS 'payment or refund.';
COMMENT ON COLUMN ticketing.payments.amount IS 'Amount moved, fee included.';
COMMENT ON COLUMN ticketing.payments.fee_amount IS 'The part of it that is the provider''s fee.';
COMMENT ON COLUMN ticketing.payments.currency IS 'ISO 4217 code of both amounts.';
COMMENT ON COLUMN ticketing.payments.paid_at IS 'When the money moved, as the provider says.';
COMMENT ON COLUMN ticketing.payments.created_at IS 'When it was recorded.';

-- Append-only, and one index: the key is the order in which the feed reads. It refers to nothing,
-- because tickets that are taken back are deleted and their history is here.
CREATE TABLE ticketing.ticket_changes (
    function_id uuid NOT NULL,
    epoch integer NOT NULL DEFAULT 1,
    transaction_id xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    change text NOT NULL,
    registration_id uuid NOT NULL,
    revision integer NOT NULL,
    ticket_id uuid NOT NULL,
    attendee_id uuid NOT NULL,
    event_id uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    package_id uuid,
    price_paid numeric(12, 2) NOT NULL,
    actor_id uuid,
    actor_role text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT ticket_changes_pkey PRIMARY KEY (function_id, epoch, transaction_id, change_id),
    CONSTRAINT ticket_changes_change_check
    CHECK (change IN ('added', 'removed', 'paid', 'cancelled', 'refunded')),
    CONSTRAINT ticket_changes_epoch_check CHECK (epoch >= 1),
    CONSTRAINT ticket_changes_revision_check CHECK (revision >= 0),
    CONSTRAINT ticket_changes_price_paid_check CHECK (price_paid >= 0 AND price_paid <> 'NaN')
);

-- also for the functions of the package, which run as its owner
REVOKE UPDATE, DELETE, TRUNCATE ON ticketing.ticket_changes FROM ticketing_owner;

COMMENT ON TABLE ticketing.ticket_changes IS
'Every ticket added, removed, paid, cancelled or refunded, with who and when; append-only.';
COMMENT ON COLUMN ticketing.ticket_changes.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.ticket_changes.epoch IS
'Goes up when a restored database counts its transactions from lower than before.';
COMMENT ON COLUMN ticketing.ticket_changes.transaction_id IS
'The transaction that made the change, or a later one that had changed the same registration before it.';
COMMENT ON COLUMN ticketing.ticket_changes.change_id IS 'Orders the changes of one transaction.';
COMMENT ON COLUMN ticketing.ticket_changes.change IS 'added, removed, paid, cancelled or refunded.';
COMMENT ON COLUMN ticketing.ticket_changes.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing.ticket_changes.revision IS 'Revision of the registration that the change belongs to.';
COMMENT ON COLUMN ticketing.ticket_changes.ticket_id IS 'The ticket.';
COMMENT ON COLUMN ticketing.ticket_changes.attendee_id IS 'Its attendee.';
COMMENT ON COLUMN ticketing.ticket_changes.event_id IS 'Its event.';
COMMENT ON COLUMN ticketing.ticket_changes.ticket_type_id IS 'Its type.';
COMMENT ON COLUMN ticketing.ticket_changes.package_id IS 'Its package; null for an individual ticket.';
COMMENT ON COLUMN ticketing.ticket_changes.price_paid IS 'Its price.';
COMMENT ON COLUMN ticketing.ticket_changes.actor_id IS 'The user who made the change: the sub claim; null for a service.';
COMMENT ON COLUMN ticketing.ticket_changes.actor_role IS 'The database role that made the change.';
COMMENT ON COLUMN ticketing.ticket_changes.changed_at IS 'When.';

ALTER TABLE ticketing.registrations ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.registration_index ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.attendees ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.tickets ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.ticket_changes ENABLE ROW LEVEL SECURITY;
