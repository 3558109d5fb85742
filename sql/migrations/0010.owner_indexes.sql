-- Let the index of an owner's rows find a single one of them as well.
--
-- Where most owners have one registration, PostgreSQL takes the index of owners for as good as the
-- unique key when it checks a foreign key, and then reads all rows of the one owner who has
-- thousands: a desk that books for everybody. With the id in it, it does not matter which of the
-- two it takes.

SET LOCAL ROLE ticketing_owner;

-- squawk-ignore require-concurrent-index-deletion
DROP INDEX ticketing.registrations_owner_idx;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX registrations_owner_idx ON ticketing.registrations (owner_id, registration_id);

-- squawk-ignore require-concurrent-index-deletion
DROP INDEX ticketing.attendees_owner_idx;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX attendees_owner_idx ON ticketing.attendees (owner_id, attendee_id);
