-- Reads the pools that a catalogue document describes. The capacity of an event is shared by its
-- ticket types, that of a ticket type or package is its own, and the section pools adds shared
-- ones.

CREATE OR REPLACE FUNCTION ticketing_internal.read_pools(p_catalogue jsonb)
RETURNS SETOF ticketing_internal.submitted_pool
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        event.event_id,
        event.title,
        event.capacity,
        format('p_catalogue.events[%s].capacity', event.ordinality - 1),
        (
            SELECT array_agg(ticket_type.ticket_type_id)
            FROM jsonb_to_recordset(p_catalogue -> 'ticket_types') AS ticket_type (ticket_type_id uuid, event_id uuid)
            WHERE ticket_type.event_id = event.event_id
        ),
        NULL::uuid []
    FROM ROWS FROM (
        jsonb_to_recordset(p_catalogue -> 'events') AS (event_id uuid, title text, capacity integer)
    ) WITH ORDINALITY AS event
    WHERE event.capacity IS NOT NULL
    UNION ALL
    SELECT
        ticket_type.ticket_type_id,
        ticket_type.name,
        ticket_type.capacity,
        format('p_catalogue.ticket_types[%s].capacity', ticket_type.ordinality - 1),
        ARRAY[ticket_type.ticket_type_id],
        NULL
    FROM ROWS FROM (
        jsonb_to_recordset(p_catalogue -> 'ticket_types') AS (ticket_type_id uuid, name text, capacity integer)
    ) WITH ORDINALITY AS ticket_type
    WHERE ticket_type.capacity IS NOT NULL
    UNION ALL
    SELECT
        package.package_id,
        package.name,
        package.capacity,
        format('p_catalogue.packages[%s].capacity', package.ordinality - 1),
        NULL,
        ARRAY[package.package_id]
    FROM ROWS FROM (
        jsonb_to_recordset(p_catalogue -> 'packages') AS (package_id uuid, name text, capacity integer)
    ) WITH ORDINALITY AS package
    WHERE package.capacity IS NOT NULL
    UNION ALL
    SELECT
        pool.capacity_pool_id,
        pool.name,
        pool.capacity,
        format('p_catalogue.pools[%s].capacity', pool.ordinality - 1),
        pool.ticket_type_ids,
        pool.package_ids
    FROM ROWS FROM (
        jsonb_to_recordset(coalesce(nullif(p_catalogue -> 'pools', 'null'), '[]')) AS (
            capacity_pool_id uuid, name text, capacity integer, ticket_type_ids uuid [], package_ids uuid []
        )
    ) WITH ORDINALITY AS pool
$$;

COMMENT ON FUNCTION ticketing_internal.read_pools IS
'Every pool of p_catalogue, a document that conforms to its schema.';
