-- The attendees that a quote is about: those of its registration, if it has one, with the facts
-- that the caller states now, then those that only the caller knows.

CREATE OR REPLACE FUNCTION ticketing_internal.quote_attendees(
    p_stored ticketing_internal.attendee[],
    p_attendees jsonb
)
RETURNS ticketing_internal.attendee[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_attendees ticketing_internal.attendee [];
BEGIN
    WITH submitted AS (
        SELECT
            (attendee.value ->> 'attendeeId')::uuid AS ref,
            attendee.value AS data,
            attendee.ordinality AS position
        FROM jsonb_array_elements(p_attendees) WITH ORDINALITY AS attendee
    ),
    stored AS (
        SELECT attendee.* FROM unnest(p_stored) AS attendee
    ),
    matched AS (
        SELECT
            submitted.*,
            stored.attendee_id,
            row_number() OVER (
                PARTITION BY coalesce(stored.attendee_id, submitted.ref) ORDER BY submitted.position
            ) AS occurrence
        FROM submitted
        LEFT JOIN stored ON submitted.ref IN (stored.attendee_id, stored.client_attendee_id)
    ),
    quoted AS (
        SELECT stored.*, matched.data
        FROM stored
        LEFT JOIN matched ON matched.attendee_id = stored.attendee_id AND matched.occurrence = 1
        UNION ALL
        SELECT matched.ref, matched.ref, NULL, NULL, FALSE, '{}', cardinality(p_stored) + matched.position, matched.data
        FROM matched
        WHERE matched.attendee_id IS NULL AND matched.occurrence = 1
    )
    SELECT array_agg(ROW(
        quoted.attendee_id,
        quoted.client_attendee_id,
        CASE
            WHEN quoted.data IS NULL THEN quoted.name
            ELSE ticketing_internal.attendee_name(
                quoted.data ->> 'firstName', quoted.data ->> 'lastName', quoted.data ->> 'attendeeType'
            )
        END,
        coalesce(quoted.data ->> 'attendeeType', quoted.attendee_type),
        CASE
            WHEN quoted.data IS NULL THEN quoted.is_partner
            ELSE ticketing_internal.is_partner(quoted.data)
        END,
        quoted.attendee_data || coalesce(quoted.data, '{}'),
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
'p_stored with the facts that p_attendees (attendee objects of the wizard) state, then the attendees that only p_attendees has,
with their client id as both ids. Of an attendee listed twice the first entry counts.';
