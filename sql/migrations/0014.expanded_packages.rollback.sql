DROP TYPE ticketing_internal.expanded_package;
ALTER TYPE ticketing_internal.package_unit DROP ATTRIBUTE event_id;
COMMENT ON TYPE ticketing_internal.package_unit IS
'One ticket inside one package, with its share of the price of the package.';
