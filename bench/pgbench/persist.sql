-- One persist of a booking without tickets, used by no other client.
\if :cold
\set cold 0
\set booking :client_id * :calls
CALL bench.warm_up(:booking);
\endif
\set step :step + 1
\set booking :client_id * :calls + :step
SELECT ticketing.persist_attendee_tickets(wanted.registration_id, wanted.tickets, wanted.attendee_updates)
FROM bench.bookings AS wanted
WHERE wanted.booking = :booking;
