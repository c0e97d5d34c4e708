// Builds the component: hook.js with all that it imports, and a JavaScript engine, in hook.wasm.

import { writeFile } from "node:fs/promises";

import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize({
  sourcePath: "hook.js",
  witPath: "wit",
  worldName: "http-javascript",
  // A hook has no use for the engine's own client and server.
  disableFeatures: ["http", "fetch-event"],
});
await writeFile("hook.wasm", component);
