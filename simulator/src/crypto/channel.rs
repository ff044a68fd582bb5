//! Channels (Cmd_ChannelOpen, Cmd_ChannelUpdate): the streaming form of the symmetric commands and of Cmd_Hash.
//!
//! What a channel gives out is plain bytes. A channel in mode Sign gives the MAC or the hash with its last update; one in
//! mode Verify takes the value to compare as the input of its last update. RSA and DSA have no streaming form.

use std::fmt;

use cipher::StreamCipher;
use ncore::Status;
use ncore::types::{ChannelMode, IV, Mech, MechIV};
use rand_core::CryptoRng;
use rc4::Rc4;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::block::{self, Mac};
use super::hash::{Hash, Streaming};
use super::iv_for;
use super::key::KeyMaterial;
use super::mechanism::{BlockMechanism, Mechanism, Use, lookup, resolve};
use super::symmetric::{self, BlockMode, Direction};

/// An open channel. It keeps what it needs of its key, so the key may be destroyed.
pub struct Channel {
    state: State,
}

enum State {
    Cipher(Cipher),
    ArcFour(Rc4),
    Sign(Digester),
    Verify(Digester),
    /// The last update was made.
    Finished,
}

impl Channel {
    /// Opens a channel. Hash mechanisms take no key, all others need one. An initialisation vector that the mechanism
    /// needs and that was not given is drawn, and handed back.
    ///
    /// # Errors
    /// `UnsupportedChannelType` if the mechanism has no streaming form, `TypeMismatch` if it does not go with the mode
    /// or the key, or the key is missing, `InvalidParameter` for an unknown mode; otherwise see the [module](super).
    pub fn open(
        rng: &mut dyn CryptoRng,
        key: Option<&KeyMaterial>,
        mode: ChannelMode,
        mech: Mech,
        given_iv: Option<&IV>,
    ) -> Result<(Self, Option<IV>), Status> {
        let usage = match mode {
            ChannelMode::Encrypt | ChannelMode::Decrypt => Use::Encryption,
            ChannelMode::Sign | ChannelMode::Verify => Use::Signature,
            _ => return Err(Status::InvalidParameter),
        };
        if let Some(hash) = Hash::from_mech(mech) {
            if key.is_some() || usage != Use::Signature {
                return Err(Status::TypeMismatch);
            }
            return Ok((
                Self {
                    state: State::digesting(mode, Digester::Stream(hash.start())),
                },
                None,
            ));
        }
        let key = key.ok_or(Status::TypeMismatch)?;
        let mech = resolve(mech, key.key_type(), usage)?;
        iv_for(mech, given_iv)?;
        let (state, iv) = match (lookup(mech)?, usage) {
            (Mechanism::Block(how), Use::Encryption) => {
                let bytes = key.block_key(how.algorithm)?;
                let iv = block::starting_iv(rng, mech, how.algorithm, how.chained, given_iv)?;
                let cipher = Cipher::start(bytes, how, iv.as_deref(), direction(mode))?;
                (State::Cipher(cipher), block::encryption_iv(iv.as_deref()))
            }
            (Mechanism::ArcFour, Use::Encryption) => (
                State::ArcFour(symmetric::arc_four(key.arc_four_key()?)?),
                MechIV::Empty,
            ),
            (Mechanism::BlockMac(how), Use::Signature) => {
                let bytes = key.block_key(how.algorithm)?;
                let iv = block::starting_iv(rng, mech, how.algorithm, how.with_iv, given_iv)?;
                let mac = Mac::start(bytes, how, iv.as_deref())?;
                (
                    State::digesting(mode, Digester::Block(mac)),
                    block::mac_iv(iv.as_deref()),
                )
            }
            (Mechanism::Hmac(hash), Use::Signature) => {
                let mac = hash.start_hmac(key.hmac_key(hash)?)?;
                (State::digesting(mode, Digester::Stream(mac)), MechIV::Empty)
            }
            (Mechanism::RsaPkcs1(_) | Mechanism::RsaOaep(_) | Mechanism::Dsa(_), _) => {
                return Err(Status::UnsupportedChannelType);
            }
            _ => return Err(Status::TypeMismatch),
        };
        let drawn = given_iv.is_none() && iv != MechIV::Empty;
        Ok((Self { state }, drawn.then_some(IV { mech, iv })))
    }

