-- The change feed: an append-only record of every change of a ticket, and the epoch in which new
-- changes are recorded. Beside it an append-only record of what else changes in registrations.
--
-- The feed is ordered by epoch, transaction id and change id. After a failover or a restore the
-- server may count transaction ids from a lower number than before; the epoch increases then, so
-- that new changes still come last.

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL ROLE ticketing_owner;

-- The primary key is the order in which the feed is read; there is no other index. Foreign keys are
-- left out, because the history of a ticket outlives its row.
CREATE TABLE ticketing.ticket_changes (
    function_id uuid NOT NULL,
    epoch ticketing.feed_epoch NOT NULL DEFAULT 1,
    transaction_id xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    change ticketing.ticket_change NOT NULL,
    registration_id uuid NOT NULL,
    revision ticketing.counter NOT NULL,
    ticket_id uuid NOT NULL,
    attendee_id uuid NOT NULL,
    event_id uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    package_id uuid,
    price_paid ticketing.amount NOT NULL,
    actor_id uuid,
    actor_role text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT ticket_changes_pkey PRIMARY KEY (function_id, epoch, transaction_id, change_id)
);

COMMENT ON TABLE ticketing.ticket_changes IS
'Every ticket added, removed, paid, assigned to a holder, cancelled or refunded, with actor and time; append-only.';
COMMENT ON COLUMN ticketing.ticket_changes.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.ticket_changes.epoch IS
'Epoch of the change feed; increases after a failover or a restore.';
COMMENT ON COLUMN ticketing.ticket_changes.transaction_id IS
'Id of the transaction that made the change, or the higher id of one that changed the same registration before it.';
COMMENT ON COLUMN ticketing.ticket_changes.change_id IS 'Order of the changes with the same transaction id.';
COMMENT ON COLUMN ticketing.ticket_changes.change IS
'One of `added`, `removed`, `paid`, `assigned`, `cancelled`, `refunded`. removed: before it was paid; assigned: it
admits another person.';
COMMENT ON COLUMN ticketing.ticket_changes.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing.ticket_changes.revision IS 'Revision of the registration after the change.';
COMMENT ON COLUMN ticketing.ticket_changes.ticket_id IS 'The ticket.';
COMMENT ON COLUMN ticketing.ticket_changes.attendee_id IS 'The attendee who held the ticket.';
COMMENT ON COLUMN ticketing.ticket_changes.event_id IS 'The event of the ticket.';
COMMENT ON COLUMN ticketing.ticket_changes.ticket_type_id IS 'The ticket type.';
COMMENT ON COLUMN ticketing.ticket_changes.package_id IS 'The package of the ticket; null for an individual ticket.';
COMMENT ON COLUMN ticketing.ticket_changes.price_paid IS 'Price of the ticket.';
COMMENT ON COLUMN ticketing.ticket_changes.actor_id IS
'User id (the JWT sub claim) of the caller; null if it had none.';
COMMENT ON COLUMN ticketing.ticket_changes.actor_role IS 'Database role of the caller.';
COMMENT ON COLUMN ticketing.ticket_changes.changed_at IS 'When the change was made.';

-- Append-only also for the functions of the package, which run as ticketing_owner.
REVOKE UPDATE, DELETE, TRUNCATE ON ticketing.ticket_changes FROM ticketing_owner;

-- What the wizard saves before payment is not recorded: a draft changes with every step.
CREATE TABLE ticketing.registration_changes (
    function_id uuid NOT NULL,
    registration_id uuid NOT NULL,
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    epoch ticketing.feed_epoch NOT NULL,
    transaction_id xid8 NOT NULL,
    change ticketing.registration_change NOT NULL,
    revision ticketing.counter NOT NULL,
    attendee_id uuid,
    ticket_id uuid,
    old_values ticketing.wizard_object,
    new_values ticketing.wizard_object,
    reason ticketing.reason,
    actor_id uuid,
    actor_role text NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT registration_changes_pkey PRIMARY KEY (function_id, registration_id, change_id)
);

