-- What is wrong with a catalogue document of the right shape: references, windows, limits, and
-- what may not change any more once tickets exist. Capacities are compared with what is in use
-- by save_pools, under its locks.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_issues(p_catalogue jsonb)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function CONSTANT jsonb := p_catalogue -> 'function';
    v_function_id CONSTANT uuid := (p_catalogue #>> '{function,function_id}')::uuid;
    v_organisation_id CONSTANT uuid := (p_catalogue #>> '{organisation,organisation_id}')::uuid;
    v_issues jsonb;
BEGIN
    WITH element AS (
        SELECT
            section.name AS section,
            element.value,
            format('p_catalogue.%s[%s]', section.name, element.ordinality - 1) AS path,
            section.rank,
            element.ordinality AS position,
            (element.value ->> section.key)::uuid AS id,
            section.key AS id_key
        FROM (
            VALUES
            ('events', 'event_id', 1), ('ticket_types', 'ticket_type_id', 2), ('packages', 'package_id', 3),
            ('pools', 'capacity_pool_id', 4)
        ) AS section (name, key, rank)
        CROSS JOIN LATERAL jsonb_array_elements(
            coalesce(nullif(p_catalogue -> section.name, 'null'), '[]')
        ) WITH ORDINALITY AS element
    ),
    item AS (
        SELECT
            element.id AS package_id,
            element.path AS package_path,
            item.ordinality AS position,
            item.value,
            (item.value ->> 'ticket_type_id')::uuid AS ticket_type_id,
            (item.value ->> 'quantity')::integer AS quantity,
            format('%s.items[%s]', element.path, item.ordinality - 1) AS path
        FROM element
        CROSS JOIN LATERAL jsonb_array_elements(element.value -> 'items') WITH ORDINALITY AS item
        WHERE element.section = 'packages'
    ),
    member AS (
        SELECT
            format('%s.%s[%s]', element.path, kind.key, member.ordinality - 1) AS path,
            kind.section,
            member.value::uuid AS id,
            element.id AS pool_id
        FROM element
        CROSS JOIN (
            VALUES ('ticket_type_ids', 'ticket_types'), ('package_ids', 'packages')
        ) AS kind (key, section)
        CROSS JOIN LATERAL jsonb_array_elements_text(
            coalesce(nullif(element.value -> kind.key, 'null'), '[]')
        ) WITH ORDINALITY AS member
        WHERE element.section = 'pools'
    ),
    spaced AS (
        SELECT element.path, element.value, span.from_key, span.to_key
        FROM element
        CROSS JOIN (VALUES ('starts_at', 'ends_at'), ('sale_starts_at', 'sale_ends_at')) AS span (from_key, to_key)
        UNION ALL
        SELECT 'p_catalogue.function', v_function, span.from_key, span.to_key
        FROM (
            VALUES ('starts_at', 'ends_at'), ('registration_opens_at', 'registration_closes_at')
        ) AS span (from_key, to_key)
    ),
    problem (path, issue) AS (
        SELECT
            repeated.path,
            ticketing_internal.issue(
                'duplicate_id', repeated.path || '.' || repeated.id_key,
                'Events, ticket types, packages and pools each need an id of their own.',
                p_actual => to_jsonb(repeated.id)
            )
        FROM (
            SELECT element.*, row_number() OVER (PARTITION BY element.id ORDER BY element.rank, element.position) AS occurrence FROM element
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
            repeated.path,
            ticketing_internal.issue(
                'slug_taken', repeated.path || '.slug', 'Another event of the function has this slug.',
                p_actual => repeated.value -> 'slug'
            )
        FROM (
            SELECT element.*, row_number() OVER (PARTITION BY element.value ->> 'slug' ORDER BY element.path) AS occurrence
            FROM element
            WHERE element.section = 'events'
        ) AS repeated
        WHERE repeated.occurrence > 1
            OR EXISTS (
                SELECT
                FROM ticketing.events AS event
                WHERE event.function_id = v_function_id
                    AND event.slug = repeated.value ->> 'slug'
                    AND event.event_id NOT IN (SELECT other.id FROM element AS other WHERE other.section = 'events')
            )

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
            element.path,
            ticketing_internal.issue(
                'event_not_found', element.path || '.event_id', 'The document has no such event.',
                p_ticket_type_id => element.id, p_name => element.value ->> 'name',
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
                p_package_id => item.package_id, p_actual => to_jsonb(item.ticket_type_id)
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
        )

        UNION ALL
        SELECT
            spaced.path,
            ticketing_internal.issue(
                'invalid_window', spaced.path || '.' || spaced.to_key,
                format('%s must be after %s.', spaced.to_key, spaced.from_key),
                p_expected => spaced.value -> spaced.from_key, p_actual => spaced.value -> spaced.to_key
            )
        FROM spaced
        WHERE (spaced.value ->> spaced.to_key)::timestamptz <= (spaced.value ->> spaced.from_key)::timestamptz

        UNION ALL
        SELECT
            element.path,
            ticketing_internal.issue(
                'invalid_limits', element.path || '.' || greatest_limit.key,
                format('%s must not be less than min_per_attendee.', greatest_limit.key),
                p_expected => element.value -> 'min_per_attendee', p_actual => element.value -> greatest_limit.key
            )
        FROM element
        CROSS JOIN (VALUES ('max_per_attendee'), ('max_per_registration')) AS greatest_limit (key)
        WHERE (element.value ->> greatest_limit.key)::integer < (element.value ->> 'min_per_attendee')::integer

        UNION ALL
        SELECT
            'p_catalogue.function.max_hold_minutes',
            ticketing_internal.issue(
                'invalid_limits', 'p_catalogue.function.max_hold_minutes',
                'max_hold_minutes must not be less than hold_minutes.',
                p_expected => to_jsonb(hold.minutes), p_actual => to_jsonb(hold.most_minutes)
            )
        FROM (
            SELECT
                coalesce((v_function ->> 'hold_minutes')::integer, 30) AS minutes,
                coalesce((v_function ->> 'max_hold_minutes')::integer, 1440) AS most_minutes
        ) AS hold
        WHERE hold.most_minutes < hold.minutes

        UNION ALL
        SELECT
            'p_catalogue.function.timezone',
            ticketing_internal.issue(
                'unknown_timezone', 'p_catalogue.function.timezone', 'The time zone is not one of the IANA names.',
                p_actual => v_function -> 'timezone'
            )
        WHERE v_function ->> 'timezone' NOT IN (SELECT zone.name FROM pg_catalog.pg_timezone_names AS zone)

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
                format('%s is for another event, for good; make a new ticket type.', ticket_type.name),
                p_ticket_type_id => element.id, p_name => ticket_type.name,
                p_expected => to_jsonb(ticket_type.event_id), p_actual => element.value -> 'event_id'
            )
        FROM element
        INNER JOIN ticketing.ticket_types AS ticket_type
            ON ticket_type.function_id = v_function_id
            AND ticket_type.ticket_type_id = element.id
        WHERE element.section = 'ticket_types'
            AND ticket_type.event_id <> (element.value ->> 'event_id')::uuid

        UNION ALL
        SELECT
            element.path,
            ticketing_internal.issue(
                'contents_locked', element.path || '.items',
                format('%s has tickets: its contents can no longer change; make a new package.', element.value ->> 'name'),
                p_package_id => element.id, p_name => element.value ->> 'name'
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
                FROM item
                WHERE item.package_id = element.id
            )
    )
    SELECT jsonb_agg(problem.issue ORDER BY problem.path)
    INTO v_issues
    FROM problem;

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_issues IS
'All issues of p_catalogue, a document of the right shape, by itself and against what is stored; [] when there are none.';
