//! What the provider asks at a terminal, and what it takes for an answer.
#![cfg(unix)]

mod common;

use std::path::Path;

use common::Rig;
use common::terminal::{END_OF_INPUT, Terminal};
use csp::settings::{KeyProtection, SetupParameters};
use nfkm::Session;

/// Two modules, new keys under card sets, and every choice the user's.
fn asking() -> Rig {
    let rig = Rig::with_modules(2);
    let parameters = ["--protection=card-set", "--always-display=on"];
    rig.succeed("cspwizard", &parameters);
    rig
}

fn at_terminal(rig: &Rig, arguments: &[&str]) -> Terminal {
    Terminal::start(&rig.command("keytst", arguments))
}

/// The number before a card set's name in a list.
fn number_of(name: &str, list: &str) -> String {
    let line = list.lines().find(|line| line.contains(name)).unwrap();
    line.split(':').next().unwrap().trim().to_owned()
}

#[test]
fn set_modules_card_and_pass_phrase_are_asked_for_until_they_are_right() {
    let rig = asking();
    rig.card_set("Web server", "unused");
    let card = rig.card_set("Payroll", "correct");
    let mut terminal = at_terminal(&rig, &["-cs", "-n", "mine"]);
    let list = terminal.expect("Card set [1]: ");
    terminal.line("3");
    terminal.expect("There is no such number.");
    terminal.expect("Card set [1]: ");
    terminal.line(&number_of("Payroll", &list));
    terminal.expect("The card set Payroll (1 of 1 cards) is to be loaded on:");
    for wrong in ["3", "1;2", ","] {
        terminal.expect("Modules [1,2]: ");
        terminal.line(wrong);
        terminal.expect("Numbers of modules are wanted, with commas between.");
    }
    terminal.expect("Modules [1,2]: ");
    terminal.line("2");
    terminal.expect("Insert a card of the set `Payroll' into module 2.");
    rig.insert_card(2, &card);
    terminal.expect("Pass phrase for ");
    terminal.line("mistyped");
    terminal.expect("The pass phrase was wrong.");
    terminal.expect("Pass phrase for ");
    terminal.line("correct");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        !shown.contains("mistyped") && !shown.contains("correct"),
        "{shown}"
    );

    // The next process loads the key: its set is named, and the module with its card proposed.
    let mut terminal = at_terminal(&rig, &["-n", "mine"]);
    terminal.expect("The card set Payroll (1 of 1 cards) is to be loaded on:");
    terminal.expect("Modules [2]: ");
    terminal.line("");
    for _ in 0..3 {
        terminal.expect("Pass phrase for ");
        terminal.line("mistyped");
    }
    terminal.expect("SCARD_W_WRONG_CHV");
    terminal.end();
}

#[test]
fn the_end_of_input_closes_each_prompt() {
    let rig = asking();
    let card = rig.card_set("Payroll", "correct");
    let closed = |mut terminal: Terminal| {
        terminal.press(END_OF_INPUT);
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(1), "{shown}");
        assert!(shown.contains("SCARD_W_CANCELLED_BY_USER"), "{shown}");
        assert!(shown.contains("Container `mine' deleted again."), "{shown}");
    };
    // The only set is not a question; the next one names it.
    let mut terminal = at_terminal(&rig, &["-cs", "-n", "mine"]);
    let before = terminal.expect("The card set Payroll (1 of 1 cards) is to be loaded on:");
    assert!(!before.contains("Card set ["), "{before}");
    terminal.expect("Modules [1,2]: ");
    closed(terminal);

    rig.insert_card(1, &card);
    let mut terminal = at_terminal(&rig, &["-cs", "-n", "mine"]);
    terminal.expect("Modules [1]: ");
    terminal.line("");
    terminal.expect("Pass phrase for ");
    closed(terminal);

    rig.card_set("Web server", "unused");
    let mut terminal = at_terminal(&rig, &["-cs", "-n", "mine"]);
    terminal.expect("Card set [1]: ");
    closed(terminal);
}

#[test]
fn one_module_is_chosen_for_the_administrator_cards_of_a_counted_key() {
    let rig = Rig::with_modules(2);
    let mut terminal = at_terminal(&rig, &["-cs", "-n", "counted", "-C"]);
    terminal.expect("takes the administrator cards:");
    terminal.expect("Module [1]: ");
    terminal.line("1,2");
    terminal.expect("The number of one module is wanted.");
    terminal.expect("Module [1]: ");
    terminal.line("2");
    terminal.expect("Insert an administrator card into module 2.");
    rig.insert_card(2, &rig.admin_card());
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
}

// Keys as a terminal sends them.
const DOWN: &str = "\x1b[B";
const RIGHT: &str = "\x1b[C";
const SPACE: &str = " ";
const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";

fn form(rig: &Rig, card: &Path) -> Terminal {
    let card = format!("--card={}", card.display());
    let mut terminal = Terminal::start(&rig.command("cspwizard", &[&card]));
    terminal.expect("installation");
    terminal
}

#[test]
fn the_wizards_form_is_filled_in_and_applied() {
    let rig = Rig::with_modules(2);
    let card = rig.folder.path().join("operator");
    let mut terminal = form(&rig, &card);
    // Protection by a card set, and one to be made: its name, and the module with its reader.
    for keys in [DOWN, SPACE, DOWN, SPACE, DOWN, "ops", DOWN, RIGHT] {
        terminal.press(keys);
    }
    // Past the numbers of cards, persistence and the pool: the interface is always displayed.
    for keys in [DOWN, DOWN, DOWN, DOWN, DOWN, SPACE] {
        terminal.press(keys);
    }
    // Past offloading and registration, which there is none of here.
    for keys in [DOWN, DOWN, DOWN, ENTER] {
        terminal.press(keys);
    }
    terminal.expect("Creating Cardset:");
    terminal.expect("Module 2: 0 cards of 1 written");
    for question in ["Enter pass phrase for", "Enter it again:"] {
        terminal.expect(question);
        terminal.line("correct");
    }
    terminal.expect("cardset created");
    terminal.expect("Protection of new keys: card set");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    let parameters = SetupParameters::read(&rig.environment()).unwrap();
    assert_eq!(parameters.protection, KeyProtection::CardSet);
    assert!(parameters.always_display_ui && !parameters.pool_mode);
    let session = Session::open(&rig.environment()).unwrap();
    assert_eq!(session.card_set("ops").unwrap().shares_total, 1);
    assert!(card.exists());
}

#[test]
fn the_wizards_form_that_is_left_changes_nothing() {
    let rig = Rig::start();
    let card = rig.folder.path().join("operator");
    let before = SetupParameters::read(&rig.environment()).unwrap();
    let mut terminal = form(&rig, &card);
    for keys in [DOWN, SPACE, DOWN, SPACE, ESCAPE] {
        terminal.press(keys);
    }
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("cspwizard: cancelled"), "{shown}");
    assert_eq!(SetupParameters::read(&rig.environment()).unwrap(), before);
    let session = Session::open(&rig.environment()).unwrap();
    assert!(session.card_sets().unwrap().records.is_empty() && !card.exists());
}
