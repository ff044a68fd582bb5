//! A DSS or Diffie-Hellman pair that is still to be made: its values are set one by one, then it is (CRYPT_PREGEN).

use crate::alg::Provider;
use crate::blob::{self, discrete};
use crate::constants::{
    AlgId, KP_ALGID, KP_G, KP_KEYLEN, KP_P, KP_PERMISSIONS, KP_PUB_PARAMS, KP_Q, KP_VERIFY_PARAMS,
    KP_X, PUBLICKEYBLOB,
};
use crate::container::record::Unfinished;
use crate::error::{CspError, Result};
use crate::key_values::{DEFAULT_PERMISSIONS, KeyParamForm, group_param};
use crate::soft::{DSS_ORDER_LEN, Group, ParamForm, trim};

/// The values of such a pair as far as they are set. `Clone` is CPDuplicateKey.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    algorithm: AlgId,
    /// Length of the prime that the call of CPGenKey named.
    bits: u32,
    p: Option<Vec<u8>>,
    q: Option<Vec<u8>>,
    g: Option<Vec<u8>>,
}

impl Pending {
    /// A pair of CALG_DSS_SIGN, CALG_DH_SF or CALG_DH_EPHEM without values.
    pub(crate) fn new(algorithm: AlgId, bits: u32) -> Pending {
        Pending {
            algorithm,
            bits,
            p: None,
            q: None,
            g: None,
        }
    }

    /// A pair of CALG_DH_SF with the values that a container keeps.
    ///
    /// # Errors
    /// `NTE_KEYSET_ENTRY_BAD` for values that no call could have set.
    pub(crate) fn resumed(provider: &Provider, values: Unfinished) -> Result<Pending> {
        let bad = CspError::NTE_KEYSET_ENTRY_BAD;
        let Unfinished { bits, p, q, g } = values;
        let algorithm = AlgId::CALG_DH_SF;
        if bits > u16::MAX.into() || provider.key_bits(algorithm, bits << 16) != Ok(bits) {
            return Err(bad);
        }
        let mut pending = Pending::new(algorithm, bits);
        for (param, value) in [(KP_P, p), (KP_Q, q), (KP_G, g)] {
            if let Some(value) = value {
                pending.set_param(param, &value).map_err(|_| bad)?;
            }
        }
        Ok(pending)
    }

    /// What a container keeps of it.
    pub(crate) fn values(&self) -> Unfinished {
        Unfinished {
            bits: self.bits,
            p: self.p.clone(),
            q: self.q.clone(),
            g: self.g.clone(),
        }
    }

    pub(crate) fn algorithm(&self) -> AlgId {
        self.algorithm
    }

    /// The group in which the pair is to be made.
    ///
    /// # Errors
    /// `NTE_BAD_KEY_STATE` while a value is missing, `NTE_BAD_DATA` when they make no group.
    pub(crate) fn group(&self) -> Result<Group> {
        let missing = CspError::NTE_BAD_KEY_STATE;
        let p = self.p.as_ref().ok_or(missing)?;
        let g = self.g.as_ref().ok_or(missing)?;
        if self.algorithm == AlgId::CALG_DSS_SIGN && self.q.is_none() {
            return Err(missing);
        }
        Group::new(p, self.q.as_deref(), g)
    }

