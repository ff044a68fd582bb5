//! What a call of the provider costs without a private-key operation, and hashes and ciphers through it beside the crates
//! that compute them.
//!
//! After criterion's results come lines of ratios: name, median, lowest and highest over the rounds, separated by tabs. A
//! ratio is the bare crate's time over that of the same work through CryptHashData, CryptEncrypt or CryptDecrypt, 16 KiB a
//! call, measured right after each other in turned order: 1 says that the call around the work costs nothing. A median below
//! 0.9 ends the benchmark with an error.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aes::{Aes128, Aes256};
use anyhow::ensure;
use benches::alternate::alternate;
use benches::stack::{Stack, plays_hardserver};
use benches::sys;
use cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use conformance::capi::numbers;
use criterion::Criterion;
use digest::Digest;
use md5::Md5;
use sha1::Sha1;
use sha2::Sha256;

/// Bits of the container's key, which is not used.
const KEY_BITS: u32 = 1024;

/// Bytes of a call whose ratio is told.
const PIECE: usize = 16 * 1024;

/// How often each side of a ratio is measured.
const ROUNDS: u32 = 101;

/// The least share of a call that is the work itself.
const WORK_MIN: f64 = 0.9;

/// How long one measurement takes.
const SLICE: Duration = Duration::from_millis(2);

fn main() -> anyhow::Result<()> {
    if plays_hardserver()? {
        return Ok(());
    }
    let stack = Stack::start(&std::env::current_exe()?, KEY_BITS)?;
    let mut criterion = Criterion::default().configure_from_args();
    calls(&mut criterion, &stack)?;
    criterion.final_summary();
    // As `cargo bench` asks; a test of the benchmarks does not.
    if std::env::args().any(|argument| argument == "--bench") {
        ratios(&stack)?;
    }
    Ok(())
}

fn calls(criterion: &mut Criterion, stack: &Stack) -> anyhow::Result<()> {
    let handle = stack.context().handle();
    let mut group = criterion.benchmark_group("call");

    let hash = sys::create_hash(handle)?;
    group.bench_function("CryptHashData of 64 bytes", |b| {
        b.iter(|| sys::hash_data(hash, black_box(&[0x5a; 64])).expect("the hash is not finished"));
    });
    sys::destroy_hash(hash)?;
    group.bench_function("hash of 64 bytes, made, read and destroyed", |b| {
        b.iter(|| {
            let mut value = [0; 32];
            let hash = sys::create_hash(handle).expect("room for a hash");
            sys::hash_data(hash, black_box(&[0x5a; 64])).expect("the hash is not finished");
            sys::hash_value(hash, &mut value).expect("room for the value");
            sys::destroy_hash(hash).expect("a live hash");
            value
        });
    });

    let key = stack.context().gen_key(numbers::CALG_AES_128, 0)?;
    let mut data = [0x5a; 1024];
    group.bench_function("CryptEncrypt of 1 KiB, AES-128-CBC", |b| {
        b.iter(|| sys::encrypt(key.handle(), black_box(&mut data)).expect("whole blocks"));
    });

    group.bench_function("CryptGetUserKey and CryptDestroyKey", |b| {
        b.iter(|| {
            let key = sys::user_key(handle, numbers::AT_SIGNATURE).expect("the slot has a pair");
            sys::destroy_key(key).expect("a live key");
        });
    });

    let mut random = [0; 32];
    group.bench_function("CryptGenRandom of 32 bytes", |b| {
        b.iter(|| sys::random(handle, black_box(&mut random)).expect("the module is operational"));
    });
    group.finish();
    Ok(())
}

fn ratios(stack: &Stack) -> anyhow::Result<()> {
    let mut medians = hash::<Md5>(stack, "md5", numbers::CALG_MD5)?;
    medians.extend(hash::<Sha1>(stack, "sha1", numbers::CALG_SHA1)?);
    medians.extend(hash::<Sha256>(stack, "sha256", numbers::CALG_SHA_256)?);
    medians.extend(cbc::<Aes128>(stack, "aes128", numbers::CALG_AES_128)?);
    medians.extend(cbc::<Aes256>(stack, "aes256", numbers::CALG_AES_256)?);
    medians.retain(|(_, median)| *median < WORK_MIN);
    ensure!(medians.is_empty(), "below {WORK_MIN}: {medians:?}");
    Ok(())
}

fn hash<H: Digest>(stack: &Stack, name: &str, algid: u32) -> anyhow::Result<Medians> {
    let data = vec![0x5a; PIECE];
    let through = stack.context().create_hash(algid, None)?;
    let mut bare = H::new();
    let through = || Ok(sys::hash_data(through.handle(), black_box(&data))?);
    let median = ratio(
        format!("{name}-hash"),
        || bare.update(black_box(&data)),
        through,
    )?;
    Ok(vec![median])
}

fn cbc<C>(stack: &Stack, name: &str, algid: u32) -> anyhow::Result<Medians>
where
    C: cipher::KeyInit + cipher::BlockCipherEncrypt + cipher::BlockCipherDecrypt,
{
    let key = stack.context().gen_key(algid, 0)?;
    let (secret, iv) = (Array::default(), Array::default());
    let (mut bare_data, mut data) = (vec![0x5a; PIECE], vec![0x5a; PIECE]);

    let mut bare = cbc::Encryptor::<C>::new(&secret, &iv);
    let encrypt = ratio(
        format!("{name}-cbc-encrypt"),
        || bare.encrypt_blocks(Array::slice_as_chunks_mut(black_box(&mut bare_data)).0),
        || Ok(sys::encrypt(key.handle(), black_box(&mut data))?),
    )?;
    let mut bare = cbc::Decryptor::<C>::new(&secret, &iv);
    let decrypt = ratio(
        format!("{name}-cbc-decrypt"),
        || bare.decrypt_blocks(Array::slice_as_chunks_mut(black_box(&mut bare_data)).0),
        || Ok(sys::decrypt(key.handle(), black_box(&mut data))?),
    )?;
    Ok(vec![encrypt, decrypt])
}

/// Ratios by name.
type Medians = Vec<(String, f64)>;

/// Measures both and prints one over the other: its name and median.
fn ratio(
    name: String,
    mut bare: impl FnMut(),
    mut through: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<(String, f64)> {
    let mut bare = || {
        bare();
        Ok(())
    };
    let repeats = repeats(&mut bare)?;
    let (bare, through) = alternate(
        ROUNDS,
        || time(repeats, &mut bare),
        || time(repeats, &mut through),
    )?;
    let ratio =
        |(bare, through): (&Duration, &Duration)| bare.as_secs_f64() / through.as_secs_f64();
    let mut ratios: Vec<f64> = bare.iter().zip(&through).map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let (median, lowest, highest) = (
        ratios[ratios.len() / 2],
        ratios[0],
        ratios[ratios.len() - 1],
    );
    println!("{name}\t{median:.3}\t{lowest:.3}\t{highest:.3}");
    Ok((name, median))
}

/// How many repeats make a slice.
fn repeats(act: &mut impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<u32> {
    let mut repeats = 1;
    while time(repeats, act)? < SLICE {
        repeats *= 2;
    }
    Ok(repeats)
}

fn time(repeats: u32, act: &mut impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let start = Instant::now();
    for _ in 0..repeats {
        act()?;
    }
    Ok(start.elapsed())
}
