"""Random requests; `make fuzz` sends any number of them."""

import pytest
from tests.support.example import Document
from tests.support.fuzz import Fuzz
from tests.support.postgrest import Connection


@pytest.mark.parametrize(
    "examples", [pytest.param(20, id="few"), pytest.param(200, id="many", marks=pytest.mark.long)]
)
def test_random_requests_get_only_what_is_documented(
    stage: Connection, calls: dict[str, Document], examples: int
) -> None:
    fuzz = Fuzz(stage, calls)
    fuzz.run(examples)
    print(fuzz.report())  # noqa: T201 - shown when the test fails
    assert {rpc for rpc, _ in fuzz.outcomes} == fuzz.calls.keys()
    if examples >= 200:
        assert {code for _, code in fuzz.outcomes} >= {"success", "42501", "TK001", "TK002"}
        # changes are small enough to get through now and then
        assert any(code == "success" and rpc.startswith("persist") for rpc, code in fuzz.outcomes)
