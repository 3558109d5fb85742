-- One try to buy; too late is an answer, too.
\set step :step + 1
\set booking :client_id * :calls + :step
SELECT bench.buy(:booking);
