#!/usr/bin/env python3
"""lagproxy: a TCP relay that adds latency, so that round trips can be counted and priced.

    lagproxy.py LISTEN_PORT TARGET_IP:PORT DELAY_MS [--stats FILE]

Every byte is handed on DELAY_MS after it came, in both directions, so the round-trip
time grows by 2 x DELAY_MS. With --stats it writes, for each connection that closes, one
JSON line: bytes up, bytes down, and the number of turns (times the talk changed
direction from client to server), which is what a slow line multiplies.
Listens on 127.0.0.1 only; port 0 takes a free one. Prints the port when it is ready,
and stops on SIGTERM.
"""

import argparse
import asyncio
import json
import time


async def relay(reader, writer, delay, note):
    """Hands on what `reader` gives to `writer`, `delay` seconds later, until it ends."""
    queue = asyncio.Queue()

    async def deliver():
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - time.monotonic()))
            if data is None:
                try:
                    writer.write_eof()
                except (OSError, RuntimeError):
                    pass
                return
            writer.write(data)
            try:
                await writer.drain()
            except ConnectionError:
                return

    task = asyncio.create_task(deliver())
    try:
        while data := await reader.read(65536):
            note(len(data))
            await queue.put((time.monotonic() + delay, data))
    except ConnectionError:
        pass
    await queue.put((time.monotonic() + delay, None))
    await task


class Count:
    """What went through one connection."""

    def __init__(self):
        self.bytes = {"up": 0, "down": 0}
        self.turns = 0
        self.last = None

    def note(self, side):
        def add(count):
            self.bytes[side] += count
            self.turns += side == "up" and self.last != "up"
            self.last = side

        return add


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("target")
    parser.add_argument("delay_ms", type=float)
    parser.add_argument("--stats")
    args = parser.parse_args()
    host, port = args.target.rsplit(":", 1)
    delay = args.delay_ms / 1000

    async def serve(client_reader, client_writer):
        server_reader, server_writer = await asyncio.open_connection(host, int(port))
        count = Count()
        await asyncio.gather(
            relay(client_reader, server_writer, delay, count.note("up")),
            relay(server_reader, client_writer, delay, count.note("down")),
        )
        for writer in (server_writer, client_writer):
            writer.close()
        if args.stats:
            with open(args.stats, "a") as file:
                file.write(json.dumps({**count.bytes, "turns": count.turns}) + "\n")

    server = await asyncio.start_server(serve, "127.0.0.1", args.port)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
