-- The difference between the tickets stored and those that the lines of a request amount to.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.plan_tickets(
    p_people ticketing_internal.person[],
    p_named uuid[],
    p_lines ticketing_internal.selection_line[],
    p_stored ticketing_internal.planned_ticket[],
    p_units ticketing_internal.package_unit[],
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
    -- The ids of one call are neighbours: a random UUID with its last four digits counted up. That
    -- takes one look at the randomness of the system instead of thousands, and they end up on the
    -- same pages of the indexes.
    v_random_digits CONSTANT text := left(gen_random_uuid()::text, 32);
    v_wanted ticketing_internal.planned_ticket [];
    v_plan ticketing_internal.planned_ticket [];
    v_total numeric;
BEGIN
    -- What the lines amount to, in order.
    SELECT
        array_agg(ROW(
            'added', (v_random_digits || lpad(to_hex(expanded.serial), 4, '0'))::uuid, expanded.attendee_id,
            expanded.event_id, expanded.ticket_type_id, expanded.package_id,
            CASE WHEN expanded.package_id IS NOT NULL THEN expanded.number END,
            expanded.price_paid, expanded.original_price, expanded.is_partner
        )::ticketing_internal.planned_ticket ORDER BY
            expanded.person_position, expanded.position,
            CASE WHEN expanded.package_id IS NOT NULL THEN expanded.number END, expanded.event_starts_at,
            expanded.ticket_type_id, expanded.unit),
        sum(expanded.price_paid)
    INTO v_wanted, v_total
    FROM (
        SELECT
            line.attendee_id, line.position, unit.package_id, unit.ticket_type_id, unit.unit, unit.price_paid,
            unit.original_price, offer.event_id, offer.event_starts_at, copy.number, person.is_partner,
            person.position AS person_position, row_number() OVER () AS serial
        FROM (
            SELECT
                line.attendee_id,
                line.package_id IS NULL AS is_individual,
                coalesce(line.package_id, line.ticket_type_id) AS subject_id,
                sum(line.quantity)::integer AS quantity,
                min(line.position) AS position
            FROM unnest(p_lines) WITH ORDINALITY AS line (
                attendee_id, package_id, ticket_type_id, quantity, contents, path, position
            )
            GROUP BY line.attendee_id, line.package_id, line.ticket_type_id
        ) AS line
        INNER JOIN unnest(p_people) WITH ORDINALITY AS person (
            attendee_id, client_attendee_id, name, attendee_type, is_partner, attendee_data, position
        ) ON person.attendee_id = line.attendee_id
        CROSS JOIN generate_series(1, line.quantity) AS copy (number)
        INNER JOIN unnest(p_units) AS unit
            ON (unit.package_id IS NULL) = line.is_individual
            AND coalesce(unit.package_id, unit.ticket_type_id) = line.subject_id
        INNER JOIN unnest(p_offers) AS offer ON offer.ticket_type_id = unit.ticket_type_id
        -- a few lines can ask for millions: what is too much is not expanded to the end
        LIMIT p_most_tickets + 1
    ) AS expanded;

    IF cardinality(v_wanted) > p_most_tickets THEN
        RETURN NULL;
    END IF;

    IF cardinality(p_stored) > 0 THEN
        -- Match with what is stored: one by one of the same kind, the oldest first.
        WITH wanted AS (
            SELECT
                ticket.*,
                coalesce(ticket.package_id, c_none) AS package_key,
                coalesce(ticket.package_number, 0) AS package_place,
                CASE WHEN p_is_held THEN 0 ELSE ticket.price_paid END AS price_key,
                CASE WHEN p_is_held THEN 0 ELSE ticket.original_price END AS original_key,
                row_number() OVER (
                    PARTITION BY
                        ticket.attendee_id, ticket.package_id, ticket.package_number, ticket.ticket_type_id,
                        CASE WHEN p_is_held THEN 0 ELSE ticket.price_paid END,
                        CASE WHEN p_is_held THEN 0 ELSE ticket.original_price END
                    ORDER BY ticket.position
                ) AS unit
            FROM unnest(v_wanted) WITH ORDINALITY AS ticket (
                change, ticket_id, attendee_id, event_id, ticket_type_id, package_id, package_number, price_paid,
                original_price, is_partner_ticket, position
            )
        ),
        stored AS (
            SELECT
                ticket.*,
                coalesce(ticket.package_id, c_none) AS package_key,
                coalesce(ticket.package_number, 0) AS package_place,
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
        )
        SELECT
            array_agg(planned.ticket ORDER BY
                person.position, planned.position, planned.package_place, planned.ticket_type_id, planned.unit),
            sum((planned.ticket).price_paid) FILTER (WHERE (planned.ticket).change <> 'removed')
        INTO v_plan, v_total
        FROM (
            SELECT
                CASE
                    WHEN stored.ticket_id IS NULL THEN ROW(
                        'added', wanted.ticket_id, wanted.attendee_id, wanted.event_id, wanted.ticket_type_id,
                        wanted.package_id, wanted.package_number, wanted.price_paid, wanted.original_price,
                        wanted.is_partner_ticket
                    )::ticketing_internal.planned_ticket
                    ELSE ROW(
                        CASE
                            WHEN wanted.unit IS NULL AND stored.attendee_id = ANY(p_named) THEN 'removed'
                            WHEN p_is_held THEN 'kept'
                            ELSE 'retaken'
                        END,
                        stored.ticket_id, stored.attendee_id, stored.event_id, stored.ticket_type_id,
                        stored.package_id, stored.package_number, stored.price_paid, stored.original_price,
                        stored.is_partner_ticket
                    )::ticketing_internal.planned_ticket
                END AS ticket,
                coalesce(stored.attendee_id, wanted.attendee_id) AS attendee_id,
                coalesce(stored.ticket_type_id, wanted.ticket_type_id) AS ticket_type_id,
                coalesce(stored.package_place, wanted.package_place) AS package_place,
                wanted.position,
                stored.unit
            FROM wanted
            FULL JOIN stored
                ON stored.attendee_id = wanted.attendee_id
                AND stored.ticket_type_id = wanted.ticket_type_id
                AND stored.package_key = wanted.package_key
                AND stored.package_place = wanted.package_place
                AND stored.price_key = wanted.price_key
                AND stored.original_key = wanted.original_key
                AND stored.unit = wanted.unit
        ) AS planned
        INNER JOIN unnest(p_people) WITH ORDINALITY AS person (
            attendee_id, client_attendee_id, name, attendee_type, is_partner, attendee_data, position
        ) ON person.attendee_id = planned.attendee_id;
    ELSE
        v_plan := v_wanted;
    END IF;

    IF v_total > p_most_money THEN
        RETURN NULL;
    END IF;
    RETURN coalesce(v_plan, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.plan_tickets(
    ticketing_internal.person[],
    uuid[],
    ticketing_internal.selection_line[],
    ticketing_internal.planned_ticket[],
    ticketing_internal.package_unit[],
    ticketing_internal.offer[],
    boolean,
    integer,
    numeric
) IS
'Every ticket of a registration as kept, added (with the id it is to get) or removed, in a stable order: by attendee, line,
package, start of event. Tickets of attendees who are not named are kept. Unless p_is_held, a stored ticket stays only at
today''s price, and is called retaken. Null when the lines amount to more than p_most_tickets, or all tickets to more than
p_most_money.';

REVOKE ALL ON FUNCTION ticketing_internal.plan_tickets(
    ticketing_internal.person[],
    uuid[],
    ticketing_internal.selection_line[],
    ticketing_internal.planned_ticket[],
    ticketing_internal.package_unit[],
    ticketing_internal.offer[],
    boolean,
    integer,
    numeric
) FROM public;
