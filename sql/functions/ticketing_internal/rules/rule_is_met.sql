-- Apply one rule to one fact: the only function that knows what the operators mean.

CREATE OR REPLACE FUNCTION ticketing_internal.rule_is_met(p_rule jsonb, p_fact jsonb)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_operator CONSTANT text := p_rule ->> 'operator';
    v_value CONSTANT jsonb := p_rule -> 'value';
BEGIN
    IF coalesce(p_fact, 'null') = 'null' THEN
        RETURN NULL;
    ELSIF v_operator IN ('equals', 'not_equals') THEN
        RETURN (p_fact = v_value) = (v_operator = 'equals');
    ELSIF jsonb_typeof(p_fact) IN ('array', 'object') THEN
        RETURN EXISTS (
            SELECT FROM jsonb_array_elements(v_value) AS choice WHERE choice.value = p_fact
        ) = (v_operator = 'in');
    ELSE
        -- Quicker, and of a scalar the same. A list or an object would also be found as part of an
        -- element.
        RETURN (v_value @> p_fact) = (v_operator = 'in');
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.rule_is_met IS
'Whether p_fact meets p_rule, {type, operator: equals, not_equals, in or not_in, value}, by the equality of jsonb; null when
the fact is not known.';
