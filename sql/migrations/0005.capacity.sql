-- Capacity: pools with their counters, which ticket types and packages take capacity from them, and
-- allotments of contended pools.

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL ROLE ticketing_owner;

-- Counters are separate from the catalogue, so that selling never updates a catalogue row. The free
-- space in each page keeps the many updates of a contended pool on its page (HOT).
CREATE TABLE ticketing.capacity_pools (
    function_id uuid NOT NULL,
    capacity_pool_id uuid NOT NULL,
    slug ticketing.pool_slug,
    name ticketing.pool_name NOT NULL,
    capacity ticketing.pool_capacity NOT NULL,
    reserved ticketing.counter NOT NULL DEFAULT 0,
    sold ticketing.counter NOT NULL DEFAULT 0,
    CONSTRAINT capacity_pools_pkey PRIMARY KEY (function_id, capacity_pool_id),
    -- deferrable: one statement can swap slugs; partial: no other query can use its index
    CONSTRAINT capacity_pools_slug_excl EXCLUDE USING btree (function_id WITH =, slug WITH =)
    WHERE (slug IS NOT NULL) DEFERRABLE INITIALLY IMMEDIATE,
    CONSTRAINT capacity_pools_function_fkey FOREIGN KEY (function_id)
    REFERENCES ticketing.functions (function_id),
    -- makes overselling impossible, no matter which function writes
    CONSTRAINT capacity_pools_not_oversold CHECK (reserved + sold <= capacity)
) WITH (fillfactor = 40);

COMMENT ON TABLE ticketing.capacity_pools IS
'Limited capacity and how much of it is taken. A ticket takes one unit from every pool of its ticket type; a package takes
one unit from every pool of its own, in addition to what its tickets take. Unlimited capacity means no pool.';
COMMENT ON COLUMN ticketing.capacity_pools.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.capacity_pools.capacity_pool_id IS
'Id of the pool: the id of the event, ticket type or package that it belongs to, or a separate id for a shared pool.';
COMMENT ON COLUMN ticketing.capacity_pools.slug IS
'Name of a shared pool in catalogue documents, unique among the pools of the function; null if none.';
COMMENT ON COLUMN ticketing.capacity_pools.name IS 'Display name.';
COMMENT ON COLUMN ticketing.capacity_pools.capacity IS 'Total capacity.';
COMMENT ON COLUMN ticketing.capacity_pools.reserved IS
'Capacity taken by unpaid tickets. In a contended pool it also includes the available and sold capacity of its allotments.';
COMMENT ON COLUMN ticketing.capacity_pools.sold IS
'Capacity taken by paid tickets. In a contended pool it excludes the sold capacity of its allotments, which is part of
reserved.';

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

CREATE INDEX ticket_type_pools_capacity_pool_idx
ON ticketing.ticket_type_pools (function_id, capacity_pool_id);

COMMENT ON TABLE ticketing.ticket_type_pools IS
'The pools from which a ticket of a type takes capacity: its own pool, the pool of its event, shared pools.';
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

CREATE INDEX package_pools_capacity_pool_idx
ON ticketing.package_pools (function_id, capacity_pool_id);

COMMENT ON TABLE ticketing.package_pools IS
'The pools from which a package takes capacity, in addition to the pools of its ticket types.';
COMMENT ON COLUMN ticketing.package_pools.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.package_pools.package_id IS 'The package.';
COMMENT ON COLUMN ticketing.package_pools.capacity_pool_id IS 'The pool.';

-- A transaction holds the lock of a pool until its commit is flushed, so with one row per pool its
-- buyers commit one after the other. An allotment is part of the pool's capacity in a row of its
-- own, from which a buyer who finds the pool locked takes capacity without waiting. The pool counts
-- it as reserved: capacity_pools_not_oversold covers allotments too.
CREATE TABLE ticketing_internal.capacity_allotments (
    function_id uuid NOT NULL,
    capacity_pool_id uuid NOT NULL,
    allotment integer NOT NULL,
    available integer NOT NULL,
    sold integer NOT NULL DEFAULT 0,
    CONSTRAINT capacity_allotments_pkey PRIMARY KEY (function_id, capacity_pool_id, allotment),
    CONSTRAINT capacity_allotments_capacity_pool_fkey FOREIGN KEY (function_id, capacity_pool_id)
    REFERENCES ticketing.capacity_pools (function_id, capacity_pool_id),
    CONSTRAINT capacity_allotments_allotment_check CHECK (allotment >= 1),
    CONSTRAINT capacity_allotments_available_check CHECK (available >= 0)
) WITH (fillfactor = 40);

COMMENT ON TABLE ticketing_internal.capacity_allotments IS
'Part of a contended pool''s capacity in its own row, so that buyers do not queue on one lock. The pool counts it as
reserved; it is available to all. Allotments are filled after a transaction has had to wait for the pool, and drained when
the pool runs short.';
COMMENT ON COLUMN ticketing_internal.capacity_allotments.function_id IS 'The function.';
COMMENT ON COLUMN ticketing_internal.capacity_allotments.capacity_pool_id IS 'The pool.';
COMMENT ON COLUMN ticketing_internal.capacity_allotments.allotment IS 'Number of the allotment in its pool, from 1.';
COMMENT ON COLUMN ticketing_internal.capacity_allotments.available IS 'Capacity of the allotment that is not taken.';
COMMENT ON COLUMN ticketing_internal.capacity_allotments.sold IS
'Change of sold capacity recorded here instead of in the pool: add it to the pool''s sold, subtract it from reserved.
Negative after cancellations of tickets that were paid elsewhere.';

ALTER TABLE ticketing.capacity_pools ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.ticket_type_pools ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.package_pools ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing_internal.capacity_allotments ENABLE ROW LEVEL SECURITY;
