-- What a catalogue document may not change because of what is stored: slugs in use, and what is
-- fixed once there are registrations or tickets.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_conflict_issues(
    p_catalogue jsonb, p_submitted ticketing_internal.submitted_catalogue
)
RETURNS TABLE (path text, issue jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function CONSTANT jsonb := p_catalogue -> 'function';
    v_function_id CONSTANT uuid := (p_submitted.function).function_id;
    v_organisation_id CONSTANT uuid := (p_submitted.organisation).organisation_id;
BEGIN
    RETURN QUERY
    WITH element AS (
        SELECT catalogue.* FROM ticketing_internal.catalogue_elements(p_catalogue) AS catalogue
    )
    SELECT
        repeated.path,
        ticketing_internal.issue(
            'slug_taken', repeated.path || '.slug',
            format('Another of the %s has this slug.', replace(repeated.section, '_', ' ')),
            p_actual => repeated.value -> 'slug'
        )
    FROM (
        SELECT
            element.*,
            row_number() OVER (PARTITION BY element.section, element.value ->> 'slug' ORDER BY element.ordinal)
            AS occurrence
        FROM element
        WHERE element.value ->> 'slug' IS NOT NULL
            AND coalesce((element.value ->> 'is_active')::boolean, TRUE)
    ) AS repeated
    -- what is inactive, and what the document does not name, gives up its slug
    WHERE repeated.occurrence > 1

    UNION ALL
    SELECT
        'p_catalogue.function.slug',
        ticketing_internal.issue(
            'slug_taken', 'p_catalogue.function.slug', 'Another function has this slug.',
            p_actual => v_function -> 'slug'
        )
    FROM ticketing.functions AS function
    WHERE function.slug = v_function ->> 'slug' AND function.function_id <> v_function_id

    UNION ALL
    SELECT
        'p_catalogue.organisation.slug',
        ticketing_internal.issue(
            'slug_taken', 'p_catalogue.organisation.slug', 'Another organisation has this slug.',
            p_actual => p_catalogue #> '{organisation,slug}'
        )
    FROM ticketing.organisations AS organisation
    WHERE organisation.slug = p_catalogue #>> '{organisation,slug}'
        AND organisation.organisation_id <> v_organisation_id

    UNION ALL
    SELECT
        'p_catalogue.function.currency',
        ticketing_internal.issue(
            'currency_locked', 'p_catalogue.function.currency',
            'The function has registrations: its currency can no longer change.',
            p_expected => to_jsonb(function.currency), p_actual => v_function -> 'currency'
        )
    FROM ticketing.functions AS function
    WHERE function.function_id = v_function_id
        AND function.currency <> v_function ->> 'currency'
        AND EXISTS (
            SELECT FROM ticketing.registrations AS registration WHERE registration.function_id = v_function_id
        )

    UNION ALL
    SELECT
        'p_catalogue.organisation.organisation_id',
        ticketing_internal.issue(
            'organisation_locked', 'p_catalogue.organisation.organisation_id',
            'The function belongs to another organisation.', p_actual => to_jsonb(v_organisation_id)
        )
    FROM ticketing.functions AS function
    WHERE function.function_id = v_function_id
        AND function.organisation_id <> v_organisation_id

    UNION ALL
    SELECT
        element.path,
        ticketing_internal.issue(
            'event_locked', element.path || '.event_id',
            format(
                '%s is for another event, which cannot change; create a new ticket type, with another slug, or, if the event only '
                'has another slug now, give it event_id: %s.', ticket_type.name, ticket_type.event_id
            ),
            p_ticket_type_id => element.id, p_item_name => ticket_type.name,
            p_expected => to_jsonb(ticket_type.event_id), p_actual => element.value -> 'event_id'
        )
    FROM element
    INNER JOIN ticketing.ticket_types AS ticket_type
        ON ticket_type.function_id = v_function_id
        AND ticket_type.ticket_type_id = element.id
    WHERE element.section = 'ticket_types'
        AND ticket_type.event_id <> (element.value ->> 'event_id')::uuid
        -- else the event is not found
        AND (element.value ->> 'event_id')::uuid IN (
            SELECT event.id FROM element AS event WHERE event.section = 'events'
        )

    UNION ALL
    SELECT
        element.path,
        ticketing_internal.issue(
            'contents_locked', element.path || '.items',
            format(
                '%s has tickets: its contents can no longer change; create a new package, with another slug.', element.value ->> 'name'
            ),
            p_package_id => element.id, p_item_name => element.value ->> 'name'
        )
    FROM element
    WHERE element.section = 'packages'
        AND EXISTS (
            SELECT
            FROM ticketing.tickets AS ticket
            WHERE ticket.function_id = v_function_id AND ticket.package_id = element.id
        )
        AND (
            SELECT jsonb_object_agg(stored.ticket_type_id, stored.quantity)
            FROM ticketing.package_items AS stored
            WHERE stored.function_id = v_function_id AND stored.package_id = element.id
        ) IS DISTINCT FROM (
            SELECT jsonb_object_agg(item.ticket_type_id, item.quantity)
            FROM unnest(p_submitted.package_items) AS item
            WHERE item.package_id = element.id
        );
END
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_conflict_issues IS
'Issues of p_catalogue, read as p_submitted, against what is stored; path is that of the element.';
