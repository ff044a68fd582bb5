//! What the provider asks at a terminal, and what it takes for an answer.
#![cfg(unix)]

mod common;

use common::Rig;
use common::terminal::{END_OF_INPUT, Terminal};

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
