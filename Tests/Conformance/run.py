#!/usr/bin/env python3
"""Runs the same cases through several Kafka clients against a broker at any address: the embedded one, or Apache Kafka.

Each client runs in a process of its own, side by side. Topics and groups get names of their own that begin with "conformance."; topics are
deleted afterwards. Needs the packages of requirements.txt, and kcat (Debian package of that name).

Exit codes: 0 everything passed; 1 a case failed; 2 nothing could be run: wrong usage, no broker there, a client is not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from conformance.clients import DRIVERS  # noqa: E402
from conformance.runner import run_client  # noqa: E402
from conformance.wire import Connection, parse_address  # noqa: E402


def arguments(cases: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT", help="where the broker is")
    parser.add_argument("--client", action="append", choices=list(DRIVERS), help="only this client; may be repeated")
    parser.add_argument("--case", action="append", choices=cases, help="only this case; may be repeated")
    parser.add_argument("--limit", type=float, default=60, metavar="SECONDS", help="the longest a case may take (default: 60)")
    parser.add_argument("--json", metavar="FILE", help="where to write the results as JSON")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    try:
        parse_address(chosen.bootstrap)
    except ValueError as error:
        parser.error(str(error))
    return chosen


def follow(process: subprocess.Popen, client: str, results: list[dict], lock: threading.Lock) -> None:
    """Takes in what a client's process tells, a JSON object a line."""
    for line in process.stdout:
        told = json.loads(line)
        with lock:
            results.append(told)
            if told["case"] is None:
                print(f"----  {client}: {told['version']}", flush=True)
            else:
                print(f"{'ok' if told['ok'] else 'FAIL':4}  {client}: {told['case']}  {told['seconds']:.1f} s", flush=True)
                if not told["ok"]:
                    print("      " + told["error"].replace("\n", "\n      "), flush=True)


def main() -> int:
    from conformance.cases import CASES

    chosen = arguments(list(CASES))
    cases = chosen.case or list(CASES)
    if chosen.worker:
        return run_client(chosen.worker, chosen.bootstrap, cases, chosen.limit)
    try:
        connection = Connection(parse_address(chosen.bootstrap), 5)
        apis = connection.api_versions()
        connection.close()
    except (OSError, ConnectionError, ValueError, RuntimeError) as error:
        print(f"no broker answers at {chosen.bootstrap}: {error}", file=sys.stderr)
        return 2
    # Whoever starts this from a thread that blocks signals would have kcat deaf to SIGTERM.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    started = time.monotonic()
    results: list[dict] = []
    lock = threading.Lock()
    processes = {}
    common = [sys.executable, os.path.abspath(__file__), "--bootstrap", chosen.bootstrap, "--limit", str(chosen.limit)]
    for client in chosen.client or DRIVERS:
        command = common + ["--worker", client] + [part for case in cases for part in ("--case", case)]
        processes[client] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    threads = [threading.Thread(target=follow, args=(process, client, results, lock)) for client, process in processes.items()]
    for thread in threads:
        thread.start()
    codes = {client: process.wait() for client, process in processes.items()}
    for thread in threads:
        thread.join()
    ran = [result for result in results if result["case"]]
    failed = [result for result in ran if not result["ok"]]
    missing = len(processes) * len(cases) - len(ran)
    seconds = time.monotonic() - started
    print(f"{len(ran) - len(failed)} passed, {len(failed)} failed, {missing} not run, {seconds:.1f} s")
    if chosen.json:
        report = {
            "bootstrap": chosen.bootstrap, "passed": len(ran) - len(failed), "failed": len(failed), "not_run": missing, "seconds": round(seconds, 1),
            "clients": {result["client"]: result["version"] for result in results if result["case"] is None}, "results": ran,
            "api_versions": {str(key): list(versions) for key, versions in sorted(apis.items())},
        }
        with open(chosen.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
            file.write("\n")
    if failed:
        return 1
    return 2 if missing or any(codes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
