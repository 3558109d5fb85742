-- A package as the steps of the selection pipeline hand it on: looked up once for each line instead
-- of gathered from its units anew.

SET LOCAL ROLE ticketing_owner;

ALTER TYPE ticketing_internal.package_unit ADD ATTRIBUTE event_id uuid;
COMMENT ON TYPE ticketing_internal.package_unit IS
'One ticket inside one package, with its share of the price of the package; or, with no package_id, one that is chosen by
itself.';

CREATE TYPE ticketing_internal.expanded_package AS (
    ticket_type_ids uuid [],
    contents ticketing_internal.selected_ticket [],
    units ticketing_internal.package_unit []
);
COMMENT ON TYPE ticketing_internal.expanded_package IS
'What is in one copy of a package, in the order of the events: which types, so many of each, and ticket by ticket.';

ALTER TYPE ticketing_internal.evaluation ADD ATTRIBUTE may_be_short boolean;
COMMENT ON TYPE ticketing_internal.evaluation IS
'What the evaluator makes of a request: the canonical selection of every attendee it declares (by attendee id) and its
lines, every ticket of the registration after the change (and those it removes), what that takes from the pools, all
issues, and whether places may be short.';

-- what these have become takes or returns something else
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.allocate_package_prices(
    ticketing.packages[], ticketing.package_items[], ticketing_internal.offer[]
);
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.plan_tickets(
    ticketing_internal.person[],
    uuid[],
    ticketing_internal.selection_line[],
    ticketing_internal.planned_ticket[],
    ticketing_internal.package_unit[],
    ticketing_internal.offer[],
    boolean,
    integer,
    numeric
);
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.are_eligible(
    text,
    ticketing_internal.person[],
    uuid[],
    ticketing_internal.planned_ticket[],
    ticketing.packages[],
    ticketing_internal.offer[]
);
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.count_pool_demands(
    uuid, ticketing_internal.planned_ticket[], boolean
);
-- every import stands alone now
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.catalogue_restructures(jsonb);
