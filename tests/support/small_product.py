"""A small product to migrate: two migrations, and two functions that need each other.

The numbers are beyond those of the product's own baseline, of which the runner knows more.
"""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

_FILES = {
    "migrations/0101.begin.sql": """
        DO $$
        BEGIN
            CREATE ROLE ticketing_owner NOLOGIN;
        EXCEPTION
            WHEN duplicate_object THEN NULL;
        END
        $$;
        CREATE SCHEMA shop AUTHORIZATION ticketing_owner;
    """,
    "migrations/0101.begin.rollback.sql": "DROP SCHEMA shop;",
    "migrations/0102.orders.sql": """
        SET LOCAL ROLE ticketing_owner;
        CREATE TABLE shop.orders (order_id integer PRIMARY KEY, amount integer NOT NULL);
        INSERT INTO shop.orders VALUES (1, 100);
    """,
    "migrations/0102.orders.rollback.sql": "DROP TABLE shop.orders;",
    # Sorts before the function it calls, and its body is checked.
    "functions/shop/amount_due.sql": """
        CREATE OR REPLACE FUNCTION shop.amount_due(p_order_id integer) RETURNS integer
        LANGUAGE sql STABLE
        AS $$ SELECT shop.amount_of(o) FROM shop.orders AS o WHERE o.order_id = p_order_id $$;
    """,
    # Its signature keeps the table from being dropped.
    "functions/shop/amount_of.sql": """
        CREATE OR REPLACE FUNCTION shop.amount_of(p_order shop.orders) RETURNS integer
        LANGUAGE plpgsql STABLE
        AS $$ BEGIN RETURN p_order.amount; END $$;
    """,
}

MIGRATIONS = ("0101.begin", "0102.orders")
FUNCTIONS = ("functions/shop/amount_due.sql", "functions/shop/amount_of.sql")


class SqlDir:
    """A folder of SQL files that a test may change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name, text in _FILES.items():
            self.write(name, text)
        for name in ("check_owners.sql", "drop_replaceable.sql"):
            self.write(name, (REPOSITORY / "sql" / name).read_text(encoding="utf-8"))

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def remove(self, name: str) -> None:
        (self.path / name).unlink()
