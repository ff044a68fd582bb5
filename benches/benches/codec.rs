//! The codec: what one signature costs in encoding and decoding, on both sides of the socket.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ncore::bignum::{Bignum, BignumOrder};
use ncore::message::{Command, Reply};
use ncore::profile::WireProfile;
use ncore::types::{
    CipherText, Cmd, Mech, MechCipher, MechRSApPKCS1Cipher, PlainText, PlainTextType,
    PlainTextTypeBytesData, PlainTextTypeData, ReplyBody, SignArgs, SignReply,
};

fn sign_command() -> Command {
    let plain = PlainText {
        type_: PlainTextType::Bytes,
        data: PlainTextTypeData::Bytes(PlainTextTypeBytesData {
            data: vec![0x5a; 51],
        }),
    };
    Command::new(
        7,
        SignArgs {
            flags: 0,
            key: 0x8329_fcbe,
            mech: Mech::RSApPKCS1,
            plain,
            given_iv: None,
        },
    )
}

fn sign_reply() -> Reply {
    let sig = CipherText {
        mech: Mech::RSApPKCS1,
        data: MechCipher::RSApPKCS1(MechRSApPKCS1Cipher {
            m: Bignum::from_be(&[0xa5; 256]),
        }),
        ..Default::default()
    };
    Reply::ok(7, Cmd::Sign, ReplyBody::Sign(SignReply { sig }))
}

fn codec(c: &mut Criterion) {
    let profile = WireProfile::DEFAULT;
    let order = BignumOrder::default();
    let (command, reply) = (sign_command(), sign_reply());
    let (mut command_bytes, mut reply_bytes) = (Vec::new(), Vec::new());
    command
        .encode(&mut command_bytes, &profile)
        .expect("a well-formed command");
    reply
        .encode(&mut reply_bytes, order, &profile)
        .expect("a well-formed reply");

    let mut group = c.benchmark_group("codec");
    group.bench_function("encode Sign", |b| {
        let mut out = Vec::with_capacity(512);
        b.iter(|| {
            out.clear();
            black_box(&command).encode(&mut out, &profile)
        });
    });
    group.bench_function("decode Sign", |b| {
        b.iter(|| Command::decode(black_box(&command_bytes), &profile))
    });
    group.bench_function("encode Sign reply", |b| {
        let mut out = Vec::with_capacity(512);
        b.iter(|| {
            out.clear();
            black_box(&reply).encode(&mut out, order, &profile)
        });
    });
    group.bench_function("decode Sign reply", |b| {
        b.iter(|| Reply::decode(black_box(&reply_bytes), order, &profile))
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
