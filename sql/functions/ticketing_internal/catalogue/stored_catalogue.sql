-- The stored catalogue of a function as a document with every id and every key, to compare and to
-- export it.

CREATE OR REPLACE FUNCTION ticketing_internal.stored_catalogue(p_function_id uuid)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_left_out CONSTANT text [] := '{organisation_id,function_id,created_at,updated_at,reserved,sold}';
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'organisation', to_jsonb(organisation) - '{created_at,updated_at}'::text [],
            'function', to_jsonb(function) - '{organisation_id,created_at,updated_at}'::text [],
            'events', coalesce((
                SELECT jsonb_agg(
                    to_jsonb(event) - c_left_out || jsonb_build_object('capacity', own.capacity)
                    ORDER BY event.is_active DESC, event.starts_at, event.title, event.event_id
                )
                FROM ticketing.events AS event
                LEFT JOIN ticketing.capacity_pools AS own
                    ON own.function_id = event.function_id
                    AND own.capacity_pool_id = event.event_id
                WHERE event.function_id = p_function_id
            ), '[]'),
            'ticket_types', coalesce((
                SELECT jsonb_agg(
                    to_jsonb(ticket_type) - c_left_out || jsonb_build_object('capacity', own.capacity)
                    ORDER BY
                        ticket_type.is_active DESC, event.starts_at, event.title, event.event_id, ticket_type.name,
                        ticket_type.ticket_type_id
                )
                FROM ticketing.ticket_types AS ticket_type
                INNER JOIN ticketing.events AS event
                    ON event.function_id = ticket_type.function_id
                    AND event.event_id = ticket_type.event_id
                LEFT JOIN ticketing.capacity_pools AS own
                    ON own.function_id = ticket_type.function_id
                    AND own.capacity_pool_id = ticket_type.ticket_type_id
                WHERE ticket_type.function_id = p_function_id
            ), '[]'),
            'packages', coalesce((
                SELECT jsonb_agg(
                    to_jsonb(package) - c_left_out || jsonb_build_object('capacity', own.capacity, 'items', (
                        SELECT jsonb_agg(
                            to_jsonb(item) - '{function_id,package_id}'::text []
                            ORDER BY event.starts_at, event.title, event.event_id, ticket_type.name, item.ticket_type_id
                        )
                        FROM ticketing.package_items AS item
                        INNER JOIN ticketing.ticket_types AS ticket_type
                            ON ticket_type.function_id = item.function_id
                            AND ticket_type.ticket_type_id = item.ticket_type_id
                        INNER JOIN ticketing.events AS event
                            ON event.function_id = ticket_type.function_id
                            AND event.event_id = ticket_type.event_id
                        WHERE item.function_id = p_function_id AND item.package_id = package.package_id
                    ))
                    ORDER BY package.is_active DESC, package.name, package.package_id
                )
                FROM ticketing.packages AS package
                LEFT JOIN ticketing.capacity_pools AS own
                    ON own.function_id = package.function_id
                    AND own.capacity_pool_id = package.package_id
                WHERE package.function_id = p_function_id
            ), '[]'),
            'pools', coalesce((
                SELECT jsonb_agg(
                    to_jsonb(pool) - c_left_out || jsonb_build_object(
                        'ticket_type_ids', ARRAY(
                            SELECT member.ticket_type_id
                            FROM ticketing.ticket_type_pools AS member
                            WHERE member.function_id = p_function_id
                                AND member.capacity_pool_id = pool.capacity_pool_id
                            ORDER BY member.ticket_type_id
                        ),
                        'package_ids', ARRAY(
                            SELECT member.package_id
                            FROM ticketing.package_pools AS member
                            WHERE member.function_id = p_function_id
                                AND member.capacity_pool_id = pool.capacity_pool_id
                            ORDER BY member.package_id
                        )
                    )
                    ORDER BY pool.name, pool.capacity_pool_id
                )
                FROM ticketing.capacity_pools AS pool
                WHERE pool.function_id = p_function_id
                    AND NOT ticketing_internal.is_own_pool(p_function_id, pool.capacity_pool_id)
            ), '[]')
        )
        FROM ticketing.functions AS function
        INNER JOIN ticketing.organisations AS organisation
            ON organisation.organisation_id = function.organisation_id
        WHERE function.function_id = p_function_id
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.stored_catalogue IS
'The catalogue of a function in the form of p_catalogue: every id, absent values as null, the active entries first; null if there is no
such function.';
