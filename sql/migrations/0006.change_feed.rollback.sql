DROP TABLE ticketing_internal.feed_epoch;
