//! The load generator: callers that repeat one operation, each as fast as it can.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;

/// What some callers did.
#[derive(Debug)]
pub struct Measured {
    /// Operations a second, over all callers.
    pub rate: f64,
    /// Time of one operation, in nanoseconds.
    pub latency: Histogram<u64>,
}

impl Measured {
    /// The median time of one operation, in microseconds.
    pub fn median_us(&self) -> f64 {
        self.latency.value_at_quantile(0.5) as f64 / 1000.0
    }
}

/// Lets `callers` threads repeat `operation` for `time`.
///
/// # Errors
/// An operation fails: the first error.
pub fn run(
    callers: usize,
    time: Duration,
    operation: &(impl Fn() -> anyhow::Result<()> + Sync),
) -> anyhow::Result<Measured> {
    let start = Barrier::new(callers);
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|_| scope.spawn(|| one_caller(&start, time, operation)))
            .collect();
        let join =
            |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(panicked);
        threads.into_iter().map(join).collect::<Vec<_>>()
    });
    let mut measured = Measured {
        rate: 0.0,
        latency: histogram()?,
    };
    for result in results {
        let (rate, latency) = result?;
        measured.rate += rate;
        measured
            .latency
            .add(latency)
            .context("latencies do not add up")?;
    }
    Ok(measured)
}

/// Lets each of `callers` threads do `operation` so many times.
///
/// # Errors
/// An operation fails: the first error.
pub fn run_count(
    callers: usize,
    each: u64,
    operation: &(impl Fn() -> anyhow::Result<()> + Sync),
) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|_| scope.spawn(|| (0..each).try_for_each(|_| operation())))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(panicked))
    })
}

fn one_caller(
    start: &Barrier,
    time: Duration,
    operation: &impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<(f64, Histogram<u64>)> {
    let mut latency = histogram()?;
    start.wait();
    let began = Instant::now();
    let mut last = began;
    while last - began < time {
        operation()?;
        let now = Instant::now();
        latency.saturating_record(u64::try_from((now - last).as_nanos()).unwrap_or(u64::MAX));
        last = now;
    }
    Ok((latency.len() as f64 / (last - began).as_secs_f64(), latency))
}

/// From 100 ns to 10 s with three digits.
fn histogram() -> anyhow::Result<Histogram<u64>> {
    Histogram::new_with_bounds(100, 10_000_000_000, 3).context("cannot make a histogram")
}

fn panicked<T>(_: Box<dyn std::any::Any + Send>) -> anyhow::Result<T> {
    Err(anyhow::anyhow!("a caller panicked"))
}
