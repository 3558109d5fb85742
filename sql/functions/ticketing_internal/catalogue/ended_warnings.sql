-- What a document offers although its sale is over: allowed, but hardly ever meant. A sale that has
-- ended since it was loaded is meant, so only what an import has added or changed is named; if all
-- sales are over, the function.

CREATE OR REPLACE FUNCTION ticketing_internal.ended_warnings(
    p_catalogue ticketing_internal.submitted_catalogue,
    p_changes ticketing_internal.catalogue_change[],
    p_now timestamptz
)
RETURNS text[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function CONSTANT ticketing.functions := p_catalogue.function;
    v_changed CONSTANT uuid[] := ARRAY(SELECT change.id FROM unnest(p_changes) AS change);
BEGIN
    IF v_function.status = 'closed' THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        WITH ticket_type AS (
            SELECT
                submitted.ticket_type_id,
                submitted.name,
                -- as in describe_ticket_types
                coalesce(submitted.sale_ends_at, event.ends_at, v_function.ends_at, 'infinity') AS ends_at,
                submitted.ticket_type_id = ANY(v_changed) OR submitted.event_id = ANY(v_changed) AS is_changed
            FROM unnest(p_catalogue.ticket_types) AS submitted
            INNER JOIN unnest(p_catalogue.events) AS event ON event.event_id = submitted.event_id
            WHERE submitted.is_active AND event.is_active
        ),
        sale AS (
            SELECT 'Nothing of ' || v_function.name AS name, TRUE AS is_function, TRUE AS is_changed,
                least(v_function.registration_closes_at, max(ticket_type.ends_at)) AS ends_at
            FROM ticket_type
            UNION ALL
            SELECT ticket_type.name, FALSE, ticket_type.is_changed, ticket_type.ends_at
            FROM ticket_type
            UNION ALL
            SELECT package.name, FALSE, package.package_id = ANY(v_changed) OR contents.is_changed,
                least(package.sale_ends_at, contents.ends_at)
            FROM unnest(p_catalogue.packages) AS package
            CROSS JOIN LATERAL (
                SELECT min(ticket_type.ends_at) AS ends_at, bool_or(ticket_type.is_changed) AS is_changed
                FROM unnest(p_catalogue.package_items) AS item
                INNER JOIN ticket_type ON ticket_type.ticket_type_id = item.ticket_type_id
                WHERE item.package_id = package.package_id
            ) AS contents
            WHERE package.is_active
        ),
        ended AS (
            SELECT sale.*, bool_or(sale.is_function) OVER () AS is_all
            FROM sale
            WHERE sale.ends_at <= p_now
        )
        SELECT format(
            '%s%s be bought: its sale ended on %s.', ended.name, CASE WHEN ended.is_function THEN ' can' ELSE ' cannot' END,
            ticketing_internal.local_time(ended.ends_at, v_function.timezone)
        )
        FROM ended
        WHERE ended.is_changed AND ended.is_function = ended.is_all
        ORDER BY ended.name
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.ended_warnings IS
'A text if all sales of p_catalogue, whose import has made p_changes, are over at p_now; else one for each active ticket type or
package that has changed, itself or in its dates, and whose sale is over. None for a closed function.';
