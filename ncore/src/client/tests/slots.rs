//! The slots alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::slots::{MAX_OUTSTANDING, Slots, WakeList};

fn deliver(slots: &mut Slots, tag: u32) -> Result<usize, u32> {
    let mut wake = WakeList::new();
    let message = [&tag.to_le_bytes()[..], &[0; 12]].concat();
    slots.deliver(&message, &mut wake)?;
    Ok(wake.len())
}

#[test]
fn slot_is_free_again_when_its_reply_was_taken_or_given_up() {
    let mut slots = Slots::default();
    for round in 0..100_000 {
        let tag = slots.open().unwrap();
        assert_eq!(tag & 0xffff, 0, "the one slot");
        match round % 4 {
            0 => {
                assert!(slots.take(tag).is_none());
                assert_eq!(deliver(&mut slots, tag), Ok(0));
                assert!(slots.take(tag).is_some());
            }
            1 => {
                slots.abandon(tag);
                assert_eq!(deliver(&mut slots, tag), Ok(0));
            }
            2 => {
                assert_eq!(deliver(&mut slots, tag), Ok(0));
                slots.abandon(tag);
            }
            _ => slots.cancel(tag),
        }
        assert_eq!(deliver(&mut slots, tag), Err(tag));
    }
}

#[test]
fn tags_differ_among_all_that_are_under_way() {
    let mut slots = Slots::default();
    let tags: BTreeSet<_> = (0..MAX_OUTSTANDING)
        .map(|_| slots.open().unwrap())
        .collect();
    assert_eq!(tags.len(), MAX_OUTSTANDING);
    assert_eq!(slots.open(), None);
    slots.cancel(tags.first().copied().unwrap());
    let again = slots.open().unwrap();
    assert!(!tags.contains(&again));
}

#[test]
fn reply_and_free_role_wake_the_thread_that_sleeps() {
    let mut slots = Slots::default();
    let (ready, waiting) = (slots.open().unwrap(), slots.open().unwrap());
    slots.fall_asleep(ready);
    let signal = slots.fall_asleep(waiting);
    assert_eq!(deliver(&mut slots, ready), Ok(1));
    let mut wake = WakeList::new();
    slots.wake_one(&mut wake);
    assert!(Arc::ptr_eq(&wake[0], &signal));
    slots.wake_up(waiting);
    wake.clear();
    slots.wake_one(&mut wake);
    assert!(wake.is_empty());
    slots.wake_up(ready);
    assert!(slots.take(ready).is_some());
}
