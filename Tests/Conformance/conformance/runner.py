"""Runs the cases of one client, one after the other, and tells each result as a line of JSON."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback

from .cases import CASES
from .clients import load
from .kit import Failure, Kit


def _run(kit: Kit, work, outcome: list) -> None:
    try:
        work(kit)
        outcome.append(None)
    except Failure as failure:
        place = traceback.extract_tb(failure.__traceback__)
        inside = [frame for frame in place if "cases" in frame.filename]
        outcome.append(f"{failure} ({os.path.basename(inside[-1].filename)}:{inside[-1].lineno})" if inside else str(failure))
    except BaseException:  # noqa: BLE001 - whatever a library throws is a result
        outcome.append(traceback.format_exc(limit=-6))


def _where(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident)
    return "".join(traceback.format_stack(frame)[-6:]) if frame else ""


def run_client(name: str, bootstrap: str, cases: list[str], limit: float) -> int:
    """Returns the exit code: 0 passed, 1 failed, 2 the client is not there."""

    def tell(**result) -> None:
        print(json.dumps({"client": name} | result), flush=True)

    try:
        client = load(name)(bootstrap)
        version = client.version()
    except (ImportError, FileNotFoundError) as error:
        print(f"{name} cannot be used: {error}; see requirements.txt", file=sys.stderr)
        return 2
    tell(case=None, version=version)
    passed = True
    for case in cases:
        kit = Kit(client, case)
        outcome: list = []
        started = time.monotonic()
        thread = threading.Thread(target=_run, args=(kit, CASES[case], outcome), daemon=True)
        thread.start()
        thread.join(limit)
        error = outcome[0] if outcome else f"not done after {limit:g} s; it was here:\n{_where(thread)}"
        seconds = round(time.monotonic() - started, 2)
        closing = threading.Thread(target=kit.close, daemon=True)
        closing.start()
        closing.join(10)
        passed = passed and error is None
        tell(case=case, ok=error is None, seconds=seconds, error=error)
    sys.stdout.flush()
    # Threads of a client that hangs must not keep the process.
    os._exit(0 if passed else 1)
