//! The clock of a module. Setting it takes the administrator cards: KRTC, to which KNSO delegated it, or in a world without
//! KRTC the quorum of KNSO itself.

use ncore::Status;
use ncore::types::{AdminKey, AdminToken, GetRTCArgs, KeyMgmtEntType, RTCTime, SetRTCArgs};

use crate::cards::{CardSource, Cards, Operator, SetName};
use crate::error::Error;
use crate::session::Session;
use crate::world::World;
use crate::world::admin::authority::{Authority, Delegate};

impl Session {
    /// What the clock of a module shows, in seconds since 1970; None if it was never set.
    ///
    /// # Errors
    /// [`Error::Status`], [`Error::Connection`].
    pub fn clock(&self, module: u32) -> Result<Option<u64>, Error> {
        let args = GetRTCArgs { module, flags: 0 };
        match self.client()?.transact(args) {
            Ok(reply) => Ok(Some(
                u64::from(reply.time.currenttimehigh) << 32 | u64::from(reply.time.currenttimelow),
            )),
            Err(Error::Status {
                status: Status::RTCNotSet,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets the clock of a module to what `now` says in seconds since 1970, once the cards are read.
    ///
    /// # Errors
    /// [`Error::NoWorld`], [`Error::Cards`], [`Error::WrongPassphrase`], [`Error::NoSuchModule`], [`Error::IsPool`],
    /// [`Error::NoUsableModule`], [`Error::Malformed`] for a world file that lacks what it needs, [`Error::Status`],
    /// [`Error::Connection`].
    pub fn set_clock(
        &self,
        module: u32,
        now: impl FnOnce() -> u64,
        source: &CardSource,
        operator: &mut dyn Operator,
    ) -> Result<(), Error> {
        let world = World::required(self.folder())?;
        let client = self.client()?;
        self.usable_module(&client, &world, module)?;
        let known = self.known_cards(&world)?;
        let mut cards = Cards::new(source, operator, SetName::Admin, known);
        let authority = Authority::open(&client, module, &world, &KRTC, &mut cards)?;
        let now = now();
        authority.transact(SetRTCArgs {
            module,
            flags: 0,
            time: RTCTime {
                currenttimehigh: (now >> 32) as u32,
                currenttimelow: now as u32,
                ..RTCTime::default()
            },
        })?;
        Ok(())
    }
}

/// Who sets clocks in KNSO's name.
const KRTC: Delegate = Delegate {
    token: AdminToken::RTC,
    key: AdminKey::RTC,
    entry: KeyMgmtEntType::CertDelgRTCbNSO,
};
