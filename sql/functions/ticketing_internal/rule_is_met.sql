-- One rule about one fact: the only place that knows what the operators mean.

CREATE OR REPLACE FUNCTION ticketing_internal.rule_is_met(p_rule jsonb, p_fact jsonb)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_is_in boolean;
BEGIN
    IF coalesce(p_fact, 'null') = 'null' THEN
        RETURN NULL;
    END IF;

    CASE p_rule ->> 'operator'
        WHEN 'equals' THEN
            RETURN p_fact = p_rule -> 'value';
        WHEN 'not_equals' THEN
            RETURN p_fact <> p_rule -> 'value';
        ELSE
            -- An array contains a scalar that it has as an element; of a list or an object it could
            -- also be said to contain a part.
            IF jsonb_typeof(p_fact) IN ('array', 'object') THEN
                v_is_in := EXISTS (
                    SELECT FROM jsonb_array_elements(p_rule -> 'value') AS choice WHERE choice.value = p_fact
                );
            ELSE
                v_is_in := (p_rule -> 'value') @> p_fact;
            END IF;
            RETURN v_is_in = (p_rule ->> 'operator' = 'in');
    END CASE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.rule_is_met(jsonb, jsonb) IS
'Whether p_fact meets p_rule, {type, operator: equals, not_equals, in or not_in, value}, by the equality of jsonb; null when
the fact is not known.';

REVOKE ALL ON FUNCTION ticketing_internal.rule_is_met(jsonb, jsonb) FROM public;
