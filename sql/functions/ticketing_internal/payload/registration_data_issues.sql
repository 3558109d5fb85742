-- What is wrong with the shape of p_registration_data: its schema, and what depends on other
-- keys and on the caller.

CREATE OR REPLACE FUNCTION ticketing_internal.registration_data_issues(
    p_data jsonb, p_is_service boolean
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb := '[]';
BEGIN
    IF NOT coalesce(ticketing_internal.registration_is_sound(p_data), FALSE) THEN
        v_issues := ticketing_internal.payload_issues('p_registration_data', p_data);
    END IF;
    IF jsonb_typeof(p_data) <> 'object' THEN
        RETURN v_issues;
    END IF;

    IF coalesce(jsonb_typeof(p_data -> 'primaryAttendee'), 'null') = 'null' THEN
        IF coalesce(p_data ->> 'registrationType', 'individuals') IN ('individual', 'individuals') THEN
            v_issues := v_issues || ticketing_internal.issue(
                'missing_key', 'p_registration_data.primaryAttendee', 'The registration needs a primary attendee.'
            );
        ELSIF coalesce(jsonb_typeof(p_data -> 'billingDetails'), 'null') = 'null' THEN
            v_issues := v_issues || ticketing_internal.issue(
                'missing_key', 'p_registration_data.billingDetails',
                'Without a primary attendee the registration needs a booking contact.'
            );
        END IF;
    END IF;

    IF p_is_service AND coalesce(jsonb_typeof(p_data -> 'authUserId'), 'null') = 'null' THEN
        v_issues := v_issues || ticketing_internal.issue(
            'missing_key', 'p_registration_data.authUserId', 'The service must say whose registration it makes.'
        );
    END IF;
    RETURN v_issues;
END
$$;

COMMENT ON FUNCTION ticketing_internal.registration_data_issues IS
'All issues of the shape of p_registration_data, for a caller who is the service or is not; [] when there are none.';
