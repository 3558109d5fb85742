-- Reads a catalogue document that conforms to its schema into the rows to store. Keys become
-- columns by their names, so that no column is listed here.

CREATE OR REPLACE FUNCTION ticketing_internal.read_catalogue(p_catalogue jsonb, p_now timestamptz)
RETURNS ticketing_internal.submitted_catalogue
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_schema CONSTANT jsonb := ticketing_internal.catalogue_schema() -> 'properties';
    -- columns that the document has once, or not at all
    v_common CONSTANT jsonb := jsonb_build_object(
        'organisation_id', p_catalogue #> '{organisation,organisation_id}',
        'function_id', p_catalogue #> '{function,function_id}',
        'created_at', p_now,
        'updated_at', p_now
    );
    v_catalogue ticketing_internal.submitted_catalogue;
BEGIN
    v_catalogue.organisation := jsonb_populate_record(
        NULL::ticketing.organisations, (p_catalogue -> 'organisation') || v_common
    );
    v_catalogue.function := jsonb_populate_record(
        NULL::ticketing.functions,
        ticketing_internal.apply_defaults(p_catalogue -> 'function', v_schema -> 'function') || v_common
    );
    v_catalogue.events := ARRAY(
        SELECT jsonb_populate_record(
            NULL::ticketing.events,
            ticketing_internal.apply_defaults(event.value, v_schema #> '{events,items}') || v_common
        )
        FROM jsonb_array_elements(p_catalogue -> 'events') WITH ORDINALITY AS event
        ORDER BY event.ordinality
    );
    v_catalogue.ticket_types := ARRAY(
        SELECT jsonb_populate_record(
            NULL::ticketing.ticket_types,
            ticketing_internal.apply_defaults(ticket_type.value, v_schema #> '{ticket_types,items}') || v_common
        )
        FROM jsonb_array_elements(p_catalogue -> 'ticket_types') WITH ORDINALITY AS ticket_type
        ORDER BY ticket_type.ordinality
    );
    v_catalogue.packages := ARRAY(
        SELECT jsonb_populate_record(
            NULL::ticketing.packages,
            ticketing_internal.apply_defaults(package.value, v_schema #> '{packages,items}') || v_common
        )
        FROM jsonb_array_elements(p_catalogue -> 'packages') WITH ORDINALITY AS package
        ORDER BY package.ordinality
    );
    v_catalogue.package_items := ARRAY(
        SELECT jsonb_populate_record(
            NULL::ticketing.package_items,
            item.value || v_common || jsonb_build_object('package_id', package.value -> 'package_id')
        )
        FROM jsonb_array_elements(p_catalogue -> 'packages') WITH ORDINALITY AS package
        CROSS JOIN LATERAL jsonb_array_elements(package.value -> 'items') WITH ORDINALITY AS item
        ORDER BY package.ordinality, item.ordinality
    );
    v_catalogue.pools := ARRAY(SELECT pool FROM ticketing_internal.read_pools(p_catalogue) AS pool);
    RETURN v_catalogue;
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_catalogue IS
'The rows of p_catalogue, a document that conforms to its schema, with created_at and updated_at p_now. Each pool of the
document has an element in pools.';
