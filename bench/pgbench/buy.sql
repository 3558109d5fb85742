-- One attempt to buy; sold out is a valid answer.
\set step :step + 1
\set booking :client_id * :calls + :step
SELECT bench.buy(:booking);
