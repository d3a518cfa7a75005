"""The commands: each asks the broker, and gives what is to be shown.

A command returns `Shown`: the broker's JSON, and the same as text for people. None of them prints.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from services.broker.cli.bar import wait_with_bar
from services.broker.cli.tables import clock_time, duration, facts, seconds, table
from services.broker.http_client import BrokerClient, path_of
from services.broker.result import TaskDocument, is_finished

DEFAULT_COLUMNS = 120


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command has to say, and whether it is what was wanted."""

    document: object
    text: Callable[[int], str]
    """For people, on so many columns."""
    is_well: bool = True


Command = Callable[[BrokerClient, argparse.Namespace], Shown]


# Tasks.


def submit(broker: BrokerClient, given: argparse.Namespace) -> Shown:
    args, kwargs = call_arguments(given.arguments)
    task = broker.submit(given.task, args, kwargs, **_options(given))
    if not given.wait:
        return Shown(task, lambda columns: task["id"])
    return _waited(broker, task["id"], given)


def status(broker: BrokerClient, given: argparse.Namespace) -> Shown:
    if given.wait:
        return _waited(broker, given.id, given)
    task = broker.get(given.id)
    return Shown(task, lambda columns: _one_task(task))


def list_tasks(broker: BrokerClient, given: argparse.Namespace) -> Shown:
    page = broker.tasks(
        state=given.state,
        queue=given.queue,
        task=given.name,
        limit=given.limit,
        cursor=given.cursor,
    )

    def text(columns: int) -> str:
        shown = table([_row(task) for task in page["tasks"]], columns)
        cursor = page["next_cursor"]
        return f"{shown}\nmore: --cursor {cursor}" if cursor else shown

    return Shown(page, text)


def cancel(broker: BrokerClient, given: argparse.Namespace) -> Shown:
    if not (given.ids or given.state or given.queue or given.name):
        # An id that was forgotten must not cancel all that waits.
        raise ValueError("cancel: which tasks? Name them, or give --state, --queue or --task")
    return _change(broker, given, broker.cancel, "cancel")


def retry(broker: BrokerClient, given: argparse.Namespace) -> Shown:
    return _change(broker, given, broker.retry, "requeue")


def purge(broker: BrokerClient, given: argparse.Namespace) -> Shown:
    return _many(broker, given, "purge")


def _waited(broker: BrokerClient, task_id: str, given: argparse.Namespace) -> Shown:
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns
        task = wait_with_bar(broker.wait_once, task_id, given.wait_timeout, sys.stderr, columns)
    else:
        task = broker.wait(task_id, given.wait_timeout)
    is_well = task["state"] == "succeeded"
    return Shown(task, lambda columns: _one_task(task), is_well)


def _change(
    broker: BrokerClient,
    given: argparse.Namespace,
    change: Callable[[str], TaskDocument],
    verb: str,
) -> Shown:
    """The tasks that are named, or all that fit the filters."""
    if not given.ids:
        return _many(broker, given, verb)
    tasks = [change(task_id) for task_id in given.ids]
    return Shown({"tasks": tasks}, lambda columns: table([_row(task) for task in tasks], columns))


def _many(broker: BrokerClient, given: argparse.Namespace, verb: str) -> Shown:
    wanted = {
        "state": given.state and given.state.split(","),
        "queue": given.queue,
        "task": given.name,
        "limit": given.limit,
        "ids": getattr(given, "ids", None) or None,
    }
    filters = {name: value for name, value in wanted.items() if value is not None}
    answer = broker.post(f"/tasks/{verb}", filters)
    more = ", and there are more" if answer["more"] else ""
    return Shown(answer, lambda columns: f"{answer['changed']} changed{more}")


def _row(task: TaskDocument) -> dict[str, object]:
    return {
        "id": task["id"],
        "task": task["task"],
        "state": task["state"],
        "queue": task.get("queue"),
        "attempts": task.get("attempts"),
        "worker": task.get("worker"),
        "submitted": clock_time(task.get("created_at")),
        "took": duration(task.get("started_at"), task.get("finished_at")),
    }


def _one_task(task: TaskDocument) -> str:
    told = task.get("progress")
    shown = facts(
        {
            "id": task["id"],
            "task": f"{task['task']}({_call_text(task)})",
            "state": task["state"],
            "queue": task["queue"],
            "attempts": task["attempts"],
            "worker": task["worker"],
            "progress": told and f"{told['fraction']:.0%} {told['message'] or ''}".rstrip(),
            "result": json.dumps(task["result"]) if task["state"] == "succeeded" else None,
            "error": task["error"] and f"{task['error']['type']}: {task['error']['message']}",
            "due": clock_time(task.get("due_at")) if not is_finished(task) else None,
        }
    )
    history = [
        {"at": clock_time(step["at"]), "state": step["state"], "": step["detail"] or ""}
        for step in task["history"]
    ]
    parts = [shown, table(history, DEFAULT_COLUMNS)]
    if task["output"]:
        parts.append(f"output\n{task['output'].rstrip()}")
    if task["error"] and task["error"].get("traceback"):
        parts.append(task["error"]["traceback"].rstrip())
    return "\n\n".join(parts)


