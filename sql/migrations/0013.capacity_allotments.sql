-- Places of a crowded pool that are set aside, so that its buyers need not wait for each other.
--
-- Whoever takes places from a pool keeps its row until his COMMIT is on disk. With one row, buyers
-- of one pool therefore commit one after the other. An allotment is a few of its places in a row of
-- their own, for those who find the pool's row taken. The pool counts them as reserved: its CHECK
-- stays the last word on overselling.

SET LOCAL ROLE ticketing_owner;

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
'Places of a pool that are set aside for whoever finds its row taken; free as any others, though the pool counts them as
reserved. They exist only where somebody has had to wait, and go back to the pool when it runs short.';
COMMENT ON COLUMN ticketing_internal.capacity_allotments.function_id IS 'The function.';
COMMENT ON COLUMN ticketing_internal.capacity_allotments.capacity_pool_id IS 'The pool.';
COMMENT ON COLUMN ticketing_internal.capacity_allotments.allotment IS 'Number of the allotment in its pool, from 1.';
COMMENT ON COLUMN ticketing_internal.capacity_allotments.available IS 'Places that nobody has taken of it yet.';
COMMENT ON COLUMN ticketing_internal.capacity_allotments.sold IS
'By how much more places of the pool are sold, and fewer reserved, than its counters say.';

ALTER TABLE ticketing_internal.capacity_allotments ENABLE ROW LEVEL SECURITY;

COMMENT ON COLUMN ticketing.capacity_pools.reserved IS
'Places held by tickets not paid yet. Of a crowded pool also those set aside in allotments, and those paid there.';
COMMENT ON COLUMN ticketing.capacity_pools.sold IS
'Places of paid tickets. Of a crowded pool without those paid in allotments, which are among the reserved.';

-- What these functions take or return has changed; their files install them anew.
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.take_places(uuid, ticketing_internal.pool_demand[]);
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.refuse_places(
    uuid,
    ticketing_internal.planned_ticket[],
    ticketing_internal.pool_demand[],
    ticketing_internal.pool_demand[],
    ticketing_internal.selection_line[],
    uuid,
    timestamptz,
    boolean
);
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.canonical_selections(
    uuid[],
    ticketing_internal.selection_line[],
    ticketing.package_items[],
    ticketing_internal.offer[]
);
