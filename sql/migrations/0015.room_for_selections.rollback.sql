ALTER TABLE ticketing.attendees SET (fillfactor = 80);
