-- Names every fault of a p_registration_data that read_registration has refused: those of its
-- schema, and those that depend on other keys and on the caller.

CREATE OR REPLACE FUNCTION ticketing_internal.registration_data_issues(
    p_data jsonb, p_is_service boolean
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb := ticketing_internal.payload_issues('p_registration_data', p_data);
BEGIN
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
            'missing_key', 'p_registration_data.authUserId', 'The service must name the owner of the registration.'
        );
    END IF;
    IF v_issues = '[]' THEN
        -- only if the reader should be stricter than the rules above: the call is refused even so
        v_issues := ticketing_internal.unreadable_issues(ARRAY['p_registration_data'], ARRAY[p_data]);
    END IF;
    RETURN v_issues;
END
$$;

COMMENT ON FUNCTION ticketing_internal.registration_data_issues IS
'All issues of the shape of p_registration_data, which read_registration has refused to the service or to a user; never
none.';
