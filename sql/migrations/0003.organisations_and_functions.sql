-- Organisations, their members, and the event functions that they sell tickets for.
--
-- function_id is the tenant key: the primary, unique and foreign keys of all later tables start
-- with it, so that a row can only refer to rows of its own function.

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL ROLE ticketing_owner;

CREATE TABLE ticketing.organisations (
    organisation_id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT organisations_pkey PRIMARY KEY (organisation_id),
    CONSTRAINT organisations_slug_key UNIQUE (slug),
    CONSTRAINT organisations_slug_check CHECK (
        slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 100
    ),
    CONSTRAINT organisations_name_check CHECK (length(name) BETWEEN 1 AND 200)
);

COMMENT ON TABLE ticketing.organisations IS 'Organisers of functions; their staff may read the registrations.';
COMMENT ON COLUMN ticketing.organisations.organisation_id IS 'Id of the organisation.';
COMMENT ON COLUMN ticketing.organisations.slug IS 'Name in URLs: lower-case words joined by hyphens, unique.';
COMMENT ON COLUMN ticketing.organisations.name IS 'Display name.';
COMMENT ON COLUMN ticketing.organisations.created_at IS 'When the row was created.';
COMMENT ON COLUMN ticketing.organisations.updated_at IS 'When the row was last changed.';

CREATE TABLE ticketing.organisation_members (
    organisation_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT organisation_members_pkey PRIMARY KEY (organisation_id, user_id),
    CONSTRAINT organisation_members_organisation_fkey FOREIGN KEY (organisation_id)
    REFERENCES ticketing.organisations (organisation_id),
    CONSTRAINT organisation_members_role_check CHECK (role IN ('owner', 'admin', 'staff'))
);

CREATE INDEX organisation_members_user_idx ON ticketing.organisation_members (user_id);

COMMENT ON TABLE ticketing.organisation_members IS
'Users who work for an organisation. All members read its registrations; admins and owners also manage its catalogue.';
COMMENT ON COLUMN ticketing.organisation_members.organisation_id IS 'The organisation.';
COMMENT ON COLUMN ticketing.organisation_members.user_id IS 'User id (the JWT sub claim).';
COMMENT ON COLUMN ticketing.organisation_members.role IS 'One of `owner`, `admin`, `staff`.';
COMMENT ON COLUMN ticketing.organisation_members.created_at IS 'When the membership began.';

CREATE TABLE ticketing.functions (
    function_id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    currency text NOT NULL,
    timezone text NOT NULL DEFAULT 'UTC',
    status text NOT NULL DEFAULT 'draft',
    starts_at timestamptz,
    ends_at timestamptz,
    registration_opens_at timestamptz,
    registration_closes_at timestamptz,
    selection_mode text NOT NULL DEFAULT 'exclusive',
    hold_minutes integer NOT NULL DEFAULT 30,
    payment_minutes integer NOT NULL DEFAULT 30,
    max_hold_minutes integer NOT NULL DEFAULT 1440,
    max_held_per_owner integer,
    max_open_registrations_per_owner integer NOT NULL DEFAULT 20,
    changes_until ticketing.finite_time,
    refunds_until ticketing.finite_time,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT functions_pkey PRIMARY KEY (function_id),
    CONSTRAINT functions_slug_key UNIQUE (slug),
    -- referenced by registrations: they have the currency of their function, which therefore cannot
    -- change once there are any
    CONSTRAINT functions_currency_key UNIQUE (function_id, currency),
    CONSTRAINT functions_organisation_fkey FOREIGN KEY (organisation_id)
    REFERENCES ticketing.organisations (organisation_id),
    CONSTRAINT functions_slug_check CHECK (
        slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 100
    ),
    CONSTRAINT functions_name_check CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT functions_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT functions_timezone_check CHECK (length(timezone) BETWEEN 1 AND 64),
    CONSTRAINT functions_status_check CHECK (status IN ('draft', 'published', 'closed')),
    CONSTRAINT functions_dates_check CHECK (ends_at > starts_at),
    CONSTRAINT functions_registration_window_check CHECK (
        registration_closes_at > registration_opens_at
    ),
    CONSTRAINT functions_selection_mode_check CHECK (selection_mode IN ('exclusive', 'mixed')),
    CONSTRAINT functions_hold_minutes_check CHECK (hold_minutes BETWEEN 1 AND 10080),
    CONSTRAINT functions_payment_minutes_check CHECK (payment_minutes BETWEEN 1 AND 10080),
    CONSTRAINT functions_max_hold_minutes_check CHECK (
        max_hold_minutes BETWEEN hold_minutes AND 525600
    ),
    CONSTRAINT functions_max_held_per_owner_check CHECK (
        max_held_per_owner BETWEEN 1 AND 1000000
    ),
    CONSTRAINT functions_max_open_registrations_per_owner_check CHECK (
        max_open_registrations_per_owner BETWEEN 1 AND 1000000
    )
);

