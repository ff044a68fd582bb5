//! Keeping a hardserver busy: many jobs outstanding at once, and how fast they are done.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ncore::message::Request;
use nfkm::{Client, Error};

/// What came of a load.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// Jobs done.
    pub(crate) jobs: u64,
    /// From the first job sent to the last reply.
    pub(crate) elapsed: Duration,
    /// The quickest job.
    pub(crate) fastest: Duration,
    /// The slowest job.
    pub(crate) slowest: Duration,
    /// The time of all jobs together.
    pub(crate) total: Duration,
}

impl Figures {
    /// Jobs a second.
    pub(crate) fn rate(&self) -> f64 {
        self.jobs as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The mean time of a job.
    pub(crate) fn average(&self) -> Duration {
        self.total / u32::try_from(self.jobs).unwrap_or(u32::MAX).max(1)
    }

    fn count(&mut self, taken: Duration) {
        self.fastest = match self.jobs {
            0 => taken,
            _ => self.fastest.min(taken),
        };
        self.slowest = self.slowest.max(taken);
        self.total += taken;
        self.jobs += 1;
    }
}

/// Who looks on while a load runs.
pub(crate) trait Watch {
    /// About once a second, the figures so far. Whether it goes on.
    fn tick(&mut self, figures: &Figures) -> bool;

    /// A job is done: when it was sent, counted from the first one, and how long it took.
    fn job(&mut self, _sent: Duration, _taken: Duration) {}
}

impl<F: FnMut(&Figures) -> bool> Watch for F {
    fn tick(&mut self, figures: &Figures) -> bool {
        self(figures)
    }
}

/// Sends a command again and again, with so many outstanding, until the time is over; without one, until the watch says so.
///
/// # Errors
/// The first error of a job; those outstanding are given up.
pub(crate) fn run<R: Request + Clone>(
    client: &Client,
    args: &R,
    queue: usize,
    time: Option<Duration>,
    watch: &mut dyn Watch,
) -> Result<Figures, Error> {
    let mut figures = Figures::default();
    let mut outstanding = VecDeque::new();
    let started = Instant::now();
    let mut next_tick = Duration::from_secs(1);
    let mut going = true;
    loop {
        going &= time.is_none_or(|time| started.elapsed() < time);
        while going && outstanding.len() < queue.max(1) {
            outstanding.push_back((Instant::now(), client.submit(args.clone())?));
        }
        let Some((sent, pending)) = outstanding.pop_front() else {
            break;
        };
        client.wait(pending)?;
        let taken = sent.elapsed();
        watch.job(sent.duration_since(started), taken);
        figures.count(taken);
        figures.elapsed = started.elapsed();
        if figures.elapsed >= next_tick {
            next_tick = figures.elapsed + Duration::from_secs(1);
            going &= watch.tick(&figures);
        }
    }
    Ok(figures)
}
