DROP TYPE ticketing_internal.expanded_package;
ALTER TYPE ticketing_internal.package_unit DROP ATTRIBUTE event_id;
COMMENT ON TYPE ticketing_internal.package_unit IS
'One ticket inside one package, with its share of the price of the package.';

ALTER TYPE ticketing_internal.evaluation DROP ATTRIBUTE may_be_short;
COMMENT ON TYPE ticketing_internal.evaluation IS
'What the evaluator makes of a request: the canonical selection of every attendee it declares (by attendee id) and its
lines, every ticket of the registration after the change (and those it removes), what that takes from the pools, and all
issues.';
