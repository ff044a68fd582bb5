//! `softshield card`: the box of cards and the readers.

use std::io::Write as _;

use anyhow::Result;
use clap::{Args, Subcommand};
use simulator::Options;
use simulator::control::api;

use super::client;

/// Makes cards, puts them into readers and takes them out.
#[derive(Debug, Args)]
pub(crate) struct Card {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the cards and where they are.
    List,
    /// Makes a blank card.
    Create {
        /// Its name
        name: String,
    },
    /// Puts a card into a reader: one that was made here, or a card file of the utilities (admin-1, operator-1).
    Insert {
        /// Its name
        name: String,
        #[command(flatten)]
        reader: Reader,
    },
    /// Takes the card out of a reader.
    Remove {
        #[command(flatten)]
        reader: Reader,
    },
}

#[derive(Debug, Args)]
struct Reader {
    /// The module's number
    #[arg(short, long, value_name = "MODULE", default_value_t = 1)]
    module: u32,
    /// The slot's number
    #[arg(short, long, value_name = "SLOT", default_value_t = 0)]
    slot: u32,
}

impl Reader {
    fn path(&self) -> String {
        format!("/modules/{}/slots/{}/card", self.module, self.slot)
    }
}

impl Card {
    pub(crate) fn run(self, options: &Options) -> Result<()> {
        let client = client(options)?;
        let mut out = std::io::stdout().lock();
        match self.action {
            Action::List => {
                let cards: Vec<api::Card> = client.get("/cards")?;
                for api::Card { name, inserted } in cards {
                    match inserted {
                        Some(api::Place { module, slot }) => {
                            writeln!(out, "{name}  in slot {slot} of module {module}")?;
                        }
                        None => writeln!(out, "{name}")?,
                    }
                }
            }
            Action::Create { name } => {
                let _: Vec<api::Card> = client.post("/cards", &api::CardName { name })?;
            }
            Action::Insert { name, reader } => {
                let _: api::Module = client.put(&reader.path(), &api::CardName { name })?;
            }
            Action::Remove { reader } => {
                let name: Option<String> = client.delete(&reader.path())?;
                if let Some(name) = name {
                    writeln!(out, "{name}")?;
                }
            }
        }
        Ok(())
    }
}
