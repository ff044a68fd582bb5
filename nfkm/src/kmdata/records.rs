//! What the files of the Key Management Data say: plain records, apart from the live objects.
//!
//! Codes are the vendor's numbers (AdminKey, AdminToken, KeyMgmtEntType, Mech and so on); key data, signatures and
//! messages are nCore structures in their wire form; times are seconds since 1970-01-01 00:00 UTC.

use serde::{Deserialize, Serialize};

use crate::Hash;
use crate::kmdata::envelope::{self, Kind, Record};

/// The file `world`: a Security World.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldRecord {
    /// Cipher suite, a `CipherSuite` number.
    pub cipher_suite: u32,
    /// When it was made.
    pub created: u64,
    /// Electronic serial number of the module that made its keys.
    pub esn: String,
    /// Hash of the well-known module key the administrator tokens LTNSO and LTM are loaded under.
    pub hkmwk: Hash,
    /// Key type of the module key KM, a `KeyType` number.
    pub module_key_type: u32,
    /// Cards in the administrator card set, N.
    pub cards: u32,
    /// Longest life of the administrator tokens in seconds.
    pub nso_timeout: u32,
    /// Shortest pass phrase, in characters, that the utilities take without a warning.
    pub passphrase_min: u32,
    /// The administrator keys.
    pub keys: Vec<AdminKeyRecord>,
    /// The administrator tokens.
    pub tokens: Vec<AdminTokenRecord>,
    /// Messages signed by KNSO that bind the world together.
    pub certificates: Vec<CertificateRecord>,
    /// Whether SEE debugging is open to everybody (feature `dseeall`).
    pub debug_for_all: bool,
    /// Whether a world of level 3 is called one of FIPS 140-3; else it is one of FIPS 140-2.
    pub fips_140_3: bool,
    /// Modes of its modules beside FIPS 140 level 3: bits of SetNSOPerms' flags.
    pub modes: u32,
}

/// One administrator key of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminKeyRecord {
    /// Which key, an `AdminKey` number.
    pub role: u32,
    /// Its hash.
    pub hash: Hash,
    /// The token its private blob is under, an `AdminToken` number.
    pub token: u32,
    /// Blob of the private or secret key.
    pub blob: Vec<u8>,
    /// Public half (KeyData); empty for a secret key.
    pub public: Vec<u8>,
}

/// One administrator token of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminTokenRecord {
    /// Which token, an `AdminToken` number.
    pub role: u32,
    /// Hash of the token.
    pub hkt: Hash,
    /// Hash of the module key the token is bound to.
    pub hkm: Hash,
    /// TokenParams: flags.
    pub flags: u32,
    /// TokenParams: cards needed to load it.
    pub shares_needed: u32,
    /// TokenParams: cards that hold a share.
    pub shares_total: u32,
    /// TokenParams: life of the loaded token in seconds, 0 for no limit.
    pub time_limit: u32,
}

/// A signed message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRecord {
    /// What it says, a `KeyMgmtEntType` number.
    pub entry: u32,
    /// The signed bytes.
    pub message: Vec<u8>,
    /// The signature (CipherText).
    pub signature: Vec<u8>,
}

/// The file `module_<ESN>`: that the module is in the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleRecord {
    /// Electronic serial number.
    pub esn: String,
    /// When the world was programmed into it.
    pub programmed: u64,
    /// The module's own signing key of this initialisation, and KMC's word that it belongs to this module. None when the
    /// module does not show it.
    pub kml: Option<KmlRecord>,
    /// Whether shares may be sent to it from afar.
    pub share_target: bool,
}

/// A module's long-term signing key, certified by the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KmlRecord {
    /// Hash of KML.
    pub hash: Hash,
    /// CertKMLaESN.
    pub certificate: CertificateRecord,
}

/// The file `key_<appname>_<ident>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// The names again, so that a renamed file is noticed.
    pub appname: String,
    /// See `appname`.
    pub ident: String,
    /// What the file holds.
    pub content: EntryContent,
}

/// What an entry holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryContent {
    /// A key.
    Key(Box<KeyRecord>),
    /// An application's data: no key material, and no meaning here.
    Opaque(Vec<u8>),
}

