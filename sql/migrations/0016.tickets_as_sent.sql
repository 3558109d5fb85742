-- Tickets go through the pipeline as the caller has sent them, and are read only if they do not say
-- what the selections say; and what is set aside of several pools is recalled at once. Functions
-- that took something else go: two of one name would stand side by side otherwise.

SET LOCAL ROLE ticketing_owner;

-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.evaluate_selections(
    ticketing.functions,
    ticketing.registrations,
    ticketing_internal.person[],
    ticketing_internal.selection[],
    ticketing_internal.selection_line[],
    ticketing_internal.given_ticket[],
    timestamptz
);
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.persist_selections(
    ticketing.functions,
    ticketing.registrations,
    ticketing_internal.selection[],
    ticketing_internal.selection_line[],
    ticketing_internal.given_ticket[],
    integer,
    timestamptz,
    boolean,
    uuid[],
    numeric,
    jsonb
);
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.recall_allotments(uuid, uuid);
-- who imports holds the catalogue alone
-- squawk-ignore ban-drop-function
DROP FUNCTION IF EXISTS ticketing_internal.lock_pools(uuid);
