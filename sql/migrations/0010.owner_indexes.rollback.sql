DROP INDEX ticketing.registrations_owner_idx;
CREATE INDEX registrations_owner_idx ON ticketing.registrations (owner_id);

DROP INDEX ticketing.attendees_owner_idx;
CREATE INDEX attendees_owner_idx ON ticketing.attendees (owner_id);
