//! HSM Pool mode: several modules of one world as one (PROTOCOL section 4.9; the CAPI guide, section 5).
//!
//! The pool has a module number of its own, the next one when it is made. Its members are the modules that were put into
//! it (ConfigurePoolModule), as long as they are in operation in its world, which is the first member's; they come, fail and
//! return without a word.
//!
//! A key made through the pool is known by how it was made: the command and its random streams. Made again with these on
//! another member it is the same key, so it is there wherever it is needed. A channel cannot be made again: it is on one
//! member, and lost with it (UnitReset to what is in work, UnknownID afterwards, as after a module's reset).
//!
//! A command goes to the member with the fewest jobs; if that one is reset or fails meanwhile, it goes to another. That is
//! safe, since no command that the pool takes changes anything but channels.
//!
//! Our own decisions, since they are unpublished: the number; that an empty list puts every module into the pool; that the
//! flag PoolModule of a command's header sends a command that leaves the choice of a module to the pool; that what a pool
//! does not do is CrossModule, with NoPoolModuleSupport as its reason; what GetPoolInfo tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use ncore::Status;
use ncore::message::{Command, Reply};
use ncore::types::{
    Args, Cmd, ConfigurePoolModuleArgs, ConfigurePoolModuleReply, CrossModReason,
    CrossModReasonInfo, CrossModuleReason, GetPoolInfoArgs, GetPoolInfoReply, PoolInfo,
    PoolInfoReqData, ReplyBody, SetNSOPermsArgs, StatusCrossModuleErrorInfo, StatusInfo,
};

use super::Hardserver;
use super::clients::{Client, Location};
use super::dispatch::{Done, Given, begun, refuse_flags};
use super::modules::Modules;
use super::replies::made_objects;
use super::routing::{Refusal, named_number, visit_keys};
use super::worker::{Answer, Begun};
use crate::job::{self, Job};
use crate::module::WorldIdentity;
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
    /// Its world: that of the first member that it had since it was configured, as long as one of its modules is of it.
    world: Option<WorldIdentity>,
}

/// A member, and its count of resets from before it was found to be one: what it answers under another count says nothing.
#[derive(Clone, Copy, Debug)]
struct Member {
    index: usize,
    epoch: u64,
}

/// An object of the pool: how it was made, and which of the objects that were made so it is.
#[derive(Clone, Debug)]
pub(super) struct PoolObject {
    recipe: Arc<Recipe>,
    which: usize,
}

/// How an object, or both halves of a pair, was made, and where it is. Its copies go with it.
#[derive(Debug)]
struct Recipe {
    /// None for what cannot be made again.
    again: Option<Again>,
    /// The client's ordinal.
    client: u64,
    modules: Arc<Modules>,
    /// What is on each member, or is just being made there.
    copies: Mutex<HashMap<usize, Arc<Mutex<Option<Copy>>>>>,
}

/// A command, for as often as it takes. It does not keep its client: the client keeps it.
#[derive(Debug)]
struct Again {
    command: Command,
    client: job::Client,
    streams: Streams,
}

/// What was made on one member.
#[derive(Clone, Copy, Debug)]
struct Copy {
    ids: [Option<u32>; 2],
    /// The member's count of resets then.
    epoch: u64,
}

/// A command for the pool.
#[derive(Debug)]
pub(super) struct PoolCommand {
    command: Command,
    client: Arc<Client>,
    privileged: bool,
    /// The same for every attempt.
    streams: Streams,
    /// The objects that it uses, in the order of [`visit_keys`].
    objects: Vec<PoolObject>,
    /// Bytes of its message.
    length: usize,
}

/// A command for the pool that a member has.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    command: Arc<PoolCommand>,
    member: Member,
}

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
    /// What is on a member; None where nothing was made yet.
    fn on(&self, index: usize) -> Arc<Mutex<Option<Copy>>> {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(copies.entry(index).or_default())
    }

    /// The only member of what cannot be made again.
    fn bound(&self) -> Option<Member> {
        if self.again.is_some() {
            return None;
        }
        let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies.iter().find_map(|(&index, copy)| {
            let epoch = (*lock(copy))?.epoch;
            Some(Member { index, epoch })
        })
    }
}

