-- One persist of a booking that nobody else touches and that has no tickets yet.
\set step :step + 1
\set booking :client_id * :calls + :step
SELECT ticketing.persist_attendee_tickets(wanted.registration_id, wanted.tickets, wanted.attendee_updates)
FROM bench.bookings AS wanted
WHERE wanted.booking = :booking;
