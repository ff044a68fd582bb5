//! Keys as objects: material, and what the module knows of it besides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ncore::Status;
use ncore::types::{ACL, KeyType};

use super::KeyHash;
use super::authorisation::Authorisation;
use crate::crypto::KeyMaterial;

/// Application data: kept with a key and not looked at.
pub(super) type AppData = [u8; 64];

/// A key in the module's memory.
pub(super) struct Key {
    /// The key itself.
    pub(super) material: Arc<KeyMaterial>,
    /// Its hash, which both halves of a pair share.
    pub(super) hash: KeyHash,
    /// When it was made or loaded, since the daemon started.
    pub(super) made: Duration,
    /// What its use is owed to.
    pub(super) authorisation: Arc<Authorisation>,
    attributes: Mutex<Attributes>,
}

/// What can change while a key is loaded.
struct Attributes {
    acl: Arc<ACL>,
    appdata: AppData,
}

impl Key {
    /// A key that owes its use to its own loading.
    pub(super) fn new(material: KeyMaterial, acl: ACL, appdata: AppData, now: Duration) -> Key {
        Key::under(Arc::default(), material, acl, appdata, now)
    }

    /// A key that owes its use to a token.
    pub(super) fn under(
        authorisation: Arc<Authorisation>,
        material: KeyMaterial,
        acl: ACL,
        appdata: AppData,
        now: Duration,
    ) -> Key {
        let hash = material.hash();
        let attributes = Mutex::new(Attributes {
            acl: Arc::new(acl),
            appdata,
        });
        Key {
            material: Arc::new(material),
            hash,
            made: now,
            authorisation,
            attributes,
        }
    }

    /// A second key of the same material, with lists of its own from here on. It counts on the same authorisation and
    /// has the same age, so that a copy gains nothing.
    pub(super) fn duplicate(&self) -> Key {
        let attributes = self.attributes();
        let attributes = Mutex::new(Attributes {
            acl: Arc::clone(&attributes.acl),
            appdata: attributes.appdata,
        });
        Key {
            material: Arc::clone(&self.material),
            hash: self.hash,
            made: self.made,
            authorisation: Arc::clone(&self.authorisation),
            attributes,
        }
    }

    /// The key's type.
    pub(super) fn key_type(&self) -> KeyType {
        self.material.key_type()
    }

    /// The access control list.
    pub(super) fn acl(&self) -> Arc<ACL> {
        Arc::clone(&self.attributes().acl)
    }

    /// Replaces the access control list.
    pub(super) fn set_acl(&self, acl: ACL) {
        self.attributes().acl = Arc::new(acl);
    }

    /// The application data.
    pub(super) fn appdata(&self) -> AppData {
        self.attributes().appdata
    }

    /// Replaces the application data.
    pub(super) fn set_appdata(&self, appdata: AppData) {
        self.attributes().appdata = appdata;
    }

    /// TimeLimitExceeded once the token under which the key was loaded is past its time.
    pub(super) fn check_alive(&self, now: Duration) -> Result<(), Status> {
        self.authorisation.check_alive(now)
    }

    fn attributes(&self) -> MutexGuard<'_, Attributes> {
        self.attributes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
