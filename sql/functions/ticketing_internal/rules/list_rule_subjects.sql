-- List every package and every ticket type that the lines of a request amount to, with the attendee
-- who would hold it: what the rules on eligibility, limits and sale look at.

CREATE OR REPLACE FUNCTION ticketing_internal.list_rule_subjects(
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_catalogue ticketing_internal.catalogue
)
RETURNS ticketing_internal.rule_subject[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- stands for "no package" in joins, which do not match nulls
    c_none CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    v_subjects ticketing_internal.rule_subject [];
BEGIN
    WITH line AS (
        SELECT line.*, attendee
        FROM unnest(p_request.selection_lines || p_request.inferred_lines) AS line
        INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = line.attendee_ref
        WHERE line.quantity > 0
    )
    SELECT array_agg(listed.subject)
    INTO v_subjects
    FROM (
        SELECT ROW(
            line.position, package.package_id, package.package_id, line.path, line.attendee, package.package_id, NULL,
            package.name, package.is_active, package.sale_starts_at, package.sale_ends_at, package.min_per_attendee,
            package.max_per_attendee, package.max_per_registration
        )::ticketing_internal.rule_subject
        FROM line
        INNER JOIN unnest(p_catalogue.packages) AS package ON package.package_id = line.package_id
        UNION ALL
        SELECT ROW(
            line.position, terms.ticket_type_id, coalesce(line.package_id, c_none),
            -- the ticket inside its package, where the caller has listed it
            line.path || coalesce('.tickets[' || array_position(line.contents, terms.ticket_type_id) - 1 || ']', ''),
            line.attendee, line.package_id, terms.ticket_type_id, terms.name, terms.is_active, terms.sale_starts_at,
            terms.sale_ends_at, terms.min_per_attendee, terms.max_per_attendee, terms.max_per_registration
        )::ticketing_internal.rule_subject
        FROM line
        LEFT JOIN unnest(p_catalogue.items) AS item ON item.package_id = line.package_id
        INNER JOIN unnest(p_catalogue.ticket_types) AS terms
            ON terms.ticket_type_id = coalesce(line.ticket_type_id, item.ticket_type_id)
    ) AS listed (subject);

    RETURN coalesce(v_subjects, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.list_rule_subjects IS
'The rule subjects of all lines of a resolved request.';
