-- A slug that a document changes without an id names something new, and what had the old slug
-- becomes inactive: allowed, but with tickets hardly ever meant.

CREATE OR REPLACE FUNCTION ticketing_internal.renaming_warnings(
    p_function_id uuid, p_submitted jsonb, p_changes ticketing_internal.catalogue_change[]
)
RETURNS text[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT format(
            '%s is no longer in the document and has tickets, and %s is new: if it only has another slug now, give it %s_id: %s.',
            dropped.name, new.names, dropped.kind, dropped.id
        )
        FROM unnest(p_changes) AS dropped
        CROSS JOIN LATERAL (
            SELECT
                (array_agg(added.name ORDER BY added.name <> dropped.name, added.name))[1] || CASE WHEN count(*) > 1 THEN format(' (and %s more)', count(*) - 1) ELSE '' END
                AS names
            FROM unnest(p_changes) AS added
            INNER JOIN ticketing_internal.catalogue_elements(p_submitted) AS element
                ON element.section = added.kind || 's'
                AND element.value ->> 'slug' = added.slug
            WHERE added.change = 'added' AND added.kind = dropped.kind AND element.id IS NULL
            HAVING count(*) > 0
        ) AS new
        WHERE dropped.change = 'dropped'
            AND EXISTS (
                SELECT
                FROM ticketing.tickets AS ticket
                WHERE ticket.function_id = p_function_id
                    AND ticket.status = 'Active'
                    AND CASE dropped.kind
                        WHEN 'event' THEN ticket.event_id
                        WHEN 'ticket_type' THEN ticket.ticket_type_id
                        WHEN 'package' THEN ticket.package_id
                    END = dropped.id
            )
        ORDER BY dropped.name, dropped.id
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.renaming_warnings IS
'A text for each entry with tickets that an import of p_submitted has dropped while another of its kind, named only by a slug, has come.';
