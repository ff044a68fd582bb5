//! Security descriptors of containers: what PP_KEYSET_SEC_DESCR shows and sets, and the check made before a container is
//! opened or changed.
//!
//! The binary form is Windows' self-relative SECURITY_DESCRIPTOR with its SIDs and ACL, on every system. System ACLs are
//! not kept: nothing here audits.

use crate::error::{CspError, Result};
use crate::identity::Identity;
use crate::sid::Sid;

/// One entry of a discretionary ACL: an allowed or denied mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ace {
    allow: bool,
    flags: u8,
    mask: u32,
    sid: Sid,
}

/// A security descriptor without a system ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    owner: Option<Sid>,
    group: Option<Sid>,
    /// None is the NULL ACL, which lets everyone do everything; an empty one lets nobody.
    dacl: Option<Vec<Ace>>,
}

/// What someone wants to do with a container, as file rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Right {
    /// FILE_READ_DATA: open it and use its keys.
    Read = 0x1,
    /// FILE_WRITE_DATA: put keys and certificates into it.
    Write = 0x2,
    /// DELETE.
    Delete = 0x1_0000,
    /// WRITE_DAC: replace the ACL.
    WriteDacl = 0x4_0000,
    /// WRITE_OWNER: replace owner and group.
    WriteOwner = 0x8_0000,
}

/// OWNER_SECURITY_INFORMATION: the owner is meant.
pub(crate) const OWNER: u32 = 0x1;
/// GROUP_SECURITY_INFORMATION.
pub(crate) const GROUP: u32 = 0x2;
/// DACL_SECURITY_INFORMATION.
pub(crate) const DACL: u32 = 0x4;
/// SACL_SECURITY_INFORMATION.
pub(crate) const SACL: u32 = 0x8;

/// Length of the fixed part of a descriptor in bytes.
pub(crate) const DESCRIPTOR_HEADER: usize = 20;
/// The longest descriptor that is read, in bytes: an ACL's length is a 16-bit number, the rest are three short SIDs.
pub(crate) const DESCRIPTOR_MAX: usize = 0x1_1000;

const SE_DACL_PRESENT: u16 = 0x0004;
const SE_SELF_RELATIVE: u16 = 0x8000;
const ACCESS_ALLOWED: u8 = 0;
const ACCESS_DENIED: u8 = 1;
const ACL_HEADER: usize = 8;
const FILE_ALL_ACCESS: u32 = 0x001f_01ff;
const FILE_GENERIC_READ: u32 = 0x0012_0089;
/// The generic rights and the file rights each stands for.
const GENERIC_RIGHTS: [(u32, u32); 4] = [
    (0x8000_0000, FILE_GENERIC_READ),
    (0x4000_0000, 0x0012_0116),
    (0x2000_0000, 0x0012_00a0),
    (0x1000_0000, FILE_ALL_ACCESS),
];

impl Descriptor {
    /// What a new container gets (CAPI guide, section 7): everyone reads; Administrators, and the user or for a machine
    /// container the local system, do everything.
    pub(crate) fn of_new_container(creator: &Identity, machine: bool) -> Descriptor {
        let allow = |mask, sid| Ace {
            allow: true,
            flags: 0,
            mask,
            sid,
        };
        let third = if machine {
            Sid::local_system()
        } else {
            creator.user.clone()
        };
        Descriptor {
            owner: Some(creator.user.clone()),
            group: Some(creator.group.clone()),
            dacl: Some(vec![
                allow(FILE_GENERIC_READ, Sid::everyone()),
                allow(FILE_ALL_ACCESS, Sid::administrators()),
                allow(FILE_ALL_ACCESS, third),
            ]),
        }
    }

    /// Whose it is.
    pub fn owner(&self) -> Option<&Sid> {
        self.owner.as_ref()
    }

    /// Whether the user has a right. As in Windows, the first entry that speaks of him and the right decides. The owner has
    /// every right: he could give himself any by replacing the ACL.
    pub(crate) fn allows(&self, user: &Identity, right: Right) -> bool {
        if self.owner.as_ref() == Some(&user.user) {
            return true;
        }
        self.grants(|sid| user.is(sid), right)
    }

    /// Whether everyone has a right, as far as the entries for everyone say.
    #[cfg(not(windows))]
    pub(crate) fn allows_everyone(&self, right: Right) -> bool {
        self.grants(|sid| *sid == Sid::everyone(), right)
    }

