-- The difference between the tickets stored and those that the lines of a request amount to.
--
-- Ticket by ticket in loops: at a few expressions for each, these cost a third of what joins of
-- arrays do, and less still where there are few.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.plan_tickets(
    p_attendees ticketing_internal.attendee[],
    p_named uuid[],
    p_lines ticketing_internal.selection_line[],
    p_stored ticketing_internal.planned_ticket[],
    p_unit_ids uuid[],
    p_units ticketing_internal.package_unit[],
    p_package_ids uuid[],
    p_packages ticketing_internal.expanded_package[],
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
    -- The ids of one call are neighbours: a random UUID with its last four digits counted up, from the
    -- first number that has four. That takes one look at the randomness of the system instead of
    -- thousands, and they end up on the same pages of the indexes.
    c_first_number CONSTANT integer := 4096;
    v_random_digits CONSTANT text := left(gen_random_uuid()::text, 32);
    v_is_first CONSTANT boolean := coalesce(cardinality(p_stored), 0) = 0;
    v_line ticketing_internal.selection_line;
    v_unit ticketing_internal.package_unit;
    v_ticket ticketing_internal.planned_ticket;
    v_other ticketing_internal.planned_ticket;
    v_attendee_id uuid;
    v_is_partner boolean;
    v_person integer := 1;
    v_place integer;
    v_units ticketing_internal.package_unit [];
    v_count integer := 0;
    v_wanted ticketing_internal.planned_ticket [] := '{}';
    v_is_same boolean;
    v_plan ticketing_internal.planned_ticket [];
    v_total numeric := 0;
BEGIN
    -- What the lines amount to, in order. A few of them can ask for millions: what is too much is not
    -- expanded to the end.
    FOREACH v_line IN ARRAY p_lines LOOP
        IF v_line.attendee_ref IS DISTINCT FROM v_attendee_id THEN
            v_attendee_id := v_line.attendee_ref;
            WHILE p_attendees[v_person].attendee_id <> v_attendee_id LOOP
                v_person := v_person + 1;
            END LOOP;
            v_is_partner := p_attendees[v_person].is_partner;
        END IF;

        -- what is not in the catalogue amounts to nothing
        IF v_line.package_id IS NULL THEN
            v_unit := p_units[array_position(p_unit_ids, v_line.ticket_type_id)];
            CONTINUE WHEN v_unit.ticket_type_id IS NULL;
            FOR v_number IN 1..v_line.quantity LOOP
                v_count := v_count + 1;
                IF v_count > p_most_tickets THEN
                    RETURN NULL;
                END IF;
                v_total := v_total + v_unit.price_paid;
                v_wanted := array_append(v_wanted, ROW(
                    'added',
                    CASE WHEN v_is_first THEN (v_random_digits || to_hex(c_first_number + v_count))::uuid END,
                    v_attendee_id, v_unit.event_id, v_unit.ticket_type_id, NULL, NULL, v_unit.price_paid,
                    v_unit.original_price, v_is_partner
                )::ticketing_internal.planned_ticket);
            END LOOP;
            CONTINUE;
        END IF;

        v_units := p_packages[array_position(p_package_ids, v_line.package_id)].units;
        CONTINUE WHEN v_units IS NULL;
        FOR v_number IN 1..v_line.quantity LOOP
            FOREACH v_unit IN ARRAY v_units LOOP
                v_count := v_count + 1;
                IF v_count > p_most_tickets THEN
                    RETURN NULL;
                END IF;
                v_total := v_total + v_unit.price_paid;
                v_wanted := array_append(v_wanted, ROW(
                    'added',
                    CASE WHEN v_is_first THEN (v_random_digits || to_hex(c_first_number + v_count))::uuid END,
                    v_attendee_id, v_unit.event_id, v_unit.ticket_type_id, v_unit.package_id, v_number,
                    v_unit.price_paid, v_unit.original_price, v_is_partner
                )::ticketing_internal.planned_ticket);
            END LOOP;
        END LOOP;
    END LOOP;

    IF v_is_first THEN
        RETURN CASE WHEN v_total <= p_most_money THEN v_wanted END;
    END IF;

    -- Mostly the same is stored, in the same order: somebody has sent it again.
    v_is_same := v_count = cardinality(p_stored);
    v_total := 0;
    FOR v_place IN 1..v_count LOOP
        EXIT WHEN NOT v_is_same;
        v_ticket := v_wanted[v_place];
        v_other := p_stored[v_place];
        v_total := v_total + v_other.price_paid;
        v_is_same := v_ticket.attendee_id = v_other.attendee_id
            AND v_ticket.ticket_type_id = v_other.ticket_type_id
            AND v_ticket.package_id IS NOT DISTINCT FROM v_other.package_id
            AND v_ticket.package_number IS NOT DISTINCT FROM v_other.package_number
            AND (p_is_held
                OR v_ticket.price_paid = v_other.price_paid AND v_ticket.original_price = v_other.original_price);
    END LOOP;

    IF v_is_same THEN
        v_plan := CASE WHEN p_is_held THEN p_stored ELSE ticketing_internal.mark_tickets(p_stored, 'retaken') END;
    ELSE
        -- Match with what is stored: one by one of the same kind, the oldest first.
        WITH ticket AS (
            SELECT
                listed.*,
                coalesce(listed.package_id, c_none) AS package_key,
                coalesce(listed.package_number, 0) AS package_place,
                CASE WHEN p_is_held THEN 0 ELSE listed.price_paid END AS price_key,
                CASE WHEN p_is_held THEN 0 ELSE listed.original_price END AS original_key,
                row_number() OVER (
                    PARTITION BY
                        listed.is_stored, listed.attendee_id, listed.package_id, listed.package_number,
                        listed.ticket_type_id,
                        CASE WHEN p_is_held THEN 0 ELSE listed.price_paid END,
                        CASE WHEN p_is_held THEN 0 ELSE listed.original_price END
                    ORDER BY listed.position
                ) AS unit
            FROM (
                SELECT FALSE AS is_stored, wanted.*
                FROM unnest(v_wanted) WITH ORDINALITY AS wanted (
                    change, ticket_id, attendee_id, event_id, ticket_type_id, package_id, package_number, price_paid,
                    original_price, is_partner_ticket, position
                )
                UNION ALL
                SELECT TRUE, stored.*
                FROM unnest(p_stored) WITH ORDINALITY AS stored
            ) AS listed
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
                        'added', (v_random_digits || to_hex(c_first_number + wanted.position))::uuid, wanted.attendee_id,
                        wanted.event_id, wanted.ticket_type_id, wanted.package_id, wanted.package_number,
                        wanted.price_paid, wanted.original_price, wanted.is_partner_ticket
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
            FROM (SELECT ticket.* FROM ticket WHERE NOT ticket.is_stored) AS wanted
            FULL JOIN (SELECT ticket.* FROM ticket WHERE ticket.is_stored) AS stored
                ON stored.attendee_id = wanted.attendee_id
                AND stored.ticket_type_id = wanted.ticket_type_id
                AND stored.package_key = wanted.package_key
                AND stored.package_place = wanted.package_place
                AND stored.price_key = wanted.price_key
                AND stored.original_key = wanted.original_key
                AND stored.unit = wanted.unit
        ) AS planned
        INNER JOIN unnest(p_attendees) WITH ORDINALITY AS person (
            attendee_id, client_attendee_id, name, attendee_type, is_partner, attendee_data, position
        ) ON person.attendee_id = planned.attendee_id;
    END IF;

    RETURN CASE WHEN coalesce(v_total, 0) <= p_most_money THEN v_plan END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.plan_tickets IS
'Every ticket of a registration as kept, added (with the id it is to get) or removed, in a stable order: by attendee, line,
package, start of event. Tickets of attendees who are not named are kept. Unless p_is_held, a stored ticket stays only at
today''s price, and is called retaken. Null when the lines amount to more than p_most_tickets, or all tickets to more than
p_most_money.';
