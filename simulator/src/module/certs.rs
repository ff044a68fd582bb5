//! The certificates that come with a command (PROTOCOL sections 1.15 and 4.3): which keys stand behind it.
//!
//! A *SigningKey* certificate names a private key in the module: its owner is at hand. A *SingleCert* carries what one
//! key signed: a [`Delegation`], by which the owner of that key lets another key, or whoever presents it, act for it. A
//! delegation counts if its delegate stands behind the command itself, directly or by a further delegation, and then for
//! the actions that every link names.

use std::sync::Arc;

use engine::Engine;
use ncore::Status;
use ncore::delegation::Delegation;
use ncore::types::{
    ActOpPermissionsDetails, Action, CertType, CertTypeCertBody, CertTypeSingleCertCertBody,
    CertificateList, Mech, PlainText, PlainTextType, PlainTextTypeBytesData, PlainTextTypeData,
};

use super::KeyHash;
use super::acl::Wanted;
use super::call::Call;
use super::key::Key;
use crate::crypto::{self, KeyMaterial};

/// Most certificates on one command. The longest chain in use has two.
const MAX_CERTIFICATES: usize = 8;

/// A key that stands behind the command.
#[derive(Clone, Debug)]
pub(crate) struct Certifier {
    /// The key.
    pub(crate) hash: KeyHash,
    /// The mechanism of its signature; Any for a key that is itself at hand.
    pub(crate) mech: Mech,
    /// Whether it was asked for this very command: the key is at hand, or every delegation answers a challenge.
    pub(crate) fresh: bool,
    /// What the delegations allow, one list a link; none for a key that is at hand.
    pub(crate) scopes: Vec<Vec<Action>>,
}

impl Certifier {
    /// Whether this is the certifier that a condition asks for, for what is wanted.
    pub(crate) fn certifies(
        &self,
        hash: &KeyHash,
        mech: Mech,
        fresh: bool,
        wanted: &Wanted<'_>,
    ) -> bool {
        self.hash == *hash
            && (mech == Mech::Any || self.mech == Mech::Any || self.mech == mech)
            && (self.fresh || !fresh)
            && self
                .scopes
                .iter()
                .all(|actions| actions.iter().any(|action| wanted.is_granted_by(action)))
    }
}

/// Everything that the certificates of a command prove.
#[derive(Default)]
pub(crate) struct Certificates {
    certifiers: Vec<Certifier>,
    signing_keys: Vec<Arc<Key>>,
}

impl Certificates {
    /// The keys that stand behind the command.
    pub(crate) fn certifiers(&self) -> &[Certifier] {
        &self.certifiers
    }

    /// The key of this hash, if it is at hand itself.
    pub(crate) fn signing_key(&self, hash: &KeyHash) -> Option<&Arc<Key>> {
        self.signing_keys.iter().find(|key| key.hash == *hash)
    }

    /// Whether the key of this hash delegated what is wanted to a key that stands behind the command.
    pub(crate) fn delegates(&self, hash: &KeyHash, wanted: &Wanted<'_>) -> bool {
        let delegations = self
            .certifiers
            .iter()
            .filter(|certifier| !certifier.scopes.is_empty());
        delegations
            .into_iter()
            .any(|certifier| certifier.certifies(hash, Mech::Any, false, wanted))
    }
}

/// Whether examining the list takes arithmetic.
pub(super) fn needs_arithmetic(list: &CertificateList) -> bool {
    list.certs
        .iter()
        .any(|certificate| certificate.type_ == CertType::SingleCert)
}

