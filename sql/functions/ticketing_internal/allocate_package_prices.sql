-- How the price of a package is split over the tickets inside it: in proportion to their list
-- prices, to the cent, so that the parts always add up to the whole.
--
-- Largest remainder method (Hamilton's apportionment; see M. Balinski and H. P. Young, Fair
-- Representation, 1982): every ticket first gets its exact share rounded down, and the cents
-- left over go one each to those that lost most by it, ties by ticket type and unit. A list of
-- prices that are all zero splits evenly. All arithmetic is on whole numbers (quotients and
-- remainders of numeric), so nothing is ever rounded.

CREATE OR REPLACE FUNCTION ticketing_internal.allocate_package_prices(
    p_packages ticketing.packages[],
    p_items ticketing.package_items[],
    p_offers ticketing_internal.offer[]
)
RETURNS ticketing_internal.package_unit[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_units ticketing_internal.package_unit [];
BEGIN
    WITH unit AS (
        SELECT
            package.package_id,
            offer.ticket_type_id,
            offer.event_starts_at,
            unit.number,
            offer.price AS original_price,
            package.price * 100 AS package_cents,
            CASE WHEN sum(offer.price) OVER in_package = 0 THEN 1 ELSE offer.price END AS weight,
            CASE WHEN sum(offer.price) OVER in_package = 0 THEN count(*) OVER in_package
                ELSE sum(offer.price) OVER in_package END AS total_weight
        FROM unnest(p_items) AS item
        INNER JOIN unnest(p_packages) AS package ON package.package_id = item.package_id
        INNER JOIN unnest(p_offers) AS offer ON offer.ticket_type_id = item.ticket_type_id
        CROSS JOIN generate_series(1, item.quantity) AS unit (number)
        WINDOW in_package AS (PARTITION BY package.package_id)
    ),
    share AS (
        SELECT
            unit.*,
            div(unit.package_cents * unit.weight, unit.total_weight) AS whole_cents,
            mod(unit.package_cents * unit.weight, unit.total_weight) AS remainder
        FROM unit
    ),
    ranked AS (
        SELECT
            share.*,
            share.package_cents - sum(share.whole_cents) OVER (
                by_remainder ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS cents_left,
            row_number() OVER by_remainder AS rank
        FROM share
        WINDOW by_remainder AS (
            PARTITION BY share.package_id
            ORDER BY share.remainder DESC, share.ticket_type_id, share.number
        )
    )
    SELECT array_agg(ROW(
        ranked.package_id, ranked.ticket_type_id, ranked.number,
        round((ranked.whole_cents + CASE WHEN ranked.rank <= ranked.cents_left THEN 1 ELSE 0 END) / 100, 2),
        ranked.original_price
    )::ticketing_internal.package_unit ORDER BY
        ranked.package_id, ranked.event_starts_at, ranked.ticket_type_id, ranked.number)
    INTO v_units
    FROM ranked;

    RETURN coalesce(v_units, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.allocate_package_prices(
    ticketing.packages[], ticketing.package_items[], ticketing_internal.offer[]
) IS
'Every ticket of one copy of each package with its share of the price of the package, by the largest remainder
method; in the order of the events.';

REVOKE ALL ON FUNCTION ticketing_internal.allocate_package_prices(
    ticketing.packages[], ticketing.package_items[], ticketing_internal.offer[]
) FROM public;
