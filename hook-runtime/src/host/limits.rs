//! What an instance may take of the machine: memory and tables by their sum over all parts of a component, and how many
//! parts it may have.

use wasmtime::{ResourceLimiter, Result, bail};

/// Elements of all tables: functions that can be called by pointer; a Python has 10,000.
const MOST_ELEMENTS: usize = 100_000;
/// Core instances, memories and tables that one component may be made of; a Python has about 30.
const MOST_PARTS: usize = 64;
/// Sockets, streams and waits that an instance holds at a time. A hook has one connection, which is four.
pub(super) const MOST_RESOURCES: usize = 128;

/// The account of one instance.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Bytes that all memories may have.
    memory: usize,
    /// Of them, those that are there.
    grown: usize,
    elements: usize,
}

impl Limits {
    /// With this much memory, in bytes.
    pub(crate) fn new(memory: usize) -> Self {
        Self { memory, grown: 0, elements: 0 }
    }
}

// To be told that memory is short, a guest would need memory; a trap says it better.
impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        self.grown = self.grown.saturating_add(desired.saturating_sub(current));
        if self.grown > self.memory {
            bail!("the memory of the hook would be more than {} MiB (`memoryMiB`)", self.memory >> 20);
        }
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        self.elements = self.elements.saturating_add(desired.saturating_sub(current));
        if self.elements > MOST_ELEMENTS {
            bail!("the tables of the hook would have more than {MOST_ELEMENTS} elements");
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        MOST_PARTS
    }

    fn tables(&self) -> usize {
        MOST_PARTS
    }

    fn memories(&self) -> usize {
        MOST_PARTS
    }
}

#[cfg(all(test, feature = "compiler"))]
mod tests {
    use rstest::rstest;
    use wasmtime::{
        Engine, Store,
        component::{Component, Linker},
    };

    use super::*;

    /// A component of modules: `count` instances of one that has this in it.
    fn component(content: &str, count: usize) -> String {
        let instances = "(core instance (instantiate $part))".repeat(count);
        format!("(component (core module $part {content}) {instances})")
    }

    fn instantiate(component: &str) -> Result<()> {
        let engine = Engine::default();
        let mut store = Store::new(&engine, Limits::new(64 << 20));
        store.limiter(|limits| limits);
        let component = Component::new(&engine, wat::parse_str(component).expect("a component"))?;
        Linker::new(&engine).instantiate(&mut store, &component).map(drop)
    }

    #[rstest]
    #[case::one_memory("(memory 1025)", 1, "more than 64 MiB")]
    #[case::memory_in_parts("(memory 342)", 3, "more than 64 MiB")]
    #[case::memory_as_it_runs(
        "(memory 1) (func $f (drop (memory.grow (i32.const 1024)))) (start $f)",
        1,
        "more than 64 MiB"
    )]
    #[case::one_table("(table 100001 funcref)", 1, "more than 100000 elements")]
    #[case::tables_in_parts("(table 50001 funcref)", 2, "more than 100000 elements")]
    #[case::table_as_it_runs(
        "(table 1 funcref) (func $f (drop (table.grow (ref.null func) (i32.const 100000)))) (start $f)",
        1,
        "more than 100000 elements"
    )]
    #[case::instances("", 65, "instance count too high")]
    #[case::tables("(table 1 funcref)", 65, "count too high")]
    #[case::memories("(memory 1)", 65, "count too high")]
    fn a_component_that_takes_too_much_is_refused(
        #[case] content: &str,
        #[case] count: usize,
        #[case] why: &str,
    ) {
        let error = format!("{:#}", instantiate(&component(content, count)).unwrap_err());
        assert!(error.contains(why), "{error}");
    }

    #[rstest]
    #[case::memory("(memory 1024)", 1)]
    #[case::memory_in_parts("(memory 341)", 3)]
    #[case::tables("(table 50000 funcref)", 2)]
    #[case::instances("", 64)]
    fn one_that_takes_what_there_is_runs(#[case] content: &str, #[case] count: usize) {
        instantiate(&component(content, count)).unwrap();
    }
}
