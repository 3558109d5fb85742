-- The difference between the tickets stored and those that the lines of a request amount to.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.plan_tickets(
    p_people ticketing_internal.person[],
    p_named uuid[],
    p_lines ticketing_internal.selection_line[],
    p_stored ticketing_internal.planned_ticket[],
    p_packages ticketing.packages[],
    p_items ticketing.package_items[],
    p_offers ticketing_internal.offer[],
    p_is_held boolean,
    p_most_tickets integer,
    p_most_money numeric
)
RETURNS ticketing_internal.planned_ticket[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- stands for "no package" in joins, which have no use for null
    c_none CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    v_units ticketing_internal.package_unit [];
    v_wanted bigint;
    v_total numeric;
    v_plan ticketing_internal.planned_ticket [];
BEGIN
    IF p_packages IS NOT NULL THEN
        v_units := ticketing_internal.allocate_package_prices(p_packages, p_items, p_offers);
    END IF;

    WITH line AS (
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
    ),
    expanded AS (
        SELECT
            line.attendee_id,
            offer.event_id,
            offer.ticket_type_id,
            c_none AS package_id,
            0::bigint AS package_number,
            offer.price AS price_paid,
            offer.price AS original_price,
            line.position,
            offer.event_starts_at,
            unit.number
        FROM line
        INNER JOIN unnest(p_offers) AS offer ON offer.ticket_type_id = line.ticket_type_id
        CROSS JOIN generate_series(1, line.quantity) AS unit (number)
        UNION ALL
        SELECT
            line.attendee_id,
            offer.event_id,
            unit.ticket_type_id,
            unit.package_id,
            copy.number,
            unit.price_paid,
            unit.original_price,
            line.position,
            offer.event_starts_at,
            unit.unit
        FROM line
        CROSS JOIN generate_series(1, line.quantity) AS copy (number)
        INNER JOIN unnest(v_units) AS unit ON unit.package_id = line.package_id
        INNER JOIN unnest(p_offers) AS offer ON offer.ticket_type_id = unit.ticket_type_id
        -- a few lines can ask for millions: what is too much is not expanded to the end
        LIMIT p_most_tickets + 1
    ),
    wanted AS (
        SELECT
            expanded.*,
            CASE WHEN p_is_held THEN 0 ELSE expanded.price_paid END AS price_key,
            CASE WHEN p_is_held THEN 0 ELSE expanded.original_price END AS original_key,
            row_number() OVER (
                PARTITION BY
                    expanded.attendee_id, expanded.package_id, expanded.package_number, expanded.ticket_type_id,
                    CASE WHEN p_is_held THEN 0 ELSE expanded.price_paid END,
                    CASE WHEN p_is_held THEN 0 ELSE expanded.original_price END
                ORDER BY expanded.number
            ) AS unit
        FROM expanded
    ),
    stored AS (
        SELECT
            ticket.ticket_id,
            ticket.attendee_id,
            ticket.event_id,
            ticket.ticket_type_id,
            coalesce(ticket.package_id, c_none) AS package_id,
            coalesce(ticket.package_number, 0) AS package_number,
            ticket.price_paid,
            ticket.original_price,
            ticket.is_partner_ticket,
            ticket.attendee_id = ANY(p_named) AS is_named,
            CASE WHEN p_is_held THEN 0 ELSE ticket.price_paid END AS price_key,
            CASE WHEN p_is_held THEN 0 ELSE ticket.original_price END AS original_key,
            row_number() OVER (
                PARTITION BY
                    ticket.attendee_id, ticket.package_id, ticket.package_number, ticket.ticket_type_id,
                    CASE WHEN p_is_held THEN 0 ELSE ticket.price_paid END,
                    CASE WHEN p_is_held THEN 0 ELSE ticket.original_price END
                ORDER BY ticket.position
            ) AS unit
        FROM unnest(p_stored) WITH ORDINALITY AS ticket (
            change, ticket_id, attendee_id, event_id, ticket_type_id, package_id, package_number, price_paid,
            original_price, is_partner_ticket, position
        )
    ),
    planned AS (
        SELECT
            CASE
                WHEN stored.ticket_id IS NULL THEN 'added'
                WHEN stored.is_named AND wanted.unit IS NULL THEN 'removed'
                WHEN p_is_held THEN 'kept'
                ELSE 'retaken'
            END AS change,
            stored.ticket_id,
            coalesce(stored.attendee_id, wanted.attendee_id) AS attendee_id,
            coalesce(stored.event_id, wanted.event_id) AS event_id,
            coalesce(stored.ticket_type_id, wanted.ticket_type_id) AS ticket_type_id,
            nullif(coalesce(stored.package_id, wanted.package_id), c_none) AS package_id,
            nullif(coalesce(stored.package_number, wanted.package_number), 0)::integer AS package_number,
            coalesce(stored.price_paid, wanted.price_paid) AS price_paid,
            coalesce(stored.original_price, wanted.original_price) AS original_price,
            stored.is_partner_ticket,
            wanted.position,
            wanted.event_starts_at,
            wanted.number,
            coalesce(wanted.unit, stored.unit) AS unit,
            wanted.unit IS NOT NULL AS is_wanted
        FROM wanted
        FULL JOIN stored
            ON stored.attendee_id = wanted.attendee_id
            AND stored.ticket_type_id = wanted.ticket_type_id
            AND stored.package_id = wanted.package_id
            AND stored.package_number = wanted.package_number
            AND stored.price_key = wanted.price_key
            AND stored.original_key = wanted.original_key
            AND stored.unit = wanted.unit
    )
    SELECT
        array_agg(ROW(
            planned.change, planned.ticket_id, planned.attendee_id, planned.event_id, planned.ticket_type_id,
            planned.package_id, planned.package_number, planned.price_paid, planned.original_price,
            coalesce(planned.is_partner_ticket, person.is_partner)
        )::ticketing_internal.planned_ticket ORDER BY
            person.position, planned.position, planned.package_number, planned.event_starts_at,
            planned.ticket_type_id, planned.number, planned.unit),
        count(*) FILTER (WHERE planned.is_wanted),
        coalesce(sum(planned.price_paid) FILTER (WHERE planned.change <> 'removed'), 0)
    INTO v_plan, v_wanted, v_total
    FROM planned
    INNER JOIN unnest(p_people) WITH ORDINALITY AS person (
        attendee_id, client_attendee_id, name, attendee_type, is_partner, attendee_data, position
    ) ON person.attendee_id = planned.attendee_id;

    IF v_wanted <= p_most_tickets AND v_total <= p_most_money THEN
        RETURN coalesce(v_plan, '{}');
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION ticketing_internal.plan_tickets(
    ticketing_internal.person[],
    uuid[],
    ticketing_internal.selection_line[],
    ticketing_internal.planned_ticket[],
    ticketing.packages[],
    ticketing.package_items[],
    ticketing_internal.offer[],
    boolean,
    integer,
    numeric
) IS
'Every ticket of a registration as kept, added or removed, in a stable order: by attendee, line, package, start of event.
Tickets of attendees who are not named are kept. Unless p_is_held, a stored ticket stays only at today''s price, and is
called retaken. Null
when the lines amount to more than p_most_tickets, or all tickets to more than p_most_money.';

REVOKE ALL ON FUNCTION ticketing_internal.plan_tickets(
    ticketing_internal.person[],
    uuid[],
    ticketing_internal.selection_line[],
    ticketing_internal.planned_ticket[],
    ticketing.packages[],
    ticketing.package_items[],
    ticketing_internal.offer[],
    boolean,
    integer,
    numeric
) FROM public;
