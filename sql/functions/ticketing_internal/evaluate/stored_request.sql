-- Select again what is stored, so that the rules look at it. The caller has not sent these lines:
-- issues of them are about the path of the selection, not about a place inside it.

CREATE OR REPLACE FUNCTION ticketing_internal.stored_request(
    p_selections ticketing_internal.selection[]
)
RETURNS ticketing_internal.request
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_request ticketing_internal.request;
BEGIN
    v_request.selections := p_selections;
    v_request.selection_lines := ARRAY(
        SELECT ROW(
            line.attendee_ref, line.package_id, line.ticket_type_id, line.quantity, NULL, stored.path, line.position
        )::ticketing_internal.selection_line
        FROM unnest(ticketing_internal.read_selection_lines(p_selections)) AS line
        INNER JOIN unnest(p_selections) AS stored ON stored.attendee_ref = line.attendee_ref
        ORDER BY line.position
    );
    RETURN v_request;
END
$$;

COMMENT ON FUNCTION ticketing_internal.stored_request IS
'The request that selects p_selections, which are stored: one of each attendee.';