/// Examines the certificates of a command.
///
/// One that names the wrong key is BadCertKeyHash, a wrong signature BadCertSignature, a message that is no delegation
/// MalformedCertificate, a kind that nobody outside the module may use InvalidCertificate, an unknown challenge
/// UnknownChallenge. A delegation to a key that is not at hand proves nothing and is passed over.
pub(super) fn examine(call: &Call, list: &CertificateList) -> Result<Certificates, Status> {
    if list.certs.len() > MAX_CERTIFICATES {
        return Err(Status::InvalidParameter);
    }
    let mut proven = Certificates::default();
    let mut delegations = Vec::new();
    for certificate in &list.certs {
        match (certificate.type_, &certificate.body) {
            (CertType::SigningKey, CertTypeCertBody::SigningKey(named)) => {
                let key = signing_key(call, named.key, &certificate.keyhash)?;
                proven.certifiers.push(Certifier {
                    hash: key.hash,
                    mech: Mech::Any,
                    fresh: true,
                    scopes: Vec::new(),
                });
                proven.signing_keys.push(key);
            }
            (CertType::SingleCert, CertTypeCertBody::SingleCert(signed)) => {
                let delegation = verified(call.module.engine(), &certificate.keyhash, signed)?;
                delegations.push((certificate.keyhash, signed.signature.mech, delegation));
            }
            (CertType::SEECert, _) => return Err(Status::InvalidCertificate),
            _ => return Err(Status::MalformedCertificate),
        }
    }
    for (_, _, delegation) in &delegations {
        if let Some(nonce) = &delegation.nonce {
            call.change(|inner| inner.challenges.take(call.client.ordinal, nonce))?;
        }
    }
    follow(&mut proven.certifiers, delegations);
    Ok(proven)
}

/// A private key at hand, which may be used as a certificate.
fn signing_key(call: &Call, id: u32, hash: &KeyHash) -> Result<Arc<Key>, Status> {
    let key = call.key(id)?;
    if key.hash != *hash {
        return Err(Status::BadCertKeyHash);
    }
    // The public half has the same hash, and everyone may have it; a secret key can certify nothing to others.
    if !key.material.is_private() {
        return Err(Status::InvalidCertificate);
    }
    let wanted = Wanted::Operation(ActOpPermissionsDetails::USE_AS_CERTIFICATE);
    call.permit_certified(&key, &wanted, &Certificates::default())?;
    Ok(key)
}

/// Checks the signature of a delegation and reads it.
fn verified(
    engine: &dyn Engine,
    keyhash: &KeyHash,
    signed: &CertTypeSingleCertCertBody,
) -> Result<Delegation, Status> {
    let signer = KeyMaterial::restore(engine, &signed.pubkeydata)?;
    if signer.hash() != *keyhash {
        return Err(Status::BadCertKeyHash);
    }
    let data = PlainTextTypeData::Bytes(PlainTextTypeBytesData {
        data: signed.certsignmsg.clone(),
    });
    let message = PlainText {
        type_: PlainTextType::Bytes,
        data,
    };
    let signature = &signed.signature;
    crypto::verify(engine, &signer, signature.mech, &message, signature)
        .map_err(|_| Status::BadCertSignature)?;
    Delegation::from_message(&signed.certsignmsg).map_err(|_| Status::MalformedCertificate)
}

/// Adds the owners of delegations whose delegates are proven, until no more can be added.
fn follow(certifiers: &mut Vec<Certifier>, mut delegations: Vec<(KeyHash, Mech, Delegation)>) {
    loop {
        let before = delegations.len();
        delegations.retain(|(owner, mech, delegation)| {
            let link = |fresh, scopes: &[Vec<Action>]| Certifier {
                hash: *owner,
                mech: *mech,
                fresh: fresh && delegation.nonce.is_some(),
                scopes: scopes
                    .iter()
                    .chain([&delegation.actions])
                    .cloned()
                    .collect(),
            };
            let links: Vec<Certifier> = match delegation.delegate {
                None => vec![link(true, &[])],
                Some(delegate) => certifiers
                    .iter()
                    .filter(|certifier| certifier.hash == delegate)
                    .map(|certifier| link(certifier.fresh, &certifier.scopes))
                    .collect(),
            };
            let unproven = links.is_empty();
            certifiers.extend(links);
            unproven
        });
        if delegations.len() == before {
            return;
        }
    }
}
