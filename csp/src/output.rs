//! The rule by which every CryptSPI function hands out data of variable size (CRYPTSPI section 2): a NULL buffer asks for
//! the size, a short one gets ERROR_MORE_DATA and the size, success stores the size written.

use crate::error::{CspError, Result};

/// A caller's buffer and the length variable beside it.
#[derive(Debug)]
pub struct Output<'a> {
    buffer: Option<&'a mut [u8]>,
    length: &'a mut u32,
}

impl<'a> Output<'a> {
    /// `buffer` is as long as `length` said at the call, or absent when the caller passed NULL.
    pub fn new(buffer: Option<&'a mut [u8]>, length: &'a mut u32) -> Output<'a> {
        Output { buffer, length }
    }

    /// Whether the caller asks for the size alone.
    pub fn is_query(&self) -> bool {
        self.buffer.is_none()
    }

    /// Asks for room before the work that fills it. `None` means that a size query was answered and nothing is left to do;
    /// else exactly `size` bytes, whose number is stored.
    ///
    /// # Errors
    /// `ERROR_MORE_DATA` when the buffer is too small; the size is stored.
    pub fn reserve(self, size: usize) -> Result<Option<&'a mut [u8]>> {
        *self.length = dword(size)?;
        match self.buffer {
            None => Ok(None),
            Some(buffer) => buffer
                .get_mut(..size)
                .map(Some)
                .ok_or(CspError::ERROR_MORE_DATA),
        }
    }

    /// Hands out a value that is at hand.
    ///
    /// # Errors
    /// As [`Output::reserve`].
    pub fn put(self, value: &[u8]) -> Result<()> {
        if let Some(room) = self.reserve(value.len())? {
            room.copy_from_slice(value);
        }
        Ok(())
    }

    /// The caller's whole buffer, for a value of which he has as much as he wants and no size is told.
    ///
    /// # Errors
    /// `ERROR_INVALID_PARAMETER` for NULL.
    pub fn whole(self) -> Result<&'a mut [u8]> {
        self.buffer.ok_or(CspError::ERROR_INVALID_PARAMETER)
    }

    /// Hands out a DWORD.
    ///
    /// # Errors
    /// As [`Output::reserve`].
    pub fn put_dword(self, value: u32) -> Result<()> {
        self.put(&value.to_le_bytes())
    }

    /// Hands out a count of 64 bits, or of 32 into a buffer that has no room for more. A query is told the former.
    ///
    /// # Errors
    /// As [`Output::reserve`]; a count that the shorter form does not hold needs the longer one.
    pub fn put_count(self, count: u64) -> Result<()> {
        let room = self.buffer.as_ref().map_or(8, |buffer| buffer.len());
        match u32::try_from(count) {
            Ok(count) if (4..8).contains(&room) => self.put_dword(count),
            _ => self.put(&count.to_le_bytes()),
        }
    }

    /// Hands out one of several values of different sizes, as enumerations do: a query, or a buffer too small for this
    /// value, is told `largest`. Returns whether the value was taken.
    ///
    /// # Errors
    /// `ERROR_MORE_DATA` when the buffer is too small for the value.
    pub fn put_item(self, item: &[u8], largest: usize) -> Result<bool> {
        match self.buffer {
            Some(buffer) if buffer.len() >= item.len() => {
                buffer[..item.len()].copy_from_slice(item);
                Ok(true)
            }
            buffer => {
                *self.length = dword(largest)?;
                if buffer.is_none() {
                    Ok(false)
                } else {
                    Err(CspError::ERROR_MORE_DATA)
                }
            }
        }
    }

    /// Hands out a security descriptor, whose rule is its own: a NULL or short buffer gets the size, and the call succeeds
    /// with the last error ERROR_INSUFFICIENT_BUFFER, which is returned.
    ///
    /// # Errors
    /// `NTE_FAIL` for a value longer than a DWORD tells.
    pub fn put_descriptor(self, value: &[u8]) -> Result<Option<CspError>> {
        *self.length = dword(value.len())?;
        match self.buffer.and_then(|buffer| buffer.get_mut(..value.len())) {
            Some(room) => {
                room.copy_from_slice(value);
                Ok(None)
            }
            None => Ok(Some(CspError::ERROR_INSUFFICIENT_BUFFER)),
        }
    }

    /// Stores a length without data.
    ///
    /// # Errors
    /// `NTE_FAIL` for a length that a DWORD cannot tell.
    pub fn set_length(self, length: usize) -> Result<()> {
        *self.length = dword(length)?;
        Ok(())
    }
}

