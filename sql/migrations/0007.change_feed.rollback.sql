DROP TABLE ticketing_internal.feed_epoch;
DROP TABLE ticketing.ticket_changes;
