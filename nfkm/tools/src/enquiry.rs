//! `enquiry`: the state of the hardserver and of every module it knows (UTILITIES section 3.1).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;

use clap::Parser;
use ncore::Status;
use ncore::types::{
    EnquiryDataFour, EnquiryDataOne, EnquiryDataSix, EnquiryDataThree, FeatureInfo, GetKMListArgs,
    KMLType, ModuleAttribTagValue, NetworkAddressFamilyValue, RemoteModule, WrapVecWord,
};
use nfkm::{Client, Enquiry, Environment, Mode, ZERO_HASH, hex};
use serde_json::{Map, Value as Json};

use crate::cli::{self, Failure};
use crate::layout::{self, Field, flag_names};
use crate::{emulator, modules, time};

/// Show the state of the hardserver and of every module it knows.
#[derive(Debug, Parser)]
#[command(name = "enquiry")]
struct Options {
    /// Show this module only; 0 is the hardserver itself
    #[arg(short, long, value_name = "MODULE")]
    module: Option<u32>,
    /// Answer in JSON
    #[arg(short, long)]
    json: bool,
}

/// Its command line.
pub fn command() -> clap::Command {
    cli::command::<Options>()
}

/// Runs the utility with the arguments of this process.
pub fn main() -> ExitCode {
    cli::run(|options: Options| {
        let client = Client::connect(&Environment::from_process().endpoint()?)?;
        let mut subjects = Vec::new();
        let mut warnings = Vec::new();
        for number in options
            .module
            .map_or(0..=u32::MAX, |module| module..=module)
        {
            match Subject::ask(&client, number) {
                Ok(subject) => {
                    warnings.extend(emulator::warning(&subject.enquiry));
                    subjects.push(subject);
                }
                Err(nfkm::Error::Status {
                    status: Status::InvalidModule,
                    ..
                }) if options.module.is_none() => break,
                Err(nfkm::Error::Status {
                    status: Status::InvalidModule,
                    ..
                }) => {
                    return Err(Failure::Operation(format!("there is no module #{number}")));
                }
                Err(error) => return Err(error.into()),
            }
        }
        match options.json {
            true => cli::print_json(&json(&subjects))?,
            false => {
                let blocks: Vec<String> = subjects.iter().map(block).collect();
                cli::print(&blocks.join("\n"))?;
            }
        }
        for warning in warnings {
            cli::complain("enquiry", &warning);
        }
        Ok(())
    })
}

/// The hardserver or a module, and everything its block is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The answer to NewEnquiry.
    pub enquiry: Enquiry,
    /// How a module answers a command that does nothing; OK for the hardserver, which has just answered.
    pub health: Status,
    /// Whether a module has a security officer's key. Without one it is uninitialised, whatever its mode switch says.
    pub has_officer: bool,
}

impl Subject {
    fn ask(client: &Client, module: u32) -> Result<Subject, nfkm::Error> {
        let enquiry = Enquiry::of(client, module)?;
        if module == 0 {
            return Ok(Subject {
                enquiry,
                health: Status::OK,
                has_officer: true,
            });
        }
        let health = modules::health(client, module)?;
        let has_officer = match client.transact(GetKMListArgs {
            module,
            ..GetKMListArgs::default()
        }) {
            Ok(reply) => reply.hknso != ZERO_HASH,
            // A module that does not tell is taken for initialised; one that has failed says so elsewhere.
            Err(nfkm::Error::Status { status, .. }) => status != Status::InvalidState,
            Err(error) => return Err(error),
        };
        Ok(Subject {
            enquiry,
            health,
            has_officer,
        })
    }

    fn is_module(&self) -> bool {
        self.enquiry.module != 0
    }
}

/// One block of the report.
pub fn block(subject: &Subject) -> String {
    let mut report = match subject.enquiry.module {
        0 => "Server:\n".to_owned(),
        number => format!("Module #{number}:\n"),
    };
    layout::lines(&mut report, 20, &layout::rows(FIELDS, subject));
    report
}

