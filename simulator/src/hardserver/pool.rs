//! HSM Pool mode: several modules of one world as one (PROTOCOL section 4.9; the CAPI guide, section 5).
//!
//! The pool has a module number of its own, the next one when it is made. Its members are the modules that were put into
//! it (ConfigurePoolModule), as long as they are in operation in its world, which is the first member's; they come, fail and return without a word. An
//! object made through the pool is known by how it was made: the command and its random streams. Made again with these on
//! another member it is the same object, so it is there wherever it is needed. A command goes to the member with the fewest
//! jobs; if that one is reset or fails meanwhile, it goes to another. That is safe, since no command that the pool takes
//! changes anything that is kept.
//!
//! Our own decisions, since they are unpublished: the number; that an empty list puts every module into the pool; that what a
//! pool does not do is CrossModule, with NoPoolModuleSupport as its reason; what GetPoolInfo tells.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ncore::Status;
use ncore::message::{Command, Reply};
use ncore::types::{
    Args, Cmd, ConfigurePoolModuleArgs, ConfigurePoolModuleReply, CrossModReason,
    CrossModReasonInfo, CrossModuleReason, GetPoolInfoArgs, GetPoolInfoReply, PoolInfo,
    PoolInfoReqData, ReplyBody, SetNSOPermsArgs, StatusCrossModuleErrorInfo, StatusInfo,
};

use super::Hardserver;
use super::clients::{Client, Location};
use super::dispatch::refuse_flags;
use super::modules::Slot;
use super::routing::{Refusal, named_number, visit_keys};
use crate::job::Job;
use crate::module::{KeyHash, Module};
use crate::seed::Streams;

/// The pool of a hardserver.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// Its module number, from when it is made.
    number: OnceLock<u32>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether every module is in it, those that come later included.
    every: bool,
    /// Places in the table of the modules that were put into it by number.
    modules: Vec<usize>,
    /// hknso of its world, from the first member that it had since it was configured.
    world: Option<KeyHash>,
}

/// How an object of the pool was made, and where it was made again.
#[derive(Debug)]
pub(super) struct Recipe {
    command: Command,
    streams: Streams,
    privileged: bool,
    copies: Mutex<HashMap<usize, Copy>>,
}

/// An object, or both halves of a pair, on one member.
#[derive(Clone, Copy, Debug)]
struct Copy {
    ids: [u32; 2],
    /// The module's count of resets then.
    epoch: u64,
}

/// An object of the pool: a recipe, and which of the objects it makes.
#[derive(Clone, Debug)]
pub(super) struct PoolObject {
    recipe: Arc<Recipe>,
    which: usize,
}

/// A command for the pool.
#[derive(Debug)]
pub(super) struct PoolCommand {
    command: Command,
    client: Arc<Client>,
    privileged: bool,
    streams: Streams,
    /// The objects that it uses, in the order of [`visit_keys`].
    objects: Vec<PoolObject>,
}

/// Attempts at one command. Each member may be reset while it tries, and come back.
const MAX_ATTEMPTS: usize = 64;

