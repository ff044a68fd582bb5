//! NewEnquiry: what the server and each module tell about themselves, at every level.
//!
//! The values are those of a genuine installation in kind; the product names say what this is, since they are what
//! people and monitoring read.

use ncore::types::{
    EnqVer, EnqVerData, EnqVerFiveData, EnqVerFourData, EnqVerOneData, EnqVerSixData,
    EnqVerThreeData, EnqVerTwoData, EnquiryDataFive, EnquiryDataFour, EnquiryDataOne,
    EnquiryDataSix, EnquiryDataThree, EnquiryDataTwo, KMLType, ModuleType, NewEnquiryArgs,
    NewEnquiryReply, Status, WrapVecWord,
};

use super::Hardserver;
use super::dispatch::refuse_flags;
use super::modules::Slot;
use super::remote::Imported;
use super::unit::Unit;
use crate::module::Description;
use crate::module::mode::Mode;
use crate::profile::Timing;

/// The product name of the server.
const SERVER_NAME: &str = "softshield server, an emulator that guards nothing";

/// The product name of a module.
const MODULE_NAME: &str = "softshield emulated module, guards nothing";

/// The product name of the pool.
const POOL_NAME: &str = "softshield pool of emulated modules, guards nothing";

/// The release whose behaviour is emulated.
const RELEASE: [u32; 3] = [13, 6, 3];

/// When that release was checked in, as far as anybody asks: 2025-07-14 00:00 UTC, in seconds from 1970.
const CHECKED_IN: u64 = 1_752_451_200;

/// RSA-1024 signatures a second and engine, roughly. Clients compare modules by it.
const SPEED_INDEX: u32 = 4000;

/// Bytes of one write that every genuine client keeps to (open point F3).
const MAX_WRITE: u32 = 8192;

/// The structure version of level six.
const LEVEL_SIX_VERSION: u32 = 8;

impl Hardserver {
    /// Answers NewEnquiry at the level asked for, or the highest below it: InvalidModule for a module there is not.
    pub(super) fn enquiry(&self, args: &NewEnquiryArgs) -> Result<NewEnquiryReply, Status> {
        refuse_flags(args.flags)?;
        let facts = match args.module {
            0 => self.server_facts(),
            number if self.pool.number() == Some(number) => self.pool_facts(),
            number => self.module_facts(&self.modules[self.modules.index_of(number)?]),
        };
        let version = EnqVer(args.version.min(EnqVer::Six.0));
        Ok(NewEnquiryReply {
            flags: 0,
            module: args.module,
            version,
            data: at_level(version, facts),
        })
    }

    /// The pool shows itself as one module without slots; its serial numbers are its members'.
    fn pool_facts(&self) -> EnqVerSixData {
        let members: Vec<&Slot> = self.pool_members().map(|at| &self.modules[at]).collect();
        let serials: Vec<String> = members.iter().map(|slot| slot.unit.esn()).collect();
        let capacity = Capacity::of_all(members.into_iter());
        let common = common();
        EnqVerSixData {
            one: EnquiryDataOne {
                hardwareserial: serials.join(" "),
                flags: EnquiryDataOne::HARDWARE,
                ..level_one(capacity.clone())
            },
            five: EnquiryDataFive {
                moduletype: ModuleType::PoolModule,
                productname: POOL_NAME.to_owned(),
                devicename: String::new(),
            },
            six: EnquiryDataSix {
                reclongqueue: capacity.queue.1,
                ..common.six
            },
            ..common
        }
    }

    fn server_facts(&self) -> EnqVerSixData {
        let present = self
            .modules
            .iter()
            .filter(|slot| slot.unit.mode().0 != Mode::Absent);
        let serials: Vec<String> = present.map(|slot| slot.unit.esn()).collect();
        let common = common();
        EnqVerSixData {
            one: EnquiryDataOne {
                hardwareserial: serials.join(" "),
                flags: EnquiryDataOne::HARDWARE | EnquiryDataOne::HAS_TOKENS,
                ..level_one(Capacity::of_all(self.modules.iter()))
            },
            five: EnquiryDataFive {
                moduletype: ModuleType::None,
                productname: SERVER_NAME.to_owned(),
                devicename: String::new(),
            },
            six: EnquiryDataSix {
                kneti: self.kneti.as_ref().map(|kneti| kneti.hash.0),
                impathport: self.impath.get().map_or(0, |at| at.port().into()),
                ..common.six
            },
            ..common
        }
    }

