//! Nobody asks the socket again and again: asleep is where a wake-up can be lost.

pub(super) struct Waiting;

impl Waiting {
    pub(super) fn begin() -> Waiting {
        Waiting
    }

    pub(super) fn may_spin(&self) -> bool {
        false
    }
}
