// One HTTP/1.1 request and the status of its answer, as text. What carries them is in connection.js.

/** The request; nothing in `method`, `path` or `host` may begin a line of its own. */
export function request(method, path, host) {
  if ([method, path, host].some((text) => /[\x00-\x20\x7f]/.test(text))) {
    throw new RangeError("a path or the address has a space or a control character");
  }
  return `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
}

/** The status in the first line of `answer`, or undefined when it is not HTTP. */
export function status(answer) {
  const match = /^HTTP\/1\.[01] ([1-9][0-9]{2})(?= |\r|$)/.exec(answer);
  return match ? Number(match[1]) : undefined;
}

/** `127.0.0.1:8080` as WASI writes it, or undefined. */
export function socketAddress(text) {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3}):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const [a, b, c, d, port] = match.slice(1).map(Number);
  if (Math.max(a, b, c, d) > 255 || port > 65535) return undefined;
  return { tag: "ipv4", val: { port, address: [a, b, c, d] } };
}
