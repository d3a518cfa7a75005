"""How hypothesis searches, everywhere: the same examples each time, and no hurry.

A check that passes or fails by luck tells nobody anything, so what `make test` tries is always the
same. To look for what nobody has found yet, with other examples each time:

    pytest --hypothesis-profile hunt services/kvdb
"""

from hypothesis import settings

# Properties are judged by what they find, not by how long a busy machine takes for it.
settings.register_profile("hunt", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True, database=None)
settings.load_profile("same")
