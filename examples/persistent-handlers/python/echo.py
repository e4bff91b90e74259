#!/usr/bin/env python3
"""An echo handler: reads a line, answers "python pid=PID connection=N LINE",
closes.

    services:
      echo: {listen: 7000, handoff: {exec: [/path/to/echo.py]}}

Run by hand it registers with a supervisor that runs already: echo.py SERVICE.
"""

import os
import sys

import baton_handler


def answer(connection: baton_handler.Connection) -> None:
    line = connection.readline(limit=4096)
    if not line:
        return
    if line.endswith(b"\n"):
        line = line[:-1]
    if line.endswith(b"\r"):
        line = line[:-1]
    prefix = f"python pid={os.getpid()} connection={connection.number} "
    connection.write(prefix.encode() + line + b"\n")


if __name__ == "__main__":
    try:
        baton_handler.serve(
            answer,
            sys.argv[1] if len(sys.argv) > 1 else None,
            threads=64,
            status="echoing",
        )
    except baton_handler.HandlerError as error:
        sys.exit(f"baton: {error}")