    fn grants(&self, speaks_of: impl Fn(&Sid) -> bool, right: Right) -> bool {
        match &self.dacl {
            None => true,
            Some(dacl) => dacl
                .iter()
                .find(|ace| speaks_of(&ace.sid) && file_rights(ace.mask) & right as u32 != 0)
                .is_some_and(|ace| ace.allow),
        }
    }

    /// Takes over the parts that `parts` names from another descriptor.
    pub(crate) fn replace(&mut self, parts: u32, from: Descriptor) {
        if parts & OWNER != 0 {
            self.owner = from.owner;
        }
        if parts & GROUP != 0 {
            self.group = from.group;
        }
        if parts & DACL != 0 {
            self.dacl = from.dacl;
        }
    }

    /// The self-relative form of the parts that `parts` names.
    pub(crate) fn encode(&self, parts: u32) -> Vec<u8> {
        let chosen =
            |part, sid: &Option<Sid>| sid.as_ref().filter(|_| parts & part != 0).map(Sid::encode);
        let owner = chosen(OWNER, &self.owner);
        let group = chosen(GROUP, &self.group);
        let dacl = self
            .dacl
            .as_ref()
            .filter(|_| parts & DACL != 0)
            .map(|aces| encode_acl(aces));
        let mut control = SE_SELF_RELATIVE;
        if parts & DACL != 0 {
            control |= SE_DACL_PRESENT;
        }
        let mut body = Vec::new();
        let mut place = |part: Option<Vec<u8>>| match part {
            None => 0u32,
            Some(part) => {
                let offset = DESCRIPTOR_HEADER + body.len();
                body.extend_from_slice(&part);
                offset as u32
            }
        };
        let (owner, group, dacl) = (place(owner), place(group), place(dacl));
        let mut bytes = vec![1, 0];
        bytes.extend_from_slice(&control.to_le_bytes());
        for offset in [owner, group, 0, dacl] {
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Reads a self-relative descriptor; bytes after its parts are no matter.
    ///
    /// # Errors
    /// `NTE_BAD_FLAGS`, which CPSetProvParam answers for data that is not valid: a part that is cut or damaged, an absolute
    /// descriptor, or an ACL entry that neither allows nor denies.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Descriptor> {
        decode(bytes).ok_or(CspError::NTE_BAD_FLAGS)
    }

    /// How many bytes a self-relative descriptor has, told by as much of it as was read so far: the answer is final when
    /// it is no more than `bytes` has. It never exceeds [`DESCRIPTOR_MAX`].
    ///
    /// # Errors
    /// As [`Descriptor::decode`].
    pub(crate) fn length_so_far(bytes: &[u8]) -> Result<usize> {
        length_so_far(bytes)
            .filter(|length| *length <= DESCRIPTOR_MAX)
            .ok_or(CspError::NTE_BAD_FLAGS)
    }
}

fn decode(bytes: &[u8]) -> Option<Descriptor> {
    let control = control(bytes)?;
    let part = |at| Some(offset(bytes, at)?).map(|offset| offset.map(|offset| bytes.get(offset..)));
    let sid = |at| match part(at)? {
        None => Some(None),
        Some(bytes) => Sid::decode(bytes?).map(Some),
    };
    let dacl = match part(16)? {
        Some(bytes) if control & SE_DACL_PRESENT != 0 => Some(decode_acl(bytes?)?),
        _ => None,
    };
    Some(Descriptor {
        owner: sid(4)?,
        group: sid(8)?,
        dacl,
    })
}

fn length_so_far(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < DESCRIPTOR_HEADER {
        return Some(DESCRIPTOR_HEADER);
    }
    control(bytes)?;
    let mut end = DESCRIPTOR_HEADER;
    for at in [4, 8, 12, 16] {
        let Some(offset) = offset(bytes, at)? else {
            continue;
        };
        // The length of a SID or an ACL is known from its first four bytes.
        let head = bytes.get(offset..offset.checked_add(4)?);
        let length = match head {
            None => 4,
            Some(&[_, count, ..]) if at < 12 => 8 + usize::from(count) * 4,
            Some(head) => usize::from(u16::from_le_bytes([head[2], head[3]])),
        };
        end = end.max(offset.checked_add(length)?);
    }
    Some(end)
}

/// The control word of a self-relative descriptor of revision 1.
fn control(bytes: &[u8]) -> Option<u16> {
    let control = u16::from_le_bytes([*bytes.get(2)?, *bytes.get(3)?]);
    (bytes[0] == 1 && control & SE_SELF_RELATIVE != 0).then_some(control)
}

/// The offset stored at `at`; 0 stands for a part that is absent.
#[allow(clippy::option_option)] // Outer: readable at all; inner: present.
fn offset(bytes: &[u8], at: usize) -> Option<Option<usize>> {
    let offset = dword(bytes, at)? as usize;
    Some((offset != 0).then_some(offset))
}

fn encode_acl(aces: &[Ace]) -> Vec<u8> {
    let mut body = Vec::new();
    for ace in aces {
        let sid = ace.sid.encode();
        body.extend_from_slice(&[
            if ace.allow {
                ACCESS_ALLOWED
            } else {
                ACCESS_DENIED
            },
            ace.flags,
        ]);
        body.extend_from_slice(&(8 + sid.len() as u16).to_le_bytes());
        body.extend_from_slice(&ace.mask.to_le_bytes());
        body.extend_from_slice(&sid);
    }
    let mut bytes = vec![2, 0];
    // An ACL that came in through `decode_acl` is no longer when it goes out, so that the length fits its 16 bits.
    bytes.extend_from_slice(&((ACL_HEADER + body.len()) as u16).to_le_bytes());
    bytes.extend_from_slice(&(aces.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&body);
    bytes
}

fn decode_acl(bytes: &[u8]) -> Option<Vec<Ace>> {
    let word = |at: usize| {
        Some(usize::from(u16::from_le_bytes([
            *bytes.get(at)?,
            *bytes.get(at + 1)?,
        ])))
    };
    let mut rest = bytes.get(ACL_HEADER..word(2)?)?;
    let mut aces = Vec::new();
    for _ in 0..word(4)? {
        let size = usize::from(u16::from_le_bytes([*rest.get(2)?, *rest.get(3)?]));
        let ace = rest.get(..size)?;
        let allow = match *ace.first()? {
            ACCESS_ALLOWED => true,
            ACCESS_DENIED => false,
            _ => return None,
        };
        aces.push(Ace {
            allow,
            flags: *ace.get(1)?,
            mask: dword(ace, 4)?,
            sid: Sid::decode(ace.get(8..)?)?,
        });
        rest = &rest[size..];
    }
    Some(aces)
}

fn dword(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A mask with its generic rights replaced by the file rights they stand for.
fn file_rights(mask: u32) -> u32 {
    GENERIC_RIGHTS
        .iter()
        .filter(|(generic, _)| mask & generic != 0)
        .fold(mask, |mask, (_, rights)| mask | rights)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: u32 = OWNER | GROUP | DACL;

    fn user(uid: u32) -> Identity {
        Identity {
            user: Sid::new(22, &[1, uid]).unwrap(),
            claimed: false,
            group: Sid::new(22, &[2, uid]).unwrap(),
            administrator: uid == 0,
            user_name: None,
            host_name: None,
        }
    }

    #[test]
    fn a_new_user_container_has_the_guides_entries() {
        let descriptor = Descriptor::of_new_container(&user(1000), false);
        // Laid out by hand after Microsoft's description of SECURITY_DESCRIPTOR, ACL, ACCESS_ALLOWED_ACE and SID.
        let expected = [
            "01000480 14000000 24000000 00000000 34000000",
            "0102000000000016 01000000 e8030000",
            "0102000000000016 02000000 e8030000",
            "0200 4c00 0300 0000",
            "00001400 89001200 010100000000000100000000",
            "00001800 ff011f00 01020000000000052000000020020000",
            "00001800 ff011f00 010200000000001601000000e8030000",
        ];
        let hex: String = descriptor
            .encode(ALL)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hex, expected.concat().replace(' ', ""));
    }

    #[test]
    fn a_new_machine_container_names_the_local_system() {
        let descriptor = Descriptor::of_new_container(&user(1000), true);
        let sids: Vec<String> = descriptor
            .dacl
            .iter()
            .flatten()
            .map(|ace| ace.sid.to_string())
            .collect();
        assert_eq!(sids, ["S-1-1-0", "S-1-5-32-544", "S-1-5-18"]);
    }

    #[test]
    fn everyone_reads_a_new_container_and_owner_and_administrators_change_it() {
        let descriptor = Descriptor::of_new_container(&user(1000), false);
        for (uid, right, expected) in [
            (1000, Right::Read, true),
            (1000, Right::Delete, true),
            (1001, Right::Read, true),
            (1001, Right::Write, false),
            (1001, Right::Delete, false),
            (0, Right::Write, true),
            (0, Right::WriteDacl, true),
        ] {
            assert_eq!(
                descriptor.allows(&user(uid), right),
                expected,
                "{uid} {right:?}"
            );
        }
    }

    #[test]
    fn the_first_entry_that_speaks_of_the_right_decides() {
        let ace = |allow, mask, sid| Ace {
            allow,
            flags: 0,
            mask,
            sid,
        };
        let deny_then_allow = Descriptor {
            owner: None,
            group: None,
            dacl: Some(vec![
                ace(false, 0x2, user(5).user),
                ace(true, 0x1000_0000, Sid::everyone()),
            ]),
        };
        assert!(!deny_then_allow.allows(&user(5), Right::Write));
        assert!(deny_then_allow.allows(&user(5), Right::Read));
        assert!(deny_then_allow.allows(&user(6), Right::Write));
        let nobody = Descriptor {
            owner: None,
            group: None,
            dacl: Some(Vec::new()),
        };
        assert!(!nobody.allows(&user(0), Right::Read));
        let null = Descriptor {
            owner: None,
            group: None,
            dacl: None,
        };
        assert!(null.allows(&user(6), Right::Delete));
    }

    #[test]
    fn an_absolute_descriptor_or_an_unknown_entry_is_refused() {
        let mut bytes = Descriptor::of_new_container(&user(1), false).encode(ALL);
        bytes[0x34 + ACL_HEADER] = 5;
        assert_eq!(Descriptor::decode(&bytes), Err(CspError::NTE_BAD_FLAGS));
        let mut bytes = Descriptor::of_new_container(&user(1), false).encode(ALL);
        bytes[3] = 0;
        assert_eq!(Descriptor::decode(&bytes), Err(CspError::NTE_BAD_FLAGS));
        assert_eq!(
            Descriptor::length_so_far(&bytes),
            Err(CspError::NTE_BAD_FLAGS)
        );
    }

    fn sid() -> impl Strategy<Value = Sid> {
        (
            0..1u64 << 48,
            proptest::collection::vec(any::<u32>(), 0..=crate::sid::SUBS_MAX),
        )
            .prop_map(|(authority, subs)| Sid { authority, subs })
    }

    fn descriptor() -> impl Strategy<Value = Descriptor> {
        let ace = (any::<bool>(), any::<u8>(), any::<u32>(), sid()).prop_map(
            |(allow, flags, mask, sid)| Ace {
                allow,
                flags,
                mask,
                sid,
            },
        );
        let option = proptest::option::of::<BoxedStrategy<Sid>>;
        (
            option(sid().boxed()),
            option(sid().boxed()),
            proptest::option::of(proptest::collection::vec(ace, 0..6)),
        )
            .prop_map(|(owner, group, dacl)| Descriptor { owner, group, dacl })
    }

    proptest! {
        #[test]
        fn descriptors_survive_their_binary_form(descriptor in descriptor()) {
            let bytes = descriptor.encode(ALL);
            prop_assert_eq!(Descriptor::decode(&bytes), Ok(descriptor));
        }

        #[test]
        fn the_length_is_found_piece_by_piece(descriptor in descriptor()) {
            let bytes = descriptor.encode(ALL);
            let mut known = 0;
            loop {
                let length = Descriptor::length_so_far(&bytes[..known]).unwrap();
                prop_assert!(length <= bytes.len());
                if length <= known {
                    break;
                }
                known = length;
            }
            prop_assert_eq!(known, bytes.len());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            let _ = Descriptor::decode(&bytes);
            let _ = Descriptor::length_so_far(&bytes);
            let mut plausible = bytes;
            if plausible.len() > DESCRIPTOR_HEADER {
                plausible[..4].copy_from_slice(&[1, 0, 4, 0x80]);
                plausible[4..DESCRIPTOR_HEADER].iter_mut().for_each(|byte| *byte &= 0x1c);
                let _ = Descriptor::decode(&plausible);
                let _ = Descriptor::length_so_far(&plausible);
            }
        }
    }
}
