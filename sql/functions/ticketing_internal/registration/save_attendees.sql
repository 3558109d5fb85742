-- Makes the attendees of a registration exactly those submitted. Stored attendees who are not among
-- them stay until their tickets are removed: persist_selections then deletes them. If only some are
-- submitted, all others stay.
--
-- An attendee is recognised by either id. The stored selection stays, because the wizard's attendee
-- objects do not carry it.
-- Lock order: the caller has locked the registration.
-- Errors: TK004 (an attendee listed twice).

CREATE OR REPLACE FUNCTION ticketing_internal.save_attendees(
    p_registration ticketing.registrations,
    p_attendees ticketing_internal.submitted_attendee[],
    p_now timestamptz,
    p_is_partial boolean DEFAULT FALSE,
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
    v_attendees ticketing.attendees [];
    v_issues jsonb;
    v_written bigint;
    v_linked bigint;
BEGIN
    -- ids of new attendees are created here, once
    WITH matched AS (
        SELECT
            submitted.*,
            coalesce(stored.attendee_id, gen_random_uuid()) AS attendee_id,
            coalesce(stored.client_attendee_id, submitted.attendee_ref) AS client_attendee_id,
            stored.attendee_data -> 'selected_tickets' AS selected_tickets,
            coalesce(stored.created_at, p_now) AS created_at
        FROM unnest(p_attendees) AS submitted
        LEFT JOIN ticketing.attendees AS stored
            ON stored.function_id = v_function_id
            AND stored.registration_id = v_registration_id
            AND submitted.attendee_ref IN (stored.attendee_id, stored.client_attendee_id)
    )
    SELECT
        array_agg(ROW(
            v_function_id,
            attendee.attendee_id,
            v_registration_id,
            p_registration.owner_id,
            attendee.client_attendee_id,
            attendee.position,
            attendee.attendee_type,
            attendee.position = 0,
            attendee.is_partner,
            related.attendee_id,
            attendee.title,
            attendee.first_name,
            attendee.last_name,
            attendee.email,
            attendee.phone,
            (attendee.attendee_data - 'selected_tickets') || CASE
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
            'The same attendee is listed twice.', p_actual => to_jsonb(attendee.attendee_ref)
        ) ORDER BY attendee.position) FILTER (WHERE attendee.occurrence > 1)
    INTO v_attendees, v_issues
    FROM (
        SELECT
            matched.*,
            row_number() OVER (PARTITION BY matched.client_attendee_id ORDER BY matched.position) AS occurrence
        FROM matched
    ) AS attendee
    -- a link to an attendee who is not in the registration stays in attendee_data and sets no column
    LEFT JOIN (
        SELECT DISTINCT ON (target.ref) target.ref, target.attendee_id
        FROM (
            SELECT named.ref, matched.attendee_id, matched.position
            FROM matched
            CROSS JOIN LATERAL (VALUES (matched.attendee_id), (matched.client_attendee_id)) AS named (ref)
            UNION ALL
            SELECT named.ref, stored.attendee_id, stored.position
            FROM ticketing.attendees AS stored
            CROSS JOIN LATERAL (VALUES (stored.attendee_id), (stored.client_attendee_id)) AS named (ref)
            WHERE p_is_partial
                AND stored.function_id = v_function_id
                AND stored.registration_id = v_registration_id
        ) AS target
        ORDER BY target.ref, target.position
    ) AS related
        ON related.ref = attendee.related_ref
        AND related.attendee_id <> attendee.attendee_id;

    IF v_issues IS NOT NULL THEN
        PERFORM ticketing_internal.raise_issues('TK004', v_issues);
    END IF;

    SELECT coalesce(array_agg(attendee.attendee_id), '{}')
    INTO r_leaving
    FROM ticketing.attendees AS attendee
    WHERE NOT p_is_partial
        AND attendee.function_id = v_function_id
        AND attendee.registration_id = v_registration_id
        AND NOT EXISTS (
            SELECT FROM unnest(v_attendees) AS target WHERE target.attendee_id = attendee.attendee_id
        );

    -- links after the rows: two attendees can refer to each other
    INSERT INTO ticketing.attendees AS attendee (
        function_id, attendee_id, registration_id, owner_id, client_attendee_id, position, attendee_type, is_primary,
        is_partner, title, first_name, last_name, email, phone, attendee_data, created_at, updated_at
    )
    SELECT
        target.function_id, target.attendee_id, target.registration_id, target.owner_id, target.client_attendee_id,
        target.position, target.attendee_type, target.is_primary, target.is_partner, target.title, target.first_name,
        target.last_name, target.email, target.phone, target.attendee_data, target.created_at, target.updated_at
    FROM unnest(v_attendees) AS target
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
    SET related_attendee_id = target.related_attendee_id
    FROM unnest(v_attendees) AS target
    WHERE attendee.function_id = v_function_id
        AND attendee.registration_id = v_registration_id
        AND attendee.attendee_id = target.attendee_id
        AND attendee.related_attendee_id IS DISTINCT FROM target.related_attendee_id;
    GET DIAGNOSTICS v_linked = ROW_COUNT;

    -- those who stay may have been waiting for one who is new
    IF p_is_partial THEN
        UPDATE ticketing.attendees AS attendee
        SET related_attendee_id = target.attendee_id
        FROM unnest(v_attendees) AS target
        WHERE attendee.function_id = v_function_id
            AND attendee.registration_id = v_registration_id
            AND attendee.related_attendee_id IS NULL
            AND attendee.attendee_id NOT IN (SELECT submitted.attendee_id FROM unnest(v_attendees) AS submitted)
            AND target.client_attendee_id = coalesce(
                attendee.attendee_data ->> 'partnerOf', attendee.attendee_data ->> 'guestOfId',
                attendee.attendee_data ->> 'partner'
            )::uuid;
    END IF;

    -- clear the links of attendees about to be deleted, which may refer to each other
    IF cardinality(r_leaving) > 0 THEN
        UPDATE ticketing.attendees AS attendee
        SET related_attendee_id = NULL
        WHERE attendee.function_id = v_function_id
            AND attendee.registration_id = v_registration_id
            AND attendee.attendee_id = ANY(r_leaving)
            AND attendee.related_attendee_id IS NOT NULL;
    END IF;

    -- tickets repeat whether their attendee is a partner
    UPDATE ticketing.tickets AS ticket
    SET is_partner_ticket = target.is_partner, updated_at = p_now
    FROM unnest(v_attendees) AS target
    WHERE ticket.function_id = v_function_id
        AND ticket.registration_id = v_registration_id
        AND ticket.attendee_id = target.attendee_id
        AND ticket.is_partner_ticket <> target.is_partner;

    r_is_changed := v_written > 0 OR v_linked > 0 OR cardinality(r_leaving) > 0;
END
$$;

COMMENT ON FUNCTION ticketing_internal.save_attendees IS
'Inserts and updates the attendees of a locked registration from p_attendees, the primary one first, or if p_is_partial some
of them, with their positions. r_is_changed: whether anything has changed; r_leaving: ids of stored attendees who are not
among them, none if p_is_partial.';
