//! What the utilities say about a module that is no hardware.

use ncore::types::ModuleType;
use nfkm::Enquiry;

/// A sentence for the person at the terminal if the module says of itself that it is an emulator.
pub(crate) fn warning(enquiry: &Enquiry) -> Option<String> {
    let five = enquiry.five.as_ref()?;
    // One that keeps the pace of a unit has that unit's type code, and says what it is in its product name.
    let emulated = five.moduletype == ModuleType::Emulator || five.productname.contains("emulated");
    (emulated && enquiry.module != 0).then(|| {
        format!(
            "Module #{} is an emulator: it guards nothing, its keys lie in ordinary files",
            enquiry.module
        )
    })
}
