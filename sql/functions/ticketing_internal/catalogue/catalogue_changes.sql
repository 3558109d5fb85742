-- What an import has changed, told from the catalogue as it was stored before and after.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_changes(p_before jsonb, p_after jsonb)
RETURNS ticketing_internal.catalogue_change[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        WITH entry AS (
            SELECT document.is_after, element.section, element.rank, element.id, element.ordinal, element.value
            FROM (VALUES (p_before, FALSE), (p_after, TRUE)) AS document (catalogue, is_after)
            CROSS JOIN LATERAL (
                SELECT listed.section, listed.rank, listed.id, listed.ordinal, listed.value
                FROM ticketing_internal.catalogue_elements(document.catalogue) AS listed
                UNION ALL
                SELECT
                    part.section, 0, (document.catalogue #>> ARRAY[part.section, part.key])::uuid, part.ordinal,
                    document.catalogue -> part.section
                FROM (
                    VALUES ('organisation', 'organisation_id', 1), ('function', 'function_id', 2)
                ) AS part (section, key, ordinal)
                WHERE document.catalogue ? part.section
            ) AS element
        )
        SELECT ROW(
            CASE
                WHEN was.value IS NULL THEN 'added'
                WHEN now_is.value IS NULL THEN 'dropped'
                WHEN (was.value -> 'is_active')::boolean AND NOT (now_is.value -> 'is_active')::boolean THEN 'dropped'
                ELSE 'changed'
            END,
            rtrim(coalesce(now_is.section, was.section), 's'),
            coalesce(now_is.id, was.id),
            coalesce(now_is.value, was.value) ->> 'slug',
            coalesce(now_is.value ->> 'name', now_is.value ->> 'title', was.value ->> 'name'),
            CASE WHEN was.value IS NOT NULL AND now_is.value IS NOT NULL THEN ARRAY(
                SELECT key.key
                FROM jsonb_object_keys(now_is.value) AS key (key)
                WHERE now_is.value -> key.key <> was.value -> key.key
                ORDER BY key.key
            ) ELSE '{}' END
        )::ticketing_internal.catalogue_change
        FROM (SELECT entry.* FROM entry WHERE NOT entry.is_after) AS was
        FULL JOIN (SELECT entry.* FROM entry WHERE entry.is_after) AS now_is
            ON now_is.section = was.section AND now_is.id = was.id
        WHERE now_is.value IS DISTINCT FROM was.value
        ORDER BY coalesce(now_is.rank, was.rank), coalesce(now_is.ordinal, was.ordinal)
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_changes IS
'How p_after differs from p_before, both from stored_catalogue: what is added, changed or dropped, in the order of the document.';
