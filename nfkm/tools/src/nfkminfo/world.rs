//! The blocks `World` and `Module #n`.
//!
//! The order `generation`, `state` at their top, the words of the states, and the lines `mode` and `hkm` are what scripts
//! depend on; the other fields are as UTILITIES section 3.2 recalls them.

use ncore::types::{AdminKey, AdminToken, CipherSuite, SetNSOPermsArgs};
use nfkm::{Hash, Module, World, ZERO_HASH, hex};

use crate::layout::{self, Field, Rows};
use crate::time;

/// What the world block is made of.
struct Subject {
    world: Option<World>,
    modules: Vec<Module>,
    generation: u32,
}

/// The fields of the world, also for a host without one.
pub fn world_rows(world: Option<&World>, modules: &[Module], generation: u32) -> Rows {
    let subject = Subject {
        world: world.cloned(),
        modules: modules.to_vec(),
        generation,
    };
    layout::rows(WORLD, &subject)
}

/// The fields of a module.
pub fn module_rows(module: &Module, slots: usize, generation: u32) -> Rows {
    layout::rows(MODULE, &(module.clone(), slots, generation))
}

/// The block `World`.
pub fn world_block(rows: &Rows) -> String {
    let mut report = "World\n".to_owned();
    layout::lines(&mut report, 11, rows);
    report
}

/// The block of a module, after a blank line.
pub fn module_block(number: u32, rows: &Rows) -> String {
    let mut report = format!("\nModule #{number}\n");
    layout::lines(&mut report, 10, rows);
    report
}

const WORLD: &[Field<Subject>] = &[
    Field {
        name: "generation",
        value: |s| Some(s.generation.to_string()),
    },
    Field {
        name: "state",
        value: |s| Some(state(s)),
    },
    Field {
        name: "n_modules",
        value: |s| Some(s.modules.len().to_string()),
    },
    Field {
        name: "hknso",
        value: |s| {
            Some(hex(&s
                .world
                .as_ref()
                .map_or(ZERO_HASH, |world| world.hknso)))
        },
    },
    Field {
        name: "hkm",
        value: |s| Some(hkm(s)),
    },
    Field {
        name: "hkmwk",
        value: |s| {
            Some(hex(&s
                .world
                .as_ref()
                .map_or(ZERO_HASH, |world| world.record.hkmwk)))
        },
    },
    Field {
        name: "hkre",
        value: |s| Some(key(s, AdminKey::RE)),
    },
    Field {
        name: "hkra",
        value: |s| Some(key(s, AdminKey::RA)),
    },
    Field {
        name: "hkfips",
        value: |s| {
            s.world
                .as_ref()?
                .hash(AdminKey::FIPS)
                .map(|hash| hex(&hash))
        },
    },
    Field {
        name: "hkmc",
        value: |s| Some(key(s, AdminKey::MC)),
    },
    Field {
        name: "hkp",
        value: |s| Some(key(s, AdminKey::P)),
    },
    Field {
        name: "hkrtc",
        value: |s| Some(key(s, AdminKey::RTC)),
    },
    Field {
        name: "hknv",
        value: |s| Some(key(s, AdminKey::NV)),
    },
    Field {
        name: "hkdsee",
        value: |s| Some(key(s, AdminKey::DSEE)),
    },
    Field {
        name: "hkfto",
        value: |s| Some(key(s, AdminKey::FTO)),
    },
    Field {
        name: "hkmnull",
        value: |_| Some(hex(&nfkm::world::NULL_MODULE_KEY)),
    },
    Field {
        name: "ex.client",
        value: |_| Some("none".to_owned()),
    },
    Field {
        name: "k-out-of-n",
        value: |s| s.world.as_ref().map(quorum),
    },
    Field {
        name: "other quora",
        value: |s| s.world.as_ref().map(other_quora),
    },
    Field {
        name: "createtime",
        value: |s| {
            s.world
                .as_ref()
                .map(|world| time::stamp(world.record.created))
        },
    },
    Field {
        name: "nso timeout",
        value: |s| {
            s.world
                .as_ref()
                .map(|world| duration(world.record.nso_timeout))
        },
    },
    Field {
        name: "ciphersuite",
        value: |s| s.world.as_ref().map(|world| suite(world.cipher_suite())),
    },
    Field {
        name: "min pp",
        value: |s| {
            s.world
                .as_ref()
                .map(|world| format!("{} chars", world.record.passphrase_min))
        },
    },
    Field {
        name: "mode",
        value: |s| {
            let strict = s.world.as_ref().filter(|world| world.is_strict_fips());
            let mode = match strict {
                Some(world) if world.record.fips_140_3 => "fips1403level3",
                Some(_) => "fips1402level3",
                None => "none",
            };
            Some(mode.to_owned())
        },
    },
];

