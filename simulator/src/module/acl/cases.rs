//! The evaluator's table of cases.
#![cfg(test)]

use std::time::Duration;

use ncore::Status;
use ncore::types::*;

use super::{Charge, Facts, Grant, MAX_COUNTERS, Uses, Wanted, charge, evaluate, is_subset};
use crate::module::certs::Certifier;

const SIGN: u32 = ActOpPermissionsDetails::SIGN;
const DECRYPT: u32 = ActOpPermissionsDetails::DECRYPT;
const KEY: [u8; 20] = [1; 20];
const OTHER: [u8; 20] = [2; 20];
const LIMIT: [u8; 20] = [3; 20];

fn operations(perms: u32) -> Action {
    let details = ActDetails::OpPermissions(ActOpPermissionsDetails { perms });
    Action {
        type_: Act::OpPermissions,
        details,
    }
}

fn group(perms: u32) -> PermissionGroup {
    PermissionGroup {
        actions: vec![operations(perms)],
        ..Default::default()
    }
}

fn limited(limit: UseLimit) -> PermissionGroup {
    PermissionGroup {
        limits: vec![limit],
        ..group(SIGN)
    }
}

fn global(max: u32) -> UseLimit {
    UseLimit {
        type_: UseLim::Global,
        details: UseLimDetails::Global(UseLimGlobalDetails { id: LIMIT, max }),
    }
}

fn auth(max: u32) -> UseLimit {
    UseLimit {
        type_: UseLim::Auth,
        details: UseLimDetails::Auth(UseLimAuthDetails { id: LIMIT, max }),
    }
}

fn time(seconds: u32) -> UseLimit {
    UseLimit {
        type_: UseLim::Time,
        details: UseLimDetails::Time(UseLimTimeDetails { seconds }),
    }
}

fn certifier(hash: [u8; 20]) -> Certifier {
    Certifier {
        hash,
        mech: Mech::Any,
        fresh: true,
        scopes: Vec::new(),
    }
}

/// The facts of a case: nothing special unless said otherwise.
#[derive(Default)]
struct Case {
    certifiers: Vec<Certifier>,
    officer: Option<[u8; 20]>,
    age: u64,
    global: u32,
    per_authorisation: u32,
}

impl Case {
    fn evaluate(&self, groups: &[PermissionGroup], wanted: &Wanted<'_>) -> Result<Grant, Status> {
        let facts = Facts {
            nonvolatile: &|_| Err(Status::UseLimitsUnavailable),
            certifiers: &self.certifiers,
            officer: self.officer,
            esn: "AAAA-BBBB-CCCC",
            age: Duration::from_secs(self.age),
            global: &Uses::from([(LIMIT, self.global)]),
            per_authorisation: &Uses::from([(LIMIT, self.per_authorisation)]),
        };
        evaluate(
            &ACL {
                groups: groups.to_vec(),
            },
            wanted,
            &facts,
        )
    }
}

#[track_caller]
fn check<const N: usize>(
    case: Case,
    groups: [PermissionGroup; N],
    expected: Result<Vec<Charge>, Status>,
) {
    let grant = case.evaluate(&groups, &Wanted::Operation(SIGN));
    assert_eq!(grant.map(|grant| grant.charges), expected);
}

#[test]
fn the_first_group_with_the_action_grants_it() {
    let none = || Case::default();
    check(none(), [], Err(Status::AccessDenied));
    check(none(), [group(0)], Err(Status::AccessDenied));
    check(none(), [group(DECRYPT)], Err(Status::AccessDenied));
    check(none(), [group(SIGN)], Ok(vec![]));
    check(none(), [group(DECRYPT | SIGN)], Ok(vec![]));
    check(
        none(),
        [group(DECRYPT), limited(global(9))],
        Ok(vec![Charge::Global(LIMIT)]),
    );
    check(none(), [group(SIGN), limited(global(9))], Ok(vec![]));
    check(
        none(),
        [limited(global(9)), group(SIGN)],
        Ok(vec![Charge::Global(LIMIT)]),
    );
}

