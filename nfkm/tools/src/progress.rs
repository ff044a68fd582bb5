//! How far long work has come, on a terminal at the standard error stream. Elsewhere nothing is shown.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for so many things, which are called by their plural. Whoever prints something meanwhile does it while the bar is
/// suspended: the two may share a terminal.
pub fn bar(count: usize, things: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(count as u64).with_message(things);
    // The bar's default looks the same in every terminal that has colours, but does not say what it counts.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} {msg}") {
        bar.set_style(style);
    }
    // The first thing may take long.
    bar.tick();
    bar
}
