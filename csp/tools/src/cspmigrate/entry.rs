//! What both places of old containers are read into.

/// A registry key, with its text values.
pub(super) struct Entry {
    /// Its full name.
    pub(super) place: String,
    pub(super) values: Vec<(String, String)>,
}
