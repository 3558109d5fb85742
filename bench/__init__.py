"""The benchmark: what a call costs, beside what its rows would cost without any of the checks.

`make bench` runs it, or `python -m bench` in a checkout. See docs/performance.md for what it
measures and what came of it.

| module | measures |
|---|---|
| `persist` | a persist of 1 to 2,000 tickets beside a bare INSERT, a loop and application code |
| `calls` | every other call, in units of a bare INSERT; WAL and buffers of each |
| `throughput` | many clients at once: hot and spread tickets, a sell-out, mixed load, waits |
| `growth` | the same calls with a thousand and with a million tickets stored |
"""