#[test]
fn each_operation_bit_grants_itself_alone() {
    for granted in 0..16 {
        for wanted in 0..16 {
            let result =
                Case::default().evaluate(&[group(1 << granted)], &Wanted::Operation(1 << wanted));
            assert_eq!(
                result.is_ok(),
                granted == wanted,
                "bit {granted} for {wanted}"
            );
        }
    }
}

#[test]
fn a_spent_limit_hands_on_to_the_next_group_or_says_so() {
    let used = |global| Case {
        global,
        ..Case::default()
    };
    check(
        used(2),
        [limited(global(3))],
        Ok(vec![Charge::Global(LIMIT)]),
    );
    check(used(3), [limited(global(3))], Err(Status::UseLimitExceeded));
    check(used(3), [limited(global(3)), group(SIGN)], Ok(vec![]));
    check(
        used(3),
        [limited(global(3)), group(DECRYPT)],
        Err(Status::UseLimitExceeded),
    );
    check(used(0), [limited(global(0))], Err(Status::UseLimitExceeded));
    check(
        used(3),
        [limited(auth(3))],
        Ok(vec![Charge::PerAuthorisation(LIMIT)]),
    );
    let authorised = |per_authorisation| Case {
        per_authorisation,
        ..Case::default()
    };
    check(
        authorised(3),
        [limited(auth(3))],
        Err(Status::UseLimitExceeded),
    );
    check(
        authorised(3),
        [limited(global(3))],
        Ok(vec![Charge::Global(LIMIT)]),
    );
}

#[test]
fn a_time_limit_ends_at_its_second() {
    let aged = |age| Case {
        age,
        ..Case::default()
    };
    check(aged(59), [limited(time(60))], Ok(vec![]));
    check(
        aged(60),
        [limited(time(60))],
        Err(Status::TimeLimitExceeded),
    );
    check(aged(0), [limited(time(0))], Err(Status::TimeLimitExceeded));
    check(aged(60), [limited(time(60)), group(SIGN)], Ok(vec![]));
    // The first spent group names the reason.
    let case = Case {
        age: 60,
        global: 3,
        ..Case::default()
    };
    check(
        case,
        [limited(time(60)), limited(global(3))],
        Err(Status::TimeLimitExceeded),
    );
    let case = Case {
        age: 60,
        global: 3,
        ..Case::default()
    };
    check(
        case,
        [limited(global(3)), limited(time(60))],
        Err(Status::UseLimitExceeded),
    );
}

#[test]
fn every_limit_of_a_group_is_charged_once() {
    let limits = vec![global(9), auth(9), time(9), global(5)];
    let groups = [PermissionGroup {
        limits,
        ..group(SIGN)
    }];
    check(
        Case::default(),
        groups.clone(),
        Ok(vec![Charge::Global(LIMIT), Charge::PerAuthorisation(LIMIT)]),
    );
    let case = Case {
        global: 5,
        ..Case::default()
    };
    check(case, groups.clone(), Err(Status::UseLimitExceeded));
}

#[test]
fn a_full_table_of_counters_takes_no_new_one_and_counts_the_old_ones_on() {
    let mut full: Uses = (0..MAX_COUNTERS as u32)
        .map(|number| {
            let mut id = [0xff; 20];
            id[..4].copy_from_slice(&number.to_le_bytes());
            (id, 1)
        })
        .collect();
    let known = *full.keys().next().unwrap();
    let mut other = Uses::new();
    let grant = |charges: &[Charge]| Grant {
        charges: charges.to_vec(),
        logged: false,
    };
    assert_eq!(
        charge(
            &grant(&[Charge::PerAuthorisation(LIMIT), Charge::Global(LIMIT)]),
            &mut full,
            &mut other
        ),
        Err(Status::NoModuleMemory)
    );
    assert_eq!((full.len(), other.len()), (MAX_COUNTERS, 0));
    assert_eq!(
        charge(&grant(&[Charge::Global(known)]), &mut full, &mut other),
        Ok(())
    );
    assert_eq!(full[&known], 2);
}

