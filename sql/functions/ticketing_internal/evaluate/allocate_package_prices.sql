-- How the price of a package is split over the tickets inside it: in proportion to their list
-- prices, to the cent, so that the parts always add up to the whole.
--
-- Largest remainder method (Hamilton's apportionment; see M. Balinski and H. P. Young, Fair
-- Representation, 1982): every ticket first gets its exact share rounded down, and the cents
-- left over go one each to those that lost most by it, ties by ticket type and unit. A list of
-- prices that are all zero splits evenly. All arithmetic is on whole numbers (quotients and
-- remainders of numeric), so nothing is ever rounded.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.allocate_package_prices(
    p_packages ticketing.packages[],
    p_items ticketing.package_items[],
    p_offer_ids uuid[],
    p_offers ticketing_internal.package_unit[]
)
RETURNS ticketing_internal.expanded_package[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_package ticketing.packages;
    v_offers ticketing_internal.package_unit [];
    v_offer ticketing_internal.package_unit;
    v_item ticketing.package_items;
    v_next integer := 1;
    v_place integer;
    v_cents numeric;
    v_list_price numeric;
    v_tickets integer;
    v_whole numeric;
    v_cents_left numeric;
    v_ticket_type_ids uuid [];
    v_contents ticketing_internal.selected_ticket [];
    v_units ticketing_internal.package_unit [];
    v_expanded ticketing_internal.expanded_package [] := '{}';
BEGIN
    FOREACH v_package IN ARRAY p_packages LOOP
        v_ticket_type_ids := '{}';
        v_contents := '{}';
        v_offers := '{}';
        v_list_price := 0;
        v_tickets := 0;
        WHILE p_items[v_next].package_id = v_package.package_id LOOP
            v_item := p_items[v_next];
            v_next := v_next + 1;
            v_offer := p_offers[array_position(p_offer_ids, v_item.ticket_type_id)];
            v_offer.package_id := v_item.package_id;
            v_offer.unit := v_item.quantity;
            v_offers := array_append(v_offers, v_offer);
            v_list_price := v_list_price + v_offer.original_price * v_item.quantity;
            v_tickets := v_tickets + v_item.quantity;
            v_ticket_type_ids := array_append(v_ticket_type_ids, v_item.ticket_type_id);
            v_contents := array_append(
                v_contents, ROW(v_item.ticket_type_id, v_item.quantity)::ticketing_internal.selected_ticket
            );
        END LOOP;

        v_cents := v_package.price * 100;
        v_cents_left := v_cents;
        v_units := '{}';
        FOREACH v_offer IN ARRAY v_offers LOOP
            v_whole := CASE
                WHEN v_list_price = 0 THEN div(v_cents, v_tickets)
                ELSE div(v_cents * v_offer.original_price, v_list_price)
            END;
            v_cents_left := v_cents_left - v_whole * v_offer.unit;
            v_offer.price_paid := round(v_whole / 100, 2);
            FOR v_number IN 1..v_offer.unit LOOP
                v_offer.unit := v_number;
                v_units := array_append(v_units, v_offer);
            END LOOP;
        END LOOP;

        IF v_cents_left > 0 THEN
            FOREACH v_place IN ARRAY ARRAY(
                SELECT unit.place
                FROM unnest(v_units) WITH ORDINALITY AS unit (
                    package_id, ticket_type_id, unit, price_paid, original_price, event_id, place
                )
                ORDER BY
                    -- what it lost; where all list prices are zero, everything lost as much
                    CASE WHEN v_list_price > 0 THEN mod(v_cents * unit.original_price, v_list_price) END DESC,
                    unit.ticket_type_id,
                    unit.unit
                LIMIT v_cents_left
            ) LOOP
                v_units[v_place].price_paid := v_units[v_place].price_paid + 0.01;
            END LOOP;
        END IF;
        v_expanded := array_append(
            v_expanded, ROW(v_ticket_type_ids, v_contents, v_units)::ticketing_internal.expanded_package
        );
    END LOOP;
    RETURN v_expanded;
END
$$;

COMMENT ON FUNCTION ticketing_internal.allocate_package_prices IS
'One copy of each package, at its place in p_packages: every ticket with its share of the price of the package, by the
largest remainder method. p_items: in the order of the packages and, in each, of the events. p_offers: the ticket types by
themselves, at their places in p_offer_ids.';
