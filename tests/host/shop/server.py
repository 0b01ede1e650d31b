"""The shop's web process: says which version it is, and is as sick as a file on the host wants it to be."""

import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = open("VERSION").read().strip()
DATABASE = os.environ.get("DATABASE_URL")


def named(ill):
    """/etc/shop-sick names the versions that are not well on this host, /etc/shop-mortal those that die soon."""
    try:
        return VERSION in open(f"/etc/shop-{ill}").read().split()
    except FileNotFoundError:
        return False


def die():
    print(f"{VERSION} is no more", file=sys.stderr, flush=True)
    os._exit(1)


def items():
    """How many items the database has."""
    query = ["psql", "-XAtqc", "select count(*) from items", DATABASE]
    return subprocess.run(query, check=True, capture_output=True, text=True).stdout.strip()


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health" and named("mortal"):
            threading.Timer(1, die).start()
        if self.path == "/health" and named("sick"):
            print(f"{VERSION} has no pulse", file=sys.stderr, flush=True)
            return self.answer(500, "sick")
        if self.path == "/health":
            return self.answer(200, items() if DATABASE else "fit")
        if self.path == "/items":
            return self.answer(200, items())
        if self.path == "/greeting":
            return self.answer(200, os.environ.get("GREETING", ""))
        if self.path == "/slow":
            time.sleep(8)
        return self.answer(200, VERSION)

    def answer(self, status, text):
        body = (text + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


# A process that is there does not answer yet.
time.sleep(float(os.environ.get("SLOW_START", 0)))
if os.path.exists("crash"):
    sys.exit("this version cannot even start")
Server(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
