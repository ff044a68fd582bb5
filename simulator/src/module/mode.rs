//! The module's modes (PROTOCOL section 4.1): an explicit state machine that knows nothing of the rest of the module.

use ncore::Status;
use serde::{Deserialize, Serialize};

/// What the module is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Reset with the switch at initialisation: waits for InitialiseUnit.
    PreInitialisation,
    /// InitialiseUnit succeeded: a Security World is being set up.
    Initialisation,
    /// A world is set up and the module serves it.
    Operational,
    /// Reset with the switch at operational, but no security officer is set: acceleration and questions only.
    Uninitialised,
    /// Reset with the switch at maintenance.
    PreMaintenance,
    /// Maintenance was asked for: firmware could be programmed.
    Maintenance,
    /// Self-test or hardware failure, or Cmd_Fail.
    Failed,
    /// The unit was unplugged: to clients it is as a failed one that no command brings back.
    Absent,
}

/// The mode switch: what the next reset enters. It survives a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Switch {
    /// `O`: operational, or uninitialised while no security officer is set.
    Operational,
    /// `I`: pre-initialisation.
    Initialisation,
    /// `M`: pre-maintenance.
    Maintenance,
}

/// What can happen to the mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// ClearUnit, or ClearUnitEx with a new position of the switch.
    Reset(Option<Switch>),
    /// InitialiseUnit or InitialiseUnitEx.
    Initialise,
    /// Cmd_Maintenance.
    EnterMaintenance,
    /// Cmd_Fail, or a failure of the module itself.
    Fail,
    /// RetryFailedModule.
    Retry,
    /// The unit is taken away. Only power brings it back ([`Machine::power_on`]).
    Unplug,
}

/// What a command needs of the mode. Every command of a module has one class; see
/// [`support`](crate::module::support).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Tells about the module, changes nothing: in every mode but failed.
    Inform,
    /// Changes the mode: the state machine itself decides.
    Mode,
    /// Acceleration without keys of the world: also in an uninitialised module.
    Accelerate,
    /// Sets up a world: in initialisation only.
    SetUp,
    /// Uses objects: in initialisation and in operation.
    Work,
}

/// The mode and the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The mode now.
    pub mode: Mode,
    /// The position of the switch.
    pub switch: Switch,
}

impl Machine {
    /// The machine after power-on. `officer` says whether a security officer (hknso) is set.
    pub fn power_on(switch: Switch, officer: bool) -> Machine {
        let mode = match switch {
            Switch::Operational if officer => Mode::Operational,
            Switch::Operational => Mode::Uninitialised,
            Switch::Initialisation => Mode::PreInitialisation,
            Switch::Maintenance => Mode::PreMaintenance,
        };
        Machine { mode, switch }
    }

    /// The machine after an event. A failed module answers HardwareFailed to everything but a retry, an absent one to
    /// everything; an event that the mode does not allow is InvalidState and changes nothing.
    pub fn after(self, event: Event, officer: bool) -> Result<Machine, Status> {
        match (self.mode, event) {
            (Mode::Absent, _) => Err(Status::HardwareFailed),
            (_, Event::Unplug) => Ok(Machine {
                mode: Mode::Absent,
                ..self
            }),
            (Mode::Failed, Event::Retry) => Ok(Machine::power_on(self.switch, officer)),
            (Mode::Failed, _) => Err(Status::HardwareFailed),
            (_, Event::Reset(switch)) => {
                Ok(Machine::power_on(switch.unwrap_or(self.switch), officer))
            }
            (_, Event::Fail) => Ok(Machine {
                mode: Mode::Failed,
                ..self
            }),
            (Mode::PreInitialisation, Event::Initialise) => Ok(Machine {
                mode: Mode::Initialisation,
                ..self
            }),
            (Mode::PreMaintenance, Event::EnterMaintenance) => Ok(Machine {
                mode: Mode::Maintenance,
                ..self
            }),
            (_, Event::Initialise | Event::EnterMaintenance | Event::Retry) => {
                Err(Status::InvalidState)
            }
        }
    }