const MODULE: &[Field<(Module, usize, u32)>] = &[
    Field {
        name: "generation",
        value: |(_, _, generation)| Some(generation.to_string()),
    },
    Field {
        name: "state",
        value: |(module, _, _)| Some(format!("{:#x} {}", module.state.0, module.state)),
    },
    Field {
        name: "flags",
        value: |(module, _, _)| Some(module_flags(module)),
    },
    Field {
        name: "n_slots",
        value: |(_, slots, _)| Some(slots.to_string()),
    },
    Field {
        name: "esn",
        value: |(module, _, _)| Some(module.esn.clone()),
    },
    Field {
        name: "hkml",
        value: |(module, _, _)| Some(hex(&hkml(module))),
    },
];

/// Bit, word, whether the word is printed when the bit is off, and when it is on.
type StateWord = (u32, &'static str, bool, fn(&Subject) -> bool);

/// The words of the state line, in order, with their bits and whether they are printed, with a `!`, when they are off.
///
/// Only the first three bits are known; the others are this software's choice. Its worlds take over no existing client and
/// check no strength of pass phrases.
const STATE: &[StateWord] = &[
    (0x1_0000, "Initialised", true, |s| s.world.is_some()),
    (0x2_0000, "Usable", true, |s| {
        s.world.is_some() && s.modules.iter().any(Module::is_usable)
    }),
    (0x4_0000, "Recovery", true, |s| has(s, AdminKey::RE)),
    (0x8_0000, "PINRecovery", true, |s| has(s, AdminKey::P)),
    (0x10_0000, "ExistingClient", true, |_| false),
    (0x20_0000, "RTC", true, |s| has(s, AdminKey::RTC)),
    (0x100_0000, "NVRAM", true, |s| has(s, AdminKey::NV)),
    (0x200_0000, "FTO", true, |s| has(s, AdminKey::FTO)),
    (0x400_0000, "AlwaysUseStrongPrimes", true, |s| {
        has_mode(s, SetNSOPermsArgs::ALWAYS_USE_STRONG_PRIMES)
    }),
    (0x800_0000, "DisablePKCS1Padding", true, |s| {
        has_mode(s, SetNSOPermsArgs::DISABLE_PKCS1_PADDING)
    }),
    (0x4000_0000, "PpStrengthCheck", true, |_| false),
    (0x8000_0000, "AuditLogging", true, |s| {
        has_mode(s, SetNSOPermsArgs::AUDIT_LOGGING)
    }),
    (0x1000_0000, "SEEDebug", true, |s| has(s, AdminKey::DSEE)),
    (0x2000_0000, "SEEDebugForAll", false, |s| {
        s.world
            .as_ref()
            .is_some_and(|world| world.record.debug_for_all)
    }),
    (0x80_0000, "StrictFIPS140", false, |s| {
        s.world.as_ref().is_some_and(World::is_strict_fips)
    }),
];

fn state(subject: &Subject) -> String {
    let mut bits = 0;
    let mut words = Vec::new();
    for (bit, name, shown_when_off, is_on) in STATE {
        if is_on(subject) {
            bits |= bit;
            words.push((*name).to_owned());
        } else if *shown_when_off {
            words.push(format!("!{name}"));
        }
    }
    format!("{bits:#x} {}", words.join(" "))
}

fn has(subject: &Subject, role: AdminKey) -> bool {
    subject
        .world
        .as_ref()
        .is_some_and(|world| world.key(role).is_some())
}

fn has_mode(subject: &Subject, mode: u32) -> bool {
    let world = subject.world.as_ref();
    world.is_some_and(|world| world.modes() & mode != 0)
}

fn key(subject: &Subject, role: AdminKey) -> String {
    hex(&subject
        .world
        .as_ref()
        .and_then(|world| world.hash(role))
        .unwrap_or(ZERO_HASH))
}

fn hkm(subject: &Subject) -> String {
    match &subject.world {
        Some(world) => format!("{} (type {})", hex(&world.hkm()), world.module_key_type()),
        None => hex(&ZERO_HASH),
    }
}

fn quorum(world: &World) -> String {
    format!(
        "{}/{}",
        world.threshold(AdminToken::NSO).unwrap_or(0),
        world.record.cards
    )
}

fn other_quora(world: &World) -> String {
    const NAMES: [(AdminToken, &str); 7] = [
        (AdminToken::M, "m"),
        (AdminToken::R, "r"),
        (AdminToken::P, "p"),
        (AdminToken::NV, "nv"),
        (AdminToken::RTC, "rtc"),
        (AdminToken::DSEE, "dsee"),
        (AdminToken::FTO, "fto"),
    ];
    let word = |(role, name): &(AdminToken, &str)| {
        world
            .threshold(*role)
            .map(|needed| format!("{name}={needed}"))
    };
    NAMES.iter().filter_map(word).collect::<Vec<_>>().join(" ")
}

fn duration(seconds: u32) -> String {
    match seconds {
        0 => "none".to_owned(),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

fn suite(suite: CipherSuite) -> String {
    suite.to_string()
}

fn module_flags(module: &Module) -> String {
    match &module.record {
        Some(record) if record.share_target => "0x10000 ShareTarget".to_owned(),
        Some(_) => "0x0 !ShareTarget".to_owned(),
        None => "0x0".to_owned(),
    }
}

fn hkml(module: &Module) -> Hash {
    let kml = module
        .record
        .as_ref()
        .and_then(|record| record.kml.as_ref());
    kml.map_or(ZERO_HASH, |kml| kml.hash)
}

#[cfg(test)]
mod tests {
    use ncore::types::{KeyType, ModuleState};
    use nfkm::kmdata::{
        AdminKeyRecord, AdminTokenRecord, CertificateRecord, KmlRecord, ModuleRecord, WorldRecord,
    };

    use super::*;

    fn world() -> World {
        let keys = [
            (AdminKey::NSO, 1),
            (AdminKey::M, 2),
            (AdminKey::RE, 3),
            (AdminKey::RA, 4),
            (AdminKey::MC, 5),
            (AdminKey::RTC, 6),
            (AdminKey::NV, 7),
            (AdminKey::DSEE, 8),
            (AdminKey::FTO, 9),
        ];
        let key = |(role, byte): (AdminKey, u8)| AdminKeyRecord {
            role: role.0,
            hash: [byte; 20],
            token: 0,
            blob: Vec::new(),
            public: Vec::new(),
        };
        let token = |(role, needed): (AdminToken, u32)| AdminTokenRecord {
            role: role.0,
            hkt: [0; 20],
            hkm: [0; 20],
            flags: 0,
            shares_needed: needed,
            shares_total: 2,
            time_limit: 3_600,
        };
        let tokens = [
            (AdminToken::NSO, 2),
            (AdminToken::M, 2),
            (AdminToken::R, 1),
            (AdminToken::NV, 1),
            (AdminToken::RTC, 1),
            (AdminToken::DSEE, 2),
            (AdminToken::FTO, 2),
        ];
        let record = WorldRecord {
            cipher_suite: CipherSuite::DLf3072s256mAEScSP800131Ar1.0,
            created: 1_705_034_467,
            esn: "1A2B-02E0-D947".to_owned(),
            hkmwk: nfkm::world::NULL_MODULE_KEY,
            module_key_type: KeyType::Rijndael.0,
            cards: 2,
            nso_timeout: 3_600,
            passphrase_min: 0,
            keys: keys.into_iter().map(key).collect(),
            tokens: tokens.into_iter().map(token).collect(),
            certificates: Vec::new(),
            debug_for_all: false,
            fips_140_3: false,
            modes: SetNSOPermsArgs::ALWAYS_USE_STRONG_PRIMES,
        };
        World {
            hknso: [1; 20],
            record,
        }
    }

    fn module(number: u32, state: ModuleState) -> Module {
        let certificate = CertificateRecord {
            entry: 0,
            message: Vec::new(),
            signature: Vec::new(),
        };
        let record = (state == ModuleState::Usable).then(|| ModuleRecord {
            esn: "1A2B-02E0-D947".to_owned(),
            programmed: 0,
            kml: Some(KmlRecord {
                hash: [0xcd; 20],
                certificate,
            }),
            share_target: true,
        });
        Module {
            number,
            esn: "1A2B-02E0-D947".to_owned(),
            state,
            hknso: [1; 20],
            hkms: vec![[2; 20]],
            enquiry: None,
            record,
            fault: None,
        }
    }

    #[test]
    fn world_and_module_blocks_have_the_layout_scripts_know() {
        let modules = [
            module(1, ModuleState::Usable),
            module(2, ModuleState::Factory),
        ];
        let mut report = world_block(&world_rows(Some(&world()), &modules, 2));
        for module in &modules {
            report.push_str(&module_block(module.number, &module_rows(module, 3, 2)));
        }
        insta::assert_snapshot!(report);
    }

    #[test]
    fn a_host_without_a_world_says_so() {
        let rows = world_rows(None, &[module(1, ModuleState::Factory)], 1);
        insta::assert_snapshot!(world_block(&rows));
    }

    #[test]
    fn what_health_checks_grep_for_is_there() {
        let report = world_block(&world_rows(
            Some(&world()),
            &[module(1, ModuleState::Usable)],
            2,
        ));
        let lines: Vec<&str> = report.lines().collect();
        assert_eq!(lines[0], "World");
        assert!(lines[1].starts_with(" generation"));
        assert!(
            lines[2].starts_with(" state       0x") && lines[2].contains(" Initialised Usable "),
            "{}",
            lines[2]
        );
        assert!(lines.contains(&" mode        none"), "{report}");
        let report = world_block(&world_rows(
            Some(&world()),
            &[module(1, ModuleState::Unchecked)],
            2,
        ));
        assert!(report.contains(" Initialised !Usable "), "{report}");
    }
}