/// A length as the caller's variable holds it.
fn dword(size: usize) -> Result<u32> {
    u32::try_from(size).map_err(|_| CspError::NTE_FAIL)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a call with a buffer of `room` bytes (`None`: NULL) sees: its result, the length stored and the buffer.
    fn call<T>(
        room: Option<usize>,
        act: impl FnOnce(Output<'_>) -> Result<T>,
    ) -> (Result<T>, u32, Vec<u8>) {
        let mut buffer = vec![0xee; room.unwrap_or(0)];
        let mut length = buffer.len() as u32;
        let result = act(Output::new(room.map(|_| &mut buffer[..]), &mut length));
        (result, length, buffer)
    }

    #[test]
    fn null_asks_for_the_size() {
        assert_eq!(call(None, |output| output.put(b"abc")), (Ok(()), 3, vec![]));
    }

    #[test]
    fn a_short_buffer_is_untouched_and_told_the_size() {
        let expected = (Err(CspError::ERROR_MORE_DATA), 3, vec![0xee; 2]);
        assert_eq!(call(Some(2), |output| output.put(b"abc")), expected);
        assert_eq!(
            call(Some(0), |output| output.put(b"abc")).0,
            Err(CspError::ERROR_MORE_DATA)
        );
    }

    #[test]
    fn success_stores_the_size_written() {
        assert_eq!(
            call(Some(4), |output| output.put(b"abc")),
            (Ok(()), 3, b"abc\xee".to_vec())
        );
        assert_eq!(
            call(Some(4), |output| output.put_dword(0x24)),
            (Ok(()), 4, vec![0x24, 0, 0, 0])
        );
    }

    #[test]
    fn a_count_is_as_wide_as_there_is_room() {
        let count = |room, count| call(room, |output| output.put_count(count));
        assert_eq!(count(None, 7), (Ok(()), 8, vec![]));
        assert_eq!(count(Some(8), 7).2, [7, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(count(Some(4), 7), (Ok(()), 4, vec![7, 0, 0, 0]));
        let refused = (Err(CspError::ERROR_MORE_DATA), 8);
        for (room, number) in [(3, 7), (4, 1 << 32)] {
            let (result, length, _) = count(Some(room), number);
            assert_eq!((result, length), refused);
        }
    }

    #[test]
    fn an_enumeration_leaves_the_length_alone_when_the_item_fits() {
        assert_eq!(
            call(Some(4), |output| output.put_item(b"a", 9)),
            (Ok(true), 4, b"a\xee\xee\xee".to_vec())
        );
        assert_eq!(
            call(None, |output| output.put_item(b"a", 9)),
            (Ok(false), 9, vec![])
        );
        assert_eq!(
            call(Some(1), |output| output.put_item(b"ab", 9)).0,
            Err(CspError::ERROR_MORE_DATA)
        );
        assert_eq!(call(Some(1), |output| output.put_item(b"ab", 9)).1, 9);
    }

    #[test]
    fn a_descriptor_that_does_not_fit_is_no_failure() {
        let told = Ok(Some(CspError::ERROR_INSUFFICIENT_BUFFER));
        assert_eq!(
            call(None, |output| output.put_descriptor(b"abc")),
            (told, 3, vec![])
        );
        assert_eq!(
            call(Some(2), |output| output.put_descriptor(b"abc")),
            (told, 3, vec![0xee; 2])
        );
        assert_eq!(
            call(Some(3), |output| output.put_descriptor(b"abc")),
            (Ok(None), 3, b"abc".to_vec())
        );
    }
}
