-- Ids that a catalogue document repeats, and what it refers to but does not have.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_reference_issues(
    p_catalogue jsonb, p_submitted jsonb
)
RETURNS TABLE (path text, issue jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH element AS (
        SELECT
            catalogue.*,
            submitted.id IS NOT NULL AS has_id,
            submitted.value AS submitted,
            coalesce((catalogue.value ->> 'is_active')::boolean, TRUE) AS is_active
        FROM ticketing_internal.catalogue_elements(p_catalogue) AS catalogue
        INNER JOIN ticketing_internal.catalogue_elements(p_submitted) AS submitted
            ON submitted.section = catalogue.section
            AND submitted.ordinal = catalogue.ordinal
    ),
    item AS (
        SELECT
            element.id AS package_id,
            element.path AS package_path,
            element.value ->> 'name' AS package_name,
            item.ordinality AS position,
            (item.value ->> 'ticket_type_id')::uuid AS ticket_type_id,
            element.submitted -> 'items' -> (item.ordinality - 1)::integer -> 'ticket_type_id' AS submitted,
            format('%s.items[%s]', element.path, item.ordinality - 1) AS path
        FROM element
        CROSS JOIN LATERAL jsonb_array_elements(element.value -> 'items') WITH ORDINALITY AS item
        WHERE element.section = 'packages'
    ),
    reference AS (
        SELECT
            element.path AS element_path,
            element.path || '.event_id' AS path,
            'events' AS section,
            (element.value ->> 'event_id')::uuid AS id,
            element.submitted -> 'event_id' AS submitted,
            element.id AS ticket_type_id,
            NULL::uuid AS package_id,
            element.value ->> 'name' AS item_name
        FROM element
        WHERE element.section = 'ticket_types'
        UNION ALL
        SELECT
            item.path, item.path || '.ticket_type_id', 'ticket_types', item.ticket_type_id, item.submitted, NULL,
            item.package_id, item.package_name
        FROM item
        UNION ALL
        SELECT
            format('%s.%s[%s]', element.path, kind.key, member.ordinality - 1),
            format('%s.%s[%s]', element.path, kind.key, member.ordinality - 1),
            kind.section,
            member.value::uuid,
            element.submitted -> kind.key -> (member.ordinality - 1)::integer,
            NULL,
            NULL,
            NULL
        FROM element
        CROSS JOIN (
            VALUES ('ticket_type_ids', 'ticket_types'), ('package_ids', 'packages')
        ) AS kind (key, section)
        CROSS JOIN LATERAL jsonb_array_elements_text(
            coalesce(nullif(element.value -> kind.key, 'null'), '[]')
        ) WITH ORDINALITY AS member
        WHERE element.section = 'pools'
    ),
    -- of several entries with a slug, only one is active: catalogue_conflict_issues finds others
    ambiguous AS (
        SELECT element.section, element.value -> 'slug' AS slug
        FROM element
        GROUP BY element.section, element.value -> 'slug'
        HAVING count(*) > 1 AND NOT bool_or(element.is_active)
    )
    SELECT
        repeated.path,
        ticketing_internal.issue(
            'duplicate_id', repeated.path || CASE WHEN repeated.has_id THEN '.' || repeated.id_key ELSE '.slug' END,
            'Events, ticket types, packages and pools each need an id of their own, or a slug of their own without one.',
            p_actual => CASE WHEN repeated.has_id THEN to_jsonb(repeated.id) ELSE repeated.value -> 'slug' END
        )
    FROM (
        SELECT
            element.*,
            row_number() OVER (PARTITION BY element.id ORDER BY element.rank, element.ordinal) AS occurrence,
            row_number() OVER (
                PARTITION BY element.section, element.value ->> 'slug', element.is_active ORDER BY element.ordinal
            ) AS namesake
        FROM element
    ) AS repeated
    -- active ones with one slug are found by it
    WHERE repeated.occurrence > 1 AND (repeated.has_id OR NOT repeated.is_active OR repeated.namesake = 1)

    UNION ALL
    SELECT
        repeated.path,
        ticketing_internal.issue(
            'duplicate_id', repeated.path || '.ticket_type_id', 'A package lists each ticket type once.',
            p_actual => repeated.submitted
        )
    FROM (
        SELECT item.*, row_number() OVER (
            PARTITION BY item.package_path, item.ticket_type_id ORDER BY item.position
        ) AS occurrence FROM item
    ) AS repeated
    WHERE repeated.occurrence > 1

    UNION ALL
    SELECT
        reference.element_path,
        ticketing_internal.issue(
            CASE reference.section
                WHEN 'events' THEN 'event_not_found'
                WHEN 'packages' THEN 'package_not_found'
                ELSE 'ticket_type_not_found'
            END,
            reference.path,
            CASE reference.section
                WHEN 'events' THEN 'The document has no such event: '
                WHEN 'packages' THEN 'The document has no such package: '
                ELSE 'The document has no such ticket type: '
            END || (reference.submitted #>> '{}') || '.',
            p_ticket_type_id => reference.ticket_type_id, p_package_id => reference.package_id,
            p_item_name => reference.item_name, p_actual => reference.submitted
        )
    FROM reference
    WHERE NOT EXISTS (
        SELECT FROM element WHERE element.section = reference.section AND element.id = reference.id
    )

    UNION ALL
    SELECT
        reference.element_path,
        ticketing_internal.issue(
            'ambiguous_slug', reference.path,
            format(
                'Several of the %s have the slug %s, and none of them is active: name one by its id.',
                replace(reference.section, '_', ' '), reference.submitted #>> '{}'
            ),
            p_ticket_type_id => reference.ticket_type_id, p_package_id => reference.package_id,
            p_item_name => reference.item_name, p_actual => reference.submitted
        )
    FROM reference
    INNER JOIN ambiguous ON ambiguous.section = reference.section AND ambiguous.slug = reference.submitted;
END
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_reference_issues IS
'Issues of ids and references in p_catalogue, which is p_submitted, a document that conforms to its schema, with all ids; path is
that of the element.';
