-- Do the submitted tickets cost what the plan says? Asked where their number is right. The tickets
-- of a package can have several prices, so each price is counted.

CREATE OR REPLACE FUNCTION ticketing_internal.find_ticket_price_issues(
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_catalogue ticketing_internal.catalogue,
    p_plan ticketing_internal.planned_ticket[],
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
        SELECT comparison.*
        FROM unnest(p_comparisons) AS comparison
        WHERE comparison.submitted_quantity = comparison.expected_quantity
    ),
    submitted_price AS (
        SELECT
            price.field,
            price.price,
            (reference.attendee).attendee_id,
            coalesce(ticket.package_id, c_none) AS package_key,
            ticket.ticket_type_id,
            ticket.path,
            ticket.position
        FROM unnest(p_request.submitted_tickets) AS ticket
        INNER JOIN ticketing_internal.attendee_references(p_attendees) AS reference
            ON reference.ref = ticket.attendee_ref
        CROSS JOIN LATERAL (
            VALUES ('price_paid', ticket.price_paid), ('original_price', ticket.original_price)
        ) AS price (field, price)
        WHERE price.price IS NOT NULL
    ),
    planned_price AS (
        SELECT
            price.field,
            price.price,
            ticket.attendee_id,
            coalesce(ticket.package_id, c_none) AS package_key,
            ticket.ticket_type_id,
            count(*) AS quantity
        FROM unnest(p_plan) AS ticket
        CROSS JOIN LATERAL (
            VALUES ('price_paid', ticket.price_paid), ('original_price', ticket.original_price)
        ) AS price (field, price)
        WHERE ticket.change <> 'removed'
        GROUP BY
            price.field, price.price, ticket.attendee_id, coalesce(ticket.package_id, c_none), ticket.ticket_type_id
    ),
    wrong_price AS (
        SELECT submitted.*
        FROM (
            SELECT
                submitted_price.*,
                row_number() OVER (
                    PARTITION BY
                        submitted_price.field, submitted_price.attendee_id, submitted_price.package_key,
                        submitted_price.ticket_type_id, submitted_price.price
                    ORDER BY submitted_price.position
                ) AS occurrence
            FROM submitted_price
            INNER JOIN comparison
                ON comparison.attendee_id = submitted_price.attendee_id
                AND comparison.package_key = submitted_price.package_key
                AND comparison.ticket_type_id = submitted_price.ticket_type_id
        ) AS submitted
        LEFT JOIN planned_price
            ON planned_price.field = submitted.field
            AND planned_price.attendee_id = submitted.attendee_id
            AND planned_price.package_key = submitted.package_key
            AND planned_price.ticket_type_id = submitted.ticket_type_id
            AND planned_price.price = submitted.price
        WHERE submitted.occurrence > coalesce(planned_price.quantity, 0)
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
    )
    SELECT array_agg(ROW(
        wrong_price.position,
        ticketing_internal.issue(
            CASE wrong_price.field WHEN 'price_paid' THEN 'price_mismatch' ELSE 'original_price_mismatch' END,
            wrong_price.path || '.' || wrong_price.field,
            CASE wrong_price.field
                WHEN 'price_paid' THEN format('%s costs %s, not %s.', terms.name, right_price.words,
                    left(wrong_price.price::text, 40))
                ELSE format('The list price of %s is %s, not %s.', terms.name, right_price.words,
                    left(wrong_price.price::text, 40))
            END,
            attendee, wrong_price.ticket_type_id, nullif(wrong_price.package_key, c_none), terms.name,
            right_price.expected, to_jsonb(wrong_price.price)
        )
    )::ticketing_internal.positioned_issue)
    INTO v_issues
    FROM wrong_price
    INNER JOIN right_price
        ON right_price.field = wrong_price.field
        AND right_price.attendee_id = wrong_price.attendee_id
        AND right_price.package_key = wrong_price.package_key
        AND right_price.ticket_type_id = wrong_price.ticket_type_id
    INNER JOIN unnest(p_catalogue.ticket_types) AS terms ON terms.ticket_type_id = wrong_price.ticket_type_id
    INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = wrong_price.attendee_id;

    RETURN coalesce(v_issues, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_ticket_price_issues IS
'One issue for each submitted price that p_plan does not have as often, where p_comparisons find the number of tickets right.';