/// The blocks for programs: `server` and `modules`, each with the fields of the report by their names.
pub fn json(subjects: &[Subject]) -> Json {
    let mut answer = Map::new();
    let mut modules = Vec::new();
    for subject in subjects {
        let mut block = layout::object(layout::rows(FIELDS, subject));
        if subject.is_module() {
            block.insert("module".to_owned(), subject.enquiry.module.into());
            modules.push(Json::Object(block));
        } else {
            answer.insert("server".to_owned(), Json::Object(block));
        }
    }
    answer.insert("modules".to_owned(), Json::Array(modules));
    Json::Object(answer)
}

/// Every field, in the order of the report. Its first five are certain; see UTILITIES section 3.1 for the others.
const FIELDS: &[Field<Subject>] = &[
    Field {
        name: "enquiry reply flags",
        value: |s| Some(reply_flags(s)),
    },
    Field {
        name: "enquiry reply level",
        value: |s| Some(s.enquiry.level.to_string()),
    },
    Field {
        name: "serial number",
        value: |s| Some(s.enquiry.one.hardwareserial.clone()),
    },
    Field {
        name: "mode",
        value: |s| Some(mode(s).to_owned()),
    },
    Field {
        name: "version",
        value: |s| Some(version(&s.enquiry.one)),
    },
    Field {
        name: "speed index",
        value: |s| Some(s.enquiry.one.speedindex.to_string()),
    },
    Field {
        name: "rec. queue",
        value: |s| {
            Some(format!(
                "{}..{}",
                s.enquiry.one.recommendedminq, s.enquiry.one.recommendedmaxq
            ))
        },
    },
    Field {
        name: "level one flags",
        value: |s| Some(flag_names(s.enquiry.one.flags, LEVEL_ONE)),
    },
    Field {
        name: "version string",
        value: |s| Some(s.enquiry.one.softwaredetails.clone()),
    },
    Field {
        name: "checked in",
        value: |s| Some(checked_in(&s.enquiry.one)),
    },
    Field {
        name: "level two flags",
        value: |s| s.enquiry.two.as_ref().map(|two| flag_names(two.flags, &[])),
    },
    Field {
        name: "max. write size",
        value: |s| s.enquiry.two.as_ref().map(|two| two.maxwrite.to_string()),
    },
    Field {
        name: "level three flags",
        value: |s| {
            s.enquiry
                .three
                .as_ref()
                .map(|three| flag_names(three.flags, LEVEL_THREE))
        },
    },
    Field {
        name: "level four flags",
        value: |s| {
            s.enquiry
                .four
                .as_ref()
                .map(|four| flag_names(four.flags, LEVEL_FOUR))
        },
    },
    Field {
        name: "module type code",
        value: |s| {
            s.enquiry
                .five
                .as_ref()
                .map(|five| five.moduletype.0.to_string())
        },
    },
    Field {
        name: "product name",
        value: |s| s.enquiry.five.as_ref().map(|five| five.productname.clone()),
    },
    Field {
        name: "device name",
        value: |s| s.enquiry.five.as_ref().map(|five| five.devicename.clone()),
    },
    Field {
        name: "EnquirySix version",
        value: |s| six(s).map(|six| six.v.to_string()),
    },
    Field {
        name: "impath kx groups",
        value: |s| six(s).map(|six| words(&six.supportedgroups, &|_| None)),
    },
    Field {
        name: "feature ctrl flags",
        value: |s| six(s).map(|six| flag_names(six.features.ctrl, &[])),
    },
    Field {
        name: "features enabled",
        value: |s| six(s).map(|six| features(&six.features)),
    },
    Field {
        name: "version serial",
        value: |s| six(s).map(|six| six.vsn.to_string()),
    },
    Field {
        name: "connection status",
        value: |s| six(s)?.rmdata.as_ref().map(|it| it.stinfo.st.to_string()),
    },
    Field {
        name: "connection info",
        value: |s| six(s)?.rmdata.as_ref().map(|it| connection(&it.rm)),
    },
    Field {
        name: "level six flags",
        value: |s| six(s).map(|six| flag_names(six.flags, &[])),
    },
    Field {
        name: "max exported modules",
        value: |s| {
            six(s)
                .filter(|_| s.is_module())
                .map(|six| six.maxnumclients.to_string())
        },
    },
    Field {
        name: "remote port (IPv4)",
        value: |s| {
            six(s)
                .filter(|_| !s.is_module())
                .map(|six| six.impathport.to_string())
        },
    },
    Field {
        name: "kneti hash",
        value: |s| {
            six(s)
                .filter(|_| !s.is_module())
                .map(|six| hex(&six.kneti.unwrap_or(ZERO_HASH)))
        },
    },
    Field {
        name: "rec. LongJobs queue",
        value: |s| six(s).map(|six| six.reclongqueue.to_string()),
    },
    Field {
        name: "SEE machine type",
        value: |s| six(s).map(|six| six.seemachtype.to_string()),
    },
    Field {
        name: "supported KML types",
        value: |s| six(s).map(|six| words(&six.kmltypes, &|word| KMLType(word).name())),
    },
    Field {
        name: "active modes",
        value: |s| six(s).map(active_modes),
    },
    Field {
        name: "hardware status",
        value: |s| s.is_module().then(|| hardware_status(s)),
    },
];

