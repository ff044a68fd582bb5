//! The dynamic loader: finding the built-in providers' image and binding an image's entry points.

// The loader's functions are C's.
#![allow(unsafe_code)]

use std::{
    collections::HashMap,
    ffi::{CStr, OsStr, c_void},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
};

use libloading::Library;

use crate::{
    codes::{NTE_PROV_DLL_NOT_FOUND, NTE_PROVIDER_DLL_FAIL},
    registry::{IMAGE_NAME, IMAGE_VARIABLE, Source},
    table::Table,
};

/// The entry points behind a registration, loading its image the first time.
///
/// A missing file is `NTE_PROV_DLL_NOT_FOUND`; one that does not load, or lacks an entry point, is
/// `NTE_PROVIDER_DLL_FAIL` (CRYPTSPI 1.2).
pub(crate) fn entry_points(source: &Source) -> Result<Table, u32> {
    match source {
        Source::Table(table) => Ok(**table),
        Source::Image(path) => image(path),
        Source::BuiltIn => match std::env::var_os(IMAGE_VARIABLE) {
            Some(path) if !path.is_empty() => image(Path::new(&path)),
            _ => image(&beside_this_library().ok_or(NTE_PROV_DLL_NOT_FOUND)?),
        },
    }
}

/// Images that were loaded. They are never unloaded: a provider may have threads, and an
/// application may hold handles at any time.
static IMAGES: LazyLock<Mutex<HashMap<PathBuf, (Library, Table)>>> = LazyLock::new(Mutex::default);

fn image(path: &Path) -> Result<Table, u32> {
    let mut images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, table)) = images.get(path) {
        return Ok(*table);
    }
    if !path.exists() {
        return Err(NTE_PROV_DLL_NOT_FOUND);
    }
    // SAFETY: running the initialisers of a registered image is what its registration, or the
    // setter of the environment variable, asked for.
    let library = unsafe { Library::new(path) }.map_err(|_| NTE_PROVIDER_DLL_FAIL)?;
    let table = bind(&library).ok_or(NTE_PROVIDER_DLL_FAIL)?;
    images.insert(path.to_path_buf(), (library, table));
    Ok(table)
}

/// The table of an image, if it exports all that it must. The pointers stay valid as long as the
/// library stays loaded.
fn bind(library: &Library) -> Option<Table> {
    /// An export as a function pointer of the field's type.
    fn export<F: Copy>(library: &Library, name: &CStr) -> Option<F> {
        // SAFETY: that an export of this name has CryptoSPI's signature for it, which is the type
        // of the field it goes into, is the contract of a provider image.
        unsafe { library.get::<F>(name.to_bytes_with_nul()) }
            .ok()
            .map(|symbol| *symbol)
    }
    Some(Table {
        acquire_context: export(library, c"CPAcquireContext")?,
        release_context: export(library, c"CPReleaseContext")?,
        gen_key: export(library, c"CPGenKey")?,
        derive_key: export(library, c"CPDeriveKey")?,
        destroy_key: export(library, c"CPDestroyKey")?,
        set_key_param: export(library, c"CPSetKeyParam")?,
        get_key_param: export(library, c"CPGetKeyParam")?,
        set_prov_param: export(library, c"CPSetProvParam")?,
        get_prov_param: export(library, c"CPGetProvParam")?,
        set_hash_param: export(library, c"CPSetHashParam")?,
        get_hash_param: export(library, c"CPGetHashParam")?,
        export_key: export(library, c"CPExportKey")?,
        import_key: export(library, c"CPImportKey")?,
        encrypt: export(library, c"CPEncrypt")?,
        decrypt: export(library, c"CPDecrypt")?,
        create_hash: export(library, c"CPCreateHash")?,
        hash_data: export(library, c"CPHashData")?,
        hash_session_key: export(library, c"CPHashSessionKey")?,
        destroy_hash: export(library, c"CPDestroyHash")?,
        sign_hash: export(library, c"CPSignHash")?,
        verify_signature: export(library, c"CPVerifySignature")?,
        gen_random: export(library, c"CPGenRandom")?,
        get_user_key: export(library, c"CPGetUserKey")?,
        duplicate_key: export(library, c"CPDuplicateKey"),
        duplicate_hash: export(library, c"CPDuplicateHash"),
        last_error: export(library, c"CSPGetLastError")?,
    })
}

/// [`IMAGE_NAME`] in the folder of the file that holds this code: `libcryptoapi.so`, or the
/// executable that this crate is linked into.
fn beside_this_library() -> Option<PathBuf> {
    let here = beside_this_library as fn() -> Option<PathBuf> as *const c_void;
    // SAFETY: all fields of Dl_info are pointers, for which zero is a value.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is a valid place for the answer, and any address may be asked about.
    if unsafe { libc::dladdr(here, &raw mut info) } == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: dladdr answered, so dli_fname is a string that lives as long as this object is
    // loaded, and this code is running in it.
    let file = unsafe { CStr::from_ptr(info.dli_fname) };
    let file = Path::new(OsStr::from_bytes(file.to_bytes()));
    // The loader knows an executable by the word it was started with, which need not be a path.
    let file = file
        .canonicalize()
        .or_else(|_| std::env::current_exe())
        .ok()?;
    Some(file.parent()?.join(IMAGE_NAME))
}