impl Drop for Recipe {
    fn drop(&mut self) {
        let copies = self.copies.get_mut();
        for (&index, copy) in copies.unwrap_or_else(PoisonError::into_inner).iter() {
            let slot = &self.modules[index];
            if let Some(copy) = lock(copy).filter(|copy| copy.epoch == slot.epoch()) {
                for id in copy.ids.into_iter().flatten() {
                    slot.unit.forget_object(self.client, id);
                }
            }
        }
    }
}

impl PoolObject {
    /// Its identifier on a member, if it is there now and nobody is just making it.
    fn id_on(&self, member: Member) -> Option<u32> {
        let copy = self.recipe.on(member.index);
        let copy = match copy.try_lock() {
            Ok(copy) => *copy,
            Err(TryLockError::Poisoned(poisoned)) => **poisoned.get_ref(),
            Err(TryLockError::WouldBlock) => None,
        };
        let copy = copy.filter(|copy| copy.epoch == member.epoch)?;
        copy.ids[self.which]
    }
}

impl Attempt {
    /// The command with the identifiers that its objects have on the member, and whether they are all there.
    fn command(&self) -> (Command, bool) {
        let mut command = self.command.command.clone();
        let mut objects = self.command.objects.iter();
        let mut ready = true;
        visit_keys(&mut command, &mut |key| match objects
            .next()
            .and_then(|object| object.id_on(self.member))
        {
            Some(id) => *key = id,
            None => ready = false,
        });
        (command, ready)
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
                let number = |index: usize| self.modules[index].number.to_string();
                members.map(number).collect::<Vec<_>>().join(" ")
            }
            (PoolInfo::ModuleInfo, PoolInfoReqData::ModuleInfo(asked)) => {
                let index = self.modules.index_of(asked.module)?;
                let is_member = members.into_iter().any(|member| member == index);
                let state = self.pool.state();
                if !state.every && !state.modules.contains(&index) {
                    return Err(Status::NotPoolModule);
                }
                match is_member {
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

    /// The pool's number, the numbers of the modules that were put into it, and those of its members. None without a pool.
    pub(crate) fn pool_numbers(&self) -> Option<(u32, Vec<u32>, Vec<u32>)> {
        let number = self.pool.number()?;
        let number_of = |index: usize| self.modules[index].number;
        let members = self.pool_members().map(number_of).collect();
        let state = self.pool.state();
        let modules = self.candidates(&state).map(number_of).collect();
        Some((number, modules, members))
    }

    /// The places in the table of the members now: the modules of the pool that are in operation in its world.
    pub(super) fn pool_members(&self) -> impl Iterator<Item = usize> {
        self.members().into_iter().map(|member| member.index)
    }

    fn members(&self) -> Vec<Member> {
        let mut state = self.pool.state();
        let members = self.members_in_world(&mut state);
        // Those that failed will be back. But if all were erased, or are in another world now, there is nothing to wait for.
        let waits = |world: &WorldIdentity| {
            self.candidates(&state)
                .any(|index| self.modules[index].unit.may_serve(world))
        };
        if !members.is_empty() || state.world.as_ref().is_none_or(waits) {
            return members;
        }
        state.world = None;
        self.members_in_world(&mut state)
    }

    /// The places in the table of the modules that were put into the pool.
    fn candidates<'a>(&'a self, state: &'a State) -> impl Iterator<Item = usize> + 'a {
        (0..self.modules.len()).filter(|index| state.every || state.modules.contains(index))
    }

    /// The members; the first of them settles the world if that is open.
    fn members_in_world(&self, state: &mut State) -> Vec<Member> {
        let candidates: Vec<usize> = self.candidates(state).collect();
        let world = &mut state.world;
        let mut members = Vec::new();
        for index in candidates {
            let epoch = self.modules[index].epoch();
            let module = &self.modules[index].unit;
            let serves = match world {
                Some(world) => module.serves(world),
                None => {
                    *world = module.world();
                    world.is_some()
                }
            };
            if serves {
                members.push(Member { index, epoch });
            }
        }
        members
    }

    /// Takes a command that is for the pool: one that names its number or uses an object of it, or one with the flag
    /// PoolModule that leaves the choice. None for any other. CrossModule for what a pool does not do, NotPoolModule for the
    /// flag on a command for a module.
    pub(super) fn for_pool(
        &self,
        command: &mut Command,
        client: &Arc<Client>,
        privileged: bool,
        flagged: bool,
        length: usize,
    ) -> Result<Option<PoolCommand>, Refusal> {
        let Some(number) = self.pool.number() else {
            return Ok(None);
        };
        let named = named_number(&command.args);
        let elsewhere = named.is_some_and(|named| named != number && named != 0);
        if flagged && elsewhere {
            return Err(Status::NotPoolModule.into());
        }
        let mut objects = Vec::new();
        let mut others = false;
        visit_keys(command, &mut |&mut key| match client.locate(key) {
            Ok(Location::Pool(object)) => objects.push(object),
            _ => others = true,
        });
        if named != Some(number) && objects.is_empty() && !flagged {
            return Ok(None);
        }
        if others || elsewhere || !supports(&command.args) {
            return Err(no_pool_support());
        }
        Ok(Some(PoolCommand {
            streams: Streams::new(&self.seed, number, client.ordinal(), client.next_command()),
            command: command.clone(),
            client: Arc::clone(client),
            privileged,
            objects,
            length,
        }))
    }

    /// Gives a command for the pool to a member. StrictFIPS140 for making keys in a world of FIPS 140 level 3,
    /// HardwareFailed if no member is left, UnknownID if the object that it uses was lost with one.
    pub(super) fn attempt(
        self: &Arc<Self>,
        command: Arc<PoolCommand>,
        answer: &mut Answer,
    ) -> Result<Done, Refusal> {
        let member = self.choose_member(&command)?;
        let attempt = Attempt { command, member };
        let (command, ready) = attempt.command();
        let PoolCommand {
            client,
            privileged,
            streams,
            length,
            ..
        } = &*attempt.command;
        answer.attempt = Some(attempt.clone());
        let server = Arc::clone(self);
        let given = Given {
            command,
            number: self.modules[member.index].number,
            client: client.identity(*privileged),
            streams: streams.clone(),
            length: *length,
            before: match ready {
                true => None,
                false => Some(Box::new(move |command| server.make(&attempt, command))),
            },
        };
        self.give(given, member.index, answer)
    }

    fn choose_member(&self, pool: &PoolCommand) -> Result<Member, Refusal> {
        let members = self.members();
        let first = members.first().ok_or(Status::HardwareFailed)?;
        let modes = self.modules[first.index].unit.officer_modes();
        let strict = modes & SetNSOPermsArgs::FIPS_LEVEL3_ENFORCEDV2 != 0;
        if strict && makes_keys(pool.command.cmd()) {
            return Err(Status::StrictFIPS140.into());
        }
        if let Some(bound) = pool.objects.iter().find_map(|it| it.recipe.bound()) {
            let mut members = members.into_iter();
            let there = |it: &Member| it.index == bound.index && it.epoch == bound.epoch;
            return members.find(there).ok_or_else(|| Status::UnknownID.into());
        }
        let places = members.iter().map(|member| member.index).collect();
        let chosen = self.modules.least_loaded(&pool.client, places);
        let chosen = members.iter().find(|member| member.index == chosen);
        Ok(*chosen.unwrap_or(first))
    }

    /// What becomes of a reply: the client has it, with what it made kept in mind, unless the member was reset and the
    /// command goes to another.
    pub(super) fn after_attempt(self: &Arc<Self>, mut answer: Answer, mut reply: Reply) -> Begun {
        while let Some(Attempt { command, member }) = answer.attempt.clone() {
            let slot = &self.modules[member.index];
            if reply.status == Status::OK {
                if let Err(status) = self.admit_made(&command, member, &reply.body) {
                    reply = Reply::error(reply.tag, status);
                }
                break;
            }
            if slot.epoch() == member.epoch {
                break;
            }
            if command.objects.iter().any(|it| it.recipe.again.is_none()) {
                reply = Reply::error(reply.tag, Status::UnitReset);
                break;
            }
            tracing::debug!(module = slot.number, cmd = %answer.header.cmd, "goes to another member");
            match self.attempt(command, &mut answer) {
                Ok(Done::Reply(another)) => reply = another,
                done => return begun(answer, done),
            }
        }
        Begun::Answered(answer, reply)
    }

    /// Refuses keys whose uses or time are limited: each member would count by itself (the CAPI guide, section 9, on
    /// counters).
    fn admit_made(
        &self,
        pool: &PoolCommand,
        member: Member,
        body: &ReplyBody,
    ) -> Result<(), Status> {
        let made = made_objects(body);
        let module = &self.modules[member.index].unit;
        let client = pool.client.ordinal();
        if made.iter().flatten().any(|&id| module.limits(client, id)) {
            for id in made.into_iter().flatten() {
                module.forget_object(client, id);
            }
            return Err(Status::UseLimitsUnavailable);
        }
        Ok(())
    }

    /// Keeps in mind how something was made. The first copy's identifiers are those that the client knows.
    pub(super) fn adopt(&self, attempt: &Attempt, body: &ReplyBody) {
        let Attempt { command, member } = attempt;
        let ids = made_objects(body);
        if ids == [None, None] {
            return;
        }
        let epoch = member.epoch;
        let again = || Again {
            command: command.command.clone(),
            client: command.client.identity(command.privileged),
            streams: command.streams.clone(),
        };
        let copy = Arc::new(Mutex::new(Some(Copy { ids, epoch })));
        let recipe = Arc::new(Recipe {
            again: (command.command.cmd() != Cmd::ChannelOpen).then(again),
            client: command.client.ordinal(),
            modules: Arc::clone(&self.modules),
            copies: Mutex::new(HashMap::from([(member.index, copy)])),
        });
        for (which, id) in ids.into_iter().enumerate() {
            if let Some(id) = id {
                let recipe = Arc::clone(&recipe);
                let object = PoolObject { recipe, which };
                command.client.remember(id, Location::Pool(object));
            }
        }
    }

    /// Makes the objects of a command on a member where they are not there yet, and puts their identifiers into it.
    fn make(&self, attempt: &Attempt, command: &mut Command) -> Result<(), Status> {
        let Attempt {
            command: pool,
            member,
        } = attempt;
        let mut ids = Vec::with_capacity(pool.objects.len());
        for object in &pool.objects {
            let copy = self.copy_on(*member, &object.recipe)?;
            ids.push(copy.ids[object.which].ok_or(Status::UnknownID)?);
        }
        // Once more from the start: some identifiers have been put in already.
        *command = pool.command.clone();
        let mut ids = ids.into_iter();
        visit_keys(command, &mut |key| *key = ids.next().unwrap_or(*key));
        Ok(())
    }

    /// The object of a recipe on one member, made again if it is not there.
    fn copy_on(&self, member: Member, recipe: &Recipe) -> Result<Copy, Status> {
        let place = recipe.on(member.index);
        // Whoever needs the same object on the same member waits for it: making it twice would waste more.
        let mut place = lock(&place);
        if let Some(copy) = place.filter(|copy| copy.epoch == member.epoch) {
            return Ok(copy);
        }
        let again = recipe.again.as_ref().ok_or(Status::UnknownID)?;
        let job = Job {
            command: again.command.clone(),
            number: self.modules[member.index].number,
            client: again.client.clone(),
            now: self.now(),
            streams: again.streams.clone(),
        };
        let reply = self.modules[member.index].unit.carry_out(job);
        if reply.status != Status::OK {
            return Err(reply.status);
        }
        let copy = Copy {
            ids: made_objects(&reply.body),
            epoch: member.epoch,
        };
        *place = Some(copy);
        Ok(copy)
    }
}

/// What a pool does: nothing with slots, tokens, areas, tickets or modes, and nothing that would change one copy of an
/// object only.
fn supports(args: &Args) -> bool {
    match args {
        // Blobs under tokens and cards need them.
        Args::LoadBlob(args) => args.idkb.is_none() && args.file.is_none(),
        Args::MakeBlob(args) => args.file.is_none(),
        _ => matches!(
            args.cmd(),
            Cmd::NoOp
                | Cmd::GetKMList
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
                | Cmd::ChannelOpen
                | Cmd::ChannelUpdate
                | Cmd::Hash
                | Cmd::GenerateRandom
                | Cmd::GeneratePrime
                | Cmd::ModExp
                | Cmd::ModExpCrt
                | Cmd::RSAImmedSignDecrypt
                | Cmd::RSAImmedVerifyEncrypt
        ),
    }
}

fn makes_keys(cmd: Cmd) -> bool {
    matches!(cmd, Cmd::Import | Cmd::GenerateKey | Cmd::GenerateKeyPair)
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

fn lock(copy: &Mutex<Option<Copy>>) -> MutexGuard<'_, Option<Copy>> {
    copy.lock().unwrap_or_else(PoisonError::into_inner)
}
