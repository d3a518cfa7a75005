"""PostgreSQL's frontend/backend protocol 3.0 without any socket.

frontend     bytes from the client → messages
backend      messages for the client → bytes
copy_text, copy_csv, copy_binary   rows of COPY in its three formats

A message is a letter, a length that counts itself, and a body. Only the first message of a
connection has no letter: it must be told apart from requests of other protocols by its length and
its code.
# Source: PostgreSQL 15, chapter 55 (Frontend/Backend Protocol).
"""
