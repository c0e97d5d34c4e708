// A TCP connection that keeps to a time: WASI's sockets, which never block but where they are waited for.

import { subscribeDuration } from "wasi:clocks/monotonic-clock@0.2.0";
import { poll } from "wasi:io/poll@0.2.0";
import { instanceNetwork } from "wasi:sockets/instance-network@0.2.0";
import { createTcpSocket } from "wasi:sockets/tcp-create-socket@0.2.0";

// componentize-js 0.23 makes a `network` of WASI by a class that it defines only for interfaces with functions, and
// `network` has none. Its bindings have globals of their own, to which their functions lead.
instanceNetwork.constructor("globalThis.import_network_0_2_0$Network ??= class Network {}")();

/** What went wrong with a connection; `denied` says that the runtime's configuration does not grant it. */
export class ConnectionError extends Error {
  constructor(message, denied = false) {
    super(message);
    this.denied = denied;
  }
}

/**
 * Sends `text` to `address` and gives back what came until its first line was whole, `largest` bytes at most.
 * Takes `budget` milliseconds at most.
 */
export function exchange(address, text, budget, largest) {
  const deadline = subscribeDuration(BigInt(budget) * 1_000_000n);
  try {
    return exchangeBefore(deadline, address, text, largest);
  } catch (error) {
    if (error instanceof ConnectionError) throw error;
    const code = error.payload ?? error;
    throw new ConnectionError(code.tag ?? String(code), code === "access-denied");
  }
}

function exchangeBefore(deadline, address, text, largest) {
  const socket = createTcpSocket(address.tag);
  socket.startConnect(instanceNetwork(), address);
  wait(socket.subscribe(), deadline);
  const [input, output] = socket.finishConnect();
  output.blockingWriteAndFlush(new TextEncoder().encode(text));
  let answer = "";
  while (!answer.includes("\r\n") && answer.length < largest) {
    wait(input.subscribe(), deadline);
    const chunk = read(input, largest);
    if (chunk === undefined) break;
    answer += String.fromCharCode(...chunk);
  }
  return answer;
}

/** The next bytes; undefined at the end of the stream. */
function read(input, largest) {
  try {
    return input.read(BigInt(largest));
  } catch (error) {
    if ((error.payload ?? error).tag === "closed") return undefined;
    throw error;
  }
}

function wait(pollable, deadline) {
  // The deadline is the second of the two; both being ready is soon enough.
  if (poll([pollable, deadline])[0] === 1) {
    throw new ConnectionError("it took too long");
  }
}
