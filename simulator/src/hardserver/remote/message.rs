//! What importer and exporter say to each other, in frames as nCore's.
//!
//! ```text
//! every message   tag, kind, client (two words); then by kind:
//! Hello           version, the module's number at the importer, ESN      the first message, and the only one of its kind
//! Client          20 bytes SHA-1 of the ClientID, or nothing             before the first job of each client
//! Dismiss                                                                the client is gone, its objects go
//! Forget          identifier                                             an object of a client goes
//! Ping                                                                   asks for the state
//! Job             privileged, two identifiers, 32 bytes of randomness, the command's message
//! State           epoch, mode, switch, hashes of the world, NewEnquiry at level six
//! Answer          facts about two objects, the reply's message
//! ```
//!
//! Words and lengths are nCore's (PROTOCOL section 1); everything else is our own.

use ncore::codec::{Decode, DecodeError, Encode, EncodeError, Reader, Writer};
use ncore::frame;
use ncore::profile::{FrameLen, WireProfile};
use ncore::types::{EnqVerSixData, KeyType};

use crate::module::mode::{Mode, Switch};
use crate::module::{KeyHash, WorldIdentity};

/// The version of this protocol. Both ends have to have the same.
pub(super) const VERSION: u32 = 1;

/// Bytes that a message may have beyond the command or reply that it carries.
const MAX_AROUND: usize = 1024;

/// What an importer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Hello {
        version: u32,
        number: u32,
        esn: String,
    },
    Client {
        client: u64,
        /// None for a connection that never obtained a client.
        hash: Option<KeyHash>,
    },
    Dismiss {
        client: u64,
    },
    Forget {
        client: u64,
        id: u32,
    },
    Ping,
    Job(JobHead, &'a [u8]),
}

/// What comes before the command of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JobHead {
    /// It is the tag of the command too, and of the reply.
    pub(super) tag: u32,
    pub(super) client: u64,
    pub(super) privileged: bool,
    /// Identifiers for the objects that the command makes.
    pub(super) ids: [u32; 2],
    /// What decides the command's random streams.
    pub(super) streams: [u8; 32],
}

/// What an exporter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Response<'a> {
    State(Box<Condition>),
    Answer(AnswerHead, &'a [u8]),
}

/// How a module is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// Its count of resets.
    pub(super) epoch: u64,
    pub(super) mode: Mode,
    pub(super) switch: Switch,
    pub(super) world: Option<WorldIdentity>,
    /// What it says of itself.
    pub(super) enquiry: EnqVerSixData,
}

/// What comes before the reply to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AnswerHead {
    pub(super) tag: u32,
    /// About the objects that the command made.
    pub(super) facts: [Facts; 2],
}

/// What an importer has to know of an object without asking for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Facts {
    /// The type and hash, of a key.
    pub(super) identity: Option<(KeyType, KeyHash)>,
    /// Whether a key's list limits its uses or its time.
    pub(super) limited: bool,
}

/// Bytes that are no message, or one that is not allowed now. The link is ended.
#[derive(Debug, thiserror::Error)]
pub(in crate::hardserver) enum BadMessage {
    #[error("a message of unknown kind {0}")]
    Kind(u32),
    #[error("a mode or position of the mode switch of unknown number {0}")]
    Mode(u32),
    #[error("{0}")]
    Decode(#[from] DecodeError),
    #[error("{0}")]
    OutOfPlace(&'static str),
}

const HELLO: u32 = 1;
const CLIENT: u32 = 2;
const DISMISS: u32 = 3;
const FORGET: u32 = 4;
const PING: u32 = 5;
const JOB: u32 = 6;
const STATE: u32 = 7;
const ANSWER: u32 = 8;

/// The numbers of the modes, by place.
const MODES: [Mode; 8] = [
    Mode::PreInitialisation,
    Mode::Initialisation,
    Mode::Operational,
    Mode::Uninitialised,
    Mode::PreMaintenance,
    Mode::Maintenance,
    Mode::Failed,
    Mode::Absent,
];

/// The numbers of the positions of the mode switch, by place.
const SWITCHES: [Switch; 3] = [
    Switch::Operational,
    Switch::Initialisation,
    Switch::Maintenance,
];

/// The profile of the frames on a link between hardservers with this profile for their clients.
pub(in crate::hardserver) fn link_profile(profile: &WireProfile) -> WireProfile {
    WireProfile {
        frame_len: FrameLen::Exclusive,
        max_message: profile.max_message + MAX_AROUND,
        ..profile.clone()
    }
}

impl<'a> Request<'a> {
    /// Appends the message, in a frame.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let (tag, kind, client) = match self {
            Request::Hello { .. } => (0, HELLO, 0),
            Request::Client { client, .. } => (0, CLIENT, *client),
            Request::Dismiss { client } => (0, DISMISS, *client),
            Request::Forget { client, .. } => (0, FORGET, *client),
            Request::Ping => (0, PING, 0),
            Request::Job(head, _) => (head.tag, JOB, head.client),
        };
        framed(out, (tag, kind, client), |w| match self {
            Request::Hello {
                version,
                number,
                esn,
            } => {
                version.encode(w)?;
                number.encode(w)?;
                esn.encode(w)
            }
            Request::Client { hash, .. } => hash.as_ref().map_or(Ok(()), |hash| hash.encode(w)),
            Request::Dismiss { .. } | Request::Ping => Ok(()),
            Request::Forget { id, .. } => id.encode(w),
            Request::Job(head, command) => {
                u32::from(head.privileged).encode(w)?;
                head.ids[0].encode(w)?;
                head.ids[1].encode(w)?;
                head.streams.encode(w)?;
                w.raw(command);
                Ok(())
            }
        })
    }

