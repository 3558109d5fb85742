-- Record the payment of a booking: every other second of those that have tickets.
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