/// Names of the level one flags.
const LEVEL_ONE: &[(u32, &str)] = &[
    (EnquiryDataOne::HARDWARE, "Hardware"),
    (EnquiryDataOne::HAS_TOKENS, "HasTokens"),
    (EnquiryDataOne::MAINTENANCE_MODE, "MaintenanceMode"),
    (EnquiryDataOne::INITIALISATION_MODE, "InitialisationMode"),
    (EnquiryDataOne::PRE_MAINT_INIT_MODE, "PreMaintInitMode"),
];

/// Names of the level three flags.
const LEVEL_THREE: &[(u32, &str)] = &[(EnquiryDataThree::KEY_STORAGE, "KeyStorage")];

/// Names of the level four flags.
const LEVEL_FOUR: &[(u32, &str)] = &[
    (EnquiryDataFour::ORDERLY_CLEAR_UNIT, "OrderlyClearUnit"),
    (EnquiryDataFour::HAS_RTC, "HasRTC"),
    (EnquiryDataFour::HAS_NVRAM, "HasNVRAM"),
    (EnquiryDataFour::HAS_NSO_PERMS_CMD, "HasNSOPermsCmd"),
    (EnquiryDataFour::SERVER_HAS_POLL_CMDS, "ServerHasPollCmds"),
    (EnquiryDataFour::FAST_POLL_SLOT_LIST, "FastPollSlotList"),
    (EnquiryDataFour::HAS_SEE, "HasSEE"),
    (EnquiryDataFour::HAS_KLF, "HasKLF"),
    (EnquiryDataFour::HAS_SHARE_ACL, "HasShareACL"),
    (EnquiryDataFour::HAS_FEATURE_ENABLE, "HasFeatureEnable"),
    (EnquiryDataFour::HAS_FILE_OP, "HasFileOp"),
    (EnquiryDataFour::HAS_PCI_PUSH, "HasPCIPush"),
    (EnquiryDataFour::HAS_KERNEL_INTERFACE, "HasKernelInterface"),
    (EnquiryDataFour::HAS_LONG_JOBS, "HasLongJobs"),
    (EnquiryDataFour::SERVER_HAS_LONG_JOBS, "ServerHasLongJobs"),
    (EnquiryDataFour::AES_MODULE_KEYS, "AESModuleKeys"),
    (EnquiryDataFour::N_TOKEN_CMDS, "NTokenCmds"),
    (EnquiryDataFour::JOB_FRAGMENTATION, "JobFragmentation"),
    (EnquiryDataFour::LONG_JOBS_PREFERRED, "LongJobsPreferred"),
    (EnquiryDataFour::TYPE2_SMARTCARD, "Type2Smartcard"),
    (
        EnquiryDataFour::SERVER_HAS_CREATE_CLIENT,
        "ServerHasCreateClient",
    ),
    (
        EnquiryDataFour::HAS_INITIALISE_UNIT_EX,
        "HasInitialiseUnitEx",
    ),
    (
        EnquiryDataFour::ALWAYS_USE_STRONG_PRIMES,
        "AlwaysUseStrongPrimes",
    ),
    (EnquiryDataFour::TYPE3_SMARTCARD, "Type3Smartcard"),
    (EnquiryDataFour::HAS_KLF2, "HasKLF2"),
];

