-- Make the attendees of a locked registration exactly those of the wizard's registration object,
-- except that those who are no longer in it stay until their tickets have been taken back
-- (persist_selections deletes them).
--
-- An attendee is known again by either of his ids. What he has selected stays: the wizard's
-- attendee objects do not say it.
-- Errors: TK004 (an attendee listed twice).

CREATE OR REPLACE FUNCTION ticketing_internal.save_attendees(
    p_registration ticketing.registrations,
    p_attendees jsonb,
    p_now timestamptz,
    OUT r_is_changed boolean,
    OUT r_leaving uuid[]
)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_nothing_selected CONSTANT jsonb := '{"selected_tickets": {"packages": [], "individualTickets": []}}';
    v_function_id CONSTANT uuid := p_registration.function_id;
    v_registration_id CONSTANT uuid := p_registration.registration_id;
    v_wanted ticketing.attendees [];
    v_issues jsonb;
    v_written bigint;
    v_linked bigint;
BEGIN
    WITH given AS (
        SELECT
            (attendee.value ->> 'attendeeId')::uuid AS ref,
            attendee.ordinality::integer - 1 AS position,
            attendee.value AS data
        FROM jsonb_array_elements(p_attendees) WITH ORDINALITY AS attendee
    ),
    -- ids for those who are new are made here, once
    matched AS (
        SELECT
            given.*,
            coalesce(stored.attendee_id, gen_random_uuid()) AS attendee_id,
            coalesce(stored.client_attendee_id, given.ref) AS client_attendee_id,
            stored.attendee_data -> 'selected_tickets' AS selected_tickets,
            coalesce(stored.created_at, p_now) AS created_at
        FROM given
        LEFT JOIN ticketing.attendees AS stored
            ON stored.function_id = v_function_id
            AND stored.registration_id = v_registration_id
            AND given.ref IN (stored.attendee_id, stored.client_attendee_id)
    )
    SELECT
        array_agg(ROW(
            v_function_id,
            attendee.attendee_id,
            v_registration_id,
            p_registration.owner_id,
            attendee.client_attendee_id,
            attendee.position,
            attendee.data ->> 'attendeeType',
            attendee.position = 0,
            ticketing_internal.is_partner(attendee.data),
            related.attendee_id,
            attendee.data ->> 'title',
            attendee.data ->> 'firstName',
            attendee.data ->> 'lastName',
            attendee.data ->> 'primaryEmail',
            attendee.data ->> 'primaryPhone',
            (attendee.data - 'selected_tickets') || CASE
                WHEN attendee.selected_tickets IS NULL THEN c_nothing_selected
                ELSE jsonb_build_object('selected_tickets', attendee.selected_tickets)
            END,
            attendee.created_at,
            p_now
        )::ticketing.attendees ORDER BY attendee.position),
        jsonb_agg(ticketing_internal.issue(
            'attendee_named_twice',
            CASE attendee.position
                WHEN 0 THEN 'p_registration_data.primaryAttendee.attendeeId'
                ELSE format('p_registration_data.additionalAttendees[%s].attendeeId', attendee.position - 1)
            END,
            'The same attendee is listed twice.', p_actual => to_jsonb(attendee.ref)
        ) ORDER BY attendee.position) FILTER (WHERE attendee.occurrence > 1)
    INTO v_wanted, v_issues
    FROM (
        SELECT
            matched.*,
            row_number() OVER (PARTITION BY matched.client_attendee_id ORDER BY matched.position) AS occurrence
        FROM matched
    ) AS attendee
    -- a link to somebody who is not in the registration (any more) is kept in attendee_data and
    -- leads nowhere
    LEFT JOIN (
        SELECT DISTINCT ON (matched.ref) matched.ref, matched.attendee_id
        FROM matched
        ORDER BY matched.ref, matched.position
    ) AS related
        ON related.ref = coalesce(
            attendee.data ->> 'partnerOf', attendee.data ->> 'guestOfId', attendee.data ->> 'partner'
        )::uuid
        AND related.attendee_id <> attendee.attendee_id;

    IF v_issues IS NOT NULL THEN
        PERFORM ticketing_internal.raise_issues('TK004', v_issues);
    END IF;

    SELECT coalesce(array_agg(attendee.attendee_id), '{}')
    INTO r_leaving
    FROM ticketing.attendees AS attendee
    WHERE attendee.function_id = v_function_id
        AND attendee.registration_id = v_registration_id
        AND NOT EXISTS (
            SELECT FROM unnest(v_wanted) AS wanted WHERE wanted.attendee_id = attendee.attendee_id
        );

    -- links after the rows: two attendees can point at each other
    INSERT INTO ticketing.attendees AS attendee (
        function_id, attendee_id, registration_id, owner_id, client_attendee_id, position, attendee_type, is_primary,
        is_partner, title, first_name, last_name, email, phone, attendee_data, created_at, updated_at
    )
    SELECT
        wanted.function_id, wanted.attendee_id, wanted.registration_id, wanted.owner_id, wanted.client_attendee_id,
        wanted.position, wanted.attendee_type, wanted.is_primary, wanted.is_partner, wanted.title, wanted.first_name,
        wanted.last_name, wanted.email, wanted.phone, wanted.attendee_data, wanted.created_at, wanted.updated_at
    FROM unnest(v_wanted) AS wanted
    ON CONFLICT (function_id, attendee_id) DO UPDATE
    SET
        position = excluded.position,
        attendee_type = excluded.attendee_type,
        is_primary = excluded.is_primary,
        is_partner = excluded.is_partner,
        title = excluded.title,
        first_name = excluded.first_name,
        last_name = excluded.last_name,
        email = excluded.email,
        phone = excluded.phone,
        attendee_data = excluded.attendee_data,
        updated_at = excluded.updated_at
    WHERE attendee.position <> excluded.position
        OR attendee.attendee_type <> excluded.attendee_type
        OR attendee.attendee_data <> excluded.attendee_data;
    GET DIAGNOSTICS v_written = ROW_COUNT;

    UPDATE ticketing.attendees AS attendee
    SET related_attendee_id = wanted.related_attendee_id
    FROM unnest(v_wanted) AS wanted
    WHERE attendee.function_id = v_function_id
        AND attendee.registration_id = v_registration_id
        AND attendee.attendee_id = wanted.attendee_id
        AND attendee.related_attendee_id IS DISTINCT FROM wanted.related_attendee_id;
    GET DIAGNOSTICS v_linked = ROW_COUNT;

    -- whoever leaves is pointed at by nobody, and points at nobody who leaves with him
    IF cardinality(r_leaving) > 0 THEN
        UPDATE ticketing.attendees AS attendee
        SET related_attendee_id = NULL
        WHERE attendee.function_id = v_function_id
            AND attendee.registration_id = v_registration_id
            AND attendee.attendee_id = ANY(r_leaving)
            AND attendee.related_attendee_id IS NOT NULL;
    END IF;

    -- tickets say whether their attendee is a partner
    UPDATE ticketing.tickets AS ticket
    SET is_partner_ticket = wanted.is_partner, updated_at = p_now
    FROM unnest(v_wanted) AS wanted
    WHERE ticket.function_id = v_function_id
        AND ticket.registration_id = v_registration_id
        AND ticket.attendee_id = wanted.attendee_id
        AND ticket.is_partner_ticket <> wanted.is_partner;

    r_is_changed := v_written > 0 OR v_linked > 0 OR cardinality(r_leaving) > 0;
END
$$;

COMMENT ON FUNCTION ticketing_internal.save_attendees IS
'Inserts and updates the attendees of a locked registration from p_attendees, the wizard''s attendee objects, the primary one
first. r_is_changed: whether anything is different now; r_leaving: ids of those stored who are not among them.';
