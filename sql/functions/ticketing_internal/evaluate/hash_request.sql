-- What an amendment asks for, as a value that is equal for equal requests: a payment is bound to
-- it, so that the payment that is sent again amends nothing else.

CREATE OR REPLACE FUNCTION ticketing_internal.hash_request(
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request
)
RETURNS bytea
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_request CONSTANT ticketing_internal.request := ticketing_internal.resolve_request(p_attendees, p_request);
BEGIN
    RETURN sha256(convert_to(
        concat(
            (
                SELECT string_agg(attendee_id::text, ',' ORDER BY attendee_id)
                FROM unnest(v_request.attendee_ids) AS attendee_id
            ),
            (
                SELECT string_agg(
                    concat(';', line.attendee_ref, ':', line.package_id, ':', line.ticket_type_id, ':', line.quantity),
                    '' ORDER BY line.attendee_ref, line.package_id, line.ticket_type_id
                )
                FROM unnest(v_request.lines) AS line
            )
        ),
        'UTF8'
    ));
END
$$;

COMMENT ON FUNCTION ticketing_internal.hash_request IS
'SHA-256 (32 bytes) of the attendees that p_request decides about and of its lines, in whatever order and by whichever ids it
names them.';