    /// Whether commands of this class run in this mode: InvalidState or HardwareFailed if not.
    pub fn admit(self, class: Class) -> Result<(), Status> {
        let admitted = match (class, self.mode) {
            (Class::Mode, _) => true,
            (_, Mode::Failed | Mode::Absent) => return Err(Status::HardwareFailed),
            (Class::Inform, _) => true,
            (Class::Accelerate, Mode::Operational | Mode::Initialisation | Mode::Uninitialised) => {
                true
            }
            (Class::Accelerate, Mode::PreInitialisation) => true,
            (Class::SetUp, mode) => mode == Mode::Initialisation,
            (Class::Work, mode) => matches!(mode, Mode::Initialisation | Mode::Operational),
            (Class::Accelerate, Mode::PreMaintenance | Mode::Maintenance) => false,
        };
        if admitted {
            Ok(())
        } else {
            Err(Status::InvalidState)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn machine(mode: Mode) -> Machine {
        Machine {
            mode,
            switch: Switch::Operational,
        }
    }

    #[test]
    fn a_world_is_set_up_by_reset_initialise_reset() {
        let mut machine = Machine::power_on(Switch::Operational, false);
        assert_eq!(machine.mode, Mode::Uninitialised);
        machine = machine
            .after(Event::Reset(Some(Switch::Initialisation)), false)
            .unwrap();
        assert_eq!(machine.mode, Mode::PreInitialisation);
        machine = machine.after(Event::Initialise, false).unwrap();
        assert_eq!(machine.mode, Mode::Initialisation);
        machine = machine
            .after(Event::Reset(Some(Switch::Operational)), true)
            .unwrap();
        assert_eq!(machine.mode, Mode::Operational);
    }

    #[test]
    fn a_reset_without_a_mode_keeps_the_switch() {
        let machine = Machine::power_on(Switch::Initialisation, false)
            .after(Event::Initialise, false)
            .unwrap();
        assert_eq!(
            machine.after(Event::Reset(None), true).unwrap().mode,
            Mode::PreInitialisation
        );
    }

    #[test]
    fn a_failed_module_takes_nothing_but_a_retry() {
        let failed = machine(Mode::Operational).after(Event::Fail, true).unwrap();
        for event in [
            Event::Reset(None),
            Event::Initialise,
            Event::EnterMaintenance,
            Event::Fail,
        ] {
            assert_eq!(failed.after(event, true), Err(Status::HardwareFailed));
        }
        assert_eq!(
            failed.after(Event::Retry, true).unwrap().mode,
            Mode::Operational
        );
        for class in [Class::Inform, Class::Accelerate, Class::SetUp, Class::Work] {
            assert_eq!(failed.admit(class), Err(Status::HardwareFailed));
        }
    }

    #[test]
    fn an_absent_module_takes_nothing_at_all() {
        for mode in [Mode::Operational, Mode::Uninitialised, Mode::Failed] {
            let absent = machine(mode).after(Event::Unplug, true).unwrap();
            for event in [
                Event::Reset(None),
                Event::Initialise,
                Event::EnterMaintenance,
                Event::Fail,
                Event::Retry,
                Event::Unplug,
            ] {
                assert_eq!(absent.after(event, true), Err(Status::HardwareFailed));
            }
            for class in [Class::Inform, Class::Accelerate, Class::SetUp, Class::Work] {
                assert_eq!(absent.admit(class), Err(Status::HardwareFailed));
            }
        }
    }

    #[test]
    fn classes_follow_the_table_of_modes() {
        use Mode::*;
        let check = |class, admitted: &[Mode]| {
            for mode in [
                PreInitialisation,
                Initialisation,
                Operational,
                Uninitialised,
                PreMaintenance,
                Maintenance,
            ] {
                let expected = if admitted.contains(&mode) {
                    Ok(())
                } else {
                    Err(Status::InvalidState)
                };
                assert_eq!(
                    machine(mode).admit(class),
                    expected,
                    "{class:?} in {mode:?}"
                );
            }
        };
        check(
            Class::Inform,
            &[
                PreInitialisation,
                Initialisation,
                Operational,
                Uninitialised,
                PreMaintenance,
                Maintenance,
            ],
        );
        check(
            Class::Accelerate,
            &[
                PreInitialisation,
                Initialisation,
                Operational,
                Uninitialised,
            ],
        );
        check(Class::SetUp, &[Initialisation]);
        check(Class::Work, &[Initialisation, Operational]);
    }

    fn event() -> impl Strategy<Value = Event> {
        let switch = prop_oneof![
            Just(Switch::Operational),
            Just(Switch::Initialisation),
            Just(Switch::Maintenance)
        ];
        prop_oneof![
            prop::option::of(switch).prop_map(Event::Reset),
            Just(Event::Initialise),
            Just(Event::EnterMaintenance),
            Just(Event::Fail),
            Just(Event::Retry),
            Just(Event::Unplug),
        ]
    }

    proptest! {
        #[test]
        fn no_history_reaches_initialisation_or_operation_without_its_cause(
            events in prop::collection::vec((event(), any::<bool>()), 0..40),
        ) {
            let mut machine = Machine::power_on(Switch::Operational, false);
            for (event, officer) in events {
                let before = machine;
                match machine.after(event, officer) {
                    Ok(after) => machine = after,
                    Err(_) => continue,
                }
                if machine.mode == Mode::Initialisation {
                    prop_assert_eq!((before.mode, event), (Mode::PreInitialisation, Event::Initialise));
                }
                if machine.mode == Mode::Operational {
                    prop_assert!(officer);
                }
                if before.mode == Mode::Failed {
                    prop_assert!(matches!(event, Event::Retry | Event::Unplug));
                }
                prop_assert!(before.mode != Mode::Absent);
            }
        }
    }
}
