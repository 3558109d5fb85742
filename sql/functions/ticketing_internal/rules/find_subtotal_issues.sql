-- Is the total that the wizard shows the price of the tickets?

CREATE OR REPLACE FUNCTION ticketing_internal.find_subtotal_issues(
    p_subtotal numeric, p_claimed_subtotal numeric
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_claimed_subtotal = p_subtotal THEN
        RETURN '[]';
    END IF;
    RETURN jsonb_build_array(ticketing_internal.issue(
        'subtotal_mismatch', 'p_registration_data.subtotal',
        format('The tickets come to %s, not %s.', p_subtotal, p_claimed_subtotal),
        p_expected => to_jsonb(p_subtotal), p_actual => to_jsonb(p_claimed_subtotal)
    ));
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_subtotal_issues IS
'Issues of p_claimed_subtotal, the subtotal of p_registration_data, when the tickets cost p_subtotal.';
