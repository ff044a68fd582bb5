//! Tables from the numbers a C caller holds to the objects behind them.
//!
//! A handle is never 0 (CRYPTSPI 1.5: 0 means "none"), and one that was released, belongs to another context, or names an
//! object of another kind is told from a live one:
//!
//! ```text
//! 64 bits: generation 32 | index 30 | kind 2        32 bits: generation 10 | index 20 | kind 2
//! ```
//!
//! The table's lock is held for the lookup alone. What comes back is an `Arc`, so that a call in progress keeps its
//! object while another thread releases the handle.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

/// What a table holds; its number is the low bits of every handle, and never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Kind {
    Context = 1,
    Key = 2,
    Hash = 3,
}

/// The owner of objects that belong to no context, which is what contexts are.
pub(crate) const NO_OWNER: usize = 0;

const KIND_BITS: u32 = 2;
const INDEX_BITS: u32 = if usize::BITS == 64 { 30 } else { 20 };
const GENERATION_SHIFT: u32 = KIND_BITS + INDEX_BITS;
const GENERATIONS: usize = 1 << (usize::BITS - GENERATION_SHIFT);

/// One kind's handles.
#[derive(Debug)]
pub(crate) struct Table<T> {
    kind: Kind,
    rows: RwLock<Rows<T>>,
}

#[derive(Debug)]
struct Rows<T> {
    rows: Vec<Row<T>>,
    /// Oldest first, so that a row rests as long as possible before its number comes back.
    free: VecDeque<usize>,
}

#[derive(Debug)]
struct Row<T> {
    generation: usize,
    owner: usize,
    object: Option<Arc<T>>,
}

impl<T> Table<T> {
    /// An empty table.
    pub(crate) fn new(kind: Kind) -> Table<T> {
        Table {
            kind,
            rows: RwLock::new(Rows {
                rows: Vec::new(),
                free: VecDeque::new(),
            }),
        }
    }

    /// Gives an object its handle. None when the table is full.
    pub(crate) fn insert(&self, owner: usize, object: T) -> Option<usize> {
        let object = Some(Arc::new(object));
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = rows.free.pop_front() {
            let row = &mut rows.rows[index];
            row.generation = (row.generation + 1) % GENERATIONS;
            row.owner = owner;
            row.object = object;
            return Some(self.handle(index, row.generation));
        }
        let index = rows.rows.len();
        if index >> INDEX_BITS != 0 {
            return None;
        }
        rows.rows.push(Row {
            generation: 0,
            owner,
            object,
        });
        Some(self.handle(index, 0))
    }

    /// The object behind a handle, if it is live and belongs to `owner`.
    pub(crate) fn get(&self, owner: usize, handle: usize) -> Option<Arc<T>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let row = rows.rows.get(self.index(handle)?)?;
        (row.generation == generation(handle) && row.owner == owner).then(|| row.object.clone())?
    }

    /// Ends a handle; the object goes when the last call that uses it returns.
    pub(crate) fn remove(&self, owner: usize, handle: usize) -> Option<Arc<T>> {
        let index = self.index(handle)?;
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let row = rows.rows.get_mut(index)?;
        if row.generation != generation(handle) || row.owner != owner {
            return None;
        }
        let object = row.object.take()?;
        rows.free.push_back(index);
        Some(object)
    }

    /// Ends every handle of an owner and returns what was behind them, to be dropped with no lock held.
    pub(crate) fn remove_all(&self, owner: usize) -> Vec<Arc<T>> {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let Rows { rows, free } = &mut *rows;
        let mut removed = Vec::new();
        for (index, row) in rows
            .iter_mut()
            .enumerate()
            .filter(|(_, row)| row.owner == owner)
        {
            if let Some(object) = row.object.take() {
                free.push_back(index);
                removed.push(object);
            }
        }
        removed
    }

    /// How many handles are live.
    pub(crate) fn len(&self) -> usize {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.rows.len() - rows.free.len()
    }

    fn handle(&self, index: usize, generation: usize) -> usize {
        (generation << GENERATION_SHIFT) | (index << KIND_BITS) | self.kind as usize
    }

    fn index(&self, handle: usize) -> Option<usize> {
        (handle & ((1 << KIND_BITS) - 1) == self.kind as usize)
            .then_some((handle >> KIND_BITS) & ((1 << INDEX_BITS) - 1))
    }
}

