"""The parts of tools/generate.py: what is read from the database, and what is written from it."""
