-- Every package and every ticket type that the lines of a request amount to, with the attendee
-- who would hold it: what the rules about eligibility, limits and sale look at.
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.list_rule_subjects(
    p_attendees ticketing_internal.attendee[],
    p_lines ticketing_internal.selection_line[],
    p_packages ticketing.packages[],
    p_items ticketing.package_items[],
    p_offers ticketing_internal.ticket_type_terms[]
)
RETURNS ticketing_internal.rule_subject[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- stands for "no package" in joins, which have no use for null
    c_none CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    v_choices ticketing_internal.rule_subject[];
BEGIN
    WITH line AS (
        SELECT line.*, person
        FROM unnest(p_lines) WITH ORDINALITY AS line (
            attendee_id, package_id, ticket_type_id, quantity, contents, path, position
        )
        INNER JOIN unnest(p_attendees) AS person ON person.attendee_id = line.attendee_id
        WHERE line.quantity > 0
    )
    SELECT array_agg(choice)
    INTO v_choices
    FROM (
        SELECT ROW(
            line.position, package.package_id, package.package_id, line.path, line.person, package.package_id, NULL,
            package.name, package.is_active, package.sale_starts_at, package.sale_ends_at, package.min_per_attendee,
            package.max_per_attendee, package.max_per_registration, package.eligibility
        )::ticketing_internal.rule_subject
        FROM line
        INNER JOIN unnest(p_packages) AS package ON package.package_id = line.package_id
        UNION ALL
        SELECT ROW(
            line.position, offer.ticket_type_id, coalesce(line.package_id, c_none),
            -- the ticket inside its package, where the caller has listed it
            line.path || coalesce('.tickets[' || array_position(line.contents, offer.ticket_type_id) - 1 || ']', ''),
            line.person, line.package_id, offer.ticket_type_id, offer.name, offer.is_active, offer.sale_starts_at,
            offer.sale_ends_at, offer.min_per_attendee, offer.max_per_attendee, offer.max_per_registration,
            offer.eligibility
        )::ticketing_internal.rule_subject
        FROM line
        LEFT JOIN unnest(p_items) AS item ON item.package_id = line.package_id
        INNER JOIN unnest(p_offers) AS offer
            ON offer.ticket_type_id = coalesce(line.ticket_type_id, item.ticket_type_id)
    ) AS listed (choice);

    RETURN coalesce(v_choices, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.list_rule_subjects IS
'The choices that lines by attendee id amount to.';
