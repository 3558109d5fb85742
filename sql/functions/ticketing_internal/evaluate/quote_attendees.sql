-- The attendees that a quote is about: those of its registration, if it has one, with the facts
-- that the caller states now, then those that only the caller knows.

CREATE OR REPLACE FUNCTION ticketing_internal.quote_attendees(
    p_stored ticketing_internal.attendee[],
    p_submitted ticketing_internal.submitted_attendee[]
)
RETURNS ticketing_internal.attendee[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_attendees ticketing_internal.attendee [];
BEGIN
    WITH stored AS (
        SELECT attendee.* FROM unnest(p_stored) AS attendee
    ),
    matched AS (
        SELECT
            submitted,
            stored.attendee_id,
            row_number() OVER (
                PARTITION BY coalesce(stored.attendee_id, submitted.attendee_ref) ORDER BY submitted.position
            ) AS occurrence
        FROM unnest(p_submitted) AS submitted
        LEFT JOIN stored ON submitted.attendee_ref IN (stored.attendee_id, stored.client_attendee_id)
    ),
    quoted AS (
        SELECT stored.*, matched.submitted
        FROM stored
        LEFT JOIN matched ON matched.attendee_id = stored.attendee_id AND matched.occurrence = 1
        UNION ALL
        SELECT
            (matched.submitted).attendee_ref, (matched.submitted).attendee_ref, NULL, NULL, FALSE, '{}',
            cardinality(p_stored) + (matched.submitted).position + 1, matched.submitted
        FROM matched
        WHERE matched.attendee_id IS NULL AND matched.occurrence = 1
    )
    SELECT array_agg(ROW(
        quoted.attendee_id,
        quoted.client_attendee_id,
        CASE
            WHEN quoted.submitted IS NULL THEN quoted.name
            ELSE left(ticketing_internal.attendee_name(
                (quoted.submitted).first_name, (quoted.submitted).last_name, (quoted.submitted).attendee_type
            ), 200)
        END,
        coalesce((quoted.submitted).attendee_type, quoted.attendee_type),
        coalesce((quoted.submitted).is_partner, quoted.is_partner),
        quoted.attendee_data || coalesce((quoted.submitted).attendee_data, '{}'),
        quoted.index
    )::ticketing_internal.attendee)
    INTO v_attendees
    FROM (
        SELECT quoted.*, row_number() OVER (ORDER BY quoted.position) AS index FROM quoted
    ) AS quoted;

    RETURN coalesce(v_attendees, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.quote_attendees IS
'p_stored with the facts that p_submitted states, then the attendees that only p_submitted has, with their client id as
both ids. Of an attendee listed twice the first entry counts.';
