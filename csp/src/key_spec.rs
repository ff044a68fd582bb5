//! `dwKeySpec`: which of a container's two pairs is meant.

use crate::constants::{AT_KEYEXCHANGE, AT_SIGNATURE, AlgId};

/// Which of a container's two pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySpec {
    /// AT_KEYEXCHANGE.
    Exchange = 0,
    /// AT_SIGNATURE.
    Signature = 1,
}

impl KeySpec {
    /// Reads a `dwKeySpec` (AT_KEYEXCHANGE, AT_SIGNATURE).
    pub(crate) fn from_dword(spec: u32) -> Option<KeySpec> {
        match spec {
            AT_KEYEXCHANGE => Some(KeySpec::Exchange),
            AT_SIGNATURE => Some(KeySpec::Signature),
            _ => None,
        }
    }

    /// The slot that an algorithm's pairs go into. CALG_DH_EPHEM has none: its pairs go with their handles.
    pub(crate) fn of_algorithm(algorithm: AlgId) -> Option<KeySpec> {
        match algorithm {
            AlgId::CALG_RSA_KEYX | AlgId::CALG_DH_SF => Some(KeySpec::Exchange),
            AlgId::CALG_RSA_SIGN | AlgId::CALG_DSS_SIGN => Some(KeySpec::Signature),
            _ => None,
        }
    }
}
