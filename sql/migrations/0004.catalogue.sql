-- The catalogue: events, the ticket types that admit to them, and packages of ticket types.
--
-- Catalogue rows change only by an import. Everything that changes with each sale is stored
-- elsewhere.

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL ROLE ticketing_owner;

CREATE TABLE ticketing.events (
    function_id uuid NOT NULL,
    event_id uuid NOT NULL,
    slug text NOT NULL,
    title text NOT NULL,
    starts_at timestamptz,
    ends_at timestamptz,
    is_active boolean NOT NULL DEFAULT TRUE,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT events_pkey PRIMARY KEY (function_id, event_id),
    -- of an event that is no longer sold, the slug is free; deferrable: checked at the end of a
    -- statement, so that one statement can swap slugs (a unique index cannot be both)
    CONSTRAINT events_slug_excl EXCLUDE USING btree (function_id WITH =, slug WITH =)
    WHERE (is_active) DEFERRABLE INITIALLY IMMEDIATE,
    CONSTRAINT events_function_fkey FOREIGN KEY (function_id)
    REFERENCES ticketing.functions (function_id),
    CONSTRAINT events_slug_check CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 100),
    CONSTRAINT events_title_check CHECK (length(title) BETWEEN 1 AND 200),
    CONSTRAINT events_dates_check CHECK (ends_at > starts_at)
);

COMMENT ON TABLE ticketing.events IS 'Events of a function.';
COMMENT ON COLUMN ticketing.events.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.events.event_id IS 'Id of the event, and of its own pool if it has one.';
COMMENT ON COLUMN ticketing.events.slug IS
'Name in URLs: lower-case words joined by hyphens, unique among the active events of the function.';
COMMENT ON COLUMN ticketing.events.title IS 'Display name.';
COMMENT ON COLUMN ticketing.events.starts_at IS 'When the event starts.';
COMMENT ON COLUMN ticketing.events.ends_at IS 'When the event ends.';
COMMENT ON COLUMN ticketing.events.is_active IS 'Whether tickets for the event can be added to a registration.';
COMMENT ON COLUMN ticketing.events.created_at IS 'When the row was created.';
COMMENT ON COLUMN ticketing.events.updated_at IS 'When the row was last changed.';

CREATE TABLE ticketing.ticket_types (
    function_id uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    event_id uuid NOT NULL,
    slug text,
    name text NOT NULL,
    description text,
    price numeric(12, 2) NOT NULL,
    is_active boolean NOT NULL DEFAULT TRUE,
    sale_starts_at timestamptz,
    sale_ends_at timestamptz,
    min_per_attendee integer NOT NULL DEFAULT 0,
    max_per_attendee integer,
    max_per_registration integer,
    eligibility ticketing.eligibility NOT NULL DEFAULT '{"rules": []}',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT ticket_types_pkey PRIMARY KEY (function_id, ticket_type_id),
    -- referenced by tickets: the event of a ticket is the event of its type
    CONSTRAINT ticket_types_event_key UNIQUE (function_id, event_id, ticket_type_id),
    CONSTRAINT ticket_types_event_fkey FOREIGN KEY (function_id, event_id)
    REFERENCES ticketing.events (function_id, event_id),
    -- like those of events, but optional
    CONSTRAINT ticket_types_slug_excl EXCLUDE USING btree (function_id WITH =, slug WITH =)
    WHERE (is_active AND slug IS NOT NULL) DEFERRABLE INITIALLY IMMEDIATE,
    CONSTRAINT ticket_types_slug_check
    CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 100),
    CONSTRAINT ticket_types_name_check CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT ticket_types_price_check CHECK (price >= 0 AND price <> 'NaN'),
    CONSTRAINT ticket_types_sale_window_check CHECK (sale_ends_at > sale_starts_at),
    CONSTRAINT ticket_types_min_per_attendee_check CHECK (min_per_attendee BETWEEN 0 AND 1000),
    CONSTRAINT ticket_types_max_per_attendee_check
    CHECK (max_per_attendee >= 1 AND max_per_attendee >= min_per_attendee),
    CONSTRAINT ticket_types_max_per_registration_check
    CHECK (max_per_registration >= 1 AND max_per_registration >= min_per_attendee)
);

COMMENT ON TABLE ticketing.ticket_types IS 'Ticket types; each admits to one event.';
COMMENT ON COLUMN ticketing.ticket_types.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.ticket_types.ticket_type_id IS 'Id of the ticket type, and of its own pool if it has one.';
COMMENT ON COLUMN ticketing.ticket_types.event_id IS 'The event it admits to; never changes.';
COMMENT ON COLUMN ticketing.ticket_types.slug IS
'Name in URLs: lower-case words joined by hyphens, unique among the active ticket types of the function; null if none.';
COMMENT ON COLUMN ticketing.ticket_types.name IS 'Display name.';
COMMENT ON COLUMN ticketing.ticket_types.description IS 'Description shown to buyers.';
COMMENT ON COLUMN ticketing.ticket_types.price IS 'List price of one ticket, in the currency of the function.';
COMMENT ON COLUMN ticketing.ticket_types.is_active IS 'Whether it can be added to a registration.';
COMMENT ON COLUMN ticketing.ticket_types.sale_starts_at IS 'Start of sale; null means already on sale.';
COMMENT ON COLUMN ticketing.ticket_types.sale_ends_at IS
'End of sale; null means the end of its event, or of the function if that is not known, or no end.';
COMMENT ON COLUMN ticketing.ticket_types.min_per_attendee IS
'Minimum for an attendee who holds any, including tickets inside packages.';
COMMENT ON COLUMN ticketing.ticket_types.max_per_attendee IS
'Maximum per attendee, including tickets inside packages; null means no limit.';
COMMENT ON COLUMN ticketing.ticket_types.max_per_registration IS
'Maximum for all attendees of a registration together, including tickets inside packages; null means no limit.';
COMMENT ON COLUMN ticketing.ticket_types.eligibility IS
'`Eligibility`: Which attendees may hold it, also inside packages.';
COMMENT ON COLUMN ticketing.ticket_types.created_at IS 'When the row was created.';
COMMENT ON COLUMN ticketing.ticket_types.updated_at IS 'When the row was last changed.';

