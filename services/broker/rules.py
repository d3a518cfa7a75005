"""The rules of this house, in the order in which they are asked; see `middleware`."""

from services.broker.expiry import Expiry
from services.broker.losses import Losses
from services.broker.middleware import Rules
from services.broker.retries import Retries


def standard_rules() -> Rules:
    return Rules((Expiry(), Retries(), Losses()))