CREATE INDEX functions_organisation_idx ON ticketing.functions (organisation_id);

COMMENT ON TABLE ticketing.functions IS
'Event functions: each groups the events of, say, one weekend and is the tenant of all that is sold for them. The keys
of all tables below start with `function_id`.';
COMMENT ON COLUMN ticketing.functions.function_id IS 'Id of the function; the tenant key of all tables below.';
COMMENT ON COLUMN ticketing.functions.organisation_id IS 'The organisation.';
COMMENT ON COLUMN ticketing.functions.slug IS 'Name in URLs: lower-case words joined by hyphens, unique.';
COMMENT ON COLUMN ticketing.functions.name IS 'Display name.';
COMMENT ON COLUMN ticketing.functions.currency IS 'ISO 4217 code of all its prices; a currency with two decimals or none.';
COMMENT ON COLUMN ticketing.functions.timezone IS 'IANA time zone in which its times are shown.';
COMMENT ON COLUMN ticketing.functions.status IS
'One of `draft`, `published`, `closed`. Only staff see a draft; all see the others, of which published is on sale.';
COMMENT ON COLUMN ticketing.functions.starts_at IS 'When the function starts.';
COMMENT ON COLUMN ticketing.functions.ends_at IS 'When the function ends.';
COMMENT ON COLUMN ticketing.functions.registration_opens_at IS 'Start of registration; null means already open.';
COMMENT ON COLUMN ticketing.functions.registration_closes_at IS 'End of registration; null means no end.';
COMMENT ON COLUMN ticketing.functions.selection_mode IS
'One of `exclusive`, `mixed`. exclusive: an attendee holds packages or individual tickets, not both; mixed: both.';
COMMENT ON COLUMN ticketing.functions.hold_minutes IS
'Minutes from the latest persist for which unpaid tickets keep their capacity.';
COMMENT ON COLUMN ticketing.functions.payment_minutes IS 'Minutes by which the start of a payment extends the hold, once.';
COMMENT ON COLUMN ticketing.functions.max_hold_minutes IS
'Minutes for which a registration can renew its hold, from when it began to hold.';
COMMENT ON COLUMN ticketing.functions.max_held_per_owner IS
'Tickets that one owner may hold, unpaid or free (not in a package that cost something), over all registrations; null:
100, and 2,000 in registrations of lodges and delegations.';
COMMENT ON COLUMN ticketing.functions.max_open_registrations_per_owner IS
'Open registrations in which one owner may hold tickets: those that hold some, and those that are draft without a ticket
and have changed within 24 hours.';
COMMENT ON COLUMN ticketing.functions.changes_until IS
'Until when owners may change a paid registration: correct names, assign tickets, exchange tickets without a refund;
null: never.';
COMMENT ON COLUMN ticketing.functions.refunds_until IS
'Until when owners may make a change of a paid registration that leaves a refund, and cancel it; null: never.';
COMMENT ON COLUMN ticketing.functions.created_at IS 'When the row was created.';
COMMENT ON COLUMN ticketing.functions.updated_at IS 'When the row was last changed.';

ALTER TABLE ticketing.organisations ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.organisation_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.functions ENABLE ROW LEVEL SECURITY;