    /// Takes input and gives the output that is ready. `last` closes the stream.
    ///
    /// # Errors
    /// `InvalidState` after the last update; `EncryptFailed` or `DecryptFailed` if the stream is no whole blocks or its
    /// padding is bad; `InvalidData` if the data of a MAC without padding are no whole blocks; `VerifyFailed` if the
    /// value to compare is another. An error ends the channel.
    pub fn update(&mut self, input: &[u8], last: bool) -> Result<Vec<u8>, Status> {
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Cipher(mut cipher) => {
                let output = cipher.update(input, last)?;
                self.go_on(State::Cipher(cipher), last);
                Ok(output)
            }
            State::ArcFour(mut cipher) => {
                let mut output = input.to_vec();
                cipher.apply_keystream(&mut output);
                self.go_on(State::ArcFour(cipher), last);
                Ok(output)
            }
            State::Sign(mut digester) => {
                digester.update(input);
                if last {
                    return digester.finish();
                }
                self.state = State::Sign(digester);
                Ok(Vec::new())
            }
            State::Verify(digester) if last => {
                let value = digester.finish()?;
                if bool::from(value.ct_eq(input)) {
                    Ok(Vec::new())
                } else {
                    Err(Status::VerifyFailed)
                }
            }
            State::Verify(mut digester) => {
                digester.update(input);
                self.state = State::Verify(digester);
                Ok(Vec::new())
            }
            State::Finished => Err(Status::InvalidState),
        }
    }

    fn go_on(&mut self, state: State, last: bool) {
        if !last {
            self.state = state;
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Cipher(_) | State::ArcFour(_) => "Channel(cipher)",
            State::Sign(_) => "Channel(sign)",
            State::Verify(_) => "Channel(verify)",
            State::Finished => "Channel(finished)",
        })
    }
}

impl State {
    fn digesting(mode: ChannelMode, digester: Digester) -> Self {
        if mode == ChannelMode::Verify {
            Self::Verify(digester)
        } else {
            Self::Sign(digester)
        }
    }
}

fn direction(mode: ChannelMode) -> Direction {
    if mode == ChannelMode::Decrypt {
        Direction::Decrypt
    } else {
        Direction::Encrypt
    }
}

/// A hash or a MAC.
enum Digester {
    Stream(Box<dyn Streaming>),
    Block(Mac),
}

impl Digester {
    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Stream(state) => state.update(data),
            Self::Block(mac) => mac.update(data),
        }
    }

    fn finish(self) -> Result<Vec<u8>, Status> {
        match self {
            Self::Stream(state) => Ok(state.finish()),
            Self::Block(mac) => mac.finish(),
        }
    }
}

/// A block cipher with the data that do not fill a block yet.
struct Cipher {
    mode: Box<dyn BlockMode>,
    how: BlockMechanism,
    direction: Direction,
    rest: Zeroizing<Vec<u8>>,
}

impl Cipher {
    fn start(
        key: &[u8],
        how: BlockMechanism,
        iv: Option<&[u8]>,
        direction: Direction,
    ) -> Result<Self, Status> {
        let mode = symmetric::block_mode(how.algorithm, key, iv, direction)?;
        Ok(Self {
            mode,
            how,
            direction,
            rest: Zeroizing::default(),
        })
    }

    fn update(&mut self, input: &[u8], last: bool) -> Result<Vec<u8>, Status> {
        let block = self.how.algorithm.block_len();
        self.rest.extend_from_slice(input);
        if last && self.how.padded && self.direction == Direction::Encrypt {
            symmetric::pad(&mut self.rest, block);
        }
        if last && !self.rest.len().is_multiple_of(block) {
            return Err(match self.direction {
                Direction::Encrypt => Status::EncryptFailed,
                Direction::Decrypt => Status::DecryptFailed,
            });
        }
        let mut ready = self.rest.len() - self.rest.len() % block;
        // The last block of a padded ciphertext cannot go out before it is known to be the last.
        let holds_back = self.how.padded && self.direction == Direction::Decrypt && !last;
        if holds_back && ready == self.rest.len() {
            ready = ready.saturating_sub(block);
        }
        let mut output: Vec<u8> = self.rest.drain(..ready).collect();
        self.mode.apply(&mut output);
        if last && self.how.padded && self.direction == Direction::Decrypt {
            symmetric::unpad(&mut output, block)?;
        }
        Ok(output)
    }
}