    /// Reads a message.
    pub(super) fn read(message: &'a [u8]) -> Result<Request<'a>, BadMessage> {
        let mut r = Reader::new(message, &WireProfile::DEFAULT);
        let (tag, kind, client) = head(&mut r)?;
        let request = match kind {
            HELLO => Request::Hello {
                version: u32::decode(&mut r)?,
                number: u32::decode(&mut r)?,
                esn: String::decode(&mut r)?,
            },
            CLIENT => Request::Client {
                client,
                hash: match r.rest() {
                    [] => None,
                    _ => Some(KeyHash::decode(&mut r)?),
                },
            },
            DISMISS => Request::Dismiss { client },
            FORGET => Request::Forget {
                client,
                id: u32::decode(&mut r)?,
            },
            PING => Request::Ping,
            JOB => {
                let head = JobHead {
                    tag,
                    client,
                    privileged: u32::decode(&mut r)? != 0,
                    ids: [u32::decode(&mut r)?, u32::decode(&mut r)?],
                    streams: <[u8; 32]>::decode(&mut r)?,
                };
                Request::Job(head, r.take_rest())
            }
            kind => return Err(BadMessage::Kind(kind)),
        };
        r.finish()?;
        Ok(request)
    }
}

impl<'a> Response<'a> {
    /// Reads a message. `profile` is that of the reply that it may carry.
    pub(super) fn read(
        message: &'a [u8],
        profile: &'a WireProfile,
    ) -> Result<Response<'a>, BadMessage> {
        let mut r = Reader::new(message, profile);
        let (tag, kind, _) = head(&mut r)?;
        let response = match kind {
            STATE => Response::State(Box::new(Condition::read(&mut r)?)),
            ANSWER => {
                let head = AnswerHead {
                    tag,
                    facts: [Facts::read(&mut r)?, Facts::read(&mut r)?],
                };
                Response::Answer(head, r.take_rest())
            }
            kind => return Err(BadMessage::Kind(kind)),
        };
        r.finish()?;
        Ok(response)
    }
}

impl Condition {
    /// Appends a State message, in a frame.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        framed(out, (0, STATE, 0), |w| {
            self.epoch.encode(w)?;
            place_of(&MODES, self.mode).encode(w)?;
            place_of(&SWITCHES, self.switch).encode(w)?;
            let world = self.world.as_ref();
            let hashes = world.map(|world| [&[*world.officer()], world.module_keys()].concat());
            hashes.unwrap_or_default().encode(w)?;
            self.enquiry.encode(w)
        })
    }

    fn read(r: &mut Reader<'_>) -> Result<Condition, BadMessage> {
        let epoch = u64::decode(r)?;
        let (mode, switch) = (u32::decode(r)?, u32::decode(r)?);
        let hashes = <Vec<KeyHash>>::decode(r)?;
        Ok(Condition {
            epoch,
            mode: *at(&MODES, mode).ok_or(BadMessage::Mode(mode))?,
            switch: *at(&SWITCHES, switch).ok_or(BadMessage::Mode(switch))?,
            world: hashes
                .split_first()
                .map(|(officer, keys)| WorldIdentity::new(*officer, keys.to_vec())),
            enquiry: EnqVerSixData::decode(r)?,
        })
    }
}

