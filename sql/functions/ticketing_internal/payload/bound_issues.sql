-- Says why is_bounded has refused a JSON argument: the first fault, by its path.

CREATE OR REPLACE FUNCTION ticketing_internal.bound_issues(p_argument text, p_value jsonb)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_max_bytes CONSTANT integer := 1048576;
    c_max_levels CONSTANT integer := 64;
    c_max_values CONSTANT integer := 30000;
    -- as in is_bounded
    c_long_numbers CONSTANT jsonpath := 'strict $.** ? (@.type() == "number" && (
        @ >= 1e30 || @ <= -1e30 || (1 + @ - @) / 3 > 0.333333333333333333333333333333))';
    -- the path of a value deeper than that ends above it: every level is a search of its own
    c_path_levels CONSTANT integer := 8;
    v_value jsonb := p_value;
    v_path text := p_argument;
    v_step text;
BEGIN
    IF ticketing_internal.is_bounded(p_value) THEN
        RETURN '[]';
    ELSIF pg_column_size(p_value) > c_max_bytes THEN
        RETURN jsonb_build_array(ticketing_internal.issue(
            'too_large', p_argument, format('%s is larger than 1 MiB; send it in several calls.', p_argument),
            p_expected => to_jsonb(c_max_bytes), p_actual => to_jsonb(pg_column_size(p_value))
        ));
    ELSIF jsonb_path_exists(p_value, 'strict $.**{64} ? (@.type() == "object" || @.type() == "array")') THEN
        RETURN jsonb_build_array(ticketing_internal.issue(
            'too_large', p_argument, format('%s is nested deeper than %s levels.', p_argument, c_max_levels),
            p_expected => to_jsonb(c_max_levels)
        ));
    ELSIF NOT jsonb_path_exists(p_value, c_long_numbers) THEN
        RETURN jsonb_build_array(ticketing_internal.issue(
            'too_large', p_argument, format('%s has more than %s values other than texts.', p_argument, c_max_values),
            p_expected => to_jsonb(c_max_values)
        ));
    END IF;

    FOR v_level IN 1..c_path_levels LOOP
        v_step := NULL;
        IF jsonb_typeof(v_value) = 'array' THEN
            FOR v_index IN 0..jsonb_array_length(v_value) - 1 LOOP
                IF jsonb_path_exists(v_value -> v_index, c_long_numbers) THEN
                    v_step := format('[%s]', v_index);
                    v_value := v_value -> v_index;
                    EXIT;
                END IF;
            END LOOP;
        ELSIF jsonb_typeof(v_value) = 'object' THEN
            FOR v_step IN SELECT jsonb_object_keys(v_value) LOOP
                EXIT WHEN jsonb_path_exists(v_value -> v_step, c_long_numbers);
            END LOOP;
            v_value := v_value -> v_step;
            v_step := '.' || left(v_step, 200);
        END IF;
        EXIT WHEN v_step IS NULL;
        v_path := v_path || v_step;
    END LOOP;
    RETURN jsonb_build_array(ticketing_internal.issue(
        'invalid_value', v_path, format('%s has a number of 1e30 or more, or with more than 30 decimals.', v_path),
        p_expected => to_jsonb('numbers below 1e30 with at most 30 decimals'::text)
    ));
END
$$;

COMMENT ON FUNCTION ticketing_internal.bound_issues IS
'The issue of p_value, the argument with that name, if it is too large, nested too deep, has too many
values, or a number too large or too long; [] when there is none.';
