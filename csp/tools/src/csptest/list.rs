//! The capabilities of every installed provider.

use csp::constants::{
    CRYPT_IMPL_HARDWARE, CRYPT_IMPL_MIXED, CRYPT_IMPL_SOFTWARE, CRYPT_VERIFYCONTEXT,
};
use nfkm_tools::cli::{self, Failure};
use serde::Serialize;

use crate::capi::{self, Provider};

pub(super) fn run(as_json: bool) -> Result<(), Failure> {
    let listed: Vec<Listed> = capi::providers()?.iter().map(Listed::of).collect();
    match as_json {
        true => cli::print_json(&listed)?,
        false => cli::print(&report(&listed))?,
    }
    match listed.iter().all(|listed| listed.error.is_none()) {
        true => Ok(()),
        // The list says which, and why.
        false => Err(Failure::Reported),
    }
}

/// A provider, with what it tells of itself.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    #[serde(rename = "type")]
    prov_type: u32,
    #[serde(flatten)]
    capabilities: Option<Capabilities>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Capabilities {
    version: String,
    implementation: &'static str,
    algorithms: Vec<Algorithm>,
}

/// An algorithm; lengths are of keys, in bits, and of hashes.
#[derive(Debug, Serialize)]
struct Algorithm {
    name: String,
    id: String,
    default: u32,
    min: u32,
    max: u32,
}

impl Listed {
    fn of(provider: &Provider) -> Listed {
        let (capabilities, error) = match Capabilities::of(provider) {
            Ok(capabilities) => (Some(capabilities), None),
            Err(refusal) => (None, Some(refusal.to_string())),
        };
        Listed {
            name: provider.name.clone(),
            prov_type: provider.prov_type,
            capabilities,
            error,
        }
    }
}

impl Capabilities {
    fn of(provider: &Provider) -> capi::Result<Capabilities> {
        let context = provider.acquire(None, CRYPT_VERIFYCONTEXT)?;
        let version = context.version()?;
        let algorithms = context.algorithms()?;
        Ok(Capabilities {
            version: format!("{}.{}", version >> 8, version & 0xff),
            implementation: match context.implementation()? {
                CRYPT_IMPL_HARDWARE => "hardware",
                CRYPT_IMPL_SOFTWARE => "software",
                CRYPT_IMPL_MIXED => "hardware and software",
                _ => "unknown",
            },
            algorithms: algorithms
                .into_iter()
                .map(|algorithm| Algorithm {
                    name: algorithm.name,
                    id: format!("{:#06x}", algorithm.id),
                    default: algorithm.default,
                    min: algorithm.min,
                    max: algorithm.max,
                })
                .collect(),
        })
    }
}

fn report(listed: &[Listed]) -> String {
    let mut text = format!("{} providers installed\n", listed.len());
    for listed in listed {
        text.push_str(&format!("\n{}\n", listed.name));
        line(&mut text, "type", &listed.prov_type.to_string());
        if let Some(error) = &listed.error {
            line(&mut text, "not usable", error);
        }
        let Some(capabilities) = &listed.capabilities else {
            continue;
        };
        line(&mut text, "version", &capabilities.version);
        line(&mut text, "implementation", capabilities.implementation);
        text.push_str(&format!(
            " {:18} {:6} {:>7} {:>7} {:>7}\n",
            "algorithm", "id", "default", "min", "max"
        ));
        for algorithm in &capabilities.algorithms {
            text.push_str(&format!(
                " {:18} {:6} {:7} {:7} {:7}\n",
                algorithm.name, algorithm.id, algorithm.default, algorithm.min, algorithm.max
            ));
        }
    }
    text
}

fn line(text: &mut String, field: &str, value: &str) {
    nfkm_tools::layout::line(text, 18, field, value);
}
