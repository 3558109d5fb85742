"""The benchmark: the cost of each call, compared with writing the same rows without checks.

`make bench` runs it, or `python -m bench` in a checkout. docs/performance.md describes what it
measures and shows the results.

| module | measures |
|---|---|
| `persist` | persists of 1 to 2,000 tickets, a bare INSERT, a loop and application code |
| `calls` | every other call, in units of a bare INSERT; WAL and buffers of each |
| `throughput` | concurrent clients: hot and spread ticket types, mixed calls, waits, a sell-out |
| `growth` | the same calls with a thousand and with a million stored tickets |
| `holds` | what each call reads with few and with many open, empty and overdue registrations |
| `cold` | the first calls of a connection |
"""
