//! The handle table under loom, which runs each of these with every order that its threads' locks can take: what a thread
//! looks up is its object or nothing, and what is released is released once.

/// The provider's own table over loom's locks.
#[allow(dead_code)] // The provider uses more of it.
#[path = "../src/handle"]
mod handle {
    mod sync {
        pub(super) use std::sync::PoisonError;

        pub(super) use loom::sync::{Arc, RwLock};
    }

    pub(crate) mod table;
}

use handle::table::{Kind, NO_OWNER, Table};
use loom::sync::Arc;
use loom::thread;

/// A key is looked up while another thread destroys it and makes the next one, which takes its row.
#[test]
fn a_lookup_never_finds_the_next_object_in_the_row() {
    loom::model(|| {
        let table = Arc::new(Table::new(Kind::Key));
        let first = table.insert(7, "first").expect("room");
        let other = {
            let table = Arc::clone(&table);
            thread::spawn(move || {
                assert!(table.remove(7, first).is_some());
                table.insert(7, "second").expect("room")
            })
        };
        let found = table.get(7, first);
        assert!(found.is_none_or(|object| *object == "first"));
        let second = other.join().expect("no panic");
        assert!(table.get(7, first).is_none());
        assert_eq!(table.get(7, second).map(|object| *object), Some("second"));
    });
}

#[test]
fn of_two_threads_one_releases() {
    loom::model(|| {
        let table = Arc::new(Table::new(Kind::Hash));
        let hash = table.insert(7, ()).expect("room");
        let other = {
            let table = Arc::clone(&table);
            thread::spawn(move || table.remove(7, hash).is_some())
        };
        let here = table.remove(7, hash).is_some();
        assert!(here != other.join().expect("no panic"));
        assert_eq!(table.len(), 0);
    });
}

/// A key is made while its context is released: the maker looks at the context after it has added the key, as
/// `Csp::add_key` does, so that either the release finds the key or the maker finds the release.
#[test]
fn nothing_is_left_of_a_context_that_is_released_meanwhile() {
    loom::model(|| {
        let tables = Arc::new((Table::new(Kind::Context), Table::new(Kind::Key)));
        let context = tables.0.insert(NO_OWNER, ()).expect("room");
        let maker = {
            let tables = Arc::clone(&tables);
            thread::spawn(move || {
                let (contexts, keys) = &*tables;
                let key = keys.insert(context, ()).expect("room");
                if contexts.get(NO_OWNER, context).is_none() {
                    drop(keys.remove(context, key));
                }
            })
        };
        let (contexts, keys) = &*tables;
        assert!(contexts.remove(NO_OWNER, context).is_some());
        drop(keys.remove_all(context));
        maker.join().expect("no panic");
        assert_eq!((contexts.len(), keys.len()), (0, 0));
    });
}

/// An object that is in use outlives its handle.
#[test]
fn who_has_an_object_keeps_it() {
    loom::model(|| {
        let table = Arc::new(Table::new(Kind::Key));
        let key = table.insert(7, String::from("key")).expect("room");
        let user = {
            let table = Arc::clone(&table);
            thread::spawn(move || {
                if let Some(object) = table.get(7, key) {
                    thread::yield_now();
                    assert_eq!(*object, "key");
                }
            })
        };
        drop(table.remove_all(7));
        user.join().expect("no panic");
    });
}
