-- Read one of the bookings with tickets.
\if :cold
\set cold 0
\set booking :client_id * :calls
CALL bench.warm_up(:booking);
\endif
\set booking :client_id * :calls + random(0, :step)
SELECT ticketing.get_registration(wanted.registration_id)
FROM bench.bookings AS wanted
WHERE wanted.booking = :booking;
