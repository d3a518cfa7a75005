"""Celery and huey with the same task as ours, for `bench.tasks`."""
