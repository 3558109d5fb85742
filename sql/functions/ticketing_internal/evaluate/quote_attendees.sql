-- The people a quote is about: those of its registration, if it has one, with what the caller
-- says about them now, and those whom only the caller knows.

CREATE OR REPLACE FUNCTION ticketing_internal.quote_attendees(
    p_known ticketing_internal.attendee[],
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
    WITH given AS (
        SELECT
            (attendee.value ->> 'attendeeId')::uuid AS ref,
            attendee.value AS data,
            attendee.ordinality AS position
        FROM jsonb_array_elements(p_attendees) WITH ORDINALITY AS attendee
    ),
    known AS (
        SELECT person.*
        FROM unnest(p_known) WITH ORDINALITY AS person (
            attendee_id, client_attendee_id, name, attendee_type, is_partner, attendee_data, position
        )
    ),
    named AS (
        SELECT
            given.*,
            known.attendee_id,
            row_number() OVER (
                PARTITION BY coalesce(known.attendee_id, given.ref) ORDER BY given.position
            ) AS occurrence
        FROM given
        LEFT JOIN known ON given.ref IN (known.attendee_id, known.client_attendee_id)
    ),
    matched AS (
        SELECT known.*, named.data
        FROM known
        LEFT JOIN named ON named.attendee_id = known.attendee_id AND named.occurrence = 1
        UNION ALL
        SELECT named.ref, named.ref, NULL, NULL, FALSE, '{}', cardinality(p_known) + named.position, named.data
        FROM named
        WHERE named.attendee_id IS NULL AND named.occurrence = 1
    )
    SELECT array_agg(ROW(
        person.attendee_id,
        person.client_attendee_id,
        CASE
            WHEN person.data IS NULL THEN person.name
            ELSE ticketing_internal.attendee_name(
                person.data ->> 'firstName', person.data ->> 'lastName', person.data ->> 'attendeeType'
            )
        END,
        coalesce(person.data ->> 'attendeeType', person.attendee_type),
        CASE
            WHEN person.data IS NULL THEN person.is_partner
            ELSE ticketing_internal.is_partner(person.data)
        END,
        person.attendee_data || coalesce(person.data, '{}')
    )::ticketing_internal.attendee ORDER BY person.position)
    INTO v_attendees
    FROM matched AS person;

    RETURN coalesce(v_attendees, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.quote_attendees IS
'p_known with the facts that p_attendees, wizard''s attendee objects, give them now, and after them those in p_attendees who
are not known; these have their client id as both ids. Of somebody named twice the first counts.';
