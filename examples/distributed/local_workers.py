"""Starting a program as all workers of a cluster, on this machine and over its loopback::

python local_workers.py 2 train.py --profile exact
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time


def run_workers(command, count, timeout):
    """Run a command once for each worker; return 0 if all of them succeeded.

    Where one fails, or the time is over, the others are stopped: they would wait for it.
    """
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(count)]}
    workers = []
    try:
        for index in range(count):
            task = {"type": "worker", "index": index}
            config = json.dumps({"cluster": cluster, "task": task})
            # A proxy for the web, if the environment names one, does not lead from here to here.
            environment = {**os.environ, "TF_CONFIG": config, "no_grpc_proxy": "localhost"}
            workers.append(subprocess.Popen(command, env=environment))
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            codes = [worker.poll() for worker in workers]
            failed = [code for code in codes if code]
            if failed or None not in codes:
                return failed[0] if failed else 0
            time.sleep(0.1)
        print(f"stopped: workers were still there after {timeout} seconds", file=sys.stderr)
        return 1
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def free_ports(count):
    """Return ports that were free a moment ago: TensorFlow takes no open socket."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def main():
    parser = argparse.ArgumentParser(description="Start a program as all workers of a cluster.")
    parser.add_argument("--timeout", type=float, default=3600, metavar="SECONDS")
    parser.add_argument("count", type=int, help="of workers")
    parser.add_argument("program", nargs=argparse.REMAINDER, help="a Python file, its arguments")
    options = parser.parse_args()
    return run_workers([sys.executable, *options.program], options.count, options.timeout)


if __name__ == "__main__":
    sys.exit(main())
