class BadMigration(Exception): ...  # noqa: N818
class LockTimeout(Exception): ...  # noqa: N818