    /// CPGetKeyParam.
    ///
    /// # Errors
    /// `NTE_BAD_KEY_STATE` for a value that is not set, `NTE_BAD_TYPE` for what such a handle does not have.
    pub(crate) fn param(&self, param: u32) -> Result<Vec<u8>> {
        let value = |value: &Option<Vec<u8>>| value.clone().ok_or(CspError::NTE_BAD_KEY_STATE);
        match param {
            KP_ALGID => Ok(self.algorithm.0.to_le_bytes().to_vec()),
            KP_KEYLEN => Ok(self.bits.to_le_bytes().to_vec()),
            KP_PERMISSIONS => Ok(DEFAULT_PERMISSIONS.to_le_bytes().to_vec()),
            KP_P => value(&self.p),
            KP_Q => value(&self.q),
            KP_G => value(&self.g),
            KP_VERIFY_PARAMS => group_param(&self.group()?, param),
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }

    /// How CPSetKeyParam's data pointer is to be read.
    ///
    /// # Errors
    /// `NTE_BAD_TYPE` for what cannot be set.
    pub(crate) fn param_form(&self, param: u32) -> Result<KeyParamForm> {
        match param {
            KP_P | KP_Q | KP_G | KP_PUB_PARAMS => Ok(KeyParamForm::Plain(ParamForm::Blob)),
            KP_X => Ok(KeyParamForm::Null),
            _ => Err(CspError::NTE_BAD_TYPE),
        }
    }

    /// CPSetKeyParam, but for KP_X, with which the handle becomes another kind of key.
    ///
    /// # Errors
    /// `NTE_BAD_DATA` for a number that is not as long as it must be; as [`Pending::param_form`].
    pub(crate) fn set_param(&mut self, param: u32, value: &[u8]) -> Result<()> {
        match param {
            KP_P => self.p = Some(self.prime(value)?),
            KP_Q => self.q = Some(self.order(value)?),
            KP_G if trim(value).len() <= self.len() => self.g = Some(value.to_vec()),
            KP_G => return Err(CspError::NTE_BAD_DATA),
            KP_PUB_PARAMS => {
                let (header, body) = blob::parse(value)?;
                let is_ours = header.blob_type == PUBLICKEYBLOB
                    && header.version == blob::VERSION_3
                    && header.algorithm == self.algorithm;
                if !is_ours {
                    return Err(CspError::NTE_BAD_DATA);
                }
                let parts = discrete::parse(&header, body)?;
                let group = parts.group.filter(|group| group.bits() == self.bits);
                let Group { p, q, g } = group.ok_or(CspError::NTE_BAD_DATA)?;
                (self.p, self.q, self.g) = (Some(p), q, Some(g));
            }
            _ => return Err(CspError::NTE_BAD_TYPE),
        }
        Ok(())
    }

    /// Length of the prime in bytes.
    fn len(&self) -> usize {
        self.bits as usize / 8
    }

    fn prime(&self, value: &[u8]) -> Result<Vec<u8>> {
        let number = trim(value);
        let full = number.len() == self.len() && number.last().is_some_and(|top| *top >= 0x80);
        full.then(|| number.to_vec()).ok_or(CspError::NTE_BAD_DATA)
    }

    /// A DSS order has 160 bits; a Diffie-Hellman group may show one of any length below the prime's.
    fn order(&self, value: &[u8]) -> Result<Vec<u8>> {
        let number = trim(value);
        let fits = match self.algorithm {
            AlgId::CALG_DSS_SIGN => number.len() == DSS_ORDER_LEN,
            _ => (1..self.len()).contains(&number.len()),
        };
        fits.then(|| number.to_vec()).ok_or(CspError::NTE_BAD_DATA)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd(len: usize) -> Vec<u8> {
        let mut number = vec![0xff; len];
        number[0] = 0xfd;
        number
    }

    #[test]
    fn values_must_have_the_declared_length() {
        let mut dss = Pending::new(AlgId::CALG_DSS_SIGN, 512);
        for (param, good) in [(KP_P, 64), (KP_Q, 20)] {
            for len in [good - 1, good + 1, 0] {
                let value = vec![0xff; len];
                assert_eq!(dss.set_param(param, &value), Err(CspError::NTE_BAD_DATA));
            }
            assert_eq!(dss.param(param), Err(CspError::NTE_BAD_KEY_STATE));
            assert_eq!(dss.group().map(drop), Err(CspError::NTE_BAD_KEY_STATE));
            assert_eq!(dss.set_param(param, &odd(good)), Ok(()));
            assert_eq!(dss.param(param), Ok(odd(good)));
        }
        assert_eq!(
            dss.set_param(KP_G, &[0xff; 65]),
            Err(CspError::NTE_BAD_DATA)
        );
        assert_eq!(dss.set_param(KP_G, &[2]), Ok(()));
        assert_eq!(dss.group().map(|group| group.bits()), Ok(512));
    }

    #[test]
    fn a_group_comes_in_one_piece_too() {
        let mut dh = Pending::new(AlgId::CALG_DH_SF, 512);
        let mut blob = vec![6, 3, 0, 0, 0x01, 0xaa, 0, 0];
        blob.extend(b"\0DH3");
        for word in [512u32, 0, 0] {
            blob.extend(word.to_le_bytes());
        }
        blob.extend([0xff; 4]);
        blob.extend([0; 20]);
        blob.extend(odd(64));
        let mut g = vec![0; 64];
        g[0] = 5;
        blob.extend(&g);
        assert_eq!(dh.set_param(KP_PUB_PARAMS, &blob), Ok(()));
        assert_eq!(dh.param(KP_G), Ok(g));
        let mut other = Pending::new(AlgId::CALG_DH_SF, 576);
        let refused = Err(CspError::NTE_BAD_DATA);
        assert_eq!(other.set_param(KP_PUB_PARAMS, &blob), refused);
        let mut dss = Pending::new(AlgId::CALG_DSS_SIGN, 512);
        assert_eq!(dss.set_param(KP_PUB_PARAMS, &blob), refused);
        for len in 0..blob.len() {
            assert_eq!(dh.set_param(KP_PUB_PARAMS, &blob[..len]), refused, "{len}");
        }
    }

    #[test]
    fn other_parameters_are_not_a_pending_pairs() {
        let dh = Pending::new(AlgId::CALG_DH_EPHEM, 512);
        assert_eq!(dh.param_form(KP_X), Ok(KeyParamForm::Null));
        assert_eq!(dh.param_form(KP_ALGID), Err(CspError::NTE_BAD_TYPE));
        assert_eq!(dh.param(KP_X), Err(CspError::NTE_BAD_TYPE));
    }
}
