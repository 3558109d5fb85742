-- What is on sale: events, ticket types, packages, and the pools of places behind them.
--
-- Every key starts with function_id, so that a row can only refer to rows of its own function.

SET LOCAL ROLE ticketing_owner;

CREATE DOMAIN ticketing.eligibility AS jsonb
-- squawk-ignore ban-create-domain-with-constraint
CONSTRAINT eligibility_shape CHECK (
    CASE
        -- whether a column may be null is for the column to say
        WHEN value IS NULL THEN TRUE
        WHEN jsonb_typeof(value) <> 'object' THEN FALSE
        WHEN value - '{operator,rules}'::text[] <> '{}'::jsonb THEN FALSE
        WHEN
            value ? 'operator' AND value -> 'operator' NOT IN ('"AND"'::jsonb, '"OR"'::jsonb)
            THEN FALSE
        WHEN coalesce(jsonb_typeof(value -> 'rules'), 'missing') <> 'array' THEN FALSE
        WHEN jsonb_path_exists(value, 'strict $.rules[*] ? (@.type() != "object")') THEN FALSE
        WHEN
            jsonb_path_exists(
                value, '$.rules[*].keyvalue() ? (!(@.key like_regex "^(type|operator|value)$"))'
            )
            THEN FALSE
        ELSE NOT jsonb_path_exists(
            value,
            '$.rules[*] ? (
                !(@.type.type() == "string" && @.type like_regex "^.{1,100}$"
                    && @.operator.type() == "string" && @.operator like_regex "^(equals|not_equals|in|not_in)$"
                    && exists(@.value))
                || (@.operator like_regex "^(in|not_in)$" && @.value.type() != "array"))'
        )
    END
);

COMMENT ON DOMAIN ticketing.eligibility IS
'Who may hold something: {"operator": "AND"|"OR", "rules": [{"type", "operator": equals|not_equals|in|not_in, "value"}]}
over the facts of an attendee. A missing operator means AND; no rules means everyone.';

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
    -- at the end of a statement, so that events can exchange their slugs in one
    CONSTRAINT events_slug_key UNIQUE (function_id, slug) DEFERRABLE INITIALLY IMMEDIATE,
    CONSTRAINT events_function_fkey FOREIGN KEY (function_id) REFERENCES ticketing.functions (
        function_id
    ),
    CONSTRAINT events_slug_check CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 100),
    CONSTRAINT events_title_check CHECK (length(title) BETWEEN 1 AND 200),
    CONSTRAINT events_occasion_check CHECK (ends_at > starts_at)
);

COMMENT ON TABLE ticketing.events IS 'The single events of a function, to which ticket types admit.';
COMMENT ON COLUMN ticketing.events.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.events.event_id IS 'Id of the event; also of its pool of places when it has one.';
COMMENT ON COLUMN ticketing.events.slug IS 'Name for addresses, unique in the function.';
COMMENT ON COLUMN ticketing.events.title IS 'Name for people.';
COMMENT ON COLUMN ticketing.events.starts_at IS 'When it starts.';
COMMENT ON COLUMN ticketing.events.ends_at IS 'When it ends.';
COMMENT ON COLUMN ticketing.events.is_active IS 'Whether its tickets can be added to a registration.';
COMMENT ON COLUMN ticketing.events.created_at IS 'When the row was made.';
COMMENT ON COLUMN ticketing.events.updated_at IS 'When the row was last changed.';

CREATE TABLE ticketing.ticket_types (
    function_id uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    event_id uuid NOT NULL,
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
    -- what a ticket refers to, so that its event can only be the event of its type
    CONSTRAINT ticket_types_event_key UNIQUE (function_id, event_id, ticket_type_id),
    CONSTRAINT ticket_types_event_fkey FOREIGN KEY (function_id, event_id)
    REFERENCES ticketing.events (function_id, event_id),
    CONSTRAINT ticket_types_name_check CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT ticket_types_price_check CHECK (price >= 0 AND price <> 'NaN'),
    CONSTRAINT ticket_types_sale_window_check CHECK (sale_ends_at > sale_starts_at),
    CONSTRAINT ticket_types_min_per_attendee_check CHECK (min_per_attendee BETWEEN 0 AND 1000),
    CONSTRAINT ticket_types_max_per_attendee_check
    CHECK (max_per_attendee >= 1 AND max_per_attendee >= min_per_attendee),
    CONSTRAINT ticket_types_max_per_registration_check
    CHECK (max_per_registration >= 1 AND max_per_registration >= min_per_attendee)
);

