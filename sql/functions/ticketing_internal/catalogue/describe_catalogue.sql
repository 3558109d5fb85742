-- A stored catalogue as it is written by hand. An id that the slug has by itself is left out, so
-- that what was written with slugs comes back with slugs, and what had ids of its own with these.

CREATE OR REPLACE FUNCTION ticketing_internal.describe_catalogue(p_stored jsonb)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_schema CONSTANT jsonb := ticketing_internal.catalogue_schema() -> 'properties';
    v_function CONSTANT ticketing.functions := jsonb_populate_record(NULL::ticketing.functions, p_stored -> 'function');
    v_organisation_id CONSTANT uuid := p_stored #>> '{organisation,organisation_id}';
    v_names jsonb;
    v_document jsonb;
BEGIN
    -- what is inactive has given up its slug
    SELECT coalesce(jsonb_object_agg(element.id, element.value ->> 'slug'), '{}')
    INTO v_names
    FROM ticketing_internal.catalogue_elements(p_stored) AS element
    WHERE element.value ->> 'slug' IS NOT NULL
        AND coalesce((element.value ->> 'is_active')::boolean, TRUE);

    SELECT coalesce(jsonb_object_agg(list.section, list.entries), '{}')
    INTO v_document
    FROM (
        SELECT
            element.section,
            jsonb_agg(
                ticketing_internal.describe_entry(element.value, v_schema #> ARRAY[element.section, 'items'], v_function)
                - CASE
                    WHEN v_names ? element.id::text AND element.id = ticketing_internal.slug_id(
                        element.section, v_function.function_id, element.value ->> 'slug'
                    ) THEN element.id_key
                    ELSE ''
                END
                || CASE element.section
                    WHEN 'ticket_types' THEN jsonb_build_object(
                        'event_id', coalesce(v_names -> (element.value ->> 'event_id'), element.value -> 'event_id')
                    )
                    WHEN 'packages' THEN jsonb_build_object('items', (
                        SELECT jsonb_agg(item.value || jsonb_build_object('ticket_type_id', coalesce(
                            v_names -> (item.value ->> 'ticket_type_id'), item.value -> 'ticket_type_id'
                        )) ORDER BY item.ordinality)
                        FROM jsonb_array_elements(element.value -> 'items') WITH ORDINALITY AS item
                    ))
                    WHEN 'pools' THEN (
                        SELECT coalesce(jsonb_object_agg(kind.key, ARRAY(
                            SELECT coalesce(v_names ->> member.value, member.value)
                            FROM jsonb_array_elements_text(element.value -> kind.key) WITH ORDINALITY AS member
                            ORDER BY member.ordinality
                        )), '{}')
                        FROM (VALUES ('ticket_type_ids'), ('package_ids')) AS kind (key)
                        WHERE element.value -> kind.key <> '[]'
                    )
                    ELSE '{}'
                END ORDER BY element.ordinal
            ) AS entries
        FROM ticketing_internal.catalogue_elements(p_stored) AS element
        GROUP BY element.section
    ) AS list;

    RETURN '{"events": [], "ticket_types": [], "packages": []}'::jsonb || v_document || jsonb_build_object(
        'organisation', (p_stored -> 'organisation') - CASE
            WHEN v_organisation_id = ticketing_internal.slug_id('organisation', NULL, p_stored #>> '{organisation,slug}')
                THEN 'organisation_id'
            ELSE ''
        END,
        'function', ticketing_internal.describe_entry(p_stored -> 'function', v_schema -> 'function', v_function) - CASE
            WHEN v_function.function_id = ticketing_internal.slug_id('function', v_organisation_id, v_function.slug)
                THEN 'function_id'
            ELSE ''
        END
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.describe_catalogue IS
'The document p_stored, from stored_catalogue, with slugs for ids and without what is understood.';
