-- What is wrong with an adjustment and its reason, whatever was paid.

CREATE OR REPLACE FUNCTION ticketing_internal.find_adjustment_issues(
    p_registration ticketing.registrations, p_adjustment numeric, p_reason text
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_most CONSTANT numeric := 9999999999.99;
    c_most_characters CONSTANT integer := 1000;
    v_decimals CONSTANT integer := ticketing_internal.currency_decimals(p_registration.currency);
    v_issues jsonb := '[]';
BEGIN
    IF p_adjustment IS NULL THEN
        v_issues := v_issues || ticketing_internal.issue('missing_key', 'p_adjustment', 'p_adjustment is missing.');
    ELSIF p_adjustment = 'NaN' OR p_adjustment NOT BETWEEN -c_most AND c_most - p_registration.subtotal THEN
        v_issues := v_issues || ticketing_internal.issue(
            'invalid_value', 'p_adjustment',
            format('p_adjustment must be a number from %s to %s.', -c_most, c_most - p_registration.subtotal),
            p_actual => ticketing_internal.shown_value(to_jsonb(p_adjustment))
        );
    ELSIF scale(trim_scale(p_adjustment)) > v_decimals THEN
        v_issues := v_issues || ticketing_internal.issue(
            'invalid_value', 'p_adjustment',
            CASE v_decimals
                WHEN 0 THEN format('%s has no decimals: amounts are whole.', p_registration.currency)
                ELSE format('%s has %s decimals.', p_registration.currency, v_decimals)
            END,
            p_actual => ticketing_internal.shown_value(to_jsonb(p_adjustment))
        );
    END IF;
    IF p_reason IS NULL THEN
        v_issues := v_issues || ticketing_internal.issue('missing_key', 'p_reason', 'p_reason is missing.');
    ELSIF length(p_reason) NOT BETWEEN 1 AND c_most_characters THEN
        v_issues := v_issues || ticketing_internal.issue(
            'invalid_value', 'p_reason', format('p_reason must have 1 to %s characters.', c_most_characters),
            p_actual => ticketing_internal.shown_value(to_jsonb(p_reason))
        );
    END IF;
    RETURN v_issues;
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_adjustment_issues IS
'Issues of the arguments of adjust_registration: an adjustment that the currency or the total of p_registration cannot have, a
reason that is missing or too long.';
