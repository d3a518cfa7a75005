"""`python3 -m bench`: every benchmark in turn, each ours beside its yardstick.

    python3 -m bench              all of them, some minutes each
    python3 -m bench --quick      all of them with small sizes, to see that they run
    python3 -m bench kvdb web     some of them

What a benchmark compares with must be installed: redis-server and redis-benchmark
(tools/redis-server.sh), PostgreSQL 15 (tools/postgres.sh), wrk from Debian, and for `web` the
packages of the extra `bench`. `tasks` installs Celery and huey into a virtual environment of its
own, `.venv-bench`.
"""

import argparse
import subprocess
import sys

BENCHMARKS = ("kvdb", "pubsub", "tasks", "web", "docdb", "sqldb", "ledger")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, figures of little worth")
    parser.add_argument("benchmarks", nargs="*", metavar="NAME", help="which; all without")
    options = parser.parse_args()
    if unknown := set(options.benchmarks) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    statuses = []
    for name in options.benchmarks or BENCHMARKS:
        print(f"=== {name}", flush=True)
        command = [sys.executable, "-m", f"bench.{name}", *(["--quick"] if options.quick else [])]
        statuses.append(subprocess.run(command).returncode)
    return max(statuses)


if __name__ == "__main__":
    raise SystemExit(main())
