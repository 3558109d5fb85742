-- What may be selected together: packages or individual tickets, and packages for this type of
-- registration.

CREATE OR REPLACE FUNCTION ticketing_internal.find_composition_issues(
    p_function ticketing.functions,
    p_registration_type text,
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_catalogue ticketing_internal.catalogue
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb;
BEGIN
    WITH line AS (
        SELECT line.*, attendee
        FROM unnest(p_request.selection_lines || p_request.inferred_lines) AS line
        INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = line.attendee_ref
        WHERE line.quantity > 0
    )
    SELECT jsonb_agg(problem.issue ORDER BY problem.position)
    INTO v_issues
    FROM (
        SELECT
            mixed.position,
            ticketing_internal.issue(
                'mixed_selection', coalesce(selection.path, mixed.path),
                format('%s can hold packages or individual tickets, not both.', (mixed.attendee).name),
                mixed.attendee
            )
        FROM (
            SELECT
                line.attendee,
                min(line.position) AS position,
                (array_agg(line.path ORDER BY line.position))[1] AS path
            FROM line
            GROUP BY line.attendee
            HAVING bool_or(line.package_id IS NULL) AND bool_or(line.package_id IS NOT NULL)
        ) AS mixed
        LEFT JOIN unnest(p_request.selections) AS selection
            ON selection.attendee_ref IN ((mixed.attendee).attendee_id, (mixed.attendee).client_attendee_id)
        WHERE p_function.selection_mode = 'exclusive'

        UNION ALL
        SELECT
            line.position,
            ticketing_internal.issue(
                'registration_type_not_allowed', line.path,
                format('%s is for %s, not for %s.', package.name,
                    array_to_string(package.registration_types, ' and '), p_registration_type),
                line.attendee, NULL, line.package_id, package.name,
                to_jsonb(package.registration_types), to_jsonb(p_registration_type)
            )
        FROM line
        INNER JOIN unnest(p_catalogue.packages) AS package ON package.package_id = line.package_id
        WHERE p_registration_type <> ALL(package.registration_types)
    ) AS problem (position, issue);

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_composition_issues IS
'Issues of attendees who select packages and individual tickets where that is exclusive, and of packages that are not for
registrations of this type; [] when there are none.';