fn generation(handle: usize) -> usize {
    handle >> GENERATION_SHIFT
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_released_handle_stays_dead_when_its_row_is_used_again() {
        let table = Table::new(Kind::Key);
        let first = table.insert(7, "first").unwrap();
        assert!(table.remove(7, first).is_some());
        let second = table.insert(7, "second").unwrap();
        assert_ne!(first, second);
        assert_eq!(table.get(7, first), None);
        assert_eq!(table.get(7, second).as_deref(), Some(&"second"));
        assert_eq!(table.remove(7, first), None);
    }

    #[test]
    fn handles_of_different_kinds_never_coincide() {
        let keys = Table::new(Kind::Key);
        let hashes = Table::new(Kind::Hash);
        let key = keys.insert(7, ()).unwrap();
        assert_eq!(hashes.insert(7, ()).map(|hash| hash == key), Some(false));
        assert_eq!(hashes.get(7, key), None);
    }

    #[test]
    fn a_handle_of_another_owner_is_not_found() {
        let table = Table::new(Kind::Hash);
        let hash = table.insert(7, ()).unwrap();
        assert_eq!(table.get(8, hash), None);
        assert_eq!(table.remove(8, hash), None);
        assert!(table.get(7, hash).is_some());
    }

    #[test]
    fn arbitrary_numbers_are_not_handles() {
        let table = Table::<u8>::new(Kind::Context);
        table.insert(NO_OWNER, 1).unwrap();
        for number in [
            0,
            2,
            3,
            4,
            5,
            usize::MAX,
            usize::MAX - 2,
            1 << GENERATION_SHIFT | 1,
        ] {
            assert_eq!(table.get(NO_OWNER, number), None, "{number:#x}");
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert { owner: usize },
        Remove { victim: usize },
        RemoveAll { owner: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..4usize).prop_map(|owner| Step::Insert { owner }),
            2 => (0..64usize).prop_map(|victim| Step::Remove { victim }),
            1 => (1..4usize).prop_map(|owner| Step::RemoveAll { owner }),
        ]
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_a_map(steps in proptest::collection::vec(step(), 0..200)) {
            let table = Table::new(Kind::Key);
            let mut model: HashMap<usize, (usize, usize)> = HashMap::new();
            let mut given = Vec::new();
            for (serial, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert { owner } => {
                        let handle = table.insert(owner, serial).unwrap();
                        prop_assert_ne!(handle, 0);
                        prop_assert!(!given.contains(&handle));
                        given.push(handle);
                        model.insert(handle, (owner, serial));
                    }
                    Step::Remove { victim } => {
                        let Some(&handle) = given.get(victim) else { continue };
                        let owner = model.get(&handle).map_or(1, |(owner, _)| *owner);
                        let removed = table.remove(owner, handle).map(|object| *object);
                        prop_assert_eq!(removed, model.remove(&handle).map(|(_, serial)| serial));
                    }
                    Step::RemoveAll { owner } => {
                        let removed = table.remove_all(owner).len();
                        let before = model.len();
                        model.retain(|_, (of, _)| *of != owner);
                        prop_assert_eq!(removed, before - model.len());
                    }
                }
                prop_assert_eq!(table.len(), model.len());
                for handle in &given {
                    let expected = model.get(handle);
                    let owner = expected.map_or(1, |(owner, _)| *owner);
                    prop_assert_eq!(table.get(owner, *handle).map(|object| *object), expected.map(|(_, serial)| *serial));
                }
            }
        }
    }
}
