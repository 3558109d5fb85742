"""Twenty wizards at once over HTTP, and not enough tickets for all of them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import httpx
import psycopg
from tests.support.caller import service
from tests.support.example import (
    BRUNCH,
    CEREMONY,
    FUNCTION,
    INES,
    WALTER,
    selection,
    tickets_of,
    updates_of,
    wizard_registration,
)
from tests.support.services import bearer, deliver, payment_event

BUYERS = 20
LEFT = 25
"""Places at the brunch, of which each buyer wants two."""


def test_concurrent_wizards_end_with_a_clean_integrity_check(
    service_url: str, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    superuser.execute(
        "UPDATE ticketing.capacity_pools SET capacity = reserved + sold + %s"
        " WHERE capacity_pool_id = %s",
        [LEFT, BRUNCH],
    )
    start = Barrier(BUYERS)

    def buy(place: int) -> int:
        """Go through a wizard; return the brunches bought: two, or none when they are sold out."""
        registration_id = str(uuid4())
        with httpx.Client(base_url=service_url, timeout=60, headers=bearer(str(uuid4()))) as http:
            path = f"/registrations/{registration_id}"
            data = wizard_registration(registration_id, [INES])
            body: dict[str, object] = {"p_registration_data": data}
            start.wait()
            for _ in range(2):  # the reply to the first was lost
                assert http.post("/registrations/individuals", json=body).status_code in {200, 201}
            assert http.get(f"/functions/{FUNCTION}/availability").status_code == 200
            bought = 2
            chosen = {one: selection(tickets={BRUNCH: 1}) for one in (WALTER, INES)}
            for _ in range(2):
                body = {"p_tickets": tickets_of(chosen), "p_attendee_updates": updates_of(chosen)}
                answer = http.post(f"{path}/tickets", json=body)
                if answer.status_code == 409:
                    assert answer.json()["code"] == "TK005"
                    bought = 0
                    chosen = {one: selection(tickets={CEREMONY: 1}) for one in (WALTER, INES)}
            due = http.post(f"{path}/payment", json={}).json()["amount_due"]
            event = payment_event(registration_id, due * 100, reference=f"pi_{place}")
            for _ in range(2):
                assert deliver(http, event).json() == {"outcome": "recorded"}
            found = http.get(path).json()
            assert (found["status"], found["paid"], len(found["tickets"])) == ("completed", due, 2)
        return bought

    with ThreadPoolExecutor(BUYERS) as threads:
        bought = list(threads.map(buy, range(BUYERS)))
    assert sum(bought) == LEFT - 1
    assert service(superuser).rows("check_integrity") == []
