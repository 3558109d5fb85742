-- Are the submitted tickets as many as the selections amount to, and those of packages whole
-- packages?

CREATE OR REPLACE FUNCTION ticketing_internal.find_ticket_count_issues(
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_catalogue ticketing_internal.catalogue,
    p_comparisons ticketing_internal.ticket_comparison[]
)
RETURNS ticketing_internal.positioned_issue[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- stands for "no package" in joins, which do not match nulls
    c_none CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    v_issues ticketing_internal.positioned_issue [];
BEGIN
    WITH comparison AS (
        SELECT
            comparison.*,
            comparison.submitted_quantity / item.quantity AS copies,
            comparison.submitted_quantity % item.quantity = 0 AS is_whole,
            comparison.expected_quantity / item.quantity AS expected_copies
        FROM unnest(p_comparisons) AS comparison
        LEFT JOIN unnest(p_catalogue.items) AS item
            ON item.package_id = comparison.package_key AND item.ticket_type_id = comparison.ticket_type_id
    ),
    -- of each package with a difference: how many whole ones the tickets amount to, null when they
    -- are no whole ones
    package_difference AS (
        SELECT
            comparison.attendee_id,
            comparison.package_key,
            CASE
                WHEN min(comparison.copies) = max(comparison.copies) AND bool_and(comparison.is_whole)
                    THEN min(comparison.copies)
            END AS copies,
            min(comparison.expected_copies) AS expected_copies,
            (array_agg(comparison.path ORDER BY comparison.position))[1] AS path
        FROM comparison
        WHERE comparison.copies IS NOT NULL
        GROUP BY comparison.attendee_id, comparison.package_key
        HAVING bool_or(comparison.copies <> comparison.expected_copies OR NOT comparison.is_whole)
    ),
    -- where an attendee selects something first, and where the selection of an attendee is
    line AS (
        SELECT
            line.attendee_ref AS attendee_id,
            coalesce(line.package_id, line.ticket_type_id) AS subject_id,
            (array_agg(line.path ORDER BY line.position))[1] AS path
        FROM unnest(p_request.selection_lines || p_request.inferred_lines) AS line
        GROUP BY line.attendee_ref, coalesce(line.package_id, line.ticket_type_id)
    ),
    selection AS (
        SELECT (reference.attendee).attendee_id, min(selection.path) AS path
        FROM unnest(p_request.selections) AS selection
        INNER JOIN ticketing_internal.attendee_references(p_attendees) AS reference
            ON reference.ref = selection.attendee_ref
        GROUP BY (reference.attendee).attendee_id
    )
    SELECT array_agg(ROW(problem.position, problem.issue)::ticketing_internal.positioned_issue)
    INTO v_issues
    FROM (
        SELECT
            comparison.position,
            ticketing_internal.issue(
                'package_incomplete', coalesce(comparison.path, package_difference.path, line.path, selection.path),
                format('%s of %s needs %s of %s, not %s.', package.name, attendee.name, comparison.expected_quantity,
                    terms.name, comparison.submitted_quantity),
                attendee, comparison.ticket_type_id, package.package_id, terms.name,
                to_jsonb(comparison.expected_quantity), to_jsonb(comparison.submitted_quantity)
            )
        FROM package_difference
        INNER JOIN comparison
            ON comparison.attendee_id = package_difference.attendee_id
            AND comparison.package_key = package_difference.package_key
        INNER JOIN unnest(p_catalogue.packages) AS package ON package.package_id = package_difference.package_key
        INNER JOIN unnest(p_catalogue.ticket_types) AS terms ON terms.ticket_type_id = comparison.ticket_type_id
        INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = comparison.attendee_id
        LEFT JOIN line
            ON line.attendee_id = package_difference.attendee_id AND line.subject_id = package_difference.package_key
        LEFT JOIN selection ON selection.attendee_id = package_difference.attendee_id
        WHERE package_difference.copies IS NULL AND comparison.submitted_quantity <> comparison.expected_quantity

        UNION ALL
        SELECT
            NULL,
            ticketing_internal.issue(
                'selection_mismatch', coalesce(line.path, selection.path),
                format('%s selects %s of %s, but the submitted tickets amount to %s.', attendee.name,
                    package_difference.expected_copies, package.name, package_difference.copies),
                attendee, NULL, package.package_id, package.name,
                to_jsonb(package_difference.expected_copies), to_jsonb(package_difference.copies)
            )
        FROM package_difference
        INNER JOIN unnest(p_catalogue.packages) AS package ON package.package_id = package_difference.package_key
        INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = package_difference.attendee_id
        LEFT JOIN line
            ON line.attendee_id = package_difference.attendee_id AND line.subject_id = package_difference.package_key
        LEFT JOIN selection ON selection.attendee_id = package_difference.attendee_id
        WHERE package_difference.copies IS NOT NULL

        UNION ALL
        SELECT
            comparison.position,
            ticketing_internal.issue(
                'selection_mismatch', coalesce(line.path, selection.path),
                format('%s selects %s of %s, but the submitted tickets amount to %s.', attendee.name,
                    comparison.expected_quantity, terms.name, comparison.submitted_quantity),
                attendee, comparison.ticket_type_id, NULL, terms.name,
                to_jsonb(comparison.expected_quantity), to_jsonb(comparison.submitted_quantity)
            )
        FROM comparison
        INNER JOIN unnest(p_catalogue.ticket_types) AS terms ON terms.ticket_type_id = comparison.ticket_type_id
        INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = comparison.attendee_id
        LEFT JOIN line
            ON line.attendee_id = comparison.attendee_id AND line.subject_id = comparison.ticket_type_id
        LEFT JOIN selection ON selection.attendee_id = comparison.attendee_id
        WHERE comparison.package_key = c_none AND comparison.submitted_quantity <> comparison.expected_quantity
    ) AS problem (position, issue);

    RETURN coalesce(v_issues, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_ticket_count_issues IS
'Issues of submitted tickets that are no whole packages, or more or fewer than the selections of p_request amount to, as
p_comparisons find them.';
