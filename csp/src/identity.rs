//! Who calls: the user whose containers these are, and what security descriptors know him as.

use crate::security::Sid;
use crate::sys;

/// The calling user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's SID; on Unix `S-1-22-1-<uid>`, the form in which Samba writes Unix users.
    pub user: Sid,
    /// The user's primary group; on Unix `S-1-22-2-<gid>`.
    pub group: Sid,
    /// Member of BUILTIN\Administrators; on Unix the superuser.
    pub administrator: bool,
    /// Name of the user, after whom the default container is named. None: the system is asked when it matters.
    pub user_name: Option<String>,
    /// Name of this machine, after which the machine's default container is named. None: as above.
    pub host_name: Option<String>,
}

impl Identity {
    /// The user of the calling thread or process.
    pub fn from_process() -> Identity {
        Identity {
            user: sys::user_sid(),
            group: sys::group_sid(),
            administrator: sys::is_administrator(),
            user_name: None,
            host_name: None,
        }
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
