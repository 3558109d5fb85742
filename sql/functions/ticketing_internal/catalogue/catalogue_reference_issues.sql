-- Ids that a catalogue document repeats, and ids that it refers to but does not have.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_reference_issues(p_catalogue jsonb)
RETURNS TABLE (path text, issue jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH element AS (
        SELECT catalogue.* FROM ticketing_internal.catalogue_elements(p_catalogue) AS catalogue
    ),
    item AS (
        SELECT
            element.id AS package_id,
            element.path AS package_path,
            element.value ->> 'name' AS package_name,
            item.ordinality AS position,
            (item.value ->> 'ticket_type_id')::uuid AS ticket_type_id,
            format('%s.items[%s]', element.path, item.ordinality - 1) AS path
        FROM element
        CROSS JOIN LATERAL jsonb_array_elements(element.value -> 'items') WITH ORDINALITY AS item
        WHERE element.section = 'packages'
    ),
    member AS (
        SELECT
            format('%s.%s[%s]', element.path, kind.key, member.ordinality - 1) AS path,
            kind.section,
            member.value::uuid AS id
        FROM element
        CROSS JOIN (
            VALUES ('ticket_type_ids', 'ticket_types'), ('package_ids', 'packages')
        ) AS kind (key, section)
        CROSS JOIN LATERAL jsonb_array_elements_text(
            coalesce(nullif(element.value -> kind.key, 'null'), '[]')
        ) WITH ORDINALITY AS member
        WHERE element.section = 'pools'
    )
    SELECT
        repeated.path,
        ticketing_internal.issue(
            'duplicate_id', repeated.path || '.' || repeated.id_key,
            'Events, ticket types, packages and pools each need an id of their own.',
            p_actual => to_jsonb(repeated.id)
        )
    FROM (
        SELECT
            element.*,
            row_number() OVER (PARTITION BY element.id ORDER BY element.rank, element.ordinal) AS occurrence
        FROM element
    ) AS repeated
    WHERE repeated.occurrence > 1

    UNION ALL
    SELECT
        repeated.path,
        ticketing_internal.issue(
            'duplicate_id', repeated.path || '.ticket_type_id', 'A package lists each ticket type once.',
            p_actual => to_jsonb(repeated.ticket_type_id)
        )
    FROM (
        SELECT item.*, row_number() OVER (
            PARTITION BY item.package_path, item.ticket_type_id ORDER BY item.position
        ) AS occurrence FROM item
    ) AS repeated
    WHERE repeated.occurrence > 1

    UNION ALL
    SELECT
        element.path,
        ticketing_internal.issue(
            'event_not_found', element.path || '.event_id', 'The document has no such event.',
            p_ticket_type_id => element.id, p_item_name => element.value ->> 'name',
            p_actual => element.value -> 'event_id'
        )
    FROM element
    WHERE element.section = 'ticket_types'
        AND (element.value ->> 'event_id')::uuid NOT IN (
            SELECT event.id FROM element AS event WHERE event.section = 'events'
        )

    UNION ALL
    SELECT
        item.path,
        ticketing_internal.issue(
            'ticket_type_not_found', item.path || '.ticket_type_id', 'The document has no such ticket type.',
            p_package_id => item.package_id, p_item_name => item.package_name, p_actual => to_jsonb(item.ticket_type_id)
        )
    FROM item
    WHERE item.ticket_type_id NOT IN (
        SELECT ticket_type.id FROM element AS ticket_type WHERE ticket_type.section = 'ticket_types'
    )

    UNION ALL
    SELECT
        member.path,
        ticketing_internal.issue(
            CASE member.section WHEN 'packages' THEN 'package_not_found' ELSE 'ticket_type_not_found' END,
            member.path, format('The document has no such entry in %s.', member.section),
            p_actual => to_jsonb(member.id)
        )
    FROM member
    WHERE NOT EXISTS (
        SELECT FROM element WHERE element.section = member.section AND element.id = member.id
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_reference_issues IS
'Issues of ids in p_catalogue, a document that conforms to its schema; path is that of the element.';
