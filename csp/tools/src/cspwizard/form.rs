//! The form: one field a step, and the two ways out of it.

use std::io;

use csp::settings::KeyProtection;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph};

use super::plan::{CardSet, Plan};

/// Lets the person at the terminal fill the form in; None when it is cancelled.
pub(super) fn run(plan: Plan) -> io::Result<Option<Plan>> {
    let mut form = Form::new(plan);
    let mut terminal = ratatui::try_init()?;
    let filled = loop {
        if let Err(error) = terminal.draw(|frame| form.draw(frame)) {
            break Err(error);
        }
        match event::read() {
            // Windows tells of keys that are let go, too.
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                match form.press(key.code) {
                    Outcome::Stay => {}
                    Outcome::Done(plan) => break Ok(plan.map(|plan| *plan)),
                }
            }
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    ratatui::try_restore()?;
    filled
}

/// What a key did.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Stay,
    Done(Option<Box<Plan>>),
}

/// The fields, in the order of the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    LoadWorld,
    Protection,
    CreateCardSet,
    CardSetName,
    CardSetModule,
    CardsNeeded,
    CardsMade,
    Persistent,
    PoolMode,
    AlwaysDisplay,
    Offload,
    Register,
    Apply,
    Cancel,
}

const FIELDS: [Field; 14] = [
    Field::LoadWorld,
    Field::Protection,
    Field::CreateCardSet,
    Field::CardSetName,
    Field::CardSetModule,
    Field::CardsNeeded,
    Field::CardsMade,
    Field::Persistent,
    Field::PoolMode,
    Field::AlwaysDisplay,
    Field::Offload,
    Field::Register,
    Field::Apply,
    Field::Cancel,
];

#[derive(Debug)]
struct Form {
    plan: Plan,
    /// The card set as it would be, while none is to be created.
    card_set: CardSet,
    creates_card_set: bool,
    /// Index into [`FIELDS`].
    at: usize,
}

impl Form {
    fn new(plan: Plan) -> Form {
        Form {
            plan,
            card_set: CardSet {
                module: 1,
                name: String::new(),
                needed: 1,
                cards: 1,
                persistent: false,
            },
            creates_card_set: false,
            at: 0,
        }
    }

    fn press(&mut self, key: KeyCode) -> Outcome {
        match key {
            KeyCode::Esc => return Outcome::Done(None),
            KeyCode::Up | KeyCode::BackTab => self.at = self.at.saturating_sub(1),
            KeyCode::Down | KeyCode::Tab => self.at = (self.at + 1).min(FIELDS.len() - 1),
            KeyCode::Enter => match FIELDS[self.at] {
                Field::Apply if self.objection().is_none() => {
                    return Outcome::Done(Some(Box::new(self.filled())));
                }
                Field::Apply => {}
                Field::Cancel => return Outcome::Done(None),
                _ => self.at += 1,
            },
            KeyCode::Left => self.change(-1),
            KeyCode::Right => self.change(1),
            KeyCode::Char(character) if FIELDS[self.at] == Field::CardSetName => {
                self.card_set.name.push(character);
            }
            KeyCode::Backspace if FIELDS[self.at] == Field::CardSetName => {
                self.card_set.name.pop();
            }
            KeyCode::Char(' ') => self.change(1),
            _ => {}
        }
        Outcome::Stay
    }

    /// Changes the field to its next value, or the one before.
    fn change(&mut self, by: i32) {
        let step = |number: u32, min, max| number.saturating_add_signed(by).clamp(min, max);
        let parameters = &mut self.plan.parameters;
        let set = &mut self.card_set;
        match FIELDS[self.at] {
            Field::LoadWorld => {
                let module = step(self.plan.load_world.unwrap_or(0), 0, MODULES);
                self.plan.load_world = (module > 0).then_some(module);
            }
            Field::Protection => {
                parameters.protection = match parameters.protection {
                    KeyProtection::Module => KeyProtection::CardSet,
                    KeyProtection::CardSet => KeyProtection::Module,
                }
            }
            Field::CreateCardSet => self.creates_card_set = !self.creates_card_set,
            Field::CardSetModule => set.module = step(set.module, 1, MODULES),
            Field::CardsNeeded => set.needed = step(set.needed, 1, CARDS),
            Field::CardsMade => set.cards = step(set.cards, 1, CARDS),
            Field::Persistent => set.persistent = !set.persistent,
            Field::PoolMode => parameters.pool_mode = !parameters.pool_mode,
            Field::AlwaysDisplay => parameters.always_display_ui = !parameters.always_display_ui,
            Field::Offload => {
                self.plan.offload = match (self.plan.offload, by) {
                    (None, 1) | (Some(false), -1) => Some(true),
                    (None, _) | (Some(true), 1) => Some(false),
                    (Some(_), _) => None,
                }
            }
            Field::Register => self.plan.register = !self.plan.register,
            Field::CardSetName | Field::Apply | Field::Cancel => {}
        }
    }

