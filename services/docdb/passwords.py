"""What MongoDB makes of a password before SCRAM sees it.

SCRAM-SHA-1 came to MongoDB when servers held MD5 digests of passwords, so it proves the
knowledge of such a digest. SCRAM-SHA-256 takes the password itself, as the standard says.
"""

import hashlib


def sha1_password(name: str, password: str) -> str:
    digest = hashlib.md5(f"{name}:mongo:{password}".encode(), usedforsecurity=False)
    return digest.hexdigest()
