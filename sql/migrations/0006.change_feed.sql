-- In which epoch the change feed is. Transaction ids order the feed, and a database that has been
-- restored into another server may count them from lower than before; the epoch goes up then.

SET LOCAL ROLE ticketing_owner;

CREATE TABLE ticketing_internal.feed_epoch (
    is_only_row boolean NOT NULL DEFAULT TRUE,
    epoch integer NOT NULL,
    server_started_at timestamptz NOT NULL,
    CONSTRAINT feed_epoch_pkey PRIMARY KEY (is_only_row),
    CONSTRAINT feed_epoch_only_row CHECK (is_only_row),
    CONSTRAINT feed_epoch_epoch_positive CHECK (epoch >= 1)
);

COMMENT ON TABLE ticketing_internal.feed_epoch IS
'One row: the epoch of the change feed, and for which run of the server it has been verified.';
COMMENT ON COLUMN ticketing_internal.feed_epoch.is_only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN ticketing_internal.feed_epoch.epoch IS 'The epoch that changes are recorded in.';
COMMENT ON COLUMN ticketing_internal.feed_epoch.server_started_at IS
'Start of the server that the epoch was verified on; on another, it is verified again.';

ALTER TABLE ticketing_internal.feed_epoch ENABLE ROW LEVEL SECURITY;

-- a start that no server has had: the first change verifies
INSERT INTO ticketing_internal.feed_epoch (epoch, server_started_at)
VALUES (1, '-infinity');
