"""Requests that nobody thought of, in the short form; `make fuzz` sends as many as one likes."""

from .fuzz import Fuzz
from .postgrest import Connection


def test_whatever_is_sent_only_what_is_documented_comes_back(db: Connection) -> None:
    fuzz = Fuzz(db)
    fuzz.run(200)
    print(fuzz.report())  # noqa: T201 - shown when the test fails
    codes = {code for _, code in fuzz.outcomes}
    assert codes >= {"success", "42501", "TK001", "TK002", "TK004"}
    assert {rpc for rpc, _ in fuzz.outcomes} == {each.name for each in fuzz.api.routines}
    # changes are small enough to get through now and then
    writes = [rpc for rpc, code in fuzz.outcomes if code == "success" and rpc in fuzz.writers]
    assert len(writes) > 5
