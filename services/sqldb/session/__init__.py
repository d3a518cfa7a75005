"""One client: what it has and what it says.

login               startup, TLS, SCRAM
conversation        messages in, answers out
session             transaction, settings, names, cursors
copying             COPY; copy_options: what may be written with it
statements          a statement of a text: planned and run, or carried out as a command
prepared            a statement that is kept, with its plan
statement_cache     texts that come again; statement_shapes: with other values
planning            nodes → plan → function, and its run
portals, results    statements that are being run, and what they give
permissions         whether the role may
wire_values         parameters from bytes, rows to bytes
settings, parameters, session_settings, setting_effects      SET and SHOW
temporary, database, object_names, new_names, catalog_functions    the session's part of the catalog
"""
