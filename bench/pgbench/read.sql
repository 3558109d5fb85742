-- Read one of the client's own bookings, most of them with tickets.
\set booking :client_id * :calls + random(0, greatest(:step, 0))
SELECT ticketing.get_registration(wanted.registration_id)
FROM bench.bookings AS wanted
WHERE wanted.booking = :booking;