COMMENT ON TABLE ticketing.ticket_types IS 'What sells admission to one event.';
COMMENT ON COLUMN ticketing.ticket_types.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.ticket_types.ticket_type_id IS 'Id of the type; also of its own pool when it has one.';
COMMENT ON COLUMN ticketing.ticket_types.event_id IS 'The event it admits to; fixed for good.';
COMMENT ON COLUMN ticketing.ticket_types.name IS 'Name for people.';
COMMENT ON COLUMN ticketing.ticket_types.description IS 'More words for people.';
COMMENT ON COLUMN ticketing.ticket_types.price IS 'List price of one ticket, in the currency of the function.';
COMMENT ON COLUMN ticketing.ticket_types.is_active IS 'Whether it can be added to a registration.';
COMMENT ON COLUMN ticketing.ticket_types.sale_starts_at IS 'It can be added from here on; null: at once.';
COMMENT ON COLUMN ticketing.ticket_types.sale_ends_at IS 'It can be added until here; null: no end.';
COMMENT ON COLUMN ticketing.ticket_types.min_per_attendee IS
'An attendee who holds any holds at least this many, also counting those inside packages.';
COMMENT ON COLUMN ticketing.ticket_types.max_per_attendee IS
'An attendee holds at most this many, also counting those inside packages; null: no limit.';
COMMENT ON COLUMN ticketing.ticket_types.max_per_registration IS
'All attendees of a registration together hold at most this many; null: no limit.';
COMMENT ON COLUMN ticketing.ticket_types.eligibility IS 'Who may hold it, also inside packages.';
COMMENT ON COLUMN ticketing.ticket_types.created_at IS 'When the row was made.';
COMMENT ON COLUMN ticketing.ticket_types.updated_at IS 'When the row was last changed.';

