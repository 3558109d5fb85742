-- Turns a catalogue document that conforms to its schema into one in which everything has an id and
-- is referred to by it, so that no later step knows of slugs. What has no id is what the function
-- has stored under its slug, the active one first; otherwise it is new, with an id of its slug.
--
-- A reference to a slug that the document does not have becomes an id that nothing has:
-- catalogue_reference_issues finds it.

CREATE OR REPLACE FUNCTION ticketing_internal.resolve_catalogue(p_catalogue jsonb)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := (p_catalogue #>> '{function,function_id}')::uuid;
    v_ids jsonb;
BEGIN
    -- the ids of each list: all in its order, and by slug
    WITH element AS (
        SELECT catalogue.*, catalogue.value ->> 'slug' AS slug
        FROM ticketing_internal.catalogue_elements(p_catalogue) AS catalogue
    ),
    stored AS (
        SELECT known.*
        FROM (
            SELECT 'events' AS section, event.event_id AS id, event.slug, event.is_active, event.updated_at
            FROM ticketing.events AS event
            WHERE event.function_id = v_function_id
            UNION ALL
            SELECT 'ticket_types', ticket_type.ticket_type_id, ticket_type.slug, ticket_type.is_active,
                ticket_type.updated_at
            FROM ticketing.ticket_types AS ticket_type
            WHERE ticket_type.function_id = v_function_id
            UNION ALL
            SELECT 'packages', package.package_id, package.slug, package.is_active, package.updated_at
            FROM ticketing.packages AS package
            WHERE package.function_id = v_function_id
            UNION ALL
            SELECT 'pools', pool.capacity_pool_id, pool.slug, TRUE, NULL
            FROM ticketing.capacity_pools AS pool
            WHERE pool.function_id = v_function_id
        ) AS known
        -- one whose id is in the document is that entry, also under another slug
        WHERE known.id NOT IN (SELECT element.id FROM element WHERE element.id IS NOT NULL)
    ),
    found AS (
        SELECT DISTINCT ON (stored.section, stored.slug) stored.section, stored.slug, stored.id
        FROM stored
        WHERE stored.slug IS NOT NULL
        ORDER BY stored.section, stored.slug, stored.is_active DESC, stored.updated_at DESC, stored.id
    ),
    taken AS (
        SELECT element.id FROM element WHERE element.id IS NOT NULL
        UNION ALL
        SELECT stored.id FROM stored
    ),
    identified AS (
        SELECT
            element.section,
            element.ordinal,
            element.slug,
            coalesce((element.value ->> 'is_active')::boolean, TRUE) AS is_active,
            coalesce(element.id, found.id, CASE
                WHEN ticketing_internal.slug_id(element.section, v_function_id, element.slug) IN (
                    SELECT taken.id FROM taken
                ) THEN ticketing_internal.slug_id(
                    element.section, v_function_id, element.slug, ARRAY(SELECT taken.id FROM taken)
                )
                ELSE ticketing_internal.slug_id(element.section, v_function_id, element.slug)
            END) AS id
        FROM element
        LEFT JOIN found ON found.section = element.section AND found.slug = element.slug
    )
    SELECT jsonb_object_agg(list.section, list.ids)
    INTO v_ids
    FROM (
        SELECT
            identified.section,
            jsonb_build_object(
                'all', jsonb_agg(identified.id ORDER BY identified.ordinal),
                -- of several with a slug the last one counts: the first active one
                'by_slug', jsonb_object_agg(
                    identified.slug, identified.id ORDER BY identified.is_active, identified.ordinal DESC
                ) FILTER (WHERE identified.slug IS NOT NULL)
            ) AS ids
        FROM identified
        GROUP BY identified.section
    ) AS list;

    RETURN p_catalogue || (
        SELECT coalesce(jsonb_object_agg(list.section, list.entries), '{}')
        FROM (
            SELECT
                element.section,
                jsonb_agg(
                    element.value
                    || jsonb_build_object(element.id_key, v_ids #> ARRAY[element.section, 'all', (element.ordinal - 1)::text])
                    || CASE element.section
                        WHEN 'ticket_types' THEN jsonb_build_object(
                            'event_id', ticketing_internal.referred_id(v_ids, 'events', element.value ->> 'event_id')
                        )
                        WHEN 'packages' THEN jsonb_build_object('items', (
                            SELECT jsonb_agg(
                                item.value || jsonb_build_object('ticket_type_id', ticketing_internal.referred_id(
                                    v_ids, 'ticket_types', item.value ->> 'ticket_type_id'
                                )) ORDER BY item.ordinality
                            )
                            FROM jsonb_array_elements(element.value -> 'items') WITH ORDINALITY AS item
                        ))
                        WHEN 'pools' THEN (
                            SELECT coalesce(jsonb_object_agg(kind.key, ARRAY(
                                SELECT ticketing_internal.referred_id(v_ids, kind.section, member.value)
                                FROM jsonb_array_elements_text(element.value -> kind.key) WITH ORDINALITY AS member
                                ORDER BY member.ordinality
                            )), '{}')
                            FROM (
                                VALUES ('ticket_type_ids', 'ticket_types'), ('package_ids', 'packages')
                            ) AS kind (key, section)
                            WHERE jsonb_typeof(element.value -> kind.key) = 'array'
                        )
                        ELSE '{}'
                    END ORDER BY element.ordinal
                ) AS entries
            FROM ticketing_internal.catalogue_elements(p_catalogue) AS element
            GROUP BY element.section
        ) AS list
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.resolve_catalogue IS
'p_catalogue, a document that conforms to its schema and has the id of its function, with the ids of all that it describes and refers to.';
