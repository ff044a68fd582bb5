//! How far long work has come, on a terminal at the standard error stream. Elsewhere nothing is shown.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for so many containers.
pub(crate) fn of_containers(count: usize) -> ProgressBar {
    let bar = ProgressBar::new(count as u64);
    // The bar's default looks the same in every terminal that has colours, but does not say what it counts.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} containers") {
        bar.set_style(style);
    }
    bar
}
