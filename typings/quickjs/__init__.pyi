"""What the tests use of QuickJS."""

from collections.abc import Callable

class Context:
    """A JavaScript engine with its global object."""

    def add_callable(self, name: str, function: Callable[..., object]) -> None: ...
    def eval(self, code: str) -> object: ...
    def execute_pending_job(self) -> bool: ...
