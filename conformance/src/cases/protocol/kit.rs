//! What the protocol cases are written with: lists, keys and data in few words.

use anyhow::{bail, ensure};
use ncore::client::ClientError;
use ncore::types::*;

pub(super) use crate::cases::kit::{Op, acl, anything, bytes, may, operations};

use crate::oracle::hashes::Hash;
use crate::oracle::wire_rsa::WireRsa;
use crate::rig::Rig;
use crate::wire::Wire;

/// SHA-1 of a key, a module key or a token.
pub(super) type KeyHash = [u8; 20];

/// The hash of the Triple DES null module key (PROTOCOL section 4.2).
pub(super) const NULL_DES3: KeyHash = [0; 20];

/// The hash of the AES null module key.
pub(super) const NULL_AES: KeyHash = {
    let mut hash = [0; 20];
    hash[0] = 1;
    hash
};

/// What a case's command gives back.
pub(super) type Sent<T> = Result<T, ClientError>;

/// The status of an answer: OK, or why it was refused.
pub(super) fn status<T>(answer: Sent<T>) -> Status {
    match answer {
        Ok(_) => Status::OK,
        Err(error) => error.status(),
    }
}

/// The claim must hold for this variant of it.
#[track_caller]
pub(super) fn is<T: PartialEq + std::fmt::Debug>(
    found: T,
    expected: T,
    what: &str,
) -> anyhow::Result<()> {
    crate::rig::equal(found, expected, what)
}

pub(super) fn blobs(details: ActMakeBlobDetails) -> Action {
    Action {
        type_: Act::MakeBlob,
        details: ActDetails::MakeBlob(details),
    }
}

pub(super) fn blob_flags(flags: u32) -> Action {
    blobs(ActMakeBlobDetails {
        flags,
        ..ActMakeBlobDetails::default()
    })
}

pub(super) fn archive(kahash: Option<KeyHash>, mech: Mech) -> Action {
    let details = ActMakeArchiveBlobDetails {
        flags: 0,
        mech,
        kahash,
        blobfile: None,
    };
    Action {
        type_: Act::MakeArchiveBlob,
        details: ActDetails::MakeArchiveBlob(details),
    }
}

pub(super) fn officer_operations(ops: u32) -> Action {
    let details = ActNSOPermissionsDetails {
        perms: NSOPerms { ops },
    };
    Action {
        type_: Act::NSOPermissions,
        details: ActDetails::NSOPermissions(details),
    }
}

pub(super) fn group(actions: Vec<Action>) -> PermissionGroup {
    PermissionGroup {
        actions,
        ..PermissionGroup::default()
    }
}

pub(super) fn list(groups: Vec<PermissionGroup>) -> ACL {
    ACL { groups }
}

pub(super) fn number(m: Bignum) -> PlainText {
    PlainText {
        type_: PlainTextType::Bignum,
        data: PlainTextTypeData::Bignum(PlainTextTypeBignumData { m }),
    }
}

/// A digest in the plain text type of its length.
pub(super) fn digest_text(digest: &[u8]) -> anyhow::Result<PlainText> {
    let (type_, data) = match digest.len() {
        16 => (
            PlainTextType::Hash16,
            PlainTextTypeData::Hash16(PlainTextTypeHash16Data {
                data: digest.try_into()?,
            }),
        ),
        20 => (
            PlainTextType::Hash,
            PlainTextTypeData::Hash(PlainTextTypeHashData {
                data: digest.try_into()?,
            }),
        ),
        28 => (
            PlainTextType::Hash28,
            PlainTextTypeData::Hash28(PlainTextTypeHash28Data {
                data: digest.try_into()?,
            }),
        ),
        32 => (
            PlainTextType::Hash32,
            PlainTextTypeData::Hash32(PlainTextTypeHash32Data {
                data: digest.try_into()?,
            }),
        ),
        48 => (
            PlainTextType::Hash48,
            PlainTextTypeData::Hash48(PlainTextTypeHash48Data {
                data: digest.try_into()?,
            }),
        ),
        64 => (
            PlainTextType::Hash64,
            PlainTextTypeData::Hash64(PlainTextTypeHash64Data {
                data: digest.try_into()?,
            }),
        ),
        other => bail!("no plain text type for {other} bytes"),
    };
    Ok(PlainText { type_, data })
}