impl Pool {
    /// Its module number, if there is a pool.
    pub(super) fn number(&self) -> Option<u32> {
        self.number.get().copied()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recipe {
    fn copies(&self) -> MutexGuard<'_, HashMap<usize, Copy>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hardserver {
    /// ConfigurePoolModule: puts modules into the pool; if the list is empty, every module, those that come later included.
    /// InvalidModule for a number that is no module's, NotAvailable if there is no number left for the pool.
    pub(super) fn configure_pool(
        &self,
        args: &ConfigurePoolModuleArgs,
    ) -> Result<ConfigurePoolModuleReply, Status> {
        refuse_flags(args.flags)?;
        let added = args.addmodules.iter();
        let added = added.map(|&number| self.modules.index_of(number));
        let added = added.collect::<Result<Vec<_>, _>>()?;
        let mut state = self.pool.state();
        if self.pool.number().is_none() {
            let number = self.modules.numbers().take();
            let number = number.ok_or(Status::NotAvailable)?;
            self.pool.number.get_or_init(|| number);
        }
        state.every |= added.is_empty();
        state.modules.extend(added);
        state.modules.sort_unstable();
        state.modules.dedup();
        state.world = None;
        Ok(ConfigurePoolModuleReply { flags: 0 })
    }

    /// GetPoolInfo, as text: the numbers of the members (StoreInfo), or whether a module of the pool is one (ModuleInfo).
    /// NotPoolModule without a pool, and for a module that was not put into it.
    pub(super) fn pool_info(&self, args: &GetPoolInfoArgs) -> Result<GetPoolInfoReply, Status> {
        refuse_flags(args.flags)?;
        self.pool.number().ok_or(Status::NotPoolModule)?;
        let members = self.pool_members();
        let info = match (args.type_, &args.req) {
            (PoolInfo::StoreInfo, _) => {
                let number = |index: &usize| self.modules[*index].number.to_string();
                members.iter().map(number).collect::<Vec<_>>().join(" ")
            }
            (PoolInfo::ModuleInfo, PoolInfoReqData::ModuleInfo(asked)) => {
                let index = self.modules.index_of(asked.module)?;
                let state = self.pool.state();
                if !state.every && !state.modules.contains(&index) {
                    return Err(Status::NotPoolModule);
                }
                match members.contains(&index) {
                    true => "member".to_owned(),
                    false => "absent".to_owned(),
                }
            }
            (PoolInfo::ClientInfo | PoolInfo::KeyInfo, _) => {
                return Err(Status::NotYetImplemented);
            }
            _ => return Err(Status::UnknownParameter),
        };
        Ok(GetPoolInfoReply {
            flags: 0,
            info: info.into_bytes(),
        })
    }

    /// The members now: the modules of the pool that are in operation in its world.
    pub(super) fn pool_members(&self) -> Vec<usize> {
        let mut state = self.pool.state();
        let State {
            every,
            modules,
            world,
        } = &mut *state;
        let candidates = (0..self.modules.len()).filter(|index| *every || modules.contains(index));
        let mut members = Vec::new();
        for index in candidates {
            if let Some(hknso) = self.modules[index].module.world()
                && *world.get_or_insert(hknso) == hknso
            {
                members.push(index);
            }
        }
        members
    }

    /// Takes a command that is for the pool: one that names its number or an object of it. None for any other. CrossModule
    /// for what a pool does not do, StrictFIPS140 for making keys in a world of FIPS 140 level 3, HardwareFailed if no
    /// member is left.
    ///
    /// With it comes the member that it goes to first.
    pub(super) fn for_pool(
        &self,
        command: &mut Command,
        client: &Arc<Client>,
        privileged: bool,
    ) -> Result<Option<(usize, PoolCommand)>, Refusal> {
        let Some(number) = self.pool.number() else {
            return Ok(None);
        };
        let named = named_number(&command.args);
        let mut keys = Vec::new();
        visit_keys(command, &mut |key| keys.push(*key));
        let mut objects = Vec::with_capacity(keys.len());
        let mut others = false;
        for &key in &keys {
            match client.locate(key) {
                Ok(Location::Pool(object)) => objects.push(object),
                _ => others = true,
            }
        }
        if named != Some(number) && objects.is_empty() {
            return Ok(None);
        }
        let elsewhere = named.is_some_and(|named| named != number && named != 0);
        if others || elsewhere || !supports(&command.args) {
            return Err(no_pool_support());
        }
        client.check_owner()?;
        let members = self.pool_members();
        if self.is_strict(&members) && makes_keys(command.args.cmd()) {
            return Err(Status::StrictFIPS140.into());
        }
        if members.is_empty() {
            return Err(Status::HardwareFailed.into());
        }
        let first = self.modules.least_loaded(client, members);
        let streams = Streams::new(
            self.seed.clone(),
            number,
            client.ordinal(),
            client.next_command(),
        );
        let taken = PoolCommand {
            command: command.clone(),
            client: Arc::clone(client),
            privileged,
            streams,
            objects,
        };
        Ok(Some((first, taken)))
    }

    fn is_strict(&self, members: &[usize]) -> bool {
        let strict = |index: &usize| {
            let modes = self.modules[*index].module.description().officer_modes;
            modes & SetNSOPermsArgs::FIPS_LEVEL3_ENFORCEDV2 != 0
        };
        members.first().is_some_and(strict)
    }

    /// Carries out a command on the pool, on this thread.
    pub(super) fn run_on_pool(&self, first: usize, pool: PoolCommand) -> Reply {
        let tag = pool.command.tag;
        let mut index = first;
        let mut status = Status::HardwareFailed;
        for _ in 0..MAX_ATTEMPTS {
            match self.attempt(index, &pool) {
                Ok(reply) => return reply,
                Err(lost) => status = lost,
            }
            let mut others = self.pool_members();
            // The one that was just lost is the last to be asked again.
            if others.len() > 1 {
                others.retain(|&other| other != index);
            }
            if others.is_empty() {
                break;
            }
            index = self.modules.least_loaded(&pool.client, others);
        }
        Reply::error(tag, status)
    }

    /// One attempt on one member. An error is a reset or failure, after which another may be asked.
    fn attempt(&self, index: usize, pool: &PoolCommand) -> Result<Reply, Status> {
        let tag = pool.command.tag;
        let slot = &self.modules[index];
        let mut members = Vec::with_capacity(pool.objects.len());
        for object in &pool.objects {
            match self.copy_on(index, &pool.client, &object.recipe) {
                Ok(copy) => members.push(copy.ids[object.which]),
                Err(status) if is_lost(status) => return Err(status),
                Err(status) => return Ok(Reply::error(tag, status)),
            }
        }
        let mut command = pool.command.clone();
        let mut next = members.into_iter();
        visit_keys(&mut command, &mut |key| *key = next.next().unwrap_or(*key));
        let epoch = slot.epoch();
        let reply = self.run(slot, &pool.client, pool.privileged, &pool.streams, command);
        // A copy that is not there any more went with a reset.
        let reset = slot.epoch() != epoch || slot.module.world().is_none();
        if is_lost(reply.status) || reset && reply.status != Status::OK {
            return Err(match reply.status {
                status if is_lost(status) => status,
                _ => Status::UnitReset,
            });
        }
        if reply.status == Status::OK && makes_objects(reply.cmd) {
            return Ok(self.adopt(index, epoch, pool, reply));
        }
        Ok(reply)
    }

    /// The object of a recipe on one member, made again if it is not there.
    fn copy_on(&self, index: usize, client: &Client, recipe: &Recipe) -> Result<Copy, Status> {
        let slot = &self.modules[index];
        let epoch = slot.epoch();
        // Whoever needs the same object on any member waits for it: making it twice would waste more.
        let mut copies = recipe.copies();
        if let Some(copy) = copies.get(&index).filter(|copy| copy.epoch == epoch) {
            return Ok(*copy);
        }
        let command = recipe.command.clone();
        let reply = self.run(slot, client, recipe.privileged, &recipe.streams, command);
        if reply.status != Status::OK {
            return Err(reply.status);
        }
        let ids = ids(&reply.body);
        let copy = Copy { ids, epoch };
        copies.insert(index, copy);
        Ok(copy)
    }

    /// Makes what a command made on one member an object of the pool.
    fn adopt(&self, index: usize, epoch: u64, pool: &PoolCommand, mut reply: Reply) -> Reply {
        let made = ids(&reply.body);
        let client = &pool.client;
        // The guide, section 9: keys with counters are not for pools, since the area is on one module.
        let ordinal = client.ordinal();
        if made
            .iter()
            .any(|&id| self.modules[index].module.counts_uses(ordinal, id))
        {
            return Reply::error(reply.tag, Status::UseLimitsUnavailable);
        }
        let recipe = Arc::new(Recipe {
            command: pool.command.clone(),
            streams: pool.streams.clone(),
            privileged: pool.privileged,
            copies: Mutex::new(HashMap::from([(index, Copy { ids: made, epoch })])),
        });
        let mut which = 0;
        visit_made(&mut reply.body, &mut |id| {
            *id = client.allocate();
            let recipe = Arc::clone(&recipe);
            client.remember(*id, Location::Pool(PoolObject { recipe, which }));
            which += 1;
        });
        reply
    }

    /// Forgets an object of the pool. Its copies go with the last half of it.
    pub(super) fn forget_pool_object(&self, client: &Client, id: u32, object: PoolObject) {
        client.forget(id);
        let PoolObject { recipe, .. } = object;
        if Arc::strong_count(&recipe) > 1 {
            return;
        }
        for (&index, copy) in recipe.copies().iter() {
            let slot = &self.modules[index];
            for key in copy.ids.into_iter().filter(|&id| id != 0) {
                if slot.epoch() == copy.epoch {
                    slot.module.forget_object(client.ordinal(), key);
                }
            }
        }
    }

    fn run(
        &self,
        slot: &Slot,
        client: &Client,
        privileged: bool,
        streams: &Streams,
        command: Command,
    ) -> Reply {
        slot.started.fetch_add(1, Ordering::Relaxed);
        let job = Job {
            command,
            client: client.identity(privileged),
            now: self.now(),
            streams: streams.clone(),
        };
        Module::begin(&slot.module, job).finish()
    }
}

fn is_lost(status: Status) -> bool {
    matches!(
        status,
        Status::UnitReset | Status::HardwareFailed | Status::InvalidState
    )
}

/// What a pool does: nothing with slots, tokens, areas, channels, tickets or modes, and nothing that would change one copy
/// of an object only.
fn supports(args: &Args) -> bool {
    match args {
        // Blobs under tokens and cards need them.
        Args::LoadBlob(args) => args.idkb.is_none() && args.file.is_none(),
        Args::MakeBlob(args) => args.file.is_none(),
        _ => matches!(
            args.cmd(),
            Cmd::NoOp
                | Cmd::Import
                | Cmd::GenerateKey
                | Cmd::GenerateKeyPair
                | Cmd::Export
                | Cmd::GetKeyInfo
                | Cmd::GetKeyInfoEx
                | Cmd::GetACL
                | Cmd::GetAppData
                | Cmd::Sign
                | Cmd::Verify
                | Cmd::Encrypt
                | Cmd::Decrypt
                | Cmd::CheckUserAction
        ),
    }
}

fn makes_keys(cmd: Cmd) -> bool {
    matches!(cmd, Cmd::Import | Cmd::GenerateKey | Cmd::GenerateKeyPair)
}

fn makes_objects(cmd: Cmd) -> bool {
    makes_keys(cmd) || cmd == Cmd::LoadBlob
}

/// The identifiers of the objects that a command made.
fn ids(body: &ReplyBody) -> [u32; 2] {
    let mut ids = [0; 2];
    let mut place = ids.iter_mut();
    let mut body = body.clone();
    visit_made(&mut body, &mut |id| {
        if let Some(place) = place.next() {
            *place = *id;
        }
    });
    ids
}

fn visit_made(body: &mut ReplyBody, visit: &mut dyn FnMut(&mut u32)) {
    match body {
        ReplyBody::LoadBlob(reply) => visit(&mut reply.idka),
        ReplyBody::Import(reply) => visit(&mut reply.key),
        ReplyBody::GenerateKey(reply) => visit(&mut reply.key),
        ReplyBody::GenerateKeyPair(reply) => {
            visit(&mut reply.keypriv);
            visit(&mut reply.keypub);
        }
        _ => {}
    }
}

fn no_pool_support() -> Refusal {
    let reasons = vec![CrossModuleReason {
        type_: CrossModReason::NoPoolModuleSupport,
        info: CrossModReasonInfo::Empty,
    }];
    Refusal {
        status: Status::CrossModule,
        info: StatusInfo::CrossModule(StatusCrossModuleErrorInfo { reasons }),
    }
}
