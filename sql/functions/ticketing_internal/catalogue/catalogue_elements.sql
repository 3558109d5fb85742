-- The events, ticket types, packages and pools of a catalogue document as one list, for the checks
-- that treat them alike.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_elements(p_catalogue jsonb)
RETURNS TABLE (
    section text, id_key text, id uuid, path text, rank integer, ordinal bigint, value jsonb
)
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        section.name,
        section.key,
        (element.value ->> section.key)::uuid,
        format('p_catalogue.%s[%s]', section.name, element.ordinality - 1),
        section.rank,
        element.ordinality,
        element.value
    FROM (
        VALUES
        ('events', 'event_id', 1), ('ticket_types', 'ticket_type_id', 2), ('packages', 'package_id', 3),
        ('pools', 'capacity_pool_id', 4)
    ) AS section (name, key, rank)
    CROSS JOIN LATERAL jsonb_array_elements(
        coalesce(nullif(p_catalogue -> section.name, 'null'), '[]')
    ) WITH ORDINALITY AS element
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_elements IS
'Every element of the four lists of p_catalogue, with its section and id, its path in the document, and its position
there.';
