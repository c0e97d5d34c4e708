//! The WIT package as Rust, made by wasmtime: a package that does not resolve does not compile.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "application-hook",
    imports: { default: async },
    exports: { default: async },
});
