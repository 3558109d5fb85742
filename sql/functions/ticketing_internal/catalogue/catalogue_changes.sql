-- What an import has changed, told from the catalogue as it was stored before and after.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_changes(p_before jsonb, p_after jsonb)
RETURNS ticketing_internal.catalogue_change[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        WITH part AS (
            SELECT known.*
            FROM (
                VALUES ('organisation', 'organisation_id', 1), ('function', 'function_id', 2)
            ) AS known (section, key, ordinal)
        ),
        was AS (
            SELECT element.section, element.rank, element.id, element.ordinal, element.value
            FROM ticketing_internal.catalogue_elements(p_before) AS element
            UNION ALL
            SELECT
                part.section, 0, (p_before #>> ARRAY[part.section, part.key])::uuid, part.ordinal,
                p_before -> part.section
            FROM part
            WHERE p_before ? part.section
        ),
        now_is AS (
            SELECT element.section, element.rank, element.id, element.ordinal, element.value
            FROM ticketing_internal.catalogue_elements(p_after) AS element
            UNION ALL
            SELECT
                part.section, 0, (p_after #>> ARRAY[part.section, part.key])::uuid, part.ordinal,
                p_after -> part.section
            FROM part
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
        FROM was
        FULL JOIN now_is ON now_is.section = was.section AND now_is.id = was.id
        WHERE now_is.value IS DISTINCT FROM was.value
        ORDER BY coalesce(now_is.rank, was.rank), coalesce(now_is.ordinal, was.ordinal)
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_changes IS
'How p_after differs from p_before, both from stored_catalogue: what is added, changed or dropped, in the order of the document.';
