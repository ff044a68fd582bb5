//! The registry of this machine.

use std::io;

use windows_registry::{Key, LOCAL_MACHINE, USERS};

use super::Skipped;
use super::entry::Entry;

/// The keys two levels below `containers`, of the machine and of every user whose registry is loaded and readable.
pub(super) fn entries(containers: &str) -> Result<Vec<Entry>, Skipped> {
    let mut entries = below("HKEY_LOCAL_MACHINE", LOCAL_MACHINE, containers)?;
    // The calling user is one of them.
    for sid in USERS.keys().map_err(refused("HKEY_USERS"))? {
        // What is not readable is another user's.
        if let Ok(user) = USERS.open(&sid) {
            entries.extend(below(&format!(r"HKEY_USERS\{sid}"), &user, containers)?);
        }
    }
    Ok(entries)
}

/// Takes a key with all its values out of the registry.
pub(super) fn remove(place: &str) -> Result<(), Skipped> {
    let removed = match place.split_once('\\') {
        Some(("HKEY_USERS", path)) => USERS.remove_tree(path),
        Some((_, path)) => LOCAL_MACHINE.remove_tree(path),
        None => Ok(()),
    };
    removed.map_err(refused(place))
}

fn below(root: &str, key: &Key, containers: &str) -> Result<Vec<Entry>, Skipped> {
    let top = format!(r"{root}\{containers}");
    let mut entries = Vec::new();
    let Ok(providers) = key.open(containers) else {
        return Ok(entries);
    };
    for provider in providers.keys().map_err(refused(&top))? {
        let place = format!(r"{top}\{provider}");
        let containers = providers.open(&provider).map_err(refused(&place))?;
        for container in containers.keys().map_err(refused(&place))? {
            let place = format!(r"{place}\{container}");
            let key = containers.open(&container).map_err(refused(&place))?;
            let values = key.values().map_err(refused(&place))?;
            let values = values.filter_map(|(name, value)| Some((name, value.try_into().ok()?)));
            entries.push(Entry {
                values: values.collect(),
                place,
            });
        }
    }
    Ok(entries)
}

fn refused<E: Into<io::Error>>(place: &str) -> impl Fn(E) -> Skipped {
    let place = place.to_owned();
    move |error| Skipped::Place {
        place: place.clone(),
        cause: error.into(),
    }
}
