-- Facts and tickets never drift apart: when a fact that the rules of held tickets name has changed,
-- the attendee must still be allowed to hold them. Limits do not depend on facts.

CREATE OR REPLACE FUNCTION ticketing_internal.find_changed_fact_issues(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_registration_type text,
    p_previous ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_tickets jsonb,
    p_leaving uuid[],
    p_named_ids uuid[] DEFAULT NULL
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- those whom the request decides about anyway
    v_named_ids CONSTANT uuid [] := ARRAY(SELECT selection.attendee_ref FROM unnest(p_request.selections) AS selection)
        || ARRAY(SELECT (ticket.value ->> 'attendee_id')::uuid FROM jsonb_array_elements(p_tickets) AS ticket);
    v_attendees CONSTANT ticketing_internal.attendee [] := ticketing_internal.load_attendees(
        p_registration.function_id, p_registration.registration_id
    );
    v_request ticketing_internal.request;
    v_catalogue ticketing_internal.catalogue;
BEGIN
    v_request := ticketing_internal.stored_request(ARRAY(
        SELECT ROW(
            attendee.attendee_id,
            attendee.attendee_data -> 'selected_tickets',
            CASE
                WHEN p_named_ids IS NOT NULL
                    THEN format('p_attendees[%s]', array_position(p_named_ids, attendee.attendee_id) - 1)
                WHEN attendee.number = 1 THEN 'p_registration_data.primaryAttendee'
                ELSE format('p_registration_data.additionalAttendees[%s]', attendee.number - 2)
            END
        )::ticketing_internal.selection
        FROM (
            SELECT remaining.*, row_number() OVER (ORDER BY remaining.position) AS number
            FROM unnest(v_attendees) AS remaining
            WHERE remaining.attendee_id <> ALL(p_leaving)
        ) AS attendee
        INNER JOIN unnest(p_previous) AS previous ON previous.attendee_id = attendee.attendee_id
        WHERE attendee.attendee_id <> ALL(v_named_ids)
            AND attendee.client_attendee_id <> ALL(v_named_ids)
            AND EXISTS (
                SELECT
                FROM ticketing.tickets AS ticket
                INNER JOIN ticketing.ticket_types AS ticket_type
                    ON ticket_type.function_id = ticket.function_id
                    AND ticket_type.ticket_type_id = ticket.ticket_type_id
                LEFT JOIN ticketing.packages AS package
                    ON package.function_id = ticket.function_id AND package.package_id = ticket.package_id
                LEFT JOIN LATERAL jsonb_array_elements(
                    coalesce(ticket_type.eligibility -> 'rules', '[]') || coalesce(package.eligibility -> 'rules', '[]')
                ) AS rule ON TRUE
                WHERE ticket.function_id = p_registration.function_id
                    AND ticket.registration_id = p_registration.registration_id
                    AND ticket.attendee_id = attendee.attendee_id
                    AND ticket.status = 'Active'
                    AND (
                        ticketing_internal.attendee_fact(
                            rule.value ->> 'type', p_registration.registration_type, previous.attendee_type,
                            previous.attendee_data
                        ) IS DISTINCT FROM ticketing_internal.attendee_fact(
                            rule.value ->> 'type', p_registration_type, attendee.attendee_type, attendee.attendee_data
                        )
                        -- packages say for which types of registration they are
                        OR package.package_id IS NOT NULL AND p_registration.registration_type <> p_registration_type
                    )
            )
        ORDER BY attendee.number
    ));
    IF v_request.selections = '{}' THEN
        RETURN '[]';
    END IF;

    v_request := ticketing_internal.resolve_request(v_attendees, v_request);
    v_catalogue := ticketing_internal.load_catalogue(p_function, v_request, '{}', FALSE);
    RETURN ticketing_internal.find_composition_issues(
        p_function, p_registration_type, ticketing_internal.attendees_without_data(v_attendees), v_request, v_catalogue
    ) || ticketing_internal.find_eligibility_issues(
        p_registration_type, v_attendees, v_catalogue, ticketing_internal.list_rule_subjects(
            ticketing_internal.attendees_without_data(v_attendees), v_request, v_catalogue
        )
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_changed_fact_issues IS
'Issues of attendees whom p_request does not name, and who hold what a changed fact no longer allows: a fact of theirs
since p_previous, or the type of p_registration, which becomes p_registration_type. p_tickets: as sent; p_leaving:
attendees who leave; p_named_ids: the attendees that p_attendees consists of, for paths in it (null: in p_registration_data).';