def _call_text(task: TaskDocument) -> str:
    named = [f"{name}={json.dumps(value)}" for name, value in task["kwargs"].items()]
    return ", ".join([*map(json.dumps, task["args"]), *named])


# Queues, workers, schedules, workflows.


def queues(broker: BrokerClient, given: argparse.Namespace) -> Shown:
    path = _path_of_verb("/queues", given.verb, given.queue_name)
    match given.verb:
        case "pause" | "resume":
            broker.post(path, {"paused": given.verb == "pause"})
        case "weight":
            broker.post(path, {"weight": given.weight})
    answer = broker.queues()

    def text(columns: int) -> str:
        rows = [
            {
                "queue": queue["name"],
                "waiting": queue["depth"],
                "oldest": seconds(queue.get("oldest_age_s")),
                "weight": queue.get("weight"),
                "": "paused" if queue.get("paused") else "",
            }
            for queue in answer["queues"]
        ]
        counts = {state: count for state, count in answer["states"].items() if count}
        states = ", ".join(f"{count} {state}" for state, count in counts.items())
        return f"{table(rows, columns)}\n\n{states or 'no tasks'}"

    return Shown(answer, text)


def _path_of_verb(collection: str, verb: str | None, name: str | None) -> str:
    if verb and not name:
        raise ValueError(f"{verb} what? A name is missing")
    return path_of(collection, name or "")


def workers(broker: BrokerClient, given: argparse.Namespace) -> Shown:
    found = broker.workers()
    rows = [
        {
            "worker": worker["name"],
            "state": worker["status"],
            "host": worker.get("host"),
            "tasks": f"{len(worker['running'])} of {worker.get('concurrency')}",
            "memory": f"{worker['memory_bytes'] / 2**20:.0f} MiB",
            "running": ", ".join(task["task"] for task in worker["running"]),
        }
        for worker in found
    ]
    return Shown({"workers": found}, lambda columns: table(rows, columns))


def schedules(broker: BrokerClient, given: argparse.Namespace) -> Shown:
    path = _path_of_verb("/schedules", given.verb, given.schedule_name)
    match given.verb:
        case "add":
            broker.put(path, _schedule(given))
        case "pause" | "resume":
            broker.post(path, {"paused": given.verb == "pause"})
        case "delete":
            broker.delete(path)
        case "run":
            task = broker.post(f"{path}/run", {})
            return Shown(task, lambda columns: task["id"])
    found = broker.schedules()
    rows = [
        {
            "schedule": schedule["name"],
            "task": schedule["task"],
            "when": schedule.get("cron") or f"every {seconds(schedule['every'])}",
            "zone": schedule.get("timezone") if schedule.get("cron") else None,
            "next": clock_time(schedule["next_run"]),
            "last": clock_time(schedule["last_run"]),
            "": "paused" if schedule["paused"] else "",
        }
        for schedule in found
    ]
    return Shown({"schedules": found}, lambda columns: table(rows, columns))


def _schedule(given: argparse.Namespace) -> dict[str, Any]:
    args, kwargs = call_arguments(given.arguments)
    wanted = {
        "every": given.every,
        "cron": given.cron,
        "timezone": given.timezone,
        "catch_up": given.catch_up,
    }
    times = {name: value for name, value in wanted.items() if value is not None}
    options = {"options": _options(given)}
    return {"task": given.task, "args": args, "kwargs": kwargs} | options | times


def workflows(broker: BrokerClient, given: argparse.Namespace) -> Shown:
    if given.id:
        workflow = broker.workflow(given.id)
        return Shown(workflow, lambda columns: json.dumps(workflow, indent=2))
    answer = broker.ask("/workflows")
    rows = [
        {
            "id": workflow["id"],
            "name": workflow["name"],
            "state": workflow["state"],
            "finished": f"{workflow['tasks']['finished']} of {workflow['tasks']['total']}",
            "submitted": clock_time(workflow["created_at"]),
            "took": duration(workflow["created_at"], workflow["finished_at"]),
        }
        for workflow in answer["workflows"]
    ]
    return Shown(answer, lambda columns: table(rows, columns))


# What is typed.


def call_arguments(words: Sequence[str]) -> tuple[list[object], dict[str, object]]:
    """`3 cat.png width=200` → [3, "cat.png"], {"width": 200}: JSON where it is some, else text."""
    args: list[object] = []
    kwargs: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            kwargs[name] = _value(value)
        else:
            args.append(_value(word))
    return args, kwargs


def _value(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text


def _no_number(name: str) -> object:
    """Python's reader takes NaN and Infinity for numbers; in JSON there are none."""
    raise ValueError(name)


def _options(given: argparse.Namespace) -> dict[str, object]:
    """Those of the options that were given, by their names in the API."""
    options = dict(given.option or ())
    for name in ("queue", "priority", "retries", "timeout", "expires", "countdown", "eta"):
        if (value := getattr(given, name, None)) is not None:
            options[name] = value
    return options


def option_pair(text: str) -> tuple[str, object]:
    """`rate_limit=10/s` → ("rate_limit", "10/s"). Raises ValueError."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"{text!r} is not of the form NAME=VALUE")
    return name, _value(value)
