//! The calling thread's last error, which `GetLastError` reads and `SetLastError` writes.

use std::cell::Cell;

thread_local! {
    static LAST_ERROR: Cell<u32> = const { Cell::new(0) };
}

/// The code last set by this thread, 0 when none was.
pub(crate) fn last() -> u32 {
    // A thread that is ending may call in after its storage went; it then sees no error.
    LAST_ERROR.try_with(Cell::get).unwrap_or(0)
}

/// Sets the code for this thread.
pub(crate) fn set(code: u32) {
    let _ = LAST_ERROR.try_with(|cell| cell.set(code));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_its_own_code() {
        set(5);
        std::thread::spawn(|| {
            assert_eq!(last(), 0);
            set(6);
        })
        .join()
        .expect("the thread asserts and ends");
        assert_eq!(last(), 5);
    }
}
