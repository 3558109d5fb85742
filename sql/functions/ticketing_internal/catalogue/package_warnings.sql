-- Packages of an imported document that cannot be bought: allowed, but hardly ever meant.

CREATE OR REPLACE FUNCTION ticketing_internal.package_warnings(
    p_catalogue ticketing_internal.submitted_catalogue
)
RETURNS text[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT format(
            '%s cannot be bought: it has %s of %s, of which there may be %s.', excessive.package_name,
            excessive.quantity, excessive.ticket_type_name, excessive.maximum
        )
        FROM ticketing_internal.excessive_packages((p_catalogue.function).function_id) AS excessive
        INNER JOIN unnest(p_catalogue.packages) AS package ON package.package_id = excessive.package_id
        WHERE package.is_active
        ORDER BY excessive.package_name, excessive.ticket_type_name
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.package_warnings IS
'A text for each active package of p_catalogue, whose rows are stored, that breaks a maximum of one of its ticket types.';
