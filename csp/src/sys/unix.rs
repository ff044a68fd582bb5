//! Unix: user and group ids stand for SIDs, C strings are UTF-8, and the last error is a variable of each thread, which the
//! layer above reads through `CSPGetLastError`.

use std::cell::Cell;
use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::ptr;

use crate::security::{Descriptor, Right};
use crate::sid::Sid;

/// Authority under which Samba writes Unix users and groups as SIDs: S-1-22-1-uid, S-1-22-2-gid.
const UNIX_AUTHORITY: u64 = 22;

/// SID of the effective user.
pub(crate) fn user_sid() -> Sid {
    // SAFETY: geteuid has no arguments and always succeeds.
    unix_sid(1, unsafe { libc::geteuid() })
}

/// SID of the effective group.
pub(crate) fn group_sid() -> Sid {
    // SAFETY: getegid has no arguments and always succeeds.
    unix_sid(2, unsafe { libc::getegid() })
}

fn unix_sid(class: u32, id: u32) -> Sid {
    Sid::new(UNIX_AUTHORITY, &[class, id]).unwrap_or_else(|_| Sid::everyone())
}

/// Whether this is the superuser.
pub(crate) fn is_administrator() -> bool {
    // SAFETY: geteuid has no arguments and always succeeds.
    unsafe { libc::geteuid() == 0 }
}

/// Login name of the effective user, or `uid<number>` when the system has none for him.
pub(crate) fn user_name() -> String {
    // SAFETY: geteuid has no arguments and always succeeds.
    let uid = unsafe { libc::geteuid() };
    let mut buffer = vec![0; 16 * 1024];
    // SAFETY: passwd is made of integers and pointers, for all of which zero is a value.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let mut found = ptr::null_mut();
    // SAFETY: every pointer leads to a live local, and the length is the buffer's.
    let code = unsafe {
        libc::getpwuid_r(
            uid,
            &raw mut entry,
            buffer.as_mut_ptr(),
            buffer.len(),
            &raw mut found,
        )
    };
    if code != 0 || found.is_null() || entry.pw_name.is_null() {
        return format!("uid{uid}");
    }
    // SAFETY: getpwuid_r found an entry, so pw_name is a NUL-terminated string inside `buffer`, which is alive.
    unsafe { CStr::from_ptr(entry.pw_name) }
        .to_string_lossy()
        .into_owned()
}

/// Name of this machine.
pub(crate) fn host_name() -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer is as long as said, less a byte that stays zero to end the name.
    let code = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    match CStr::from_bytes_until_nul(&buffer) {
        Ok(name) if code == 0 && !name.is_empty() => name.to_string_lossy().into_owned(),
        _ => "localhost".to_owned(),
    }
}

/// Text of a C string in the encoding of the A functions.
pub(crate) fn decode_ansi(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// The bytes of a C string in the encoding of the A functions, without the NUL.
pub(crate) fn encode_ansi(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// Gives a file the mode that comes next to a security descriptor: its owner reads and writes, and so do all others as far as
/// everyone may. The superuser, who stands for the administrators and the local system, needs no bits.
///
/// # Errors
/// The system's, when neither the file's owner nor the superuser asks.
pub(crate) fn protect(path: &Path, descriptor: &Descriptor) -> io::Result<()> {
    let mode = [(Right::Read, 0o644), (Right::Write, 0o622)]
        .into_iter()
        .filter(|(right, _)| descriptor.allows_everyone(*right))
        .fold(0o600, |mode, (_, bits)| mode | bits);
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Nothing to do: a shared object with live handles is not unloaded by the layer above.
pub(crate) fn pin_library() {}

thread_local! {
    static LAST_ERROR: Cell<u32> = const { Cell::new(0) };
}

/// Sets the calling thread's last error.
pub(crate) fn set_last_error(code: u32) {
    LAST_ERROR.set(code);
}

/// The calling thread's last error.
pub(crate) fn last_error() -> u32 {
    LAST_ERROR.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;

    #[test]
    fn the_mode_of_a_file_follows_what_everyone_may() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mode_of = |descriptor: &Descriptor| {
            protect(file.path(), descriptor).unwrap();
            file.as_file().metadata().unwrap().permissions().mode() & 0o7777
        };
        let new = Descriptor::of_new_container(&Identity::from_process().unwrap(), false);
        assert_eq!(mode_of(&new), 0o644);
        // The same header as in Microsoft's description, with an ACL of no entries, and with none.
        let mut bytes = [
            &[1, 0, 4, 0x80][..],
            &[0; 12],
            &[20, 0, 0, 0],
            &[2, 0, 8, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(mode_of(&Descriptor::decode(&bytes).unwrap()), 0o600);
        bytes[16] = 0;
        assert_eq!(mode_of(&Descriptor::decode(&bytes).unwrap()), 0o666);
    }
}
