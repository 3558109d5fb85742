-- May the attendees of a registration hold what they hold? Asked where no request says it anew:
-- before a payment completes a registration that start_payment has not checked, or not lately.

CREATE OR REPLACE FUNCTION ticketing_internal.find_holding_issues(
    p_registration ticketing.registrations,
    p_now timestamptz
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_attendees CONSTANT ticketing_internal.attendee [] := ticketing_internal.load_attendees(
        p_registration.function_id, p_registration.registration_id
    );
    v_function ticketing.functions;
    v_registration ticketing.registrations := p_registration;
    v_request ticketing_internal.request;
    v_evaluation ticketing_internal.evaluation;
BEGIN
    SELECT function.*
    INTO v_function
    FROM ticketing.functions AS function
    WHERE function.function_id = p_registration.function_id;

    v_request := ticketing_internal.stored_request(ticketing_internal.stored_selections(v_attendees));

    -- with a hold that lives, nothing is added: price, sale windows and activity do not matter
    v_registration.status := 'draft';
    v_registration.hold_expires_at := p_now + interval '1 day';
    v_evaluation := ticketing_internal.evaluate_selections(
        v_function, v_registration, v_attendees, v_request, NULL, p_now
    );
    IF v_evaluation.tickets = '{}' THEN
        RETURN jsonb_build_array(ticketing_internal.issue(
            'registration_empty', 'p_registration_id', 'The registration has no tickets.'
        ));
    END IF;
    RETURN v_evaluation.issues;
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_holding_issues IS
'Issues of what the attendees of p_registration hold: eligibility, limits and combinations, never price or sale; the
only issue of a registration without tickets is registration_empty.';
