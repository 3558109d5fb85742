-- Reads the pools that a catalogue document leaves the function with. The capacity of an event is
-- shared by its ticket types, that of a ticket type or package is its own, and the section pools
-- adds shared ones. What the document does not mention stays as it is stored.
--
-- The caller holds the catalogue exclusively, so that what is stored stays so.

CREATE OR REPLACE FUNCTION ticketing_internal.read_pools(p_catalogue jsonb)
RETURNS SETOF ticketing_internal.submitted_pool
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := (p_catalogue #>> '{function,function_id}')::uuid;
BEGIN
    RETURN QUERY
    WITH element AS (
        SELECT catalogue.* FROM ticketing_internal.catalogue_elements(p_catalogue) AS catalogue
    ),
    own AS (
        SELECT
            element.section,
            element.id,
            coalesce(element.value ->> 'title', element.value ->> 'name') AS name,
            CASE
                WHEN element.value ? 'capacity' THEN (element.value ->> 'capacity')::integer
                ELSE stored.capacity::integer
            END AS capacity,
            element.path || '.capacity' AS path
        FROM element
        LEFT JOIN ticketing.capacity_pools AS stored
            ON stored.function_id = v_function_id
            AND stored.capacity_pool_id = element.id
        WHERE element.section IN ('events', 'ticket_types', 'packages')
    ),
    -- also ticket types that the document no longer names: their tickets admit to the event
    admission AS (
        SELECT (element.value ->> 'event_id')::uuid AS event_id, element.id AS ticket_type_id
        FROM element
        WHERE element.section = 'ticket_types'
        UNION
        SELECT ticket_type.event_id, ticket_type.ticket_type_id
        FROM ticketing.ticket_types AS ticket_type
        WHERE ticket_type.function_id = v_function_id
    )
    SELECT
        own.id,
        NULL::text,
        own.name,
        own.capacity,
        own.path,
        CASE own.section
            WHEN 'events' THEN ARRAY(
                SELECT admission.ticket_type_id FROM admission WHERE admission.event_id = own.id
            )
            WHEN 'ticket_types' THEN ARRAY[own.id]
        END,
        CASE own.section WHEN 'packages' THEN ARRAY[own.id] END
    FROM own
    WHERE own.capacity IS NOT NULL

    UNION ALL
    SELECT
        pool.capacity_pool_id,
        pool.slug,
        pool.name,
        pool.capacity,
        format('p_catalogue.pools[%s].capacity', pool.ordinality - 1),
        pool.ticket_type_ids,
        pool.package_ids
    FROM ROWS FROM (
        jsonb_to_recordset(coalesce(nullif(p_catalogue -> 'pools', 'null'), '[]')) AS (
            capacity_pool_id uuid, slug text, name text, capacity integer, ticket_type_ids uuid [],
            package_ids uuid []
        )
    ) WITH ORDINALITY AS pool

    UNION ALL
    SELECT
        shared.capacity_pool_id,
        shared.slug::text,
        shared.name::text,
        shared.capacity::integer,
        'p_catalogue.pools',
        ARRAY(
            SELECT membership.ticket_type_id
            FROM ticketing.ticket_type_pools AS membership
            WHERE membership.function_id = v_function_id
                AND membership.capacity_pool_id = shared.capacity_pool_id
        ),
        ARRAY(
            SELECT membership.package_id
            FROM ticketing.package_pools AS membership
            WHERE membership.function_id = v_function_id
                AND membership.capacity_pool_id = shared.capacity_pool_id
        )
    FROM ticketing.capacity_pools AS shared
    WHERE NOT p_catalogue ? 'pools'
        AND shared.function_id = v_function_id
        AND NOT EXISTS (SELECT FROM element WHERE element.id = shared.capacity_pool_id)
        AND NOT ticketing_internal.is_own_pool(v_function_id, shared.capacity_pool_id);
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_pools IS
'Every pool that the function has by p_catalogue, a document that conforms to its schema: those that it describes, and those
stored whose capacity it leaves out. Pools of events, ticket types and packages that it does not name are not listed.';
