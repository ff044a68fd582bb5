//! What files in NVRAM and on cards have in common: a list, bytes, and what M_NVMemOpType does with them (PROTOCOL
//! sections 4.5 and 4.6).

use ncore::Status;
use ncore::types::{
    ACL, Act, ActDetails, ActNVMemOpPermsDetails as Perms, Action, FileInfo, NVMemOpType as Op,
    NVMemOpTypeGetACLOpRes, NVMemOpTypeOpRes, NVMemOpTypeOpVal as Value, NVMemOpTypeReadOpRes,
    NVMemRange, PermissionGroup,
};

use super::acl::Wanted;
use super::call::Call;

/// The name of a file (M_FileID): by habit ASCII, filled up with zeros.
pub(super) type FileId = [u8; 11];

/// No public source tells the status for a name that is not there; this one says the like of objects.
pub(super) const NO_SUCH_FILE: Status = Status::UnknownID;

/// A file as an operation reaches it.
pub(super) struct Area<'a> {
    /// Who may do what.
    pub(super) acl: &'a ACL,
    /// Its bytes.
    pub(super) data: &'a mut Vec<u8>,
    /// How many bytes it may have.
    pub(super) most: usize,
    /// The status for more.
    pub(super) full: Status,
}

/// What is asked of a file (M_NVMemOpType with its value).
pub(super) enum Asked<'a> {
    /// Its list.
    Acl,
    /// Its bytes.
    Read,
    /// Its end.
    Free,
    /// Another length.
    Resize(u32),
    /// A change of its bytes, and then perhaps the bytes as they are afterwards.
    Change {
        change: Change<'a>,
        perms: u32,
        step: Option<u32>,
        reads: bool,
    },
}

/// How the content of a file changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    /// Puts these bytes there.
    Write(&'a [u8]),
    /// Counts the number there (little-endian) up.
    Increase(u32),
    /// Counts it down.
    Decrease(u32),
    /// Sets the bits that are set here.
    SetBits(&'a [u8]),
    /// Clears the bits that are set here.
    ClearBits(&'a [u8]),
}

/// A part of a file that is known to be inside it: offsets of its first and last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) first: u32,
    pub(super) last: u32,
}

impl<'a> Asked<'a> {
    /// What the operation asks: UnknownParameter if it is none, or its value is another one's.
    pub(super) fn of(op: Op, value: &'a Value) -> Result<Asked<'a>, Status> {
        let (change, perms, step) = match (op, value) {
            (Op::GetACL, _) => return Ok(Asked::Acl),
            (Op::Read, _) => return Ok(Asked::Read),
            (Op::Free, _) => return Ok(Asked::Free),
            (_, Value::Resize(value)) => return Ok(Asked::Resize(value.size)),
            (_, Value::Write(value)) => (Change::Write(&value.data), Perms::WRITE, None),
            (_, Value::Incr(value)) => {
                let step = value.count;
                (Change::Increase(step), Perms::INCR, Some(step))
            }
            (_, Value::Decr(value)) => {
                let step = value.count;
                (Change::Decrease(step), Perms::DECR, Some(step))
            }
            (_, Value::BitSet(value)) => (Change::SetBits(&value.data), Perms::BIT_SET, None),
            (_, Value::BitClear(value)) => (Change::ClearBits(&value.data), Perms::BIT_CLEAR, None),
            (_, Value::Empty) => return Err(Status::UnknownParameter),
        };
        let reads = matches!(
            op,
            Op::IncrRead | Op::DecrRead | Op::BitSetRead | Op::BitClearRead
        );
        let perms = if reads { perms | Perms::READ } else { perms };
        Ok(Asked::Change {
            change,
            perms,
            step,
            reads,
        })
    }

    /// Whether the file stays as it is.
    pub(super) fn only_looks(&self) -> bool {
        matches!(self, Asked::Acl | Asked::Read)
    }
}

impl Area<'_> {
    /// Does what is asked, if the file's list allows it. A file that is freed is for the caller to remove.
    pub(super) fn operate(
        self,
        call: &Call,
        asked: &Asked<'_>,
        range: Option<NVMemRange>,
    ) -> Result<NVMemOpTypeOpRes, Status> {
        let whole = |perms| Wanted::NvMem {
            perms,
            part: None,
            step: None,
        };
        match *asked {
            Asked::Acl => {
                call.permit_by(self.acl, &whole(Perms::GET_ACL))?;
                let acl = self.acl.clone();
                Ok(NVMemOpTypeOpRes::GetACL(NVMemOpTypeGetACLOpRes { acl }))
            }
            Asked::Free => {
                call.permit_by(self.acl, &whole(Perms::FREE))?;
                Ok(NVMemOpTypeOpRes::Empty)
            }
            Asked::Resize(size) => {
                call.permit_by(self.acl, &whole(Perms::RESIZE))?;
                let size = size as usize;
                match size {
                    0 => return Err(Status::InvalidParameter),
                    _ if size > self.most => return Err(self.full),
                    _ => self.data.resize(size, 0),
                }
                Ok(NVMemOpTypeOpRes::Empty)
            }
            Asked::Read => {
                let part = Part::of(self.data, range)?;
                call.permit_by(self.acl, &on(part, Perms::READ, None))?;
                read(self.data, part)
            }
            Asked::Change {
                change,
                perms,
                step,
                reads,
            } => {
                let part = Part::of(self.data, range)?;
                call.permit_by(self.acl, &on(part, perms, step))?;
                change.apply(part.of_mut(self.data)?)?;
                match reads {
                    true => read(self.data, part),
                    false => Ok(NVMemOpTypeOpRes::Empty),
                }
            }
        }
    }
}

/// An operation on a part of a file.
fn on(part: Part, perms: u32, step: Option<u32>) -> Wanted<'static> {
    Wanted::NvMem {
        perms,
        part: Some((part.first, part.last)),
        step,
    }
}