#[test]
fn limits_that_cannot_be_counted_permit_nothing() {
    let details = UseLimDetails::NonVolatile(UseLimNonVolatileDetails::default());
    let limit = UseLimit {
        type_: UseLim::NonVolatile,
        details,
    };
    check(
        Case::default(),
        [limited(limit)],
        Err(Status::UseLimitsUnavailable),
    );
    let old = UseLimit {
        type_: UseLim::AuthOld,
        details: UseLimDetails::Empty,
    };
    check(
        Case::default(),
        [limited(old)],
        Err(Status::UseLimitsUnavailable),
    );
}

#[test]
fn conditions_are_all_needed() {
    let guarded = PermissionGroup {
        certifier: Some(KEY),
        ..group(SIGN)
    };
    let with = |certifiers| Case {
        certifiers,
        ..Case::default()
    };
    check(with(vec![]), [guarded.clone()], Err(Status::AccessDenied));
    check(
        with(vec![certifier(OTHER)]),
        [guarded.clone()],
        Err(Status::AccessDenied),
    );
    check(
        with(vec![certifier(OTHER), certifier(KEY)]),
        [guarded.clone()],
        Ok(vec![]),
    );
    let both = PermissionGroup {
        certmech: Some(KeyHashAndMech {
            hash: OTHER,
            mech: Mech::DSA,
        }),
        ..guarded.clone()
    };
    check(
        with(vec![certifier(KEY)]),
        [both.clone()],
        Err(Status::AccessDenied),
    );
    check(
        with(vec![certifier(KEY), certifier(OTHER)]),
        [both.clone()],
        Ok(vec![]),
    );
    let by_rsa = Certifier {
        mech: Mech::RSAhSHA1pPKCS1,
        ..certifier(OTHER)
    };
    check(
        with(vec![certifier(KEY), by_rsa]),
        [both.clone()],
        Err(Status::AccessDenied),
    );
    let by_dsa = Certifier {
        mech: Mech::DSA,
        ..certifier(OTHER)
    };
    check(with(vec![certifier(KEY), by_dsa]), [both], Ok(vec![]));
    // A condition that fails is no spent limit.
    let limited = PermissionGroup {
        limits: vec![global(0)],
        ..guarded
    };
    check(with(vec![]), [limited], Err(Status::AccessDenied));
}

#[test]
fn fresh_certificates_are_asked_for_by_flag() {
    let stale = || Certifier {
        fresh: false,
        ..certifier(KEY)
    };
    let guarded = PermissionGroup {
        certifier: Some(KEY),
        ..group(SIGN)
    };
    let fresh = PermissionGroup {
        flags: PermissionGroup::FRESH_CERTS,
        ..guarded.clone()
    };
    let with = |certifier| Case {
        certifiers: vec![certifier],
        ..Case::default()
    };
    check(with(stale()), [guarded], Ok(vec![]));
    check(with(stale()), [fresh.clone()], Err(Status::AccessDenied));
    check(with(certifier(KEY)), [fresh], Ok(vec![]));
}

#[test]
fn the_officer_is_the_one_of_this_module() {
    let guarded = PermissionGroup {
        flags: PermissionGroup::NSO_CERTIFIED,
        ..group(SIGN)
    };
    let case = |officer| Case {
        officer,
        certifiers: vec![certifier(KEY)],
        ..Case::default()
    };
    check(case(Some(KEY)), [guarded.clone()], Ok(vec![]));
    check(
        case(Some(OTHER)),
        [guarded.clone()],
        Err(Status::AccessDenied),
    );
    check(case(None), [guarded], Err(Status::AccessDenied));
}

#[test]
fn a_serial_number_is_compared_whole() {
    let only = |serial: &str| PermissionGroup {
        moduleserial: Some(serial.to_owned()),
        ..group(SIGN)
    };
    check(Case::default(), [only("AAAA-BBBB-CCCC")], Ok(vec![]));
    check(
        Case::default(),
        [only("AAAA-BBBB")],
        Err(Status::AccessDenied),
    );
    check(Case::default(), [only("")], Err(Status::AccessDenied));
}

