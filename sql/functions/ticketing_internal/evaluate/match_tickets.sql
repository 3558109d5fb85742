-- Match the tickets that a request amounts to with those stored: kept, added or removed, or retaken
-- when the hold is over. Packages come and go as a whole, each with all its tickets; of individual
-- tickets the oldest are kept. A ticket whose hold is over is kept only if it still costs the same.

CREATE OR REPLACE FUNCTION ticketing_internal.match_tickets(
    p_attendees ticketing_internal.attendee[],
    p_attendee_ids uuid[],
    p_wanted ticketing_internal.planned_ticket[],
    p_stored ticketing_internal.planned_ticket[],
    p_is_held boolean
)
RETURNS ticketing_internal.plan
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_wanted ticketing_internal.planned_ticket;
    v_ticket ticketing_internal.planned_ticket;
    v_match record;
    v_index integer := 0;
    v_is_same boolean := cardinality(p_wanted) = cardinality(p_stored);
    v_tickets ticketing_internal.planned_ticket [] := '{}';
    v_subtotal numeric := 0.00;
BEGIN
    -- A request that is repeated wants what is stored, in the same order.
    FOREACH v_ticket IN ARRAY p_stored LOOP
        EXIT WHEN NOT v_is_same;
        v_index := v_index + 1;
        v_wanted := p_wanted[v_index];
        v_subtotal := v_subtotal + v_ticket.price_paid;
        v_is_same := v_wanted.attendee_id = v_ticket.attendee_id
            AND v_wanted.ticket_type_id = v_ticket.ticket_type_id
            AND v_wanted.package_id IS NOT DISTINCT FROM v_ticket.package_id
            AND v_wanted.package_number IS NOT DISTINCT FROM v_ticket.package_number
            AND (p_is_held
                OR v_wanted.price_paid = v_ticket.price_paid AND v_wanted.original_price = v_ticket.original_price);
    END LOOP;
    IF v_is_same THEN
        RETURN ROW(
            CASE WHEN p_is_held THEN p_stored ELSE ticketing_internal.mark_tickets(p_stored, 'retaken') END,
            v_subtotal
        )::ticketing_internal.plan;
    END IF;

    -- Otherwise one by one of the same kind, the oldest first.
    v_subtotal := 0.00;
    FOR v_match IN
        SELECT
            min(ticket.ordinality) FILTER (WHERE NOT ticket.is_stored) AS wanted,
            min(ticket.ordinality) FILTER (WHERE ticket.is_stored) AS stored
        FROM (
            SELECT
                listed.*,
                row_number() OVER (
                    PARTITION BY
                        listed.attendee_id, listed.package_id, listed.package_number, listed.ticket_type_id,
                        listed.price_key, listed.original_key, listed.is_stored
                    ORDER BY listed.ordinality
                ) AS unit
            FROM (
                SELECT
                    every.*,
                    CASE WHEN NOT p_is_held THEN every.price_paid END AS price_key,
                    CASE WHEN NOT p_is_held THEN every.original_price END AS original_key
                FROM (
                    SELECT FALSE AS is_stored, wanted.* FROM unnest(p_wanted) WITH ORDINALITY AS wanted
                    UNION ALL
                    SELECT TRUE, stored.* FROM unnest(p_stored) WITH ORDINALITY AS stored
                ) AS every
            ) AS listed
        ) AS ticket
        INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = ticket.attendee_id
        GROUP BY
            attendee.position, ticket.attendee_id, ticket.package_id, ticket.package_number, ticket.ticket_type_id,
            ticket.price_key, ticket.original_key, ticket.unit
        ORDER BY
            attendee.position, wanted, ticket.package_number NULLS FIRST, ticket.ticket_type_id, ticket.unit
    LOOP
        IF v_match.stored IS NULL THEN
            v_ticket := p_wanted[v_match.wanted];
        ELSE
            v_ticket := p_stored[v_match.stored];
            v_ticket.change := CASE
                WHEN v_match.wanted IS NULL AND v_ticket.attendee_id = ANY(p_attendee_ids) THEN 'removed'
                WHEN p_is_held THEN 'kept'
                ELSE 'retaken'
            END;
        END IF;
        IF v_ticket.change <> 'removed' THEN
            v_subtotal := v_subtotal + v_ticket.price_paid;
        END IF;
        v_tickets := array_append(v_tickets, v_ticket);
    END LOOP;
    RETURN ROW(v_tickets, v_subtotal)::ticketing_internal.plan;
END
$$;

COMMENT ON FUNCTION ticketing_internal.match_tickets IS
'The plan that leaves the attendees in p_attendee_ids with p_wanted, and all others with what p_stored has of theirs.
p_is_held: whether the hold of p_stored lives.';