/// A key of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The label people see; may be any text.
    pub plainname: Option<String>,
    /// Hash of the key.
    pub hash: Hash,
    /// Recovery, protection and other flags, `NFKM_NKF` bits.
    pub flags: u32,
    /// When it was made.
    pub gentime: u64,
    /// Electronic serial number of the module that made or imported it.
    pub esn: String,
    /// Type of the private or secret key, a `KeyType` number.
    pub key_type: u32,
    /// Hash of the card set or softcard that protects it; None under module protection.
    pub cardset: Option<Hash>,
    /// Module key its blobs are under, hkm.
    pub hkm: Hash,
    /// Blob of the private or secret key (BlobKA).
    pub blob: Vec<u8>,
    /// Blob of the public key (BlobPubKA).
    pub public_blob: Option<Vec<u8>>,
    /// Blob of the private key under KRE (BlobRecoveryKA), and the hash of that KRE.
    pub recovery: Option<RecoveryRecord>,
    /// The module's word on how the key was made (MesgGenKA, CertGenKA); None for an imported key.
    pub generation: Option<CertificateRecord>,
    /// What of the key is in a module's NVRAM.
    pub nvram: Option<NvramRecord>,
}

/// The name of a file in NVRAM (M_FileID).
pub type FileId = [u8; 11];

/// What of a key is in NVRAM. Such a key can be loaded on that module alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NvramRecord {
    /// Electronic serial number of the module.
    pub esn: String,
    /// The file with the private key's blob; the record has none then.
    pub blob: Option<FileId>,
    /// The file with the counter of its uses.
    pub counter: Option<FileId>,
}

/// The recovery copy of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryRecord {
    /// hkre: the key that opens it.
    pub hkre: Hash,
    /// The blob.
    pub blob: Vec<u8>,
}

/// The file `cards_<LThash>`: an operator card set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardSetRecord {
    /// The set's name.
    pub name: String,
    /// Hash of its logical token, hkltu.
    pub hkltu: Hash,
    /// Cards needed, K.
    pub shares_needed: u32,
    /// Cards made, N.
    pub shares_total: u32,
    /// Life of the loaded token in seconds, 0 for no limit.
    pub time_limit: u32,
    /// Whether keys stay loaded when the card leaves.
    pub persistent: bool,
    /// Whether the set may be used through a remote slot.
    pub remote: bool,
    /// Whether a forgotten pass phrase can be replaced with the administrator cards.
    pub passphrase_recovery: bool,
    /// Names of the cards, one a card, possibly empty.
    pub card_names: Vec<String>,
    /// When it was made.
    pub gentime: u64,
    /// Whether its cards may be files in soft token slots.
    pub soft: bool,
}

/// The file `card_<LThash>_<n>`: one card of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRecord {
    /// Hash of the set's logical token.
    pub hkltu: Hash,
    /// The card's number, from 1.
    pub share: u32,
    /// The card's name, possibly empty.
    pub name: String,
    /// What the card's pass phrase is on the wire, encrypted to KP (CipherText); None when it cannot be recovered.
    pub pin: Option<Vec<u8>>,
}

/// The file `softcard_<LThash>`: a token with one share, which is kept on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftcardRecord {
    /// The softcard's name.
    pub name: String,
    /// Hash of its logical token, hkltu.
    pub hkltu: Hash,
    /// The card image with the share, for Cmd_ReadSoftTokenShare.
    pub image: Vec<u8>,
    /// Whether it has a pass phrase.
    pub passphrase: bool,
    /// What the pass phrase is on the wire, encrypted to KP (CipherText); None when it cannot be recovered.
    pub pin: Option<Vec<u8>>,
    /// When it was made.
    pub gentime: u64,
}

impl Record for WorldRecord {
    const KIND: Kind = Kind::World;
    const VERSION: u16 = 2;

    /// Version 1 had neither `fips_140_3` nor `modes`.
    fn older(content: &[u8]) -> Option<WorldRecord> {
        envelope::content(&[content, &[0; 5]].concat())
    }
}

impl Record for ModuleRecord {
    const KIND: Kind = Kind::Module;
}

impl Record for EntryRecord {
    const KIND: Kind = Kind::Key;
    const VERSION: u16 = 2;

    /// Version 1 had no `nvram`, the last field of a key.
    fn older(content: &[u8]) -> Option<EntryRecord> {
        let data = envelope::content(content)
            .filter(|record: &EntryRecord| matches!(record.content, EntryContent::Opaque(_)));
        data.or_else(|| envelope::content(&[content, &[0]].concat()))
    }
}

impl Record for CardSetRecord {
    const KIND: Kind = Kind::CardSet;
    const VERSION: u16 = 2;

    /// Version 1 had no `soft`.
    fn older(content: &[u8]) -> Option<CardSetRecord> {
        envelope::content(&[content, &[0]].concat())
    }
}

impl Record for CardRecord {
    const KIND: Kind = Kind::Card;
    const VERSION: u16 = 2;

    /// Version 1 had no `pin`.
    fn older(content: &[u8]) -> Option<CardRecord> {
        envelope::content(&[content, &[0]].concat())
    }
}

impl Record for SoftcardRecord {
    const KIND: Kind = Kind::Softcard;
}
