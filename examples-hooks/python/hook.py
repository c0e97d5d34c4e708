"""The hook for any application that has endpoints by which it can be paused, asked whether it is, and resumed.

The same as `../http`, in Python. Every module is imported here: imports happen when the component is built, and none
after that. An exception that is no `Err` is a trap, which costs the instance.
"""

import socket

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import configuration, log
from wit_world.imports.types import (
    Consistency,
    Description,
    Error,
    ErrorKind,
    Expiry,
    Grant_Connect,
    Receipt,
    Setting,
    SettingKind,
)

# Bytes of an answer that are read: its first line is all that counts.
LARGEST = 4096
KINDS = {401: ErrorKind.AUTHENTICATION, 403: ErrorKind.DENIED, 404: ErrorKind.UNSUPPORTED}


def failed(kind, message):
    return Err(Error(kind, message))


def setting(name):
    value = configuration.get(name)
    if value is None:
        raise failed(ErrorKind.CONFIGURATION, f"the setting `{name}` is missing")
    return value


def ask(method, path, budget):
    """The status of the application's answer."""
    host, _, port = setting("address").rpartition(":")
    request = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    try:
        # By number: names would have to be granted.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.connect((host, int(port)))
            connection.settimeout(budget / 1000)
            connection.sendall(request.encode())
            answer = b""
            while b"\r\n" not in answer and len(answer) < LARGEST:
                chunk = connection.recv(LARGEST)
                if not chunk:
                    break
                answer += chunk
    except PermissionError:
        raise failed(ErrorKind.DENIED, f"could not {method} {path}: `connect` does not name the address")
    except OSError as error:
        raise failed(ErrorKind.UNREACHABLE, f"could not {method} {path}: {error}")
    try:
        return int(answer.split(b" ", 2)[1])
    except (IndexError, ValueError):
        raise failed(ErrorKind.FAILED, f"could not {method} {path}: the answer is not HTTP")


def must(method, path, budget, otherwise=ErrorKind.FAILED):
    status = ask(method, path, budget)
    if not 200 <= status < 300:
        kind = KINDS.get(status, otherwise)
        raise failed(kind, f"could not {method} {path}: the application answers {status}")
    return Receipt(None, [], Consistency.APPLICATION, [])


class Hook(exports.Hook):
    def describe(self):
        settings = [
            Setting("address", SettingKind.TEXT, None, "where the application listens, in numbers"),
            Setting("pause-path", SettingKind.TEXT, "/pause", "POST here returns when nothing is written any more"),
            Setting("paused-path", SettingKind.TEXT, "/paused", "GET here is 2xx while it is paused"),
            Setting("resume-path", SettingKind.TEXT, "/resume", "POST here resumes, also what is not paused"),
        ]
        return Description(
            "http-python",
            "0.1.0",
            "an application, by its own endpoints",
            Expiry.WITHOUT_EXPIRY,
            [Grant_Connect("the port of the application")],
            settings,
        )

    def prepare(self, request):
        log.write(log.Level.INFO, f"restore point {request.restore_point}")
        return Receipt(None, [], Consistency.CRASH, [])

    def freeze(self, request):
        return must("POST", setting("pause-path"), request.budget)

    def check(self, request):
        return must("GET", setting("paused-path"), request.budget, ErrorKind.NOT_HELD)

    def thaw(self, request):
        return must("POST", setting("resume-path"), request.budget)

    def recover(self, request, facts):
        raise failed(ErrorKind.UNSUPPORTED, "this hook has nothing to do after a restore")

    def verify(self, request, facts):
        raise failed(ErrorKind.UNSUPPORTED, "this hook cannot tell whether its application is whole")
