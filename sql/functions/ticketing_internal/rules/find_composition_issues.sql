-- What may be chosen together: packages or individual tickets, and packages for this type of
-- registration.
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.find_composition_issues(
    p_function ticketing.functions,
    p_registration_type text,
    p_attendees ticketing_internal.attendee[],
    p_selections ticketing_internal.selection[],
    p_lines ticketing_internal.selection_line[],
    p_packages ticketing.packages[]
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
        SELECT line.*, person
        FROM unnest(p_lines) WITH ORDINALITY AS line (
            attendee_id, package_id, ticket_type_id, quantity, contents, path, position
        )
        INNER JOIN unnest(p_attendees) AS person ON person.attendee_id = line.attendee_id
        WHERE line.quantity > 0
    )
    SELECT jsonb_agg(problem.issue ORDER BY problem.position)
    INTO v_issues
    FROM (
        SELECT
            mixed.position,
            ticketing_internal.issue(
                'mixed_selection', coalesce(selection.path, mixed.path),
                format('%s can hold packages or individual tickets, not both.', (mixed.person).name),
                mixed.person
            )
        FROM (
            SELECT
                line.person,
                min(line.position) AS position,
                (array_agg(line.path ORDER BY line.position))[1] AS path
            FROM line
            GROUP BY line.person
            HAVING bool_or(line.package_id IS NULL) AND bool_or(line.package_id IS NOT NULL)
        ) AS mixed
        LEFT JOIN unnest(p_selections) AS selection
            ON selection.attendee_ref IN ((mixed.person).attendee_id, (mixed.person).client_attendee_id)
        WHERE p_function.selection_mode = 'exclusive'

        UNION ALL
        SELECT
            line.position,
            ticketing_internal.issue(
                'registration_type_not_allowed', line.path,
                format('%s is for %s, not for %s.', package.name,
                    array_to_string(package.registration_types, ' and '), p_registration_type),
                line.person, NULL, line.package_id, package.name,
                to_jsonb(package.registration_types), to_jsonb(p_registration_type)
            )
        FROM line
        INNER JOIN unnest(p_packages) AS package ON package.package_id = line.package_id
        WHERE p_registration_type <> ALL(package.registration_types)
    ) AS problem (position, issue);

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_composition_issues IS
'Issues of attendees who choose packages and individual tickets where that is exclusive, and of
packages that are not for registrations of this type; [] when there are none.';