/// Names of the modes that SetNSOPerms turned on.
const OFFICER_MODES: &[(u32, &str)] = &[
    (
        EnquiryDataSix::ACTIVENSOPERMSMODES_USE_FIPS_APPROVED_INTERNAL_MECHANISMS,
        "UseFIPSApprovedInternalMechanisms",
    ),
    (
        EnquiryDataSix::ACTIVENSOPERMSMODES_ALWAYS_USE_STRONG_PRIMES,
        "AlwaysUseStrongPrimes",
    ),
    (
        EnquiryDataSix::ACTIVENSOPERMSMODES_FIPS_LEVEL3_ENFORCEDV2,
        "FIPSLevel3Enforcedv2",
    ),
    (
        EnquiryDataSix::ACTIVENSOPERMSMODES_DISABLE_PKCS1_PADDING,
        "DisablePKCS1Padding",
    ),
    (
        EnquiryDataSix::ACTIVENSOPERMSMODES_COMMON_CRITERIA_CMTS,
        "CommonCriteriaCMTS",
    ),
    (
        EnquiryDataSix::ACTIVENSOPERMSMODES_AUDIT_LOGGING,
        "AuditLogging",
    ),
];

fn six(subject: &Subject) -> Option<&EnquiryDataSix> {
    subject.enquiry.six.as_ref()
}

fn reply_flags(subject: &Subject) -> String {
    match (subject.enquiry.flags, subject.health) {
        (0, Status::HardwareFailed) => "Failed".to_owned(),
        (flags, _) => flag_names(flags, &[]),
    }
}

/// The four words monitors know.
fn mode(subject: &Subject) -> &'static str {
    match subject.enquiry.mode() {
        Mode::PreInitialisation | Mode::Initialisation => "initialization",
        Mode::PreMaintenance | Mode::Maintenance => "maintenance",
        Mode::Operational if !subject.has_officer => "uninitialized",
        Mode::Operational => "operational",
    }
}

fn version(one: &EnquiryDataOne) -> String {
    format!(
        "{}.{}.{}",
        one.releasemajor, one.releaseminor, one.releasepatch
    )
}

fn checked_in(one: &EnquiryDataOne) -> String {
    let seconds = u64::from(one.checkintimehigh) << 32 | u64::from(one.checkintimelow);
    format!("{seconds:016x} {}", time::long(seconds))
}

