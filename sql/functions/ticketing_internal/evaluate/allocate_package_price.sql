-- Price allocation: split the price of a package over its tickets in proportion to their list
-- prices, to the cent (or to the whole unit of a currency without cents), so that the parts always
-- add up to the whole.
--
-- Largest remainder method (Hamilton's apportionment; see M. Balinski and H. P. Young, Fair
-- Representation, 1982): every ticket gets its exact share rounded down, then the cents that are
-- left go one each to the tickets that lost most by rounding, ties by ticket type and unit. List
-- prices that are all zero split evenly. All arithmetic is on whole numbers (quotients and
-- remainders of numeric), so nothing is ever rounded twice.

CREATE OR REPLACE FUNCTION ticketing_internal.allocate_package_price(
    p_price numeric,
    p_decimals integer,
    p_tickets ticketing_internal.planned_ticket[]
)
RETURNS ticketing_internal.planned_ticket[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- the smallest amount, and the price in such units
    v_unit CONSTANT numeric := 10.0 ^ -p_decimals;
    v_units CONSTANT numeric := div(p_price, v_unit);
    v_list_price numeric := 0;
    v_share numeric;
    v_units_left numeric := v_units;
    v_ticket ticketing_internal.planned_ticket;
    v_tickets ticketing_internal.planned_ticket [] := '{}';
    v_index integer;
BEGIN
    FOREACH v_ticket IN ARRAY p_tickets LOOP
        v_list_price := v_list_price + v_ticket.original_price;
    END LOOP;

    FOREACH v_ticket IN ARRAY p_tickets LOOP
        v_share := CASE
            WHEN v_list_price = 0 THEN div(v_units, cardinality(p_tickets))
            ELSE div(v_units * v_ticket.original_price, v_list_price)
        END;
        v_units_left := v_units_left - v_share;
        v_ticket.price_paid := round(v_share * v_unit, 2);
        v_tickets := array_append(v_tickets, v_ticket);
    END LOOP;

    IF v_units_left > 0 THEN
        FOREACH v_index IN ARRAY ARRAY(
            SELECT ticket.ordinality
            FROM unnest(p_tickets) WITH ORDINALITY AS ticket
            ORDER BY
                -- what rounding took; where all list prices are zero, the same of all
                CASE WHEN v_list_price > 0 THEN mod(v_units * ticket.original_price, v_list_price) END DESC,
                ticket.ticket_type_id,
                ticket.ordinality
            LIMIT v_units_left
        ) LOOP
            v_tickets[v_index].price_paid := v_tickets[v_index].price_paid + v_unit;
        END LOOP;
    END IF;
    RETURN v_tickets;
END
$$;

COMMENT ON FUNCTION ticketing_internal.allocate_package_price IS
'p_tickets, those of one package with their list prices in original_price, with the share of each in p_price as price_paid;
p_decimals: how many the currency has.';
