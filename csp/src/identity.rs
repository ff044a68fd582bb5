//! Who calls: the user whose containers these are, and what security descriptors know him as.

use std::env;
use std::fs::File;
use std::path::Path;

use crate::sid::Sid;
use crate::sys;

/// The environment variable with the SID that the user claims to have, for containers that come from another machine.
pub const SID_VARIABLE: &str = "NCCAPI_SID";

/// The calling user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's SID; on Unix `S-1-22-1-<uid>`, the form in which Samba writes Unix users.
    pub user: Sid,
    /// Whether the SID is only what [`SID_VARIABLE`] says: a descriptor's word for it gives no right that the system denies.
    pub claimed: bool,
    /// The user's primary group; on Unix `S-1-22-2-<gid>`.
    pub group: Sid,
    /// Member of BUILTIN\Administrators; on Unix the superuser.
    pub administrator: bool,
    /// Name of the user, after whom the default container is named. None: the system is asked when it matters.
    pub user_name: Option<String>,
    /// Name of this machine, after which the machine's default container is named. None: as above.
    pub host_name: Option<String>,
}

/// The user claims to have something that is no SID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{SID_VARIABLE}: `{0}' is no SID")]
pub struct BadSid(String);

impl Identity {
    /// The user of the calling thread or process, with the SID that [`SID_VARIABLE`] claims if it is set.
    ///
    /// # Errors
    /// [`BadSid`].
    pub fn from_process() -> Result<Identity, BadSid> {
        let claimed = match env::var_os(SID_VARIABLE).filter(|text| !text.is_empty()) {
            Some(text) => {
                let text = text.to_string_lossy();
                Some(text.parse().map_err(|_| BadSid(text.into_owned()))?)
            }
            None => None,
        };
        Ok(Identity {
            claimed: claimed.is_some(),
            user: claimed.unwrap_or_else(sys::user_sid),
            group: sys::group_sid(),
            administrator: sys::is_administrator(),
            user_name: None,
            host_name: None,
        })
    }

    /// Whether the system lets the user change a file, for a user whose SID is only claimed. Files are replaced and removed by
    /// the rights to their folder, which say nothing of the file.
    pub(crate) fn may_change(&self, path: &Path) -> bool {
        !self.claimed || File::options().write(true).open(path).is_ok()
    }

    /// The name of the default container: the user's, or for machine containers the machine's.
    pub(crate) fn default_container(&self, machine: bool) -> String {
        match machine {
            false => self.user_name.clone().unwrap_or_else(sys::user_name),
            true => self.host_name.clone().unwrap_or_else(sys::host_name),
        }
    }

    /// Whether an entry of an access control list for `sid` speaks of this user.
    pub(crate) fn is(&self, sid: &Sid) -> bool {
        *sid == self.user
            || *sid == self.group
            || *sid == Sid::everyone()
            || (self.administrator
                && (*sid == Sid::administrators() || *sid == Sid::local_system()))
    }
}