/// The bytes of a plain text of type Bytes.
pub(super) fn plain_bytes(plain: &PlainText) -> anyhow::Result<&[u8]> {
    match &plain.data {
        PlainTextTypeData::Bytes(data) => Ok(&data.data),
        other => bail!("bytes were expected, not {other:?}"),
    }
}

/// The number of an RSA ciphertext or signature.
pub(super) fn rsa_number(cipher: &CipherText) -> anyhow::Result<&Bignum> {
    match &cipher.data {
        MechCipher::RSApPKCS1(body) => Ok(&body.m),
        other => bail!("an RSA number was expected, not {other:?}"),
    }
}

/// An RSA ciphertext or signature of this number.
pub(super) fn rsa_cipher(mech: Mech, m: Bignum) -> CipherText {
    let iv = if oaep_hash(mech).is_some() {
        MechIV::RSApPKCS1OAEP(MechRSApPKCS1OAEPIV::default())
    } else {
        MechIV::Empty
    };
    CipherText {
        mech,
        data: MechCipher::RSApPKCS1(MechRSApPKCS1Cipher { m }),
        iv,
    }
}

/// The PKCS#1 v1.5 signature mechanism that hashes by `hash`.
pub(super) fn rsa_mech(hash: Hash) -> Mech {
    match hash {
        Hash::Md5 => Mech::RSAhMD5pPKCS1,
        Hash::Sha1 => Mech::RSAhSHA1pPKCS1,
        Hash::Sha224 => Mech::RSAhSHA224pPKCS1,
        Hash::Sha256 => Mech::RSAhSHA256pPKCS1,
        Hash::Sha384 => Mech::RSAhSHA384pPKCS1,
        Hash::Sha512 => Mech::RSAhSHA512pPKCS1,
    }
}

/// The OAEP mechanisms, with their hashes.
pub(super) const OAEP: [(Mech, Hash); 5] = [
    (Mech::RSApPKCS1OAEP, Hash::Sha1),
    (Mech::RSApPKCS1OAEPhSHA224, Hash::Sha224),
    (Mech::RSApPKCS1OAEPhSHA256, Hash::Sha256),
    (Mech::RSApPKCS1OAEPhSHA384, Hash::Sha384),
    (Mech::RSApPKCS1OAEPhSHA512, Hash::Sha512),
];

/// The hash of an OAEP mechanism.
pub(super) fn oaep_hash(mech: Mech) -> Option<Hash> {
    OAEP.iter()
        .find(|(known, _)| *known == mech)
        .map(|(_, hash)| *hash)
}

/// The plain hash mechanism.
pub(super) fn hash_mech(hash: Hash) -> Mech {
    match hash {
        Hash::Md5 => Mech::MD5Hash,
        Hash::Sha1 => Mech::SHA1Hash,
        Hash::Sha224 => Mech::SHA224Hash,
        Hash::Sha256 => Mech::SHA256Hash,
        Hash::Sha384 => Mech::SHA384Hash,
        Hash::Sha512 => Mech::SHA512Hash,
    }
}

/// The HMAC key type and mechanism.
pub(super) fn hmac_type(hash: Hash) -> (KeyType, Mech) {
    match hash {
        Hash::Md5 => (KeyType::HMACMD5, Mech::HMACMD5),
        Hash::Sha1 => (KeyType::HMACSHA1, Mech::HMACSHA1),
        Hash::Sha224 => (KeyType::HMACSHA224, Mech::HMACSHA224),
        Hash::Sha256 => (KeyType::HMACSHA256, Mech::HMACSHA256),
        Hash::Sha384 => (KeyType::HMACSHA384, Mech::HMACSHA384),
        Hash::Sha512 => (KeyType::HMACSHA512, Mech::HMACSHA512),
    }
}