CREATE TABLE ticketing.packages (
    function_id uuid NOT NULL,
    package_id uuid NOT NULL,
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
    CONSTRAINT packages_function_fkey FOREIGN KEY (function_id) REFERENCES ticketing.functions (
        function_id
    ),
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

COMMENT ON TABLE ticketing.packages IS 'Ticket types bundled at one price.';
COMMENT ON COLUMN ticketing.packages.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.packages.package_id IS 'Id of the package; also of its own pool when it has one.';
COMMENT ON COLUMN ticketing.packages.name IS 'Name for people.';
COMMENT ON COLUMN ticketing.packages.description IS 'More words for people.';
COMMENT ON COLUMN ticketing.packages.price IS 'Price of one package, in the currency of the function.';
COMMENT ON COLUMN ticketing.packages.is_active IS 'Whether it can be added to a registration.';
COMMENT ON COLUMN ticketing.packages.registration_types IS
'Which registrations may hold it: individuals, lodges, delegations.';
COMMENT ON COLUMN ticketing.packages.sale_starts_at IS 'It can be added from here on; null: at once.';
COMMENT ON COLUMN ticketing.packages.sale_ends_at IS 'It can be added until here; null: no end.';
COMMENT ON COLUMN ticketing.packages.min_per_attendee IS 'An attendee who holds any holds at least this many.';
COMMENT ON COLUMN ticketing.packages.max_per_attendee IS 'An attendee holds at most this many; null: no limit.';
COMMENT ON COLUMN ticketing.packages.max_per_registration IS
'All attendees of a registration together hold at most this many; null: no limit.';
COMMENT ON COLUMN ticketing.packages.eligibility IS 'Who may hold it, besides the rules of the tickets inside.';
COMMENT ON COLUMN ticketing.packages.created_at IS 'When the row was made.';
COMMENT ON COLUMN ticketing.packages.updated_at IS 'When the row was last changed.';

CREATE TABLE ticketing.package_items (
    function_id uuid NOT NULL,
    package_id uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    quantity integer NOT NULL DEFAULT 1,
    CONSTRAINT package_items_pkey PRIMARY KEY (function_id, package_id, ticket_type_id),
    CONSTRAINT package_items_package_fkey FOREIGN KEY (function_id, package_id)
    REFERENCES ticketing.packages (function_id, package_id),
    CONSTRAINT package_items_ticket_type_fkey FOREIGN KEY (function_id, ticket_type_id)
    REFERENCES ticketing.ticket_types (function_id, ticket_type_id),
    CONSTRAINT package_items_quantity_check CHECK (quantity BETWEEN 1 AND 1000)
);

CREATE INDEX package_items_ticket_type_idx ON ticketing.package_items (function_id, ticket_type_id);

COMMENT ON TABLE ticketing.package_items IS 'The contents of a package.';
COMMENT ON COLUMN ticketing.package_items.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.package_items.package_id IS 'The package.';
COMMENT ON COLUMN ticketing.package_items.ticket_type_id IS 'A ticket type inside it.';
COMMENT ON COLUMN ticketing.package_items.quantity IS 'Tickets of that type in one package.';

-- Counters live apart from the catalogue, so that selling never touches a catalogue row. The free
-- space keeps the many updates of a popular pool on its own page (HOT).
CREATE TABLE ticketing.capacity_pools (
    function_id uuid NOT NULL,
    capacity_pool_id uuid NOT NULL,
    name text NOT NULL,
    capacity integer NOT NULL,
    reserved integer NOT NULL DEFAULT 0,
    sold integer NOT NULL DEFAULT 0,
    CONSTRAINT capacity_pools_pkey PRIMARY KEY (function_id, capacity_pool_id),
    CONSTRAINT capacity_pools_function_fkey FOREIGN KEY (
        function_id
    ) REFERENCES ticketing.functions (function_id),
    CONSTRAINT capacity_pools_name_check CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT capacity_pools_capacity_check CHECK (capacity BETWEEN 0 AND 10000000),
    CONSTRAINT capacity_pools_reserved_check CHECK (reserved >= 0),
    CONSTRAINT capacity_pools_sold_check CHECK (sold >= 0),
    -- the last word on overselling, whatever a caller or a function does
    CONSTRAINT capacity_pools_not_oversold CHECK (reserved + sold <= capacity)
) WITH (fillfactor = 40);

COMMENT ON TABLE ticketing.capacity_pools IS
'Limited places and how many are taken. A ticket takes one place of every pool of its type; a package, besides what its
tickets take, one of every pool of its own. Unlimited means no pool.';
COMMENT ON COLUMN ticketing.capacity_pools.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.capacity_pools.capacity_pool_id IS
'Id of the pool: that of the event, ticket type or package whose own it is, or one of its own for a shared pool.';
COMMENT ON COLUMN ticketing.capacity_pools.name IS 'Name for people.';
COMMENT ON COLUMN ticketing.capacity_pools.capacity IS 'Places there are.';
COMMENT ON COLUMN ticketing.capacity_pools.reserved IS 'Places held by tickets not paid yet.';
COMMENT ON COLUMN ticketing.capacity_pools.sold IS 'Places of paid tickets.';

CREATE TABLE ticketing.ticket_type_pools (
    function_id uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    capacity_pool_id uuid NOT NULL,
    CONSTRAINT ticket_type_pools_pkey PRIMARY KEY (function_id, ticket_type_id, capacity_pool_id),
    CONSTRAINT ticket_type_pools_ticket_type_fkey FOREIGN KEY (function_id, ticket_type_id)
    REFERENCES ticketing.ticket_types (function_id, ticket_type_id),
    CONSTRAINT ticket_type_pools_capacity_pool_fkey FOREIGN KEY (function_id, capacity_pool_id)
    REFERENCES ticketing.capacity_pools (function_id, capacity_pool_id)
);

CREATE INDEX ticket_type_pools_capacity_pool_idx ON ticketing.ticket_type_pools (
    function_id, capacity_pool_id
);

COMMENT ON TABLE ticketing.ticket_type_pools IS
'The pools in which each ticket of a type takes a place: its own, that of its event, any shared one.';
COMMENT ON COLUMN ticketing.ticket_type_pools.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.ticket_type_pools.ticket_type_id IS 'The ticket type.';
COMMENT ON COLUMN ticketing.ticket_type_pools.capacity_pool_id IS 'The pool.';

CREATE TABLE ticketing.package_pools (
    function_id uuid NOT NULL,
    package_id uuid NOT NULL,
    capacity_pool_id uuid NOT NULL,
    CONSTRAINT package_pools_pkey PRIMARY KEY (function_id, package_id, capacity_pool_id),
    CONSTRAINT package_pools_package_fkey FOREIGN KEY (function_id, package_id)
    REFERENCES ticketing.packages (function_id, package_id),
    CONSTRAINT package_pools_capacity_pool_fkey FOREIGN KEY (function_id, capacity_pool_id)
    REFERENCES ticketing.capacity_pools (function_id, capacity_pool_id)
);

CREATE INDEX package_pools_capacity_pool_idx ON ticketing.package_pools (
    function_id, capacity_pool_id
);

COMMENT ON TABLE ticketing.package_pools IS 'The pools in which each package, as a whole, takes a place.';
COMMENT ON COLUMN ticketing.package_pools.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.package_pools.package_id IS 'The package.';
COMMENT ON COLUMN ticketing.package_pools.capacity_pool_id IS 'The pool.';

ALTER TABLE ticketing.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.ticket_types ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.packages ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.package_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.capacity_pools ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.ticket_type_pools ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.package_pools ENABLE ROW LEVEL SECURITY;
