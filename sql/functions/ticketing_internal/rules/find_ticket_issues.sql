-- Do the rows that the caller gave equal the tickets that his selection amounts to, in number
-- and in price? Compared as multisets: a ticket listed twice is two tickets.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.find_ticket_issues(
    p_attendees ticketing_internal.attendee[],
    p_named uuid[],
    p_selections ticketing_internal.selection[],
    p_lines ticketing_internal.selection_line[],
    p_tickets ticketing_internal.submitted_ticket[],
    p_plan ticketing_internal.planned_ticket[],
    p_packages ticketing.packages[],
    p_items ticketing.package_items[],
    p_offers ticketing_internal.ticket_type_terms[]
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- stands for "no package" in joins, which have no use for null
    c_none CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    v_issues jsonb;
BEGIN
    WITH reference AS (
        SELECT person.attendee_id AS ref, person.attendee_id FROM unnest(p_attendees) AS person
        UNION
        SELECT person.client_attendee_id, person.attendee_id FROM unnest(p_attendees) AS person
    ),
    given AS (
        SELECT
            reference.attendee_id,
            coalesce(ticket.package_id, c_none) AS package_key,
            ticket.ticket_type_id,
            ticket.path,
            ticket.position,
            ticket.price_paid,
            ticket.original_price,
            offer.ticket_type_id IS NOT NULL
            AND (ticket.package_id IS NULL OR item.package_id IS NOT NULL) AS is_sound
        FROM unnest(p_tickets) WITH ORDINALITY AS ticket (
            path, ticket_id, registration_id, attendee_ref, client_attendee_ref, event_id, ticket_type_id, package_id,
            price_paid, original_price, currency, position
        )
        INNER JOIN reference ON reference.ref = ticket.attendee_ref
        LEFT JOIN unnest(p_offers) AS offer ON offer.ticket_type_id = ticket.ticket_type_id
        LEFT JOIN unnest(p_items) AS item
            ON item.package_id = ticket.package_id AND item.ticket_type_id = ticket.ticket_type_id
    ),
    selection AS (
        SELECT reference.attendee_id, min(selection.path) AS path
        FROM unnest(p_selections) AS selection
        INNER JOIN reference ON reference.ref = selection.attendee_ref
        GROUP BY reference.attendee_id
    ),
    -- whoever names something that does not exist has that issue already; comparing on would only
    -- repeat it
    compared AS (
        SELECT named.attendee_id
        FROM (
            SELECT given.attendee_id, given.is_sound FROM given
            UNION ALL
            SELECT selection.attendee_id, TRUE FROM selection
        ) AS named
        GROUP BY named.attendee_id
        HAVING bool_and(named.is_sound)
    ),
    expected_group AS (
        SELECT
            ticket.attendee_id,
            coalesce(ticket.package_id, c_none) AS package_key,
            ticket.ticket_type_id,
            count(*) AS quantity
        FROM unnest(p_plan) AS ticket
        INNER JOIN compared ON compared.attendee_id = ticket.attendee_id
        WHERE ticket.change <> 'removed'
        GROUP BY ticket.attendee_id, coalesce(ticket.package_id, c_none), ticket.ticket_type_id
    ),
    given_group AS (
        SELECT
            given.attendee_id,
            given.package_key,
            given.ticket_type_id,
            count(*) AS quantity,
            min(given.position) AS position,
            (array_agg(given.path ORDER BY given.position))[1] AS path
        FROM given
        INNER JOIN compared ON compared.attendee_id = given.attendee_id
        GROUP BY given.attendee_id, given.package_key, given.ticket_type_id
    ),
    matched AS (
        SELECT
            coalesce(expected.attendee_id, given.attendee_id) AS attendee_id,
            coalesce(expected.package_key, given.package_key) AS package_key,
            coalesce(expected.ticket_type_id, given.ticket_type_id) AS ticket_type_id,
            coalesce(expected.quantity, 0) AS expected_quantity,
            coalesce(given.quantity, 0) AS given_quantity,
            given.position,
            given.path
        FROM expected_group AS expected
        FULL JOIN given_group AS given
            ON given.attendee_id = expected.attendee_id
            AND given.package_key = expected.package_key
            AND given.ticket_type_id = expected.ticket_type_id
    ),
    -- of each package with a difference: how many whole packages the given rows amount to, null
    -- when they do not
    given_package AS (
        SELECT
            counted.attendee_id,
            counted.package_key,
            CASE WHEN min(counted.copies) = max(counted.copies) AND bool_and(counted.is_whole) THEN min(counted.copies) END
            AS copies,
            min(counted.expected_copies) AS expected_copies,
            min(counted.path) AS path
        FROM (
            SELECT
                matched.attendee_id,
                matched.package_key,
                matched.given_quantity / item.quantity AS copies,
                matched.given_quantity % item.quantity = 0 AS is_whole,
                matched.expected_quantity / item.quantity AS expected_copies,
                (array_agg(matched.path) OVER (
                    PARTITION BY matched.attendee_id, matched.package_key ORDER BY matched.position
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ))[1] AS path
            FROM matched
            INNER JOIN unnest(p_items) AS item
                ON item.package_id = matched.package_key AND item.ticket_type_id = matched.ticket_type_id
        ) AS counted
        GROUP BY counted.attendee_id, counted.package_key
        HAVING bool_or(counted.copies <> counted.expected_copies OR NOT counted.is_whole)
    ),
    line AS (
        SELECT
            line.attendee_id,
            coalesce(line.package_id, line.ticket_type_id) AS subject_id,
            (array_agg(line.path ORDER BY line.position))[1] AS path
        FROM unnest(p_lines) WITH ORDINALITY AS line (
            attendee_id, package_id, ticket_type_id, quantity, contents, path, position
        )
        GROUP BY line.attendee_id, coalesce(line.package_id, line.ticket_type_id)
    ),
    priced AS (
        SELECT given.*, 'price_paid' AS field, given.price_paid AS price
        FROM given
        WHERE given.price_paid IS NOT NULL
        UNION ALL
        SELECT given.*, 'original_price', given.original_price
        FROM given
        WHERE given.original_price IS NOT NULL
    ),
    planned_price AS (
        SELECT
            price.field,
            ticket.attendee_id,
            coalesce(ticket.package_id, c_none) AS package_key,
            ticket.ticket_type_id,
            price.price,
            count(*) AS quantity
        FROM unnest(p_plan) AS ticket
        INNER JOIN compared ON compared.attendee_id = ticket.attendee_id
        CROSS JOIN LATERAL (
            VALUES ('price_paid', ticket.price_paid), ('original_price', ticket.original_price)
        ) AS price (field, price)
        WHERE ticket.change <> 'removed'
        GROUP BY
            price.field, ticket.attendee_id, coalesce(ticket.package_id, c_none), ticket.ticket_type_id, price.price
    ),
    mispriced AS (
        SELECT wrong.*
        FROM (
            SELECT
                priced.*,
                row_number() OVER (
                    PARTITION BY
                        priced.field, priced.attendee_id, priced.package_key, priced.ticket_type_id, priced.price
                    ORDER BY priced.position
                ) AS occurrence
            FROM priced
            INNER JOIN matched
                ON matched.attendee_id = priced.attendee_id
                AND matched.package_key = priced.package_key
                AND matched.ticket_type_id = priced.ticket_type_id
            WHERE matched.given_quantity = matched.expected_quantity
        ) AS wrong
        LEFT JOIN planned_price
            ON planned_price.field = wrong.field
            AND planned_price.attendee_id = wrong.attendee_id
            AND planned_price.package_key = wrong.package_key
            AND planned_price.ticket_type_id = wrong.ticket_type_id
            AND planned_price.price = wrong.price
        WHERE wrong.occurrence > coalesce(planned_price.quantity, 0)
    ),
    right_price AS (
        SELECT
            planned_price.field,
            planned_price.attendee_id,
            planned_price.package_key,
            planned_price.ticket_type_id,
            CASE count(*)
                WHEN 1 THEN to_jsonb(min(planned_price.price))
                ELSE jsonb_agg(planned_price.price ORDER BY planned_price.price)
            END AS expected,
            string_agg(planned_price.price::text, ' or ' ORDER BY planned_price.price) AS words
        FROM planned_price
        GROUP BY planned_price.field, planned_price.attendee_id, planned_price.package_key, planned_price.ticket_type_id
    ),
    problem (position, issue) AS (
        SELECT
            mispriced.position,
            ticketing_internal.issue(
                CASE mispriced.field WHEN 'price_paid' THEN 'price_mismatch' ELSE 'original_price_mismatch' END,
                mispriced.path || '.' || mispriced.field,
                CASE mispriced.field
                    WHEN 'price_paid' THEN format('%s costs %s, not %s.', offer.name, right_price.words,
                        left(mispriced.price::text, 40))
                    ELSE format('The list price of %s is %s, not %s.', offer.name, right_price.words,
                        left(mispriced.price::text, 40))
                END,
                person, mispriced.ticket_type_id, nullif(mispriced.package_key, c_none), offer.name,
                right_price.expected, to_jsonb(mispriced.price)
            )
        FROM mispriced
        INNER JOIN right_price
            ON right_price.field = mispriced.field
            AND right_price.attendee_id = mispriced.attendee_id
            AND right_price.package_key = mispriced.package_key
            AND right_price.ticket_type_id = mispriced.ticket_type_id
        INNER JOIN unnest(p_offers) AS offer ON offer.ticket_type_id = mispriced.ticket_type_id
        INNER JOIN unnest(p_attendees) AS person ON person.attendee_id = mispriced.attendee_id

        UNION ALL
        SELECT
            matched.position,
            ticketing_internal.issue(
                'package_incomplete', coalesce(matched.path, given_package.path, line.path, selection.path),
                format('%s of %s needs %s of %s, not %s.', package.name, person.name, matched.expected_quantity,
                    offer.name, matched.given_quantity),
                person, matched.ticket_type_id, package.package_id, package.name,
                to_jsonb(matched.expected_quantity), to_jsonb(matched.given_quantity)
            )
        FROM given_package
        INNER JOIN matched
            ON matched.attendee_id = given_package.attendee_id AND matched.package_key = given_package.package_key
        INNER JOIN unnest(p_packages) AS package ON package.package_id = given_package.package_key
        INNER JOIN unnest(p_offers) AS offer ON offer.ticket_type_id = matched.ticket_type_id
        INNER JOIN unnest(p_attendees) AS person ON person.attendee_id = matched.attendee_id
        LEFT JOIN line
            ON line.attendee_id = given_package.attendee_id AND line.subject_id = given_package.package_key
        LEFT JOIN selection ON selection.attendee_id = given_package.attendee_id
        WHERE given_package.copies IS NULL AND matched.given_quantity <> matched.expected_quantity

        UNION ALL
        SELECT
            NULL,
            ticketing_internal.issue(
                'selection_mismatch', coalesce(line.path, selection.path),
                format('%s selects %s of %s, but the tickets given amount to %s.', person.name,
                    given_package.expected_copies, package.name, given_package.copies),
                person, NULL, package.package_id, package.name,
                to_jsonb(given_package.expected_copies), to_jsonb(given_package.copies)
            )
        FROM given_package
        INNER JOIN unnest(p_packages) AS package ON package.package_id = given_package.package_key
        INNER JOIN unnest(p_attendees) AS person ON person.attendee_id = given_package.attendee_id
        LEFT JOIN line
            ON line.attendee_id = given_package.attendee_id AND line.subject_id = given_package.package_key
        LEFT JOIN selection ON selection.attendee_id = given_package.attendee_id
        WHERE given_package.copies IS NOT NULL

        UNION ALL
        SELECT
            matched.position,
            ticketing_internal.issue(
                'selection_mismatch', coalesce(line.path, selection.path),
                format('%s selects %s of %s, but the tickets given amount to %s.', person.name,
                    matched.expected_quantity, offer.name, matched.given_quantity),
                person, matched.ticket_type_id, NULL, offer.name,
                to_jsonb(matched.expected_quantity), to_jsonb(matched.given_quantity)
            )
        FROM matched
        INNER JOIN unnest(p_offers) AS offer ON offer.ticket_type_id = matched.ticket_type_id
        INNER JOIN unnest(p_attendees) AS person ON person.attendee_id = matched.attendee_id
        LEFT JOIN line ON line.attendee_id = matched.attendee_id AND line.subject_id = matched.ticket_type_id
        LEFT JOIN selection ON selection.attendee_id = matched.attendee_id
        WHERE matched.package_key = c_none AND matched.given_quantity <> matched.expected_quantity
    )
    SELECT jsonb_agg(problem.issue ORDER BY problem.position)
    INTO v_issues
    FROM problem;

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_ticket_issues IS
'Issues of given rows that differ from the plan: wrong prices, packages with tickets missing, tickets that the selection of
their attendee does not have or that it has and that were not given; [] when there are none.';
