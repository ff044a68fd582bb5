//! The setup parameters of the provider, as the utilities that set them see them.

use csp::settings::{KeyProtection, SETTINGS_VARIABLE, SetupParameters};
use nfkm::{Environment, World};
use nfkm_tools::cli::Failure;

/// The parameters of this machine.
pub(crate) fn read(environment: &Environment) -> Result<SetupParameters, Failure> {
    // They would neither be what is set, nor what comes of setting others.
    if std::env::var_os(SETTINGS_VARIABLE).is_some_and(|path| !path.is_empty()) {
        return Err(Failure::Operation(format!(
            "{SETTINGS_VARIABLE} names a file that goes before the machine's parameters"
        )));
    }
    Ok(SetupParameters::read(environment)?)
}

/// Sets the parameters, unless they contradict each other.
pub(crate) fn write(
    parameters: &SetupParameters,
    environment: &Environment,
) -> Result<(), Failure> {
    // The pool has no card readers (CAPI guide, section 4.2).
    if parameters.pool_mode && parameters.protection == KeyProtection::CardSet {
        return Err(Failure::Operation(
            "HSM Pool mode is for keys protected by the module alone".to_owned(),
        ));
    }
    parameters.write(environment)?;
    Ok(())
}

/// What is to be known of pool mode in this world; None when there is nothing.
pub(crate) fn pool_warning(
    parameters: &SetupParameters,
    environment: &Environment,
) -> Result<Option<&'static str>, nfkm::Error> {
    let strict = World::read(&environment.folder()?)?.is_some_and(|world| world.is_strict_fips());
    Ok((parameters.pool_mode && strict).then_some(
        "in a world of FIPS 140 level 3 keys can be used in HSM Pool mode, but not be created",
    ))
}

/// A switch, in a word.
pub(crate) fn on_off(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}
