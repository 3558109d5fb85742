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
    v_attendee_id uuid;
    v_line ticketing_internal.selection_line;
    v_position integer := 1;
    v_packages ticketing_internal.selected_package [];
    v_tickets ticketing_internal.selected_ticket [];
    v_selections ticketing_internal.selection [] := '{}';
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

    FOREACH v_attendee_id IN ARRAY p_named LOOP
        v_packages := '{}';
        v_tickets := '{}';
        WHILE p_lines[v_position].attendee_ref = v_attendee_id LOOP
            v_line := p_lines[v_position];
            IF v_line.package_id IS NULL THEN
                v_tickets := array_append(
                    v_tickets, ROW(v_line.ticket_type_id, v_line.quantity)::ticketing_internal.selected_ticket
                );
            ELSE
                v_packages := array_append(v_packages, ROW(
                    v_line.package_id, v_line.quantity, v_contents[v_position]
                )::ticketing_internal.selected_package);
            END IF;
            v_position := v_position + 1;
        END LOOP;
        v_selections := array_append(v_selections, ROW(
            v_attendee_id,
            jsonb_build_object('packages', to_jsonb(v_packages), 'individualTickets', to_jsonb(v_tickets)),
            NULL
        )::ticketing_internal.selection);
    END LOOP;

    RETURN v_selections;
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
