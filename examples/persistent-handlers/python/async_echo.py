#!/usr/bin/env python3
"""The echo handler as a program of asyncio: reads a line, answers
"asyncio pid=PID connection=N LINE", closes. "pass SERVICE" passes the
connection on, with what follows that line. TERM ends it in order.

    services:
      echo: {listen: 7000, handoff: {exec: [/path/to/async_echo.py]}}

Run by hand (async_echo.py SERVICE) it registers whenever a supervisor is there.
"""

import asyncio
import os
import signal
import sys
from typing import Optional, Set

from baton_handler import AsyncConnection, AsyncHandler, HandlerError, PassRefused


async def answer(connection: AsyncConnection) -> None:
    async with connection:
        line = (await connection.reader.readline()).rstrip(b"\r\n")
        if line.startswith(b"pass "):
            try:
                await connection.pass_to(line[5:].decode(errors="replace"))
                return
            except PassRefused as refused:
                line = refused.reason.encode()
        if line:
            prefix = f"asyncio pid={os.getpid()} connection={connection.number} "
            connection.writer.write(prefix.encode() + line + b"\n")


async def serve(service: Optional[str]) -> None:
    tasks: Set["asyncio.Task[None]"] = set()
    async with AsyncHandler(service, status="echoing", reconnect=True) as handler:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, handler.drain)
        async for connection in handler:
            task = loop.create_task(answer(connection))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    try:
        asyncio.run(serve(sys.argv[1] if len(sys.argv) > 1 else None))
    except HandlerError as error:
        sys.exit(f"baton: {error}")
