//! The default report: the world, its modules and their slots, and what is preloaded.

use nfkm::cards::Known;
use nfkm::kmdata::{Folder, Listed};
use nfkm::{Client, Error, Module, Preload, World, hex, survey};
use serde_json::{Value as Json, json};

use super::{preloaded, slots, world};
use crate::layout;
use crate::slots::Slot;

/// What is reported, as it was when it was looked at.
pub(super) struct Report {
    /// How often it was looked at.
    generation: u32,
    world: Option<World>,
    /// All modules.
    modules: Vec<Module>,
    /// Those that are shown, with their slots.
    shown: Vec<(Module, Vec<Slot>)>,
    known: Known,
    preload: Option<Preload>,
    /// Whether the client of preloaded objects is shown.
    client_id: bool,
    /// What is wrong with files of card sets.
    faults: Vec<Error>,
}

impl Report {
    /// Looks at everything, and at the slots of the modules that `is_shown` takes.
    pub(super) fn take(
        client: &Client,
        folder: &Folder,
        generation: u32,
        is_shown: &dyn Fn(&Module) -> bool,
    ) -> Result<Report, Error> {
        let world = World::read(folder)?;
        let modules = survey(client, folder, world.as_ref())?;
        let sets = match &world {
            Some(world) => folder.card_sets(&world.hknso)?,
            None => Listed::default(),
        };
        let known = Known::new(world.as_ref(), sets.records);
        let mut shown = Vec::new();
        for module in modules.iter().filter(|module| is_shown(module)) {
            shown.push((module.clone(), crate::slots::look(client, module.number)?));
        }
        Ok(Report {
            generation,
            world,
            modules,
            shown,
            known,
            preload: None,
            client_id: false,
            faults: sets.faults,
        })
    }

    /// Adds what is preloaded, and on request its client.
    pub(super) fn with_preload(self, preload: Option<Preload>, client_id: bool) -> Report {
        Report {
            preload,
            client_id,
            ..self
        }
    }

    /// Whether there is a module to show.
    pub(super) fn shows_a_module(&self) -> bool {
        !self.shown.is_empty()
    }

    /// What is wrong with files of modules and card sets.
    pub(super) fn faults(&self) -> impl Iterator<Item = &Error> {
        let modules = self.modules.iter();
        let faults = modules.filter_map(|module| module.fault.as_deref());
        faults.chain(&self.faults)
    }

    /// The report in the vendor's layout.
    pub(super) fn text(&self) -> String {
        let generation = self.generation;
        let rows = world::world_rows(self.world.as_ref(), &self.modules, generation);
        let mut report = world::world_block(&rows);
        for (module, slots) in &self.shown {
            let rows = world::module_rows(module, slots.len(), generation);
            report.push_str(&world::module_block(module.number, &rows));
            for slot in slots {
                let block = slots::slot_block(slot, module.number, generation, &self.known);
                report.push_str(&block);
            }
        }
        report.push_str(&preloaded::section(self.preload.as_ref(), self.client_id));
        report
    }

    /// The same for programs: the fields of the report by their names.
    pub(super) fn json(&self) -> Json {
        let generation = self.generation;
        let rows = world::world_rows(self.world.as_ref(), &self.modules, generation);
        let modules = self.shown.iter().map(|(module, slots)| {
            let rows = world::module_rows(module, slots.len(), generation);
            let mut answer = layout::object(rows);
            let slot = |slot| slots::slot_json(slot, generation, &self.known);
            answer.insert("module".to_owned(), module.number.into());
            answer.insert("slots".to_owned(), slots.iter().map(slot).collect());
            Json::Object(answer)
        });
        let mut answer = json!({
            "world": layout::object(rows),
            "modules": modules.collect::<Vec<_>>(),
            "preloaded": preloaded::json(self.preload.as_ref()),
        });
        if self.client_id {
            let client = self.preload.as_ref().map(|preload| hex(&preload.client));
            answer["preload client id"] = client.into();
        }
        answer
    }
}
