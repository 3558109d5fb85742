-- The ids by which callers may name an attendee: the database's and the wizard's.

CREATE OR REPLACE FUNCTION ticketing_internal.attendee_references(
    p_attendees ticketing_internal.attendee[]
)
RETURNS TABLE (ref uuid, attendee ticketing_internal.attendee)
LANGUAGE plpgsql
STABLE
ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT named.attendee_id, named
    FROM unnest(p_attendees) AS named
    UNION ALL
    SELECT named.client_attendee_id, named
    FROM unnest(p_attendees) AS named
    WHERE named.client_attendee_id <> named.attendee_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.attendee_references IS
'Each attendee once for attendee_id and once for client_attendee_id, or once where the two are the same.';
