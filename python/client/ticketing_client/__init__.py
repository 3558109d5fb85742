"""A typed client for ticketing-sql: ticket selection for event registrations in PostgreSQL."""

from ticketing_client import models
from ticketing_client._call import from_json, to_json
from ticketing_client._openapi import openapi
from ticketing_client.client import AsyncClient, Client
from ticketing_client.errors import (
    FunctionNotFound,
    InvalidPayload,
    NotAllowed,
    NotConfigured,
    NotSignedIn,
    PaymentConflict,
    RegistrationNotEditable,
    RegistrationNotFound,
    RevisionConflict,
    SelectionInvalid,
    SoldOut,
    TicketingError,
    TransientError,
    UnexpectedAnswerError,
)
from ticketing_client.models import *  # noqa: F403 - the generated names
from ticketing_client.selections import TicketSelections

__all__ = [
    "AsyncClient",
    "Client",
    "FunctionNotFound",
    "InvalidPayload",
    "NotAllowed",
    "NotConfigured",
    "NotSignedIn",
    "PaymentConflict",
    "RegistrationNotEditable",
    "RegistrationNotFound",
    "RevisionConflict",
    "SelectionInvalid",
    "SoldOut",
    "TicketSelections",
    "TicketingError",
    "TransientError",
    "UnexpectedAnswerError",
    "from_json",
    "openapi",
    "to_json",
]
__all__ += models.__all__