impl AnswerHead {
    /// Appends the message, in a frame; `reply` appends the reply.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        reply: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), EncodeError> {
        let mut message = Vec::new();
        reply(&mut message);
        framed(out, (self.tag, ANSWER, 0), |w| {
            for facts in &self.facts {
                facts.write(w)?;
            }
            w.raw(&message);
            Ok(())
        })
    }
}

impl Facts {
    fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        u32::from(self.limited).encode(w)?;
        u32::from(self.identity.is_some()).encode(w)?;
        self.identity.map_or(Ok(()), |(key_type, hash)| {
            key_type.encode(w)?;
            hash.encode(w)
        })
    }

    fn read(r: &mut Reader<'_>) -> Result<Facts, DecodeError> {
        let limited = u32::decode(r)? != 0;
        let identity = match u32::decode(r)? {
            0 => None,
            _ => Some((KeyType::decode(r)?, KeyHash::decode(r)?)),
        };
        Ok(Facts { identity, limited })
    }
}

/// Appends a frame: the words that every message begins with, and what `body` appends.
fn framed(
    out: &mut Vec<u8>,
    (tag, kind, client): (u32, u32, u64),
    body: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = frame::begin(out);
    let mut w = Writer::over(&WireProfile::DEFAULT, std::mem::take(out));
    let written = tag
        .encode(&mut w)
        .and_then(|()| kind.encode(&mut w))
        .and_then(|()| client.encode(&mut w))
        .and_then(|()| body(&mut w));
    *out = w.into_bytes();
    frame::finish(out, start, FrameLen::Exclusive);
    written
}

fn head(r: &mut Reader<'_>) -> Result<(u32, u32, u64), DecodeError> {
    Ok((u32::decode(r)?, u32::decode(r)?, u64::decode(r)?))
}

fn place_of<T: PartialEq>(places: &[T], value: T) -> u32 {
    // Every value has a place, and there are few.
    places.iter().position(|it| *it == value).unwrap_or(0) as u32
}

fn at<T>(places: &[T], place: u32) -> Option<&T> {
    places.get(usize::try_from(place).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        let profile = link_profile(&WireProfile::DEFAULT);
        let (message, taken) = frame::split(&out, FrameLen::Exclusive, &profile)
            .unwrap()
            .unwrap();
        assert_eq!(taken, out.len());
        message.to_vec()
    }

    #[test]
    fn requests_come_back() {
        let head = JobHead {
            tag: 7,
            client: 1 << 40 | 3,
            privileged: true,
            ids: [4, 5],
            streams: [9; 32],
        };
        let hash = Some([2; 20]);
        for request in [
            Request::Hello {
                version: VERSION,
                number: 2,
                esn: "1A2B-3C4D-5E6F".to_owned(),
            },
            Request::Client { client: 3, hash },
            Request::Client {
                client: 3,
                hash: None,
            },
            Request::Dismiss { client: 3 },
            Request::Forget { client: 3, id: 4 },
            Request::Ping,
            Request::Job(head, b"a command"),
        ] {
            let bytes = message(|out| request.write(out));
            assert_eq!(Request::read(&bytes).unwrap(), request);
        }
    }

    #[test]
    fn responses_come_back() {
        let condition = Condition {
            epoch: 1 << 33,
            mode: Mode::Absent,
            switch: Switch::Maintenance,
            world: Some(WorldIdentity::new([1; 20], vec![[3; 20], [2; 20]])),
            enquiry: EnqVerSixData::default(),
        };
        let profile = WireProfile::DEFAULT;
        let bytes = message(|out| condition.write(out));
        let read = Response::read(&bytes, &profile).unwrap();
        assert_eq!(read, Response::State(Box::new(condition)));

        let known = Facts {
            identity: Some((KeyType::Rijndael, [8; 20])),
            limited: true,
        };
        let head = AnswerHead {
            tag: 7,
            facts: [known, Facts::default()],
        };
        let bytes = message(|out| head.write(out, |out| out.extend_from_slice(b"a reply")));
        let read = Response::read(&bytes, &profile).unwrap();
        assert_eq!(read, Response::Answer(head, b"a reply"));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let ping = message(|out| Request::Ping.write(out));
        assert!(Request::read(&[&ping[..], &[0; 4]].concat()).is_err());
        let mut unknown = ping.clone();
        unknown[4] = 99;
        assert!(matches!(Request::read(&unknown), Err(BadMessage::Kind(99))));
        assert!(Response::read(&ping, &WireProfile::DEFAULT).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 16..200), kind in 0u8..10) {
            bytes[4..8].copy_from_slice(&[kind, 0, 0, 0]);
            let _ = Request::read(&bytes);
            let _ = Response::read(&bytes, &WireProfile::DEFAULT);
        }
    }
}
