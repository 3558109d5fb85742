-- Can the buyer be reached? Plausible is enough: an address is proven by the mail that arrives.

CREATE OR REPLACE FUNCTION ticketing_internal.find_contact_issues(p_contact jsonb)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_keys CONSTANT jsonb := '["emailAddress", "firstName", "lastName", "businessName"]';
    c_email CONSTANT text := '^[^@[:space:]]+@[^@[:space:].]+(\.[^@[:space:].]+)+$';
    v_email CONSTANT text := trim(p_contact ->> 'emailAddress');
    v_name CONSTANT text := trim(concat(
        p_contact ->> 'firstName', p_contact ->> 'lastName', p_contact ->> 'businessName'
    ));
    v_faults CONSTANT text [] := ARRAY[
        CASE
            WHEN coalesce(v_email, '') = '' THEN 'emailAddress is missing'
            WHEN v_email !~ c_email THEN 'emailAddress needs one @ and a dot in its domain, and no spaces'
        END,
        CASE
            WHEN coalesce(v_name, '') = '' THEN 'a name is missing (firstName, lastName or businessName)'
        END
    ];
BEGIN
    IF array_remove(v_faults, NULL) = '{}' THEN
        RETURN '[]';
    END IF;
    RETURN jsonb_build_array(ticketing_internal.issue(
        'booking_contact_missing', 'p_registration_id',
        format('The booking contact is not complete: %s.', array_to_string(v_faults, '; ')),
        p_expected => c_keys, p_actual => to_jsonb(nullif(v_email, ''))
    ));
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_contact_issues IS
'The issue of a booking contact (null: none) without a name or a plausible email address, which names every key at
fault; [] when there is none.';
