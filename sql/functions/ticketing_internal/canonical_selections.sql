-- The stored form of what attendees have chosen: each package and ticket type once, in the order
-- in which it was chosen; inside a package the quantities of the catalogue, in the order that
-- the caller gave or else that of the events.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.canonical_selections(
    p_named uuid[],
    p_lines ticketing_internal.selection_line[],
    p_items ticketing.package_items[],
    p_offers ticketing_internal.offer[]
)
RETURNS ticketing_internal.selection[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_contents jsonb[];
    v_selections ticketing_internal.selection [];
BEGIN
    -- what is inside the package of each line, by the position of the line
    IF p_items IS NOT NULL THEN
        SELECT array_agg(content.tickets ORDER BY content.position)
        INTO v_contents
        FROM (
            SELECT
                line.position,
                to_jsonb(array_agg(
                    ROW(item.ticket_type_id, item.quantity)::ticketing_internal.selected_ticket
                    ORDER BY
                        array_position(line.contents, item.ticket_type_id), offer.event_starts_at, item.ticket_type_id
                ) FILTER (WHERE item.package_id IS NOT NULL)) AS tickets
            FROM unnest(p_lines) WITH ORDINALITY AS line (
                attendee_id, package_id, ticket_type_id, quantity, contents, path, position
            )
            LEFT JOIN unnest(p_items) AS item ON item.package_id = line.package_id
            LEFT JOIN unnest(p_offers) AS offer ON offer.ticket_type_id = item.ticket_type_id
            GROUP BY line.position
        ) AS content;
    END IF;

    SELECT array_agg(ROW(
        named.attendee_id,
        jsonb_build_object(
            'packages', coalesce(selected.packages, '[]'),
            'individualTickets', coalesce(selected.individual_tickets, '[]')
        ),
        NULL
    )::ticketing_internal.selection)
    INTO v_selections
    FROM unnest(p_named) AS named (attendee_id)
    LEFT JOIN (
        SELECT
            total.attendee_id,
            to_jsonb(array_agg(
                ROW(
                    total.package_id, total.quantity, v_contents[total.position::integer]
                )::ticketing_internal.selected_package ORDER BY total.position
            ) FILTER (WHERE total.package_id IS NOT NULL)) AS packages,
            to_jsonb(array_agg(
                ROW(total.ticket_type_id, total.quantity)::ticketing_internal.selected_ticket ORDER BY total.position
            ) FILTER (WHERE total.package_id IS NULL)) AS individual_tickets
        FROM (
            SELECT
                line.attendee_id,
                line.package_id,
                line.ticket_type_id,
                sum(line.quantity) AS quantity,
                min(line.position) AS position
            FROM unnest(p_lines) WITH ORDINALITY AS line (
                attendee_id, package_id, ticket_type_id, quantity, contents, path, position
            )
            GROUP BY line.attendee_id, line.package_id, line.ticket_type_id
            HAVING sum(line.quantity) > 0
        ) AS total
        GROUP BY total.attendee_id
    ) AS selected ON selected.attendee_id = named.attendee_id;

    RETURN coalesce(v_selections, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.canonical_selections(
    uuid[], ticketing_internal.selection_line[], ticketing.package_items[], ticketing_internal.offer[]
) IS
'For each attendee named, by attendee id, the selected_tickets to store; of one who has chosen nothing, empty lists.';

REVOKE ALL ON FUNCTION ticketing_internal.canonical_selections(
    uuid[],
    ticketing_internal.selection_line[],
    ticketing.package_items[],
    ticketing_internal.offer[]
) FROM public;
