"""`python3 -m services.broker.cli`: the task queue on the command line.

Exit status: 0 done; 1 refused, or the task that was waited for did not succeed; 2 a command that is
none; 3 no broker answers.
"""

import argparse
import json
import os
import shutil
import sys

from services.broker.cli import commands
from services.broker.connections import DEFAULT_URL
from services.broker.errors import BrokerError
from services.broker.http_client import BrokerClient

EXAMPLES = """\
examples:
  %(prog)s submit echo hello 7 name=value
  %(prog)s submit count_to 20 --wait
  %(prog)s submit report --retries 3 -o rate_limit=10/s -o unique_for=60
  %(prog)s list --state dead,failed
  %(prog)s retry --state dead --queue mail
  %(prog)s schedules add nightly --cron "30 2 * * *" --timezone Europe/Berlin report
  %(prog)s queues pause mail

Arguments of a task are JSON where they are some, else text; NAME=VALUE is a keyword."""


def main(arguments: list[str] | None = None) -> int:
    given = _parsed(arguments)
    url = given.broker or os.environ.get("BROKER_URL") or DEFAULT_URL
    try:
        with BrokerClient(url, timeout_s=given.patience) as broker:
            shown = given.command(broker, given)
    except BrokerError as error:
        print(f"tasks: {error}", file=sys.stderr)
        return 3 if error.status is None else 1
    except ValueError as error:
        print(f"tasks: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return _show(shown, given.json)


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command. Arguments of a task may stand before and behind options, which argparse alone
    does not know: it has closed the list of them at the first option."""
    parser = _parser()
    given, rest = parser.parse_known_args(arguments)
    if rest and (not hasattr(given, "arguments") or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        given.arguments += rest
    return given


def _show(shown: commands.Shown, as_json: bool) -> int:
    # A result may hold half of a surrogate pair, which no terminal can show.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if as_json or not sys.stdout.isatty():
            print(json.dumps(shown.document, ensure_ascii=False))
        else:
            print(shown.text(shutil.get_terminal_size().columns))
        sys.stdout.flush()
    except BrokenPipeError:
        # `… | head` has seen enough. Nothing is left for the interpreter to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if shown.is_well else 1


class _Parser(argparse.ArgumentParser):
    """argparse, but a bad command is one line instead of the usage."""

    def error(self, message: str) -> None:
        print(f"tasks: {message} (--help lists the commands)", file=sys.stderr)
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python3 -m services.broker.cli",
        description="The task queue: submit, watch, cancel, retry.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--broker", metavar="URL", help=f"[BROKER_URL, default {DEFAULT_URL}]")
    parser.add_argument(
        "--patience", type=float, default=10.0, metavar="S", help="seconds for an answer"
    )
    parser.add_argument("--json", action="store_true", help="the broker's JSON, also on a terminal")
    added = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _add_task_commands(added)
    _add_other_commands(added)
    return parser


def _add_task_commands(added: argparse._SubParsersAction) -> None:
    submit = _add(added, "submit", commands.submit, "submit a task; prints its id")
    _add_call(submit)
    submit.add_argument("--countdown", type=float, metavar="S", help="not before in S seconds")
    submit.add_argument("--eta", metavar="TIME", help="not before TIME: 2026-11-23T09:30:00+01:00")
    _add_wait(submit)

    status = _add(added, "status", commands.status, "all that is known of one task")
    status.add_argument("id")
    _add_wait(status)

    listed = _add(added, "list", commands.list_tasks, "tasks, newest first")
    _add_filters(listed)
    listed.add_argument("--cursor", help="go on where a page has ended")

    cancel = _add(added, "cancel", commands.cancel, "let tasks not run, or stop them")
    cancel.add_argument("ids", nargs="*", metavar="ID", help="or filters: all that fit")
    _add_filters(cancel)
    retry = _add(added, "retry", commands.retry, "queue tasks again; without IDs the dead ones")
    retry.add_argument("ids", nargs="*", metavar="ID")
    _add_filters(retry)
    purge = _add(added, "purge", commands.purge, "forget finished tasks; the dead ones if not told")
    purge.add_argument("ids", nargs="*", metavar="ID")
    _add_filters(purge)


def _add_other_commands(added: argparse._SubParsersAction) -> None:
    queues = _add(added, "queues", commands.queues, "the queues; pause, resume, weight")
    queues.add_argument("verb", nargs="?", choices=["pause", "resume", "weight"])
    queues.add_argument("queue_name", nargs="?", metavar="QUEUE")
    queues.add_argument("weight", nargs="?", type=int, metavar="N")

    _add(added, "workers", commands.workers, "the workers, and what each runs")

    schedules = _add(added, "schedules", commands.schedules, "the schedules; add, run, pause, …")
    schedules.set_defaults(verb=None, schedule_name=None)
    verbs = schedules.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    for verb in ("pause", "resume", "run", "delete"):
        _add(verbs, verb, commands.schedules, f"{verb} a schedule").add_argument("schedule_name")
    schedule = _add(verbs, "add", commands.schedules, "make a schedule, or change one")
    schedule.add_argument("schedule_name")
    _add_call(schedule)
    schedule.add_argument("--every", type=float, metavar="S", help="each S seconds")
    schedule.add_argument("--cron", metavar="LINE", help='"30 2 * * mon-fri"')
    schedule.add_argument("--timezone", metavar="ZONE", help="of the cron line; default UTC")
    schedule.add_argument("--catch-up", choices=["once", "skip"], help="what was missed")

    workflows = _add(added, "workflows", commands.workflows, "the workflows, or one of them")
    workflows.add_argument("id", nargs="?")


def _add(
    added: argparse._SubParsersAction, name: str, command: commands.Command, text: str
) -> argparse.ArgumentParser:
    parser = added.add_parser(name, help=text, description=text, allow_abbrev=False)
    # Before the command or behind it.
    json_help = {"action": "store_true", "default": argparse.SUPPRESS}
    parser.add_argument("--json", help="the broker's JSON, also on a terminal", **json_help)
    parser.set_defaults(command=command)
    return parser


def _add_call(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task")
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT")
    parser.add_argument("--queue")
    parser.add_argument("--priority", type=int, help="0 to 9")
    parser.add_argument("--retries", type=int)
    parser.add_argument("--timeout", type=float, metavar="S", help="an attempt is stopped after S")
    parser.add_argument("--expires", type=float, metavar="S", help="never started after S")
    parser.add_argument(
        "-o", "--option", action="append", type=commands.option_pair, metavar="NAME=VALUE"
    )


def _add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="until it has ended; 1 if in vain")
    parser.add_argument("--wait-timeout", type=float, metavar="S", help="not longer than S seconds")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", help="one or several, by commas")
    parser.add_argument("--queue")
    parser.add_argument("--task", dest="name")
    parser.add_argument("--limit", type=int)


if __name__ == "__main__":
    raise SystemExit(main())
