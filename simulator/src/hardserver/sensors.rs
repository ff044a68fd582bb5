//! What the sensors of a module show (UTILITIES section 3.4): an emulator has none, so these are figures that a unit could
//! show. The temperature can be set on purpose (see [`crate::faults`]), the others cannot.

use std::sync::atomic::{AtomicU32, Ordering};

use ncore::types::StatID;

/// The temperature of a module that nothing was done to, in degrees Celsius.
const TEMPERATURE: u32 = 40;

/// Supply voltages. No public source tells their unit; taken for millivolts.
const VOLTAGES: [(StatID, u32); 13] = [
    (StatID::CPUVoltage1, 1_000),
    (StatID::CPUVoltage2, 1_000),
    (StatID::CPUVoltage3, 1_050),
    (StatID::CPUVoltage4, 1_200),
    (StatID::CPUVoltage5, 1_350),
    (StatID::CPUVoltage6, 1_500),
    (StatID::CPUVoltage7, 1_800),
    (StatID::CPUVoltage8, 2_500),
    (StatID::CPUVoltage9, 3_300),
    (StatID::CPUVoltage10, 5_000),
    (StatID::CPUVoltage11, 12_000),
    (StatID::VoltageOn5VSupply, 5_000),
    (StatID::VoltageOn12VSupply, 12_000),
];

/// The fan: turns a minute in the middle of what checkers take for sound, and the share of its power in percent.
const FAN: [(StatID, u32); 2] = [(StatID::CurrentFanRPM, 5_000), (StatID::CurrentFanDuty, 50)];

/// The sensors of one module.
#[derive(Debug)]
pub(crate) struct Sensors {
    temperature: AtomicU32,
    lowest: AtomicU32,
    highest: AtomicU32,
}

impl Default for Sensors {
    fn default() -> Sensors {
        let usual = || AtomicU32::new(TEMPERATURE);
        Sensors {
            temperature: usual(),
            lowest: usual(),
            highest: usual(),
        }
    }
}

impl Sensors {
    /// Makes the module so warm, in degrees Celsius.
    pub(crate) fn set_temperature(&self, celsius: u32) {
        self.temperature.store(celsius, Ordering::Relaxed);
        self.lowest.fetch_min(celsius, Ordering::Relaxed);
        self.highest.fetch_max(celsius, Ordering::Relaxed);
    }

    /// What they show.
    pub(super) fn values(&self) -> impl Iterator<Item = (StatID, u32)> {
        let now = self.temperature.load(Ordering::Relaxed);
        let temperatures = [
            (StatID::CurrentTempC, now),
            (StatID::MaxTempC, self.highest.load(Ordering::Relaxed)),
            (StatID::MinTempC, self.lowest.load(Ordering::Relaxed)),
            (StatID::TempSP, now),
            (StatID::CurrentCPUTemp1, now),
            (StatID::CurrentCPUTemp2, now),
        ];
        temperatures.into_iter().chain(VOLTAGES).chain(FAN)
    }
}

/// The memory of the machine and what this process has of it, in bytes: MemTotal, MemAllocUser, MemAllocKernel. Modules
/// share it. Nothing where the system does not tell it as Linux does.
pub(super) fn memory() -> impl Iterator<Item = (StatID, u64)> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let (machine, process) = (read("/proc/meminfo"), read("/proc/self/status"));
    let values = [
        (StatID::MemTotal, kibibytes(&machine, "MemTotal:")),
        (StatID::MemAllocKernel, kibibytes(&process, "VmPTE:")),
        (StatID::MemAllocUser, kibibytes(&process, "VmRSS:")),
    ];
    let told = |(id, value): (StatID, Option<u64>)| Some((id, value?.saturating_mul(1024)));
    values.into_iter().filter_map(told)
}

/// The value of a line `NAME: number kB`.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_and_lowest_temperatures_are_kept() {
        let sensors = Sensors::default();
        let shown = |id| sensors.values().find(|(at, _)| *at == id).unwrap().1;
        for celsius in [95, 20, 50] {
            sensors.set_temperature(celsius);
        }
        assert_eq!(shown(StatID::CurrentTempC), 50);
        assert_eq!(shown(StatID::CurrentCPUTemp2), 50);
        assert_eq!((shown(StatID::MinTempC), shown(StatID::MaxTempC)), (20, 95));
    }

    #[test]
    fn lines_of_the_system_are_read() {
        let text = "MemTotal:        7989920 kB\nVmRSS:\t    1024 kB\nVmPTE: none\n";
        assert_eq!(kibibytes(text, "MemTotal:"), Some(7_989_920));
        assert_eq!(kibibytes(text, "VmRSS:"), Some(1024));
        assert_eq!(kibibytes(text, "VmPTE:"), None);
        assert_eq!(kibibytes(text, "Swap:"), None);
    }
}
