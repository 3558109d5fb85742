-- The people a quote is about: those of its registration, if it has one, with what the caller
-- says about them now, and those whom only the caller knows.

CREATE OR REPLACE FUNCTION ticketing_internal.quote_attendees(
    p_known ticketing_internal.attendee[],
    p_attendees ticketing_internal.submitted_attendee[]
)
RETURNS ticketing_internal.attendee[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_attendees ticketing_internal.attendee [];
BEGIN
    WITH known AS (
        SELECT person.*
        FROM unnest(p_known) WITH ORDINALITY AS person (
            attendee_id, client_attendee_id, name, attendee_type, is_partner, attendee_data, position
        )
    ),
    named AS (
        SELECT
            submitted,
            known.attendee_id,
            row_number() OVER (
                PARTITION BY coalesce(known.attendee_id, submitted.attendee_ref) ORDER BY submitted.position
            ) AS occurrence
        FROM unnest(p_attendees) AS submitted
        LEFT JOIN known ON submitted.attendee_ref IN (known.attendee_id, known.client_attendee_id)
    ),
    matched AS (
        SELECT known.*, named.submitted
        FROM known
        LEFT JOIN named ON named.attendee_id = known.attendee_id AND named.occurrence = 1
        UNION ALL
        SELECT
            (named.submitted).attendee_ref, (named.submitted).attendee_ref, NULL, NULL, FALSE, '{}',
            cardinality(p_known) + (named.submitted).position + 1, named.submitted
        FROM named
        WHERE named.attendee_id IS NULL AND named.occurrence = 1
    )
    SELECT array_agg(ROW(
        person.attendee_id,
        person.client_attendee_id,
        CASE
            WHEN person.submitted IS NULL THEN person.name
            ELSE ticketing_internal.attendee_name(
                (person.submitted).first_name, (person.submitted).last_name, (person.submitted).attendee_type
            )
        END,
        coalesce((person.submitted).attendee_type, person.attendee_type),
        coalesce((person.submitted).is_partner, person.is_partner),
        person.attendee_data || coalesce((person.submitted).attendee_data, '{}')
    )::ticketing_internal.attendee ORDER BY person.position)
    INTO v_attendees
    FROM matched AS person;

    RETURN coalesce(v_attendees, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.quote_attendees IS
'p_known with the facts that p_attendees, the wizard''s attendee objects, give them now, and after them those in p_attendees who
are not known; these have their client id as both ids. Of somebody named twice the first counts.';
