//! Private RSA operations a second, for one thread and for several, beside `openssl speed rsa2048`.
//!
//! `cargo run --release -p engine --example rsa_speed [threads] [fast|portable]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
        let rate = measure(&prepared, threads);
        println!("rsa{bits} {kind} {threads} threads: {rate:.1} sign/s, first {first:?}");
    }
    Ok(())
}

fn measure(key: &Arc<dyn RsaPrivateOp>, threads: u32) -> f64 {
    let done = AtomicU64::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let done = &done;
            scope.spawn(move || {
                let mut count = 0u64;
                while started.elapsed() < WINDOW {
                    let input = [&[1][..], &thread.to_be_bytes(), &count.to_be_bytes()].concat();
                    key.private(&input).expect("a valid key");
                    count += 1;
                }
                done.fetch_add(count, Ordering::Relaxed);
            });
        }
    });
    done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
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
