"""The rules of this house, in the order in which they are asked; see `middleware` and `gates`."""

from services.broker.concurrency import ConcurrencyLimits
from services.broker.expiry import Expiry
from services.broker.gates import Gates
from services.broker.losses import Losses
from services.broker.middleware import Rules
from services.broker.queue_settings import Pausing
from services.broker.rate_limits import RateLimits
from services.broker.retries import Retries


def standard_rules() -> Rules:
    # A slot first: a task that waits for one is to reserve no start.
    gates = Gates((Pausing(), ConcurrencyLimits(), RateLimits()))
    return Rules((Expiry(), Retries(), Losses()), gates)
