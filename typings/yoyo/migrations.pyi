from collections.abc import Iterator
from typing import Literal

from yoyo.backends import PostgresqlPsycopgBackend

class Migration:
    id: str
    def load(self) -> None: ...
    def process_steps(
        self, backend: PostgresqlPsycopgBackend, direction: Literal["apply", "rollback"]
    ) -> None: ...

class MigrationList:
    def __iter__(self) -> Iterator[Migration]: ...
