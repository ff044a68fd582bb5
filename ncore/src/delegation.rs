//! Delegation: what the owner of one key signs so that the owner of another may act for it.
//!
//! The signed message travels in a certificate of type SingleCert (PROTOCOL section 4.3). Its real layout is
//! unpublished; this one is our own. Both ends of the socket need it: the client makes the message, has it signed by
//! Cmd_Sign (a plain text of type Bytes) and puts both into the certificate; the module verifies it.

use crate::codec::{
    Decode, DecodeError, Encode, EncodeError, Reader, Writer, from_bytes, to_bytes,
};
use crate::profile::WireProfile;
use crate::types::Action;

/// What one key lets another do in its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// The hash of the key that may act; `None` for whoever presents the certificate.
    pub delegate: Option<[u8; 20]>,
    /// A challenge of the module (GetChallenge) for which alone this delegation was made; `None` for one that lasts.
    pub nonce: Option<[u8; 20]>,
    /// What it may do: actions as in an access control list.
    pub actions: Vec<Action>,
}

impl Delegation {
    /// The message to be signed.
    ///
    /// # Errors
    /// An action whose details do not suit its type.
    pub fn to_message(&self) -> Result<Vec<u8>, EncodeError> {
        to_bytes(self, &WireProfile::DEFAULT)
    }

    /// Reads a signed message.
    ///
    /// # Errors
    /// Bytes that are not a delegation.
    pub fn from_message(message: &[u8]) -> Result<Self, DecodeError> {
        from_bytes(message, &WireProfile::DEFAULT)
    }
}

/// Opens every message, so that nothing else that a key signs can be taken for a delegation.
const TEXT: [u8; 24] = *b"softshield delegation 1\0";

impl Encode for Delegation {
    fn encode(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        TEXT.encode(w)?;
        optional(&self.delegate, w)?;
        optional(&self.nonce, w)?;
        self.actions
            .encode(w)
            .map_err(|e| e.at("Delegation.actions"))
    }
}

impl Decode for Delegation {
    const MIN_LEN: usize = TEXT.len() + 12;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if <[u8; TEXT.len()]>::decode(r)? != TEXT {
            return Err(DecodeError::not_zero("Delegation.text"));
        }
        let delegate = read_optional(r).map_err(|e| e.at("Delegation.delegate"))?;
        let nonce = read_optional(r).map_err(|e| e.at("Delegation.nonce"))?;
        let actions = Decode::decode(r).map_err(|e: DecodeError| e.at("Delegation.actions"))?;
        Ok(Self {
            delegate,
            nonce,
            actions,
        })
    }
}

/// A presence word, 0 or 1, then the value.
fn optional(value: &Option<[u8; 20]>, w: &mut Writer<'_>) -> Result<(), EncodeError> {
    u32::from(value.is_some()).encode(w)?;
    value.as_ref().map_or(Ok(()), |value| value.encode(w))
}

fn read_optional(r: &mut Reader<'_>) -> Result<Option<[u8; 20]>, DecodeError> {
    match u32::decode(r)? {
        0 => Ok(None),
        1 => <[u8; 20]>::decode(r).map(Some),
        _ => Err(DecodeError::not_zero("Delegation")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Act, ActDetails, ActNSOPermissionsDetails, NSOPerms};

    fn delegation() -> Delegation {
        let perms = NSOPerms {
            ops: NSOPerms::OPS_SET_KM,
        };
        let details = ActDetails::NSOPermissions(ActNSOPermissionsDetails { perms });
        let actions = vec![Action {
            type_: Act::NSOPermissions,
            details,
        }];
        Delegation {
            delegate: Some([7; 20]),
            nonce: None,
            actions,
        }
    }

    #[test]
    fn message_comes_back() {
        for delegation in [
            delegation(),
            Delegation {
                delegate: None,
                nonce: Some([9; 20]),
                ..delegation()
            },
        ] {
            let message = delegation.to_message().unwrap();
            assert_eq!(Delegation::from_message(&message).unwrap(), delegation);
        }
    }

    #[test]
    fn other_texts_and_leftover_bytes_are_refused() {
        let message = delegation().to_message().unwrap();
        let mut other = message.clone();
        other[0] ^= 1;
        assert!(Delegation::from_message(&other).is_err());
        assert!(Delegation::from_message(&[&message[..], &[0; 4]].concat()).is_err());
        assert!(Delegation::from_message(&message[..message.len() - 4]).is_err());
        let mut flagged = message;
        flagged[24] = 2;
        assert!(Delegation::from_message(&flagged).is_err());
    }
}
