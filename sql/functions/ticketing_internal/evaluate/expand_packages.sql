-- Expand packages into what one of each contains: its ticket types with their quantities, and its
-- tickets, priced by allocate_package_price.

CREATE OR REPLACE FUNCTION ticketing_internal.expand_packages(
    p_catalogue ticketing_internal.catalogue,
    p_currency text
)
RETURNS ticketing_internal.expanded_package[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_decimals CONSTANT integer := ticketing_internal.currency_decimals(p_currency);
    v_list_tickets ticketing_internal.planned_ticket [] := p_catalogue.tickets;
    v_package ticketing.packages;
    v_item ticketing.package_items;
    v_ticket ticketing_internal.planned_ticket;
    v_tickets ticketing_internal.planned_ticket [];
    v_expanded ticketing_internal.expanded_package;
    v_packages ticketing_internal.expanded_package [] := '{}';
BEGIN
    FOREACH v_package IN ARRAY p_catalogue.packages LOOP
        v_expanded.ticket_type_ids := '{}';
        v_expanded.contents := '{}';
        v_tickets := '{}';
        FOREACH v_item IN ARRAY p_catalogue.items LOOP
            CONTINUE WHEN v_item.package_id <> v_package.package_id;
            v_expanded.ticket_type_ids := array_append(v_expanded.ticket_type_ids, v_item.ticket_type_id);
            v_expanded.contents := array_append(
                v_expanded.contents, ROW(v_item.ticket_type_id, v_item.quantity)::ticketing_internal.selected_ticket
            );
            v_ticket := v_list_tickets[array_position(p_catalogue.ticket_type_ids, v_item.ticket_type_id)];
            v_ticket.package_id := v_item.package_id;
            FOR v_unit IN 1..v_item.quantity LOOP
                v_tickets := array_append(v_tickets, v_ticket);
            END LOOP;
        END LOOP;
        v_expanded.tickets := ticketing_internal.allocate_package_price(v_package.price, v_decimals, v_tickets);
        v_packages := array_append(v_packages, v_expanded);
    END LOOP;
    RETURN v_packages;
END
$$;

COMMENT ON FUNCTION ticketing_internal.expand_packages IS
'The contents of each package of p_catalogue, at its index, in the order of the events, priced in p_currency.';
