//! Private RSA operations a second, for one thread and for several, beside `openssl speed rsa2048`.
//!
//! `cargo run --release -p engine --example rsa_speed [threads] [fast|portable]`

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::{Kind, RsaPrivateComponents, RsaPrivateOp};

const PRIMES: [(u32, &str, &str); 4] = include!("../tests/primes.in");
const WINDOW: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let threads: u32 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let kind: Kind = arguments
        .next()
        .map_or(Ok(Kind::Fast), |text| text.parse())?;
    for (bits, p, q) in PRIMES {
        let key = RsaPrivateComponents::from_primes(&hex(p), &hex(q), &[1, 0, 1])?;
        let started = Instant::now();
        let prepared = kind.engine().prepare_rsa(&key)?;
        prepared.private(&[2])?;
        let first = started.elapsed();
        let (rate, median) = measure(&prepared, threads);
        println!(
            "rsa{bits} {kind} {threads} threads: {rate:.1} sign/s, median {median:?}, first {first:?}"
        );
    }
    Ok(())
}

/// Operations a second by the wall clock, and the median time of one, which a busy machine
/// disturbs less.
fn measure(key: &Arc<dyn RsaPrivateOp>, threads: u32) -> (f64, Duration) {
    let times = Mutex::new(Vec::new());
    let started = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let times = &times;
            scope.spawn(move || {
                let mut own = Vec::new();
                while started.elapsed() < WINDOW {
                    let input =
                        [&[1][..], &thread.to_be_bytes(), &own.len().to_be_bytes()].concat();
                    let before = Instant::now();
                    key.private(&input).expect("a valid key");
                    own.push(before.elapsed());
                }
                times.lock().expect("no thread panics").extend(own);
            });
        }
    });
    let elapsed = started.elapsed().as_secs_f64();
    let mut times = times.into_inner().expect("no thread panics");
    times.sort();
    (times.len() as f64 / elapsed, times[times.len() / 2])
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).unwrap_or(0) as u8;
    let padded = format!("{text:0>width$}", width = text.len().next_multiple_of(2));
    padded
        .as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}
