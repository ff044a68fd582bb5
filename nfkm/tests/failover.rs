//! Modules and connections that go away under loaded keys, and come back.

mod common;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Rig, digest, request};
use ncore::types::{ClearUnitArgs, FailArgs, RetryFailedModuleArgs};
use ncore::{Mech, Status};
use nfkm::cards::Unattended;
use nfkm::{Client, Error, IdentRule, LoadedKey, Session};

fn fail(client: &Client, module: u32) {
    client.transact(FailArgs { module }).unwrap();
}

fn retry(client: &Client, module: u32) {
    client.transact(RetryFailedModuleArgs { module }).unwrap();
}

fn clear(client: &Client, module: u32) {
    client.transact(ClearUnitArgs { module }).unwrap();
}

fn key(session: &Session) -> LoadedKey {
    session
        .generate_key_pair(&request(IdentRule::KeyHash))
        .unwrap()
}

fn signs(key: &LoadedKey) -> Result<(), Error> {
    key.sign(Mech::RSApPKCS1, digest(7)).map(drop)
}

/// Waits until the key is on these modules, signing meanwhile, since a key looks for returned modules when it is used.
fn until_on(key: &LoadedKey, modules: &[u32]) {
    let start = Instant::now();
    while key.modules() != modules {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "still on {:?}",
            key.modules()
        );
        signs(key).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_module_failing_in_the_middle_of_16_threads_fails_no_signature() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let key = key(&session);
    let admin = rig.admin();
    let stop = AtomicBool::new(false);
    let done = AtomicUsize::new(0);
    let wait_for = |more: usize| {
        let target = done.load(Ordering::Relaxed) + more;
        while done.load(Ordering::Relaxed) < target {
            thread::sleep(Duration::from_millis(1));
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        signs(&key)?;
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok::<(), Error>(())
                })
            })
            .collect();
        wait_for(50);
        fail(admin.client(), 2);
        wait_for(50);
        retry(admin.client(), 2);
        clear(admin.client(), 1);
        wait_for(50);
        fail(admin.client(), 1);
        wait_for(50);
        clear(admin.client(), 2);
        wait_for(50);
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().unwrap().unwrap();
        }
    });
    assert_eq!(key.modules(), [2]);
}

#[test]
fn a_module_that_returns_is_used_again() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let key = key(&session);
    let admin = rig.admin();
    fail(admin.client(), 1);
    until_on(&key, &[2]);
    retry(admin.client(), 1);
    until_on(&key, &[1, 2]);
}

#[test]
fn keys_survive_the_clearing_of_every_module() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let keys = [
        key(&session),
        session.generate_ephemeral(common::rsa(1024)).unwrap(),
    ];
    let admin = rig.admin();
    for _ in 0..3 {
        clear(admin.client(), 1);
        clear(admin.client(), 2);
        for key in &keys {
            signs(key).unwrap();
            assert_eq!(key.modules(), [1, 2]);
        }
    }
}

#[test]
fn when_every_module_has_failed_the_error_says_so() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let key = key(&session);
    let admin = rig.admin();
    fail(admin.client(), 1);
    fail(admin.client(), 2);
    assert!(matches!(signs(&key), Err(Error::NoUsableModule { .. })));
    assert!(matches!(
        session.generate_key_pair(&request(IdentRule::KeyHash)),
        Err(Error::NoUsableModule { .. })
    ));
    retry(admin.client(), 2);
    signs(&key).unwrap();
}

#[test]
fn threads_without_a_module_fail_together_not_one_after_the_other() {
    const THREADS: usize = 16;
    let rig = Rig::with_world(2);
    let session = rig.session();
    let key = key(&session);
    let admin = rig.admin();
    fail(admin.client(), 1);
    fail(admin.client(), 2);
    // How much a failing signature asks the hardserver, alone and for all.
    let asked = |threads: usize| {
        let before = common::command_count(&rig);
        let together = Barrier::new(threads);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    together.wait();
                    assert!(matches!(signs(&key), Err(Error::NoUsableModule { .. })));
                });
            }
        });
        common::command_count(&rig) - before
    };
    let alone = asked(1);
    let all = asked(THREADS);
    assert!(
        all < alone * THREADS as u32 / 2,
        "{alone} commands by one thread, {all} by {THREADS}"
    );
}

#[test]
fn a_module_that_left_the_world_is_left_alone() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let key = key(&session);
    rig.admin().erase(&[1], &mut Unattended::default()).unwrap();
    until_on(&key, &[2]);
    rig.admin()
        .load(&[1], &rig.cards(1), true, &mut Unattended::default())
        .unwrap();
    until_on(&key, &[1, 2]);
}

#[test]
fn a_lost_connection_is_an_error_until_the_hardserver_is_back() {
    let mut rig = Rig::with_world(1);
    let session = rig.session();
    let key = key(&session);
    rig.stop();
    let error = signs(&key).unwrap_err();
    assert_eq!(error.status(), Some(Status::ServerNotRunning), "{error}");
    rig.restart();
    signs(&key).unwrap();
    session.random(&mut [0; 8]).unwrap();
}

#[test]
fn an_idle_session_outlives_its_hardserver() {
    let mut rig = Rig::with_world(2);
    let session = rig.session();
    let name = key(&session).ident().unwrap().to_owned();
    let uses: [&dyn Fn(); 4] = [
        &|| drop(session.load_key("mscapi", &name).unwrap()),
        &|| drop(key(&session)),
        &|| session.random(&mut [0; 8]).unwrap(),
        &|| assert!(session.world().unwrap().is_usable()),
    ];
    for each in uses {
        rig.restart();
        each();
    }
}

#[test]
fn unloading_a_key_leaves_no_object_in_any_module() {
    let rig = Rig::with_world(2);
    let session = rig.session();
    let objects = || common::object_counts(&rig, 2);
    let before = objects();
    let keys: Vec<LoadedKey> = (0..3)
        .map(|_| session.generate_ephemeral(common::rsa(1024)).unwrap())
        .collect();
    let clone = keys[0].clone();
    let loaded = objects();
    assert!(
        before
            .iter()
            .zip(&loaded)
            .all(|(before, loaded)| loaded >= &(before + 3)),
        "{before:?} {loaded:?}"
    );
    drop(keys);
    signs(&clone).unwrap();
    drop(clone);
    assert_eq!(objects(), before);
}
