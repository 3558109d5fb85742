-- One persist of a booking without tickets, used by no other client.
\set step :step + 1
\set booking :client_id * :calls + :step
SELECT ticketing.persist_attendee_tickets(wanted.registration_id, wanted.tickets, wanted.attendee_updates)
FROM bench.bookings AS wanted
WHERE wanted.booking = :booking;
