#!/usr/bin/env python3
"""An echo handler: reads a line, answers "python pid=PID connection=N LINE",
closes. "pass SERVICE" passes the connection on, with what follows that line.

    services:
      echo: {listen: 7000, handoff: {exec: [/path/to/echo.py]}}

Run by hand it registers with a supervisor that runs already: echo.py SERVICE,
with --channel over a stream or datagrams, with --reconnect again and again.
"""

import argparse
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
    if line.startswith(b"pass "):
        try:
            connection.pass_to(line[5:].decode(errors="replace"))
            return
        except baton_handler.PassRefused as refused:
            line = refused.reason.encode()
    prefix = f"python pid={os.getpid()} connection={connection.number} "
    connection.write(prefix.encode() + line + b"\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("service", nargs="?")
    kinds = ["seqpacket", "stream", "datagram"]
    parser.add_argument("--channel", choices=kinds, default="seqpacket")
    parser.add_argument("--reconnect", action="store_true")
    options = parser.parse_args()
    try:
        baton_handler.serve(
            answer,
            options.service,
            threads=64,
            status="echoing",
            channel=options.channel,
            reconnect=options.reconnect,
        )
    except baton_handler.HandlerError as error:
        sys.exit(f"baton: {error}")


if __name__ == "__main__":
    main()
