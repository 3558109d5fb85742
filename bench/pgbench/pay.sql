-- Record the payment of a booking with tickets; the odd ones, the even ones are for start.sql.
\if :cold
\set cold 0
\set booking :client_id * :calls
CALL bench.warm_up(:booking);
\endif
\set paid :paid + 2
\set booking :client_id * :calls + :paid
SELECT ticketing.complete_registration_payment(wanted.registration_id, jsonb_build_object(
    'reference', wanted.registration_id, 'amount', wanted.price, 'currency', 'AUD'
))
FROM bench.bookings AS wanted
WHERE wanted.booking = :booking;