fn read(data: &[u8], part: Part) -> Result<NVMemOpTypeOpRes, Status> {
    let data = part.of_bytes(data)?.to_vec();
    Ok(NVMemOpTypeOpRes::Read(NVMemOpTypeReadOpRes { data }))
}

/// Checks what a command says of a file that it names: the length is the file's, or zero for whatever it is.
pub(super) fn check_length(info: &FileInfo, actual: usize) -> Result<(), Status> {
    match info.length as usize {
        0 => Ok(()),
        length if length == actual => Ok(()),
        _ => Err(Status::InvalidParameter),
    }
}

/// A list that lets anyone do anything with a file.
pub(super) fn for_anyone() -> ACL {
    let perms = Perms {
        perms: Perms::KNOWN_PERMS,
        ..Perms::default()
    };
    let action = Action {
        type_: Act::NVMemOpPerms,
        details: ActDetails::NVMemOpPerms(perms),
    };
    ACL {
        groups: vec![PermissionGroup {
            actions: vec![action],
            ..PermissionGroup::default()
        }],
    }
}

impl Part {
    /// The part that an operation is about: everything unless a range is named. OutOfRange if it is not inside.
    pub(super) fn of(data: &[u8], range: Option<NVMemRange>) -> Result<Part, Status> {
        let length = u32::try_from(data.len()).map_err(|_| Status::OutOfRange)?;
        let last = length.checked_sub(1).ok_or(Status::OutOfRange)?;
        let (first, last) = range.map_or((0, last), |range| (range.first, range.last));
        if first <= last && last < length {
            Ok(Part { first, last })
        } else {
            Err(Status::OutOfRange)
        }
    }

    /// Its bytes.
    pub(super) fn of_bytes(self, data: &[u8]) -> Result<&[u8], Status> {
        data.get(self.first as usize..=self.last as usize)
            .ok_or(Status::OutOfRange)
    }

    fn of_mut(self, data: &mut [u8]) -> Result<&mut [u8], Status> {
        data.get_mut(self.first as usize..=self.last as usize)
            .ok_or(Status::OutOfRange)
    }
}

