//! The macro that makes a component of a [`Hook`](crate::Hook).

/// Makes this type the hook of the component. Once in a crate, which is built with `crate-type = ["cdylib"]`.
///
/// Built for another target than wasm it only checks that the type is a [`Hook`](crate::Hook).
#[macro_export]
macro_rules! export {
    ($hook:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::exports::kubectl_backup::hook::hook::Guest;

            ::std::thread_local! {
                // An instance is one thread and one lease, so this is the session.
                static HOOK: ::std::cell::RefCell<$hook> = ::std::default::Default::default();
            }

            struct Exported;

            impl Guest for Exported {
                fn describe() -> $crate::Description {
                    <$hook as $crate::Hook>::describe()
                }
                fn prepare(request: $crate::Request) -> $crate::Result<$crate::Receipt> {
                    HOOK.with_borrow_mut(|hook| $crate::Hook::prepare(hook, &request))
                }
                fn freeze(request: $crate::Request) -> $crate::Result<$crate::Receipt> {
                    HOOK.with_borrow_mut(|hook| $crate::Hook::freeze(hook, &request))
                }
                fn check(request: $crate::Request) -> $crate::Result<$crate::Receipt> {
                    HOOK.with_borrow_mut(|hook| $crate::Hook::check(hook, &request))
                }
                fn thaw(request: $crate::Request) -> $crate::Result<$crate::Receipt> {
                    HOOK.with_borrow_mut(|hook| $crate::Hook::thaw(hook, &request))
                }
                fn recover(
                    request: $crate::Request,
                    facts: ::std::vec::Vec<$crate::Fact>,
                ) -> $crate::Result<$crate::Receipt> {
                    HOOK.with_borrow_mut(|hook| $crate::Hook::recover(hook, &request, $crate::Facts(&facts)))
                }
                fn verify(
                    request: $crate::Request,
                    facts: ::std::vec::Vec<$crate::Fact>,
                ) -> $crate::Result<$crate::Receipt> {
                    HOOK.with_borrow_mut(|hook| $crate::Hook::verify(hook, &request, $crate::Facts(&facts)))
                }
            }

    $crate::bindings::export!(Exported with_types_in $crate::bindings);
        };

        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> $crate::Description = <$hook as $crate::Hook>::describe;
    };
}
