"""How long the tests that search at random go on.

`SEARCH=50 make test-all` tries fifty times as many examples as usual.
"""

import os

SEARCH = int(os.environ.get("SEARCH", "1"))