impl Change<'_> {
    /// Changes these bytes. OutOfRange, and no change, if a number leaves them; InvalidParameter if the change has more or
    /// fewer bytes.
    fn apply(self, bytes: &mut [u8]) -> Result<(), Status> {
        match self {
            Change::Write(new) => pairs(bytes, new)?.for_each(|(byte, new)| *byte = new),
            Change::SetBits(mask) => pairs(bytes, mask)?.for_each(|(byte, mask)| *byte |= mask),
            Change::ClearBits(mask) => pairs(bytes, mask)?.for_each(|(byte, mask)| *byte &= !mask),
            Change::Increase(step) => count(bytes, step, u8::overflowing_add)?,
            Change::Decrease(step) => count(bytes, step, u8::overflowing_sub)?,
        }
        Ok(())
    }
}

fn pairs<'a>(
    bytes: &'a mut [u8],
    other: &'a [u8],
) -> Result<impl Iterator<Item = (&'a mut u8, u8)>, Status> {
    if bytes.len() == other.len() {
        Ok(bytes.iter_mut().zip(other.iter().copied()))
    } else {
        Err(Status::InvalidParameter)
    }
}

/// Counts a little-endian number of any length up or down by `step`.
fn count(
    bytes: &mut [u8],
    step: u32,
    with_carry: impl Fn(u8, u8) -> (u8, bool),
) -> Result<(), Status> {
    let steps = step.to_le_bytes();
    let mut counted = bytes.to_vec();
    let mut carry = false;
    for (place, byte) in counted.iter_mut().enumerate() {
        let (sum, first) = with_carry(*byte, steps.get(place).copied().unwrap_or(0));
        let (sum, second) = with_carry(sum, carry.into());
        *byte = sum;
        carry = first || second;
    }
    if carry || steps.iter().skip(bytes.len()).any(|&rest| rest != 0) {
        return Err(Status::OutOfRange);
    }
    bytes.copy_from_slice(&counted);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_that_leaves_its_bytes_stays_as_it_was() {
        let check = |bytes: &[u8], change: Change<'_>| {
            let mut changed = bytes.to_vec();
            assert_eq!(change.apply(&mut changed), Err(Status::OutOfRange));
            assert_eq!(changed, bytes);
        };
        check(&[0xff, 0xff], Change::Increase(1));
        check(&[1, 0], Change::Increase(0x1_0000));
        check(&[1, 0], Change::Decrease(2));
        check(&[5], Change::Decrease(0x100));
    }

    #[test]
    fn bits_are_set_and_cleared_where_the_mask_has_them() {
        let mut bytes = [0b1010, 0xff];
        Change::SetBits(&[0b0101, 0]).apply(&mut bytes).unwrap();
        Change::ClearBits(&[0b0010, 0xf0])
            .apply(&mut bytes)
            .unwrap();
        assert_eq!(bytes, [0b1101, 0x0f]);
        let short = Change::SetBits(&[1]).apply(&mut bytes);
        assert_eq!(short, Err(Status::InvalidParameter));
    }

    #[test]
    fn a_part_is_inside_the_file() {
        let range = |first, last| Some(NVMemRange { first, last });
        assert_eq!(
            Part::of(&[0; 4], None),
            Ok(Part { first: 0, last: 3 }),
            "all of it"
        );
        assert_eq!(
            Part::of(&[0; 4], range(1, 3)),
            Ok(Part { first: 1, last: 3 })
        );
        for outside in [range(2, 1), range(3, 4), range(4, 4), range(0, u32::MAX)] {
            assert_eq!(
                Part::of(&[0; 4], outside.clone()),
                Err(Status::OutOfRange),
                "{outside:?}"
            );
        }
        assert_eq!(Part::of(&[], None), Err(Status::OutOfRange));
    }

    proptest! {
        /// Counting is what a machine word does, for as long as it fits.
        #[test]
        fn counting_is_arithmetic(start: u64, step: u32, up: bool) {
            let mut bytes = start.to_le_bytes();
            let (change, expected) = match up {
                true => (Change::Increase(step), start.checked_add(step.into())),
                false => (Change::Decrease(step), start.checked_sub(step.into())),
            };
            prop_assert_eq!(change.apply(&mut bytes).is_ok(), expected.is_some());
            prop_assert_eq!(bytes, expected.unwrap_or(start).to_le_bytes());
        }
    }
}
