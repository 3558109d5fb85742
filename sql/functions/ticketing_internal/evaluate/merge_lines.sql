-- Merge lines: each package and ticket type once per attendee, in the order of the attendees,
-- nothing with quantity 0. A merged line stands where the first of its lines did.

CREATE OR REPLACE FUNCTION ticketing_internal.merge_lines(
    p_attendees ticketing_internal.attendee[],
    p_lines ticketing_internal.selection_line[]
)
RETURNS ticketing_internal.selection_line[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_merged record;
    v_line ticketing_internal.selection_line;
    v_lines ticketing_internal.selection_line [] := '{}';
BEGIN
    FOR v_merged IN
        SELECT total.quantity, total.first_line
        FROM (
            SELECT
                line.attendee_ref,
                sum(line.quantity)::integer AS quantity,
                (array_agg(line ORDER BY line.position))[1] AS first_line,
                min(line.position) AS position
            FROM unnest(p_lines) AS line
            GROUP BY line.attendee_ref, line.package_id, line.ticket_type_id
            HAVING sum(line.quantity) > 0
        ) AS total
        INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = total.attendee_ref
        ORDER BY attendee.position, total.position
    LOOP
        v_line := v_merged.first_line;
        v_line.quantity := v_merged.quantity;
        v_lines := array_append(v_lines, v_line);
    END LOOP;
    RETURN v_lines;
END
$$;

COMMENT ON FUNCTION ticketing_internal.merge_lines IS
'p_lines, by attendee_id, merged and in the order of p_attendees; without those of other attendees.';