    /// What a module tells about itself, and about its link if it is imported.
    pub(super) fn module_facts(&self, slot: &Slot) -> EnqVerSixData {
        match &slot.unit {
            Unit::Own(own) => own_facts(slot, &own.module.description()),
            Unit::Imported(imported) => imported_facts(imported),
        }
    }
}

fn imported_facts(imported: &Imported) -> EnqVerSixData {
    let unknown = || EnqVerSixData {
        one: EnquiryDataOne {
            hardwareserial: imported.esn().to_owned(),
            flags: EnquiryDataOne::HARDWARE,
            ..level_one(Capacity::default())
        },
        five: EnquiryDataFive {
            moduletype: ModuleType::Emulator,
            productname: MODULE_NAME.to_owned(),
            devicename: String::new(),
        },
        ..common()
    };
    let mut facts = imported.enquiry().unwrap_or_else(unknown);
    facts.five.devicename = format!("Rt{}", imported.number());
    facts.six.rmdata = Some(Box::new(imported.connection()));
    facts
}

fn own_facts(slot: &Slot, description: &Description) -> EnqVerSixData {
    let mode = match description.mode {
        Mode::Operational | Mode::Uninitialised | Mode::Failed | Mode::Absent => 0,
        Mode::Initialisation => EnquiryDataOne::INITIALISATION_MODE,
        Mode::PreInitialisation => {
            EnquiryDataOne::INITIALISATION_MODE | EnquiryDataOne::PRE_MAINT_INIT_MODE
        }
        Mode::Maintenance => EnquiryDataOne::MAINTENANCE_MODE,
        Mode::PreMaintenance => {
            EnquiryDataOne::MAINTENANCE_MODE | EnquiryDataOne::PRE_MAINT_INIT_MODE
        }
    };
    let common = common();
    let capacity = Capacity::of(slot);
    let (moduletype, productname) = match slot.pace.as_ref().map(|pace| pace.timing().profile) {
        Some(unit) => (
            ModuleType(unit.type_code),
            format!("{}: {MODULE_NAME}", unit.product),
        ),
        None => (ModuleType::Emulator, MODULE_NAME.to_owned()),
    };
    EnqVerSixData {
        one: EnquiryDataOne {
            hardwareserial: description.esn.clone(),
            flags: EnquiryDataOne::HARDWARE | EnquiryDataOne::HAS_TOKENS | mode,
            ..level_one(capacity.clone())
        },
        five: EnquiryDataFive {
            moduletype,
            productname,
            devicename: format!("softshield{}", slot.number),
        },
        six: EnquiryDataSix {
            kmltypes: WrapVecWord {
                v: vec![KMLType::DSAp1024s160.0, KMLType::DSAp3072s256.0],
            },
            reclongqueue: capacity.queue.1,
            // The bits of the command that set them.
            activensopermsmodes: description.officer_modes,
            activeinitmodes: description.initial_modes,
            ..common.six
        },
        ..common
    }
}

/// How much a module, or all of them, can do.
#[derive(Clone, Default)]
struct Capacity {
    /// RSA-1024 signatures a second.
    speed: u32,
    /// The numbers of jobs worth having outstanding.
    queue: (u32, u32),
}

impl Capacity {
    fn of(slot: &Slot) -> Capacity {
        if let Unit::Imported(imported) = &slot.unit {
            let told = imported.enquiry().unwrap_or_default().one;
            return Capacity {
                speed: told.speedindex,
                queue: (told.recommendedminq, told.recommendedmaxq),
            };
        }
        let Some(pace) = &slot.pace else {
            let engines = u32::try_from(slot.engines.count()).unwrap_or(u32::MAX);
            return Capacity {
                speed: SPEED_INDEX.saturating_mul(engines),
                queue: Timing::FASTEST.profile.queue,
            };
        };
        let timing = pace.timing();
        Capacity {
            // A rate beyond the word is as good as the largest.
            speed: (timing.profile.rsa_rate(1024) * timing.scale) as u32,
            queue: timing.profile.queue,
        }
    }

