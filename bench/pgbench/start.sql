-- Start the payment of a booking with tickets; the even ones, the odd ones are for pay.sql.
\if :cold
\set cold 0
\set booking :client_id * :calls
CALL bench.warm_up(:booking);
\endif
\set begun :begun + 2
\set booking :client_id * :calls + :begun
SELECT ticketing.start_payment(wanted.registration_id)
FROM bench.bookings AS wanted
WHERE wanted.booking = :booking;
