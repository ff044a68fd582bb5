//! The codec: a reader that only shrinks, a writer that only grows, and the two traits every wire type has.
//!
//! A count or length is checked before anything is allocated: against the bytes that are left, and against what the
//! message as a whole may take in memory. So reading n bytes never allocates more than [`GROWTH`]` * n + `[`ALLOWANCE`]
//! bytes, whatever they are; the tests measure it. Errors name the command, the structure and the field.

use std::fmt;

use crate::bignum::BignumOrder;
use crate::profile::{NestAcl, WireProfile};
use crate::types::Cmd;

/// How many bytes of memory each byte read may take, beside [`ALLOWANCE`]. A vector's elements take more room in memory
/// than on the wire: an ordinary action of an ACL 14 times as much, one without details 28 times, most others less than 10.
pub const GROWTH: usize = 32;

/// Bytes of memory that any message may take: enough for every message of ordinary size, even one made of elements
/// without bodies, whose growth is largest.
pub const ALLOWANCE: usize = 64 * 1024;

/// The part of [`ALLOWANCE`] that is set aside for an error and its places.
const ERROR_ROOM: usize = 2048;

/// How deep structures may contain themselves. The only such structures are error details and module attributes, which
/// nest once or twice in practice.
const MAX_DEPTH: u32 = 8;

/// A type that can be written.
pub trait Encode {
    /// Appends the wire form.
    ///
    /// # Errors
    /// A tagged union whose body does not suit its tag, or a length above 32 bits.
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError>;

    /// Appends a vector of values: a count, then each.
    ///
    /// # Errors
    /// As [`Encode::encode`].
    fn encode_all(values: &[Self], w: &mut Writer<'_>) -> Result<(), EncodeError>
    where
        Self: Sized,
    {
        w.count(values.len())?;
        values.iter().try_for_each(|value| value.encode(w))
    }
}

/// A type that can be read.
pub trait Decode: Sized {
    /// The fewest bytes a value takes on the wire; bounds the count of a vector before it is read.
    const MIN_LEN: usize;

    /// Reads one value.
    ///
    /// # Errors
    /// Bytes that are not a value of this type.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads a vector of values.
    ///
    /// # Errors
    /// A count that the bytes that are left cannot hold, and as [`Decode::decode`].
    fn decode_all(r: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        let count = u32::decode(r)? as usize;
        let left = r.rest.len();
        if count > left / Self::MIN_LEN.max(1) {
            return Err(DecodeError::new(DecodeErrorKind::Count { count, left }));
        }
        r.charge(count.saturating_mul(size_of::<Self>()))?;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(Self::decode(r)?);
        }
        Ok(values)
    }
}

/// Appends wire forms to a buffer.
#[derive(Debug)]
pub struct Writer<'p> {
    profile: &'p WireProfile,
    order: BignumOrder,
    out: Vec<u8>,
}

impl<'p> Writer<'p> {
    /// An empty buffer.
    pub fn new(profile: &'p WireProfile) -> Self {
        Self::over(profile, Vec::new())
    }

    /// Appends to `out`.
    pub fn over(profile: &'p WireProfile, out: Vec<u8>) -> Self {
        Self {
            profile,
            order: BignumOrder::default(),
            out,
        }
    }

    /// Writes big numbers in `order`.
    #[must_use]
    pub fn with_bignum_order(mut self, order: BignumOrder) -> Self {
        self.order = order;
        self
    }

    /// The wire profile.
    pub fn profile(&self) -> &'p WireProfile {
        self.profile
    }

    /// The order of big numbers.
    pub fn bignum_order(&self) -> BignumOrder {
        self.order
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends a count or length as a word.
    ///
    /// # Errors
    /// The number does not fit 32 bits.
    pub fn count(&mut self, count: usize) -> Result<(), EncodeError> {
        let word = u32::try_from(count).map_err(|_| EncodeError {
            command: None,
            place: "",
            kind: EncodeErrorKind::TooLong,
        })?;
        word.encode(self)
    }

    /// What has been written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// The number of bytes in the buffer.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// What has been written from the place `start` on.
    pub(crate) fn since(&mut self, start: usize) -> &mut [u8] {
        &mut self.out[start..]
    }

    /// Appends `count` zero bytes.
    pub(crate) fn zeros(&mut self, count: usize) {
        self.out.resize(self.out.len() + count, 0);
    }

    fn block(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.count(bytes.len())?;
        self.padded(bytes);
        Ok(())
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.raw(bytes);
        self.zeros(padding(bytes.len()));
    }
}