    /// Why the form cannot be applied as it is.
    fn objection(&self) -> Option<&'static str> {
        let parameters = &self.plan.parameters;
        if parameters.pool_mode && parameters.protection == KeyProtection::CardSet {
            return Some("HSM Pool mode is for keys protected by the module alone");
        }
        let bad_quorum = self.creates_card_set && self.card_set.request().check_quorum().is_err();
        bad_quorum.then_some("More cards are needed than made")
    }

    fn filled(&self) -> Plan {
        let mut plan = self.plan.clone();
        plan.card_set = self.creates_card_set.then(|| self.card_set.clone());
        plan
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let [body, foot] =
            Layout::vertical([Constraint::Min(0), Constraint::Length(2)]).areas(frame.area());
        let lines = FIELDS.iter().enumerate().map(|(index, field)| {
            let style = match index == self.at {
                true => Style::new().add_modifier(Modifier::REVERSED),
                false => Style::new(),
            };
            Line::styled(self.line(*field), style)
        });
        let block = Block::bordered().title(" nShield CAPI CSP: installation ");
        frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), body);
        let keys = "Up, Down: move   Left, Right, Space: change   Enter: next, apply   Esc: cancel";
        let foot_lines = vec![
            Line::from(self.objection().unwrap_or_default()),
            Line::from(keys),
        ];
        frame.render_widget(Paragraph::new(foot_lines), foot);
    }

    fn line(&self, field: Field) -> String {
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let set = &self.card_set;
        // What belongs to a card set matters only if there is to be one.
        let of_set = |value: String| {
            if self.creates_card_set {
                value
            } else {
                "-".to_owned()
            }
        };
        let (name, value) = match field {
            Field::LoadWorld => (
                "Load the Security World on module",
                self.plan
                    .load_world
                    .map_or("none".to_owned(), |module| module.to_string()),
            ),
            Field::Protection => (
                "Protect new keys by",
                match self.plan.parameters.protection {
                    KeyProtection::Module => "the module".to_owned(),
                    KeyProtection::CardSet => "an Operator Card Set".to_owned(),
                },
            ),
            Field::CreateCardSet => ("Create an Operator Card Set", yes(self.creates_card_set)),
            Field::CardSetName => ("  its name", of_set(format!("`{}'", set.name))),
            Field::CardSetModule => ("  in the reader of module", of_set(set.module.to_string())),
            Field::CardsNeeded => ("  cards needed", of_set(set.needed.to_string())),
            Field::CardsMade => ("  cards made", of_set(set.cards.to_string())),
            Field::Persistent => ("  persistent", of_set(yes(set.persistent))),
            Field::PoolMode => ("HSM Pool mode", yes(self.plan.parameters.pool_mode)),
            Field::AlwaysDisplay => (
                "Always display UI at key generation",
                yes(self.plan.parameters.always_display_ui),
            ),
            Field::Offload => (
                "Modexp offload for the Microsoft CSPs",
                self.plan.offload.map_or("as it is".to_owned(), yes),
            ),
            Field::Register => ("Register the CSP", yes(self.plan.register)),
            Field::Apply => return " [ Apply ]".to_owned(),
            Field::Cancel => return " [ Cancel ]".to_owned(),
        };
        format!(" {name:40} {value}")
    }
}

/// Module numbers that the form offers.
const MODULES: u32 = 64;
/// The most cards of a set.
const CARDS: u32 = 64;

#[cfg(test)]
mod tests {
    use csp::settings::SetupParameters;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn form() -> Form {
        Form::new(Plan::keeping(&SetupParameters::default()))
    }

    fn press(form: &mut Form, keys: &[KeyCode]) -> Outcome {
        let mut outcome = Outcome::Stay;
        for key in keys {
            outcome = form.press(*key);
        }
        outcome
    }

    fn screen(form: &Form) -> String {
        let mut terminal = Terminal::new(TestBackend::new(80, 18)).unwrap();
        terminal.draw(|frame| form.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn every_step_is_a_field() {
        use KeyCode::{Backspace, Char, Down, Enter, Right};

        let mut form = form();
        insta::assert_snapshot!("empty", screen(&form));
        let outcome = press(
            &mut form,
            &[
                Right,
                Right,
                Down,
                Enter,
                Char(' '),
                Down,
                Char('o'),
                Char('p'),
                Char('x'),
                Backspace,
                Enter,
                Right,
                Down,
                Right,
                Down,
                Right,
                Right,
                Down,
                Right,
                Down,
                Right,
                Down,
                Right,
                Down,
                Right,
                Down,
                Right,
                Down,
            ],
        );
        assert_eq!(outcome, Outcome::Stay);
        insta::assert_snapshot!("filled", screen(&form));
        let Outcome::Done(Some(plan)) = form.press(Enter) else {
            panic!("it cannot be applied: {:?}", form.objection());
        };
        let mut expected = Plan::keeping(&SetupParameters::default());
        expected.load_world = Some(2);
        expected.card_set = Some(CardSet {
            module: 2,
            name: "op".to_owned(),
            needed: 2,
            cards: 3,
            persistent: true,
        });
        expected.parameters.pool_mode = true;
        expected.parameters.always_display_ui = true;
        expected.offload = Some(true);
        expected.register = true;
        assert_eq!(*plan, expected);
    }

    #[test]
    fn contradictions_are_not_applied() {
        let mut form = form();
        form.plan.parameters.pool_mode = true;
        form.plan.parameters.protection = KeyProtection::CardSet;
        form.at = FIELDS.iter().position(|it| *it == Field::Apply).unwrap();
        assert_eq!(form.press(KeyCode::Enter), Outcome::Stay);
        insta::assert_snapshot!("contradiction", screen(&form));
        form.plan.parameters.pool_mode = false;
        form.creates_card_set = true;
        form.card_set.needed = 2;
        assert_eq!(form.press(KeyCode::Enter), Outcome::Stay);
        form.card_set.cards = 2;
        assert!(matches!(form.press(KeyCode::Enter), Outcome::Done(Some(_))));
    }

    #[test]
    fn it_can_be_left_at_any_field() {
        for at in 0..FIELDS.len() {
            let mut form = form();
            form.at = at;
            assert_eq!(form.press(KeyCode::Esc), Outcome::Done(None));
        }
        let mut form = form();
        form.at = FIELDS.len() - 1;
        assert_eq!(form.press(KeyCode::Enter), Outcome::Done(None));
    }
}