    fn of_all<'a>(slots: impl Iterator<Item = &'a Slot>) -> Capacity {
        slots
            .map(Capacity::of)
            .fold(Capacity::default(), |sum, one| Capacity {
                speed: sum.speed.saturating_add(one.speed),
                queue: (
                    sum.queue.0.saturating_add(one.queue.0),
                    sum.queue.1.saturating_add(one.queue.1),
                ),
            })
    }
}

fn level_one(capacity: Capacity) -> EnquiryDataOne {
    let [releasemajor, releaseminor, releasepatch] = RELEASE;
    EnquiryDataOne {
        releasemajor,
        releaseminor,
        releasepatch,
        checkintimehigh: (CHECKED_IN >> 32) as u32,
        checkintimelow: CHECKED_IN as u32,
        speedindex: capacity.speed,
        recommendedminq: capacity.queue.0,
        recommendedmaxq: capacity.queue.1,
        softwaredetails: format!(
            "{releasemajor}.{releaseminor}.{releasepatch}, emulated by softshield {}; guards nothing",
            env!("CARGO_PKG_VERSION")
        ),
        ..EnquiryDataOne::default()
    }
}

/// What the server and the modules say alike.
fn common() -> EnqVerSixData {
    EnqVerSixData {
        two: EnquiryDataTwo {
            flags: 0,
            maxwrite: MAX_WRITE,
        },
        three: EnquiryDataThree {
            flags: EnquiryDataThree::KEY_STORAGE,
        },
        four: EnquiryDataFour {
            flags: EnquiryDataFour::ORDERLY_CLEAR_UNIT
                | EnquiryDataFour::HAS_RTC
                | EnquiryDataFour::HAS_NVRAM
                | EnquiryDataFour::HAS_NSO_PERMS_CMD
                | EnquiryDataFour::SERVER_HAS_POLL_CMDS
                | EnquiryDataFour::FAST_POLL_SLOT_LIST
                | EnquiryDataFour::HAS_SHARE_ACL
                | EnquiryDataFour::HAS_FILE_OP
                | EnquiryDataFour::AES_MODULE_KEYS
                | EnquiryDataFour::SERVER_HAS_CREATE_CLIENT
                | EnquiryDataFour::HAS_INITIALISE_UNIT_EX
                | EnquiryDataFour::ALWAYS_USE_STRONG_PRIMES
                | EnquiryDataFour::HAS_KLF2,
        },
        six: EnquiryDataSix {
            v: LEVEL_SIX_VERSION,
            vsn: 1,
            ..EnquiryDataSix::default()
        },
        ..EnqVerSixData::default()
    }
}

/// Level n repeats levels 1 to n in order (PROTOCOL section 4.9).
fn at_level(version: EnqVer, facts: EnqVerSixData) -> EnqVerData {
    let EnqVerSixData {
        one,
        two,
        three,
        four,
        five,
        six,
    } = facts;
    match version {
        EnqVer::One => EnqVerData::One(EnqVerOneData { one }),
        EnqVer::Two => EnqVerData::Two(EnqVerTwoData { one, two }),
        EnqVer::Three => EnqVerData::Three(EnqVerThreeData { one, two, three }),
        EnqVer::Four => EnqVerData::Four(EnqVerFourData {
            one,
            two,
            three,
            four,
        }),
        EnqVer::Five => EnqVerData::Five(EnqVerFiveData {
            one,
            two,
            three,
            four,
            five,
        }),
        EnqVer::Six => EnqVerData::Six(EnqVerSixData {
            one,
            two,
            three,
            four,
            five,
            six,
        }),
        _ => EnqVerData::Empty,
    }
}
