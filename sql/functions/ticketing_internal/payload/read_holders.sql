-- Reads p_holders into rows, all casts in one pass.
--
-- Errors: a data exception if it is not of the documented shape, as in read_submitted_tickets.

CREATE OR REPLACE FUNCTION ticketing_internal.read_holders(p_holders jsonb)
RETURNS ticketing_internal.submitted_holder[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_holders ticketing_internal.submitted_holder [];
    v_is_sound boolean;
BEGIN
    IF NOT coalesce(
        ticketing_internal.is_bounded(p_holders) AND jsonb_array_length(p_holders) BETWEEN 1 AND 2000, FALSE
    ) THEN
        RAISE data_exception;
    END IF;

    SELECT
        array_agg(ROW(
            assignment.ordinality - 1, (assignment.value ->> 'ticket_id')::uuid, assignment.holder
        )::ticketing_internal.submitted_holder ORDER BY assignment.ordinality),
        bool_and(
            coalesce(jsonb_typeof(assignment.value -> 'ticket_id') = 'string', FALSE)
            AND assignment.value - '{ticket_id,holder}'::text[] = '{}'
            AND (assignment.holder IS NULL OR coalesce(
                jsonb_typeof(assignment.holder) = 'object'
                AND jsonb_typeof(assignment.holder -> 'firstName') = 'string'
                AND length(assignment.holder ->> 'firstName') BETWEEN 1 AND 200
                AND jsonb_typeof(assignment.holder -> 'lastName') = 'string'
                AND length(assignment.holder ->> 'lastName') BETWEEN 1 AND 200
                AND coalesce(jsonb_typeof(assignment.holder -> 'title') IN ('string', 'null'), TRUE)
                AND coalesce(jsonb_typeof(assignment.holder -> 'email') IN ('string', 'null'), TRUE)
                AND coalesce(jsonb_typeof(assignment.holder -> 'phone') IN ('string', 'null'), TRUE),
                FALSE
            ))
        )
    INTO v_holders, v_is_sound
    FROM (
        SELECT
            element.value,
            element.ordinality,
            nullif(element.value -> 'holder', 'null') AS holder
        FROM jsonb_array_elements(p_holders) WITH ORDINALITY AS element
    ) AS assignment;

    IF v_is_sound IS NOT TRUE THEN
        RAISE data_exception;
    END IF;
    RETURN v_holders;
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_holders IS
'The elements of p_holders in their order; raises a data exception (SQLSTATE class 22) when they are not of the
documented shape.';
