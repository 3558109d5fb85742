-- Lines in the order of people, with everything that an attendee chooses once, and nothing that he
-- chooses zero times. Most requests are like that already.
--
-- Called by evaluate_selections alone, with its settings.

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
    v_lines ticketing_internal.selection_line [];
BEGIN
    SELECT array_agg(ROW(
        total.attendee_id, total.package_id, total.ticket_type_id, total.quantity,
        p_lines[total.position].contents, p_lines[total.position].path
    )::ticketing_internal.selection_line ORDER BY person.position, total.position)
    INTO v_lines
    FROM (
        SELECT
            line.attendee_id,
            line.package_id,
            line.ticket_type_id,
            sum(line.quantity)::integer AS quantity,
            min(line.position)::integer AS position
        FROM unnest(p_lines) WITH ORDINALITY AS line (
            attendee_id, package_id, ticket_type_id, quantity, contents, path, position
        )
        GROUP BY line.attendee_id, line.package_id, line.ticket_type_id
        HAVING sum(line.quantity) > 0
    ) AS total
    INNER JOIN unnest(p_attendees) WITH ORDINALITY AS person (
        attendee_id, client_attendee_id, name, attendee_type, is_partner, attendee_data, position
    ) ON person.attendee_id = total.attendee_id;

    RETURN coalesce(v_lines, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.merge_lines IS
'p_lines, by attendee id, merged and sorted; what is chosen in several lines stands where the first of them did.';
