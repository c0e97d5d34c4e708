// On this machine: node --test. What needs the runtime is tested in it, with `kubectl backup hooks test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { request, socketAddress, status } from "./http.js";

test("a request is one request", () => {
  const text = request("POST", "/pause", "127.0.0.1:80");
  assert.match(text, /^POST \/pause HTTP\/1\.1\r\nHost: 127\.0\.0\.1:80\r\n/);
  assert.throws(() => request("POST", "/a HTTP/1.1\r\nX: y", "127.0.0.1:80"), RangeError);
});

test("the status is that of the first line", () => {
  assert.equal(status("HTTP/1.1 204 No Content\r\n\r\n"), 204);
  assert.equal(status("HTTP/1.1 503\r\n"), 503);
  for (const answer of ["", "HTTP/1.1 2000 OK\r\n", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 OK\r\n"]) {
    assert.equal(status(answer), undefined, answer);
  }
});

test("an address is one in numbers", () => {
  assert.deepEqual(socketAddress("127.0.0.1:8080"), { tag: "ipv4", val: { port: 8080, address: [127, 0, 0, 1] } });
  for (const text of ["localhost:8080", "127.0.0.1", "256.0.0.1:80", "127.0.0.1:65536", "[::1]:80"]) {
    assert.equal(socketAddress(text), undefined, text);
  }
});
