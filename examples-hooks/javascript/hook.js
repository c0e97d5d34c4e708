// The hook for any application that has endpoints by which it can be paused, asked whether it is, and resumed.
//
// The same as ../http, in JavaScript. What is thrown as a plain object is an error of the WIT package; anything else that is
// thrown is a trap, which costs the instance.

import { get } from "kubectl-backup:hook/configuration@0.1.0";
import { write } from "kubectl-backup:hook/log@0.1.0";

import { ConnectionError, exchange } from "./connection.js";
import { request as httpRequest, socketAddress, status } from "./http.js";

/** Bytes of an answer that are read: its first line is all that counts. */
const LARGEST = 4096;

const KINDS = { 401: "authentication", 403: "denied", 404: "unsupported" };

const SETTINGS = [
  { name: "address", kind: "text", default: undefined, purpose: "where the application listens, in numbers" },
  { name: "pause-path", kind: "text", default: "/pause", purpose: "POST here returns when nothing is written any more" },
  { name: "paused-path", kind: "text", default: "/paused", purpose: "GET here is 2xx while it is paused" },
  { name: "resume-path", kind: "text", default: "/resume", purpose: "POST here resumes, also what is not paused" },
];

function failure(kind, message) {
  return { kind, message };
}

function setting(name) {
  const value = get(name);
  if (value === undefined) throw failure("configuration", `the setting \`${name}\` is missing`);
  return value;
}

function receipt(consistency) {
  return { session: undefined, facts: [], consistency, needs: [] };
}

/** The status of the application's answer. */
function ask(method, path, budget) {
  const host = setting("address");
  const address = socketAddress(host);
  if (address === undefined) throw failure("configuration", `\`${host}\` is no address in numbers`);
  try {
    const answered = status(exchange(address, httpRequest(method, path, host), budget, LARGEST));
    if (answered !== undefined) return answered;
  } catch (error) {
    if (error instanceof RangeError) throw failure("configuration", error.message);
    if (!(error instanceof ConnectionError)) throw error;
    const why = error.denied ? "`connect` does not name the address" : error.message;
    throw failure(error.denied ? "denied" : "unreachable", `could not ${method} ${path}: ${why}`);
  }
  throw failure("failed", `could not ${method} ${path}: the answer is not HTTP`);
}

function must(method, path, budget, otherwise = "failed") {
  const answered = ask(method, path, budget);
  if (answered >= 200 && answered < 300) return receipt("application");
  const kind = KINDS[answered] ?? otherwise;
  throw failure(kind, `could not ${method} ${path}: the application answers ${answered}`);
}

export const hook = {
  describe() {
    return {
      name: "http-javascript",
      version: "0.1.0",
      freezes: "an application, by its own endpoints",
      expiry: "without-expiry",
      grants: [{ tag: "connect", val: "the port of the application" }],
      settings: SETTINGS,
    };
  },

  prepare(request) {
    write("info", `restore point ${request.restorePoint}`);
    return receipt("crash");
  },

  freeze(request) {
    return must("POST", setting("pause-path"), request.budget);
  },

  check(request) {
    return must("GET", setting("paused-path"), request.budget, "not-held");
  },

  thaw(request) {
    return must("POST", setting("resume-path"), request.budget);
  },

  recover() {
    throw failure("unsupported", "this hook has nothing to do after a restore");
  },

  verify() {
    throw failure("unsupported", "this hook cannot tell whether its application is whole");
  },
};
