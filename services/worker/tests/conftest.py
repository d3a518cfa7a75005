from services.broker.tests.support import kv, running_store, store  # noqa: F401