COMMENT ON TABLE ticketing.registration_changes IS
'Every change of a registration that is not one of a ticket, with old and new values, actor and time; append-only.';
COMMENT ON COLUMN ticketing.registration_changes.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.registration_changes.registration_id IS 'The registration.';
COMMENT ON COLUMN ticketing.registration_changes.change_id IS 'Order of the changes of a registration.';
COMMENT ON COLUMN ticketing.registration_changes.epoch IS
'Epoch of the change feed in which it was made; with `transaction_id` its place among the changes of tickets.';
COMMENT ON COLUMN ticketing.registration_changes.transaction_id IS 'Transaction id, as in the change feed.';
COMMENT ON COLUMN ticketing.registration_changes.change IS
'One of `amended`, `adjusted`, `attendee_added`, `attendee_updated`, `ticket_assigned`, `transferred`, `hold_extended`.';
COMMENT ON COLUMN ticketing.registration_changes.revision IS 'Revision of the registration after the change.';
COMMENT ON COLUMN ticketing.registration_changes.attendee_id IS 'The attendee; null if the change is about none.';
COMMENT ON COLUMN ticketing.registration_changes.ticket_id IS 'The ticket; null if the change is about none.';
COMMENT ON COLUMN ticketing.registration_changes.old_values IS 'The values before the change; null if there were none.';
COMMENT ON COLUMN ticketing.registration_changes.new_values IS 'The values after the change; null if there are none.';
COMMENT ON COLUMN ticketing.registration_changes.reason IS 'The reason; null if none was given. Staff only.';
COMMENT ON COLUMN ticketing.registration_changes.actor_id IS
'User id (the JWT sub claim) of the caller; null if it had none.';
COMMENT ON COLUMN ticketing.registration_changes.actor_role IS 'Database role of the caller.';
COMMENT ON COLUMN ticketing.registration_changes.changed_at IS 'When the change was made.';

REVOKE UPDATE, DELETE, TRUNCATE ON ticketing.registration_changes FROM ticketing_owner;

CREATE TABLE ticketing_internal.feed_epoch (
    is_only_row boolean NOT NULL DEFAULT TRUE,
    epoch bigint NOT NULL,
    server_started_at timestamptz NOT NULL,
    server text,
    first_epoch bigint NOT NULL DEFAULT 0,
    first_transaction_id xid8 NOT NULL DEFAULT '0',
    first_change_id bigint NOT NULL DEFAULT 0,
    CONSTRAINT feed_epoch_pkey PRIMARY KEY (is_only_row),
    CONSTRAINT feed_epoch_only_row CHECK (is_only_row),
    CONSTRAINT feed_epoch_epoch_positive CHECK (epoch >= 1)
);

COMMENT ON TABLE ticketing_internal.feed_epoch IS
'A single row: the current epoch of the change feed, the server for which it was verified, and where the feed begins.';
COMMENT ON COLUMN ticketing_internal.feed_epoch.is_only_row IS 'Always true, so that there is only one row.';
COMMENT ON COLUMN ticketing_internal.feed_epoch.epoch IS 'Epoch in which changes are recorded.';
COMMENT ON COLUMN ticketing_internal.feed_epoch.server_started_at IS
'Start time of the server when the epoch was last verified; it is verified again after another start.';
COMMENT ON COLUMN ticketing_internal.feed_epoch.server IS
'Server for which the epoch was last verified, as in server_identity; null before the first change.';
COMMENT ON COLUMN ticketing_internal.feed_epoch.first_epoch IS
'With the next two columns the first cursor that can still be read from: earlier history may be deleted. 0: all of it is
there.';
COMMENT ON COLUMN ticketing_internal.feed_epoch.first_transaction_id IS 'Transaction id of that cursor.';
COMMENT ON COLUMN ticketing_internal.feed_epoch.first_change_id IS 'Change id of that cursor.';

-- A start time that no server has, so that the first change verifies the epoch.
INSERT INTO ticketing_internal.feed_epoch (epoch, server_started_at)
VALUES (1, '-infinity');

ALTER TABLE ticketing.ticket_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing.registration_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE ticketing_internal.feed_epoch ENABLE ROW LEVEL SECURITY;