/// The output of a hash or HMAC mechanism.
pub(super) fn hash_output(cipher: &CipherText) -> anyhow::Result<Vec<u8>> {
    Ok(match &cipher.data {
        MechCipher::MD5Hash(body) => body.h.to_vec(),
        MechCipher::SHA1Hash(body) => body.h.to_vec(),
        MechCipher::SHA224Hash(body) => body.h.to_vec(),
        MechCipher::SHA256Hash(body) => body.h.to_vec(),
        MechCipher::SHA384Hash(body) => body.h.to_vec(),
        MechCipher::SHA512Hash(body) => body.h.to_vec(),
        other => bail!("the output of a hash was expected, not {other:?}"),
    })
}

/// How an RSA pair of this length is made.
pub(super) fn rsa_params(lenbits: u32) -> KeyGenParams {
    let params = KeyTypeRSAPrivateGenParams {
        lenbits,
        ..KeyTypeRSAPrivateGenParams::default()
    };
    KeyGenParams {
        type_: KeyType::RSAPrivate,
        params: KeyTypeGenParams::RSAPrivate(params),
    }
}

/// How a key of random bytes is made.
pub(super) fn random_params(type_: KeyType, lenbytes: u32) -> KeyGenParams {
    KeyGenParams {
        type_,
        params: KeyTypeGenParams::Random(KeyTypeRandomGenParams { lenbytes }),
    }
}

/// A pair of identifiers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) private: u32,
    pub(super) public: u32,
}

/// A key of raw bytes.
pub(super) fn raw_key(type_: KeyType, key: &[u8]) -> anyhow::Result<KeyData> {
    let data = match type_ {
        KeyType::DES => KeyTypeData::DES(KeyTypeDESData { k: key.try_into()? }),
        KeyType::DES2 => KeyTypeData::DES2(KeyTypeDES2Data { k: key.try_into()? }),
        KeyType::DES3 => KeyTypeData::DES3(KeyTypeDES3Data { k: key.try_into()? }),
        _ => KeyTypeData::Random(KeyTypeRandomData { k: key.to_vec() }),
    };
    Ok(KeyData { type_, data })
}

/// The bytes of a key of raw bytes.
pub(super) fn key_bytes(key: &KeyData) -> anyhow::Result<Vec<u8>> {
    Ok(match &key.data {
        KeyTypeData::DES(data) => data.k.to_vec(),
        KeyTypeData::DES2(data) => data.k.to_vec(),
        KeyTypeData::DES3(data) => data.k.to_vec(),
        KeyTypeData::Random(data) => data.k.clone(),
        other => bail!("a symmetric key was expected, not {other:?}"),
    })
}

/// Sign.
pub(super) fn sign_args(key: u32, mech: Mech, plain: PlainText) -> SignArgs {
    SignArgs {
        flags: 0,
        key,
        mech,
        plain,
        given_iv: None,
    }
}

/// Sign a message of a few bytes by the key type's default.
pub(super) fn sign_something(key: u32) -> SignArgs {
    sign_args(key, Mech::Any, bytes(b"message"))
}

/// Encrypt.
pub(super) fn encrypt_args(key: u32, mech: Mech, plain: PlainText) -> EncryptArgs {
    EncryptArgs {
        flags: 0,
        key,
        mech,
        plain,
        given_iv: None,
    }
}

/// Decrypt to bytes.
pub(super) fn decrypt_args(key: u32, cipher: CipherText) -> DecryptArgs {
    DecryptArgs {
        flags: 0,
        key,
        mech: Mech::Any,
        cipher,
        reply_type: PlainTextType::Bytes,
    }
}

/// Verify by the signature's own mechanism.
pub(super) fn verify_args(key: u32, plain: PlainText, sig: CipherText) -> VerifyArgs {
    VerifyArgs {
        flags: 0,
        key,
        mech: Mech::Any,
        plain,
        sig,
    }
}

/// A certificate by a loaded key.
pub(super) fn signing_key(key: u32, keyhash: KeyHash) -> Certificate {
    let body = CertTypeCertBody::SigningKey(CertTypeSigningKeyCertBody { key });
    Certificate {
        keyhash,
        type_: CertType::SigningKey,
        body,
    }
}

pub(super) fn certificates(certs: Vec<Certificate>) -> CertificateList {
    CertificateList { certs }
}

/// A client at one module.
#[derive(Debug)]
pub(super) struct Bench {
    wire: Wire,
    /// The module's number.
    pub(super) module: u32,
}

