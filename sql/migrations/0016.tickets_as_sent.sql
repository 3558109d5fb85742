-- Tickets go through the pipeline as the caller has sent them, and are read only if they do not say
-- what the selections say. The functions that took them as rows go: two functions of one name would
-- stand side by side otherwise.

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
