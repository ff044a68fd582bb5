//! The data of a command in its several types (`M_PlainText`).

use ncore::Status;
use ncore::types::{
    Bignum, PlainText, PlainTextType, PlainTextTypeBignumData, PlainTextTypeBytesData,
    PlainTextTypeData, PlainTextTypeHash16Data, PlainTextTypeHash24Data, PlainTextTypeHash28Data,
    PlainTextTypeHash32Data, PlainTextTypeHash48Data, PlainTextTypeHash64Data,
    PlainTextTypeHashData,
};
use zeroize::Zeroizing;

use super::hash::Hash;

/// The bytes of byte data and of every hash type.
///
/// # Errors
/// `TypeMismatch` for numbers and curve points, which are no byte strings.
pub(super) fn bytes(plain: &PlainText) -> Result<Zeroizing<Vec<u8>>, Status> {
    let bytes: &[u8] = match &plain.data {
        PlainTextTypeData::Bytes(body) => &body.data,
        other => hash_bytes(other).ok_or(Status::TypeMismatch)?,
    };
    Ok(Zeroizing::new(bytes.to_vec()))
}

/// The digest in a hash type and the function it is of; `None` for the other types and for 24 bytes, for which this
/// module has no function.
pub(super) fn digest(plain: &PlainText) -> Option<(Hash, &[u8])> {
    let bytes = hash_bytes(&plain.data)?;
    Some((Hash::of_length(bytes.len())?, bytes))
}

/// Result bytes in the type the caller asked for.
///
/// # Errors
/// `InvalidParameter` for a type that cannot carry bytes, `DecryptFailed` for a hash type of another length.
pub(super) fn reply(bytes: &[u8], wanted: PlainTextType) -> Result<PlainText, Status> {
    fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Status> {
        bytes.try_into().map_err(|_| Status::DecryptFailed)
    }
    let data = match wanted {
        PlainTextType::Bytes => PlainTextTypeData::Bytes(PlainTextTypeBytesData {
            data: bytes.to_vec(),
        }),
        PlainTextType::Hash => PlainTextTypeData::Hash(PlainTextTypeHashData {
            data: array(bytes)?,
        }),
        PlainTextType::Hash16 => PlainTextTypeData::Hash16(PlainTextTypeHash16Data {
            data: array(bytes)?,
        }),
        PlainTextType::Hash24 => PlainTextTypeData::Hash24(PlainTextTypeHash24Data {
            data: array(bytes)?,
        }),
        PlainTextType::Hash28 => PlainTextTypeData::Hash28(PlainTextTypeHash28Data {
            data: array(bytes)?,
        }),
        PlainTextType::Hash32 => PlainTextTypeData::Hash32(PlainTextTypeHash32Data {
            data: array(bytes)?,
        }),
        PlainTextType::Hash48 => PlainTextTypeData::Hash48(PlainTextTypeHash48Data {
            data: array(bytes)?,
        }),
        PlainTextType::Hash64 => PlainTextTypeData::Hash64(PlainTextTypeHash64Data {
            data: array(bytes)?,
        }),
        _ => return Err(Status::InvalidParameter),
    };
    Ok(PlainText {
        type_: wanted,
        data,
    })
}

/// A number as data.
pub(super) fn reply_number(number: Bignum) -> PlainText {
    let data = PlainTextTypeData::Bignum(PlainTextTypeBignumData { m: number });
    PlainText {
        type_: PlainTextType::Bignum,
        data,
    }
}

fn hash_bytes(data: &PlainTextTypeData) -> Option<&[u8]> {
    Some(match data {
        PlainTextTypeData::Hash(body) => &body.data,
        PlainTextTypeData::Hash16(body) => &body.data,
        PlainTextTypeData::Hash24(body) => &body.data,
        PlainTextTypeData::Hash28(body) => &body.data,
        PlainTextTypeData::Hash32(body) => &body.data,
        PlainTextTypeData::Hash48(body) => &body.data,
        PlainTextTypeData::Hash64(body) => &body.data,
        _ => return None,
    })
}
