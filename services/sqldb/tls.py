"""The TLS that a client may ask for with SSLRequest."""

import ssl


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 and later with this certificate and key (PEM). Raises OSError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key or None)
    return context
