"""The example event that comes with the package."""

import json
from importlib.resources import files
from typing import Any


def example_document(name: str) -> dict[str, Any]:
    """Return a document of the example event.

    Args:
        name: `catalogue`, or `wizard_state`: a recorded state of the registration wizard.

    Returns:
        The document, for the caller to change at will.
    """
    path = files("ticketing_client").joinpath(f"example/{name}.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
