//! The whole stack: a round trip without work, and RSA-2048 signatures with 1, 2, 8 and 16 callers.
//!
//! The hardserver is this executable in another role, as in the conformance harness.

use std::time::{Duration, Instant};

use benches::bare::Bare;
use benches::load;
use benches::stack::{KEY_BITS, Stack, plays_hardserver};
use criterion::{Criterion, Throughput};
use engine::Kind;
use ncore::client::{ConnectOptions, Connection};
use ncore::types::{NewClientArgs, NoOpArgs};

fn main() -> anyhow::Result<()> {
    if plays_hardserver()? {
        return Ok(());
    }
    let stack = Stack::start(&std::env::current_exe()?, KEY_BITS)?;
    let mut criterion = Criterion::default().configure_from_args();
    round_trip(&mut criterion, &stack)?;
    sign(&mut criterion, &stack)?;
    criterion.final_summary();
    Ok(())
}

fn round_trip(criterion: &mut Criterion, stack: &Stack) -> anyhow::Result<()> {
    let connection = Connection::connect(stack.target().ordinary(), ConnectOptions::default())?;
    connection.transact(NewClientArgs::default())?;
    criterion.bench_function("round trip/NoOp", |b| {
        b.iter(|| {
            connection
                .transact(NoOpArgs { module: 1 })
                .expect("the module is operational")
        });
    });
    Ok(())
}

fn sign(criterion: &mut Criterion, stack: &Stack) -> anyhow::Result<()> {
    let bare = Bare::new(Kind::Fast)?;
    let mut group = criterion.benchmark_group("RSA-2048 sign");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(5))
        .throughput(Throughput::Elements(1));
    group.bench_function("bare operation", |b| {
        b.iter(|| bare.sign().expect("the key is sound"))
    });
    for callers in [1, 2, 8, 16] {
        group.bench_function(format!("{callers} callers"), |b| {
            b.iter_custom(|iterations| {
                let each = iterations.div_ceil(callers);
                let began = Instant::now();
                load::run_count(callers as usize, each, &|| stack.sign()).expect("the stack signs");
                // What `each` rounds of all callers took, scaled to the iterations asked for.
                began
                    .elapsed()
                    .mul_f64(iterations as f64 / (each * callers) as f64)
            });
        });
    }
    group.finish();
    Ok(())
}