impl std::ops::Deref for Bench {
    type Target = Wire;

    fn deref(&self) -> &Wire {
        &self.wire
    }
}

impl Bench {
    /// A client of the target, at a module that is usable.
    pub(super) fn open(rig: &Rig) -> anyhow::Result<Bench> {
        Ok(Bench {
            wire: rig.wire()?,
            module: rig.module()?,
        })
    }

    /// A client at this module.
    pub(super) fn at(wire: Wire, module: u32) -> Bench {
        Bench { wire, module }
    }

    /// The command that makes a pair with these lists.
    pub(super) fn pair_args(
        &self,
        params: KeyGenParams,
        private: ACL,
        public: ACL,
    ) -> GenerateKeyPairArgs {
        GenerateKeyPairArgs {
            module: self.module,
            params,
            aclpriv: private,
            aclpub: public,
            ..GenerateKeyPairArgs::default()
        }
    }

    /// The command that makes a single key with this list.
    pub(super) fn key_args(&self, params: KeyGenParams, acl: ACL) -> GenerateKeyArgs {
        GenerateKeyArgs {
            module: self.module,
            params,
            acl,
            ..GenerateKeyArgs::default()
        }
    }

    /// The command that makes an AES-256 key.
    pub(super) fn aes_args(&self, acl: ACL) -> GenerateKeyArgs {
        self.key_args(random_params(KeyType::Rijndael, 32), acl)
    }

    /// The command that imports a key with this list.
    pub(super) fn import_args(&self, data: KeyData, acl: ACL) -> ImportArgs {
        ImportArgs {
            module: self.module,
            data,
            acl,
            appdata: [0; 64],
        }
    }

    /// A new RSA pair.
    pub(super) fn rsa(&self, bits: u32, private: ACL, public: ACL) -> anyhow::Result<Pair> {
        let reply = self.send(self.pair_args(rsa_params(bits), private, public))?;
        Ok(Pair {
            private: reply.keypriv,
            public: reply.keypub,
        })
    }

    /// A new RSA pair that signs and decrypts, and its public half as the oracle has it.
    pub(super) fn signer(&self, bits: u32) -> anyhow::Result<(Pair, WireRsa)> {
        let pair = self.rsa(
            bits,
            may(Op::SIGN | Op::DECRYPT),
            may(Op::VERIFY | Op::ENCRYPT | Op::EXPORT_AS_PLAIN),
        )?;
        let public = WireRsa::new(&self.export(pair.public)?)?;
        Ok((pair, public))
    }

    /// A new AES-256 key.
    pub(super) fn aes(&self, acl: ACL) -> anyhow::Result<u32> {
        Ok(self.send(self.aes_args(acl))?.key)
    }

    /// A key from outside.
    pub(super) fn import(&self, data: KeyData, acl: ACL) -> anyhow::Result<u32> {
        Ok(self.send(self.import_args(data, acl))?.key)
    }

    /// A key in clear.
    pub(super) fn export(&self, key: u32) -> anyhow::Result<KeyData> {
        Ok(self.send(ExportArgs { key })?.data)
    }

    /// A key's hash.
    pub(super) fn hash_of(&self, key: u32) -> anyhow::Result<KeyHash> {
        Ok(self.send(GetKeyInfoArgs { key })?.hash)
    }

    /// A signature.
    pub(super) fn sign(
        &self,
        key: u32,
        mech: Mech,
        plain: PlainText,
    ) -> anyhow::Result<CipherText> {
        Ok(self.send(sign_args(key, mech, plain))?.sig)
    }

    /// The hashes of the module keys, KM0 first.
    pub(super) fn module_keys(&self) -> anyhow::Result<Vec<KeyHash>> {
        Ok(self
            .send(GetKMListArgs {
                module: self.module,
                flags: 0,
            })?
            .hkms)
    }

    /// A name for a limit that nobody used before.
    pub(super) fn limit_name(&self) -> anyhow::Result<[u8; 20]> {
        let name = self.send(GenerateRandomArgs { lenbytes: 20 })?.data;
        ensure!(name.len() == 20, "{} random bytes for 20", name.len());
        Ok(name[..].try_into()?)
    }
}
