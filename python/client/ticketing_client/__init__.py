"""A typed client for ticketing-sql, the ticket selection engine that lives in PostgreSQL."""
