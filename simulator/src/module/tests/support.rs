//! The table of support against what the module does.

use ncore::Status;
use ncore::codec::Reader;
use ncore::message::Command;
use ncore::profile::WireProfile;
use ncore::types::{Args, Cmd};

use super::rig::Rig;
use crate::module::support::{Support, table};

/// A command with every word zero, whatever its layout; None for the few whose zeros do not decode.
fn zeros(cmd: Cmd) -> Option<Args> {
    let bytes = [0; 1024];
    let mut reader = Reader::new(&bytes, &WireProfile::DEFAULT);
    Args::decode(cmd, &mut reader).ok()
}

#[test]
fn every_command_gets_the_answer_that_the_table_promises() {
    let mut seen = 0;
    for (cmd, support) in table() {
        let mut rig = Rig::factory();
        let args = match support {
            Support::Hardserver => continue,
            Support::Refused(_) => zeros(cmd).unwrap_or(Args::Raw(cmd, Vec::new())),
            Support::Module(_) => zeros(cmd).unwrap_or_else(|| panic!("zeros decode as {cmd}")),
        };
        let reply = rig.begin(Command::new(1, args)).finish();
        match support {
            Support::Refused(status) => assert_eq!(reply.status, status, "{cmd}"),
            _ => assert!(
                ![
                    Status::SoftwareFailed,
                    Status::UnknownCommand,
                    Status::NotYetImplemented
                ]
                .contains(&reply.status),
                "{cmd}: {}",
                reply.status
            ),
        }
        seen += 1;
    }
    assert!(seen > 180, "only {seen} commands tried");
}

#[test]
fn every_command_of_a_module_reaches_its_family() {
    // In an operational module the mode stops nothing, so an arm that is missing shows as SoftwareFailed.
    for (cmd, support) in table() {
        if let Support::Module(_) = support {
            let mut rig = Rig::operational();
            let args = zeros(cmd).unwrap_or_else(|| panic!("zeros decode as {cmd}"));
            let reply = rig.begin(Command::new(1, args)).finish();
            assert_ne!(reply.status, Status::SoftwareFailed, "{cmd}");
        }
    }
}
