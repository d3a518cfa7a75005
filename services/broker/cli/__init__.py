"""The task queue on the command line: `python3 -m services.broker.cli COMMAND`.

    __main__    the arguments, and which status the process ends with
    commands    one function for each command: ask the broker, give what is to be shown
    tables      rows of dicts as columns of text, fitted to the terminal
    bar         waiting for a task: a line that moves

On a terminal people get tables. Elsewhere, or with `--json`, programs get the broker's own JSON, so
`… list --state dead | jq -r '.tasks[].id'` works without any option.
"""
