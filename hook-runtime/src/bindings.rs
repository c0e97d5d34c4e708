//! The WIT package as Rust, made by wasmtime: a package that does not resolve does not compile.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "application-hook",
    imports: { default: async },
    exports: { default: async },
    // What the world takes of others is theirs.
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:tls": wasmtime_wasi_tls::p2::bindings,
    },
});