/// Reads wire forms from the front of a message.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    profile: &'a WireProfile,
    order: BignumOrder,
    depth: u32,
    /// Bytes that may still be allocated.
    budget: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`.
    pub fn new(bytes: &'a [u8], profile: &'a WireProfile) -> Self {
        Self {
            rest: bytes,
            profile,
            order: BignumOrder::default(),
            depth: 0,
            budget: (bytes.len().saturating_mul(GROWTH - 1)).saturating_add(ALLOWANCE - ERROR_ROOM),
        }
    }

    /// Reads big numbers in `order`.
    #[must_use]
    pub fn with_bignum_order(mut self, order: BignumOrder) -> Self {
        self.order = order;
        self
    }

    /// The wire profile.
    pub fn profile(&self) -> &'a WireProfile {
        self.profile
    }

    /// The order of big numbers.
    pub fn bignum_order(&self) -> BignumOrder {
        self.order
    }

    /// The bytes that are left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the next `len` bytes.
    ///
    /// # Errors
    /// Fewer bytes are left.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(DecodeError::new(DecodeErrorKind::Truncated {
                needed: len,
                left: self.rest.len(),
            }));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// Takes everything that is left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Accounts for an allocation that is about to be made. One that has no more bytes than it takes from the message, as
    /// a byte block does, needs no account: a part of the growth is set aside for these.
    ///
    /// # Errors
    /// The message would take more memory than one of its length may.
    pub fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        match self.budget.checked_sub(bytes) {
            Some(budget) => {
                self.budget = budget;
                Ok(())
            }
            None => Err(DecodeError::new(DecodeErrorKind::TooMuch { bytes })),
        }
    }

    /// Reads a length word and checks it against the bytes that are left.
    ///
    /// # Errors
    /// No word, or a length beyond the end.
    pub fn length(&mut self) -> Result<usize, DecodeError> {
        let len = u32::decode(self)? as usize;
        if len > self.rest.len() {
            return Err(DecodeError::new(DecodeErrorKind::Truncated {
                needed: len,
                left: self.rest.len(),
            }));
        }
        Ok(len)
    }

    /// Reads a value that may contain another of its own kind.
    ///
    /// # Errors
    /// What `read` gives, and too deep a nesting.
    pub fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.depth == MAX_DEPTH {
            return Err(DecodeError::new(DecodeErrorKind::TooDeep));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// Bytes are left.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(DecodeError::new(DecodeErrorKind::Trailing { left })),
        }
    }

    fn block(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.length()?;
        self.padded(len)
    }

    fn padded(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let bytes = self.take(len)?;
        self.take(padding(len))?;
        Ok(bytes)
    }
}

/// Writes one value into a buffer of its own, big numbers in the plain order.
///
/// # Errors
/// As [`Encode::encode`].
pub fn to_bytes<T: Encode>(value: &T, profile: &WireProfile) -> Result<Vec<u8>, EncodeError> {
    let mut w = Writer::new(profile);
    value.encode(&mut w)?;
    Ok(w.into_bytes())
}

/// Reads one value that takes all of `bytes`, big numbers in the plain order.
///
/// # Errors
/// As [`Decode::decode`], and bytes left over.
pub fn from_bytes<T: Decode>(bytes: &[u8], profile: &WireProfile) -> Result<T, DecodeError> {
    let mut r = Reader::new(bytes, profile);
    let value = T::decode(&mut r)?;
    r.finish()?;
    Ok(value)
}

/// A value the vendor calls nested: carried in a byte block, or inline, as the wire profile says (open point M1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nested<T>(pub T);

/// A value with a presence word of its own, 0 or 1 (open point M2). Boxed, since it may contain its own kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opt<T>(pub Option<Box<T>>);

impl<T> Default for Opt<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// A value that cannot be written: a fault of the program that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeError {
    command: Option<Cmd>,
    place: &'static str,
    kind: EncodeErrorKind,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum EncodeErrorKind {
    #[error("the body is not the one its tag selects")]
    WrongArm,
    #[error("longer than a length word can say")]
    TooLong,
    #[error("a message of {len} bytes, at most {max} can be sent")]
    Message { len: usize, max: usize },
}

impl EncodeError {
    pub(crate) fn wrong_arm(union: &'static str) -> Self {
        Self {
            command: None,
            place: union,
            kind: EncodeErrorKind::WrongArm,
        }
    }

    pub(crate) fn message_too_long(command: Cmd, len: usize, max: usize) -> Self {
        Self {
            command: Some(command),
            place: "",
            kind: EncodeErrorKind::Message { len, max },
        }
    }

    /// Names the field that was being written, unless a place is named already.
    #[must_use]
    pub(crate) fn at(mut self, place: &'static str) -> Self {
        if self.place.is_empty() {
            self.place = place;
        }
        self
    }

    /// Names the command that was being written, or whose reply was.
    #[must_use]
    pub(crate) fn in_message(mut self, command: Cmd) -> Self {
        self.command = Some(command);
        self
    }

    /// The command that was being written, or whose reply was; `None` for a value by itself.
    pub fn command(&self) -> Option<Cmd> {
        self.command
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(command) = self.command {
            write!(f, "{command}: ")?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}", self.kind)
    }
}

impl std::error::Error for EncodeError {}

/// Bytes that are not a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    command: Option<Cmd>,
    /// Structure and field, the outermost last.
    places: Vec<&'static str>,
    kind: DecodeErrorKind,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// A value or a length reaches beyond the end.
    #[error("needs {needed} bytes, {left} are left")]
    Truncated {
        /// Bytes needed.
        needed: usize,
        /// Bytes left.
        left: usize,
    },
    /// Bytes are left after the message.
    #[error("{left} bytes left over")]
    Trailing {
        /// Bytes left.
        left: usize,
    },
    /// A vector counts more elements than the bytes that are left can hold.
    #[error("counts {count} elements, {left} bytes are left")]
    Count {
        /// Elements counted.
        count: usize,
        /// Bytes left.
        left: usize,
    },
    /// The message would take more memory than one of its length may.
    #[error("{bytes} bytes of memory, more than a message of this length may take")]
    TooMuch {
        /// Bytes that were about to be allocated.
        bytes: usize,
    },
    /// A big number's length is not a multiple of 4.
    #[error("a big number of {0} bytes")]
    BignumLength(usize),
    /// A string without its zero byte, or not UTF-8.
    #[error("not a string")]
    String,
    /// A word that must be zero is not.
    #[error("not zero")]
    NotZero,
    /// A presence word other than 0 and 1.
    #[error("a presence word of {0}")]
    Presence(u32),
    /// Structures nested too deep.
    #[error("nested too deep")]
    TooDeep,
}

impl DecodeError {
    fn new(kind: DecodeErrorKind) -> Self {
        Self {
            command: None,
            places: Vec::new(),
            kind,
        }
    }

    pub(crate) fn not_zero(place: &'static str) -> Self {
        Self::new(DecodeErrorKind::NotZero).at(place)
    }

    pub(crate) fn bignum_length(len: usize) -> Self {
        Self::new(DecodeErrorKind::BignumLength(len))
    }

    /// Adds the field that was being read.
    #[must_use]
    pub(crate) fn at(mut self, place: &'static str) -> Self {
        self.places.push(place);
        self
    }

    /// Names the command that was being read, or whose reply was.
    #[must_use]
    pub(crate) fn in_message(mut self, command: Cmd) -> Self {
        self.command = Some(command);
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> &DecodeErrorKind {
        &self.kind
    }

    /// The command that was being read, or whose reply was; `None` for a value by itself, and in a header.
    pub fn command(&self) -> Option<Cmd> {
        self.command
    }

    /// The innermost structure and field, as `Cmd_Sign_Args.key`; empty where none was entered.
    pub fn field(&self) -> &'static str {
        self.places.first().copied().unwrap_or_default()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(command) = self.command {
            write!(f, "{command}: ")?;
        }
        for place in self.places.iter().rev() {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", self.kind)
    }
}

impl std::error::Error for DecodeError {}

fn padding(len: usize) -> usize {
    len.next_multiple_of(4) - len
}

impl Encode for u32 {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.raw(&self.to_le_bytes());
        Ok(())
    }
}

impl Decode for u32 {
    const MIN_LEN: usize = 4;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        <[u8; 4]>::decode(r).map(Self::from_le_bytes)
    }
}

impl Encode for u64 {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.raw(&self.to_le_bytes());
        Ok(())
    }
}

impl Decode for u64 {
    const MIN_LEN: usize = 8;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        <[u8; 8]>::decode(r).map(Self::from_le_bytes)
    }
}

/// Sizes of the two fixed arrays that are not a whole number of words (PROTOCOL section 1.5).
const FILE_ID: usize = 11;
const SHORT_HASH: usize = 10;

fn is_padded_array(size: usize, profile: &WireProfile) -> bool {
    size == FILE_ID && profile.pad_fileid || size == SHORT_HASH && profile.pad_shorthash
}

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        if is_padded_array(N, w.profile) {
            w.padded(self)
        } else {
            w.raw(self)
        }
        Ok(())
    }
}

impl<const N: usize> Decode for [u8; N] {
    const MIN_LEN: usize = N;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes = if is_padded_array(N, r.profile) {
            r.padded(N)?
        } else {
            r.take(N)?
        };
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }
}

/// A byte stands in vectors only: a vector of bytes is a byte block.
impl Encode for u8 {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.raw(&[*self]);
        Ok(())
    }

    fn encode_all(values: &[Self], w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.block(values)
    }
}

impl Decode for u8 {
    const MIN_LEN: usize = 1;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        <[Self; 1]>::decode(r).map(|[byte]| byte)
    }

    fn decode_all(r: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        r.block().map(<[Self]>::to_vec)
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        T::encode_all(self, w)
    }
}

impl<T: Decode> Decode for Vec<T> {
    const MIN_LEN: usize = 4;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::decode_all(r)
    }
}

impl Encode for String {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        let len = self.len() + 1;
        w.count(len)?;
        w.raw(self.as_bytes());
        w.zeros(1 + padding(len));
        Ok(())
    }
}

impl Decode for String {
    const MIN_LEN: usize = 4;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes = r.block()?;
        let text = bytes
            .split_last()
            .filter(|(last, _)| **last == 0)
            .map(|(_, text)| text);
        let text = text.and_then(|text| std::str::from_utf8(text).ok());
        text.map(str::to_owned)
            .ok_or_else(|| DecodeError::new(DecodeErrorKind::String))
    }
}

impl<T: Encode> Encode for Nested<T> {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        match w.profile.nest_acl {
            NestAcl::Inline => self.0.encode(w),
            NestAcl::ByteBlock => {
                w.count(0)?;
                let start = w.len();
                self.0.encode(w)?;
                let len = w.len() - start;
                let word = u32::try_from(len).map_err(|_| EncodeError {
                    command: None,
                    place: "",
                    kind: EncodeErrorKind::TooLong,
                })?;
                w.since(start - 4)[..4].copy_from_slice(&word.to_le_bytes());
                w.zeros(padding(len));
                Ok(())
            }
        }
    }
}

impl<T: Decode> Decode for Nested<T> {
    const MIN_LEN: usize = 4;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.profile.nest_acl {
            NestAcl::Inline => T::decode(r).map(Self),
            NestAcl::ByteBlock => {
                let mut inner = Reader {
                    rest: r.block()?,
                    ..r.clone()
                };
                let value = T::decode(&mut inner)?;
                r.budget = inner.budget;
                inner.finish()?;
                Ok(Self(value))
            }
        }
    }
}

impl<T: Encode> Encode for Opt<T> {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        u32::from(self.0.is_some()).encode(w)?;
        self.0.as_ref().map_or(Ok(()), |value| value.encode(w))
    }
}

impl<T: Decode> Decode for Opt<T> {
    const MIN_LEN: usize = 4;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u32::decode(r)? {
            0 => Ok(Self(None)),
            1 => r.deeper(|r| Box::decode(r).map(|value| Self(Some(value)))),
            word => Err(DecodeError::new(DecodeErrorKind::Presence(word))),
        }
    }
}

impl<T: Encode> Encode for Box<T> {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        (**self).encode(w)
    }
}

impl<T: Decode> Decode for Box<T> {
    const MIN_LEN: usize = T::MIN_LEN;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.charge(size_of::<T>())?;
        T::decode(r).map(Self::new)
    }
}
