-- Does everything that the selections name exist: each attendee once, packages with these contents,
-- ticket types?

CREATE OR REPLACE FUNCTION ticketing_internal.find_reference_issues(
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
    WITH reference AS (
        SELECT reference.* FROM ticketing_internal.attendee_references(p_attendees) AS reference
    ),
    selection AS (
        SELECT
            selection.path,
            selection.ordinality AS position,
            selection.attendee_ref,
            reference.ref,
            reference.attendee,
            row_number() OVER (
                PARTITION BY (reference.attendee).attendee_id ORDER BY selection.ordinality
            ) AS occurrence
        FROM unnest(p_request.selections) WITH ORDINALITY AS selection
        LEFT JOIN reference ON reference.ref = selection.attendee_ref
    ),
    contents AS (
        SELECT item.package_id, array_agg(item.ticket_type_id ORDER BY item.ticket_type_id) AS ticket_type_ids
        FROM unnest(p_catalogue.items) AS item
        GROUP BY item.package_id
    ),
    -- only as many as are listed: each costs as much as serving its line
    faulty_line AS (
        SELECT line.*
        FROM unnest(p_request.selection_lines) AS line
        LEFT JOIN unnest(p_catalogue.packages) AS package ON package.package_id = line.package_id
        LEFT JOIN unnest(p_catalogue.ticket_types) AS terms ON terms.ticket_type_id = line.ticket_type_id
        LEFT JOIN contents ON contents.package_id = line.package_id
        WHERE coalesce(package.package_id, terms.ticket_type_id) IS NULL
            OR NOT (line.contents @> contents.ticket_type_ids AND line.contents <@ contents.ticket_type_ids)
        ORDER BY line.position
        LIMIT ticketing_internal.most_issues()
    ),
    problem (source, position, issue) AS (
        SELECT 1, selection.position, CASE
            WHEN selection.ref IS NULL THEN ticketing_internal.issue(
                'attendee_not_found', regexp_replace(selection.path, '[.]selected_tickets$', '.attendee_id'),
                'There is no such attendee in this registration.',
                p_actual => to_jsonb(selection.attendee_ref)
            )
            ELSE ticketing_internal.issue(
                'attendee_named_twice', regexp_replace(selection.path, '[.]selected_tickets$', '.attendee_id'),
                format('%s is listed twice; send one entry per attendee.', (selection.attendee).name),
                selection.attendee
            )
        END
        FROM selection
        WHERE selection.ref IS NULL OR selection.occurrence > 1

        UNION ALL
        SELECT 2, line.position, fault.issue
        FROM faulty_line AS line
        LEFT JOIN reference ON reference.ref = line.attendee_ref
        LEFT JOIN unnest(p_catalogue.packages) AS package ON package.package_id = line.package_id
        LEFT JOIN unnest(p_catalogue.ticket_types) AS terms ON terms.ticket_type_id = line.ticket_type_id
        LEFT JOIN contents ON contents.package_id = line.package_id
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN line.package_id IS NOT NULL AND package.package_id IS NULL THEN ticketing_internal.issue(
                    'package_not_found', line.path || '.packageId', 'There is no such package in this function.',
                    reference.attendee, p_package_id => line.package_id, p_actual => to_jsonb(line.package_id)
                )
                WHEN line.ticket_type_id IS NOT NULL AND terms.ticket_type_id IS NULL THEN ticketing_internal.issue(
                    'ticket_type_not_found', line.path || '.ticketId', 'There is no such ticket type in this function.',
                    reference.attendee, line.ticket_type_id, p_actual => to_jsonb(line.ticket_type_id)
                )
                WHEN NOT (line.contents @> contents.ticket_type_ids AND line.contents <@ contents.ticket_type_ids)
                    THEN ticketing_internal.issue(
                        'package_contents_mismatch', line.path || '.tickets',
                        format('%s does not consist of these ticket types.', package.name),
                        reference.attendee, NULL, line.package_id, package.name,
                        to_jsonb(contents.ticket_type_ids), to_jsonb(line.contents)
                    )
            END AS issue
        ) AS fault
        WHERE fault.issue IS NOT NULL
    )
    SELECT jsonb_agg(problem.issue ORDER BY problem.source, problem.position)
    INTO v_issues
    FROM problem;

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_reference_issues IS
'Issues of selections of unknown attendees, of a second selection of the same attendee, and of lines that name what the
catalogue does not have; [] when there are none.';