#[test]
fn a_delegation_reaches_as_far_as_all_its_links() {
    let delegated = |scopes| Certifier {
        scopes,
        ..certifier(KEY)
    };
    let guarded = [PermissionGroup {
        certifier: Some(KEY),
        ..group(SIGN | DECRYPT)
    }];
    let wide = vec![operations(SIGN | DECRYPT)];
    let narrow = vec![operations(SIGN)];
    for (scopes, may_sign, may_decrypt) in [
        (vec![wide.clone()], true, true),
        (vec![narrow.clone()], true, false),
        (vec![wide, narrow], true, false),
        (vec![vec![]], false, false),
    ] {
        let case = Case {
            certifiers: vec![delegated(scopes)],
            ..Case::default()
        };
        assert_eq!(
            case.evaluate(&guarded, &Wanted::Operation(SIGN)).is_ok(),
            may_sign
        );
        assert_eq!(
            case.evaluate(&guarded, &Wanted::Operation(DECRYPT)).is_ok(),
            may_decrypt
        );
    }
}

#[test]
fn a_logged_use_is_marked() {
    let logged = PermissionGroup {
        flags: PermissionGroup::LOG_KEY_USAGE,
        ..group(SIGN)
    };
    let grant = Case::default()
        .evaluate(&[logged], &Wanted::Operation(SIGN))
        .unwrap();
    assert!(grant.logged);
    assert!(
        !Case::default()
            .evaluate(&[group(SIGN)], &Wanted::Operation(SIGN))
            .unwrap()
            .logged
    );
}

#[test]
fn less_is_a_subset_and_more_is_not() {
    let list = |groups: &[PermissionGroup]| ACL {
        groups: groups.to_vec(),
    };
    let old = list(&[
        limited(global(5)),
        PermissionGroup {
            certifier: Some(KEY),
            ..group(DECRYPT)
        },
    ]);
    let inside = |groups: &[PermissionGroup]| is_subset(&list(groups), &old);
    assert!(inside(&[]));
    assert!(is_subset(&old, &old));
    assert!(inside(&[limited(global(4))]));
    assert!(inside(&[PermissionGroup {
        limits: vec![global(5), time(9)],
        ..group(SIGN)
    }]));
    assert!(inside(&[PermissionGroup {
        moduleserial: Some("X".into()),
        ..limited(global(5))
    }]));
    assert!(!inside(&[limited(global(6))]));
    assert!(!inside(&[group(SIGN)]));
    assert!(!inside(&[limited(auth(5))]));
    assert!(!inside(&[group(DECRYPT)]));
    assert!(!inside(&[PermissionGroup {
        certifier: Some(OTHER),
        ..group(DECRYPT)
    }]));
    assert!(!inside(&[PermissionGroup {
        actions: vec![operations(SIGN | DECRYPT)],
        ..limited(global(5))
    }]));
    let logged = list(&[PermissionGroup {
        flags: PermissionGroup::LOG_KEY_USAGE,
        ..group(SIGN)
    }]);
    assert!(is_subset(&logged, &list(&[group(SIGN)])));
    assert!(!is_subset(&list(&[group(SIGN)]), &logged));
}

#[test]
fn blob_permissions_keep_their_restrictions_in_a_subset() {
    let list = |details: ActMakeBlobDetails| ACL {
        groups: vec![PermissionGroup {
            actions: vec![Action {
                type_: Act::MakeBlob,
                details: ActDetails::MakeBlob(details),
            }],
            ..Default::default()
        }],
    };
    let free = ActMakeBlobDetails {
        flags: 3,
        ..Default::default()
    };
    let bound = ActMakeBlobDetails {
        kmhash: Some(KEY),
        ..free.clone()
    };
    assert!(is_subset(&list(bound.clone()), &list(free.clone())));
    assert!(!is_subset(&list(free.clone()), &list(bound.clone())));
    let elsewhere = ActMakeBlobDetails {
        kmhash: Some(OTHER),
        ..free.clone()
    };
    assert!(!is_subset(&list(elsewhere), &list(bound)));
    assert!(!is_subset(
        &list(ActMakeBlobDetails {
            flags: 7,
            ..free.clone()
        }),
        &list(free)
    ));
}