CREATE TABLE ticketing.packages (
    function_id uuid NOT NULL,
    package_id uuid NOT NULL,
    slug text,
    name text NOT NULL,
    description text,
    price numeric(12, 2) NOT NULL,
    is_active boolean NOT NULL DEFAULT TRUE,
    registration_types text[] NOT NULL DEFAULT '{individuals,lodges,delegations}',
    sale_starts_at timestamptz,
    sale_ends_at timestamptz,
    min_per_attendee integer NOT NULL DEFAULT 0,
    max_per_attendee integer,
    max_per_registration integer,
    eligibility ticketing.eligibility NOT NULL DEFAULT '{"rules": []}',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT packages_pkey PRIMARY KEY (function_id, package_id),
    CONSTRAINT packages_function_fkey FOREIGN KEY (function_id)
    REFERENCES ticketing.functions (function_id),
    CONSTRAINT packages_slug_excl EXCLUDE USING btree (function_id WITH =, slug WITH =)
    WHERE (is_active AND slug IS NOT NULL) DEFERRABLE INITIALLY IMMEDIATE,
    CONSTRAINT packages_slug_check
    CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 100),
    CONSTRAINT packages_name_check CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT packages_price_check CHECK (price >= 0 AND price <> 'NaN'),
    CONSTRAINT packages_registration_types_check CHECK (
        array_ndims(registration_types) = 1
        AND cardinality(registration_types) BETWEEN 1 AND 3
        AND registration_types <@ '{individuals,lodges,delegations}'::text[]
    ),
    CONSTRAINT packages_sale_window_check CHECK (sale_ends_at > sale_starts_at),
    CONSTRAINT packages_min_per_attendee_check CHECK (min_per_attendee BETWEEN 0 AND 1000),
    CONSTRAINT packages_max_per_attendee_check
    CHECK (max_per_attendee >= 1 AND max_per_attendee >= min_per_attendee),
    CONSTRAINT packages_max_per_registration_check
    CHECK (max_per_registration >= 1 AND max_per_registration >= min_per_attendee)
);

COMMENT ON TABLE ticketing.packages IS 'Packages: ticket types bundled at one price.';
COMMENT ON COLUMN ticketing.packages.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.packages.package_id IS 'Id of the package, and of its own pool if it has one.';
COMMENT ON COLUMN ticketing.packages.slug IS
'Name in URLs: lower-case words joined by hyphens, unique among the active packages of the function; null if none.';
COMMENT ON COLUMN ticketing.packages.name IS 'Display name.';
COMMENT ON COLUMN ticketing.packages.description IS 'Description shown to buyers.';
COMMENT ON COLUMN ticketing.packages.price IS 'Price of one package, in the currency of the function.';
COMMENT ON COLUMN ticketing.packages.is_active IS 'Whether it can be added to a registration.';
COMMENT ON COLUMN ticketing.packages.registration_types IS
'Registration types that may hold it. One of `individuals`, `lodges`, `delegations`.';
COMMENT ON COLUMN ticketing.packages.sale_starts_at IS 'Start of sale; null means already on sale.';
COMMENT ON COLUMN ticketing.packages.sale_ends_at IS
'End of sale; null means that of the first of its ticket types.';
COMMENT ON COLUMN ticketing.packages.min_per_attendee IS 'Minimum for an attendee who holds any.';
COMMENT ON COLUMN ticketing.packages.max_per_attendee IS 'Maximum per attendee; null means no limit.';
COMMENT ON COLUMN ticketing.packages.max_per_registration IS
'Maximum for all attendees of a registration together; null means no limit.';
COMMENT ON COLUMN ticketing.packages.eligibility IS
'`Eligibility`: Which attendees may hold it, in addition to the eligibility of its ticket types.';
COMMENT ON COLUMN ticketing.packages.created_at IS 'When the row was created.';
COMMENT ON COLUMN ticketing.packages.updated_at IS 'When the row was last changed.';

CREATE TABLE ticketing.package_items (
    function_id uuid NOT NULL,
    package_id uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    quantity integer NOT NULL DEFAULT 1,
    -- referenced by tickets: a ticket of a package is one of its contents
    CONSTRAINT package_items_pkey PRIMARY KEY (function_id, package_id, ticket_type_id),
    CONSTRAINT package_items_package_fkey FOREIGN KEY (function_id, package_id)
    REFERENCES ticketing.packages (function_id, package_id),
    CONSTRAINT package_items_ticket_type_fkey FOREIGN KEY (function_id, ticket_type_id)
    REFERENCES ticketing.ticket_types (function_id, ticket_type_id),
    CONSTRAINT package_items_quantity_check CHECK (quantity BETWEEN 1 AND 1000)
);

CREATE INDEX package_items_ticket_type_idx ON ticketing.package_items (function_id, ticket_type_id);

COMMENT ON TABLE ticketing.package_items IS 'Contents of the packages.';
COMMENT ON COLUMN ticketing.package_items.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.package_items.package_id IS 'The package.';
COMMENT ON COLUMN ticketing.package_items.ticket_type_id IS 'A ticket type in the package.';
COMMENT ON COLUMN ticketing.package_items.quantity IS 'Number of tickets of that type in one package.';

ALTER TABLE ticketing.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.ticket_types ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.packages ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.package_items ENABLE ROW LEVEL SECURITY;
