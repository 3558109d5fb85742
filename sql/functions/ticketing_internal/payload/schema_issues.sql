-- Names every fault of a value against a JSON Schema. Runs only when a fast reader has refused a
-- payload, or where a call is rare, so it is written to be complete, not fast: complete up to the
-- number of issues where it stops. Elements and keys are read one by one, because a function that
-- returns all of them writes those of a large value to disk.

CREATE OR REPLACE FUNCTION ticketing_internal.schema_issues(
    p_value jsonb,
    p_schema jsonb,
    p_path text,
    p_most integer DEFAULT ticketing_internal.most_issues()
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_type text := jsonb_typeof(p_value);
    v_expected text := p_schema ->> 'type';
    v_text text := CASE WHEN v_type NOT IN ('array', 'object') THEN p_value #>> '{}' END;
    v_description text := coalesce(p_schema ->> 'title', CASE v_expected
        WHEN 'array' THEN 'an array'
        WHEN 'object' THEN 'an object'
        WHEN 'integer' THEN 'a whole number'
        WHEN 'number' THEN 'a number'
        WHEN 'boolean' THEN 'true or false'
        WHEN 'string' THEN CASE p_schema ->> 'format'
            WHEN 'uuid' THEN 'a UUID' WHEN 'date-time' THEN 'a date and time' ELSE 'a string' END
    END);
    v_fault text;
    v_found jsonb := '[]';
    v_issues jsonb;
    v_branch jsonb;
    v_branch_issues jsonb;
    v_best jsonb;
    v_key text;
    v_key_path text;
    v_child jsonb;
BEGIN
    -- any value is allowed, however deep
    IF coalesce(p_schema - 'description', '{}') = '{}' THEN
        RETURN '[]';
    END IF;

    IF p_schema ? 'anyOf' THEN
        -- the branch of the right type with the fewest issues; if there is none, the type is wrong
        FOR v_branch IN SELECT branch FROM jsonb_array_elements(p_schema -> 'anyOf') AS branch
        LOOP
            v_branch_issues := ticketing_internal.schema_issues(
                p_value, v_branch || jsonb_build_object('title', v_description), p_path, p_most
            );
            IF v_branch_issues = '[]' THEN
                RETURN v_branch_issues;
            END IF;
            IF v_branch ->> 'type' = v_type
                AND (v_best IS NULL OR jsonb_array_length(v_branch_issues) < jsonb_array_length(v_best))
            THEN
                v_best := v_branch_issues;
            END IF;
        END LOOP;
        RETURN coalesce(v_best, jsonb_build_array(ticketing_internal.issue(
            'invalid_type', p_path, format('%s must be %s, not %s.', p_path, v_description, v_type),
            p_expected => to_jsonb(v_description), p_actual => to_jsonb(v_type)
        )));
    END IF;

    IF v_type <> v_expected
        AND NOT (v_expected = 'integer' AND v_type = 'number' AND v_text ~ '^-?[0-9]+$')
    THEN
        RETURN jsonb_build_array(ticketing_internal.issue(
            'invalid_type', p_path, format('%s must be %s, not %s.', p_path, v_description,
                CASE WHEN v_type = 'number' THEN left(v_text, 40) ELSE v_type END),
            p_expected => to_jsonb(v_description), p_actual => to_jsonb(v_type)
        ));
    END IF;

    -- values
    v_fault := CASE
        WHEN NOT p_schema -> 'enum' @> p_value
            THEN 'one of ' || (
                SELECT string_agg(allowed, ', ') FROM jsonb_array_elements_text(p_schema -> 'enum') AS allowed
            )
        WHEN v_type = 'number' AND p_value < p_schema -> 'minimum' THEN 'at least ' || (p_schema ->> 'minimum')
        WHEN v_type = 'number' AND p_value > p_schema -> 'maximum' THEN 'at most ' || (p_schema ->> 'maximum')
        WHEN v_type = 'number' AND v_text::numeric % (p_schema ->> 'multipleOf')::numeric <> 0 THEN v_description
        WHEN v_type = 'string' AND length(v_text) < (p_schema ->> 'minLength')::integer THEN 'not empty'
        WHEN v_type = 'string' AND length(v_text) > (p_schema ->> 'maxLength')::integer
            THEN format('at most %s characters long', p_schema ->> 'maxLength')
        WHEN v_type = 'string' AND v_text !~ (p_schema ->> 'pattern')
            THEN coalesce(p_schema ->> 'title', 'text of the form ' || (p_schema ->> 'pattern'))
        WHEN p_schema ->> 'format' = 'uuid' AND NOT ticketing_internal.is_uuid(v_text) THEN 'a UUID'
        WHEN p_schema ->> 'format' = 'date-time' AND NOT ticketing_internal.is_timestamp(v_text)
            THEN 'a date and time with its offset from UTC, such as 2025-09-19T19:00:00+10:00'
    END;
    IF v_fault IS NOT NULL THEN
        RETURN jsonb_build_array(ticketing_internal.issue(
            'invalid_value', p_path, format('%s must be %s.', p_path, v_fault),
            p_expected => to_jsonb(v_fault),
            p_actual => ticketing_internal.shown_value(p_value)
        ));
    END IF;

    IF v_type = 'array' THEN
        IF jsonb_array_length(p_value) > (p_schema ->> 'maxItems')::integer THEN
            RETURN jsonb_build_array(ticketing_internal.issue(
                'too_large', p_path,
                format('%s has %s elements; at most %s are allowed.', p_path, jsonb_array_length(p_value),
                    p_schema ->> 'maxItems'),
                p_expected => p_schema -> 'maxItems', p_actual => to_jsonb(jsonb_array_length(p_value))
            ));
        ELSIF jsonb_array_length(p_value) < (p_schema ->> 'minItems')::integer THEN
            RETURN jsonb_build_array(ticketing_internal.issue(
                'invalid_value', p_path, format('%s must not be empty.', p_path),
                p_expected => p_schema -> 'minItems', p_actual => to_jsonb(jsonb_array_length(p_value))
            ));
        END IF;
        FOR v_index IN 0..jsonb_array_length(p_value) - 1 LOOP
            EXIT WHEN NOT p_schema ? 'items' OR jsonb_array_length(v_found) >= p_most;
            v_issues := ticketing_internal.schema_issues(
                p_value -> v_index, p_schema -> 'items', format('%s[%s]', p_path, v_index),
                p_most - jsonb_array_length(v_found)
            );
            v_found := CASE v_issues WHEN '[]' THEN v_found ELSE v_found || v_issues END;
        END LOOP;
    ELSIF v_type = 'object' THEN
        SELECT coalesce(jsonb_agg(ticketing_internal.issue(
            'missing_key', format('%s.%s', p_path, required), format('%s needs the key %s.', p_path, required)
        )), '[]')
        INTO v_found
        FROM jsonb_array_elements_text(p_schema -> 'required') AS required
        WHERE coalesce(jsonb_typeof(p_value -> required), 'null') = 'null';

        IF (CASE WHEN p_schema ? 'maxProperties' THEN (
            SELECT count(*) FROM (SELECT jsonb_object_keys(p_value)) AS keys
        ) > (p_schema ->> 'maxProperties')::integer END) THEN
            RETURN jsonb_build_array(ticketing_internal.issue(
                'too_large', p_path, format('%s has more than %s keys.', p_path, p_schema ->> 'maxProperties'),
                p_expected => p_schema -> 'maxProperties'
            ));
        END IF;
        FOR v_key IN SELECT jsonb_object_keys(p_value) LOOP
            EXIT WHEN jsonb_array_length(v_found) >= p_most;
            v_child := p_value -> v_key;
            v_key_path := format('%s.%s', p_path, left(v_key, 200));
            v_issues := '[]';
            IF p_schema -> 'properties' ? v_key THEN
                CONTINUE WHEN jsonb_typeof(v_child) = 'null';
                v_issues := ticketing_internal.schema_issues(
                    v_child, p_schema -> 'properties' -> v_key, v_key_path, p_most - jsonb_array_length(v_found)
                );
            ELSIF p_schema -> 'additionalProperties' = 'false' THEN
                v_issues := jsonb_build_array(ticketing_internal.issue(
                    'unknown_key', v_key_path, format('%s has an unknown key: %s.', p_path, left(v_key, 200))
                ));
            ELSIF jsonb_typeof(p_schema -> 'additionalProperties') = 'object' THEN
                v_issues := ticketing_internal.schema_issues(
                    to_jsonb(v_key), p_schema -> 'propertyNames', v_key_path
                ) || ticketing_internal.schema_issues(
                    v_child, p_schema -> 'additionalProperties', v_key_path, p_most - jsonb_array_length(v_found)
                );
            END IF;
            v_found := CASE v_issues WHEN '[]' THEN v_found ELSE v_found || v_issues END;
        END LOOP;
    END IF;

    -- nested, because AND may evaluate its second operand although the first is null
    IF p_schema ? 'if' THEN
        v_branch := CASE ticketing_internal.schema_issues(p_value, p_schema -> 'if', p_path)
            WHEN '[]' THEN p_schema -> 'then'
            ELSE p_schema -> 'else'
        END;
        v_found := v_found || ticketing_internal.schema_issues(p_value, v_branch, p_path);
    END IF;
    RETURN v_found;
END
$$;

COMMENT ON FUNCTION ticketing_internal.schema_issues IS
'All issues of a value against a JSON Schema made of the keywords that payload_schema uses, or about the first p_most if there
are more; [] when there are none. p_path is where the value stands in the arguments.';
