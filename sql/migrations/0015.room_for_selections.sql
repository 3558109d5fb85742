-- Leave room for new versions of attendees in their pages.
--
-- A row of about a kilobyte is written anew whenever its attendee chooses something else. With a
-- fifth of a page left free, four of five such versions went to another page, and into all indexes.

SET LOCAL ROLE ticketing_owner;

ALTER TABLE ticketing.attendees SET (fillfactor = 50);
