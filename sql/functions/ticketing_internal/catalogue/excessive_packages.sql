-- Packages that can never be bought: the fewest that an attendee can hold contain more tickets of a
-- type than the type allows.

CREATE OR REPLACE FUNCTION ticketing_internal.excessive_packages(p_function_id uuid)
RETURNS TABLE (
    package_id uuid,
    package_name text,
    ticket_type_name text,
    quantity integer,
    maximum integer
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT package.package_id, package.name, ticket_type.name, fewest.quantity, allowed.maximum
    FROM ticketing.packages AS package
    INNER JOIN ticketing.package_items AS item
        ON item.function_id = package.function_id
        AND item.package_id = package.package_id
    INNER JOIN ticketing.ticket_types AS ticket_type
        ON ticket_type.function_id = item.function_id
        AND ticket_type.ticket_type_id = item.ticket_type_id
    CROSS JOIN LATERAL (SELECT item.quantity * greatest(package.min_per_attendee, 1) AS quantity) AS fewest
    CROSS JOIN LATERAL (
        SELECT least(ticket_type.max_per_attendee, ticket_type.max_per_registration) AS maximum
    ) AS allowed
    WHERE package.function_id = p_function_id
        AND fewest.quantity > allowed.maximum;
END
$$;

COMMENT ON FUNCTION ticketing_internal.excessive_packages IS
'Every package of a function that breaks a maximum of one of its own ticket types: the quantity in the fewest that an
attendee can hold, and the maximum.';
