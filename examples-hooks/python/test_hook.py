"""The hook on this machine, with a server in the place of its application and a dictionary in that of the runtime.

The modules that the component's builder makes are written once by
`componentize-py --wit-path wit --world application-hook bindings bindings`; then `python3 -m unittest` runs this.
"""

import http.server
import sys
import threading
import unittest
from unittest import mock

sys.path.insert(0, "bindings")

from componentize_py_types import Err
from wit_world.imports.types import Cut, ErrorKind, Pod, Request

import hook

REQUEST = Request("restore-point", Pod("default", "pod-0", "pod-uid"), [], Cut.ATOMIC, 1000)


class Application(http.server.BaseHTTPRequestHandler):
    paused = False

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        known = self.path in ("/pause", "/resume")
        Application.paused = self.path == "/pause"
        self.answer(204 if known else 404)

    def do_GET(self):
        self.answer(200 if Application.paused else 503)

    def log_message(self, *_):
        pass


class HookTest(unittest.TestCase):
    def setUp(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        defaults = {setting.name: setting.default for setting in hook.Hook().describe().settings}
        self.settings = defaults | {"address": "127.0.0.1:%d" % server.server_port}
        self.enterContext(mock.patch("wit_world.imports.configuration.get", self.settings.get))

    def test_it_is_paused_and_resumed(self):
        hook.Hook().freeze(REQUEST)
        hook.Hook().check(REQUEST)
        self.assertTrue(Application.paused)
        hook.Hook().thaw(REQUEST)
        self.assertFalse(Application.paused)

    def test_one_that_resumed_by_itself_is_told(self):
        hook.Hook().freeze(REQUEST)
        Application.paused = False
        with self.assertRaises(Err) as raised:
            hook.Hook().check(REQUEST)
        self.assertEqual(raised.exception.value.kind, ErrorKind.NOT_HELD)

    def test_a_missing_endpoint_is_told(self):
        self.settings["pause-path"] = "/other"
        with self.assertRaises(Err) as raised:
            hook.Hook().freeze(REQUEST)
        self.assertEqual(raised.exception.value.kind, ErrorKind.UNSUPPORTED)


if __name__ == "__main__":
    unittest.main()
