#!/usr/bin/env python3
"""Answers every request with one line about itself: hello.py PORT. GREETING is what it says first."""

import http.server
import os
import socket
import sys


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        line = f"{os.environ['GREETING']} from {socket.gethostname()}: {self.headers['Host']}{self.path}\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(line.encode())


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hello).serve_forever()
