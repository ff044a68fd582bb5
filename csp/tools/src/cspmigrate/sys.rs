//! The registry of this machine.

use std::io;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_MORE_DATA, ERROR_NO_MORE_ITEMS, ERROR_SUCCESS,
};
use windows_sys::Win32::System::Registry::{
    HKEY, HKEY_LOCAL_MACHINE, HKEY_USERS, KEY_READ, RRF_RT_REG_SZ, RegCloseKey, RegDeleteTreeW,
    RegEnumKeyExW, RegGetValueW, RegOpenKeyExW,
};

use super::Skipped;
use super::old::Entry;

/// The keys two levels below `containers`, of the machine and of every user whose registry is loaded and readable.
pub(super) fn entries(containers: &str) -> Result<Vec<Entry>, Skipped> {
    let mut entries = below("HKEY_LOCAL_MACHINE", containers)?;
    // The calling user is one of them.
    for sid in subkeys("HKEY_USERS")? {
        entries.extend(below(&format!(r"HKEY_USERS\{sid}"), containers)?);
    }
    Ok(entries)
}

/// Takes a key with all its values out of the registry.
pub(super) fn remove(place: &str) -> Result<(), Skipped> {
    let (root, path) = split(place);
    let path = wide(path);
    // SAFETY: the root is a predefined key, the path is terminated.
    refused(place, unsafe { RegDeleteTreeW(root, path.as_ptr()) })
}

fn below(root: &str, containers: &str) -> Result<Vec<Entry>, Skipped> {
    let top = format!(r"{root}\{containers}");
    let mut entries = Vec::new();
    for provider in subkeys(&top)? {
        let provider = format!(r"{top}\{provider}");
        for container in subkeys(&provider)? {
            let place = format!(r"{provider}\{container}");
            let mut values = Vec::new();
            for name in ["ExchangeKey", "SignatureKey", "Name"] {
                values.extend(text_value(&place, name)?.map(|text| (name.to_owned(), text)));
            }
            entries.push(Entry { place, values });
        }
    }
    Ok(entries)
}

/// The names of the keys below a key; none when it does not exist, or is not this user's to read.
fn subkeys(place: &str) -> Result<Vec<String>, Skipped> {
    let (root, path) = split(place);
    let path = wide(path);
    let mut opened: HKEY = null_mut();
    // SAFETY: the root is a predefined key, the path is terminated, `opened` is a place for the answer.
    match unsafe { RegOpenKeyExW(root, path.as_ptr(), 0, KEY_READ, &raw mut opened) } {
        ERROR_FILE_NOT_FOUND | ERROR_ACCESS_DENIED => return Ok(Vec::new()),
        code => refused(place, code)?,
    }
    let names = names_in(place, opened);
    // SAFETY: the key was opened above and is used no more.
    unsafe { RegCloseKey(opened) };
    names
}

fn names_in(place: &str, opened: HKEY) -> Result<Vec<String>, Skipped> {
    let mut names = Vec::new();
    loop {
        let mut name = [0u16; NAME_ROOM];
        let mut length = name.len() as u32;
        // SAFETY: the key is open, the buffer is as long as said; the other pointers may be NULL.
        let code = unsafe {
            RegEnumKeyExW(
                opened,
                names.len() as u32,
                name.as_mut_ptr(),
                &raw mut length,
                null(),
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        match code {
            ERROR_NO_MORE_ITEMS => return Ok(names),
            code => refused(place, code)?,
        }
        let units = name.get(..length as usize).unwrap_or_default();
        names.push(String::from_utf16_lossy(units));
    }
}

/// Room for the name of a registry key in UTF-16 units: 255 and the NUL.
const NAME_ROOM: usize = 256;

/// A text value of a key; None when it has no such value.
fn text_value(place: &str, name: &str) -> Result<Option<String>, Skipped> {
    let (root, path) = split(place);
    let (path, name) = (wide(path), wide(name));
    let mut buffer = vec![0u16; NAME_ROOM];
    loop {
        let mut length = (buffer.len() * 2) as u32;
        // SAFETY: the root is a predefined key, the strings are terminated, the buffer is as long as said.
        let code = unsafe {
            RegGetValueW(
                root,
                path.as_ptr(),
                name.as_ptr(),
                RRF_RT_REG_SZ,
                null_mut(),
                buffer.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        match code {
            ERROR_FILE_NOT_FOUND => return Ok(None),
            ERROR_MORE_DATA if length as usize > buffer.len() * 2 => {
                buffer.resize((length as usize).div_ceil(2), 0);
            }
            code => {
                refused(place, code)?;
                let end = buffer.iter().position(|unit| *unit == 0);
                let units = &buffer[..end.unwrap_or(buffer.len())];
                return Ok(Some(String::from_utf16_lossy(units)));
            }
        }
    }
}

/// The predefined key of a path, and the rest of it.
fn split(place: &str) -> (HKEY, &str) {
    let (root, path) = place.split_once('\\').unwrap_or((place, ""));
    match root {
        "HKEY_USERS" => (HKEY_USERS, path),
        _ => (HKEY_LOCAL_MACHINE, path),
    }
}

fn refused(place: &str, code: u32) -> Result<(), Skipped> {
    match code {
        ERROR_SUCCESS => Ok(()),
        code => Err(Skipped::Place {
            place: place.to_owned(),
            cause: io::Error::from_raw_os_error(code as i32),
        }),
    }
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
