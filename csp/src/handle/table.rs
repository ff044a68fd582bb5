//! The table itself.

use std::collections::VecDeque;

use super::sync::{Arc, PoisonError, RwLock};

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
pub(super) const GENERATION_SHIFT: u32 = KIND_BITS + INDEX_BITS;
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