fn words(list: &WrapVecWord, name: &dyn Fn(u32) -> Option<&'static str>) -> String {
    let word = |word: &u32| name(*word).map_or_else(|| word.to_string(), str::to_owned);
    list.v.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// How a module of another hardserver is reached: its serial number, its hardserver's address and key.
fn connection(remote: &RemoteModule) -> String {
    let mut parts = Vec::new();
    for attribute in remote.ma.iter().flat_map(|list| &list.attribs) {
        if let ModuleAttribTagValue::ESN(value) = &attribute.value {
            parts.push(format!("esn = {}", value.esn));
        }
    }
    if let Some(address) = &remote.addr {
        parts.push(match &address.addr {
            NetworkAddressFamilyValue::INET(at) => {
                format!("addr = INET/{}/{}", Ipv4Addr::from(at.addr), at.port)
            }
            NetworkAddressFamilyValue::INET6(at) => {
                format!("addr = INET6/{}/{}", Ipv6Addr::from(at.addr), at.port)
            }
            NetworkAddressFamilyValue::HOST(at) => format!("addr = HOST/{}/{}", at.addr, at.port),
            NetworkAddressFamilyValue::Empty => format!("addr = {}", address.af),
        });
    }
    for key in remote.hks.iter().flat_map(|list| &list.v) {
        parts.push(format!("ku hash = {}; mech = {}", hex(&key.hash), key.mech));
    }
    parts.join("; ")
}

fn features(features: &FeatureInfo) -> String {
    flag_names(features.features, &[])
}

fn active_modes(six: &EnquiryDataSix) -> String {
    let initialised = EnquiryDataSix::ACTIVEINITMODES_USE_FIPS_APPROVED_INTERNAL_MECHANISMS;
    // The same mode may come from the initialisation and from SetNSOPerms; it is one word.
    let from_initialisation = match six.activeinitmodes & initialised != 0 {
        true => EnquiryDataSix::ACTIVENSOPERMSMODES_USE_FIPS_APPROVED_INTERNAL_MECHANISMS,
        false => 0,
    };
    flag_names(six.activensopermsmodes | from_initialisation, OFFICER_MODES)
}

/// Whether the hardware works, as far as commands show: a module in another mode than a command needs still works.
fn hardware_status(subject: &Subject) -> String {
    match subject.health {
        Status::InvalidState => Status::OK.to_string(),
        status => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use ncore::types::{
        EnqVer, EnquiryDataFive, EnquiryDataTwo, EnquiryRMData, KeyHashAndMech, Mech, ModuleAttrib,
        ModuleAttribList, ModuleAttribTag, ModuleAttribTagESNValue, ModuleType, NetworkAddress,
        NetworkAddressFamily, NetworkAddressFamilyINETValue, SEEMachineType, WrapVecKeyHashAndMech,
    };

    use super::*;

    fn subject(module: u32) -> Subject {
        let one = EnquiryDataOne {
            releasemajor: 13,
            releaseminor: 3,
            releasepatch: 1,
            checkintimelow: 0x65a0_c0de,
            flags: EnquiryDataOne::HARDWARE | EnquiryDataOne::HAS_TOKENS,
            speedindex: 20_280,
            recommendedminq: 120,
            recommendedmaxq: 250,
            hardwareserial: "1A2B-02E0-D947".to_owned(),
            softwaredetails: "13.3.1-100-abc1234".to_owned(),
            ..EnquiryDataOne::default()
        };
        let five = EnquiryDataFive {
            moduletype: if module == 0 {
                ModuleType::None
            } else {
                ModuleType::Sawshark
            },
            productname: if module == 0 {
                "nFast server"
            } else {
                "nC3025E/nC4035E/nC4335N"
            }
            .to_owned(),
            devicename: if module == 0 { "" } else { "Rt1" }.to_owned(),
        };
        let six = EnquiryDataSix {
            v: 8,
            vsn: 37,
            impathport: 9004,
            maxnumclients: 100,
            kneti: Some([0xab; 20]),
            reclongqueue: 119,
            seemachtype: SEEMachineType::PowerPCELF,
            kmltypes: WrapVecWord { v: vec![0, 1, 9] },
            activensopermsmodes: EnquiryDataSix::ACTIVENSOPERMSMODES_ALWAYS_USE_STRONG_PRIMES,
            activeinitmodes: EnquiryDataSix::ACTIVEINITMODES_USE_FIPS_APPROVED_INTERNAL_MECHANISMS,
            ..EnquiryDataSix::default()
        };
        Subject {
            enquiry: Enquiry {
                module,
                flags: 0,
                level: EnqVer::Six,
                one,
                two: Some(EnquiryDataTwo {
                    flags: 0,
                    maxwrite: 8192,
                }),
                three: Some(EnquiryDataThree {
                    flags: EnquiryDataThree::KEY_STORAGE,
                }),
                four: Some(EnquiryDataFour {
                    flags: EnquiryDataFour::HAS_RTC | EnquiryDataFour::HAS_NVRAM | 1 << 30,
                }),
                five: Some(five),
                six: Some(six),
            },
            health: Status::OK,
            has_officer: true,
        }
    }

    #[test]
    fn server_block_has_the_layout_parsers_know() {
        insta::assert_snapshot!(block(&subject(0)));
    }

    #[test]
    fn module_block_has_the_layout_parsers_know() {
        insta::assert_snapshot!(block(&subject(1)));
    }

    #[test]
    fn a_failed_module_is_told_by_flags_and_hardware_status() {
        let report = block(&Subject {
            health: Status::HardwareFailed,
            ..subject(1)
        });
        assert!(
            report.contains("\n enquiry reply flags  Failed\n"),
            "{report}"
        );
        assert!(
            report.contains("\n hardware status      HardwareFailed\n"),
            "{report}"
        );
    }

    /// The line is that of UTILITIES section 3.1.
    #[test]
    fn a_module_of_another_hardserver_is_shown_with_its_link() {
        let mut subject = subject(1);
        let report = block(&subject);
        assert!(!report.contains("connection"), "{report}");
        let esn = ModuleAttribTagESNValue {
            esn: "1A2B-02E0-D947".to_owned(),
        };
        let remote = RemoteModule {
            ma: Some(Box::new(ModuleAttribList {
                attribs: vec![ModuleAttrib {
                    tag: ModuleAttribTag::ESN,
                    value: ModuleAttribTagValue::ESN(esn),
                }],
            })),
            addr: Some(NetworkAddress {
                af: NetworkAddressFamily::INET,
                addr: NetworkAddressFamilyValue::INET(NetworkAddressFamilyINETValue {
                    addr: [192, 0, 2, 17],
                    port: 9004,
                }),
            }),
            hks: Some(WrapVecKeyHashAndMech {
                v: vec![KeyHashAndMech {
                    hash: [0xcd; 20],
                    mech: Mech::Any,
                }],
            }),
            ..RemoteModule::default()
        };
        let six = subject.enquiry.six.as_mut().unwrap();
        six.rmdata = Some(Box::new(EnquiryRMData {
            rm: remote,
            ..EnquiryRMData::default()
        }));
        let report = block(&subject);
        let expected = format!(
            "\n connection status    OK\n connection info      esn = 1A2B-02E0-D947; \
             addr = INET/192.0.2.17/9004; ku hash = {}; mech = Any\n",
            "cd".repeat(20)
        );
        assert!(report.contains(&expected), "{report}");
    }

    #[test]
    fn a_module_without_a_security_officer_is_uninitialized() {
        let report = block(&Subject {
            has_officer: false,
            ..subject(1)
        });
        assert!(
            report.contains("\n mode                 uninitialized\n"),
            "{report}"
        );
    }

    #[test]
    fn a_server_of_an_older_level_has_fewer_fields() {
        let mut subject = subject(1);
        subject.enquiry.level = EnqVer::Two;
        (subject.enquiry.three, subject.enquiry.four) = (None, None);
        (subject.enquiry.five, subject.enquiry.six) = (None, None);
        let report = block(&subject);
        assert!(
            report.contains("\n enquiry reply level  Two\n") && report.contains("max. write size"),
            "{report}"
        );
        assert!(
            !report.contains("product name") && !report.contains("EnquirySix"),
            "{report}"
        );
    }

    #[test]
    fn an_emulator_is_called_what_it_is() {
        let mut subject = subject(1);
        assert_eq!(emulator::warning(&subject.enquiry), None);
        if let Some(five) = &mut subject.enquiry.five {
            five.moduletype = ModuleType::Emulator;
        }
        assert!(
            emulator::warning(&subject.enquiry)
                .unwrap()
                .contains("guards nothing")
        );
        if let Some(five) = &mut subject.enquiry.five {
            five.moduletype = ModuleType::Sawshark;
            five.productname = "nC3025E: softshield emulated module, guards nothing".to_owned();
        }
        assert!(emulator::warning(&subject.enquiry).is_some());
    }

    #[test]
    fn options_are_taken_in_the_forms_of_the_vendor() {
        use clap::FromArgMatches;
        let parse = |arguments: &[&str]| {
            let arguments = std::iter::once("enquiry").chain(arguments.iter().copied());
            let matches = cli::command::<Options>().try_get_matches_from(arguments)?;
            Options::from_arg_matches(&matches).map(|options| options.module)
        };
        for arguments in [
            &["-m", "2"][..],
            &["-m2"],
            &["--module=2"],
            &["--module", "2"],
            &["--mod", "2"],
        ] {
            assert_eq!(parse(arguments).unwrap(), Some(2), "{arguments:?}");
        }
        assert_eq!(parse(&[]).unwrap(), None);
        for arguments in [&["-m"][..], &["-m", "x"], &["--frob"], &["extra"]] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
