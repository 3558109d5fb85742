DROP FUNCTION IF EXISTS ticketing_internal.recall_allotments(uuid, uuid[]);
DROP FUNCTION IF EXISTS ticketing_internal.persist_selections(
    ticketing.functions,
    ticketing.registrations,
    ticketing_internal.selection[],
    ticketing_internal.selection_line[],
    jsonb,
    integer,
    timestamptz,
    boolean,
    uuid[],
    numeric,
    jsonb
);
DROP FUNCTION IF EXISTS ticketing_internal.evaluate_selections(
    ticketing.functions,
    ticketing.registrations,
    ticketing_internal.person[],
    ticketing_internal.selection[],
    ticketing_internal.selection_line[],
    jsonb,
    timestamptz,
    boolean
);
DROP FUNCTION IF EXISTS ticketing_internal.tickets_agree(
    text,
    uuid,
    uuid[],
    uuid[],
    uuid[],
    jsonb,
    ticketing_internal.planned_ticket[]
);
