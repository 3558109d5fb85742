-- The change feed: an append-only record of every change of a ticket, and the epoch in which new
-- changes are recorded.
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
'Every ticket added, removed, paid, cancelled or refunded, with actor and time; append-only.';
COMMENT ON COLUMN ticketing.ticket_changes.function_id IS 'The function.';
COMMENT ON COLUMN ticketing.ticket_changes.epoch IS
'Epoch of the change feed; increases after a failover or a restore.';
COMMENT ON COLUMN ticketing.ticket_changes.transaction_id IS
'Id of the transaction that made the change, or the higher id of one that changed the same registration before it.';
COMMENT ON COLUMN ticketing.ticket_changes.change_id IS 'Order of the changes with the same transaction id.';
COMMENT ON COLUMN ticketing.ticket_changes.change IS
'One of `added`, `removed`, `paid`, `cancelled`, `refunded`.';
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
ALTER TABLE ticketing_internal.feed_epoch ENABLE ROW LEVEL SECURITY;
