DROP TABLE ticketing_internal.feed_epoch;
DROP TABLE ticketing.registration_changes;
DROP TABLE ticketing.ticket_changes;
