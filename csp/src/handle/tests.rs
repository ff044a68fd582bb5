//! The table against a map, and the numbers it gives out.

use std::collections::HashMap;

use proptest::prelude::*;

use super::table::GENERATION_SHIFT;
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
